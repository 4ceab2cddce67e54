package azure

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

// language is a handler with a shim: it says the word of its environment and what it was asked.
type language struct {
	needs   string
	runtime manifest.Runtime
	style   manifest.Style
	handler string
	files   map[string]string
	block   string // of the provider
}

func languages() map[string]language {
	wsgi := map[string]string{"function_app.py": `import os

def app(environ, start_response):
    start_response("200 OK", [("x-a", "b")])
    return [(os.environ["WORD"] + " " + environ["PATH_INFO"]).encode()]

def on_event(event, ctx):
    pass
`}
	return map[string]language{
		"Node": {"node", "nodejs24", manifest.StyleFetch, "app.mjs", map[string]string{"app.mjs": `export default {
	fetch(request) { return new Response(process.env.WORD + " " + new URL(request.url).pathname, {headers: {"x-a": "b"}}); },
	event(event) {},
};`}, ""},
		"an app of Azure's in Node": {"node", "nodejs24", manifest.StyleAzure, "app.mjs", map[string]string{"host.json": `{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}`, "app.mjs": `import { app } from "@azure/functions";

app.http("pages", {
	authLevel: process.env.LEVEL, route: "{*path}",
	handler: async (request) => ({body: process.env.WORD + " " + new URL(request.url).pathname, headers: {"x-a": "b"}}),
});
`}, ""},
		"an app of Azure's in Python": {"python3", "python3.13", manifest.StyleAzure, "function_app:app", map[string]string{"host.json": `{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}`, "function_app.py": `import os
import azure.functions as func

app = func.FunctionApp()

@app.route(route="{*path}", auth_level=getattr(func.AuthLevel, os.environ["LEVEL"].upper()))
def pages(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ["WORD"] + " /" + req.route_params["path"], headers={"x-a": "b"})
`}, ""},
		"Python":                     {"python3", "python3.13", manifest.StyleWSGI, "function_app:app", wsgi, ""},
		"Python as a custom handler": {"python3", "python3.13", manifest.StyleWSGI, "function_app:app", wsgi, `{"custom_handler": true}`},
		"Go": {"go", "go", manifest.StyleGo, ".", map[string]string{"go.mod": "module example.com/app\n\ngo 1.22\n", "app.go": `package app

import (
	"fmt"
	"net/http"
	"os"
)

var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-A", "b")
	fmt.Fprint(w, os.Getenv("WORD"), " ", r.URL.Path)
})
`}, ""},
	}
}

func TestAHandlerOfEachLanguageServesByItsShim(t *testing.T) {
	for name, of := range languages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(of.needs); err != nil {
				t.Skip("needs " + of.needs)
			}
			for _, auth := range []string{"public", "private"} {
				c := azuretest.Start(t)
				c.Polls(0)
				a := adapterOf(t, c)
				fn := providertest.Function("api", "it's")
				fn.Runtime, fn.Style, fn.Handler, fn.Memory = of.runtime, of.style, of.handler, 512*manifest.MB
				fn.Events[0].HTTP.Auth, fn.Env["LEVEL"] = auth, map[string]string{"public": "anonymous", "private": "function"}[auth]
				if of.block != "" {
					fn.Config = new(manifest.Node)
					if err := json.Unmarshal([]byte(of.block), fn.Config); err != nil {
						t.Fatal(err)
					}
				}
				spec := providertest.Package(t, a, fn, of.files)
				st := goLive(t, a, spec)
				status, body := requested(t, c, st.URL+"/a/b", nil)
				if auth == "private" && status != http.StatusUnauthorized {
					t.Errorf("a stranger gets %d from a private function", status)
				}
				if auth == "public" && (status != http.StatusOK || body != "it's /a/b") {
					t.Errorf("%d %q", status, body)
				}
				res, err := a.Invoke(t.Context(), "api", providers.Request{Method: "GET", Path: "/a/b"})
				if err != nil || res.Status != http.StatusOK || string(res.Body) != "it's /a/b" || http.Header(res.Header).Get("X-A") != "b" {
					t.Errorf("invoke: %v %+v %q", err, res, res.Body)
				}
				_, said := requested(t, c, st.URL+"/.ferry/probe", nil)
				if strings.Contains(said, spec.Digest) {
					t.Error("a stranger is told which revision it is")
				}
			}
		})
	}
}

// goLive publishes a spec and makes it serve.
func goLive(t testing.TB, a *Adapter, spec providers.Spec) providers.State {
	t.Helper()
	ctx := until.Hasten(t.Context(), haste)
	r, err := a.Publish(ctx, spec, 0)
	if err != nil {
		t.Fatal(err)
	}
	from, err := a.Status(ctx, spec.Function.Name)
	if err != nil {
		t.Fatal(err)
	}
	st, err := a.Activate(ctx, providers.Change{Spec: spec, From: from, To: &r})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// requested asks an address as the world does.
func requested(t testing.TB, c *azuretest.Cloud, address string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := c.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

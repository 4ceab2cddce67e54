package examples_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

const redirecting = `service: shop
functions:
  site:   {source: site, runtime: python3.13, handler: "mysite.wsgi:application", style: wsgi, events: [http: {}]}
  albums: {source: albums, runtime: go, handler: ., events: [http: {}]}
  shop:   {source: login, runtime: python3.13, handler: "app:app", style: wsgi, env: {KEY: one}, events: [http: {}]}
  team:   {source: login, runtime: python3.13, handler: "app:app", style: wsgi, env: {KEY: two}, events: [http: {}]}
`

const login = `import os

from flask import Flask, redirect, request, session, url_for

app = Flask(__name__)
app.secret_key = os.environ["KEY"]


@app.get("/")
def home():
    return f"hello {session['user']}" if "user" in session else redirect(url_for("form"))


@app.get("/login")
def form():
    return "<form method=post action=/login>"


@app.post("/login")
def enter():
    session["user"] = request.form["user"]
    return redirect("/")
`

// visitor follows redirects and keeps cookies as a browser does: by name, whatever the port.
func visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address) // every name below localhost is this machine
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

// TestRedirectsOfFrameworksLeadToWhereTheyMean follows those of Django, Flask and gin from each address of a function.
func TestRedirectsOfFrameworksLeadToWhereTheyMean(t *testing.T) {
	packagertest.Registries(t, "python3")
	d := redirects(t)
	for _, address := range []string{d.urls["site"] + "/admin", d.named("site") + "/admin"} {
		b := visitor(t)
		page, at := d.visit(b.Get(address))
		if !strings.Contains(page, "csrfmiddlewaretoken") || at.Path != "/admin/login/" {
			t.Errorf("%s led to %s: %.200s", address, at, page)
		}
		style := at.ResolveReference(&url.URL{Path: "/static/admin/css/base.css"}).String()
		if css, _ := d.visit(b.Get(style)); !strings.Contains(css, "{") {
			t.Errorf("%s is %.80s", style, css)
		}
	}
	for _, address := range []string{d.urls["albums"], d.prefix("albums")} {
		if page, at := d.visit(visitor(t).Get(address + "/v1/albums/1/")); !strings.HasSuffix(at.Path, "/v1/albums/1") || strings.Contains(page, "404") {
			t.Errorf("%s led to %s: %.200s", address, at, page)
		}
	}
	if page, at := d.visit(visitor(t).Get(d.prefix("shop") + "/")); at.Path != "/shop/login" || !strings.Contains(page, "<form") {
		t.Errorf("under the prefix Flask led to %s: %.200s", at, page)
	}
	b := visitor(t)
	for _, function := range []string{"shop", "team", "shop"} { // the second cookie does not end the first session
		page, at := d.visit(b.Get(d.named(function) + "/"))
		if at.Path == "/login" {
			page, _ = d.visit(b.PostForm(at.String(), url.Values{"user": {"ada of " + function}}))
		}
		if want := "hello ada of " + function; page != want {
			t.Errorf("at %s: got %.200s, want %s", function, page, want)
		}
	}
	t.Run("in a real browser", func(t *testing.T) { inARealBrowser(t, d) })
}

// redirects deploys programs whose frameworks redirect.
func redirects(t *testing.T) *deployed {
	t.Helper()
	d := &deployed{T: t, dir: t.TempDir(), home: t.TempDir(), urls: map[string]string{}}
	for folder, from := range map[string]string{"site": "django-admin", "albums": "go-gin"} {
		if err := os.CopyFS(filepath.Join(d.dir, folder), os.DirFS(filepath.Join("corpus", "testdata", from))); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"ferry.yaml": redirecting, "login/app.py": login, "login/requirements.txt": "flask==3.1.2\n"} {
		path := filepath.Join(d.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { d.command(binary, "local", "stop") })
	d.ferry("deploy")
	return d
}

// named is a function at the name that `ferry open` shows.
func (d *deployed) named(function string) string {
	return strings.Replace(d.urls[function], "127.0.0.1", function+".localhost", 1)
}

// prefix is a function below the service's own port.
func (d *deployed) prefix(function string) string {
	d.Helper()
	var status struct {
		Result struct {
			Services []struct {
				URL string `json:"url"`
			} `json:"services"`
		} `json:"result"`
	}
	if err := json.Unmarshal(d.command(binary, "local", "status", "--json"), &status); err != nil {
		d.Fatal(err)
	}
	return status.Result.Services[0].URL + function
}

// visit is what a browser shows in the end, and where.
func (d *deployed) visit(res *http.Response, err error) (page string, at *url.URL) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		d.Fatal(err)
	}
	return string(data), res.Request.URL
}

package aws

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/aws/awstest"
	"github.com/ferryfn/ferry/providers/providertest"
)

// application is a WSGI application that says its version and its environment's word.
const application = `import os
VERSION = %q
def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [(VERSION + " " + os.environ["WORD"]).encode()]
`

// spec packages a function for Lambda as ferry does.
func spec(t *testing.T, function, version, word string) providers.Spec {
	return packaged(t, function, word, fmt.Sprintf(application, version))
}

// bound packages a function that a schedule calls.
func bound(t *testing.T, function string) providers.Spec {
	return packaged(t, function, "a", "def on_event(event, ctx):\n    pass\n"+fmt.Sprintf(application, "one"),
		manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * 1-5", Timezone: "Europe/Berlin"}})
}

func packaged(t *testing.T, function, word, code string, events ...manifest.Event) providers.Spec {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "app.py"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	fn := manifest.Function{
		Name: function, Source: ".", Handler: "app:app", Runtime: "python3.13", Style: manifest.StyleWSGI,
		Memory: 256 * manifest.MB, Timeout: manifest.Duration(10 * time.Second), Env: map[string]string{"WORD": word},
		Events: append([]manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}, events...),
	}
	artifact, err := (&packager.Packager{Root: root, Cache: t.TempDir()}).Build(t.Context(), fn, (&Adapter{}).Platform(fn))
	if err != nil {
		t.Fatal(err)
	}
	return providers.Spec{
		Function: fn, Artifact: artifact, Digest: providers.SpecDigest(providers.ConfigDigest(fn, nil), artifact.ZipDigest),
	}
}

// still is an adapter as moto can serve it: nothing can be started there, and a version that was deleted gives its
// number to the next.
type still struct {
	providers.Adapter
	providers.Splitter
	providers.Lister
}

// Capabilities are without Probes.
func (s still) Capabilities() providers.Capabilities {
	c := s.Adapter.Capabilities()
	c.Probes = false
	return c
}

func TestAWSKeepsTheContractOnMoto(t *testing.T) {
	env := motoEnv(t)
	providertest.Run(t, func(t *testing.T) providertest.Place {
		a := newTestAdapter(t, env, bucketBlock(t))
		return providertest.Place{Adapter: still{a, a, a}, Spec: spec, Bound: bound}
	})
}

func TestAWSKeepsTheContract(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	providertest.Run(t, func(t *testing.T) providertest.Place {
		c := awstest.Start(t)
		a := newTestAdapter(t, c.Env, `{}`)
		return providertest.Place{Adapter: a, Spec: spec, Bound: bound, Broken: crashing, Call: caller(a)}
	})
}

// crashing packages a function whose module does not load.
func crashing(t *testing.T, function string) providers.Spec {
	return packaged(t, function, "a", "raise RuntimeError('no such module')\n")
}

// caller calls a function over its URL.
func caller(a *Adapter) func(t *testing.T, function string) (version, word string) {
	return func(t *testing.T, function string) (string, string) {
		t.Helper()
		st, err := a.Status(t.Context(), function)
		if err != nil {
			t.Fatal(err)
		}
		if st.URL == "" {
			return "", ""
		}
		res, err := http.Get(st.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s: %s (%v)", function, res.Status, body, err)
		}
		version, word, _ := strings.Cut(string(body), " ")
		return version, word
	}
}

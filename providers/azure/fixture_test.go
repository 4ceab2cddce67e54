package azure

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

// TestMain has more tests run at once than there are cores, unless the command line says how many: most of the time they
// wait for a cloud to be done. As a program of a function it serves instead.
func TestMain(m *testing.M) {
	if says, ok := os.LookupEnv("TEST_SAYS"); ok {
		serve(says)
		return
	}
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// environment is what New looks variables up in.
type environment func(string) (string, bool)

// block is the block of a target in a cloud of tests.
const block = `{"resource_group": "shop", "location": "westeurope", "key_vault": "shopvault"}`

func newAdapter(t testing.TB, env environment, service, stage, block string) *Adapter {
	t.Helper()
	node := new(manifest.Node)
	if err := json.Unmarshal([]byte(block), node); err != nil {
		t.Fatal(err)
	}
	a, err := New(providers.Config{Service: service, Stage: stage, Target: "here", Block: node, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Adapter)
}

func adapterOf(t testing.TB, c *azuretest.Cloud) *Adapter {
	t.Helper()
	return newAdapter(t, c.Env, "shop", "dev", block)
}

func tokenFor(scope string) policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{scope}}
}

// answer is what a program of a function says.
type answer struct {
	Code   string
	Env    map[string]string
	Events []string
}

// serve is a function: it says which version it is, what its environment is, and what it was called with by events.
func serve(says string) {
	if says == "broken" {
		os.Exit(3)
	}
	_ = http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), saysSo(says, os.Environ()))
}

// saysSo is what a function of these tests answers.
func saysSo(says string, environment []string) http.Handler {
	var mu sync.Mutex
	said := answer{Code: says, Env: map[string]string{}}
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		said.Env[name] = value
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("X-Azure-Functions-InvocationId") != "" && r.Method == http.MethodPost {
			said.Events = append(said.Events, r.URL.Path)
			if body, err := io.ReadAll(r.Body); err != nil || strings.Contains(string(body), "bad") {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(said)
	})
}

var (
	exported = regexp.MustCompile(`(?m)^export (\w+)='(.*)'$`)
	saying   = regexp.MustCompile(`TEST_SAYS=(\w+)`)
)

// started is what a package of these tests would be as a process: its launcher and its script say it.
func started(dir string, environment []string) http.Handler {
	launcher, err := os.ReadFile(filepath.Join(dir, startFile))
	if err != nil {
		return http.NotFoundHandler()
	}
	script, err := os.ReadFile(filepath.Join(dir, "run.sh"))
	if err != nil {
		return http.NotFoundHandler()
	}
	for _, m := range exported.FindAllStringSubmatch(string(launcher), -1) {
		environment = append(environment, m[1]+"="+m[2])
	}
	says := ""
	if m := saying.FindSubmatch(script); m != nil {
		says = string(m[1])
	}
	return saysSo(says, environment)
}

// programSpec is a function whose program is this test's own binary, which says a version.
func programSpec(t testing.TB, a *Adapter, name, version, word string, events ...manifest.Event) providers.Spec {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fn := providertest.Function(name, word, events...)
	fn.Runtime, fn.Style, fn.Handler, fn.Memory = "custom", manifest.StyleServer, "run.sh", 512*manifest.MB
	return providertest.Package(t, a, fn, map[string]string{"run.sh": "#!/bin/sh\nTEST_SAYS='" + version + "' exec '" + self + "'\n"})
}

//go:build unix

package local

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
	"github.com/ferryfn/ferry/providers/providertest"
)

// TestMain is also the function under test.
func TestMain(m *testing.M) {
	if os.Getenv(platformtest.Switch) != "" {
		platformtest.Main()
	}
	os.Exit(m.Run())
}

func TestLocalKeepsTheContract(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Place {
		a := served(t)
		return place(t, string(a.home), a.scope)
	})
}

// place is a service and stage on the platform of a home, seen by a process of its own.
func place(t testing.TB, home string, scope platform.Scope) providertest.Place {
	t.Helper()
	a := adapter(t, home, "{}")
	a.scope = scope
	return providertest.Place{
		Adapter: a, Service: scope.Service, Stage: scope.Stage, Spec: spec,
		Broken: func(t testing.TB, function string) providers.Spec {
			s := spec(t, function, "broken", "")
			s.Function.Env["BROKEN"] = "1"
			return providertest.Digested(s)
		},
		Call:    func(t testing.TB, function string) (string, string) { return call(t, a, function) },
		Lose:    func(t testing.TB, _ string, r providers.Revision) { loseFiles(t, a, r) },
		Observe: func(t testing.TB, function string) manifest.Function { return observed(t, a, function) },
		Neighbour: func(t testing.TB, service, stage string) providertest.Place {
			return place(t, home, platform.Scope{Service: service, Stage: stage})
		},
	}
}

// observed is what the platform keeps of the live revision of a function.
func observed(t testing.TB, a *Adapter, function string) manifest.Function {
	t.Helper()
	table, err := a.home.Table(a.scope)
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.home.Revision(a.scope, function, table.Functions[function].Revision)
	if err != nil {
		t.Fatal(err)
	}
	auth := "public"
	if r.Private {
		auth = "private"
	}
	return manifest.Function{
		Memory: manifest.Size(r.Memory), Timeout: manifest.Duration(r.Timeout), Env: r.Env,
		Scaling: manifest.Scaling{Min: r.Min, Max: r.Max, Concurrency: r.Concurrency},
		Events:  []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: auth}}},
	}
}

func TestTheFolderKeepsTheStoreContract(t *testing.T) {
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace {
		dir := t.TempDir()
		open := func(testing.TB) providers.Store { return newStore(dir) }
		return providertest.StorePlace{Store: open(t), Again: open}
	})
}

// adapter makes an adapter for a home.
func adapter(t testing.TB, home, block string) *Adapter {
	t.Helper()
	node := new(manifest.Node)
	if err := json.Unmarshal([]byte(block), node); err != nil {
		t.Fatal(err)
	}
	a, err := New(providers.Config{
		Service: "shop", Stage: "dev", Target: "here", Block: node,
		Home: providers.Home{State: home, Cache: t.TempDir()}, Env: os.LookupEnv,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Adapter)
}

// served makes an adapter for a home whose platform runs in this process.
func served(t *testing.T) *Adapter {
	t.Helper()
	a := adapter(t, t.TempDir(), "{}")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- platform.Serve(ctx, a.home, platform.Options{Grace: time.Second}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	platformtest.Until(t, "the platform runs", a.home.Running)
	return a
}

// spec is a function whose package is a script that starts this test's binary.
func spec(t testing.TB, function, version, word string) providers.Spec {
	t.Helper()
	fn := providertest.Function(function, word)
	fn.Runtime, fn.Style, fn.Handler, fn.Env[platformtest.Switch] = "custom", manifest.StyleServer, "run", "1"
	path := platformtest.Zip(t, map[string]string{"version": version, "run": "#!/bin/sh\nexec " + os.Args[0] + "\n"})
	return providertest.Digested(providers.Spec{Function: fn, Artifact: packager.Artifact{
		Path:        path,
		Description: packager.Description{Digest: "sha256:" + version, ZipDigest: providertest.ZipDigest(t, path), Entry: "run"},
	}})
}

func call(t testing.TB, a *Adapter, function string) (version, word string) {
	t.Helper()
	table, err := a.home.Table(a.scope)
	if err != nil {
		t.Fatal(err)
	}
	if table.Port == 0 {
		return "", ""
	}
	res, err := http.Get(platform.URL(table.Port, function))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer platformtest.Answer
	if res.StatusCode != http.StatusOK {
		return "", ""
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Version, answer.Env["WORD"]
}

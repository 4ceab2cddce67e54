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
		return providertest.Place{
			Adapter: a, Spec: spec,
			Broken: func(t *testing.T, function string) providers.Spec {
				s := spec(t, function, "broken", "")
				s.Function.Env["BROKEN"] = "1"
				return digested(s)
			},
			Call: func(t *testing.T, function string) (string, string) { return call(t, a, function) },
			Lose: func(t *testing.T, _ string, r providers.Revision) { loseFiles(t, a, r) },
		}
	})
}

func TestTheFolderKeepsTheStoreContract(t *testing.T) {
	providertest.RunStore(t, func(t *testing.T) providers.Store { return newStore(t.TempDir()) })
}

// adapter makes an adapter for a home.
func adapter(t *testing.T, home, block string) *Adapter {
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
func spec(t *testing.T, function, version, word string) providers.Spec {
	t.Helper()
	fn := manifest.Function{
		Name: function, Runtime: "custom", Style: manifest.StyleServer, Handler: "run",
		Memory: 512 << 20, Timeout: manifest.Duration(10 * time.Second),
		Env:    map[string]string{"WORD": word, platformtest.Switch: "1"},
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
	files := map[string]string{"version": version, "run": "#!/bin/sh\nexec " + os.Args[0] + "\n"}
	path := platformtest.Zip(t, files)
	return digested(providers.Spec{Function: fn, Artifact: packager.Artifact{
		Path: path, Digest: "sha256:" + version, ZipDigest: providertest.ZipDigest(t, path), Entry: "run",
	}})
}

func digested(s providers.Spec) providers.Spec {
	s.Digest = providers.SpecDigest(providers.ConfigDigest(s.Function, s.Secrets), s.Artifact.ZipDigest)
	return s
}

func call(t *testing.T, a *Adapter, function string) (version, word string) {
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

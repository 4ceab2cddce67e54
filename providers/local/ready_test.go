//go:build unix

package local

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

// python makes an interpreter on PATH that runs the function of this test's binary.
func python(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	path := filepath.Join(dir, "python3.13")
	script := fmt.Sprintf("#!/bin/sh\n[ $1 = -u ] && exec %s\necho %s\necho 3.13.1\n", os.Args[0], path)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnInterpreterThatMovedIsFoundAnew(t *testing.T) {
	first := python(t)
	a := served(t)
	s := spec(t, "api", "one", "a")
	s.Function.Runtime = "python3.13"
	s = providertest.Digested(s)
	r, err := a.Publish(t.Context(), s, 0)
	if err == nil {
		_, err = a.Activate(t.Context(), providers.Change{Spec: s, To: &r})
	}
	if err != nil {
		t.Fatal(err)
	}
	obstacles := func() []providers.Obstacle {
		found, err := a.Obstacles(t.Context(), []providers.Spec{s})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := obstacles(); len(found) > 0 {
		t.Fatalf("got %+v", found)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	a.interpreters = newInterpreters(providers.Config{Home: providers.Home{Cache: t.TempDir()}, Env: os.LookupEnv})
	if found := obstacles(); len(found) != 1 || found[0].Passing || found[0].Err.Function != "api" || !strings.Contains(found[0].Err.Hint, "install Python") {
		t.Errorf("without any interpreter: %+v", found)
	}
	python(t)
	a.interpreters = newInterpreters(providers.Config{Home: providers.Home{Cache: t.TempDir()}, Env: os.LookupEnv})
	if found := obstacles(); len(found) != 1 || !found[0].Passing || !strings.Contains(found[0].Err.Error(), first) {
		t.Errorf("after it moved: %+v", found)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := obstacles(); len(found) > 0 {
		t.Errorf("after a start: %+v", found)
	}
	if version, _ := call(t, a, "api"); version != "one" {
		t.Errorf("%q answers", version)
	}
}

func TestObstaclesAreWhatKeepsAFunctionFromBeingStarted(t *testing.T) {
	a := served(t)
	s := spec(t, "api", "one", "a")
	s.Secrets = map[string]string{"STRIPE": "stripe-key", "OTHER": "mail-key"}
	s = providertest.Digested(s)
	found, err := a.Obstacles(t.Context(), []providers.Spec{s})
	if err != nil || len(found) != 1 || found[0].Passing || found[0].Err.Kind != providers.NotFound || found[0].Err.Function != "api" {
		t.Fatalf("%+v, %v", found, err)
	}
	for _, name := range []string{"stripe-key", "mail-key"} {
		if !strings.Contains(found[0].Err.Error(), name) {
			t.Errorf("%v does not name %s", found[0].Err, name)
		}
		if err := a.SetSecret(t.Context(), name, []byte("v")); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := a.Obstacles(t.Context(), []providers.Spec{s}); err != nil || len(found) > 0 {
		t.Errorf("%+v, %v", found, err)
	}
	r, err := a.Publish(t.Context(), s, 0)
	if err == nil {
		_, err = a.Activate(t.Context(), providers.Change{Spec: s, To: &r})
	}
	if err == nil {
		err = os.RemoveAll(filepath.Join(string(a.home), "services", "shop", "dev", "revisions"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if found, err := a.Obstacles(t.Context(), []providers.Spec{s}); err != nil || len(found) != 1 || !strings.Contains(found[0].Err.Error(), "gone") {
		t.Errorf("without its files: %+v, %v", found, err)
	}
}

// loseFiles takes away what a revision was unpacked to.
func loseFiles(t testing.TB, a *Adapter, r providers.Revision) {
	t.Helper()
	lost := 0
	err := filepath.WalkDir(string(a.home), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() || e.Name() != "package" || filepath.Base(filepath.Dir(path)) != r.ID {
			return err
		}
		lost++
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		return fs.SkipDir
	})
	if lost != 1 || err != nil {
		t.Fatalf("%d packages of %s were lost, %v", lost, r.ID, err)
	}
}

func TestARevisionWhoseInterpreterIsGoneIsNotStored(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	node := fake(t, dir, "node", "22.1.0")
	a := adapter(t, t.TempDir(), "{}")
	s := spec(t, "api", "one", "a")
	s.Function.Runtime, s.Function.Style = "nodejs22", "fetch"
	s = providertest.Digested(s)
	r, err := a.Publish(t.Context(), s, 0)
	if err != nil {
		t.Fatal(err)
	}
	if there, err := a.Stored(t.Context(), "api", r); !there || err != nil {
		t.Errorf("stored: %t, %v", there, err)
	}
	if err := os.Remove(node); err != nil {
		t.Fatal(err)
	}
	if there, err := a.Stored(t.Context(), "api", r); there || err != nil {
		t.Errorf("without its interpreter it is stored: %t, %v", there, err)
	}
}

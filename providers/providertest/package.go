package providertest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// Function is a function as the suite declares them: with WORD=word in its environment and one HTTP event that the public
// may call, and perhaps others. Its runtime, style and handler are the caller's to say.
func Function(name, word string, others ...manifest.Event) manifest.Function {
	return manifest.Function{
		Name: name, Source: ".", Memory: 256 * manifest.MB, Timeout: manifest.Duration(10 * time.Second),
		Env:    map[string]string{"WORD": word},
		Events: append([]manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}, others...),
	}
}

// Package packs a function as ferry does for the adapter, with these files as its source, and makes the spec of it.
func Package(t testing.TB, a providers.Adapter, fn manifest.Function, files map[string]string) providers.Spec {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(content), 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	artifact, err := (&packager.Packager{Root: root, Cache: t.TempDir()}).Build(t.Context(), fn, a.Platform(fn))
	if err != nil {
		t.Fatal(err)
	}
	return Digested(providers.Spec{Function: fn, Artifact: artifact})
}

// Digested gives a spec the digest of what it holds.
func Digested(s providers.Spec) providers.Spec {
	s.Digest = providers.SpecDigest(providers.ConfigDigest(s.Function, s.Secrets), s.Artifact.ZipDigest)
	return s
}

// ZipDigest is what names the package in a file.
func ZipDigest(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(data))
}

package release

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers/memory"
)

// laid lays packages over an image of which there is one edition.
type laid struct{ *memory.Adapter }

const edition = "image@sha256:one"

func (laid) Over(_ manifest.Function, base string) bool { return base == edition }

func (laid) Base(context.Context, manifest.Function) (string, error) { return edition, nil }

func (laid) FreshBase(context.Context, manifest.Function) (string, error) { return edition, nil }

// rezipped has a release hold the packages of the same files in other bytes, as another version of ferry zips them.
func (l *ledger) rezipped(t *testing.T, number int) {
	t.Helper()
	r, tag, err := l.record(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range r.Functions {
		f.Artifact.ZipDigest = "sha256:before"
		if f.Base != edition {
			t.Fatalf("%s lies over %q", name, f.Base)
		}
		was := recordOf(f.Function, f.Secrets, f.Artifact).over(f.Base)
		was.Revision, was.Made = f.Revision, f.Made
		r.Functions[name] = was
	}
	if _, err := l.setRecord(t.Context(), r, tag); err != nil {
		t.Fatal(err)
	}
}

func TestTheSameFilesInOtherZipBytesAreNoChangeOverTheirBaseEither(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run.sh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	e := &Engine{
		Manifest: &manifest.Manifest{
			Dir: dir, Service: "shop", Stage: "dev", Target: manifest.Target{Name: "here", Provider: "memory"}, Releases: manifest.Releases{Keep: 1},
			Functions: []manifest.Function{{Name: "api", Source: ".", Handler: "run.sh", Runtime: "custom", Style: manifest.StyleServer, Memory: 256 << 20}},
		},
		Adapter:  laid{memory.New(memory.NewWorld())},
		Packager: &packager.Packager{Root: dir, Cache: t.TempDir()},
	}
	if _, err := e.Deploy(t.Context(), DeployOptions{NoVerify: true}); err != nil {
		t.Fatal(err)
	}
	l, err := e.openLedger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.rezipped(t, 1)
	planned, err := e.Plan(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	against, err := e.Differences(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for what, changes := range map[string][]Change{"a plan": planned.Changes, "a migration": against} {
		if diff := cmp.Diff([]Change{}, changes); diff != "" {
			t.Errorf("%s sees (-want +got):\n%s", what, diff)
		}
	}
}

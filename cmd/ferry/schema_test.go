package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v4"

	"github.com/ferryfn/ferry/cmd"
	"github.com/ferryfn/ferry/providers/all"
	"github.com/ferryfn/ferry/templates"
)

var update = flag.Bool("update", false, "write the schema anew")

// inProcess is what ferry prints.
func inProcess(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := cmd.Main(t.Context(), cmd.Invocation{
		Args: args, Dir: dir, Providers: all.Providers, Now: time.Now,
		Streams: cmd.Streams{In: strings.NewReader(""), Out: cmd.Output{Writer: &out}, Err: cmd.Output{Writer: &errs}},
	})
	if code != 0 {
		t.Fatalf("ferry %s exits with %d: %s", strings.Join(args, " "), code, errs.String())
	}
	return out.String()
}

func TestTheSchemaInTheDocsIsWhatFerryPrints(t *testing.T) {
	printed := inProcess(t, t.TempDir(), "schema")
	file := filepath.Join("..", "..", "docs", "manifest.schema.json")
	if *update {
		if err := os.WriteFile(file, []byte(printed), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the tests with -update)", err)
	}
	if diff := cmp.Diff(string(want), printed); diff != "" {
		t.Errorf("docs/manifest.schema.json is stale (-update writes it anew):\n%s", diff)
	}
}

// named finds the schema that the first line of a manifest names for editors.
var named = regexp.MustCompile(`^# yaml-language-server: \$schema=(\S+)\n`)

func TestEveryManifestThatFerryHandsOutHasTheSchemaThatItNames(t *testing.T) {
	want := inProcess(t, t.TempDir(), "schema")
	manifests, err := filepath.Glob("../../examples/*/ferry.yaml")
	if err != nil || len(manifests) < 6 {
		t.Fatalf("found %d examples: %v", len(manifests), err)
	}
	for _, s := range templates.Starters() {
		dir := t.TempDir()
		inProcess(t, dir, "init", "shop", "--template", s.Name)
		manifests = append(manifests, filepath.Join(dir, "shop", "ferry.yaml"))
	}
	for _, file := range manifests {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := named.FindStringSubmatch(string(text))
		if m == nil {
			t.Errorf("%s names no schema", file)
			continue
		}
		schema, err := os.ReadFile(filepath.Join(filepath.Dir(file), filepath.FromSlash(m[1])))
		if err != nil || string(schema) != want {
			t.Errorf("%s names %s, which is not the schema of ferry: %v", file, m[1], err)
		}
		fits(t, want, file, text)
	}
}

// fits validates a manifest as an editor would.
func fits(t *testing.T, schema, file string, text []byte) {
	t.Helper()
	var s jsonschema.Schema
	var v any
	if err := errors.Join(json.Unmarshal([]byte(schema), &s), yaml.Load(text, &v)); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(v); err != nil {
		t.Errorf("%s does not fit its schema: %v", file, err)
	}
}

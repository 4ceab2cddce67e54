package manifest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

func schema(t *testing.T) (*jsonschema.Schema, []byte) {
	t.Helper()
	data, err := Schema(testProviders())
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return &s, data
}

// value reads a manifest as a JSON Schema validator sees it.
func value(t *testing.T, file string) any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root, ps := parse(file, data)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTheSchemaStaysAsItIs(t *testing.T) {
	_, data := schema(t)
	golden(t, "testdata/schema.golden.json", string(data))
}

func TestTheSchemaAcceptsEveryGoodManifest(t *testing.T) {
	s, _ := schema(t)
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/good/*.yaml")
	for _, file := range files {
		if err := resolved.Validate(value(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestTheSchemaRefusesWhatAnEditorCanTell(t *testing.T) {
	s, _ := schema(t)
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"unknown_top_key", "unknown_function_key", "several_at_once", "wrong_types", "bad_units", "runtimes", "names", "environment",
		"events", "http", "scaling_and_health", "targets", "no_service", "not_a_map", "other_stages", "styles",
	} {
		if err := resolved.Validate(value(t, "testdata/bad/"+name+".yaml")); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// documented collects the keys of the manifest proper, without what providers add.
func documented(s *jsonschema.Schema, keys map[string]bool) {
	if s == nil {
		return
	}
	for key, p := range s.Properties {
		if _, provider := testProviders()[key]; !provider {
			keys[key] = true
			documented(p, keys)
		}
	}
	documented(s.Items, keys)
	for _, any := range s.AnyOf {
		documented(any, keys)
	}
}

func TestEveryKeyIsInTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../docs/manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := schema(t)
	keys := map[string]bool{"provider": true}
	documented(s, keys)
	for _, def := range []string{"function", "releases", "stage"} {
		documented(s.Defs[def], keys)
	}
	if len(keys) < 50 {
		t.Fatalf("found only %d keys", len(keys))
	}
	for key := range keys {
		if !strings.Contains(string(guide), "`"+key+"`") {
			t.Errorf("docs/manifest.md does not explain `%s`", key)
		}
	}
}

func TestEveryKeyOfTheManifestHasADescription(t *testing.T) {
	s, _ := schema(t)
	var walk func(s *jsonschema.Schema, path string)
	walk = func(s *jsonschema.Schema, path string) {
		if s == nil {
			return
		}
		for key, p := range s.Properties {
			if p.Description == "" {
				t.Errorf("%s.%s has no description", path, key)
			}
			walk(p, path+"."+key)
		}
		walk(s.Items, path+"[]")
	}
	walk(s, "")
	for def, d := range s.Defs {
		walk(d, def)
	}
}

func TestEveryExampleOfTheGuideIsAcceptedByTheSchema(t *testing.T) {
	guide, err := os.ReadFile("../docs/manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := schema(t)
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(guide), "```yaml\n")[1:]
	whole := slices.DeleteFunc(blocks, func(b string) bool { return !strings.HasPrefix(b, "service:") })
	if len(whole) == 0 {
		t.Fatal("the guide has no whole manifest")
	}
	for _, block := range whole {
		text, _, _ := strings.Cut(block, "```")
		file := filepath.Join(t.TempDir(), FileName)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(value(t, file)); err != nil {
			t.Errorf("%v:\n%s", err, text)
		}
	}
}

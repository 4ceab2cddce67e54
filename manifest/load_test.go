package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The blocks stand for those of real providers.
type (
	cloudTarget struct {
		Region    string            `json:"region" jsonschema:"The region."`
		Account   string            `json:"account" jsonschema:"The account's number."`
		Retention int               `json:"retention" jsonschema:"Days."`
		Resources map[string]string `json:"resources" jsonschema:"Names."`
		Endpoint  endpoint          `json:"endpoint" jsonschema:"Where it is."`
		cloudFunction
	}
	cloudFunction struct {
		Layers  []string `json:"layers" jsonschema:"Layers."`
		Disk    Size     `json:"disk" jsonschema:"Temporary disk."`
		Tracing *bool    `json:"tracing" jsonschema:"Tracing."`
	}
	localTarget struct {
		Port int `json:"port" jsonschema:"The port."`
	}
	// endpoint is one address or several by name.
	endpoint map[string]string
)

func (e *endpoint) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*e = endpoint{"": one}
		return nil
	}
	var several map[string]string
	if err := json.Unmarshal(data, &several); err != nil {
		return errors.New("must be an address, or a map of addresses")
	}
	*e = several
	return nil
}

func testProviders() map[string]Blocks {
	return map[string]Blocks{
		"aws":   {Target: &cloudTarget{}, Function: &cloudFunction{}},
		"gcp":   {Target: &cloudTarget{}, Function: &cloudFunction{}},
		"local": {Target: &localTarget{}},
	}
}

func options(file string) Options {
	return Options{File: file, Providers: testProviders(), Env: environment(nil)}
}

func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

// folder makes a manifest in a folder with the handlers that the tests use.
func folder(t testing.TB, manifest string) Options {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		FileName: manifest, "app.js": "", "src/app.js": "", "app.py": "", "pkg/mod/__init__.py": "", "cmd/web/main.go": "package main\n", "bin/server": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := options("")
	o.Dir = dir
	return o
}

func load(t testing.TB, o Options) *Manifest {
	t.Helper()
	m, err := Load(o)
	if err != nil {
		t.Fatalf("loading: %v", err)
	}
	return m
}

func problems(t testing.TB, o Options) Problems {
	t.Helper()
	_, err := Load(o)
	var ps Problems
	if !errors.As(err, &ps) {
		t.Fatalf("the error is %T, want Problems: %v", err, err)
	}
	return ps
}

// show writes problems as the golden files hold them.
func show(ps Problems) string {
	var b strings.Builder
	for _, p := range ps {
		fmt.Fprintf(&b, "%d:%d", p.Line, p.Column)
		if p.Function != "" {
			fmt.Fprintf(&b, " [%s]", p.Function)
		}
		fmt.Fprintf(&b, " %s\n  %s\n", p.Field, p.Message)
		if p.Hint != "" {
			fmt.Fprintf(&b, "  > %s\n", p.Hint)
		}
		if p.Source != "" {
			fmt.Fprintf(&b, "  | %s\n", p.Source)
		}
	}
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run with -update to make it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}

func TestABadManifestIsExplained(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("found %d bad manifests: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			ps := problems(t, options(file))
			for _, p := range ps {
				if !filepath.IsAbs(p.File) || p.Message == "" || p.Hint == "" {
					t.Errorf("the problem %+v has no absolute file, no message or no next step", p)
				}
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", show(ps))
		})
	}
}

func TestAGoodManifestIsResolved(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %d good manifests: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			for _, choice := range choices(file) {
				o := options(file)
				o.Stage, o.Target = choice[0], choice[1]
				o.Env = environment(map[string]string{"TOKEN": "t0ken", "ACCOUNT": "012345678901"})
				o.Git = func(string) (string, error) { return "abc123", nil }
				m := load(t, o)
				name := strings.TrimSuffix(file, ".yaml") + strings.TrimSuffix("-"+strings.Join(choice, "-"), "--") + ".golden"
				golden(t, name, resolved(t, m))
			}
		})
	}
}

// choices are the stages and targets for which a good manifest is loaded: "# load: STAGE TARGET" in its head.
func choices(file string) [][]string {
	data, _ := os.ReadFile(file)
	var all [][]string
	for line := range strings.Lines(string(data)) {
		if spec, ok := strings.CutPrefix(line, "# load: "); ok {
			all = append(all, strings.Fields(spec))
		}
	}
	if all == nil {
		return [][]string{{"", ""}}
	}
	return all
}

func resolved(t *testing.T, m *Manifest) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(map[string]any{
		"service": m.Service, "stage": m.Stage, "target": m.Target, "functions": m.Functions, "releases": m.Releases,
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAFunctionSurvivesJSON(t *testing.T) {
	files, _ := filepath.Glob("testdata/good/*.yaml")
	for _, file := range files {
		o := options(file)
		choice := choices(file)[0]
		o.Stage, o.Target = choice[0], choice[1]
		o.Env = environment(map[string]string{"TOKEN": "t0ken", "ACCOUNT": "012345678901"})
		o.Git = func(string) (string, error) { return "abc123", nil }
		for _, fn := range load(t, o).Functions {
			first, err := json.Marshal(fn)
			if err != nil {
				t.Fatal(err)
			}
			var back Function
			if err := json.Unmarshal(first, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fn, back); diff != "" {
				t.Errorf("%s %s changed on the way through JSON:\n%s", file, fn.Name, diff)
			}
			second, _ := json.Marshal(back)
			if !bytes.Equal(first, second) {
				t.Errorf("%s %s has two JSON forms:\n%s\n%s", file, fn.Name, first, second)
			}
		}
	}
}

func TestAMistypedKeyIsOneProblem(t *testing.T) {
	for typo, text := range map[string]string{
		"servce":   "servce: shop\nfunctions: {a: {runtime: nodejs22, handler: app.js}}\n",
		"functons": "service: shop\nfunctons: {a: {runtime: nodejs22, handler: app.js}}\n",
		"runtme":   "service: shop\nfunctions: {a: {runtme: nodejs22, handler: app.js}}\n",
		"hadler":   "service: shop\nfunctions: {a: {runtime: nodejs22, hadler: app.js}}\n",
		"porvider": "service: shop\nfunctions: {a: {runtime: nodejs22, handler: app.js}}\ntargets: {local: {porvider: local}}\n",
		"provdier": "service: shop\nfunctions: {a: {runtime: nodejs22, handler: app.js}}\nstages: {prod: {targets: {aws: {provdier: aws}}}}\n",
	} {
		ps := problems(t, folder(t, text))
		if len(ps) != 1 || !strings.Contains(ps[0].Message, typo) || !strings.HasPrefix(ps[0].Hint, "did you mean") {
			t.Errorf("%s is reported as %v", typo, ps)
		}
	}
}

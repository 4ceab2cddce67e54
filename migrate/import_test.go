package migrate_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/providers/all"
)

var update = flag.Bool("update", false, "write what is made into the corpus")

// What an import made stands in these files of an archive.
const (
	wantManifest = "want.yaml"
	wantReport   = "want.txt"
)

// unpack writes an archive's files into a folder and returns the file that is to be imported.
func unpack(t *testing.T, a *txtar.Archive) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	for _, f := range a.Files {
		if f.Name == wantManifest || f.Name == wantReport {
			continue
		}
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, a.Files[0].Name)
}

func corpus(t *testing.T, try func(t *testing.T, file string, a *txtar.Archive)) {
	t.Helper()
	files, err := filepath.Glob("testdata/import/*.txtar")
	if err != nil || len(files) < 60 {
		t.Fatalf("want at least 60 foreign manifests, got %d (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			try(t, file, a)
		})
	}
}

func imported(t *testing.T, a *txtar.Archive) migrate.Imported {
	t.Helper()
	made, err := migrate.Import(unpack(t, a), "dev", "")
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAForeignManifestBecomesThisManifest(t *testing.T) {
	corpus(t, func(t *testing.T, file string, a *txtar.Archive) {
		made := imported(t, a)
		got := map[string]string{wantManifest: string(made.Text), wantReport: told(made)}
		var kept []txtar.File
		for _, f := range a.Files {
			want, ours := got[f.Name]
			if !ours {
				kept = append(kept, f)
			} else if diff := cmp.Diff(string(f.Data), want); diff != "" && !*update {
				t.Errorf("%s (-want +got):\n%s", f.Name, diff)
			}
		}
		switch {
		case *update:
			kept = append(kept, txtar.File{Name: wantManifest, Data: []byte(got[wantManifest])}, txtar.File{Name: wantReport, Data: []byte(got[wantReport])})
			if err := os.WriteFile(file, txtar.Format(&txtar.Archive{Files: kept}), 0o644); err != nil {
				t.Fatal(err)
			}
		case len(kept)+2 != len(a.Files):
			t.Errorf("%s does not say what is made of it: run with -update", file)
		}
	})
}

// told is the report as the corpus keeps it.
func told(made migrate.Imported) string {
	var b strings.Builder
	for _, m := range made.Mapped {
		fmt.Fprintf(&b, "= %s -> %s\n", m.Path, m.To)
	}
	for _, u := range made.Unmapped {
		mark := "-"
		if u.Serves {
			mark = "!"
		}
		fmt.Fprintf(&b, "%s %s: %s\n", mark, u.Path, u.Reason)
	}
	for _, n := range made.Notes {
		fmt.Fprintf(&b, "* %s\n", n)
	}
	return b.String()
}

func TestEveryValueThatComesInIsMappedOrNamedWithAReason(t *testing.T) {
	corpus(t, func(t *testing.T, _ string, a *txtar.Archive) {
		made := imported(t, a)
		keys := 0
		var paths []string
		for _, m := range made.Mapped {
			keys, paths = keys+m.Keys, append(paths, m.Path)
		}
		for _, u := range made.Unmapped {
			keys, paths = keys+u.Keys, append(paths, u.Path)
			if u.Reason == "" {
				t.Errorf("%s has no reason", u.Path)
			}
		}
		if keys != made.Keys {
			t.Errorf("%d values came in, and %d are spoken of", made.Keys, keys)
		}
		for name, data := range described(a) {
			var doc any
			if err := yaml.Unmarshal(data, &doc); err != nil {
				t.Fatal(err)
			}
			for _, leaf := range leaves(name, doc) {
				if !covered(leaf, paths) {
					t.Errorf("nobody speaks of %s", leaf)
				}
			}
		}
	})
}

// described are the files of an archive that say what is deployed, by the path at which the report has them: one, or those of an
// app of Azure.
func described(a *txtar.Archive) map[string][]byte {
	if a.Files[0].Name != "host.json" {
		return map[string][]byte{"": a.Files[0].Data}
	}
	all := map[string][]byte{}
	for _, f := range a.Files {
		switch filepath.Base(f.Name) {
		case "host.json", "local.settings.json", "function.json":
			all[foreign.Join("", f.Name)] = f.Data
		}
	}
	return all
}

// leaves are the paths of all values of a tree, read by the library alone.
func leaves(at string, v any) (paths []string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			paths = append(paths, leaves(foreign.Join(at, k), x)...)
		}
	case []any:
		for i, x := range v {
			paths = append(paths, leaves(fmt.Sprintf("%s[%d]", at, i), x)...)
		}
	}
	if len(paths) == 0 {
		return []string{at}
	}
	return paths
}

// covered is whether a path is one of those, is below one, or was replaced by what is below it.
func covered(leaf string, paths []string) bool {
	for _, p := range paths {
		if leaf == p || within(leaf, p) || within(p, leaf) {
			return true
		}
	}
	return false
}

func within(path, parent string) bool {
	rest, ok := strings.CutPrefix(path, parent)
	return ok && (rest[0] == '.' || rest[0] == '[')
}

func TestWhatIsImportedIsAValidManifest(t *testing.T) {
	blocks := map[string]manifest.Blocks{}
	for _, p := range all.Providers() {
		blocks[p.Name] = p.Blocks
	}
	corpus(t, func(t *testing.T, _ string, a *txtar.Archive) {
		file := unpack(t, a)
		made, err := migrate.Import(file, "dev", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), manifest.FileName), made.Text, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, f := range made.Files {
			name := filepath.Join(filepath.Dir(file), filepath.FromSlash(f.Name))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(f.Text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var doc struct{ Targets map[string]any }
		if err := yaml.Unmarshal(made.Text, &doc); err != nil {
			t.Fatal(err)
		}
		for target := range doc.Targets {
			if _, err := manifest.Load(manifest.Options{
				Dir: filepath.Dir(file), Here: true, Target: target, Providers: blocks,
				Env: func(string) (string, bool) { return "set", true },
			}); err != nil {
				t.Errorf("%s: %v\n%s", target, err, made.Text)
			}
		}
	})
}

func TestAnErrorSaysWhyNoFunctionRunsBeforeWhatElseIsLost(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "serverless.yml")
	text := "service: a\nprovider:\n  name: aws\n  iam: {role: {statements: [{Effect: Allow, Action: '*', Resource: '*'}]}}\n  runtime: ruby3.4\nfunctions:\n  hello: {handler: app.hello}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Import(file, "dev", ""); err == nil || !strings.Contains(err.Error(), "provider.runtime: ferry has no runtime for Ruby") {
		t.Errorf("%v", err)
	}
}

func TestAConfigurationOfTerraformIsRefusedWithWhatToImportInstead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "main.tf")
	if err := os.WriteFile(file, []byte("resource \"aws_lambda_function\" \"a\" {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := migrate.Import(file, "dev", "")
	var e *foreign.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "Terraform") || !strings.Contains(e.Hint, "ferry import aws:NAME") {
		t.Errorf("%v", err)
	}
}

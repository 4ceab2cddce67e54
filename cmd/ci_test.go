package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

func TestAPipelineIsYAMLWhoseFerryCommandsAndVariablesThereAre(t *testing.T) {
	for _, platform := range []string{"github", "gitlab"} {
		for _, provider := range []string{"aws", "gcp", "azure", "knative"} {
			for _, p := range []templates.Pipeline{
				{Runtimes: []manifest.Runtime{"go"}},
				{
					Folder: `a "b"/c: d`, Manifest: "other.yaml", Runtimes: []manifest.Runtime{"nodejs20", "python3.9", "python3.13", "go"},
					Installs: []templates.Install{{Folder: ".", Command: "npm ci"}, {Folder: "web", Command: "npm install"}},
				},
			} {
				t.Run(platform+" "+provider+" "+p.Manifest, func(t *testing.T) {
					p.Provider, p.Target, p.Stage, p.Ferry = provider, "production", "yes", "latest"
					text, err := p.For(platform)
					if err != nil {
						t.Fatal(err)
					}
					var root any
					if err := yaml.Unmarshal(text, &root); err != nil {
						t.Fatalf("%v:\n%s", err, text)
					}
					commands := 0
					walk(root, func(key, value string) {
						switch {
						case strings.HasPrefix(key, "FERRY_") && key != "FERRY_HOME" && key != "FERRY_TOKEN":
							flag := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(key, "FERRY_"), "_", "-"))
							if newRoot(&app{}, &outcome{}).PersistentFlags().Lookup(flag) == nil {
								t.Errorf("%s is the twin of no flag", key)
							}
						case strings.HasPrefix(value, "ferry "):
							commands++
							understood(t, strings.Fields(value)[1:])
						}
					})
					if commands != 3 {
						t.Errorf("it runs %d commands of ferry, want doctor, plan and deploy:\n%s", commands, text)
					}
					for _, unwritten := range []string{"<no value>", "<nil>", "{{ if"} {
						if strings.Contains(string(text), unwritten) {
							t.Errorf("it has %s:\n%s", unwritten, text)
						}
					}
				})
			}
		}
	}
}

// walk visits the strings of a document with the keys they are under.
func walk(node any, visit func(key, value string)) {
	var in func(key string, node any)
	in = func(key string, node any) {
		switch n := node.(type) {
		case map[string]any:
			for k, v := range n {
				in(k, v)
			}
		case []any:
			for _, v := range n {
				in(key, v)
			}
		case string:
			visit(key, n)
		default:
			visit(key, "")
		}
	}
	in("", node)
}

func understood(t *testing.T, args []string) {
	t.Helper()
	root := newRoot(&app{}, &outcome{})
	c, rest, err := root.Find(args)
	if err != nil || c == root {
		t.Errorf("ferry %s is no command: %v", strings.Join(args, " "), err)
		return
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("ferry %s: %v", strings.Join(args, " "), err)
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Errorf("ferry %s: %v", strings.Join(args, " "), err)
	}
}

func TestAPipelineInstallsByTheNextLockFileAboveAFunction(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{"yarn.lock", "a/package.json", "b/package.json", "b/package-lock.json", "b/src/x"} {
		file = filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ root, source, folder, command string }{
		{"", "a", ".", "corepack enable && yarn install"},
		{"", "b/src", "b", "npm ci"},
		{"a", "a", ".", "npm install"},
		{"b/src", "b/src", "", ""},
	} {
		got, ok := install(filepath.Join(root, c.root), filepath.Join(root, c.source))
		if want := (templates.Install{Folder: c.folder, Command: c.command}); got != want || ok != (c.command != "") {
			t.Errorf("in %s: %v, want %v", c.source, got, want)
		}
	}
}

// The guide shows what the command prints; `go test ./cmd -run Guide -update` writes it anew.
func TestTheGuideToCIShowsThePipelinesThatFerryPrints(t *testing.T) {
	file := filepath.Join("..", "docs", "ci.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, platform := range []string{"github", "gitlab"} {
		text, err := templates.Pipeline{
			Provider: "aws", Target: "aws", Stage: "prod", Ferry: "latest", Runtimes: []manifest.Runtime{"nodejs24"},
			Installs: []templates.Install{{Folder: ".", Command: "npm ci"}},
		}.For(platform)
		if err != nil {
			t.Fatal(err)
		}
		shown := regexp.MustCompile("(?s)\n\\$ ferry ci " + platform + "[^\n]*\n```\n\n```yaml\n.*?```\n")
		at := shown.FindIndex(page)
		if at == nil {
			t.Fatalf("the guide shows no pipeline for %s", platform)
		}
		head, _, _ := strings.Cut(string(page[at[0]:at[1]]), "```yaml\n")
		page = slices.Concat(page[:at[0]], []byte(head+"```yaml\n"), text, []byte("```\n"), page[at[1]:])
	}
	golden(t, file, page)
}

package python

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// broughtTo are the wishes of a project whose function is of a style.
func broughtTo(t *testing.T, style manifest.Style, files ...string) (*wishes, error) {
	t.Helper()
	fn := packagertest.Python("main:hello")
	fn.Style = style
	j := &job{Job: packagertest.Job(t, packagertest.Project(t, append(files, "main.py", "")...), fn)}
	w, err := j.wishes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return j.withFrameworks(w)
}

func TestAFrameworkIsTheProjectsOwnVersionOrElseFerrys(t *testing.T) {
	const ours = "functions-framework==3.10.2"
	for name, c := range map[string]struct {
		style manifest.Style
		files []string
		want  string // brought, or the only line
	}{
		"nothing is asked for":       {manifest.StyleGCFHTTP, nil, ours},
		"events alike":               {manifest.StyleGCFEvent, nil, ours},
		"azure":                      {manifest.StyleAzure, nil, "azure-functions==1.26.0"},
		"something else":             {manifest.StyleGCFHTTP, []string{"requirements.txt", "flask\n"}, ours},
		"their own version":          {manifest.StyleGCFHTTP, []string{"requirements.txt", "flask\nFunctions_Framework==3.5.0 # pinned\n"}, ""},
		"their own, in another list": {manifest.StyleGCFHTTP, []string{"requirements.txt", "-r more.txt\n", "more.txt", "functions-framework\n"}, ""},
		"a longer name":              {manifest.StyleGCFHTTP, []string{"requirements.txt", "functions-framework-extras\n"}, ours},
		"a project":                  {manifest.StyleGCFHTTP, []string{"pyproject.toml", "[project]\nname='a'\ndependencies=['functions-framework>=3']\n"}, ""},
		"a project without it":       {manifest.StyleGCFHTTP, []string{"pyproject.toml", "[project]\nname='a'\ndependencies=['flask']\n"}, ours},
		"another style":              {manifest.StyleWSGI, []string{"requirements.txt", "flask\n"}, ""},
	} {
		w, err := broughtTo(t, c.style, c.files...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := w.brought
		if got == "" && len(c.files) == 0 {
			got = strings.Join(w.lines, "\n")
		}
		if got != c.want {
			t.Errorf("%s: brings %q, want %q", name, got, c.want)
		}
		if c.want != "" && !strings.Contains(w.sum, c.want) {
			t.Errorf("%s: the sum %q does not stand for it", name, w.sum)
		}
	}
	if w, err := broughtTo(t, manifest.StyleWSGI); w != nil || err != nil {
		t.Errorf("style wsgi is written for nothing, and got %v %v", w, err)
	}
}

func TestCodeThatFindsTheSDKOnAWSGetsItElsewhere(t *testing.T) {
	withoutUv(t)
	const handler = "import json\nfrom boto3.dynamodb.conditions import Key\n"
	for name, c := range map[string]struct {
		shim  string
		style manifest.Style
		files []string
		want  string
	}{
		"on AWS itself":         {"aws", manifest.StyleLambda, []string{"main.py", handler}, ""},
		"elsewhere":             {"local", manifest.StyleLambda, []string{"main.py", handler}, "boto3"},
		"another style":         {"local", manifest.StyleWSGI, []string{"main.py", handler}, ""},
		"an import in a module": {"local", manifest.StyleLambda, []string{"main.py", "", "db/table.py", "def t():\n    import boto3\n"}, "boto3"},
		"none":                  {"local", manifest.StyleLambda, []string{"main.py", "# import boto3 later\nimport boto3_stubs\n"}, ""},
		"in tests alone":        {"local", manifest.StyleLambda, []string{"main.py", "", "tests/conftest.py", handler, "test_main.py", handler}, ""},
		"their own version":     {"local", manifest.StyleLambda, []string{"main.py", handler, "requirements.txt", "boto3==1.35.0\n"}, ""},
		"beside the host's own": {"azure", manifest.StyleLambda, []string{"main.py", handler}, "boto3\nazure-functions==1.26.0"},
		"a list of hashes":      {"local", manifest.StyleLambda, []string{"main.py", handler, "requirements.txt", "flask==3.0.0 --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000\n"}, "warned"},
	} {
		fn := packagertest.Python("main:handler")
		fn.Style = c.style
		j := &job{Job: packagertest.Job(t, packagertest.Project(t, c.files...), fn)}
		j.Platform.Shim = c.shim
		files, err := j.Tree(t.Context())
		if err == nil {
			_, err = j.withRead(files)
		}
		w, wished := j.wishes(t.Context())
		if err := errors.Join(err, wished); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		with, err := j.withFrameworks(w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := ""
		switch {
		case len(j.made.Warnings) > 0:
			got = "warned"
		case w == nil && with != nil:
			got = strings.Join(with.lines, "\n")
		case with != nil:
			got = with.brought
		}
		if got != c.want {
			t.Errorf("%s: brings %q, want %q", name, got, c.want)
		}
	}
}

func TestWhatIsCompleteHasToHoldTheFramework(t *testing.T) {
	withoutUv(t)
	for name, files := range map[string][]string{
		"hashes": {"requirements.txt", "flask==3.0.0 --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000\n"},
		"a lock": {
			"pyproject.toml", "[project]\nname='a'\ndependencies=['flask']\n",
			"uv.lock", "version=1\n[[package]]\nname='a'\nversion='1'\nsource={virtual='.'}\ndependencies=[{name='flask'}]\n[[package]]\nname='flask'\nversion='3'\nsource={registry='https://example.com'}\n",
		},
	} {
		_, err := broughtTo(t, manifest.StyleAzure, files...)
		if e := packagertest.Problem(t, err); !strings.Contains(e.Message, "azure-functions") || !strings.Contains(e.Hint, "azure-functions") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheFrameworkIsInstalledBesideWhatIsAskedForAndInTheBill(t *testing.T) {
	packagertest.Registries(t, "python3")
	root := packagertest.Project(t, "requirements.txt", "click==8.1.8\n", "main.py", "")
	fn := packagertest.Python("main:hello")
	fn.Runtime, fn.Style = packagertest.ThisPython(t), manifest.StyleAzure
	j := &job{Job: packagertest.Job(t, root, fn)}
	files, err := j.requirements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, f := range files {
		has[f.Name] = true
	}
	if !has["azure/functions/__init__.py"] || !has["click/__init__.py"] {
		t.Errorf("something is missing among %d files", len(files))
	}
	if _, err := os.Stat(filepath.Join(root, "brought.txt")); err == nil {
		t.Error("a list was left among the sources")
	}
	if len(j.made.Packages) < 2 {
		t.Errorf("the bill has %v", j.made.Packages)
	}
}

// FastAPI and a framework that want different Starlettes.
func TestWhatExcludesAFrameworkIsToldWhatServesIt(t *testing.T) {
	packagertest.Registries(t, "python3")
	root := packagertest.Project(t, "requirements.txt", "fastapi==0.121.3\n", "main.py", "")
	fn := packagertest.Python("main:app")
	fn.Runtime = packagertest.ThisPython(t)
	for style, cure := range map[manifest.Style]string{manifest.StyleASGI: "set `via: run` in the function's gcp block", manifest.StyleGCFHTTP: "name a version of functions-framework that goes with it in requirements.txt"} {
		fn.Style = style
		j := &job{Job: packagertest.Job(t, root, fn)}
		j.Platform.Shim = "gcf"
		_, err := j.requirements(t.Context())
		e := packagertest.Problem(t, err)
		if !strings.Contains(e.Message, "functions-framework==3.10.2 and what requirements.txt asks for exclude each other") || !strings.HasPrefix(e.Hint, cure) {
			t.Errorf("%s: %v, %s", style, err, e.Hint)
		}
	}
}

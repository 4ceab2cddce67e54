package templates

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

func TestPatternsBecomeRegularExpressions(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"":                   "^",
		"/":                  "^/$",
		"/items":             "^/items$",
		"/items/{id}":        "^/items/[^/]+$",
		"/v1.0/{a}/x/{b}":    `^/v1\.0/[^/]+/x/[^/]+$`,
		"/files/{rest...}":   "^/files/.*$",
		"/items/{id}/":       "^/items/[^/]+/$",
		"/(paren)+/{id}/end": `^/\(paren\)\+/[^/]+/end$`,
	}
	for path, want := range cases {
		if got := pattern(path); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
}

func TestRenderIsTheSameEveryTimeAndRefusesWhatHasNoShim(t *testing.T) {
	t.Parallel()
	for _, p := range platforms() {
		for _, shim := range []string{"local", "aws"} {
			first, ok := Render(p.function(), Target{Name: shim})
			again, _ := Render(p.function(), Target{Name: shim})
			if !ok || (len(first.Files[first.Entry]) == 0 && p.style != manifest.StyleGo) {
				t.Fatalf("%s has no shim for %s", p.name, shim)
			}
			if diff := cmp.Diff(first, again); diff != "" {
				t.Errorf("%s: %s", p.name, diff)
			}
		}
		for _, shim := range []string{"", "nowhere", "../local"} {
			if _, ok := Render(p.function(), Target{Name: shim}); ok {
				t.Errorf("%s has a shim for %q", p.name, shim)
			}
		}
	}
	for _, fn := range []manifest.Function{
		{Runtime: "nodejs24", Style: manifest.StyleWSGI},
		{Runtime: "java21", Style: manifest.StyleServer},
		{Runtime: "custom", Style: manifest.StyleServer},
	} {
		if _, ok := Render(fn, Target{Name: "local"}); ok {
			t.Errorf("%s %s has a shim", fn.Runtime, fn.Style)
		}
	}
	for _, shim := range []string{"local", "aws"} {
		if diff := cmp.Diff([]manifest.Style{"asgi", "azure", "gcf-event", "gcf-http", "lambda", "wsgi"}, Styles("python", shim)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAHandlerNamedInQuotesCannotLeaveItsString(t *testing.T) {
	t.Parallel()
	fn := manifest.Function{Runtime: "go", Style: manifest.StyleGo, Handler: "a`\"\n</script>${x}"}
	shim, _ := Render(fn, Target{Name: "local"})
	if config := string(shim.Files["config.go"]); !strings.Contains(config, `a`+"`"+`\\\"\\n`) {
		t.Errorf("the name is not quoted:\n%s", config)
	}
}

func TestEveryStarterIsComplete(t *testing.T) {
	t.Parallel()
	names := make([]string, 0, 13)
	for _, s := range Starters() {
		names = append(names, s.Name)
		dir := filepath.Join(t.TempDir(), "new")
		written, err := s.Write(dir, "shop", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"ferry.yaml", "README.md", ".gitignore"} {
			if !slices.Contains(written, want) {
				t.Errorf("%s has no %s", s.Name, want)
			}
		}
		for _, name := range written {
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(content), "{{") || strings.HasSuffix(name, ".tmpl") {
				t.Errorf("%s: %s is not filled in", s.Name, name)
			}
		}
		if _, err := s.Write(dir, "shop", nil); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "ferry.yaml") {
			t.Errorf("%s: writing over it gives %v", s.Name, err)
		}
	}
	if !slices.IsSorted(names) || len(names) != 13 {
		t.Errorf("starters are %v", names)
	}
}

// TestEveryStarterServes runs the functions of the starters behind their shims.
func TestEveryStarterServes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		starter, source, target, want string
		platform                      int // in platforms
		handler                       string
	}{
		{"node-http", ".", "/?name=you", `{"message":"hello, you"}`, 0, "src/app.js"},
		{"node-listener", ".", "/?name=you", `{"message":"hello, you"}`, 1, "src/app.js"},
		{"python-asgi", ".", "/?name=you", `{"message": "hello, you"}`, 3, "app:app"},
		{"python-http", ".", "/?name=you", `{"message": "hello, you"}`, 2, "app:app"},
		{"go-http", ".", "/?name=you", `{"message":"hello, you"}`, 4, "."},
		{"mixed", "web", "/?name=you", `{"message":"hello, you"}`, 0, "src/app.js"},
		{"mixed", "reports", "/2026", `{"year": 2026, "visits": 312}`, 2, "app:app"},
		{"mixed", "prices", "/pear", `{"cents":45,"item":"pear"}`, 4, "."},
	}
	for _, c := range cases {
		t.Run(c.starter+" "+c.source, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			// The Go harness builds a module of this name.
			if _, err := (Starter{Name: c.starter}).Write(dir, "goecho", nil); err != nil {
				t.Fatal(err)
			}
			p := platforms()[c.platform]
			p.handler, p.source = c.handler, filepath.Join(dir, c.source)
			mod := filepath.Join(p.source, "go.mod")
			if _, err := os.Stat(mod); err == nil {
				write(t, p.source, map[string][]byte{"go.mod": []byte("module example.com/goecho\n\ngo 1.22\n")})
			}
			i := p.start(t, p.function())
			if a := i.do("GET", c.target, nil); a.status != 200 || strings.TrimSpace(a.body) != c.want {
				t.Errorf("got %d %s", a.status, a.body)
			}
			if a := i.do("GET", "/healthz", nil); a.status != 200 {
				t.Errorf("healthz answers %d", a.status)
			}
		})
	}
}

func TestTheTestsOfTheStartersPass(t *testing.T) {
	t.Parallel()
	run := func(name, starter string, args ...string) {
		dir := t.TempDir()
		if _, err := (Starter{Name: starter}).Write(dir, "shop", nil); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(tool(t, name), args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", starter, err, out)
		}
	}
	run("go", "go-http", "test", "./...")
	for _, starter := range []string{"node-http", "node-lambda", "node-listener"} {
		run("node", starter, "--test")
	}
}

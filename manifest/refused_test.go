//go:build unix

package manifest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v4"
)

// hostileFolder has files and links of every kind.
func hostileFolder(t *testing.T) Options {
	t.Helper()
	o, elsewhere := folder(t, ""), t.TempDir()
	for _, file := range []string{"app.js", "app.py"} {
		if err := os.WriteFile(filepath.Join(elsewhere, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.Symlink(elsewhere, filepath.Join(o.Dir, "out")),
		os.Symlink("loop", filepath.Join(o.Dir, "loop")),
		syscall.Mkfifo(filepath.Join(o.Dir, "pipe.js"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// refused are the problems of a manifest in that folder.
func refused(t *testing.T, o Options, text string) Problems {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.Dir, FileName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return problems(t, o)
}

func TestTheSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	s, _ := schema(t)
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := hostileFolder(t)
	for _, r := range refusals() {
		ps := refused(t, o, r.manifest)
		if !strings.Contains(ps.Error(), r.says) {
			t.Errorf("the loader does not say %q but %v of\n%s", r.says, ps, r.manifest)
		}
		err := resolved.Validate(asJSON(t, r.manifest))
		switch {
		case err == nil && r.beyond == "":
			t.Errorf("the schema accepts what the loader refuses with %q:\n%s", ps[0].Message, r.manifest)
		case err != nil && r.beyond != "":
			t.Errorf("the schema refuses it, so it is not beyond JSON Schema (%s): %v\n%s", r.beyond, err, r.manifest)
		}
	}
}

// asJSON is a manifest as an editor sees it.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Load([]byte(text), &v); err != nil {
		root, _ := parse(FileName, []byte(text)) // which goes on after a key that is there twice
		if v = root.plain(); root == nil {
			t.Fatal(err)
		}
	}
	return v
}

// TestEveryRefusalOfAValueIsInTheTable reads the messages out of the source.
func TestEveryRefusalOfAValueIsInTheTable(t *testing.T) {
	o := hostileFolder(t)
	var said []string
	for _, r := range refusals() {
		for _, p := range refused(t, o, r.manifest) {
			if p.Hint == "" {
				t.Errorf("%q has no next step:\n%s", p.Message, r.manifest)
			}
			said = append(said, p.Message)
		}
	}
	tooLarge := "is too large once its" // needs a hundred thousand nodes
	found := 0
	for _, format := range failures(t) {
		if strings.Contains(format, tooLarge) || strings.Contains(format, "the stage %s does not exist") { // chosen outside the file
			continue
		}
		found++
		pattern := regexp.QuoteMeta(format)
		pattern = regexp.MustCompile(`%[sqdv]`).ReplaceAllString(pattern, "(?s:.*)")
		form := regexp.MustCompile("^" + pattern + "$")
		if !anyMatches(form, said) {
			t.Errorf("no manifest of the table is refused with %q", format)
		}
	}
	if found < 60 {
		t.Errorf("only %d messages were found in the source", found)
	}
}

func anyMatches(form *regexp.Regexp, texts []string) bool {
	for _, text := range texts {
		if form.MatchString(text) {
			return true
		}
	}
	return false
}

// failures are the formats of the messages that the loader and the checker fail with.
func failures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var formats []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || f.Sel.Name != "fail" {
				return true
			}
			receiver, _ := f.X.(*ast.Ident)
			at := map[string]int{"c": 2, "l": 3}[receiver.Name]
			if at == 0 || at >= len(call.Args) {
				return true
			}
			if literal, ok := call.Args[at].(*ast.BasicLit); ok {
				format, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				formats = append(formats, format)
			}
			return true
		})
	}
	return formats
}

func TestTheSchemaAcceptsEveryFormOfAValueThatTheLoaderAccepts(t *testing.T) {
	s, _ := schema(t)
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := hostileFolder(t)
	o.Env = environment(map[string]string{"SIZE": "1GB", "LIST": "x"})
	for _, text := range []string{
		of("null"), of("{}"), of("{handler: src/app.js, memory: null, env: null, events: null, health: null, build: null}"),
		of("{memory: 1048576B}"), of("{memory: 1024KB}"), of("{memory: 1GB}"), of("{memory: '${env:SIZE}'}"), of("{memory: '${env:NONE:-2GB}'}"),
		of("{timeout: 1.5s}"), of("{timeout: 1000us}"), of("{timeout: +5s}"), of("{timeout: 1h30m}"), of("{timeout: .5m}"),
		of("{env: {A: 1, B: true, C: 1.5, D: '', E: null, F: '$', G: $$, H: '$${x}', I: '$$${stage}', J: 'a${stage}b$', K: \"a\\nb\"}}"),
		of("{secrets: {A: '${service}/key', B: null}}"), of("{architecture: arm64}"), of("{architecture: null, style: null}"),
		of("{source: ./src, handler: app.js}"), of("{source: ., handler: ./src/app.js}"),
		of("{runtime: python3.13, style: asgi, handler: 'app:app'}"), of("{runtime: python3.13, style: server, handler: app.py}"),
		of("{runtime: go, handler: cmd/web, build: {external: [], command: make}}"), of("{runtime: go, handler: null, source: cmd/web}"),
		of("{style: lambda, payload: '1.0', scaling: {concurrency: 1}}"), of("{style: lambda, payload: null}"),
		of("{style: lambda, handler: 'src/app.js:run'}"), of("{runtime: go, style: lambda, handler: cmd/web}"), of("{runtime: go, style: gcf, handler: 'cmd/web:Hello'}"),
		of("{scaling: {min: 1, max: 0}}"), of("{events: []}"), of("{build: {include: ['a/**'], exclude: ['!x']}}"),
		of("{events: [{http: {}}], health: {path: '/x?y=%zz', status: 204}}"), of("{style: server, events: [{http: {auth: private}}]}"),
		on("{http: null}"), on("{http: {path: /, methods: [get, POST]}}"), on("{http: {path: '/a/{b}/{c...}'}}"), on("{http: {path: /a/}}"),
		on("{http: {path: '/${stage}/x'}}"), on("{http: {path: /.well-known/a..b}}"),
		on("{http: {cors: {origins: ['https://a.example:8443', '*'], headers: ['*', X-A], methods: [GET], max_age: 10m}}}"),
		on("{queue: {name: q}}, {queue: {name: '${stage}-q', batch: 10}}, {topic: {name: t}}, {object: {bucket: b, on: []}}"),
		at("*/5 0-12/2 1,15 JAN,7 sun"), at("00 03 * * MON-FRI"), at(" 0  3 * * 7 "), at("59 23 31 12 0"), at("0 0 * * fri-sun"),
		on("{schedule: {cron: '${env:NONE:-0 3 * * *}', timezone: Europe/Berlin}}"),
		of("{}") + "targets: {aws: null}\nstages: {prod: null, dev: {functions: {a: null, b: {handler: app.js}}}}\nreleases: null\n",
		"service: shop\nstages: {dev: {functions: {a: {runtime: nodejs22, handler: app.js}}}}\n",
	} {
		if err := os.WriteFile(filepath.Join(o.Dir, FileName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(o); err != nil {
			t.Errorf("the loader refuses it: %v\n%s", err, text)
		}
		if err := resolved.Validate(asJSON(t, text)); err != nil {
			t.Errorf("the schema refuses it: %v\n%s", err, text)
		}
	}
}

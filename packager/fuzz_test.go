package packager

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/fuzzing"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// ofUser expects an error that a person can act on: it names a file and says what to do.
func ofUser(t *testing.T, err error) *Error {
	t.Helper()
	e := asProblem(t, err)
	if e.Message == "" || e.Hint == "" || e.File == "" {
		t.Fatalf("an error without a file or a next step: %+v", e)
	}
	return e
}

// wished are the wishes of a Python project in a folder that all tries share.
func wished(t *testing.T, dir string, files ...string) (*wishes, error) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		write(t, filepath.Join(dir, files[i]), files[i+1])
	}
	j, err := newJob(&Packager{Root: dir}, pythonFn("app:app"), local("python3.11"))
	if err != nil {
		t.Fatal(err)
	}
	j.In = source.NewRecorder(&source.Hashes{})
	return j.wishes()
}

func FuzzRequirements(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	f.Add("flask>=2 # web\n-r more.txt\n./local.whl", "--requirement=requirements.txt\n-cmore.txt\n")
	f.Add("-r requirements.txt", "")
	f.Add("-r more.txt\n-r more.txt", "-rmore.txt\nidna")
	f.Add("# "+strings.Repeat("x", 70_000)+"\nflask", "")
	f.Add("-r ../app.py\n-r /etc/passwd\n-r \x00", "-e .")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, list, more string) {
		w, err := wished(t, dir, "app.py", "", "requirements.txt", list, "more.txt", more)
		if err != nil {
			ofUser(t, err)
			return
		}
		asks := func(text string) bool {
			return slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
				line = strings.TrimSpace(line)
				return line != "" && line[0] != '#' && line[0] != '-'
			})
		}
		if asks(list) && w == nil || !asks(list) && !asks(more) && w != nil {
			t.Fatalf("%q with %q: asks %v", list, more, w != nil)
		}
	})
}

var lockedLine = regexp.MustCompile(`^(?:/|[A-Za-z0-9])[^\r\n]*$`)

const lockProject = `[project]
name = "app"
dependencies = ["web[fast]", "odd ; sys_platform == 'win32'"]
[tool.poetry.dependencies]
python = "^3.11"
tomli = {version = "*", python = "<3.11", markers = "os_name == 'nt'"}
`

func FuzzLocks(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	const uv = `[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "web", extra = ["fast"] }, { name = "odd", marker = "sys_platform == 'win32'" }]
[[package]]
name = "web"
version = "2"
dependencies = [{ name = "odd" }]
wheels = [{ hash = "sha256:a" }]
[package.optional-dependencies]
fast = [{ name = "odd", version = "3" }, { name = "web", extra = ["fast"], marker = "a" }]
[[package]]
name = "odd"
version = "3"
source = { path = "odd-3.whl" }
`
	const poetry = `[[package]]
name = "web"
version = "2"
files = [{ hash = "sha256:a" }]
[package.dependencies]
odd = [{ version = "*", markers = "os_name == 'nt'" }, { version = "*", python = "^3.9" }]
loop = { version = "*", optional = true, markers = "extra == 'fast'" }
[package.extras]
fast = ["loop"]
[[package]]
name = "odd"
version = "3"
source = { type = "url", url = "https://example.com/odd.whl" }
[[package]]
name = "loop"
version = "4"
[package.dependencies]
web = { version = "*", extras = ["fast"] }
[[package]]
name = "tomli"
version = "5"
`
	for _, text := range []string{uv, poetry, "", "[[package]]\nname = \"app\"\ndependencies = [{name = \"\"}]\n", "package = 1", "[[package]]\nname=\"a\\nb\""} {
		f.Add(true, text)
		f.Add(false, text)
	}
	for _, line := range []string{`name = "web\n--index-url=x"`, `version = "2\n-r /etc/passwd"`, `source = { url = "u\nx" }`, `name = "-r x"`} {
		key, _, _ := strings.Cut(line, " ")
		text := regexp.MustCompile(`(?m)^(name = "web"|version = "2")$`).ReplaceAllStringFunc(uv, func(m string) string {
			if strings.HasPrefix(m, key) {
				return line
			}
			return m
		})
		f.Add(true, strings.ReplaceAll(text, `{ name = "web"`, `{ name = "web\n--index-url=x"`))
		f.Add(true, text)
	}
	folders := map[bool]string{true: f.TempDir(), false: f.TempDir()}
	f.Fuzz(func(t *testing.T, ofUV bool, text string) {
		name := "poetry.lock"
		if ofUV {
			name = "uv.lock"
		}
		dir := folders[ofUV]
		w, err := wished(t, dir, "app.py", "", "pyproject.toml", lockProject, name, text, "odd-3.whl", "")
		if err != nil {
			if e := ofUser(t, err); filepath.Base(e.File) != name && !strings.HasSuffix(e.File, ".whl") {
				t.Fatalf("an error of the lock names %s: %s", e.File, e.Message)
			}
			return
		}
		if w == nil {
			return
		}
		for _, line := range w.lines {
			if !lockedLine.MatchString(line) {
				t.Fatalf("%q is no requirement", line)
			}
		}
		again, err := wished(t, dir, "app.py", "", "pyproject.toml", lockProject, name, text, "odd-3.whl", "")
		if err != nil || len(again.lines) != len(w.lines) {
			t.Fatalf("another try gives another answer: %v", err)
		}
	})
}

func FuzzPackageJSON(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	const dep = `{"name": "dep", "version": "1.0.0", "main": "index.js", "dependencies": {"other": "*"}, "os": "!win32", "exports": {"require": "./index.js"}}`
	f.Add(true, `{"type": "module", "dependencies": {"dep": "1"}}`, dep)
	f.Add(false, `{"dependencies": {"dep": "1", "../dep": "*", "": ""}, "optionalDependencies": {"none": "*"}}`, dep)
	f.Add(false, `{"dependencies": {"dep": "1"}, "peerDependencies": {"x": "1"}, "peerDependenciesMeta": {"x": {"optional": true}}}`, `{"os": ["linux", 1]}`)
	f.Add(true, `{"type": 1, "imports": {"#a": {}}}`, `[]`)
	f.Add(false, "", "{")
	cache := f.TempDir()
	f.Fuzz(func(t *testing.T, bundle bool, own, dep string) {
		if strings.Contains(own+dep, "node-gyp") || strings.Contains(own+dep, "prebuil") || strings.Contains(own+dep, "bindings") {
			t.Skip("npm would be asked for another platform's package")
		}
		root := project(t, "app.mjs", `import dep from "dep"; export default { fetch() { return new Response(dep) } }`, "package.json", own,
			"node_modules/dep/package.json", dep, "node_modules/dep/index.js", "module.exports = 'dep'", "dep/package.json", "{}")
		fn := nodeFn("app.mjs")
		fn.Build.Bundle = &bundle
		p := &Packager{Root: root, Cache: cache}
		a, err := p.Build(t.Context(), fn, local(fn.Runtime))
		if err != nil {
			if e := asProblem(t, err); e.Message == "" || e.Function != "api" {
				t.Fatalf("an error without words or a function: %+v", e)
			}
			return
		}
		list, err := List(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if !filepath.IsLocal(e.Name) {
				t.Fatalf("%q leads out of the package", e.Name)
			}
		}
		anew := &Packager{Root: root, Cache: cache, NoCache: true}
		if b, err := anew.Build(t.Context(), fn, local(fn.Runtime)); err != nil || b.Digest != a.Digest {
			t.Fatalf("another try gives another package: %v", err)
		}
	})
}

// FuzzSaved changes a saved package and what is said of it, each at one place: what is taken is what it says it is.
func FuzzSaved(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	f.Add(uint16(0), uint16(0), []byte(nil), uint16(0), byte(0))
	f.Add(uint16(0), uint16(9999), []byte("{}"), uint16(0), byte(0))
	f.Add(uint16(60), uint16(1), []byte("9"), uint16(0), byte(0))
	f.Add(uint16(0), uint16(0), []byte(nil), uint16(30), byte(1))
	f.Add(uint16(20), uint16(9999), []byte(nil), uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, at, cut uint16, insert []byte, zipAt uint16, damage byte) {
		p, b := saved(t, project(t, "run", "#!/bin/sh\n"), manifest.Function{
			Name: "api", Source: ".", Handler: "run", Runtime: "custom", Style: manifest.StyleServer,
		})
		bill := filepath.Join(p.From, "api.json")
		was, err := os.ReadFile(bill)
		if err != nil {
			t.Fatal(err)
		}
		from := min(int(at), len(was))
		said := bytes.Join([][]byte{was[:from], insert, was[min(from+int(cut), len(was)):]}, nil)
		packed, err := os.ReadFile(b.Artifact.Path)
		if err != nil {
			t.Fatal(err)
		}
		packed[int(zipAt)%len(packed)] ^= damage
		if err := errors.Join(os.WriteFile(bill, said, 0o600), os.WriteFile(b.Artifact.Path, packed, 0o600)); err != nil {
			t.Fatal(err)
		}
		a, err := p.Build(t.Context(), manifest.Function{
			Name: "api", Source: ".", Handler: "run", Runtime: "custom", Style: manifest.StyleServer,
		}, local("custom"))
		if err != nil {
			if e := ofUser(t, err); filepath.Base(e.File) != "api.json" && filepath.Base(e.File) != "api.zip" {
				t.Fatalf("the error names %s: %s", e.File, e.Message)
			}
			return
		}
		if damage != 0 {
			t.Fatal("a damaged package was taken")
		}
		b.Artifact.Cached = true
		want := b.Artifact
		if a.Path != want.Path || a.Digest != want.Digest || a.ZipDigest != want.ZipDigest || a.Size != want.Size ||
			a.Unzipped != want.Unzipped || a.Files != want.Files || a.Entry != want.Entry {
			t.Fatalf("taken as %+v, and it is %+v: %s", a, want, said)
		}
	})
}

func FuzzCacheEntry(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	f.Add([]byte(`{"artifact":{"digest":"sha256:a","zip_digest":"sha256:b","size":1},"recorded":5,"looks":["look-ab"]}`+"\n{}\nf 1 2 3 0 ab /a/b\nd 0 2 3 3 ab \"c\\nd\""), "/a b", "/a \"c\n")
	f.Add([]byte("{}\n\nf 1 2 3 9999999999 ab x"), "", "\xff")
	f.Add([]byte(`{"artifact":{"zip_digest":"sha256:../../../etc/passwd"},"looks":["../../x"]}`), "x", "x")
	f.Fuzz(func(t *testing.T, data []byte, path1, path2 string) {
		e := entry{Bill: "{}", Recorded: 7, Inputs: []source.Input{
			{Path: path1, Kind: "f", Size: 1, MTime: -2, Inode: 1 << 63, Sum: "ab"}, {Path: path2, Kind: "d", Sum: "cd"}, {Path: path1 + path2, Kind: "l", Sum: "e"},
		}}
		written, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeEntry(written); err != nil || !cmp.Equal(back, e) {
			t.Fatalf("what was written is read as something else, %v: %s", err, cmp.Diff(e, back))
		}
		c := cache{dir: t.TempDir(), hashes: &source.Hashes{}, checked: &source.Findings[bool]{}}
		write(t, c.entryPath("0123"), string(data))
		if a, ok := c.current("0123"); ok {
			path := c.artifactPath(a.Artifact.ZipDigest)
			if rel, err := filepath.Rel(filepath.Join(c.dir, "artifacts"), path); err != nil || !filepath.IsLocal(rel) {
				t.Fatalf("the package of %s lies at %s", data, path)
			}
			for _, key := range a.Looks {
				if !fs.ValidPath(key) || strings.Contains(key, "/") {
					t.Fatalf("the entry %s refers to %q", data, key)
				}
			}
		}
		decoded, err := decodeEntry(data)
		if err != nil {
			return
		}
		again, err := decoded.encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeEntry(again); err != nil || !cmp.Equal(back, decoded) {
			t.Fatalf("an entry changes when it is written anew, %v: %s", err, cmp.Diff(decoded, back))
		}
	})
}

package python

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/fuzzing"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// wished are the wishes of a Python project in a folder that all tries share.
func wished(t *testing.T, dir string, files ...string) (*wishes, error) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		packagertest.Write(t, filepath.Join(dir, files[i]), files[i+1])
	}
	return (&job{Job: packagertest.Job(t, dir, packagertest.Python("app:app"))}).wishes(t.Context())
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
			packagertest.OfUser(t, err)
			return
		}
		asks := func(text string) bool {
			return slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
				line = strings.TrimSpace(line)
				return line != "" && line[0] != '#' && (line[0] != '-' || strings.HasPrefix(line, "-e") || strings.HasPrefix(line, "--editable"))
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
	withoutUv(f)
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
			if e := packagertest.OfUser(t, err); filepath.Base(e.File) != name && !strings.HasSuffix(e.File, ".whl") {
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

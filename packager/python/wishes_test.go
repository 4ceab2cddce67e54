package python

import (
	"fmt"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// asked are the requirements that a project's files ask for.
func asked(t *testing.T, files ...string) []string {
	t.Helper()
	j := &job{Job: packagertest.Job(t, packagertest.Project(t, append(files, "app.py", "")...), packagertest.Python("app:app"))}
	w, err := j.wishes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if w == nil {
		return nil
	}
	return w.lines
}

// withoutUv has the test find no program.
func withoutUv(t testing.TB) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
}

// failure packages what cannot be packaged and returns the first problem.
func failure(t *testing.T, root string, fn manifest.Function) *source.Error {
	t.Helper()
	_, err := Content(t.Context(), packagertest.Job(t, root, fn), templates.Shim{})
	return packagertest.Problem(t, err)
}

func TestAUvLockIsFollowedFromTheProjectWithoutUv(t *testing.T) {
	withoutUv(t)
	got := asked(t, "pyproject.toml", "[project]\nname = 'My_App'\ndependencies = ['web[fast]', 'Odd.Name']\n", "uv.lock", `
version = 1
[[package]]
name = "my-app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "web", extra = ["fast"] }, { name = "odd-name", marker = "sys_platform == 'win32'" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "web"
version = "2"
source = { registry = "https://example.com/simple" }
dependencies = [{ name = "both" }, { name = "web", extra = ["fast"] }]
wheels = [{ url = "w", hash = "sha256:b" }, { url = "w", hash = "sha256:a" }]
[package.optional-dependencies]
fast = [{ name = "loop", marker = "os_name == 'posix'" }]
[[package]]
name = "odd-name"
version = "3"
dependencies = [{ name = "both" }, { name = "deep" }]
wheels = [{ hash = "sha256:c" }]
[[package]]
name = "both"
version = "4"
wheels = [{ hash = "sha256:d" }]
[[package]]
name = "deep"
version = "5"
dependencies = [{ name = "odd-name" }]
wheels = [{ hash = "sha256:e" }]
[[package]]
name = "loop"
version = "6"
dependencies = [{ name = "deep" }]
wheels = [{ hash = "sha256:f" }]
[[package]]
name = "pytest"
version = "7"
`)
	packagertest.Equal(t, got, []string{
		"both==4 --hash=sha256:d",
		"deep==5 ; ((os_name == 'posix')) or ((sys_platform == 'win32')) --hash=sha256:e",
		"loop==6 ; (os_name == 'posix') --hash=sha256:f",
		"odd-name==3 ; ((os_name == 'posix')) or ((sys_platform == 'win32')) --hash=sha256:c",
		"web==2 --hash=sha256:a --hash=sha256:b",
	})
}

func TestALockWithTooManyWaysToAPackageIsRefusedAtOnce(t *testing.T) {
	withoutUv(t)
	lock := "[[package]]\nname = 'x'\nversion = '1'\ndependencies = [{ name = 'p0' }]\n"
	for i := range 40 {
		lock += fmt.Sprintf("[[package]]\nname = 'p%d'\nversion = '1'\n", i)
		if i < 39 {
			lock += fmt.Sprintf("dependencies = [{ name = 'p%d', marker = 'a%d' }, { name = 'p%d', marker = 'b%d' }]\n", i+1, i, i+1, i)
		}
	}
	root := packagertest.Project(t, "app.py", "", "pyproject.toml", "[project]\nname = 'x'\ndependencies = ['p0']\n", "uv.lock", lock)
	e := failure(t, root, packagertest.Python("app:app"))
	packagertest.Contains(t, e.Message, "uv.lock asks for p", "more than 500 conditions")
	packagertest.Contains(t, e.Hint, "uv export")
}

func TestAPoetryLockIsFollowedFromTheProject(t *testing.T) {
	got := asked(t, "pyproject.toml", `
[tool.poetry.dependencies]
python = ">=3.11"
requests = {version = "*", extras = ["socks"]}
tomli = {version = "*", python = "<3.11"}
idle = {version = "*", optional = true}
[tool.poetry.group.dev.dependencies]
pytest = "*"
`, "poetry.lock", `
[[package]]
name = "requests"
version = "1"
files = [{file = "a.whl", hash = "sha256:a"}]
[package.dependencies]
idna = ">=2"
PySocks = {version = ">=1", optional = true, markers = "extra == \"socks\" and os_name == \"posix\""}
chardet = {version = ">=1", optional = true, markers = "extra == \"chardet\""}
[package.extras]
socks = ["PySocks (>=1)"]
chardet = ["chardet"]
[[package]]
name = "idna"
version = "2"
files = []
[[package]]
name = "pysocks"
version = "3"
[[package]]
name = "chardet"
version = "4"
[[package]]
name = "tomli"
version = "5"
[[package]]
name = "idle"
version = "6"
[[package]]
name = "pytest"
version = "7"
`)
	packagertest.Equal(t, got, []string{
		"idna==2", `pysocks==3 ; (os_name == "posix")`, "requests==1", `tomli==5 ; (python_full_version < "3.11")`,
	})
}

func TestAProjectWithoutALockIsInstalledAsItSays(t *testing.T) {
	packagertest.Equal(t, asked(t, "pyproject.toml", "[project]\nname = 'x'\ndependencies = [\n  'flask>=2',\n]\n"), []string{"flask>=2"})
	packagertest.Equal(t, asked(t, "pyproject.toml", "[project]\ndependencies = []\n[tool.ruff]\n"), []string(nil))
}

func TestDependenciesThatCannotBeReadAreNoSilentLoss(t *testing.T) {
	withoutUv(t)
	project1 := "[project]\nname = 'x'\ndependencies = ['a']\n"
	for _, c := range []struct{ name, text, lock, message, hint string }{
		{"dynamic", "[project]\nname = 'x'\ndynamic = ['dependencies']\n", "", "dynamic", "requirements.txt"},
		{"poetry without lock", "[tool.poetry.dependencies]\na = '*'\n", "", "no poetry.lock", "poetry lock"},
		{"broken", "[project", "", "pyproject.toml cannot be read", "correct"},
		{"old lock", project1, "[[package]]\nname='x'\nversion='1'\n", "older than pyproject.toml", "uv lock"},
		{"no project", project1, "", "does not hold the project x", "uv lock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := packagertest.Project(t, "app.py", "", "pyproject.toml", c.text)
			if c.lock != "" || c.name == "no project" {
				packagertest.Fill(t, root, "uv.lock", c.lock)
			}
			e := failure(t, root, packagertest.Python("app:app"))
			packagertest.Contains(t, e.Message, c.message)
			packagertest.Contains(t, e.Hint, c.hint)
		})
	}
}

func TestListsOfOtherToolsAreNamedWithWhatToDo(t *testing.T) {
	const project = "[project]\nname = 'x'\ndependencies = ['a']\n"
	for name, hint := range map[string]string{
		"Pipfile":                     "pipenv requirements",
		"Pipfile.lock":                "pipenv requirements",
		"pdm.lock":                    "pdm export",
		"pylock.toml":                 "requirements.txt",
		"environment.yml":             "PyPI",
		"environment.yaml":            "PyPI",
		"conda.yml":                   "PyPI",
		"pixi.toml":                   "PyPI",
		"requirements.in":             "pip-compile",
		"requirements/production.txt": "-r requirements/production.txt",
		"requirements/base.txt":       "-r requirements/base.txt",
	} {
		e := failure(t, packagertest.Project(t, "app.py", "", name, ""), packagertest.Python("app:app"))
		packagertest.Contains(t, e.Message, "the dependencies in "+name+" are not read")
		packagertest.Contains(t, e.Hint, hint)
		if got := asked(t, name, "", "requirements.txt", "idna\n"); len(got) != 1 {
			t.Errorf("%s goes before requirements.txt: %q", name, got)
		}
	}
	packagertest.Equal(t, asked(t, "environment.yml", "", "pyproject.toml", project), []string{"a"})
}

func TestWhatALockTakesFromARepositoryIsOfItsCommit(t *testing.T) {
	withoutUv(t)
	packagertest.Equal(t, asked(t, "pyproject.toml", "[project]\nname = 'x'\ndependencies = ['a']\n",
		"uv.lock", "[[package]]\nname='x'\nversion='1'\ndependencies=[{name='a'}]\n[[package]]\nname='a'\nversion='1'\nsource={git='https://example.com/a?rev=main#0123'}\n"),
		[]string{"a @ git+https://example.com/a@0123"})
	packagertest.Equal(t, asked(t, "pyproject.toml", "[tool.poetry.dependencies]\na = {git = 'https://example.com/a'}\n",
		"poetry.lock", "[[package]]\nname='a'\nversion='1'\nsource={type='git', url='https://example.com/a', reference='HEAD', resolved_reference='4567'}\n"),
		[]string{"a @ git+https://example.com/a@4567"})
}

func TestAMissingModuleNamesTheNearest(t *testing.T) {
	e := failure(t, packagertest.Project(t, "shop/main.py", ""), packagertest.Python("shop.mian:app"))
	packagertest.Contains(t, e.Message, "there is no module shop.mian")
	packagertest.Contains(t, e.Hint, "shop.main")
}

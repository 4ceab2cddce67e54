//go:build unix

package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
)

// seen is an application that says what it and a Python that it starts can import, and whether the names that every
// Python has are there.
const seen = `import importlib.util, subprocess, sys
ask = "import importlib.util as i; print(any(i.find_spec(m) for m in ('only_here', 'FOR_ALL')))"
def app(env, start):
    start('200 OK', [('Content-Type', 'text/plain')])
    child = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout.strip()
    module = subprocess.run([sys.executable, "-m", "json.tool"], input="[]", capture_output=True, text=True).stdout.strip()
    here = any(importlib.util.find_spec(m) for m in ("only_here", "FOR_ALL"))
    return [("%s %s %s %s" % (here, child, module, callable(exit))).encode()]
`

// forAll prints the version of a Python and a module that is installed in it for everybody.
const forAll = `import pkgutil, site, sys
print("%d.%d" % sys.version_info[:2], *[m.name for m in pkgutil.iter_modules(site.getsitepackages()) if m.ispkg][:1])`

func TestAPythonFunctionSeesNothingThatIsInstalledOnThisMachine(t *testing.T) {
	tried := map[string]bool{}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) { // of version managers, and the system's
		python := filepath.Join(dir, "python3")
		out, err := exec.Command(python, "-c", "import os, sys; print(os.path.realpath(sys.executable))").Output()
		if program := strings.TrimSpace(string(out)); err == nil && !tried[program] {
			tried[program] = true
			t.Run(program, func(t *testing.T) { seesNothing(t, python) })
		}
	}
	if len(tried) == 0 {
		t.Skip("python3 is not on this machine")
	}
}

// seesNothing deploys with an active environment of a Python that has modules in it, for the user and for everybody.
func seesNothing(t *testing.T, python string) {
	venv, home := filepath.Join(t.TempDir(), "venv"), t.TempDir()
	run := func(program string, args ...string) string {
		t.Helper()
		out, err := exec.Command(program, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", program, args, err)
		}
		return strings.TrimSpace(string(out))
	}
	version, module, _ := strings.Cut(run(python, "-c", forAll), " ")
	run(python, "-m", "venv", "--without-pip", venv)
	t.Setenv("HOME", home)
	t.Setenv("PATH", filepath.Join(venv, "bin")+":"+filepath.Dir(python)+":"+os.Getenv("PATH"))
	t.Setenv("VIRTUAL_ENV", venv)
	active := filepath.Join(venv, "bin", "python3")
	packages := run(active, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
	user := run(python, "-c", "import site; print(site.getusersitepackages())")
	for _, dir := range []string{packages, user} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "only_here.py"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "early.pth"), []byte("import sys; sys.stdout.write('early')\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(active, "-c", "import only_here; print('there')"); !strings.HasSuffix(got, "there") {
		t.Fatalf("the environment is not what it should be: %s", got)
	}
	if module == "" {
		t.Logf("nothing is installed for everybody in %s", python)
		module = "only_here"
	}
	app := strings.ReplaceAll(seen, "FOR_ALL", module)
	if body := deployed(t, interpretedFunction(manifest.Runtime("python"+version), "wsgi", "app:app"), map[string]string{"app.py": app}); body != "False False [] True" {
		t.Errorf("got %q", body)
	}
}

//go:build unix

package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// seen is an application that says what it and a Python that it starts can import, and whether the names that every
// Python has are there.
const seen = `import importlib.util, subprocess, sys
ask = "import importlib.util as i; print(any(i.find_spec(m) for m in ('only_here', 'pip')))"
def app(env, start):
    start('200 OK', [('Content-Type', 'text/plain')])
    child = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout.strip()
    module = subprocess.run([sys.executable, "-m", "json.tool"], input="[]", capture_output=True, text=True).stdout.strip()
    here = any(importlib.util.find_spec(m) for m in ("only_here", "pip"))
    return [("%s %s %s %s" % (here, child, module, callable(exit))).encode()]
`

func TestAPythonFunctionSeesNothingThatIsInstalledOnThisMachine(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on this machine")
	}
	venv, home := filepath.Join(t.TempDir(), "venv"), t.TempDir()
	run := func(program string, args ...string) string {
		t.Helper()
		out, err := exec.Command(program, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", program, args, err)
		}
		return strings.TrimSpace(string(out))
	}
	run(python, "-m", "venv", "--without-pip", venv)
	t.Setenv("HOME", home)
	t.Setenv("PATH", filepath.Join(venv, "bin")+":"+os.Getenv("PATH"))
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
	run(python, "-c", "import pip") // is with what is installed for everybody
	if got := run(active, "-c", "import only_here; print('there')"); !strings.HasSuffix(got, "there") {
		t.Fatalf("the environment is not what it should be: %s", got)
	}
	if body := deployed(t, interpretedFunction("python3.13", "wsgi", "app:app"), map[string]string{"app.py": seen}); body != "False False [] True" {
		t.Errorf("got %q", body)
	}
}

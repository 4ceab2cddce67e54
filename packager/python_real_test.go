//go:build unix

package packager

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

// natively is what a WSGI application answers to one request in an environment of its own, with its requirements
// installed by pip.
func natively(t *testing.T, root string) string {
	t.Helper()
	env := filepath.Join(t.TempDir(), "env")
	packagertest.Output(t, root, "python3", "-m", "venv", env)
	python := filepath.Join(env, "bin", "python")
	packagertest.Output(t, root, python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", "requirements.txt")
	said := packagertest.Output(t, root, python, "-c", "import app; print((b''.join(app.app({}, lambda *_: None))).decode())")
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return lines[len(lines)-1]
}

func TestPackagesThatAreBuiltServeAsTheyDoNatively(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "python3")
	root := packagertest.Project(t, "requirements.txt", "flask<2.3\nFlask-Mail==0.9.1\nlangdetect==1.0.9\nmarkupsafe==2.0.1\ndkimpy==1.1.8\n", "app.py", `
import dkim, flask, flask_mail, langdetect, markupsafe
from importlib.metadata import version
def app(environ, start_response):
    start_response("200 OK", [])
    mail = flask_mail.Message("hello", sender="b@example.com").subject
    said = [mail, langdetect.detect("ein kleines Haus am See"), str(markupsafe.escape("<")), type(markupsafe.escape).__name__, version("dkimpy"), dkim.HASH_ALGORITHMS and "dkim"]
    return [" ".join(said).encode()]
`)
	fn := served(packagertest.Python("app:app"))
	fn.Runtime = packagertest.ThisPython(t)
	p := newPackager(t, root)
	got := answer(t, build(t, p, fn), "GET", "/", "")
	packagertest.Equal(t, got, natively(t, root))
	packagertest.Contains(t, got, "builtin_function_or_method") // the compiled part came along
	pl := source.Platform{Shim: "aws", OS: "linux", Arch: runtime.GOARCH, Runtime: fn.Runtime}
	if _, err := p.Build(t.Context(), fn, pl); err != nil && pl.IsHost() {
		t.Errorf("for a cloud of this machine's kind: %v", err)
	}
	pl.Arch = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	_, err := p.Build(t.Context(), fn, pl)
	e := packagertest.Problem(t, err)
	packagertest.Contains(t, e.Message, "markupsafe 2.0.1 has no wheel for Python", pl.Arch)
	if strings.Contains(err.Error(), "langdetect") {
		t.Errorf("what is Python alone is refused: %v", err)
	}
}

func TestPathFilesNamespacesAndMetadataWorkAsTheyDoNatively(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "python3")
	root := packagertest.Project(t,
		"requirements.txt", "future-fstrings==1.2.0\nsphinxcontrib-jsmath==1.0.1\nsphinxcontrib-qthelp==1.0.3\nMarkdown==3.7\n",
		"late.py", "# -*- coding: future_fstrings -*-\nSAID = f'{1 + 1}'\n", // of a codec that a .pth registers
		"app.py", `
import late, markdown
from importlib.metadata import entry_points, version
from importlib.util import find_spec
def app(environ, start_response):
    start_response("200 OK", [])
    said = [late.SAID, version("sphinxcontrib-jsmath"), *(str(find_spec("sphinxcontrib." + n) is not None) for n in ("jsmath", "qthelp")), version("Markdown"),
            markdown.markdown("a | b\n--|--\n1 | 2", extensions=["tables"])[:7],
            str(len([e for e in entry_points().select(group="markdown.extensions")]))]
    return [" ".join(said).encode()]
`)
	fn := served(packagertest.Python("app:app"))
	fn.Runtime = packagertest.ThisPython(t)
	got := answer(t, build(t, newPackager(t, root), fn), "GET", "/", "")
	packagertest.Equal(t, got, natively(t, root))
	packagertest.Contains(t, got, "2 1.0.1 True True 3.7 <table>")
	packagertest.Write(t, filepath.Join(root, "main.py"), "import app\n")
	packagertest.Age(t, root)
	server := packagertest.Server("main.py")
	server.Runtime = fn.Runtime
	warned := build(t, newPackager(t, root), server).Warnings
	if len(warned) != 1 || !strings.Contains(warned[0].Message, "aaaaa_future_fstrings.pth") || !strings.Contains(warned[0].Hint, "site.addsitedir") {
		t.Errorf("warned of %v", warned)
	}
}

package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/unprivileged"
)

const hello = "service: hello\nfunctions:\n  api: {runtime: nodejs22, handler: app.js}\n"

func TestTheManifestIsFoundInAFolderAbove(t *testing.T) {
	o := folder(t, hello)
	root := o.Dir
	o.Dir = filepath.Join(root, "src")
	if m := load(t, o); m.File != filepath.Join(root, FileName) || m.Dir != root {
		t.Errorf("found %s in %s, want it in %s", m.File, m.Dir, root)
	}
}

func TestTheSearchStopsAtTheRepository(t *testing.T) {
	o := folder(t, hello)
	o.Dir = filepath.Join(o.Dir, "src")
	if err := os.Mkdir(filepath.Join(o.Dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	ps := problems(t, o)
	if len(ps) != 1 || !strings.Contains(ps[0].Message, "no manifest") || !strings.Contains(ps[0].Hint, "ferry init") {
		t.Errorf("got %v", ps)
	}
}

func TestANamedManifestIsRelativeToTheFolder(t *testing.T) {
	o := folder(t, hello)
	if err := os.Rename(filepath.Join(o.Dir, FileName), filepath.Join(o.Dir, "other.yaml")); err != nil {
		t.Fatal(err)
	}
	o.File = "other.yaml"
	if m := load(t, o); filepath.Base(m.File) != "other.yaml" {
		t.Errorf("loaded %s", m.File)
	}
}

func TestWhatIsNoManifestFileIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		make func(dir string) error
		want string
	}{
		"a missing file": {func(string) error { return nil }, "no manifest"},
		"a folder":       {func(dir string) error { return os.Mkdir(filepath.Join(dir, FileName), 0o755) }, "is a folder"},
		"another ending": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "ferry.yml"), nil, 0o644) }, "named ferry.yml"},
		"a huge file":    {func(dir string) error { return sparse(filepath.Join(dir, FileName), 100<<20) }, "larger than 1 MB"},
		"binary":         {func(dir string) error { return sparse(filepath.Join(dir, FileName), 1000) }, "binary"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options("")
			o.Dir = t.TempDir()
			if err := os.Mkdir(filepath.Join(o.Dir, ".git"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := test.make(o.Dir); err != nil {
				t.Skip(err)
			}
			ps := problems(t, o)
			if len(ps) != 1 || !strings.Contains(ps[0].Message, test.want) || ps[0].File == "" {
				t.Errorf("got %+v, want one problem with %q", ps, test.want)
			}
		})
	}
}

func TestAManifestThatMayNotBeReadIsRefused(t *testing.T) {
	o := folder(t, hello)
	file := filepath.Join(o.Dir, FileName)
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(o.Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	unprivileged.Files(t)
	if ps := problems(t, o); len(ps) != 1 || !strings.Contains(ps[0].Message, "permission denied") {
		t.Errorf("got %v", ps)
	}
}

func TestAFolderThatDoesNotExistIsNamed(t *testing.T) {
	o := options("")
	o.Dir = filepath.Join(t.TempDir(), "nowhere")
	if ps := problems(t, o); !strings.Contains(ps[0].Message, "nowhere does not exist") {
		t.Errorf("got %v", ps)
	}
}

func TestAFolderThatWasChosenIsTheOnlyOneThatIsLookedIn(t *testing.T) {
	o := folder(t, hello)
	root := o.Dir
	o.Dir, o.Here = filepath.Join(root, "src"), true
	if ps := problems(t, o); !strings.Contains(ps[0].Message, "no manifest in this folder") || ps[0].File != filepath.Join(root, "src", FileName) {
		t.Errorf("got %v", ps)
	}
	o.Dir = root
	if m := load(t, o); m.Dir != root {
		t.Errorf("found %s", m.File)
	}
}

func TestAManifestAboveIsNotTakenForAFolderThatIsNone(t *testing.T) {
	o := folder(t, hello)
	root := o.Dir
	for name, want := range map[string]string{"typo": "typo does not exist", FileName: FileName + " is not a folder"} {
		o.Dir = filepath.Join(root, name)
		if ps := problems(t, o); !strings.Contains(ps[0].Message, want) {
			t.Errorf("in %s: %v", name, ps)
		}
	}
}

func TestAManifestNearbyIsNamed(t *testing.T) {
	o := options("")
	o.Dir = t.TempDir()
	for _, name := range []string{".git/x", "shop/ferry.yaml", "lib/node_modules", "prod.yaml"} {
		file := filepath.Join(o.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{
		"": "there is one in shop: choose the folder", "prdo.yaml": "did you mean prod.yaml?", "other": "a ferry.yaml in shop: name it with --file",
	} {
		o.File = file
		if ps := problems(t, o); !strings.Contains(ps[0].Hint, want) {
			t.Errorf("for %q: %+v", file, ps)
		}
	}
}

func TestALinkOutOfTheFolderIsRefused(t *testing.T) {
	o := folder(t, `service: links
defaults: {runtime: nodejs22}
functions:
  file: {handler: out.js}
  folder: {source: out, handler: app.js}
  inside: {handler: in.js}
  python: {runtime: python3.13, handler: "out:app"}
`)
	outside := t.TempDir()
	for name, target := range map[string]string{
		"out.js": filepath.Join(outside, "app.js"), "out.py": filepath.Join(outside, "app.py"), "out": outside, "in.js": "app.js",
	} {
		if err := os.WriteFile(filepath.Join(outside, filepath.Base(target)), nil, 0o644); err != nil && name != "out" {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(o.Dir, name)); err != nil {
			t.Skip(err)
		}
	}
	ps := problems(t, o)
	var functions []string
	for _, p := range ps {
		if strings.Contains(p.Message, "link that leaves") {
			functions = append(functions, p.Function)
		}
	}
	if got := strings.Join(functions, " "); got != "file folder python" || len(ps) != 3 {
		t.Errorf("refused %q, with %v", got, ps)
	}
}

func sparse(file string, size int64) error {
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		return err
	}
	return os.Truncate(file, size)
}

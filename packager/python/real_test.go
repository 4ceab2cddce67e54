package python

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

func TestUvAndPipInstallTheSame(t *testing.T) {
	packagertest.Registries(t, "python3", "uv")
	root := packagertest.Project(t, "requirements.txt", "cryptography==45.0.7\ncffi==2.0.0\npycparser==2.23\n", "app.py", "")
	fn := packagertest.Python("app:app")
	fn.Runtime = packagertest.ThisPython(t)
	j := &job{Job: packagertest.Job(t, root, fn)}
	with, err := j.requirements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	packed := map[string]string{}
	for _, f := range with {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		packed[f.Name] = string(data)
	}
	w, err := j.wishes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	site := filepath.Join(t.TempDir(), "site")
	pip := source.Command{Dir: root, Name: "python3", Args: append([]string{
		"-m", "pip", "install", "--quiet", "--no-compile", "--only-binary", ":all:", "--target", site, "-r", w.file,
	}, j.target()...)}
	if _, said, err := pip.Run(t.Context()); err != nil {
		t.Fatal(said)
	}
	if err := tidy(site); err != nil {
		t.Fatal(err)
	}
	n := 0
	err = errors.Join(filepath.WalkDir(site, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(site, path)
		if n++; packed[filepath.ToSlash(rel)] != string(data) {
			t.Errorf("%s differs", rel)
		}
		return err
	}))
	if err != nil || n < 100 {
		t.Errorf("%d files, %v", n, err)
	}
}

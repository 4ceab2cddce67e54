package local

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ferryfn/ferry/manifest"
)

// program is the path by which an interpreter is started. It is made when it is not there.
func (a *Adapter) program(i interpreter, r manifest.Runtime) (string, error) {
	if r.Language() != "python" {
		return i.Path, nil
	}
	return alone(filepath.Join(string(a.home), "python"), i)
}

// alone is a Python that sees its standard library and the package, as on a cloud, and nothing that is installed on this
// machine: not by the system, by the user, or in an environment that is active. It is an environment without packages, so
// that what it starts by its own path (sys.executable) sees the same.
func alone(dir string, i interpreter) (string, error) {
	sum := sha256.Sum256([]byte(i.Path + "\n" + i.Version))
	home := filepath.Join(dir, hex.EncodeToString(sum[:6]))
	program := filepath.Join(home, "bin", "python3")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	draft, err := os.MkdirTemp(dir, "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(draft)
	config := fmt.Sprintf("home = %s\ninclude-system-site-packages = false\nversion = %s\n", filepath.Dir(i.Path), i.Version)
	if err := os.WriteFile(filepath.Join(draft, "pyvenv.cfg"), []byte(config), 0o600); err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(draft, "bin"), 0o700); err != nil {
		return "", err
	}
	if err := os.Symlink(i.Path, filepath.Join(draft, "bin", "python3")); err != nil {
		return "", err
	}
	err = os.Rename(draft, home)
	if errors.Is(err, fs.ErrExist) { // another process made it, or its Python is gone and came back
		err = nil
	}
	return program, err
}

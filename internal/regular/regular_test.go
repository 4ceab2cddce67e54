//go:build unix

package regular

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.WriteFile(at("file"), []byte("text"), 0o600), os.Symlink("file", at("link")),
		syscall.Mkfifo(at("pipe"), 0o600), os.Symlink("pipe", at("to-pipe")), os.Mkdir(at("folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir) // the path of a socket must be short
	listening, err := net.Listen("unix", "socket")
	if err != nil {
		t.Fatal(err)
	}
	defer listening.Close()
	for path, want := range map[string]string{
		at("file"): "", at("link"): "", at("pipe"): "named pipe", at("to-pipe"): "named pipe", at("folder"): "folder",
		at("socket"): "socket", os.DevNull: "device",
	} {
		data, err := Read(path)
		there, looked := Exists(path)
		var not *Error
		switch {
		case want == "":
			if string(data) != "text" || err != nil || !there || looked != nil {
				t.Errorf("%s: got %q %v, and %v %v", path, data, err, there, looked)
			}
		case !errors.As(err, &not) || Kind(not.Mode) != want || not.Path != path || there:
			t.Errorf("%s: got %v, want that it is a %s", path, err, want)
		case (looked == nil) != (want == "folder"):
			t.Errorf("%s: looking at it gave %v", path, looked)
		}
	}
	if _, err := Read(at("absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of an absent file: got %v", err)
	}
	if there, err := Exists(at("absent")); there || err != nil {
		t.Errorf("of an absent file: got %v %v", there, err)
	}
}

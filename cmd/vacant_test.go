package cmd

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAFolderIsThereAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "deep", "made")
	failed := errors.New("the disk is full")
	fill := func(after error) func(string) error {
		return func(dir string) error {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			return errors.Join(os.WriteFile(filepath.Join(dir, "file"), nil, 0o600), after)
		}
	}
	if err := whole(dir, fill(failed)); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) > 0 {
		t.Errorf("%v is left of it (%v)", left, err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil { // an empty one is taken
		t.Fatal(err)
	}
	if err := errors.Join(vacant(dir, ""), whole(dir, fill(nil))); err != nil {
		t.Fatal(err)
	}
	if err := vacant(dir, "choose another"); err == nil {
		t.Error("a folder with something in it is vacant")
	}
}

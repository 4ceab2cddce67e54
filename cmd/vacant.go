package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// vacant refuses a folder that has something in it.
func vacant(dir, hint string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usagef(hint, "the folder %s cannot be written: %v", dir, err)
	case len(entries) > 0:
		return usagef(hint, "the folder %s is not empty", dir)
	}
	return nil
}

// whole makes a vacant folder, which is there as a whole or not at all: until it is, it lies beside its place.
func whole(dir string, fill func(dir string) error) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	return aside(parent, filepath.Base(dir), func(made string) error {
		if err := fill(made); err != nil {
			return err
		}
		_ = os.Remove(dir) // an empty one is in the way; of any other the renaming says so
		if err := os.Rename(made, dir); err != nil {
			return fmt.Errorf("putting the folder in its place: %w", err)
		}
		return nil
	})
}

// aside lends a folder of that name in one that is gone afterwards, in parent; "" is where temporary files are.
func aside(parent, name string, use func(dir string) error) error {
	work, err := os.MkdirTemp(parent, ".ferry-*")
	if err != nil {
		return fmt.Errorf("making a folder for what comes: %w", err)
	}
	defer os.RemoveAll(work)
	return use(filepath.Join(work, name))
}

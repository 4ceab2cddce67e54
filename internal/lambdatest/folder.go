package lambdatest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ferryfn/ferry/internal/standin"
)

// Unpack writes the files of a zip into a folder, with their modes, as Lambda does with a package.
func Unpack(archive, dir string) error {
	zip, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer zip.Close()
	info, err := zip.Stat()
	if err != nil {
		return err
	}
	if err := standin.Unzip(zip, info.Size(), dir); err != nil {
		return fmt.Errorf("unpacking %s: %w", archive, err)
	}
	return nil
}

// copyReadOnly copies a folder so that nothing in it can be written, created or removed.
func copyReadOnly(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	dirs := []string{to}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == from {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			dirs = append(dirs, target)
			return os.MkdirAll(target, 0o755)
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		info, err := in.Stat()
		if err != nil {
			return err
		}
		return standin.WriteFile(target, in, info.Mode().Perm()&^0o222)
	})
	for _, dir := range dirs {
		err = errors.Join(err, os.Chmod(dir, 0o555))
	}
	return err
}

// removeReadOnly removes a folder in which folders may be read-only.
func removeReadOnly(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(dir))
}

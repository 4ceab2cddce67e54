package standin

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Unzip writes a package's files into a folder as a cloud does: with their modes and links, and nothing outside of the folder.
func Unzip(archive io.ReaderAt, size int64, dir string) error {
	z, err := zip.NewReader(archive, size)
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) || strings.Contains(f.Name, `\`) {
			return fmt.Errorf("%s leads out of the package", f.Name)
		}
		if err := unzipFile(f, filepath.Join(dir, filepath.FromSlash(f.Name))); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return os.MkdirAll(dir, 0o755)
}

func unzipFile(f *zip.File, to string) error {
	if f.FileInfo().IsDir() {
		return os.MkdirAll(to, 0o755)
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if f.Mode()&fs.ModeSymlink == 0 {
		return WriteFile(to, in, f.Mode().Perm()|0o600)
	}
	target, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Symlink(string(target), to)
}

// WriteFile writes a new file, in folders that it makes. It may be run at once: a process that is started meanwhile would have
// it open for writing, so that nobody could run it.
func WriteFile(to string, from io.Reader, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

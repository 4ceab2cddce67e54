package platform

import (
	"archive/zip"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unpack extracts a zip file into a new folder. It refuses every entry that would land outside, and
// everything that is neither a file nor a folder.
func unpack(ctx context.Context, zipFile, dir string) error {
	z, err := zip.OpenReader(zipFile)
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := unpackEntry(root, f); err != nil {
			return err
		}
	}
	return nil
}

func unpackEntry(root *os.Root, f *zip.File) error {
	name := strings.TrimSuffix(f.Name, "/")
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.Contains(name, `\`) {
		return &Error{Code: CodeInvalid, Message: "the package holds an entry that leads outside of it: " + quote(f.Name)}
	}
	if strings.HasSuffix(f.Name, "/") {
		return root.MkdirAll(filepath.FromSlash(name), 0o700)
	}
	if !f.Mode().IsRegular() {
		return &Error{Code: CodeInvalid, Message: "the package holds an entry that is no file: " + quote(f.Name)}
	}
	path := filepath.FromSlash(name)
	if err := root.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Not writable: a revision does not change.
	return extract(root, path, f, f.Mode().Perm()&0o111|0o444)
}

func extract(root *os.Root, path string, f *zip.File, mode fs.FileMode) error {
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if closing := to.Close(); err == nil {
		err = closing
	}
	return err
}

package platform

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// syncing is how many files are made durable at once: a disk takes many together in the time of a few.
const syncing = 32

// unpack extracts a zip file into an empty folder, durably. It refuses every entry that would land outside, and
// everything that is neither a file nor a folder.
func unpack(ctx context.Context, zipFile, dir string) (err error) {
	z, err := zip.OpenReader(zipFile)
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	u := &unpacking{root: root, dirs: map[string]bool{".": true}}
	u.files.SetLimit(syncing)
	for _, f := range z.File {
		if err = errors.Join(ctx.Err(), u.entry(f)); err != nil {
			break
		}
	}
	if err := errors.Join(err, u.files.Wait()); err != nil {
		return err
	}
	return u.syncDirs()
}

// unpacking is a package on its way to the disk.
type unpacking struct {
	root  *os.Root
	files errgroup.Group  // being made durable
	dirs  map[string]bool // that hold new names
}

func (u *unpacking) entry(f *zip.File) error {
	name := strings.TrimSuffix(f.Name, "/")
	path := filepath.FromSlash(name)
	if !filepath.IsLocal(path) || strings.Contains(name, `\`) {
		return &Error{Code: CodeInvalid, Message: "the package holds an entry that leads outside of it: " + quote(f.Name)}
	}
	if strings.HasSuffix(f.Name, "/") {
		return u.mkdir(path)
	}
	if !f.Mode().IsRegular() {
		return &Error{Code: CodeInvalid, Message: "the package holds an entry that is not a file: " + quote(f.Name)}
	}
	if err := u.mkdir(filepath.Dir(path)); err != nil {
		return err
	}
	// Not writable: a revision does not change.
	return u.extract(path, f, f.Mode().Perm()&0o111|0o444)
}

func (u *unpacking) mkdir(path string) error {
	if u.dirs[path] {
		return nil
	}
	for dir := path; !u.dirs[dir]; dir = filepath.Dir(dir) {
		u.dirs[dir] = true
	}
	return u.root.MkdirAll(path, 0o700)
}

func (u *unpacking) extract(path string, f *zip.File, mode fs.FileMode) error {
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := u.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		return errors.Join(err, to.Close())
	}
	u.files.Go(func() error { return errors.Join(to.Sync(), to.Close()) })
	return nil
}

func (u *unpacking) syncDirs() error {
	var all errgroup.Group
	all.SetLimit(syncing)
	for path := range u.dirs {
		all.Go(func() error {
			d, err := u.root.Open(path)
			if err != nil {
				return err
			}
			return errors.Join(syncDir(d), d.Close())
		})
	}
	return all.Wait()
}

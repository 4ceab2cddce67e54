package migrate

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/migrate/foreign"
)

// The bounds of a package that is unpacked: providers take less.
const (
	maxUnpacked = 2 << 30
	maxEntries  = 100_000
)

// Unpack unpacks a zip into a folder that is new. Nothing is written outside of it, whatever the entries are called, and links
// lead nowhere else. A failure is a *foreign.Error.
func Unpack(archive io.ReaderAt, size int64, dir string) error {
	z, err := zip.NewReader(archive, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return hostile("its code", "it is no zip: "+foreign.Plain(err.Error()))
	}
	if len(z.File) > maxEntries {
		return hostile("its code", fmt.Sprintf("it has more than %d files", maxEntries))
	}
	var told uint64
	for _, f := range z.File {
		if told += min(f.UncompressedSize64, maxUnpacked+1); told > maxUnpacked {
			return tooLarge()
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	left := int64(maxUnpacked)
	for _, f := range z.File {
		if err = unpackOne(root, f, &left); err != nil {
			break
		}
	}
	return errors.Join(err, root.Close())
}

func hostile(file, message string) error {
	return &foreign.Error{File: file, Message: message, Hint: "unpack the code by hand, and import the folder"}
}

func tooLarge() error {
	return hostile("its code", fmt.Sprintf("it is larger than %d GB when it is unpacked", maxUnpacked>>30))
}

func unpackOne(root *os.Root, f *zip.File, left *int64) error {
	name := filepath.FromSlash(strings.TrimSuffix(strings.ReplaceAll(f.Name, `\`, "/"), "/"))
	shown := foreign.Plain(f.Name)
	if name == "." || name == "" {
		return nil
	}
	if !filepath.IsLocal(name) {
		return hostile(shown, "it leads out of the package")
	}
	if f.FileInfo().IsDir() {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return hostile(shown, "it cannot be read: "+foreign.Plain(err.Error()))
	}
	defer in.Close()
	if f.Mode()&fs.ModeSymlink != 0 {
		return link(root, name, shown, in)
	}
	if !f.Mode().IsRegular() {
		return hostile(shown, "it is no plain file")
	}
	return write(root, name, shown, f.Mode(), in, left)
}

// link makes a link that stays inside.
func link(root *os.Root, name, shown string, in io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return hostile(shown, "it cannot be read: "+foreign.Plain(err.Error()))
	}
	if to := string(text); path.IsAbs(to) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), filepath.FromSlash(to))) {
		return hostile(shown, "it is a link that leads out of the package")
	}
	return root.Symlink(filepath.FromSlash(string(text)), name)
}

func write(root *os.Root, name, shown string, mode fs.FileMode, in io.Reader, left *int64) error {
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if errors.Is(err, fs.ErrExist) {
		return hostile(shown, "it is there twice")
	}
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, *left+1))
	*left -= n
	err = errors.Join(err, out.Close())
	switch {
	case *left < 0:
		return tooLarge()
	case errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrFormat):
		return hostile(shown, "it is damaged")
	}
	return err
}

package packager

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// Save puts a package with its bill into a folder, as <function>.zip and <function>.json, and returns the bill
// with the package's new place. Each file appears complete or not at all, the bill last.
func Save(b Bill, dir string) (Bill, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Bill{}, fmt.Errorf("making the folder for packages: %w", err)
	}
	to := filepath.Join(dir, b.Function+".zip")
	zipped, err := b.Artifact.Open()
	if err != nil {
		return Bill{}, fmt.Errorf("saving the package of %s: %w", b.Function, err)
	}
	defer zipped.Close()
	kept := b
	kept.Artifact.Path, kept.Artifact.Cached = b.Function+".zip", false
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return Bill{}, err
	}
	if err = replace(to, zipped); err == nil {
		err = replace(filepath.Join(dir, b.Function+".json"), strings.NewReader(string(data)+"\n"))
	}
	if err != nil {
		return Bill{}, fmt.Errorf("writing the package of %s to %s: %w", b.Function, dir, err)
	}
	b.Artifact.Path = to
	return b, nil
}

// replace writes a file that appears complete.
func replace(path string, content io.Reader) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), source.Unfinished)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = io.Copy(tmp, content)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// saved returns a package from the folder that an earlier run saved it to. Nothing is built: what does not fit what
// is asked for, or is not what was saved, is an error.
func (p *Packager) saved(fn manifest.Function, pl Platform) (Artifact, error) {
	j := p.job(fn, pl)
	if err := j.render(); err != nil {
		return Artifact{}, err
	}
	file := filepath.Join(p.From, fn.Name+".json")
	again := p.again(fn)
	data, err := regular.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Artifact{}, source.Problem(file, again, "%s holds no package of %s", p.From, fn.Name)
	}
	if err != nil {
		return Artifact{}, source.ReadProblem(file, file, err)
	}
	var b Bill
	if err := json.Unmarshal(data, &b); err != nil {
		return Artifact{}, source.Problem(file, again, "%s is not what ferry package writes: %v", file, err)
	}
	if b.Platform != pl {
		return Artifact{}, source.Problem(file, again, "%s was packaged for %s, and this is %s", fn.Name, label(b.Platform), label(pl))
	}
	if b.Asked != j.asked() {
		return Artifact{}, source.Problem(file, again,
			"%s was packaged from other settings in the manifest, or by another version of ferry", fn.Name)
	}
	a := b.Artifact
	a.Path, a.Cached = filepath.Join(p.From, fn.Name+".zip"), true
	if b.Ferry != "" {
		a.Made = &b.Provenance
	}
	tree := ""
	if err = a.whole(); err == nil {
		tree, err = treeOf(a.Path)
	}
	var other *regular.Error
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Artifact{}, source.Problem(a.Path, again, "%s holds no package of %s", p.From, fn.Name)
	case errors.As(err, &other):
		return Artifact{}, source.ReadProblem(a.Path, a.Path, err)
	case err != nil || tree != a.Digest:
		return Artifact{}, p.spoiled(fn, a, err)
	}
	if err := a.counts(); err != nil {
		return Artifact{}, source.Problem(a.Path, again, "%s is not the package that %s describes: %s", a.Path, filepath.Base(file), err)
	}
	return a, nil
}

// counts compares what is said of a package with what it holds.
func (a Artifact) counts() error {
	entries, err := List(a)
	if err != nil {
		return err
	}
	info, err := os.Stat(a.Path)
	if err != nil {
		return err
	}
	var unzipped int64
	for _, e := range entries {
		unzipped += e.Size
	}
	if a.Size != info.Size() || a.Unzipped != unzipped || a.Files != len(entries) {
		return errors.New("it is of another size")
	}
	if !slices.ContainsFunc(entries, func(e Entry) bool { return e.Name == a.Entry }) {
		return fmt.Errorf("it holds no %q to start", a.Entry)
	}
	return nil
}

func (p *Packager) again(fn manifest.Function) string {
	return "package it again with `ferry package " + fn.Name + " -o " + filepath.Base(p.From) + "` for this target"
}

// spoiled is the error of a saved package that is not what was saved.
func (p *Packager) spoiled(fn manifest.Function, a Artifact, cause error) *Error {
	e := source.Problem(a.Path, p.again(fn), "%s is not the package that %s.json describes", a.Path, fn.Name)
	e.Err = cause
	return e
}

func label(p Platform) string {
	return fmt.Sprintf("%s (%s, %s)", p.Shim, p.Describe(), p.Runtime)
}

// treeOf is the digest of the tree in a zip.
func treeOf(path string) (string, error) {
	r, err := zip.OpenReader(path)
	if err != nil {
		return "", err
	}
	defer r.Close()
	all := sha256.New()
	for _, e := range r.File {
		b := block{header: header{name: e.Name, size: uint32(e.UncompressedSize64), mode: uint32(e.Mode().Perm())}}
		content, err := e.Open()
		if err != nil {
			return "", err
		}
		one := sha256.New()
		_, err = io.Copy(one, content)
		if err := errors.Join(err, content.Close()); err != nil {
			return "", err
		}
		b.sum = hex.EncodeToString(one.Sum(nil))
		all.Write(b.line(nil))
	}
	return digest(all), nil
}

// Entry is one file of a package.
type Entry struct {
	Name       string `json:"name"`
	Size       int64  `json:"size"`   // in bytes
	Packed     int64  `json:"packed"` // in the zip
	Executable bool   `json:"executable,omitempty"`
}

// List returns what a package holds, the biggest first.
func List(a Artifact) ([]Entry, error) {
	r, err := zip.OpenReader(a.Path)
	if err != nil {
		return nil, fmt.Errorf("reading the package %s: %w", a.Path, err)
	}
	defer r.Close()
	var out []Entry
	for _, f := range r.File {
		out = append(out, Entry{f.Name, int64(f.UncompressedSize64), int64(f.CompressedSize64), f.Mode()&0o111 != 0})
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return int(min(max(b.Size-a.Size, -1), 1)) })
	return out, nil
}

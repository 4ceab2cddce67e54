package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
)

// File is one entry of a package to be.
type File struct {
	Name string      // slash path in the package
	Path string      // where it lies on disk; "" when Data holds it
	Info fs.FileInfo // as it was when it was found; nil when Data holds it
	Data []byte
	// In is where the content is noted as an input, since a change of it means that the package is out of date;
	// nil for what ferry made itself in its cache.
	In *Recorder
}

// Generated is an entry that is on no disk.
func Generated(name string, data []byte) File { return File{Name: name, Data: data} }

// Replaced are files with a generated one in the place of any of its name.
func Replaced(files []File, name string, data []byte) []File {
	out := slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Name == name })
	return append(out, Generated(name, data))
}

// Size is that of the content, in bytes.
func (f *File) Size() int64 {
	if f.Info != nil {
		return f.Info.Size()
	}
	return int64(len(f.Data))
}

// Duplicate is true for a file of a name that it was asked about before.
func Duplicate() func(File) bool {
	seen := map[string]bool{}
	return func(f File) bool {
		again := seen[f.Name]
		seen[f.Name] = true
		return again
	}
}

// MaxEntries is what a zip holds without its 64-bit form, which not every cloud reads.
const MaxEntries = 65534

// walker collects the files of a source folder.
type walker struct {
	ctx   context.Context
	dir   string // the source folder
	real  string // the same without symlinks
	skip  string // ferry's own cache, should it lie inside
	rules *rules
	in    *Recorder
	files []File
	// noting walks for the inputs alone: what could not be packaged is passed over.
	noting bool
	// only are the paths that are asked for, with all below them; nil is everything.
	only []string
}

// place is a folder on the way down.
type place struct {
	parts   []string // names below the source
	real    []string // real folders from the source down to here, which a symlink must not lead back to
	ignore  []rule
	ignored bool // only what build.include names is taken
	wanted  *include
}

// walk collects what the rules keep; with ignored only what build.include names.
func (w *walker) walk(ignored bool) error {
	realDir, err := filepath.EvalSymlinks(w.dir)
	if err != nil {
		return ReadProblem(w.dir, "the source folder", err)
	}
	w.real = realDir
	if err := w.folder(w.dir, place{real: []string{realDir}, ignore: w.rules.ignore, ignored: ignored}); err != nil {
		return err
	}
	for _, inc := range w.rules.include {
		if !inc.used && !w.noting {
			return Problem("", "correct the pattern or remove it; patterns are relative to the source folder",
				"build.include: %q matches no file in %s", inc.text, w.dir)
		}
	}
	return nil
}

func (w *walker) folder(dir string, at place) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	entries, err := w.in.Dir(dir)
	if err != nil {
		return ReadProblem(dir, w.shown(at.parts), err)
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == ".ferryignore" }) {
		if err := w.in.File(filepath.Join(dir, ".ferryignore")); err != nil {
			return err
		}
		domain := append(slices.Clone(w.rules.above), at.parts...)
		at.ignore = append(slices.Clone(at.ignore), ignoreFile(dir, domain)...)
	}
	for _, e := range w.withoutPackages(dir, entries) {
		if err := w.entry(filepath.Join(dir, e.Name()), e, at); err != nil {
			return err
		}
	}
	return nil
}

// withoutPackages leaves out what `ferry package` saved in a folder: its output is never its input.
func (w *walker) withoutPackages(dir string, entries []fs.DirEntry) []fs.DirEntry {
	saved := map[string]bool{}
	for _, e := range entries {
		if bill := filepath.Join(dir, e.Name()); isSaved(bill) {
			w.in.bill(bill)
			saved[e.Name()], saved[Stem(e.Name())+".zip"] = true, true
		}
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e fs.DirEntry) bool { return saved[e.Name()] })
}

func (w *walker) shown(parts []string) string {
	if len(parts) == 0 {
		return "the source folder"
	}
	return path.Join(parts...)
}

// entry decides about one name in a folder.
func (w *walker) entry(full string, e fs.DirEntry, at place) error {
	parts := append(slices.Clone(at.parts), e.Name())
	name := path.Join(parts...)
	isDir := e.IsDir()
	if e.Type()&fs.ModeSymlink != 0 {
		if info, err := os.Stat(full); err == nil {
			isDir = info.IsDir()
		}
	}
	if full == w.skip || !w.asked(name) || Never(name, isDir) || excluded(w.rules.exclude, subject{parts, isDir}) {
		return nil
	}
	wanted := at.wanted
	if inc := w.rules.included(subject{parts, isDir}); inc != nil {
		wanted = inc
	}
	ignored := wanted == nil && (at.ignored || e.Name() == "node_modules" && isDir ||
		excluded(at.ignore, subject{append(slices.Clone(w.rules.above), parts...), isDir}))
	if ignored && (!isDir || !w.rules.mayInclude(parts)) {
		return nil
	}
	if SecretName(name) {
		return w.refuseSecret(full, name, wanted)
	}
	next := place{parts: parts, real: at.real, ignore: at.ignore, ignored: ignored, wanted: wanted}
	if e.Type()&fs.ModeSymlink != 0 {
		return w.link(full, name, next)
	}
	if isDir {
		next.real = append(slices.Clone(at.real), filepath.Join(at.real[len(at.real)-1], e.Name()))
		return w.folder(full, next)
	}
	info, err := e.Info()
	if err != nil {
		return ReadProblem(full, name, err)
	}
	return w.regular(full, name, info, wanted)
}

// asked is whether a path is asked for, or on the way to one that is.
func (w *walker) asked(name string) bool {
	return w.only == nil || slices.ContainsFunc(w.only, func(one string) bool {
		return one == "." || strings.HasPrefix(name+"/", one+"/") || strings.HasPrefix(one+"/", name+"/")
	})
}

// refuseSecret leaves a secret out, or refuses it when build.include asks for it.
func (w *walker) refuseSecret(full, name string, wanted *include) error {
	if w.noting || wanted == nil || !wanted.deliberate() {
		return nil
	}
	return Problem(full, "name secrets under `secrets:` in the manifest and keep the file out of the package",
		"build.include: %q takes in %s, which looks like a secret", wanted.text, name)
}

func (w *walker) link(full, name string, at place) error {
	const hint = "replace the link with what it points to, or leave it out with build.exclude"
	if err := w.in.link(full); err != nil {
		return ReadProblem(full, name, err)
	}
	if w.noting {
		return nil
	}
	target, err := filepath.EvalSymlinks(full)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Problem(full, hint, "the symlink %s points to nothing", name)
		}
		return Problem(full, hint, "the symlink %s cannot be followed, it may lead to itself: %v", name, err)
	}
	rel, err := filepath.Rel(w.real, target)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return Problem(full, hint, "the symlink %s leads out of the source folder, to %s", name, target)
	}
	for part := filepath.ToSlash(rel); part != "." && part != "/"; part = path.Dir(part) {
		if SecretName(part) || path.Base(part) == ".git" {
			return Problem(full, hint, "the symlink %s leads to %s, which never enters a package", name, filepath.ToSlash(rel))
		}
	}
	info, err := os.Stat(target)
	if err != nil {
		return ReadProblem(full, name, err)
	}
	if !info.IsDir() {
		return w.regular(target, name, info, at.wanted)
	}
	if slices.Contains(at.real, target) {
		return Problem(full, hint, "the symlink %s leads back to a folder that holds it", name)
	}
	at.real = append(slices.Clone(at.real), target)
	return w.folder(target, at)
}

func (w *walker) regular(full, name string, info fs.FileInfo, wanted *include) error {
	if w.noting && !info.Mode().IsRegular() {
		return nil
	}
	if !info.Mode().IsRegular() {
		return Problem(full, "remove it, or leave it out with build.exclude", "%s is a %s, not a file", name, regular.Kind(info.Mode()))
	}
	if doubtful(name) && info.Size() < 1<<20 {
		data, err := regular.Read(full)
		if err != nil {
			return ReadProblem(full, name, err)
		}
		if secretContent(data) {
			if err := w.in.File(full); err != nil {
				return err
			}
			return w.refuseSecret(full, name, wanted)
		}
	}
	if len(w.files) >= MaxEntries {
		return Problem("", "leave files out with .ferryignore or build.exclude", "more than %d files", MaxEntries)
	}
	w.files = append(w.files, File{Name: name, Path: full, Info: info, In: w.in})
	return nil
}

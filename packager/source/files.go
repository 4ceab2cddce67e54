package source

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
)

// Tree collects the whole source folder but for what the rules leave out.
func (j *Job) Tree(ctx context.Context) ([]File, error) {
	find := func() (*Look, error) {
		in := NewRecorder(j.In.Hashes)
		w, err := j.walker(ctx, in)
		if err != nil {
			return nil, err
		}
		err = w.walk(false)
		return &Look{files: w.files, In: in}, err
	}
	// The command may have changed what others saw.
	seen, err := j.Looks.Get(ctx, DigestOf(j.Dir, j.Function.Build.Include, j.Function.Build.Exclude, j.Function.Build.Command), find)
	if err != nil {
		return nil, err
	}
	j.Seen = append(j.Seen, seen)
	return slices.Clone(seen.files), nil
}

// Included collects only what build.include names.
func (j *Job) Included(ctx context.Context) ([]File, error) {
	if len(j.Function.Build.Include) == 0 {
		return nil, nil
	}
	w, err := j.walker(ctx, j.In)
	if err != nil {
		return nil, err
	}
	err = w.walk(true)
	return w.files, err
}

// Only collects files and folders by their slash paths from the source folder, as far as the rules keep them.
func (j *Job) Only(ctx context.Context, names []string) ([]File, error) {
	if len(names) == 0 {
		return nil, nil
	}
	own := *j
	own.Function.Build.Include = nil // what it names is collected already
	w, err := own.walker(ctx, j.In)
	if err != nil {
		return nil, err
	}
	w.only = names
	err = w.walk(false)
	return w.files, err
}

// NoteAll makes the whole source folder an input: nobody knows what a build command reads. What is installed
// in node_modules follows from the lock file, which is in the folder.
func (j *Job) NoteAll(ctx context.Context) error {
	w, err := j.walker(ctx, j.In)
	if err != nil {
		return err
	}
	w.noting = true
	if err := w.walk(false); err != nil {
		return err
	}
	for _, f := range w.files {
		sum, err := j.In.Hashes.sum(f.Path, f.Info, j.In.Began, contentOf)
		if err != nil {
			return ReadProblem(f.Path, f.Name, err)
		}
		j.In.Packed(f.Path, f.Info, sum)
	}
	return nil
}

func (j *Job) walker(ctx context.Context, in *Recorder) (*walker, error) {
	r, err := newRules(j.Root, j.Dir, j.Function.Build.Exclude, j.Function.Build.Include)
	if err != nil {
		return nil, err
	}
	for i := range r.above { // an ignore file may appear above the source
		dir := filepath.Join(append([]string{j.Root}, r.above[:i]...)...)
		if err := in.Folder(dir); err != nil {
			return nil, ReadProblem(dir, dir, err)
		}
		if err := in.Optional(filepath.Join(dir, ".ferryignore")); err != nil {
			return nil, err
		}
	}
	return &walker{ctx: ctx, dir: j.Dir, skip: j.Cache, rules: r, in: in}, nil
}

// Kind is what a name in the manifest should be.
type Kind int

// The kinds.
const (
	AFile Kind = iota
	AFolder
)

// Missing is the error of something that the manifest names and that is not there.
func Missing(dir, name, field string, want Kind) error {
	e := Problem(filepath.Join(dir, filepath.FromSlash(name)), "create it, or correct `"+field+"` in the manifest",
		"%s %s does not exist", field, name)
	if near := Nearest(dir, name, want); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	return e
}

// WantFile fails when a file below the source folder is not there, which the manifest names in a field.
func (j *Job) WantFile(file, name, field string) error {
	there, err := IsFile(filepath.Join(j.Dir, filepath.FromSlash(file)))
	if err == nil && !there {
		err = Missing(j.Dir, name, field, AFile)
	}
	return err
}

// Nearest is the existing path below a folder that is most like a name, or nothing when none is like it.
func Nearest(dir, name string, want Kind) string {
	best, least := "", len(name)/2+1
	seen := 0
	_ = filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		seen++
		if err != nil || seen > 5000 {
			return fs.SkipAll
		}
		if d.IsDir() && full != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || Never(d.Name(), true)) {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(dir, full)
		if err != nil || rel == "." || d.IsDir() != (want == AFolder) {
			return nil
		}
		rel = filepath.ToSlash(rel)
		n := distance(rel, name)
		if path.Base(rel) == path.Base(name) { // moved
			n = min(n, 2)
		}
		if Stem(rel) == Stem(name) { // another suffix
			n = min(n, 1)
		}
		if n < least {
			best, least = rel, n
		}
		return nil
	})
	return best
}

// Stem is a name without its suffix.
func Stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// distance is the number of letters to change, add or take away.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for k := range row {
		row[k] = k
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for k := range len(b) {
			cost := diagonal
			if a[i] != b[k] {
				cost++
			}
			diagonal = row[k+1]
			row[k+1] = min(cost, row[k]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// IsFile is whether a file is there. What would block whoever opens it is an error.
func IsFile(path string) (bool, error) {
	there, err := regular.Exists(path)
	if err != nil {
		return false, ReadProblem(path, path, err)
	}
	return there, nil
}

package packager

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
)

// tree collects the whole source folder but for what the rules leave out.
func (j *job) tree(ctx context.Context) ([]file, error) {
	find := func() (*look, error) {
		in := newRecorder(j.in.hashes)
		w, err := j.walker(ctx, in)
		if err != nil {
			return nil, err
		}
		err = w.walk(false)
		return &look{files: w.files, in: in}, err
	}
	// The command may have changed what others saw.
	seen, err := j.p.shared.looks.get(ctx, digestOf(j.dir, j.fn.Build.Include, j.fn.Build.Exclude, j.fn.Build.Command), find)
	if err != nil {
		return nil, err
	}
	j.looks = append(j.looks, seen)
	return slices.Clone(seen.files), nil
}

// included collects only what build.include names.
func (j *job) included(ctx context.Context) ([]file, error) {
	if len(j.fn.Build.Include) == 0 {
		return nil, nil
	}
	w, err := j.walker(ctx, j.in)
	if err != nil {
		return nil, err
	}
	err = w.walk(true)
	return w.files, err
}

func (j *job) walker(ctx context.Context, in *recorder) (*walker, error) {
	r, err := newRules(j.p.Root, j.dir, j.fn.Build.Exclude, j.fn.Build.Include)
	if err != nil {
		return nil, err
	}
	for i := range r.above { // an ignore file may appear above the source
		dir := filepath.Join(append([]string{j.p.Root}, r.above[:i]...)...)
		if _, err := in.dir(dir); err != nil {
			return nil, readProblem(dir, dir, err)
		}
		if err := in.optional(filepath.Join(dir, ".ferryignore")); err != nil {
			return nil, err
		}
	}
	return &walker{ctx: ctx, dir: j.dir, skip: j.p.Cache, rules: r, in: in}, nil
}

// kind is what a name in the manifest should be.
type kind int

const (
	aFile kind = iota
	aFolder
)

// missing is the error of something that the manifest names and that is not there.
func missing(dir, name, field string, want kind) error {
	e := problem(filepath.Join(dir, filepath.FromSlash(name)), "create it, or correct `"+field+"` in the manifest",
		"%s %s does not exist", field, name)
	if near := nearest(dir, name, want); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	return e
}

// wantFile fails when a file below the source folder is not there, which the manifest names in a field.
func (j *job) wantFile(file, name, field string) error {
	there, err := isFile(filepath.Join(j.dir, filepath.FromSlash(file)))
	if err == nil && !there {
		err = missing(j.dir, name, field, aFile)
	}
	return err
}

// nearest is the existing path below a folder that is most like a name, or nothing when none is like it.
func nearest(dir, name string, want kind) string {
	best, least := "", len(name)/2+1
	seen := 0
	_ = filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		seen++
		if err != nil || seen > 5000 {
			return fs.SkipAll
		}
		if d.IsDir() && full != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || never(d.Name(), true)) {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(dir, full)
		if err != nil || rel == "." || d.IsDir() != (want == aFolder) {
			return nil
		}
		rel = filepath.ToSlash(rel)
		n := distance(rel, name)
		if path.Base(rel) == path.Base(name) { // moved
			n = min(n, 2)
		}
		if stem(rel) == stem(name) { // another suffix
			n = min(n, 1)
		}
		if n < least {
			best, least = rel, n
		}
		return nil
	})
	return best
}

func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

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

// isFile is whether a file is there. What would block whoever opens it is an error.
func isFile(path string) (bool, error) {
	there, err := regular.Exists(path)
	if err != nil {
		return false, readProblem(path, path, err)
	}
	return there, nil
}

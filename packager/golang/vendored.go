package golang

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// sources are the part of the user's module that is compiled, all other modules in vendor, and the shim as a package
// of its own.
func (j *job) sources(ctx context.Context, packages []pkg, tmp string) error {
	target := packages[len(packages)-1]
	folder := target.Module.folder()
	vendor := filepath.Join(tmp, "vendored")
	if err := j.vendor(ctx, folder, vendor); err != nil {
		return err
	}
	if err := j.compiled(packages, folder); err != nil {
		return err
	}
	vendored, err := filesIn(vendor, "vendor")
	if err != nil {
		return err
	}
	j.made.Files = append(j.made.Files, vendored...)
	handler, err := filepath.Rel(folder, target.Dir)
	if err != nil {
		return err
	}
	j.made.Entry = filepath.ToSlash(handler)
	if j.Function.Style == manifest.StyleServer {
		return nil
	}
	j.made.Entry = path.Join(j.made.Entry, entryFolder)
	shim, err := j.shimFiles(target)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(shim)) {
		j.made.Files = append(j.made.Files, source.Generated(path.Join(j.made.Entry, name), shim[name]))
	}
	return nil
}

// vendor copies the other modules that a module needs into a folder.
func (j *job) vendor(ctx context.Context, folder, into string) error {
	vendor := source.Command{Dir: folder, Env: append(j.env(), "GOWORK=off"), Name: "go", Args: []string{"mod", "vendor", "-o", into}}
	_, said, err := vendor.Run(ctx)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	e := source.Problem(folder, "run `go mod vendor` in "+j.Function.Source, "the modules cannot be vendored: %s", said)
	e.Err = err
	return e
}

// compiled takes the files of the user's module that are compiled, and those that describe it.
func (j *job) compiled(packages []pkg, folder string) error {
	names := []string{"go.mod", "go.sum"}
	module := packages[len(packages)-1].Module.Path
	for _, p := range packages {
		if p.Module == nil || p.Module.Path != module {
			continue
		}
		rel, err := filepath.Rel(folder, p.Dir)
		if err != nil {
			return err
		}
		for _, name := range slices.Concat(p.GoFiles, p.OtherFiles, p.HFiles, p.EmbedFiles) {
			names = append(names, path.Join(filepath.ToSlash(rel), name))
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		full := filepath.Join(folder, filepath.FromSlash(name))
		info, err := os.Stat(full)
		if err != nil {
			continue // a module without dependencies has no go.sum
		}
		j.made.Files = append(j.made.Files, source.File{Name: name, Path: full, Info: info, In: j.In})
	}
	return nil
}

// filesIn are the files below a folder, with their names below another one in the package.
func filesIn(dir, under string) (files []source.File, err error) {
	if !source.Exists(dir) { // nothing but the standard library
		return nil, nil
	}
	err = filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, full)
		files = append(files, source.File{Name: path.Join(under, filepath.ToSlash(rel)), Path: full, Info: info})
		return err
	})
	return files, err
}

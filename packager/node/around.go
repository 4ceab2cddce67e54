package node

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// A module may find files beside itself by names that are known only when it runs, or give its folder to others that do. Then all
// files of the folder come along.

// mostAround is how many bytes come along so: a folder that holds more is hardly meant.
const mostAround = 100 << 20

// around are the files of such folders, beside those that are in the package. A folder of which none can come is left unknown.
func (r *reads) around(in []source.File) (files []source.File, err error) {
	var open []unknown
	for _, u := range r.unknown {
		if r.taken[u.name].file != "" || len(r.job.Function.Build.Include) > 0 && holds(in, u.name) {
			continue
		}
		found, err := r.within(u.name)
		if wrong := r.ctx.Err(); wrong != nil {
			return nil, wrong
		}
		if err != nil || u.maybe || size(found) > mostAround {
			open = append(open, u)
			continue
		}
		files = append(files, found...)
		of := reason{file: r.shown(u.file), line: u.line, verb: "reads from"}
		r.taken[u.name] = of
		if u.name == "." {
			r.warnings = append(r.warnings, source.Warning{
				File: of.file, Line: of.line,
				Message: fmt.Sprintf("%s the source folder by names that are known only when it runs: all of its files come along", of),
				Hint:    "leave out what it does not read with `build.exclude` or a .ferryignore",
			})
		}
	}
	r.unknown = open
	return files, nil
}

// within are the files of a folder without the modules that are in the bundle, unless code loads modules by expressions.
func (r *reads) within(name string) ([]source.File, error) {
	files, err := r.only([]string{name})
	if err != nil || r.loading {
		return files, err
	}
	bundled := map[string]bool{}
	for input := range r.meta.Inputs {
		if name, ok := r.inPackage(r.codeOf(input).file); ok {
			bundled[name] = true
		}
	}
	return slices.DeleteFunc(files, func(f source.File) bool { return bundled[strings.TrimSuffix(f.Name, ".map")] }), nil
}

func size(files []source.File) (n int64) {
	for _, f := range files {
		n += f.Size()
	}
	return n
}

// holds is whether a package has a file of a name, or one below it.
func holds(files []source.File, name string) bool {
	return slices.ContainsFunc(files, func(f source.File) bool { return f.Name == name || name == "." || strings.HasPrefix(f.Name, name+"/") })
}

// only are files and folders of the source folder and from outside of it, by their names in the package.
func (r *reads) only(names []string) ([]source.File, error) {
	var here, outside []string
	for _, name := range names {
		if rest, out := strings.CutPrefix(name, outsideFolder+"/"); out {
			outside = append(outside, rest)
		} else {
			here = append(here, name)
		}
	}
	files, err := r.job.Only(r.ctx, here)
	if err != nil {
		return nil, err
	}
	from := *r.job.Job
	from.Dir = from.Root
	others, err := from.Only(r.ctx, outside)
	for _, f := range others {
		f.Name = path.Join(outsideFolder, f.Name)
		files = append(files, f)
	}
	return files, err
}

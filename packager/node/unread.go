package node

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// What does not come along is said, with the line that asks for it.

func (r *reads) warn(p *paths, line int, message, hint string) {
	name := r.shown(filepath.FromSlash(p.file))
	r.warnings = append(r.warnings, source.Warning{File: name, Line: line, Message: fmt.Sprintf("%s:%d %s", name, line, message), Hint: hint})
}

// done notes in the content what came along and why, and what did not, with the files that are in the package.
func (r *reads) done(in []source.File) error {
	r.job.made.Read = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.taken)) {
		why := r.taken[name]
		if holds(in, name) {
			r.job.made.Read[name] = why.String() + " it"
			if err := r.uncompiled(name, why); err != nil {
				return err
			}
			continue
		}
		lacks, err := r.job.LeftOut(name)
		if err != nil {
			return err
		}
		if lacks != "" && !strings.HasPrefix(lacks, "build.exclude") && !strings.HasPrefix(name, outsideFolder+"/") {
			r.warnings = append(r.warnings, why.leftOut(name, lacks))
		}
	}
	for _, u := range r.unknown {
		folder, pattern := "the folder "+u.name, path.Join(u.name, "*.html")
		if u.name == "." {
			folder = "the source folder"
		}
		r.warn(&paths{file: u.file}, u.line, "reads from "+folder+" by names that are known only when it runs: the bundle takes none of its files along",
			fmt.Sprintf("name what it needs, as in `build: {include: [%q]}`, or keep all files with `build: {bundle: false}`", pattern))
	}
	slices.SortFunc(r.warnings, func(a, z source.Warning) int {
		return cmp.Or(cmp.Compare(a.File, z.File), cmp.Compare(a.Line, z.Line), cmp.Compare(a.Message, z.Message))
	})
	r.job.made.Warnings = append(r.job.made.Warnings, slices.Compact(r.warnings)...)
	return nil
}

func (r reason) leftOut(name, lacks string) source.Warning {
	hint := "take it in with build.include, or name it in build.exclude if the function works without"
	if source.SecretName(name) {
		hint = "give its values by `env` and `secrets` in the manifest"
	}
	return source.Warning{File: r.file, Line: r.line, Message: fmt.Sprintf("%s %s, which is not in the package: %s", r, name, lacks), Hint: hint}
}

// uncompiled looks at a folder of TypeScript that is given away: Node does not load it as it is.
func (r *reads) uncompiled(name string, why reason) error {
	types := ""
	for _, f := range r.files {
		if !strings.HasPrefix(f.Name, name+"/") || strings.HasSuffix(f.Name, ".d.ts") {
			continue
		}
		if !scripts(f.Name) {
			return nil
		}
		if types == "" && strings.Contains(path.Ext(f.Name), "ts") {
			types = f.Name
		}
	}
	if types == "" {
		return nil
	}
	message := fmt.Sprintf("%s %s as it is, and Node does not load %s, which is TypeScript", why, name, types)
	const hint = "compile with `build.command`, name the result as handler, as in dist/main.js, and keep its files with `build: {bundle: false}`"
	if why.by == "dir" { // of what loads all modules of a folder
		return &source.Error{File: filepath.Join(r.real, filepath.FromSlash(why.file)), Line: why.line, Message: message, Hint: hint}
	}
	r.warnings = append(r.warnings, source.Warning{File: why.file, Line: why.line, Message: message, Hint: hint})
	return nil
}

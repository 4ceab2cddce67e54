package packager

import (
	"archive/zip"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/node"
	"github.com/ferryfn/ferry/packager/source"
)

// Explanation is why a file is in a package or not.
type Explanation struct {
	Function string `json:"function"`
	File     string `json:"file"` // slash path from the source folder, or in the package
	In       bool   `json:"in"`   // its content is in the package, as itself or as a part of a file
	Why      string `json:"why"`
}

// Explain packages a function as Build does, and says why a file is in the package or not. The file is a path from
// the source folder, a path in the package, or an absolute path.
func (p *Packager) Explain(ctx context.Context, fn manifest.Function, pl Platform, name string) (Explanation, error) {
	b, err := p.Bill(ctx, fn, pl)
	if err != nil {
		return Explanation{}, err
	}
	j, err := newJob(p, fn, pl)
	if err != nil {
		return Explanation{}, err
	}
	full := name
	if filepath.IsAbs(name) {
		if name, err = filepath.Rel(j.Dir, full); err != nil {
			return Explanation{}, err
		}
	} else {
		full = filepath.Join(j.Dir, filepath.FromSlash(name))
	}
	x := explainer{job: j, bill: b, name: path.Clean(filepath.ToSlash(name)), full: full}
	in, why, err := x.explain()
	return Explanation{Function: fn.Name, File: x.name, In: in, Why: why}, err
}

// explainer looks for the reason of one file.
type explainer struct {
	job  *job
	bill Bill
	name string // from the source folder
	full string
}

func (x *explainer) explain() (in bool, why string, err error) {
	r, err := zip.OpenReader(x.bill.Artifact.Path)
	if err != nil {
		return false, "", fmt.Errorf("reading the package of %s: %w", x.bill.Function, err)
	}
	defer r.Close()
	packed := slices.ContainsFunc(r.File, func(f *zip.File) bool { return f.Name == x.name })
	if packed {
		return true, x.entry(), nil
	}
	if chain := node.Imports(x.bill.Metafile, x.job.Function.Module(), x.name); len(chain) > 0 {
		return true, "it is bundled: " + strings.Join(chain, " imports "), nil
	}
	rel, err := filepath.Rel(x.job.Root, x.full)
	if err != nil {
		return false, "", err
	}
	read := slices.ContainsFunc(x.bill.Inputs, func(i Input) bool { return i.Path == filepath.ToSlash(rel) })
	switch {
	case read && x.job.Function.Runtime.Language() == "go":
		return true, "it is compiled into " + x.bill.Artifact.Entry, nil
	case read:
		return false, "it decides what goes in, and does not go in itself", nil
	case !source.Exists(x.full):
		return false, "there is no such file in the source folder or in the package", nil
	}
	why, err = x.leftOut()
	return false, why, err
}

// entry is why an entry of the package is there.
func (x *explainer) entry() string {
	if _, ok := x.job.shim.Files[x.name]; ok && x.job.Function.Runtime.Language() != "go" {
		return "it is ferry's entry shim for " + x.job.Platform.Shim
	}
	if x.bill.Metafile != nil && strings.HasPrefix(x.name, source.Stem(x.job.Function.Module())+".") {
		return "it is the bundle of " + x.job.Function.Module() + ", or its source map"
	}
	if dir, name, ok := node.PackageOf("/" + x.name); ok {
		why := "it belongs to the Node package " + name
		own, outside := x.bill.Unbundled[name]
		switch {
		case outside:
			why += ", which stays out of the bundle: " + own
		case slices.ContainsFunc(x.job.Function.Build.External, func(e string) bool { return node.PackageName(e) == name }):
			why += ", which stays out of the bundle: build.external names it"
		case x.bill.Metafile != nil:
			why += ", which a package outside of the bundle needs"
		default:
			why += ", which the production dependencies ask for"
		}
		return why + " (" + strings.TrimPrefix(dir, "/") + ")"
	}
	if x.name == x.bill.Artifact.Entry && x.job.Function.Runtime.Language() == "go" {
		return "it is the compiled program"
	}
	if why := x.read(); why != "" {
		return why
	}
	if !source.Exists(x.full) {
		return "it belongs to an installed Python package"
	}
	if pattern, ok := x.job.IncludedBy(x.name); ok {
		return fmt.Sprintf("build.include: %q takes it in", pattern)
	}
	if x.name == path.Clean(x.job.Function.Module()) {
		return "it is the handler"
	}
	return "it is in the source folder, and nothing leaves it out"
}

// read is the code that reads the file, or a folder that it is in.
func (x *explainer) read() string {
	for name := x.name; ; name = path.Dir(name) {
		if why := x.bill.Read[name]; why != "" || name == "." {
			return why
		}
	}
}

// leftOut is why a file of the source folder is not in the package.
func (x *explainer) leftOut() (string, error) {
	why, err := x.job.LeftOut(x.name)
	switch {
	case why != "" || err != nil:
		return why, err
	case x.job.Function.Runtime.Language() == "nodejs":
		return "the handler imports nothing that leads to it, and build.include does not name it", nil
	default:
		return "the handler is packaged without its folder, and build.include does not name it", nil
	}
}

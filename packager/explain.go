package packager

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/manifest"
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
		if name, err = filepath.Rel(j.dir, full); err != nil {
			return Explanation{}, err
		}
	} else {
		full = filepath.Join(j.dir, filepath.FromSlash(name))
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
	if chain := x.chain(); len(chain) > 0 {
		return true, "it is bundled: " + strings.Join(chain, " imports "), nil
	}
	rel, err := filepath.Rel(x.job.p.Root, x.full)
	if err != nil {
		return false, "", err
	}
	read := slices.ContainsFunc(x.bill.Inputs, func(i Input) bool { return i.Path == filepath.ToSlash(rel) })
	switch {
	case read && x.job.fn.Runtime.Language() == "go":
		return true, "it is compiled into " + x.bill.Artifact.Entry, nil
	case read:
		return false, "it decides what goes in, and does not go in itself", nil
	case !exists(x.full):
		return false, "there is no such file in the source folder, and none in the package", nil
	}
	why, err = x.leftOut()
	return false, why, err
}

// entry is why an entry of the package is there.
func (x *explainer) entry() string {
	if _, ok := x.job.shim.Files[x.name]; ok && x.job.fn.Runtime.Language() != "go" {
		return "it is ferry's entry shim for " + x.job.platform.Shim
	}
	if x.bill.Metafile != nil && strings.HasPrefix(x.name, stem(x.job.fn.Handler)+".") {
		return "it is the bundle of " + x.job.fn.Handler + ", or its source map"
	}
	if dir, name, ok := packageOf("/" + x.name); ok {
		why := "it belongs to the Node package " + name
		own, outside := x.bill.Unbundled[name]
		switch {
		case outside:
			why += ", which stays out of the bundle: " + own
		case slices.ContainsFunc(x.job.fn.Build.External, func(e string) bool { return packageName(e) == name }):
			why += ", which stays out of the bundle: build.external names it"
		case x.bill.Metafile != nil:
			why += ", which a package outside of the bundle needs"
		default:
			why += ", which the production dependencies ask for"
		}
		return why + " (" + strings.TrimPrefix(dir, "/") + ")"
	}
	if x.name == x.bill.Artifact.Entry && x.job.fn.Runtime.Language() == "go" {
		return "it is the compiled program"
	}
	if !exists(x.full) {
		return "it belongs to an installed Python package"
	}
	r, err := newRules(x.job.p.Root, x.job.dir, x.job.fn.Build.Exclude, x.job.fn.Build.Include)
	if err == nil {
		parts := strings.Split(x.name, "/")
		for i := len(parts); i > 0; i-- {
			if inc := r.included(subject{parts[:i], i < len(parts)}); inc != nil {
				return fmt.Sprintf("build.include: %q takes it in", inc.text)
			}
		}
	}
	if x.name == path.Clean(x.job.fn.Handler) {
		return "it is the handler"
	}
	return "it lies in the source folder, and nothing leaves it out"
}

// chain is how imports lead from the handler to the file, in a bundle.
func (x *explainer) chain() []string {
	var meta struct {
		Inputs map[string]struct {
			Imports []struct {
				Path string `json:"path"`
			} `json:"imports"`
		} `json:"inputs"`
	}
	if json.Unmarshal(x.bill.Metafile, &meta) != nil {
		return nil
	}
	handler := path.Clean(x.job.fn.Handler)
	from := map[string]string{handler: ""}
	for queue := []string{handler}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == x.name {
			chain := []string{}
			for at := x.name; at != ""; at = from[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, i := range meta.Inputs[queue[0]].Imports {
			if _, seen := from[i.Path]; !seen {
				from[i.Path] = queue[0]
				queue = append(queue, i.Path)
			}
		}
	}
	return nil
}

// leftOut is why a file of the source folder is not in the package.
func (x *explainer) leftOut() (string, error) {
	parts := strings.Split(x.name, "/")
	if parts[0] == ".." {
		return "it lies outside of the source folder", nil
	}
	r, err := newRules(x.job.p.Root, x.job.dir, x.job.fn.Build.Exclude, x.job.fn.Build.Include)
	if err != nil {
		return "", err
	}
	ignore := r.ignore
	dir := x.job.dir
	for i := 1; i <= len(parts); i++ {
		ignore = append(ignore, ignoreFile(dir, append(slices.Clone(r.above), parts[:i-1]...))...)
		dir = filepath.Join(dir, parts[i-1])
		info, err := os.Stat(dir)
		isDir := err == nil && info.IsDir()
		at := subject{parts[:i], isDir}
		name := strings.Join(parts[:i], "/")
		switch {
		case never(name, isDir):
			return name + " never goes into a package", nil
		case isSaved(dir), isSaved(stem(dir) + ".json"):
			return "`ferry package` saved it there, and what it saves is never packaged", nil
		case secretName(name):
			return name + " looks like a secret, which never goes into a package", nil
		case i < len(parts) && parts[i-1] == "node_modules":
			return "of node_modules only what the handler or the production dependencies ask for goes in", nil
		}
		if d := deciding(r.exclude, at); d != nil && !d.negated {
			return fmt.Sprintf("build.exclude: %q leaves %s out", d.text, name), nil
		}
		if d := deciding(ignore, subject{append(slices.Clone(r.above), parts[:i]...), isDir}); d != nil && !d.negated {
			return fmt.Sprintf("%s: %q leaves %s out", d.origin, d.text, name), nil
		}
	}
	if data, err := regular.Read(x.full); err == nil && doubtful(x.name) && secretContent(data) {
		return "it holds a secret, which never goes into a package", nil
	}
	if x.job.fn.Runtime.Language() == "nodejs" {
		return "the handler imports nothing that leads to it, and build.include does not name it", nil
	}
	return "the handler is packaged without its folder, and build.include does not name it", nil
}

package packager

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// This file makes packages for clouds that build by themselves (Platform.Source): what is compiled or installed
// there goes in as sources and lists with exact versions.

// listed names what stays out of the bundle in the package.json, for the cloud to install.
func (b *bundle) listed(m *modules, here string) error {
	b.job.listed = map[string]string{}
	for _, name := range b.job.Function.Build.External {
		name = packageName(name)
		if strings.Contains(name, "*") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "node:") {
			continue
		}
		mod, err := m.find(name, here)
		if err != nil {
			return err
		}
		if mod == nil {
			return m.uninstalled(name, here)
		}
		b.job.list(name, mod)
	}
	for _, name := range slices.Sorted(maps.Keys(b.external)) {
		mod, err := m.load(b.external[name].dir)
		if err != nil {
			return err
		}
		b.job.list(name, mod)
	}
	return nil
}

func (j *job) list(name string, mod *module) {
	j.listed[name] = mod.Version
	j.made.Add("npm", mod.Name, mod.Version)
}

// nodeSource gives a Node package a package.json that names its entry and what is to be installed.
func (j *job) nodeSource(made source.Content) ([]source.File, error) {
	fields := map[string]any{"private": true, "dependencies": j.listed}
	files := made.Files
	if i := slices.IndexFunc(files, func(f source.File) bool { return f.Name == "package.json" }); i >= 0 && j.listed == nil {
		data, err := j.In.Read(files[i].Path)
		if err != nil {
			return nil, err
		}
		fields = map[string]any{}
		if err := json.Unmarshal(data, &fields); err != nil {
			return nil, source.Problem(files[i].Path, "correct it", "package.json cannot be read: %v", err)
		}
	}
	fields["main"] = made.Entry
	data, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Name == "package.json" && f.Path != "" {
			if err := j.In.File(f.Path); err != nil {
				return nil, err
			}
		}
	}
	files = slices.DeleteFunc(slices.Clone(files), func(f source.File) bool { return f.Name == "package.json" })
	return append(files, source.Generated("package.json", append(data, '\n'))), nil
}

// pythonSource gives a Python package a requirements.txt, when another list says what is to be installed.
func (j *job) pythonSource(files []source.File) ([]source.File, error) {
	w, err := j.wishes()
	if err != nil || w == nil || w.lines == nil {
		return files, err
	}
	return append(files, source.Generated("requirements.txt", []byte(strings.Join(w.lines, "\n")+"\n"))), nil
}

// goSource is the part of the user's module that is compiled, all other modules in vendor, and the shim as a package
// of its own.
func (j *job) goSource(ctx context.Context, packages []goPackage, tmp string, made source.Content) (source.Content, error) {
	target := packages[len(packages)-1]
	module := target.Module.folder()
	vendor := filepath.Join(tmp, "vendored")
	if _, said, err := (source.Command{Dir: module, Env: append(j.goEnv(), "GOWORK=off"), Name: "go", Args: []string{"mod", "vendor", "-o", vendor}}).Run(ctx); err != nil {
		if ctx.Err() != nil {
			return made, ctx.Err()
		}
		e := source.Problem(module, "run `go mod vendor` in "+j.Function.Source, "the modules cannot be vendored: %s", said)
		e.Err = err
		return made, e
	}
	names := []string{"go.mod", "go.sum"}
	for _, p := range packages {
		if p.Module == nil || p.Module.Path != target.Module.Path {
			continue
		}
		rel, err := filepath.Rel(module, p.Dir)
		if err != nil {
			return made, err
		}
		for _, list := range [][]string{p.GoFiles, p.OtherFiles, p.HFiles, p.EmbedFiles} {
			for _, name := range list {
				names = append(names, path.Join(filepath.ToSlash(rel), name))
			}
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		full := filepath.Join(module, filepath.FromSlash(name))
		info, err := os.Stat(full)
		if err != nil {
			continue // a module without dependencies has no go.sum
		}
		made.Files = append(made.Files, source.File{Name: name, Path: full, Info: info, In: j.In})
	}
	vendored, err := vendoredFiles(vendor)
	if err != nil {
		return made, err
	}
	made.Files = append(made.Files, vendored...)
	handler, err := filepath.Rel(module, target.Dir)
	if err != nil {
		return made, err
	}
	made.Entry = filepath.ToSlash(handler)
	if j.Function.Style != manifest.StyleServer {
		made.Entry = path.Join(made.Entry, entryFolder)
		shim, err := j.goShim(target)
		if err != nil {
			return made, err
		}
		for _, name := range slices.Sorted(maps.Keys(shim)) {
			made.Files = append(made.Files, source.Generated(path.Join(made.Entry, name), shim[name]))
		}
	}
	return made, nil
}

func vendoredFiles(dir string) (files []source.File, err error) {
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
		files = append(files, source.File{Name: path.Join("vendor", filepath.ToSlash(rel)), Path: full, Info: info})
		return err
	})
	return files, err
}

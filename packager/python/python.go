// Package python packages Python functions.
package python

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// job is one function on its way into a package.
type job struct {
	*source.Job
	made source.Content
	sdk  bool // the function's own code imports AWS's SDK
}

// Content is the source folder and its requirements side by side, the shim on top.
func Content(ctx context.Context, of *source.Job, shim templates.Shim) (source.Content, error) {
	j := &job{Job: of}
	module, err := j.handler()
	if err != nil {
		return j.made, err
	}
	entry := module
	files, err := j.Tree(ctx)
	if err == nil {
		files, err = j.withRead(files)
	}
	if err != nil {
		return j.made, err
	}
	var installed []source.File
	if j.Platform.Source {
		files, err = j.listed(ctx, files)
	} else {
		installed, err = j.requirements(ctx)
	}
	if err != nil {
		return j.made, err
	}
	if j.Function.Style == manifest.StyleServer {
		j.warnOfPaths(installed)
	} else {
		entry = shim.Entry
		for name, data := range shim.Files {
			files = append(files, source.Generated(name, data))
		}
		if j.below(module, installed) {
			files = append(files, source.Generated("ferry-src.pth", []byte("src\n")))
		}
	}
	again := source.Duplicate()
	for _, f := range files { // as in Python's own search path, the program's files come first
		again(f)
	}
	j.made.Files, j.made.Entry = slices.Concat(files, slices.DeleteFunc(installed, again)), entry
	if j.Function.Style != manifest.StyleServer {
		j.beside(shim)
	}
	return j.made, nil
}

// listed gives a Python package a requirements.txt, when another list says what is to be installed.
func (j *job) listed(ctx context.Context, files []source.File) ([]source.File, error) {
	w, err := j.wishes(ctx)
	if err != nil || w == nil {
		return files, err
	}
	for _, line := range w.lines {
		if path, _ := pathIn(line); path != "" && (filepath.Base(w.file) != "requirements.txt" || strings.HasPrefix(j.shown(path), "../")) {
			return nil, source.Problem(w.file, "build a wheel of it, lay it into the source folder, and name the wheel in requirements.txt",
				"%s asks for %s, and the cloud that installs it gets the source folder only", filepath.Base(w.file), j.shown(path))
		}
	}
	if filepath.Base(w.file) == "requirements.txt" {
		return files, nil
	}
	return append(files, source.Generated("requirements.txt", []byte(strings.Join(w.lines, "\n")+"\n"))), nil
}

// warnOfPaths names the .pth files that a program does not see, for it is started without a shim that reads them. Those of
// namespaces do nothing that Python does not do by itself.
func (j *job) warnOfPaths(installed []source.File) {
	for _, f := range installed {
		if !strings.HasSuffix(f.Name, ".pth") || strings.Contains(f.Name, "/") || strings.HasSuffix(f.Name, "-nspkg.pth") {
			continue
		}
		j.made.Warnings = append(j.made.Warnings, source.Warning{
			Message: "an installed package brings " + f.Name + ", which a program of style server does not see: Python reads such files only where packages are installed",
			Hint:    "if the program needs it, begin it with `import site; site.addsitedir(FOLDER)`, where FOLDER is the source folder",
		})
	}
}

// handler returns the file of the handler's module, or of the program with style server.
func (j *job) handler() (string, error) {
	module := j.Function.Module()
	if name := path.Clean(j.Function.Handler); strings.HasSuffix(name, ".py") && j.Function.Style == manifest.StyleServer {
		return name, j.WantFile(name, j.Function.Handler, "handler")
	}
	candidates := modules(j.Dir, j.Function)
	for _, name := range candidates {
		if there, err := source.IsFile(filepath.Join(j.Dir, filepath.FromSlash(name))); there || err != nil {
			return name, err
		}
	}
	e := source.Problem(filepath.Join(j.Dir, candidates[0]), "create it, or correct `handler` in the manifest",
		"handler %s: there is no module %s in %s", j.Function.Handler, module, j.Function.Source)
	if near := source.Nearest(j.Dir, candidates[0], source.AFile); strings.HasSuffix(near, ".py") {
		e.Hint = "did you mean " + strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(near, ".py"), "/__init__"), "/", ".") + "?"
	}
	return "", e
}

// modules are the files that may hold the module of a handler, or the program with style server.
func modules(dir string, fn manifest.Function) []string {
	base := strings.ReplaceAll(fn.Module(), ".", "/")
	names := []string{base + ".py", base + "/__init__.py"}
	if fn.Style == manifest.StyleServer {
		names[1] = base + "/__main__.py"
	}
	if sourced(dir) { // where they lie if the project is not installed
		names = append(names, "src/"+names[0], "src/"+names[1])
	}
	return names
}

// below reports whether the handler's module is imported from the folder src, since no installed package has it at the top.
func (j *job) below(module string, installed []source.File) bool {
	rest, found := strings.CutPrefix(module, "src/")
	top, _, _ := strings.Cut(rest, "/")
	return found && !strings.HasPrefix(j.Function.Module(), "src.") &&
		!slices.ContainsFunc(installed, func(f source.File) bool { return f.Name == top || strings.HasPrefix(f.Name, top+"/") })
}

// requirements installs what the function asks for, once for all functions that ask for the same.
func (j *job) requirements(ctx context.Context) ([]source.File, error) {
	w, err := j.wishes(ctx)
	if err == nil {
		w, err = j.withFrameworks(w)
	}
	if err != nil || w == nil {
		return nil, err
	}
	if err := j.In.Folder(j.Dir); err != nil {
		return nil, source.ReadProblem(j.Dir, "the source folder", err)
	}
	// What is built for this machine may not do for a cloud.
	dir, err := j.Install(ctx, source.Installation{Kind: "python", Of: []any{j.target(), j.Platform.Shim == "local", w.sum, w.held}, Floats: true}, func(dir string) error {
		return j.install(ctx, w, dir)
	})
	if err != nil {
		return nil, err
	}
	return j.installed(ctx, dir)
}

// installed are the files of an installation, which it adds to the bill.
func (j *job) installed(ctx context.Context, dir string) ([]source.File, error) {
	site := filepath.Join(dir, "site")
	entries, _ := os.ReadDir(site) // what cannot be read fails below
	for _, e := range entries {
		if base, ok := strings.CutSuffix(e.Name(), ".dist-info"); ok {
			name, version, _ := strings.Cut(base, "-")
			j.made.Add("pypi", normal(name), version)
		}
	}
	if said, err := os.ReadFile(filepath.Join(dir, "installer")); err == nil {
		if words := strings.Fields(string(said)); len(words) > 1 {
			j.made.Note(words[0], words[1])
		}
	}
	return installedFiles(ctx, site)
}

// target are pip's words for the platform. They are said in full, for pip expands few of them.
func (j *job) target() []string {
	version := j.version()
	out := []string{"--implementation", "cp", "--python-version", version}
	for _, abi := range []string{"cp" + strings.ReplaceAll(version, ".", ""), "abi3", "none"} {
		out = append(out, "--abi", abi)
	}
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[j.Platform.Arch]
	var tags []string
	switch {
	case j.Platform.OS == "linux" && j.Platform.CLibrary() == "musl":
		tags = []string{"musllinux_1_2_" + machine, "musllinux_1_1_" + machine}
	case j.Platform.OS == "linux":
		for minor := j.Platform.NewestGlibc(); minor >= 5; minor-- {
			tags = append(tags, fmt.Sprintf("manylinux_2_%d_%s", minor, machine))
		}
		tags = append(tags, "manylinux2014_"+machine, "manylinux2010_"+machine, "manylinux1_"+machine)
	case j.Platform.OS == "darwin":
		for _, release := range []string{"14_0", "13_0", "12_0", "11_0", "10_15", "10_13", "10_12", "10_9"} {
			for _, m := range []string{map[string]string{"amd64": "x86_64", "arm64": "arm64"}[j.Platform.Arch], "universal2"} {
				tags = append(tags, "macosx_"+release+"_"+m)
			}
		}
	}
	for _, tag := range tags {
		out = append(out, "--platform", tag)
	}
	return out
}

func (j *job) version() string {
	if j.Platform.Runtime.Language() == "python" && j.Platform.Runtime.Version() != "" {
		return j.Platform.Runtime.Version()
	}
	return j.Function.Runtime.Version()
}

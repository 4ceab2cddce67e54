package golang

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// functionFile is the part of a shim that registers a function.
const functionFile = "function.go"

// ownPlace is where the module of the user's seems to lie beside that of the package. All of it that is compiled is in vendor.
const ownPlace = "./module"

// function is a module whose only package registers a function, and everything that is compiled with it in vendor. Its path is
// the one that the shim has elsewhere, so that it may import the same.
func (j *job) function(ctx context.Context, packages []pkg, tmp string) error {
	target := packages[len(packages)-1]
	folder := filepath.Join(tmp, "function")
	made, err := j.shimFiles(target)
	if err == nil && j.Function.Style == manifest.StyleGCF {
		made["targets.go"], err = j.targets(packages)
	}
	if err != nil {
		return err
	}
	for name, data := range made {
		if !strings.Contains(name, "/") {
			made[name] = bytes.Replace(data, []byte("package main\n"), []byte("package function\n"), 1)
		}
	}
	if made["go.mod"], err = j.functionModule(ctx, target); err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(target.Module.folder(), "go.sum"))
	if err != nil && !os.IsNotExist(err) {
		return source.ReadProblem(target.Module.folder(), "go.sum", err)
	}
	made["go.sum"] = sums
	if err := lay(folder, made); err != nil {
		return source.WriteProblem(j.Cache, err)
	}
	if err := j.resolved(ctx, folder, target, tmp); err != nil {
		return err
	}
	j.made.Entry = functionFile
	return j.functionFiles(folder, target)
}

func lay(folder string, files map[string][]byte) error {
	for name, data := range files {
		full := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(full, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// described is what matters of a go.mod.
type described struct {
	Go      string
	Require []required
	Exclude []struct{ Path, Version string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

type required struct{ Path, Version string }

// functionModule is the go.mod: it asks for the user's module, and for what counts in the main module alone. What the user's
// asks for is named too, for vendor has what is compiled with any tag, and a module that comes in by one has to stand here.
func (j *job) functionModule(ctx context.Context, target pkg) ([]byte, error) {
	folder := target.Module.folder()
	out, said, err := source.Command{Dir: folder, Env: append(j.env(), "GOWORK=off"), Name: "go", Args: []string{"mod", "edit", "-json"}}.Run(ctx)
	if err != nil {
		return nil, source.Problem(filepath.Join(folder, "go.mod"), j.hint(), "go mod edit failed: %s", said)
	}
	var own described
	if err := json.Unmarshal(out, &own); err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "module %s\n\ngo %s\n\n", path.Join(target.ImportPath, entryFolder), own.Go)
	fmt.Fprintf(&b, "require %s v0.0.0\n", target.Module.Path)
	if !slices.ContainsFunc(own.Require, func(r required) bool { return r.Path == framework }) {
		fmt.Fprintf(&b, "require %s %s\n", framework, brought)
	}
	for _, r := range own.Require {
		fmt.Fprintf(&b, "require %s %s\n", r.Path, r.Version)
	}
	fmt.Fprintf(&b, "replace %s => %q\n", target.Module.Path, folder)
	for _, r := range own.Replace {
		to := fmt.Sprintf("%s %s", r.New.Path, r.New.Version)
		if r.New.Version == "" {
			to = fmt.Sprintf("%q", absolute(folder, r.New.Path))
		}
		fmt.Fprintf(&b, "replace %s %s => %s\n", r.Old.Path, r.Old.Version, to)
	}
	for _, e := range own.Exclude {
		fmt.Fprintf(&b, "exclude %s %s\n", e.Path, e.Version)
	}
	return []byte(b.String()), nil
}

func absolute(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, filepath.FromSlash(name))
}

// resolved completes go.mod and go.sum, fills vendor, and compiles it all: what does not is known before it is sent anywhere.
func (j *job) resolved(ctx context.Context, folder string, target pkg, tmp string) error {
	for _, args := range [][]string{{"list", "-mod=mod", "-deps", "."}, {"mod", "vendor"}} {
		_, said, err := source.Command{Dir: folder, Env: append(j.env(), "GOWORK=off"), Name: "go", Args: args}.Run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			e := source.Problem(target.Dir, "run `go mod tidy` in "+j.Function.Source, "the modules cannot be vendored: %s", said)
			e.Err = err
			return e
		}
	}
	of := *j
	of.modfile = ""
	return inUserCode(of.compile(ctx, folder, []string{"-mod=vendor", "."}), target, tmp)
}

// replacedBy finds the folder that a module is replaced by, in go.mod or in the list of what is in vendor.
var replacedBy = regexp.MustCompile(`=> "?((?:/|[A-Za-z]:\\)[^"\n]*)"?`)

// functionFiles takes what was laid out. No place of this machine is in it.
func (j *job) functionFiles(folder string, target pkg) error {
	files, err := filesIn(folder, "")
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Name == "go.mod" || f.Name == "vendor/modules.txt" {
			text, err := os.ReadFile(f.Path)
			if err != nil {
				return err
			}
			f = source.Generated(f.Name, replacedBy.ReplaceAllFunc(text, func(by []byte) []byte {
				return []byte("=> " + placeOf(target, string(replacedBy.FindSubmatch(by)[1])))
			}))
			j.vendored(text)
		}
		j.made.Files = append(j.made.Files, f)
	}
	return nil
}

// placeOf is where a folder that replaces a module seems to lie: the same on every machine.
func placeOf(target pkg, folder string) string {
	rel, err := filepath.Rel(target.Module.folder(), folder)
	switch {
	case err != nil:
		rel = folder
	case rel == ".":
		return ownPlace
	}
	return "./replaced/" + source.DigestOf(filepath.ToSlash(rel))[:12]
}

// vendored notes the modules that came along.
func (j *job) vendored(list []byte) {
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "#" {
			continue
		}
		name, version := fields[1], strings.TrimPrefix(fields[2], "v")
		if !slices.ContainsFunc(j.made.Packages, func(p source.Package) bool { return p.Type == "golang" && p.Name == name }) {
			j.made.Add("golang", name, version)
		}
	}
}

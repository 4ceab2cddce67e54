package golang

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// program is one that is compiled: its name in the package, and the rest of the command line.
type program struct {
	name string
	args []string
}

// entryName is the program that platforms start, userName the user's own where that is ferry's.
const (
	entryName = "bootstrap"
	userName  = "function"
)

// beside is the folder of a shim whose files belong into every package of the user's module.
const beside = "beside"

// lambdaPackage is what programs for AWS Lambda call.
const lambdaPackage = "github.com/aws/aws-lambda-go/lambda"

// programs are what a package holds, the one that is started first: the shim, which may need the user's own program beside
// it, or that alone.
func (j *job) programs(packages []pkg, tmp string) ([]program, error) {
	target := packages[len(packages)-1]
	if err := j.fits(target, packages); err != nil {
		return nil, err
	}
	if j.Function.Style == manifest.StyleServer {
		return []program{{entryName, []string{"."}}}, nil
	}
	overlay, err := j.overlay(packages, tmp)
	if err != nil {
		return nil, err
	}
	user, shim := []string{"-overlay", overlay, "."}, []string{"-overlay", overlay, "./" + entryFolder}
	switch _, started := j.shim.Files["main.go"]; {
	case j.Function.Style != manifest.StyleLambda:
		return []program{{entryName, shim}}, nil
	case started:
		return []program{{entryName, shim}, {userName, user}}, nil
	default:
		return []program{{entryName, user}}, nil
	}
}

// fits refuses a package that is none of what the style takes.
func (j *job) fits(target pkg, packages []pkg) error {
	imports := func(name string) bool {
		return slices.ContainsFunc(packages, func(p pkg) bool { return p.ImportPath == name })
	}
	whole := target.Name == "main"
	switch style := j.Function.Style; {
	case style == manifest.StyleServer && !whole:
		return source.Problem(target.Dir, "name a package main as handler, or use style: go with a variable Handler",
			"handler %s is package %s, not a program", j.Function.Handler, target.Name)
	case style == manifest.StyleLambda && !whole:
		return source.Problem(target.Dir, "name the package main that calls lambda.Start as handler",
			"handler %s is package %s, not a program", j.Function.Handler, target.Name)
	case style == manifest.StyleServer || style == manifest.StyleLambda || !whole:
		return nil
	case imports(lambdaPackage):
		return source.Problem(target.Dir, "add `style: lambda`", "handler %s is a program for AWS Lambda: it imports %s", j.Function.Handler, lambdaPackage)
	default:
		return source.Problem(target.Dir, "rename the package, or use style: server for a program that listens on $PORT",
			"handler %s is a package main, which no other program can import", j.Function.Handler)
	}
}

// overlay is the file that tells the go command where the shim seems to lie.
func (j *job) overlay(packages []pkg, tmp string) (string, error) {
	shim, err := j.shimFiles(packages[len(packages)-1])
	if err == nil && j.Function.Style == manifest.StyleGCF {
		shim["targets.go"], err = j.targets(packages)
	}
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	lay := func(name string, data []byte) error {
		onDisk := filepath.Join(tmp, "shim", strconv.Itoa(len(replace))+".go")
		replace[name] = onDisk
		return os.WriteFile(onDisk, data, 0o600)
	}
	err = os.Mkdir(filepath.Join(tmp, "shim"), 0o700)
	dir := packages[len(packages)-1].Dir
	for _, name := range slices.Sorted(maps.Keys(shim)) {
		err = errors.Join(err, lay(filepath.Join(dir, entryFolder, filepath.FromSlash(name)), shim[name]))
	}
	more := j.besides(packages)
	for _, name := range slices.Sorted(maps.Keys(more)) {
		err = errors.Join(err, lay(name, more[name]))
	}
	if err != nil {
		return "", source.WriteProblem(j.Cache, err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", source.WriteProblem(j.Cache, err)
	}
	return file, nil
}

// shimFiles are the files of the shim that go with the user's package.
func (j *job) shimFiles(target pkg) (map[string][]byte, error) {
	declared, err := declarations(target)
	if err != nil {
		return nil, err
	}
	if j.Function.Style == manifest.StyleGo && declared["Handler"] == nil && declared["OnEvent"] == nil {
		if len(registrations(target)) > 0 {
			return nil, source.Problem(target.Dir, "add `style: gcf`", "the package of handler %s registers its functions with Google's functions-framework", j.Function.Handler)
		}
		return nil, source.Problem(target.Dir, "declare `var Handler http.Handler` in it",
			"the package of handler %s declares neither Handler nor OnEvent", j.Function.Handler)
	}
	out := map[string][]byte{}
	for name, data := range j.shim.Files {
		if suits(name, declared) && path.Dir(name) != beside {
			out[name] = bytes.ReplaceAll(data, []byte("ferry.invalid/handler"), []byte(target.ImportPath))
		}
	}
	return out, nil
}

// besides are the files that stand beside the user's by their place, each under the name of its package.
func (j *job) besides(packages []pkg) map[string][]byte {
	target := packages[len(packages)-1]
	out := map[string][]byte{}
	for name, data := range j.shim.Files {
		if path.Dir(name) != beside {
			continue
		}
		data = bytes.ReplaceAll(data, []byte("ferry.invalid/handler"), []byte(target.ImportPath))
		for _, p := range packages {
			if p.Module != nil && target.Module != nil && p.Module.Path == target.Module.Path {
				out[filepath.Join(p.Dir, path.Base(name))] = bytes.Replace(data, []byte("package "+beside), []byte("package "+p.Name), 1)
			}
		}
	}
	return out
}

// suits is whether a file of the shim goes with what the user's package declares.
func suits(name string, declared map[string]*declaration) bool {
	switch name {
	case "handler.go":
		return declared["Handler"] != nil
	case "nohandler.go":
		return declared["Handler"] == nil
	case "event.go":
		return declared["OnEvent"] != nil
	case "noevent.go":
		return declared["OnEvent"] == nil
	default:
		return true
	}
}

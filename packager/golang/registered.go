package golang

import (
	"context"
	"fmt"
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// framework is the module that functions are registered with, and brought the version for a project that has none.
const (
	framework = "github.com/GoogleCloudPlatform/functions-framework-go"
	brought   = "v1.9.2"
)

// registers is whether the shim registers a function with it.
func (j *job) registers() bool { return j.shim.Files[functionFile] != nil }

// registered is a function, and what it was registered with: requests or events. functions.Typed is for requests too.
type registered struct{ name, with string }

const (
	requests = "functions.HTTP"
	events   = "functions.CloudEvent"
)

// targets is a file of the shim: which of the functions that the user's module registers answers requests, and which takes
// events.
func (j *job) targets(packages []pkg) ([]byte, error) {
	target := packages[len(packages)-1]
	var all []registered
	for _, p := range packages {
		if p.Module != nil && target.Module != nil && p.Module.Path == target.Module.Path {
			all = append(all, registrations(p)...)
		}
	}
	named := j.Function.Export()
	known := slices.ContainsFunc(all, func(r registered) bool { return r.name == named })
	if len(all) == 0 && named == "" || named != "" && len(all) > 0 && !known {
		message := "the package of handler %s registers no function"
		if named != "" {
			message += " of that name"
		}
		return nil, source.Problem(target.Dir, "register it in init: functions.HTTP(\"Hello\", hello), and name it in handler if there are several, as in .:Hello", message, j.Function.Handler)
	}
	asked := map[string]bool{requests: j.Function.HTTP() != nil, events: slices.ContainsFunc(j.Function.Events, func(e manifest.Event) bool { return e.HTTP == nil })}
	http, err := j.choose(all, named, requests, asked)
	if err != nil {
		return nil, err
	}
	event, err := j.choose(all, named, events, asked)
	if err != nil {
		return nil, err
	}
	if named != "" && !known { // registered under a name that the code makes
		if http = named; j.Function.HTTP() == nil {
			http, event = "", named
		}
	}
	return fmt.Appendf(nil, "package main\n\nconst httpTarget, eventTarget = %q, %q\n", http, event), nil
}

// choose is the one function of a kind, or the one that the manifest names; "" is none.
func (j *job) choose(all []registered, named, with string, asked map[string]bool) (string, error) {
	var names []string
	for _, r := range all {
		if r.with == with {
			names = append(names, r.name)
		}
	}
	switch {
	case slices.Contains(names, named):
		return named, nil
	case len(names) == 1:
		return names[0], nil
	case len(names) > 1 && asked[with]:
		slices.Sort(names)
		return "", source.Problem("", "write handler: "+j.Function.Module()+":"+names[0], "the package of handler %s registers several functions with %s: %s", j.Function.Handler, with, strings.Join(names, ", "))
	case asked[with] && len(all) > 0 && named == "":
		return "", source.Problem("", "register one in init, or remove what calls it from events", "the package of handler %s registers nothing with %s, and the manifest calls for it", j.Function.Handler, with)
	}
	return "", nil
}

// registrations are the calls in a package that register a function under a name that is written there.
func registrations(p pkg) (all []registered) {
	for _, name := range p.GoFiles {
		f := parsed(p, name)
		if f == nil {
			continue
		}
		local := ""
		for _, i := range f.Imports {
			if i.Path.Value == strconv.Quote(framework+"/functions") {
				local = "functions"
				if i.Name != nil {
					local = i.Name.Name
				}
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 || local == "" {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of, ok := fun.X.(*ast.Ident)
			literal, plain := call.Args[0].(*ast.BasicLit)
			if !ok || !plain || of.Name != local || !slices.Contains([]string{"HTTP", "CloudEvent", "Typed"}, fun.Sel.Name) {
				return true
			}
			if name, err := strconv.Unquote(literal.Value); err == nil {
				with := map[bool]string{true: events, false: requests}[fun.Sel.Name == "CloudEvent"]
				all = append(all, registered{name, with})
			}
			return true
		})
	}
	return all
}

// wanted are the packages that are compiled: the handler's, which comes last, and what the shim has beside it.
func (j *job) wanted(ctx context.Context, dir, tmp string) ([]string, error) {
	if j.Function.Style != manifest.StyleGCF || j.Platform.Source {
		return []string{"."}, nil
	}
	return []string{framework + "/funcframework", "."}, j.served(ctx, dir, tmp)
}

// served adds what the framework's server needs to a copy of the module's files, for a project that only registers
// functions need not have it: the versions are those that the framework's own go.mod names. A workspace is taken as it is.
func (j *job) served(ctx context.Context, dir, tmp string) error {
	out, said, err := source.Command{Dir: dir, Env: j.env(), Name: "go", Args: []string{"env", "GOMOD", "GOWORK"}}.Run(ctx)
	if err != nil {
		return source.Problem(dir, j.hint(), "go env failed: %s", said)
	}
	mod, work, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if mod == "" || mod == os.DevNull || work != "" && work != "off" {
		return nil
	}
	text, err := os.ReadFile(mod)
	if err != nil {
		return source.ReadProblem(mod, path.Base(mod), err)
	}
	if !strings.Contains(string(text), framework) {
		return source.Problem(mod, "run `go get "+framework+"`", "style gcf needs %s, and go.mod does not require it", framework)
	}
	j.modfile = filepath.Join(tmp, "go.mod")
	sums, err := os.ReadFile(strings.TrimSuffix(mod, ".mod") + ".sum")
	if err != nil && !os.IsNotExist(err) {
		return source.ReadProblem(mod, "go.sum", err)
	}
	for name, data := range map[string][]byte{j.modfile: text, filepath.Join(tmp, "go.sum"): sums} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return source.WriteProblem(j.Cache, err)
		}
	}
	return nil
}

// modules are the flags with which the go command finds the modules.
func (j *job) modules() []string {
	if j.modfile == "" {
		return nil
	}
	return []string{"-mod=mod", "-modfile=" + j.modfile}
}

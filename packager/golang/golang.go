// Package golang packages Go functions.
package golang

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/waits"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath string
	Name       string
	Dir        string
	Standard   bool
	Module     *module
	Imports    []string
	GoFiles    []string
	// IgnoredGoFiles are those for other platforms, and those that import "C".
	IgnoredGoFiles []string
	OtherFiles     []string `json:"SFiles"`
	HFiles         []string
	EmbedFiles     []string
	Error          *listError
}

type module struct {
	Path    string
	Version string
	Dir     string
	GoMod   string
	Replace *module
}

type listError struct {
	Pos string
	Err string
}

// entryFolder is where the generated main package seems to lie: inside the user's package, so that it may import
// it even when that is internal. It is never on disk.
const entryFolder = "ferryentry"

// job is one function on its way into a package.
type job struct {
	*source.Job
	shim templates.Shim
	made source.Content
	// modfile stands for the module's go.mod where that lacks what the shim needs.
	modfile string
}

// Content is a Go function compiled into `bootstrap`, or its sources where the cloud compiles them.
func Content(ctx context.Context, of *source.Job, shim templates.Shim) (source.Content, error) {
	j := &job{Job: of, shim: shim}
	err := j.build(ctx)
	return j.made, err
}

func (j *job) build(ctx context.Context) error {
	dir := filepath.Join(j.Dir, filepath.FromSlash(j.Function.Module()))
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return source.Missing(j.Dir, j.Function.Module(), "handler", source.AFolder)
	}
	if _, err := exec.LookPath("go"); err != nil {
		e := source.Problem("", "install Go from https://go.dev/dl and put it on PATH", "the go command was not found")
		e.Err = err
		return e
	}
	if err := j.openable(); err != nil {
		return err
	}
	tmp, err := j.Scratch()
	if err != nil {
		return err
	}
	j.made.Done = func() { os.RemoveAll(tmp) }
	wanted, err := j.wanted(ctx, dir, tmp)
	if err != nil {
		return err
	}
	packages, err := j.list(ctx, dir, wanted)
	if err != nil {
		return err
	}
	if err := j.inputs(packages); err != nil { // before they are compiled: what changes meanwhile is seen at the end
		return err
	}
	j.note(ctx, dir, packages)
	j.made.Warnings = append(j.made.Warnings, upgrades(packages, j.Dir, j.Platform.Shim)...)
	all, err := j.programs(packages, tmp)
	if err != nil {
		return err
	}
	switch {
	case j.Platform.Source && j.registers():
		return j.function(ctx, packages, tmp)
	case j.Platform.Source:
		return j.sources(ctx, packages, tmp)
	}
	if j.made.Files, err = j.along(ctx, packages); err != nil {
		return err
	}
	j.made.Entry = all[0].name
	for _, p := range all {
		if err := j.program(ctx, dir, packages, tmp, p); err != nil {
			return err
		}
	}
	return nil
}

// note says what the function is made of, and by what.
func (j *job) note(ctx context.Context, dir string, packages []pkg) {
	for _, p := range packages {
		if m := p.Module; m != nil && !p.Standard {
			j.made.Add("golang", m.Path, strings.TrimPrefix(m.Version, "v"))
		}
	}
	if version, _, err := (source.Command{Dir: dir, Name: "go", Args: []string{"env", "GOVERSION"}}).Run(ctx); err == nil {
		j.made.Note("go", strings.TrimPrefix(strings.TrimSpace(string(version)), "go"))
	}
}

// program compiles a program, and takes the result.
func (j *job) program(ctx context.Context, dir string, packages []pkg, tmp string, p program) error {
	binary := filepath.Join(tmp, p.name)
	if err := j.compile(ctx, dir, append([]string{"-o", binary}, p.args...)); err != nil {
		return inUserCode(err, packages[len(packages)-1], tmp)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	j.made.Files = append(j.made.Files, source.File{Name: p.name, Path: binary, Info: info})
	return nil
}

// env makes the result independent of the user's settings.
func (j *job) env() []string {
	return []string{
		"CGO_ENABLED=0", "GOOS=" + j.Platform.OS, "GOARCH=" + j.Platform.Arch,
		"GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-buildvcs=false", "LC_ALL=C",
	}
}

// list returns the packages that those wanted are made of, the handler's last.
func (j *job) list(ctx context.Context, dir string, wanted []string) ([]pkg, error) {
	fields := "-json=ImportPath,Name,Dir,Standard,Module,Imports,GoFiles,IgnoredGoFiles,SFiles,HFiles,EmbedFiles,Error"
	args := slices.Concat([]string{"list", "-e", "-deps", fields}, j.modules(), wanted)
	out, said, err := source.Command{Dir: dir, Env: j.env(), Name: "go", Args: args}.Run(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var packages []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if e := d.Decode(&p); errors.Is(e, io.EOF) {
			break
		} else if e != nil {
			return nil, e
		}
		packages = append(packages, p)
	}
	if err != nil || len(packages) == 0 {
		e := source.Problem(dir, "run `go build` in "+path.Join(j.Function.Source, j.Function.Module()), "%s", said)
		if strings.Contains(said, "go.mod file not found") || strings.Contains(said, "cannot find main module") {
			e = source.Problem(dir, "run `go mod init` in "+j.Function.Source, "%s is not in a Go module: there is no go.mod", j.Function.Source)
		}
		e.Err = err
		return nil, e
	}
	if err := j.needsC(packages); err != nil {
		return nil, err
	}
	var bad source.Errors
	for _, p := range packages {
		if p.Error != nil {
			bad = append(bad, j.problem(dir, p.Error.Pos, p.Error.Err))
		}
	}
	if len(bad) > 0 {
		return nil, bad.Join()
	}
	return packages, nil
}

func (j *job) compile(ctx context.Context, dir string, args []string) error {
	// Without the paths of the machine in them, Go's own packages are others than those of a plain go build.
	defer waits.For(ctx, "go build: the first one with -trimpath for "+j.Platform.OS+"/"+j.Platform.Arch+" compiles Go's standard library as well").Done()
	all := slices.Concat([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="}, j.modules(), args)
	_, said, err := source.Command{Dir: dir, Env: j.env(), Name: "go", Args: all}.Run(ctx)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	var bad source.Errors
	for line := range strings.SplitSeq(said, "\n") {
		if m := goLine.FindStringSubmatch(line); m != nil {
			bad = append(bad, j.problem(dir, strings.TrimSuffix(m[1], ": "), m[2]))
		}
	}
	if len(bad) == 0 {
		bad = source.Errors{source.Problem(dir, j.hint(), "go build failed: %s", said)}
	}
	return bad.Join()
}

// goLine is a compiler's error: file:line:column: message.
var goLine = regexp.MustCompile(`^(\S+\.go:\d+(?::\d+)?): (.*)$`)

// problem turns a Go tool's error into ours. The position's file is relative to dir.
func (j *job) problem(dir, pos, text string) *source.Error {
	e := source.Problem("", j.hint(), "%s", strings.TrimSpace(text))
	parts := strings.Split(pos, ":")
	if len(parts) > 1 {
		e.File = parts[0]
		if !filepath.IsAbs(e.File) {
			e.File = filepath.Join(dir, parts[0])
		}
		e.Line, _ = strconv.Atoi(parts[1])
		if len(parts) > 2 {
			e.Column, _ = strconv.Atoi(parts[2])
		}
		e.Message = path.Base(filepath.ToSlash(parts[0])) + ":" + parts[1] + ": " + e.Message
	}
	if strings.Contains(text, "no required module provides package") || strings.Contains(text, "missing go.sum entry") {
		e.Hint = "run `go mod tidy` in " + j.Function.Source
	}
	return e
}

func (j *job) hint() string {
	return "fix the code: `go build ./...` in " + j.Function.Source + " shows the same"
}

// inputs notes what was compiled, but for the standard library and the module cache: go.sum and the go
// command stand for those.
func (j *job) inputs(packages []pkg) error {
	for _, p := range packages {
		if p.Standard || p.Module == nil || !p.Module.local(p.Dir) {
			continue
		}
		if err := j.In.Folder(p.Dir); err != nil {
			return source.ReadProblem(p.Dir, p.Dir, err)
		}
		for _, names := range [][]string{p.GoFiles, p.OtherFiles, p.HFiles, p.EmbedFiles} {
			for _, name := range names {
				full := filepath.Join(p.Dir, filepath.FromSlash(name))
				if err := j.In.File(full); err != nil {
					return err
				}
				if err := j.In.Folder(filepath.Dir(full)); err != nil {
					return source.ReadProblem(full, name, err)
				}
			}
		}
		folder := p.Module.folder()
		if folder == "" {
			continue // a vendored module lies in the folder of another, which is noted
		}
		if err := j.moduleFiles(folder); err != nil {
			return err
		}
	}
	return j.workspace()
}

func (j *job) moduleFiles(dir string) error {
	for _, name := range []string{"go.mod", "go.sum", "vendor/modules.txt"} {
		if err := j.In.Optional(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	err := j.In.Folder(dir)
	return err
}

// workspace notes a go.work above the source, or that there is none.
func (j *job) workspace() error {
	for dir := j.Dir; ; dir = filepath.Dir(dir) {
		for _, name := range []string{"go.work", "go.work.sum", "go.mod", "go.sum"} {
			if err := j.In.Optional(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		if err := j.In.Folder(dir); err != nil {
			return err
		}
		if dir == j.Root || dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (m *module) folder() string {
	if m.Replace != nil {
		return m.Replace.Dir
	}
	return m.Dir
}

// local is whether a package's folder is the user's to change: not in the module cache.
func (m *module) local(dir string) bool {
	used := m
	if m.Replace != nil {
		used = m.Replace
	}
	return used.Version == "" || used.Dir == "" || !strings.HasPrefix(dir, used.Dir)
}

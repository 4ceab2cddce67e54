package python

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// install installs what is asked for into a folder, below "site".
func (j *job) install(ctx context.Context, w *wishes, dir string) error {
	tool, err := j.installer(ctx, w.file)
	if err != nil {
		return err
	}
	b := &building{job: j, tool: tool, of: w, dir: dir}
	if err := b.all(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	if err := errors.Join(tidy(b.site()), j.noteInstaller(ctx, tool, dir), b.clear()); err != nil {
		return source.WriteProblem(j.Cache, err)
	}
	return nil
}

// noteInstaller keeps which tool made an installation.
func (j *job) noteInstaller(ctx context.Context, t tool, dir string) error {
	out, _, err := t.run(ctx, t.said...)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "installer"), out, 0o600)
}

// tool is a program that installs packages.
type tool struct {
	uv bool
	source.Command
	said []string // what has it say its version
	// wheels and build are arguments that have it install into a folder: wheels for the platform, or whatever a package is
	// built into here.
	wheels, build []string
}

func (t tool) run(ctx context.Context, args ...string) (stdout []byte, all string, err error) {
	c := t.Command
	c.Args = args
	return c.Run(ctx)
}

// installer is uv where it is installed, else pip of an interpreter, the one of the right version first.
func (j *job) installer(ctx context.Context, list string) (tool, error) {
	at := source.Command{Dir: j.Dir, Env: []string{
		"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8", "SOURCE_DATE_EPOCH=315532800",
	}}
	uv := j.uv(ctx)
	interpreter := j.interpreter(ctx, map[bool]string{true: "import sys", false: "import pip"}[uv != ""])
	if uv != "" && j.Platform.OS == "linux" {
		at.Name = uv
		install := []string{"pip", "install", "--no-compile-bytecode", "--quiet"}
		build := slices.Concat(install, []string{"--no-deps", "--no-sources"})
		if interpreter != "" {
			build = append(build, "--python", interpreter)
		}
		return tool{
			uv: true, Command: at, said: []string{"--version"}, build: build,
			wheels: slices.Concat(install, []string{"--only-binary", ":all:"}, j.uvTarget()),
		}, nil
	}
	if interpreter == "" {
		return tool{}, source.Problem(list, "install uv from https://docs.astral.sh/uv, or Python "+j.version()+" with pip",
			"Python packages need uv or pip, and neither was found")
	}
	at.Name = interpreter
	install := []string{"-m", "pip", "install", "--quiet", "--no-compile"}
	return tool{
		Command: at, said: []string{"-m", "pip", "--version"}, build: slices.Concat(install, []string{"--no-deps"}),
		wheels: slices.Concat(install, []string{"--only-binary", ":all:"}, j.target()),
	}, nil
}

// uv is the program of that name, "" where it is not installed.
func (j *job) uv(ctx context.Context) string {
	uv, err := exec.LookPath("uv")
	if err != nil || !(source.Command{Dir: j.Dir, Name: uv, Args: []string{"--version"}}).Works(ctx) {
		return ""
	}
	return uv
}

// interpreter is a Python that can do something, of the function's version where there is one, "" for none.
func (j *job) interpreter(ctx context.Context, do string) string {
	for _, name := range []string{"python" + j.version(), "python3", "python"} {
		if found, err := exec.LookPath(name); err == nil && (source.Command{Dir: j.Dir, Name: found, Args: []string{"-c", do}}).Works(ctx) {
			return found
		}
	}
	return ""
}

// uvTarget are uv's words for the platform.
func (j *job) uvTarget() []string {
	return []string{"--python-version", j.version(), "--python-platform", j.uvPlatform()}
}

func (j *job) uvPlatform() string {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[j.Platform.Arch]
	if j.Platform.CLibrary() == "musl" {
		return machine + "-unknown-linux-musl"
	}
	for _, minor := range []int{40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28} { // those that uv knows
		if minor <= j.Platform.NewestGlibc() {
			return fmt.Sprintf("%s-manylinux_2_%d", machine, minor)
		}
	}
	return machine + "-manylinux_2_17"
}

// tidy takes away what differs between runs and installers. What importlib reads of a package stays.
func tidy(site string) error {
	if err := os.MkdirAll(site, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"bin", "Scripts", ".lock"} { // scripts name the interpreter's place
		if err := os.RemoveAll(filepath.Join(site, name)); err != nil {
			return err
		}
	}
	var records []string
	err := filepath.WalkDir(site, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "__pycache__" {
				if err := os.RemoveAll(full); err != nil {
					return err
				}
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(filepath.Dir(full), ".dist-info") {
			switch d.Name() {
			case "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json":
				return os.Remove(full)
			case "RECORD":
				records = append(records, full)
			}
		}
		return nil
	})
	for _, record := range records {
		err = errors.Join(err, tidyRecord(site, record))
	}
	return err
}

// tidyRecord leaves in a package's list of files those that are there, sorted.
func tidyRecord(site, record string) error {
	data, err := os.ReadFile(record)
	if err != nil {
		return err
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, ",")
		if line != "" && !strings.HasPrefix(name, "..") && source.Exists(filepath.Join(site, filepath.FromSlash(strings.Trim(name, `"`)))) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	tidied := strings.Join(lines, "\n") + "\n"
	if tidied == string(data) { // which another installation may share
		return nil
	}
	return os.WriteFile(record, []byte(tidied), 0o600)
}

// installedFiles are the entries of installed requirements. Certificates among them are no secrets of the user's.
func installedFiles(ctx context.Context, site string) ([]source.File, error) {
	var files []source.File
	err := filepath.WalkDir(site, func(full string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(site, full)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		files = append(files, source.File{Name: filepath.ToSlash(rel), Path: full, Info: info})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading installed requirements: %w", err)
	}
	return files, nil
}

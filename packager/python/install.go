package python

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// install installs what is asked for into a folder, below "site".
func (j *job) install(ctx context.Context, w *wishes, dir string) error {
	list := w.file
	if w.lines != nil {
		list = filepath.Join(dir, "requirements.txt")
		if err := os.WriteFile(list, []byte(strings.Join(w.lines, "\n")+"\n"), 0o600); err != nil {
			return source.WriteProblem(j.Cache, err)
		}
	}
	site := filepath.Join(dir, "site")
	t, err := j.installer(ctx, list, site)
	if err != nil {
		return err
	}
	if w.locked {
		t.Args = append(t.Args, "--no-deps")
	}
	if w.brought != "" {
		more := filepath.Join(dir, "brought.txt")
		if err := os.WriteFile(more, []byte(w.brought+"\n"), 0o600); err != nil {
			return source.WriteProblem(j.Cache, err)
		}
		t.Args = append(t.Args, "-r", more)
	}
	_, said, err := t.Run(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return j.installProblem(w.file, said, err)
	}
	if err := errors.Join(tidy(site), j.noteInstaller(ctx, t, dir)); err != nil {
		return source.WriteProblem(j.Cache, err)
	}
	return nil
}

// noteInstaller keeps which tool made an installation.
func (j *job) noteInstaller(ctx context.Context, t source.Command, dir string) error {
	t.Args = []string{"--version"}
	if strings.Contains(filepath.Base(t.Name), "python") {
		t.Args = []string{"-m", "pip", "--version"}
	}
	out, _, err := t.Run(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "installer"), out, 0o600)
}

// installer is uv where it is installed, else pip of an interpreter, the one of the right version first.
func (j *job) installer(ctx context.Context, list, site string) (source.Command, error) {
	t := source.Command{Dir: j.Dir, Env: []string{"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8"}}
	if uv, err := exec.LookPath("uv"); err == nil && j.Platform.OS == "linux" && (source.Command{Dir: j.Dir, Name: uv, Args: []string{"--version"}}).Works(ctx) {
		t.Name = uv
		t.Args = []string{
			"pip", "install", "--target", site, "--only-binary", ":all:", "--no-compile-bytecode",
			"--python-version", j.version(), "--python-platform", j.uvPlatform(), "-r", list,
		}
		return t, nil
	}
	for _, name := range []string{"python" + j.version(), "python3", "python"} {
		interpreter, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if (source.Command{Dir: j.Dir, Name: interpreter, Args: []string{"-c", "import pip"}}).Works(ctx) {
			t.Name = interpreter
			t.Args = append([]string{
				"-m", "pip", "install", "--quiet", "--no-compile", "--only-binary", ":all:", "--target", site, "-r", list,
			}, j.target()...)
			return t, nil
		}
	}
	return source.Command{}, source.Problem(list, "install uv from https://docs.astral.sh/uv, or Python "+j.version()+" with pip",
		"Python packages need uv or pip, and neither was found")
}

func (j *job) uvPlatform() string {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[j.Platform.Arch]
	if j.Platform.CLibrary() == "musl" {
		return machine + "-unknown-linux-musl"
	}
	return machine + "-manylinux_2_28"
}

// noWheel finds the package that an installer has nothing for.
var noWheel = regexp.MustCompile(`(?:No matching distribution found for|Could not find a version that satisfies the requirement|Because there are no versions of|Because) ([A-Za-z0-9][A-Za-z0-9._-]*)`)

func (j *job) installProblem(list, said string, err error) error {
	name := filepath.Base(list)
	e := source.Problem(list, "correct "+name, "installing what %s asks for, for Python %s on %s/%s, failed\n%s",
		name, j.version(), j.Platform.OS, j.Platform.Arch, said)
	if m := noWheel.FindStringSubmatch(said); m != nil {
		e.Message = fmt.Sprintf("%s has no wheel for Python %s on %s/%s, or no such version\n%s",
			m[1], j.version(), j.Platform.OS, j.Platform.Arch, said)
		e.Hint = "choose a version of " + m[1] + " that has one, or build a wheel and name its file in " + name
	}
	e.Err = err
	return e
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
	return os.WriteFile(record, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
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

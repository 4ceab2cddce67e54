package packager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// python packages the source folder and its requirements side by side, the shim on top.
func (j *job) python(ctx context.Context) (source.Content, error) {
	entry, err := j.pythonHandler()
	if err != nil {
		return source.Content{}, err
	}
	files, err := j.Tree(ctx)
	if err != nil {
		return source.Content{}, err
	}
	var installed []source.File
	if j.Platform.Source {
		files, err = j.pythonSource(files)
	} else {
		installed, err = j.requirements(ctx)
	}
	if err != nil {
		return source.Content{}, err
	}
	if j.Function.Style != manifest.StyleServer {
		entry = j.shim.Entry
		for name, data := range j.shim.Files {
			files = append(files, source.Generated(name, data))
		}
	}
	if len(installed) == 0 {
		return source.Content{Files: files, Entry: entry}, nil
	}
	own := map[string]bool{}
	for _, f := range files {
		own[f.Name] = true
	}
	for _, f := range installed { // as in Python's own search path, the program's files come first
		if !own[f.Name] {
			files = append(files, f)
		}
	}
	return source.Content{Files: files, Entry: entry}, nil
}

// pythonHandler returns the file of the handler's module, or of the program with style server.
func (j *job) pythonHandler() (string, error) {
	module, _, _ := strings.Cut(j.Function.Handler, ":")
	if name := path.Clean(j.Function.Handler); strings.HasSuffix(name, ".py") && j.Function.Style == manifest.StyleServer {
		return name, j.WantFile(name, j.Function.Handler, "handler")
	}
	base := strings.ReplaceAll(module, ".", "/")
	candidates := []string{base + ".py", base + "/__init__.py"}
	if j.Function.Style == manifest.StyleServer {
		candidates[1] = base + "/__main__.py"
	}
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

// requirements installs what the function asks for, once for all functions that ask for the same.
func (j *job) requirements(ctx context.Context) ([]source.File, error) {
	w, err := j.wishes()
	if err != nil || w == nil {
		return nil, err
	}
	if _, err := j.In.Dir(j.Dir); err != nil {
		return nil, source.ReadProblem(j.Dir, "the source folder", err)
	}
	dir, err := j.Install(ctx, source.Installation{Kind: "python", Of: []any{j.pythonTarget(), w.sum}, Floats: true}, func(dir string) error {
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
	for _, e := range readDir(site) {
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

// listing is what requirements files say, each once: they may name each other, and themselves.
type listing struct {
	strings.Builder
	read map[string]bool
}

// readRequirements notes a requirements file with the files that it names and reports whether it asks for anything.
func (j *job) readRequirements(list string, sum *listing) (bool, error) {
	if sum.read[list] {
		return false, nil
	}
	sum.read[list] = true
	data, err := j.In.Read(list)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(sum, "%s\x00%s\x00", filepath.Base(list), data)
	asks := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, nested := nestedList(line)
		asks = asks || !strings.HasPrefix(line, "-")
		named := filepath.Join(j.Dir, filepath.FromSlash(name))
		if nested { // pip reads it relative to the list that names it
			named = filepath.Join(filepath.Dir(list), filepath.FromSlash(name))
			if there, err := source.IsFile(named); err != nil {
				return false, err
			} else if !there {
				return false, source.Missing(filepath.Dir(list), name, "the list "+name+" named in "+filepath.Base(list)+":", source.AFile)
			}
			more, err := j.readRequirements(named, sum)
			if err != nil {
				return false, err
			}
			asks = asks || more
		} else if strings.HasPrefix(name, ".") {
			there, err := source.IsFile(named)
			if err == nil && there {
				err = j.In.File(named)
			}
			if err != nil {
				return false, err
			}
			if there {
				fmt.Fprintf(sum, "%s\x00", j.In.Sum(named))
			}
		}
	}
	return asks, nil
}

// nestedList is the file that a line names: another list, or a package on disk.
func nestedList(line string) (name string, nested bool) {
	for _, flag := range []string{"-r", "--requirement", "-c", "--constraint"} {
		if rest, ok := strings.CutPrefix(line, flag); ok && (flag[1] != '-' || strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "=")) {
			return strings.Trim(rest, " =\t"), true
		}
	}
	name, _, _ = strings.Cut(line, " ")
	return name, false
}

// pythonTarget are pip's words for the platform. They are said in full, for pip expands few of them.
func (j *job) pythonTarget() []string {
	version := j.pythonVersion()
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
		for _, minor := range []int{28, 27, 26, 24, 17, 12, 5} { // 28 is what every cloud's image has
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

func (j *job) pythonVersion() string {
	if j.Platform.Runtime.Language() == "python" && j.Platform.Runtime.Version() != "" {
		return j.Platform.Runtime.Version()
	}
	return j.Function.Runtime.Version()
}

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
			"--python-version", j.pythonVersion(), "--python-platform", j.uvPlatform(), "-r", list,
		}
		return t, nil
	}
	for _, name := range []string{"python" + j.pythonVersion(), "python3", "python"} {
		interpreter, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if (source.Command{Dir: j.Dir, Name: interpreter, Args: []string{"-c", "import pip"}}).Works(ctx) {
			t.Name = interpreter
			t.Args = append([]string{
				"-m", "pip", "install", "--quiet", "--no-compile", "--only-binary", ":all:", "--target", site, "-r", list,
			}, j.pythonTarget()...)
			return t, nil
		}
	}
	return source.Command{}, source.Problem(list, "install uv from https://docs.astral.sh/uv, or Python "+j.pythonVersion()+" with pip",
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
		name, j.pythonVersion(), j.Platform.OS, j.Platform.Arch, said)
	if m := noWheel.FindStringSubmatch(said); m != nil {
		e.Message = fmt.Sprintf("%s has no wheel for Python %s on %s/%s, or no such version\n%s",
			m[1], j.pythonVersion(), j.Platform.OS, j.Platform.Arch, said)
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

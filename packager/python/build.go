package python

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/packager/source"
)

// building is an installation that is being made. What has a wheel for the platform is installed from it; the rest is built
// here, each in isolation, and taken when the result runs there.
type building struct {
	*job
	tool tool
	of   *wishes
	dir  string
	made int
}

func (b *building) site() string { return filepath.Join(b.dir, "site") }

// clear removes all but the installation.
func (b *building) clear() error { return os.RemoveAll(filepath.Join(b.dir, "work")) }

func (b *building) work(name string) string { return filepath.Join(b.dir, "work", name) }

func (b *building) all(ctx context.Context) error {
	if err := os.MkdirAll(b.work(""), 0o755); err != nil {
		return source.WriteProblem(b.Cache, err)
	}
	if err := b.copyFolders(b.of, b.work("folders")); err != nil {
		return err
	}
	lines := slices.Clone(b.of.lines)
	if b.of.brought != "" {
		lines = append(lines, b.of.brought)
	}
	for i, line := range lines {
		lines[i] = b.inCopies(line)
	}
	if !b.of.locked {
		if !slices.ContainsFunc(lines, mustBuild) {
			said, err := b.wheels(ctx, lines)
			if err == nil || unreachable(said) || lacking(said) == "" {
				return b.problem(said, err)
			}
		}
		var err error
		if lines, err = b.resolved(ctx, lines); err != nil {
			return err
		}
	}
	return b.pinned(ctx, lines)
}

// inCopies is a requirement whose folder is the copy of it.
func (b *building) inCopies(line string) string {
	if path, rest := pathIn(line); filepath.IsAbs(path) && slices.Contains(b.of.folders, path) {
		return filepath.Join(b.work("folders"), path) + rest
	}
	return line
}

// list writes a requirements file.
func (b *building) list(lines []string) (string, error) {
	b.made++
	file := b.work("list-" + strconv.Itoa(b.made) + ".txt")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return "", source.WriteProblem(b.Cache, err)
	}
	return file, nil
}

// wheels installs what lines ask for from wheels alone.
func (b *building) wheels(ctx context.Context, lines []string, options ...string) (said string, err error) {
	file, err := b.list(lines)
	if err != nil {
		return "", err
	}
	_, said, err = b.tool.run(ctx, slices.Concat(b.tool.wheels, options, []string{"--target", b.site(), "-r", file})...)
	return said, err
}

// resolved are the requirements that others lead to, with their versions, wherever they come from.
func (b *building) resolved(ctx context.Context, lines []string) ([]string, error) {
	file, err := b.list(lines)
	if err != nil {
		return nil, err
	}
	var out []string
	if b.tool.uv {
		list, said, err := b.tool.run(ctx, slices.Concat([]string{"pip", "compile", "--quiet", "--no-header", "--no-annotate"}, b.uvTarget(), []string{file})...)
		if err != nil {
			return nil, b.problem(said, err)
		}
		out = logicalLines(string(list))
	} else if out, err = b.reported(ctx, file); err != nil {
		return nil, err
	}
	return append(slices.DeleteFunc(lines, func(line string) bool { // an index, and where wheels lie
		return !strings.HasPrefix(line, "-") || strings.HasPrefix(line, "-c ")
	}), out...), nil
}

// report is what pip says that it would install.
type report struct {
	Install []struct {
		Direct   bool `json:"is_direct"`
		Metadata struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"metadata"`
		From struct {
			URL string `json:"url"`
			VCS struct {
				Kind   string `json:"vcs"`
				Commit string `json:"commit_id"`
			} `json:"vcs_info"`
		} `json:"download_info"`
	} `json:"install"`
}

// reported is what pip finds for the interpreter that it runs in.
func (b *building) reported(ctx context.Context, file string) (out []string, err error) {
	to := b.work("report.json")
	_, said, err := b.tool.run(ctx, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--prefer-binary", "--report", to, "-r", file)
	if err != nil {
		return nil, b.problem(said, err)
	}
	data, err := os.ReadFile(to)
	if err != nil {
		return nil, err
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	for _, one := range r.Install {
		switch from := one.From; {
		case !one.Direct:
			out = append(out, one.Metadata.Name+"=="+one.Metadata.Version)
		case from.VCS.Kind != "":
			out = append(out, one.Metadata.Name+" @ "+from.VCS.Kind+"+"+from.URL+"@"+from.VCS.Commit)
		default:
			out = append(out, one.Metadata.Name+" @ "+from.URL)
		}
	}
	return out, nil
}

// address is a URL without what comes after it in a requirement.
var address = pattern.Of(`^[^\s;#?]*`)

// mustBuild is whether a requirement names no wheel: a folder, an archive of sources, a repository.
func mustBuild(line string) bool {
	if strings.HasPrefix(line, "-") {
		return false
	}
	from, _ := pathIn(line)
	if _, url, ok := strings.Cut(line, "://"); ok && from == "" {
		from = address().FindString(url)
	}
	return from != "" && !strings.HasSuffix(from, ".whl")
}

// pinned installs a complete list: wheels where there are any for the platform, and what is built of the rest. Everything that
// cannot be had is an error of its own.
func (b *building) pinned(ctx context.Context, lines []string) error {
	var options, registry, missing []string
	for _, line := range lines {
		line = strings.TrimPrefix(line, "-e ") // uv keeps what the list says
		switch {
		case strings.HasPrefix(line, "-"):
			options = append(options, line)
		case mustBuild(line):
			missing = append(missing, line)
		default:
			registry = append(registry, line)
		}
	}
	for len(registry) > 0 {
		said, err := b.wheels(ctx, slices.Concat(options, registry), "--no-deps")
		if err == nil {
			break
		}
		name := lacking(said)
		is := func(line string) bool { return name != "" && parseRequirement(line).name == normal(name) }
		if unreachable(said) || !slices.ContainsFunc(registry, is) {
			return b.problem(said, err)
		}
		for _, line := range registry {
			if is(line) {
				missing = append(missing, line)
			}
		}
		registry = slices.DeleteFunc(registry, is)
	}
	var refused source.Errors
	for _, line := range missing {
		switch e := b.build(ctx, options, line).(type) { //nolint:errorlint // it is made here
		case nil:
		case *source.Error:
			refused = append(refused, e)
		default:
			return e
		}
	}
	if len(refused) > 0 {
		return refused.Join()
	}
	return nil
}

// build builds one package, and takes the result when it runs on the platform.
func (b *building) build(ctx context.Context, options []string, line string) error {
	file, err := b.list(append(slices.Clone(options), line))
	if err != nil {
		return err
	}
	to := b.work("built-" + strconv.Itoa(b.made))
	_, said, err := b.tool.run(ctx, slices.Concat(b.tool.build, []string{"--target", to, "-r", file})...)
	if err != nil {
		return b.unbuilt(line, said, err)
	}
	if e := b.fits(to); e != nil {
		return e
	}
	return merge(to, b.site())
}

// merge moves the files of a folder into another one.
func merge(from, to string) error {
	err := filepath.WalkDir(from, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, full)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return os.Rename(full, filepath.Join(to, rel))
	})
	if errors.Is(err, fs.ErrNotExist) { // its markers ask for nothing here
		return nil
	}
	return err
}

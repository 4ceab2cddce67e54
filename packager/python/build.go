package python

import (
	"context"
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
		if lines, err = b.chosen(ctx, lines); err != nil {
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
	options, registry, missing := sorted(lines)
	without, err := b.shared(ctx, options, registry)
	if err != nil {
		return err
	}
	missing = append(missing, without...)
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

// sorted are the lines that say something of all, those that name a package and its version, and those whose package has to be
// built.
func sorted(lines []string) (options, registry, sources []string) {
	for _, line := range lines {
		line = strings.TrimPrefix(line, "-e ") // uv keeps what the list says
		switch {
		case strings.HasPrefix(line, "-"):
			options = append(options, line)
		case mustBuild(line):
			sources = append(sources, line)
		default:
			registry = append(registry, line)
		}
	}
	return options, registry, sources
}

// shared installs what has a wheel for the platform, and returns the lines of what has none. Beside folders that are built, which
// change often, it is installed once for as long as the rest stays as it is.
func (b *building) shared(ctx context.Context, options, registry []string) (missing []string, err error) {
	if len(b.of.folders) == 0 {
		return b.without(ctx, options, registry)
	}
	of := []any{b.target(), b.tool.uv, b.of.sum, options, registry}
	dir, err := b.Install(ctx, source.Installation{Kind: "wheels", Of: of, Floats: true}, func(dir string) error {
		part := &building{job: b.job, tool: b.tool, of: b.of, dir: dir}
		if err := os.MkdirAll(part.work(""), 0o755); err != nil {
			return source.WriteProblem(b.Cache, err)
		}
		missing, err := part.without(ctx, options, registry)
		if err != nil {
			return err
		}
		err = os.WriteFile(filepath.Join(dir, "missing"), []byte(strings.Join(missing, "\n")), 0o600)
		if err := errors.Join(err, tidy(part.site()), part.clear()); err != nil {
			return source.WriteProblem(b.Cache, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(filepath.Join(dir, "missing"))
	if err := errors.Join(err, link(filepath.Join(dir, "site"), b.site())); err != nil {
		return nil, source.WriteProblem(b.Cache, err)
	}
	return logicalLines(string(list)), nil
}

// without installs what has a wheel for the platform, and returns the lines of what has none.
func (b *building) without(ctx context.Context, options, registry []string, how ...string) (missing []string, err error) {
	for len(registry) > 0 {
		said, err := b.wheels(ctx, slices.Concat(options, registry), append(how, "--no-deps")...)
		if err == nil {
			break
		}
		is := names(lacking(said))
		if unreachable(said) || !slices.ContainsFunc(registry, is) {
			return nil, b.problem(said, err)
		}
		for _, line := range registry {
			if is(line) {
				missing = append(missing, line)
			}
		}
		registry = slices.DeleteFunc(registry, is)
	}
	return missing, nil
}

// names is whether a line asks for the package of a name.
func names(name string) func(line string) bool {
	return func(line string) bool { return name != "" && parseRequirement(line).name == normal(name) }
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
	if !source.Exists(from) { // its markers ask for nothing here
		return nil
	}
	return eachInto(from, to, os.Rename)
}

// link has the files of a folder in another one as well, as copies where the file system has no links. Nobody writes into files
// that are installed. A folder that somebody takes away meanwhile is an error.
func link(from, to string) error {
	return eachInto(from, to, func(from, to string) error {
		if os.Link(from, to) == nil {
			return nil
		}
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o600)
	})
}

func eachInto(from, to string, do func(from, to string) error) error {
	return filepath.WalkDir(from, func(full string, d fs.DirEntry, err error) error {
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
		return do(full, filepath.Join(to, rel))
	})
}

package python

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
)

// chosen are the requirements that lines lead to, with their versions. Where lines leave the version open, one that has a wheel for
// the platform goes before one that has to be built.
func (b *building) chosen(ctx context.Context, lines []string) ([]string, error) {
	list, said, err := b.resolved(ctx, lines, nil)
	if err != nil {
		return nil, b.problem(said, err)
	}
	var wanted []string // packages that are to have a wheel
	open := func(name string) bool {
		return !slices.Contains(wanted, name) && !slices.ContainsFunc(lines, func(line string) bool { return names(name)(line) && pin().MatchString(line) })
	}
	for {
		options, registry, _ := sorted(list)
		missing, err := b.without(ctx, options, registry, "--dry-run")
		if err != nil {
			return nil, err
		}
		more := len(wanted)
		for _, line := range missing {
			if name := parseRequirement(line).name; open(name) {
				wanted = append(wanted, name)
			}
		}
		if len(wanted) == more {
			return list, nil
		}
		again, err := b.withWheels(ctx, lines, slices.Clone(wanted))
		if again == nil || err != nil {
			return list, err
		}
		list = again
	}
}

var pin = pattern.Of(`^[^;=!<>~]*={2,3}\s*[^\s;,*]+\s*([;,]|--|$)`)

// withWheels are the requirements that lines lead to where packages are to have a wheel, but for those that have none in any version
// that will do. It returns nil where nothing satisfies the rest.
func (b *building) withWheels(ctx context.Context, lines, wanted []string) ([]string, error) {
	for len(wanted) > 0 {
		list, said, err := b.resolved(ctx, lines, wanted)
		if err == nil || ctx.Err() != nil {
			return list, err
		}
		is := names(lacking(said))
		if !slices.ContainsFunc(wanted, is) {
			return nil, nil
		}
		wanted = slices.DeleteFunc(wanted, is)
	}
	return nil, nil
}

// resolved are the requirements that lines lead to, with their versions, wherever they come from. Those named come as wheels.
func (b *building) resolved(ctx context.Context, lines, wheels []string) (out []string, said string, err error) {
	if b.tool.uv {
		out, said, err = b.compiled(ctx, lines, wheels)
	} else {
		out, said, err = b.found(ctx, lines, wheels)
	}
	options, _, _ := sorted(lines)
	return slices.Concat(slices.DeleteFunc(options, isConstraint), out), said, err
}

func isConstraint(line string) bool { return strings.HasPrefix(line, "-c ") }

// compiled is what uv resolves, for the platform.
func (b *building) compiled(ctx context.Context, lines, wheels []string) (out []string, said string, err error) {
	file, err := b.list(lines)
	if err != nil {
		return nil, "", err
	}
	args := slices.Concat([]string{"pip", "compile", "--quiet", "--no-header", "--no-annotate"}, b.uvTarget())
	for _, name := range wheels {
		args = append(args, "--only-binary", name)
	}
	list, said, err := b.tool.run(ctx, append(args, file)...)
	return logicalLines(string(list)), said, err
}

// found is what pip resolves. It does so for the interpreter that it runs in, so a package that is to have a wheel is held to
// the newest version that has one for the platform, or below.
func (b *building) found(ctx context.Context, lines, wheels []string) (out []string, said string, err error) {
	if len(wheels) > 0 {
		held, said, err := b.newest(ctx, lines, wheels)
		if err != nil {
			return nil, said, err
		}
		lines = append(slices.Clone(lines), "-c "+held)
	}
	file, err := b.list(lines)
	if err != nil {
		return nil, "", err
	}
	return b.reported(ctx, file, "-m", "pip", "install", "--quiet", "--ignore-installed", "--prefer-binary")
}

// newest is a list of constraints: each package at most of the newest version that has a wheel for the platform.
func (b *building) newest(ctx context.Context, lines, names []string) (file string, said string, err error) {
	options, registry, _ := sorted(lines)
	for _, name := range names {
		options = append(options, name)
		for _, line := range registry {
			if parseRequirement(line).name == name {
				options = append(options, line)
			}
		}
	}
	file, err = b.list(options)
	if err != nil {
		return "", "", err
	}
	list, said, err := b.reported(ctx, file, append(b.tool.wheels, "--no-deps", "--target", b.site())...)
	if err != nil {
		return "", said, err
	}
	for i, line := range list {
		list[i] = strings.Replace(line, "==", "<=", 1)
	}
	file, err = b.list(list)
	return file, "", err
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

// reported are the requirements that pip would install for a list.
func (b *building) reported(ctx context.Context, file string, options ...string) (out []string, said string, err error) {
	to := b.work("report.json")
	if _, said, err := b.tool.run(ctx, slices.Concat(options, []string{"--dry-run", "--report", to, "-r", file})...); err != nil {
		return nil, said, err
	}
	data, err := os.ReadFile(to)
	if err != nil {
		return nil, "", err
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, "", err
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
	return out, "", nil
}

package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// Lambda's runtimes of Node have version 3 of AWS's SDK, and what is written for Lambda imports it without having it installed.
// There it is left to the runtime, and elsewhere ferry brings it.

// ofSDK is whether a package is one of those that the runtimes have.
func ofSDK(name string) bool {
	return strings.HasPrefix(name, "@aws-sdk/") || strings.HasPrefix(name, "@smithy/")
}

// formerSDK is version 2 of the SDK, which Node 16 was the last to have on Lambda.
const formerSDK = "aws-sdk"

const adviceOnFormerSDK = "run `npm install aws-sdk` in %s, or import @aws-sdk/client-* instead: Lambda's runtimes have version 3 of AWS's SDK, and not aws-sdk, version 2"

// lacksSDK is whether a function is written for Lambda and runs where there is no SDK.
func (j *job) lacksSDK() bool {
	return j.Function.Style == manifest.StyleLambda && j.Platform.Shim != "aws"
}

// unlisted is whether the runtimes' version of a package is meant: the project neither has it nor wants one of its own.
func (m *modules) unlisted(name, from string) (bool, error) {
	if m.job.Function.Style != manifest.StyleLambda || !ofSDK(name) || m.wanted(name) {
		return false, nil
	}
	mod, err := m.find(name, from)
	return mod == nil, err
}

// sdk leaves to the runtime, or brings, what a bundle failed on of the SDK, and reports whether there is anything new.
func (b *bundle) sdk(failed []api.Message) (more bool, err error) {
	for _, m := range failed {
		name, ok := unresolved(m)
		name = PackageName(name)
		if !ok || b.runtime[name] != "" {
			continue
		}
		file := filepath.Join(b.job.Dir, filepath.FromSlash(location(m).File))
		lacks, err := b.modules.unlisted(name, filepath.Dir(file))
		if err != nil {
			return false, err
		}
		if lacks {
			b.runtime[name], more = file, true
		}
	}
	if !more || !b.job.lacksSDK() {
		return more, nil
	}
	brought, err := b.modules.broughtSDK(b.runtime)
	for name, mod := range brought {
		b.external[name] = outsider{mod.dir, "it is brought for code that finds it in AWS Lambda's runtime"}
	}
	return more, err
}

// external are the packages that stay out of a bundle on request. Of the SDK there are none where nobody else has it.
func (j *job) external() []string {
	return slices.DeleteFunc(slices.Clone(j.Function.Build.External), func(name string) bool { return j.lacksSDK() && ofSDK(name) })
}

// broughtSDK has packages of the SDK installed, which are given with a file that imports each.
func (m *modules) broughtSDK(by map[string]string) (map[string]*module, error) {
	names := slices.Sorted(maps.Keys(by))
	if len(names) == 0 {
		return nil, nil
	}
	versions := map[string]string{}
	for _, name := range names {
		versions[name] = "*"
		if strings.HasPrefix(name, "@aws-sdk/") {
			versions[name] = m.sdkVersions(filepath.Dir(by[name]))
		}
	}
	dir, err := m.bring(versions)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	if err != nil {
		e := source.Problem(by[names[0]], "run `npm install "+strings.Join(names, " ")+"` in the source folder "+m.job.Function.Source+", where a registry can be reached",
			"the code imports %s, which only AWS Lambda's runtime has: %v", strings.Join(names, ", "), err)
		e.Err = err
		return nil, e
	}
	out := map[string]*module{}
	for _, name := range names {
		if out[name], err = m.load(filepath.Join(dir, "node_modules", filepath.FromSlash(name))); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sdkVersions are those that go with what the project has of the SDK, whose packages are released together, and with Node.
func (m *modules) sdkVersions(from string) string {
	var newest []int
	for dir := from; ; dir = filepath.Dir(dir) {
		found, _ := filepath.Glob(filepath.Join(globQuote(dir), "node_modules", "@aws-sdk", "*")) // the pattern is well formed
		for _, at := range found {
			if kind, _, _ := strings.Cut(filepath.Base(at), "-"); kind != "client" && kind != "lib" {
				continue
			}
			if mod, err := m.load(at); err == nil {
				newest = slices.MaxFunc([][]int{newest, numbers(mod.Version)}, slices.Compare)
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if len(newest) == 3 {
		return fmt.Sprintf("3.0.0 - %d.%d.%d", newest[0], newest[1], newest[2])
	}
	if major, err := strconv.Atoi(m.job.engineVersion()); err == nil && major < 20 {
		return "3.0.0 - 3.967.0" // later ones need Node 20
	}
	return "^3.0.0"
}

// numbers are those of a version, nil for one that is none.
func numbers(version string) (out []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// tests are files that no function runs.
var tests = pattern.Of(`(?:^|/)(?:tests?|__tests__)/|\.(?:test|spec)\.[cm]?js$`)

// sdk takes what the sources of a package, and the packages of the workspace that it has, import of the SDK and the
// production dependencies do not hold.
func (m *modules) sdk(files []source.File) error {
	if m.job.Function.Style != manifest.StyleLambda {
		return nil
	}
	missing := map[string]string{}
	own := slices.DeleteFunc(slices.Clone(m.files), func(f source.File) bool {
		_, _, installed := PackageOf(f.Path)
		return installed
	})
	for _, f := range slices.Concat(files, own) {
		if f.Path == "" || !slices.Contains([]string{".js", ".mjs", ".cjs"}, path.Ext(f.Name)) || tests().MatchString(f.Name) {
			continue
		}
		data, err := m.job.In.Read(f.Path)
		if err != nil {
			return err
		}
		text := string(data)
		if !strings.Contains(text, "@aws-sdk/") && !strings.Contains(text, "@smithy/") && !strings.Contains(text, formerSDK) {
			continue
		}
		for _, l := range pathsIn(f.Path, "", text).imports() {
			if err := m.imported(PackageName(l.name), f, l.line, missing); err != nil {
				return err
			}
		}
	}
	brought, err := m.broughtSDK(missing)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(brought)) {
		if err := m.put("", name, brought[name]); err != nil {
			return err
		}
	}
	if err := m.settle(); err != nil {
		return err
	}
	return m.collect()
}

// imported looks at a package that a file imports. What is installed for tests and the like comes along.
func (m *modules) imported(name string, by source.File, line int, missing map[string]string) error {
	if name != formerSDK && (!ofSDK(name) || !m.job.lacksSDK()) || m.top(name) != nil {
		return nil
	}
	mod, err := m.find(name, filepath.Dir(by.Path))
	switch {
	case err != nil:
		return err
	case name == formerSDK && mod == nil:
		m.job.made.Warnings = append(m.job.made.Warnings, source.Warning{
			File: by.Name, Line: line, Message: fmt.Sprintf("%s:%d imports aws-sdk, which is not installed", by.Name, line),
			Hint: fmt.Sprintf(adviceOnFormerSDK, m.job.Function.Source),
		})
	case name == formerSDK:
	case mod != nil:
		return m.put("", name, mod)
	default:
		missing[name] = cmp.Or(missing[name], by.Path)
	}
	return nil
}

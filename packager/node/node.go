// Package node packages Node functions.
package node

import (
	"context"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// job is one function on its way into a package.
type job struct {
	*source.Job
	together *Together
	shim     templates.Shim
	made     source.Content
	listed   map[string]string // packages that the cloud installs, with their versions
}

// Content is the handler with what it needs to run. The handler keeps its place in the tree, bundled or not, so that
// paths relative to it hold; the shim lies at the root and imports it.
func (t *Together) Content(ctx context.Context, of *source.Job, shim templates.Shim) (source.Content, error) {
	j := &job{Job: of, together: t, shim: shim}
	err := j.build(ctx)
	return j.made, err
}

func (j *job) build(ctx context.Context) (err error) {
	handler := path.Clean(j.Function.Module())
	if err := j.WantFile(handler, j.Function.Module(), "handler"); err != nil {
		return err
	}
	if err := helpless(j.Dir, j.Function); err != nil {
		return err
	}
	j.made.Entry = handler
	shimFiles := j.shimFiles(ctx)
	if j.whole() {
		j.made.Files, err = j.tree(ctx, handler)
	} else {
		j.made.Files, j.made.Entry, err = j.bundled(ctx, handler)
	}
	if err != nil {
		return err
	}
	if j.Function.Style != manifest.StyleServer {
		shim, err := shimFiles(j.made.Entry)
		if err != nil {
			return err
		}
		j.made.Files, j.made.Entry = append(j.made.Files, shim...), j.shim.Entry
		if err := j.beside(); err != nil {
			return err
		}
	}
	if j.Platform.Source {
		j.made.Files, err = j.sources(j.made.Files, j.made.Entry)
	}
	return err
}

// whole is whether the package holds the sources as they are, and not a bundle of them.
func (j *job) whole() bool {
	b := j.Function.Build.Bundle
	return b != nil && !*b
}

// tree is the source folder with its production dependencies.
func (j *job) tree(ctx context.Context, handler string) ([]source.File, error) {
	if ext := path.Ext(handler); slices.Contains([]string{".ts", ".mts", ".cts", ".tsx", ".jsx"}, ext) {
		return nil, source.Problem(filepath.Join(j.Dir, handler), "leave `build.bundle` at true, or compile it with build.command and name the result as handler",
			"%s needs bundling: Node does not run %s files", handler, ext)
	}
	files, err := j.Tree(ctx)
	if err != nil {
		return nil, err
	}
	if j.Platform.Source { // the builder of the cloud installs them
		return files, nil
	}
	m := newModules(ctx, j)
	if err := m.root(); err != nil {
		return nil, err
	}
	if err := m.collect(); err != nil {
		return nil, err
	}
	if err := m.sdk(files); err != nil {
		return nil, err
	}
	files = append(files, m.files...)
	return slices.DeleteFunc(files, source.Duplicate()), nil
}

// libraryVersion is the version of a library in this program, "" when it is not known.
func libraryVersion(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return strings.TrimPrefix(m.Version, "v")
		}
	}
	return ""
}

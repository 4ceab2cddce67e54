package packager

import (
	"bytes"
	"context"
	"encoding/json"
	"path"
	"path/filepath"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// node makes the package of a Node function. The handler keeps its place in the tree, bundled or not, so that
// paths relative to it hold; the shim lies at the root and imports it.
func (j *job) node(ctx context.Context) (source.Content, error) {
	handler := path.Clean(j.Function.Handler)
	if err := j.WantFile(handler, j.Function.Handler, "handler"); err != nil {
		return source.Content{}, err
	}
	var files []source.File
	var err error
	entry := handler
	if b := j.Function.Build.Bundle; b != nil && !*b {
		files, err = j.nodeTree(ctx, handler)
	} else {
		files, entry, err = j.nodeBundle(ctx, handler)
	}
	if err != nil {
		return source.Content{}, err
	}
	made := source.Content{Files: files, Entry: entry}
	if j.Function.Style != manifest.StyleServer {
		made = source.Content{Files: append(files, j.nodeShim(entry)...), Entry: j.shim.Entry}
	}
	if j.Platform.Source {
		made.Files, err = j.nodeSource(made)
	}
	return made, err
}

// nodeShim is the shim with its import of the handler resolved.
func (j *job) nodeShim(handler string) []source.File {
	specifier := []byte(`"ferry:handler"`)
	var out []source.File
	for name, data := range j.shim.Files {
		if i := bytes.LastIndex(data, specifier); i >= 0 {
			data = slices.Concat(data[:i], []byte(quoted("./"+handler)), data[i+len(specifier):])
		}
		out = append(out, source.Generated(name, data))
	}
	return out
}

func quoted(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(data)
}

// nodeTree is the source folder with its production dependencies.
func (j *job) nodeTree(ctx context.Context, handler string) ([]source.File, error) {
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
	files = append(files, m.files...)
	return slices.DeleteFunc(files, source.Duplicate()), nil
}

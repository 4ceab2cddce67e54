package packager

import (
	"bytes"
	"context"
	"encoding/json"
	"path"
	"path/filepath"
	"slices"

	"github.com/ferryfn/ferry/manifest"
)

// node makes the package of a Node function. The handler keeps its place in the tree, bundled or not, so that
// paths relative to it hold; the shim lies at the root and imports it.
func (j *job) node(ctx context.Context) (content, error) {
	handler := path.Clean(j.fn.Handler)
	if err := j.wantFile(handler, j.fn.Handler, "handler"); err != nil {
		return content{}, err
	}
	var files []file
	var err error
	entry := handler
	if b := j.fn.Build.Bundle; b != nil && !*b {
		files, err = j.nodeTree(ctx, handler)
	} else {
		files, entry, err = j.nodeBundle(ctx, handler)
	}
	if err != nil {
		return content{}, err
	}
	made := content{files: files, entry: entry}
	if j.fn.Style != manifest.StyleServer {
		made = content{files: append(files, j.nodeShim(entry)...), entry: j.shim.Entry}
	}
	if j.platform.Source {
		made.files, err = j.nodeSource(made)
	}
	return made, err
}

// nodeShim is the shim with its import of the handler resolved.
func (j *job) nodeShim(handler string) []file {
	specifier := []byte(`"ferry:handler"`)
	var out []file
	for name, data := range j.shim.Files {
		if i := bytes.LastIndex(data, specifier); i >= 0 {
			data = slices.Concat(data[:i], []byte(quoted("./"+handler)), data[i+len(specifier):])
		}
		out = append(out, generated(name, data))
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
func (j *job) nodeTree(ctx context.Context, handler string) ([]file, error) {
	if ext := path.Ext(handler); slices.Contains([]string{".ts", ".mts", ".cts", ".tsx", ".jsx"}, ext) {
		return nil, problem(filepath.Join(j.dir, handler), "leave `build.bundle` at true, or compile it with build.command and name the result as handler",
			"%s needs bundling: Node does not run %s files", handler, ext)
	}
	files, err := j.tree(ctx)
	if err != nil {
		return nil, err
	}
	if j.platform.Source { // the builder of the cloud installs them
		return files, nil
	}
	m := newModules(ctx, j)
	if err := m.root(); err != nil {
		return nil, err
	}
	files = append(files, m.files...)
	return slices.DeleteFunc(files, duplicate()), nil
}

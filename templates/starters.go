package templates

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
)

// Starter is a project that `ferry init` writes. It runs as it is, with nothing to install but what its style is of.
type Starter struct {
	Name    string
	Style   manifest.Style // of its function; "" where it has several
	Summary string         // one line, lower case
}

// Starters lists all starters, sorted by name.
func Starters() []Starter {
	return []Starter{
		{"go-http", manifest.StyleGo, "Go, an http.Handler with the standard library"},
		{"go-lambda", manifest.StyleLambda, "Go, a program that calls lambda.Start"},
		{"mixed", "", "Node, Python and Go functions in one service"},
		{"node-azure", manifest.StyleAzure, "Node, an Azure Functions app (v4 programming model)"},
		{"node-gcf", manifest.StyleGCFHTTP, "Node, a function of Google's functions-framework"},
		{"node-http", manifest.StyleFetch, "Node, a fetch handler"},
		{"node-lambda", manifest.StyleLambda, "Node, a handler(event, context) of AWS Lambda"},
		{"node-listener", manifest.StyleNode, "Node, a (req, res) listener or an Express, Koa or Fastify app"},
		{"python-asgi", manifest.StyleASGI, "Python, an ASGI application"},
		{"python-azure", manifest.StyleAzure, "Python, an Azure Functions app (v2 programming model)"},
		{"python-gcf", manifest.StyleGCFHTTP, "Python, a function of Google's functions-framework"},
		{"python-http", manifest.StyleWSGI, "Python, a WSGI application"},
		{"python-lambda", manifest.StyleLambda, "Python, a handler(event, context) of AWS Lambda"},
	}
}

// SchemaFile is where the manifests of the starters look for their JSON Schema.
const SchemaFile = "ferry.schema.json"

// Write writes the starter into dir, which is made when it is missing, under the name of a service, with the JSON
// Schema that its manifest names, and returns the slash paths of the files, sorted. When one of them exists already
// it writes nothing and the error, which is fs.ErrExist, names them all.
func (s Starter) Write(dir, service string, schema []byte) ([]string, error) {
	contents, names, err := s.files(service)
	if err != nil {
		return nil, err
	}
	contents[SchemaFile], names = schema, append(names, SchemaFile)
	slices.Sort(names)
	var exist []string
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			exist = append(exist, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("looking for %s: %w", name, err)
		}
	}
	if len(exist) > 0 {
		return nil, fmt.Errorf("writing the starter %s into %s: %s: %w", s.Name, dir, strings.Join(exist, ", "), fs.ErrExist)
	}
	for _, name := range names {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, fmt.Errorf("writing the starter %s: %w", s.Name, err)
		}
		if err := os.WriteFile(file, contents[name], 0o644); err != nil {
			return nil, fmt.Errorf("writing the starter %s: %w", s.Name, err)
		}
	}
	return names, nil
}

// files are the starter's files by slash path, and the paths sorted. A name that ends in .tmpl loses that
// ending: it keeps go.mod and .gitignore from acting inside ferry's own tree.
func (s Starter) files(service string) (contents map[string][]byte, names []string, err error) {
	root := path.Join("starters", s.Name)
	contents = map[string][]byte{}
	err = fs.WalkDir(files, root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(p, root+"/"), ".tmpl")
		contents[name] = bytes.ReplaceAll(read(p), []byte("{{service}}"), []byte(service))
		names = append(names, name)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the starter %s: %w", s.Name, err)
	}
	return contents, names, nil
}

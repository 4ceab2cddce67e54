package cloudformation

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// code is where a function's code is, in the words of SAM or of CloudFormation, and whose it is in the manifest.
func (f *one) code(properties *foreign.Node) (n *foreign.Node, of string) {
	if text := inline(properties); text != nil {
		return text, f.at
	}
	if n := properties.Get("Code"); n != nil {
		return n, f.at
	}
	return f.property(properties, "CodeUri")
}

// inline is code that stands in the template, nil where none does.
func inline(properties *foreign.Node) *foreign.Node {
	if n := properties.Get("InlineCode"); n != nil {
		return n
	}
	return properties.At("Code", "ZipFile")
}

var esModule = pattern.Of(`(?m)^\s*(import\s[^(]|export\s)`)

// inlined takes code that stands in the template as the file that Lambda makes of it, in a folder of the function's name.
func (f *one) inlined(n *foreign.Node, id, handler string) (source, runtime, reason string) {
	text, ok := f.template.Text(n)
	if !ok {
		return "", "", "its code stands in the template with values that CloudFormation computes: put it into a file"
	}
	file := "index.js"
	switch {
	case strings.HasPrefix(id, "python"):
		file = "index.py"
	case esModule().MatchString(text):
		file = "index.mjs"
	}
	if runtime, reason = lambda.Runtime(id, f.dir); reason != "" {
		return "", "", reason
	}
	base, function, found := strings.Cut(handler, ".")
	if !found || base != "index" {
		return "", "", "the handler of code that stands in the template is written index.function"
	}
	f.fn.Handler = file + ":" + function
	if strings.HasSuffix(file, ".py") {
		f.fn.Handler = "index:" + function
	}
	f.made.Files = append(f.made.Files, draft.File{Name: path.Join(f.fn.Name, file), Text: text})
	return f.fn.Name, runtime, ""
}

// packaged finds runtime and handler of code that lies in a folder.
func (f *one) packaged(code *foreign.Node, id, handler string) (source, runtime, reason string) {
	if source, reason = f.source(code); reason != "" {
		return "", "", reason
	}
	folder := source
	if strings.HasPrefix(id, "provided") {
		source = f.module(source)
	}
	dir := filepath.Join(f.dir, filepath.FromSlash(source))
	if runtime, reason = lambda.Runtime(id, dir); reason != "" {
		return "", "", reason
	}
	if runtime == "go" && source != folder { // a package of a module whose root is above
		handler = strings.TrimPrefix(folder, strings.TrimPrefix(source+"/", "./"))
	}
	f.fn.Handler, reason = lambda.Handler(runtime, foreign.In(dir), handler)
	return source, runtime, reason
}

// module is the folder of the Go module that a folder with code of Go is in, else that folder.
func (f *one) module(folder string) string {
	if found, _ := filepath.Glob(filepath.Join(f.dir, filepath.FromSlash(folder), "*.go")); len(found) == 0 {
		return folder
	}
	for at := folder; ; at = path.Dir(at) {
		if foreign.IsFile(f.dir, path.Join(at, "go.mod")) {
			return at
		}
		if at == "." {
			return folder
		}
	}
}

// source is the folder of a function's code; a file is packaged alone, and lies in its folder.
func (f *one) source(n *foreign.Node) (folder, reason string) {
	if n == nil {
		return ".", ""
	}
	text, ok := f.template.Text(n)
	switch {
	case !ok, strings.Contains(text, "://"):
		return "", "its code lies in a bucket: put it into a folder, and name that as CodeUri"
	case strings.HasSuffix(text, ".zip"), strings.HasSuffix(text, ".jar"):
		return "", "its code is a ready archive: name the folder that it is made from"
	}
	clean := filepath.ToSlash(filepath.Clean(filepath.FromSlash(text)))
	if !filepath.IsLocal(clean) {
		return "", "its code lies outside the template's folder"
	}
	if foreign.IsFile(f.dir, clean) {
		clean = path.Dir(clean)
	}
	return clean, ""
}

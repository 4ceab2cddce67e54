package manifest

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// exportName is the form of a name behind the last colon of a handler.
var exportName = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// Module is what the handler is loaded from: a file, a Python module, or the folder of a Go package.
func (f Function) Module() string {
	module, _ := f.callable()
	return module
}

// Export is the name that the handler has in its module, "" when the manifest leaves it to the style.
func (f Function) Export() string {
	_, export := f.callable()
	return export
}

// callable is the handler in its two parts. What stands behind its last colon is a name only where it has the form of
// one, so that a colon may be in a file's name.
func (f Function) callable() (module, export string) {
	i := strings.LastIndexByte(f.Handler, ':')
	if i <= 0 || !f.namesExport() {
		return f.Handler, ""
	}
	name := f.Handler[i+1:]
	if f.Runtime.Language() == "python" { // a factory is called for what it makes
		name = strings.TrimSuffix(name, "()")
	}
	if !exportName.MatchString(name) {
		return f.Handler, ""
	}
	return f.Handler[:i], name
}

// namesExport is whether a handler of the function's style may name what is called in its module.
func (f Function) namesExport() bool {
	switch f.Runtime.Language() {
	case "nodejs", "python":
		return f.Style != StyleServer
	case "go":
		return f.Style == StyleGCF
	}
	return false
}

// payload checks in which format a handler of style lambda gets requests. Other styles get none.
func (c *checker) payload() {
	switch p := c.fn.Payload; {
	case c.fn.Style == "":
	case c.fn.Style != StyleLambda:
		if c.has("payload") {
			c.fail("payload", "remove it, or use style: lambda", "\"payload\" is for style lambda, and the style is %s", c.fn.Style)
		}
	case p == "" && !c.has("payload"):
		c.fn.Payload = "2.0"
	case p != "1.0" && p != "2.0":
		c.fail("payload", `write "2.0" (Function URLs and HTTP APIs) or "1.0" (REST APIs)`, "the payload format %s is not known", quote(p))
	}
}

// single holds the function to one request at a time where its style is written for that: such code keeps what it is
// doing in its module.
func (c *checker) single() {
	if c.fn.Style != StyleLambda {
		return
	}
	if n := c.fn.Scaling.Concurrency; n > 1 {
		c.fail("scaling.concurrency", "remove it, or raise scaling.max", "a lambda handler gets one request at a time, not %d", n)
	}
	c.fn.Scaling.Concurrency = 1
}

// lambdaForm is what Lambda's dotted name of a Node handler means here, "" when it is no such name. Lambda takes what is
// before the first dot of the last element as the file. A file whose name holds dots is looked for, too.
func (c *checker) lambdaForm(name string) string {
	dir, base := path.Split(name)
	if slices.Contains(nodeFile, path.Ext(base)) {
		return ""
	}
	first := ""
	for i := len(base) - 1; i > 0; i-- {
		if base[i] != '.' {
			continue
		}
		stem, export := base[:i], base[i+1:]
		if file := c.fileOf(dir + stem); file != "" {
			return file + ":" + export
		}
		if exportName.MatchString(export) {
			first = dir + stem + ".js:" + export
		}
	}
	if c.fn.Style == StyleLambda || c.built() {
		return first
	}
	return ""
}

// fileOf is the file of Node that a name without its ending means, "" when there is none.
func (c *checker) fileOf(stem string) string {
	for _, ext := range nodeFile {
		if info, err := c.files.stat(path.Join(c.fn.Source, stem+ext)); err == nil && info.Mode().IsRegular() {
			return stem + ext
		}
	}
	return ""
}

// lambdaHint says how to write what Lambda's form means.
func (c *checker) lambdaHint(right string) string {
	file, export, _ := strings.Cut(right, ":")
	style := ""
	if c.fn.Style != StyleLambda {
		style = ", with style: lambda"
	}
	if !exportName.MatchString(export) {
		return "export " + export + " under a name of its own, and write handler: " + file + ":NAME" + style
	}
	return "write handler: " + right + style
}

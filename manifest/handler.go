package manifest

import (
	"errors"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// source checks the source folder. It is false when the handler cannot be looked for.
func (c *checker) source() bool {
	if c.fn.Source == "" && !c.has("source") {
		c.fn.Source = "."
	}
	s := c.fn.Source
	if message, hint := localPath(s); message != "" {
		c.fail("source", hint, "the source folder %s %s", quote(s), message)
		return false
	}
	c.fn.Source = path.Clean(s)
	info, err := c.files.stat(c.fn.Source)
	switch {
	case errors.Is(err, errOutside):
		c.fail("source", "copy the folder below the manifest's", "the source folder %s is a link that leaves the manifest's folder", quote(s))
	case errors.Is(err, os.ErrNotExist):
		c.fail("source", c.files.nearestHint(".", c.fn.Source, wantFolder), "the source folder %s does not exist", quote(s))
	case err != nil:
		c.fail("source", "make the folder readable", "the source folder %s cannot be read: %v", quote(s), rootCause(err))
	case !info.IsDir():
		c.fail("source", "name its folder here and the file as the handler", "the source %s is not a folder", quote(s))
	default:
		return true
	}
	return false
}

var (
	moduleAttr = regexp.MustCompile(`^\w[\w-]*(\.\w[\w-]*)*:[A-Za-z_]\w*(\(\))?$`)
	nodeFile   = []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx"}
)

// handler checks that the handler has its runtime's form and that it exists.
func (c *checker) handler() {
	l, ok := c.fn.Runtime.known()
	if !ok {
		return
	}
	if c.fn.Handler == "" && l.name == "go" && !c.has("handler") {
		c.fn.Handler = "."
	}
	if c.fn.Handler == "" {
		if _, meant := mistyped(c.node, "handler"); meant {
			return
		}
		hint := "add handler: " + exampleHandler(l.name)
		if len(c.added) > 0 {
			if near := nearest(c.fn.Name, c.added); near != "" {
				hint = "did you mean the function \"" + near + "\"? a name that is only in the stage makes a new function"
			}
		}
		c.fail("handler", hint, "the function %s has no handler", quote(c.fn.Name))
		return
	}
	if l.name == "python" && c.fn.Style != StyleServer {
		c.pythonHandler()
		return
	}
	if message, hint := localPath(c.fn.Handler); message != "" {
		c.fail("handler", hint, "the handler %s %s", quote(c.fn.Handler), message)
		return
	}
	c.fn.Handler = path.Clean(c.fn.Handler)
	switch l.name {
	case "nodejs":
		c.nodeHandler()
	case "python":
		c.handlerFile(c.fn.Handler, []string{".py"})
	case "go":
		c.goHandler()
	default:
		c.handlerFile(c.fn.Handler, nil)
	}
}

// nodeHandler checks a file with, or without, the name of an export.
func (c *checker) nodeHandler() {
	file, rest := c.fn.Handler, ""
	if i := strings.LastIndexByte(file, ':'); i > 0 && slices.Contains(nodeFile, path.Ext(file[:i])) {
		file, rest = file[:i], file[i:]
	}
	switch {
	case rest == "" || c.fn.Export() != "":
	case c.fn.Style == StyleServer:
		c.fail("handler", "write "+file, "the handler %s names an export, and a server is started as a whole", quote(c.fn.Handler))
		return
	default:
		c.fail("handler", "write "+file+":NAME, or "+file+" for its default export", "the handler %s does not name an export behind its colon", quote(c.fn.Handler))
		return
	}
	if right := c.lambdaForm(file); right != "" && c.absent(file) {
		c.fail("handler", c.lambdaHint(right), "the handler %s is written as Lambda writes it", quote(c.fn.Handler))
		return
	}
	if whole := c.fileOf(c.fn.Module()); whole != "" && c.fn.Export() != "" {
		c.fail("handler", "write "+whole+":"+c.fn.Export(), "the handler %s names no file", quote(c.fn.Handler))
		return
	}
	c.handlerFile(c.fn.Module(), nodeFile)
}

// absent is whether nothing has the name below the source folder.
func (c *checker) absent(name string) bool {
	_, err := c.files.stat(path.Join(c.fn.Source, name))
	return errors.Is(err, os.ErrNotExist)
}

func exampleHandler(language string) string {
	switch language {
	case "nodejs":
		return "src/app.js"
	case "python":
		return "app:app"
	}
	return "the file to run"
}

// built reports whether the handler may be made by the build, so that it need not exist yet.
func (c *checker) built() bool {
	language := c.fn.Runtime.Language()
	return c.fn.Build.Command != "" || language == "java" || language == "dotnet"
}

// handlerFile checks that a file exists below the source folder and has one of the extensions; none allow any.
func (c *checker) handlerFile(name string, extensions []string) {
	ok := func(p string) bool {
		return !wantFolder(p) && (extensions == nil || slices.Contains(extensions, path.Ext(p)))
	}
	info, err := c.files.stat(path.Join(c.fn.Source, name))
	switch {
	case errors.Is(err, errOutside):
		c.fail("handler", "copy the file below the manifest's folder", "the handler %s is a link that leaves the manifest's folder", quote(name))
	case err != nil && c.built() && ok(name):
	case err != nil:
		c.fail("handler", c.files.nearestHint(c.fn.Source, name, ok), "the handler %s does not exist%s", quote(name), c.below())
	case info.IsDir():
		c.fail("handler", c.files.nearestHint(c.fn.Source, name, ok), "the handler %s is a folder", quote(name))
	case !info.Mode().IsRegular():
		c.fail("handler", "name a file", "the handler %s is not a regular file", quote(name))
	case !ok(name):
		c.fail("handler", "name a file ending in "+strings.Join(extensions, ", "), "the handler %s is not a file of %s", quote(name), c.fn.Runtime)
	}
}

// below says where a handler was looked for.
func (c *checker) below() string {
	if c.fn.Source == "." {
		return ""
	}
	return " in " + c.fn.Source
}

func (c *checker) pythonHandler() {
	h := c.fn.Handler
	if !moduleAttr.MatchString(h) {
		hint := "write module:attribute, such as app:app for the name app in app.py"
		if fixed := likelyModule(h); fixed != "" {
			hint = "did you mean \"" + fixed + "\"?"
		}
		c.fail("handler", hint, "the handler %s is not of the form module:attribute", quote(h))
		return
	}
	if s := c.fn.Style; strings.HasSuffix(h, "()") && s != "" && s != StyleWSGI && s != StyleASGI {
		c.fail("handler", "write "+strings.TrimSuffix(h, "()"), "the handler %s makes an application, and style %s calls a function", quote(h), s)
		return
	}
	module, attr, _ := strings.Cut(h, ":")
	base := strings.ReplaceAll(module, ".", "/")
	for _, file := range []string{base + ".py", base + "/__init__.py", "src/" + base + ".py", "src/" + base + "/__init__.py"} {
		_, err := c.files.stat(path.Join(c.fn.Source, file))
		if err == nil {
			return
		}
		if errors.Is(err, errOutside) {
			c.fail("handler", "copy the file below the manifest's folder", "the handler's file %s is a link that leaves the manifest's folder", quote(file))
			return
		}
	}
	if c.built() {
		return
	}
	hint := makeIt
	if near := c.files.nearest(c.fn.Source, base+".py", isPython); near != "" {
		hint = "did you mean \"" + moduleOf(near) + ":" + attr + "\"?"
	}
	c.fail("handler", hint, "the handler's file %s does not exist%s", quote(base+".py"), c.below())
}

func isPython(p string) bool { return path.Ext(p) == ".py" }

// moduleOf is the module that a file is imported as.
func moduleOf(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__"), "/", ".")
}

// likelyModule mends src/app.py:app, app.py, app and app.handler.
func likelyModule(h string) string {
	file, attr, found := strings.Cut(strings.TrimPrefix(h, "./"), ":")
	module := moduleOf(file)
	if i := strings.LastIndexByte(module, '.'); !found && i > strings.LastIndexByte(file, '/') && !isPython(file) { // as Lambda writes it
		module, attr = module[:i], module[i+1:]
	}
	if attr == "" {
		attr = "app"
	}
	if fixed := module + ":" + attr; moduleAttr.MatchString(fixed) {
		return fixed
	}
	return ""
}

func (c *checker) goHandler() {
	folder := c.fn.Module()
	if path.Ext(folder) == ".go" {
		c.fail("handler", "write "+path.Dir(folder), "the handler %s is a file; Go takes a package folder", quote(folder))
		return
	}
	dir := path.Join(c.fn.Source, folder)
	info, err := c.files.stat(dir)
	switch {
	case errors.Is(err, errOutside):
		c.fail("handler", "copy the folder below the manifest's", "the handler %s is a link that leaves the manifest's folder", quote(folder))
	case c.built():
	case err != nil || !info.IsDir():
		c.fail("handler", c.files.nearestHint(c.fn.Source, folder, wantFolder), "the package folder %s does not exist%s", quote(folder), c.below())
	case !c.files.holdsGo(dir):
		hint := "name the folder of the package"
		if near := c.files.nearest(c.fn.Source, folder, isGo); near != "" {
			hint = "did you mean \"" + path.Dir(near) + "\"?"
		}
		c.fail("handler", hint, "the package folder %s holds no Go files", quote(folder))
	}
}

func isGo(p string) bool { return path.Ext(p) == ".go" && !strings.HasSuffix(p, "_test.go") }

// Package lambda says what AWS Lambda's own words mean in a manifest, whichever tool they were written for.
package lambda

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
)

var (
	nodeRuntime   = pattern.Of(`^nodejs(\d+)\.x$`)
	pythonRuntime = pattern.Of(`^python3\.\d+$`)
	pythonModule  = pattern.Of(`^\w[\w-]*$`)
	identifier    = pattern.Of(`^[A-Za-z_]\w*$`)
	nodeExport    = pattern.Of(`^[A-Za-z_$][A-Za-z0-9_$]*$`)
	nodeEndings   = []string{".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"}
)

// Runtime is the neutral name of a runtime, for code that lies in a folder; else the reason why there is none.
func Runtime(id, dir string) (runtime, reason string) {
	switch {
	case nodeRuntime().MatchString(id):
		return "nodejs" + nodeRuntime().FindStringSubmatch(id)[1], ""
	case pythonRuntime().MatchString(id):
		return id, ""
	case id == "go1.x", strings.HasPrefix(id, "provided") && foreign.IsFile(dir, "go.mod"):
		return "go", ""
	case strings.HasPrefix(id, "provided"):
		return "custom", ""
	case strings.HasPrefix(id, "java"), strings.HasPrefix(id, "dotnet"):
		return "", "ferry calls no Lambda handlers of " + id + ": it runs programs in that language that listen on $PORT (style: server)"
	case strings.HasPrefix(id, "ruby"):
		return "", "ferry has no runtime for Ruby"
	}
	return "", "ferry does not know the runtime " + foreign.Plain(id)
}

// Handler is a handler as the manifest writes it, for code that lies in a folder; else the reason why there is none.
func Handler(runtime string, files *foreign.Files, handler string) (written, reason string) {
	switch {
	case path.IsAbs(handler) || !filepath.IsLocal(handler):
		return "", "the handler lies outside its folder"
	case strings.HasPrefix(runtime, "nodejs"):
		return nodeHandler(files, handler)
	case strings.HasPrefix(runtime, "python"):
		return pythonHandler(files, handler)
	case runtime == "go":
		return goHandler(files.Dir, handler)
	}
	if !files.Has("bootstrap") {
		return "", "there is no executable bootstrap to run"
	}
	return "bootstrap", ""
}

// nodeHandler finds the file of src/users.get. Lambda takes what is before the first dot of the last element as the file.
func nodeHandler(files *foreign.Files, handler string) (written, reason string) {
	folder, base := path.Split(path.Clean(handler))
	for i := len(base) - 1; i > 0; i-- {
		if base[i] != '.' || !nodeExport().MatchString(base[i+1:]) {
			continue
		}
		for _, ending := range nodeEndings {
			if file := folder + base[:i] + ending; files.Has(file) {
				return file + ":" + base[i+1:], ""
			}
		}
	}
	return "", "there is no file for the handler " + foreign.Plain(handler)
}

// pythonHandler finds the module of src/users.get. Its name need be no identifier: Lambda imports it by its name, as ferry does.
func pythonHandler(files *foreign.Files, handler string) (written, reason string) {
	module, attribute, found := cutLast(handler, '.')
	parts := strings.FieldsFunc(module, func(r rune) bool { return r == '/' || r == '.' })
	if !found || !identifier().MatchString(attribute) || len(parts) == 0 {
		return "", "a handler of Python is written module.function"
	}
	for _, p := range parts {
		if !pythonModule().MatchString(p) {
			return "", "the folder " + foreign.Plain(p) + " is not the name of a Python module: name it so that Python can import it, or move the file"
		}
	}
	file := path.Join(parts...)
	if !files.Has(file+".py") && !files.Has(file+"/__init__.py") {
		if files.Has(handler) {
			return "", "the handler " + foreign.Plain(handler) + " is a script that a layer's wrapper starts: what it starts is a function of style: server"
		}
		if compiled, _ := filepath.Glob(filepath.Join(files.Dir, filepath.FromSlash(file)+".*.so")); len(compiled) == 0 {
			return "", "there is no file for the handler " + foreign.Plain(handler)
		}
	}
	return strings.Join(parts, ".") + ":" + attribute, ""
}

// goHandler is the folder of the package that a binary was built from, where it can be told.
func goHandler(dir, handler string) (written, reason string) {
	base := path.Base(handler)
	for _, folder := range []string{".", handler, path.Dir(handler), "cmd/" + base, base} {
		if files, _ := filepath.Glob(filepath.Join(dir, filepath.FromSlash(folder), "*.go")); len(files) > 0 {
			return path.Clean(folder), ""
		}
	}
	return "", "there is no Go package for the handler " + foreign.Plain(handler) + ": name the folder of its package main"
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Architecture is the neutral name of an instruction set, "" for none that there is.
func Architecture(id string) string {
	switch id {
	case "x86_64":
		return "amd64"
	case "arm64":
		return id
	}
	return ""
}

var arnForm = pattern.Of(`^arn:aws[a-z-]*:([a-z0-9-]+):([^:]*):([^:]*):(.+)$`)

// Resource is the name in an ARN of a service (sqs, sns, s3, events); a plain name is itself. It is false for an ARN of
// another service.
func Resource(service, text string) (string, bool) {
	if !strings.HasPrefix(text, "arn:") {
		return text, text != ""
	}
	parts := arnForm().FindStringSubmatch(text)
	if parts == nil || parts[1] != service {
		return "", false
	}
	return parts[4], true
}

// secretWords are parts of the names of variables that hold what nobody else may know.
var secretWords = pattern.Of(`(?i)(^|_)(secret|token|password|passwd|pwd|credentials?|private_key|api_?key|apikey|access_key|signing_key|encryption_key|client_secret)(_|$)`)

// Secret is whether a variable of that name with that text holds a secret in the open.
func Secret(name, text string) bool {
	return secretWords().MatchString(name) && text != "" && !strings.HasPrefix(text, "${")
}

// SecretName is a name in a secret manager for a variable or a parameter.
func SecretName(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return strings.Join(words, "-")
}

// Method is a method as the manifest writes it; "" is every method.
func Method(text string) string {
	switch m := strings.ToUpper(strings.TrimSpace(text)); m {
	case "ANY", "*", "":
		return ""
	default:
		return m
	}
}

var pathParameter = pattern.Of(`\{([^{}+]+)(\+?)\}`)

// Path is a path of API Gateway as the manifest writes it; "" is every path.
func Path(text string) string {
	p := "/" + strings.TrimPrefix(strings.TrimSpace(text), "/")
	if p == "/{proxy+}" || p == "/*" || text == "*" || text == "$default" {
		return ""
	}
	return pathParameter().ReplaceAllStringFunc(p, func(s string) string {
		m := pathParameter().FindStringSubmatch(s)
		name := strings.Map(func(r rune) rune {
			if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				return r
			}
			return '_'
		}, m[1])
		if m[2] != "" {
			return "{" + name + "...}"
		}
		return "{" + name + "}"
	})
}

// Payload sets in which format the handler gets requests. A function gets one: it is false for another, which is lost.
func Payload(f *draft.Named, n *foreign.Node, format string) bool {
	if f.Payload != "" && f.Payload != format && f.Style == "lambda" {
		n.Lose("another event of this function is in the other format of requests: make a function for each")
		return false
	}
	f.Payload = format
	return true
}

// Routes collects what a function answers. A function has one HTTP event.
type Routes struct {
	paths   []string
	methods []string
	any     bool // a route takes every method
	private bool
	public  bool
	cors    *draft.CORS
}

// Add takes one route; a path or method of "" is every one.
func (r *Routes) Add(path, method string) {
	if !slices.Contains(r.paths, path) {
		r.paths = append(r.paths, path)
	}
	switch {
	case method == "":
		r.any = true
	case !slices.Contains(r.methods, method):
		r.methods = append(r.methods, method)
	}
}

// Guard says who may call.
func (r *Routes) Guard(private bool) {
	r.private, r.public = r.private || private, r.public || !private
}

// Share sets the cross-origin policy.
func (r *Routes) Share(c *draft.CORS) { r.cors = c }

// Join puts the one HTTP event of all routes before the function's other events; nil is that there are no routes. Several paths
// become every path: the code routes them already. Where some routes are private and others public, which one event cannot say,
// all are private then, with a note.
func (r *Routes) Join(m *draft.Manifest, f *draft.Named) *draft.HTTP {
	if len(r.paths) == 0 {
		return nil
	}
	h := &draft.HTTP{CORS: r.cors}
	if len(r.paths) == 1 {
		h.Path = r.paths[0]
	}
	if !r.any {
		h.Methods = slices.Sorted(slices.Values(r.methods))
	}
	if r.private {
		h.Auth = "private"
	}
	if r.private && r.public {
		m.Notes = append(m.Notes, "the function "+f.Name+" has routes for everybody and routes for callers with rights: all of it is private now")
	}
	f.Events = append([]draft.Event{{HTTP: h}}, f.Events...)
	return h
}

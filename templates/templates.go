// Package templates holds the text that ferry writes: the entry shims that go into packages and the
// starters of `ferry init`.
package templates

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/ferryfn/ferry/manifest"
)

//go:embed shims all:starters pipelines
var files embed.FS

// Shim is the generated part of a package.
type Shim struct {
	Files map[string][]byte // slash path -> content
	Entry string            // the file that the platform starts
	// Beside are files that the host of the platform reads, by their name at the root of a package.
	Beside map[string][]byte
}

// Target is where a shim runs.
type Target struct {
	Name        string
	AnswersCORS bool // its ingress answers preflights and adds the headers of CORS itself
}

// Render returns the entry shim of a function for a target, or false where there is none for this runtime, style and
// target. The same function gives the same bytes. Only the configuration is made here; all else is the same for all
// functions with the same cells.
//
// The first paragraph of a Node entry is what the function alone has, and imports the specifier "ferry:handler", which the
// packager resolves. Nothing else knows the function, and no file is beside it: each costs a start.
// A Go shim is a package main that imports "ferry.invalid/handler" for the user's package; of event.go and
// noevent.go, and of handler.go and nohandler.go, it needs the one that fits what the package declares. Folders of a
// Go shim are packages below the main one, but for "beside": its files belong into every package of the user's
// module, under that package's name.
func Render(fn manifest.Function, t Target) (Shim, bool) {
	language := fn.Runtime.Language()
	if !slices.Contains(Styles(language, t.Name), fn.Style) {
		return Shim{}, false
	}
	knows := configOf(fn, t)
	cfg := encode(knows)
	made := Shim{Files: map[string][]byte{}, Beside: map[string][]byte{}}
	for _, p := range parts(language, fn.Style, t.Name) {
		if p.lies() {
			made.Beside[p.name] = p.text()
		}
	}
	switch language {
	case "nodejs":
		made.Entry = "ferry-entry.mjs"
		own := fmt.Appendf(nil, "const config = %s;\nconst load = () => import(\"ferry:handler\");\n\n", cfg)
		made.Files[made.Entry] = append(own, joined(language, fn.Style, t.Name, knows)...)
	case "python":
		made.Entry = "ferry_entry.py"
		made.Files[made.Entry] = joined(language, fn.Style, t.Name, knows)
		made.Files["ferry_config.json"] = append(cfg, '\n')
	default:
		made.Entry, made.Files = "bootstrap", goFiles(fn.Style, t.Name, knows)
	}
	return made, true
}

// served remembers the styles of a language and a target, which every function asks for.
var served sync.Map

// Styles lists the styles of a language that have a shim for a target, sorted.
func Styles(language, target string) []manifest.Style {
	key := path.Join(language, target)
	known, ok := served.Load(key)
	if !ok {
		known, _ = served.LoadOrStore(key, styles(files, language, target))
	}
	return slices.Clone(known.([]manifest.Style))
}

// Forwards is whether functions of a style can be one side of a migration on a target: the shim that answers their requests
// is ferry's.
func Forwards(language string, style manifest.Style, target string) bool {
	return has(files, language, forwarder) && slices.Contains(Styles(language, target), style) &&
		!has(files, language, path.Join("targets", target+"-"+string(style)))
}

// Calls is whether a target itself calls programs of a style, so that one that was built before runs there as it is.
func Calls(target string, style manifest.Style) bool {
	return has(files, "go", path.Join("targets", target+"-"+string(style)))
}

// Connected is whether requests come to a target's functions on connections, which a handler can take over.
func Connected(target string) bool { return slices.Contains(targets()[target].carriers, "socket") }

// programs remembers what joined made: many functions have the same shim.
var programs sync.Map

// joined is the parts that a function uses as one file, so that a package stays flat. Nobody may change it.
func joined(language string, style manifest.Style, target string, c config) []byte {
	key := fmt.Sprintf("%s/%s/%s %t %t %t", language, style, target, c.sharesOrigins(), c.secrets, c.Forward != nil)
	if made, ok := programs.Load(key); ok {
		return made.([]byte)
	}
	var all [][]byte
	for _, p := range c.parts(language, style, target) {
		if c.uses(p) && !p.lies() {
			all = append(all, p.text())
		}
	}
	made, _ := programs.LoadOrStore(key, bytes.Join(all, []byte("\n\n")))
	return made.([]byte)
}

// goFiles are the parts by the names that they have in the package main.
func goFiles(style manifest.Style, target string, c config) map[string][]byte {
	folder, place := "", "main"
	if Calls(target, style) { // the program is the user's: what stands before it knows the configuration
		folder, place = "passing/", "passing"
	}
	out := map[string][]byte{folder + "config.go": fmt.Appendf(nil, "// Code generated by ferry. DO NOT EDIT.\n\npackage %s\n\nconst config = %q\n", place, encode(c))}
	for _, p := range c.parts("go", style, target) {
		if !p.lies() {
			out[strings.TrimSuffix(p.name, ".tmpl")] = p.text()
		}
	}
	return out
}

func encode(c config) []byte {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // a config holds only strings, numbers and lists
	}
	return data
}

func read(name string) []byte {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err) // an embedded file that is missing is a fault of this package
	}
	return data
}

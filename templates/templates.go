// Package templates holds the text that ferry writes: the entry shims that go into packages and the
// starters of `ferry init`.
package templates

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/ferryfn/ferry/manifest"
)

//go:embed shims all:starters
var files embed.FS

// Shim is the generated part of a package.
type Shim struct {
	Files map[string][]byte // slash path -> content
	Entry string            // the file that the platform starts
}

// Render returns the entry shim of a function for a shim target, or false where there is none for this
// runtime, style and target. The same function gives the same bytes.
//
// A Node configuration imports the specifier "ferry:handler", which the packager resolves; all else of the shim is the
// same for all functions.
// A Go shim is a package main that imports "ferry.invalid/handler" for the user's package; of event.go and
// noevent.go, and of handler.go and nohandler.go, it needs the one that fits what the package declares. Folders of a
// Go shim are packages below the main one, but for "beside": its files belong into every package of the user's
// module, under that package's name.
func Render(fn manifest.Function, shim string) (Shim, bool) {
	language := fn.Runtime.Language()
	if !slices.Contains(Styles(language, shim), fn.Style) {
		return Shim{}, false
	}
	cfg := encode(configOf(fn, shim))
	switch language {
	case "nodejs":
		return Shim{Entry: "ferry-entry.mjs", Files: map[string][]byte{
			"ferry-entry.mjs":  joined(language, shim),
			"ferry-config.mjs": fmt.Appendf(nil, "export default %s;\nexport const load = () => import(\"ferry:handler\");\n", cfg),
		}}, true
	case "python":
		return Shim{Entry: "ferry_entry.py", Files: map[string][]byte{
			"ferry_entry.py":    joined(language, shim),
			"ferry_config.json": append(cfg, '\n'),
		}}, true
	default:
		return Shim{Entry: "bootstrap", Files: goFiles(shim, string(cfg))}, true
	}
}

// Styles lists the styles of a language that have a shim for a target, sorted.
func Styles(language, shim string) []manifest.Style {
	if _, err := fs.Stat(files, path.Join("shims", language, shim)); err != nil || shim == "" {
		return nil
	}
	switch language {
	case "nodejs":
		return []manifest.Style{manifest.StyleFetch, manifest.StyleNode}
	case "python":
		return []manifest.Style{manifest.StyleASGI, manifest.StyleWSGI}
	case "go":
		return []manifest.Style{manifest.StyleGo}
	default:
		return nil
	}
}

// parts are the files that a target's shim is made of, below the language's folder, in the order in which they
// run. The core imports the user's handler.
func parts(language, shim string) []string {
	switch language + " " + shim {
	case "nodejs local":
		return []string{"core.mjs", "local/entry.mjs"}
	case "nodejs aws":
		return []string{"aws/secrets.mjs", "core.mjs", "aws/http.mjs", "aws/events.mjs", "aws/entry.mjs"}
	case "python local":
		return []string{"core.py", "exchange.py", "server.py", "interfaces.py", "local/entry.py"}
	case "python aws":
		return []string{"aws/secrets.py", "core.py", "exchange.py", "interfaces.py", "aws/http.py", "aws/events.py", "aws/entry.py"}
	default:
		return nil
	}
}

// programs remembers what joined made: many functions have the same shim.
var programs sync.Map

// joined is the parts as one file, so that a package stays flat. Nobody may change it.
func joined(language, shim string) []byte {
	if made, ok := programs.Load(language + " " + shim); ok {
		return made.([]byte)
	}
	var all [][]byte
	for _, name := range parts(language, shim) {
		all = append(all, read(path.Join("shims", language, name)))
	}
	made, _ := programs.LoadOrStore(language+" "+shim, bytes.Join(all, []byte("\n\n")))
	return made.([]byte)
}

// goFiles are the files that all Go shims share, and all below the target's folder.
func goFiles(shim, cfg string) map[string][]byte {
	out := map[string][]byte{}
	for _, dir := range []string{"shims/go", path.Join("shims/go", shim)} {
		err := fs.WalkDir(files, dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && dir == "shims/go" && name != dir {
				return fs.SkipDir
			}
			if rel, ok := strings.CutSuffix(strings.TrimPrefix(name, dir+"/"), ".tmpl"); ok {
				out[rel] = rendered(read(name), cfg)
			}
			return nil
		})
		if err != nil {
			panic(err) // the folder was seen by Styles
		}
	}
	return out
}

func rendered(text []byte, cfg string) []byte {
	var out bytes.Buffer
	t := template.Must(template.New("shim").Parse(string(text)))
	if err := t.Execute(&out, map[string]string{"Config": cfg}); err != nil {
		panic(err) // an embedded template that does not render is a fault of this package
	}
	return out.Bytes()
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

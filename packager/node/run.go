package node

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/ferryfn/ferry/packager/source"
)

var errTooMuch = errors.New("the bundles would take too much memory together")

// bundle makes the bundles of a function and of others.
func (r *run) bundle(b *bundle, others []*bundle, options api.BuildOptions) {
	defer close(r.done)
	var mu sync.Mutex // esbuild asks from several goroutines
	apart, size := map[string]bool{}, 0
	sources := newReading(b.modules)
	sources.compiled = func(file, text string) (string, error) {
		code := b.placed(file, text)
		differs := slices.ContainsFunc(others, func(other *bundle) bool { return other.placed(file, text) != code })
		mu.Lock()
		defer mu.Unlock()
		apart[file] = differs
		if size += len(text); size*(1+len(others)) > bytesTogether {
			return "", errTooMuch
		}
		return code, nil
	}
	options.Plugins = []api.Plugin{sources.plugin()}
	for _, other := range others {
		options.EntryPointsAdvanced = append(options.EntryPointsAdvanced, entryPoint(other.handler))
	}
	result := api.Build(options)
	whole, err := readMetafile(result.Metafile)
	if len(result.Errors) > 0 || err != nil {
		return
	}
	files := map[string]string{} // those that were read, by esbuild's names
	for file := range sources.known {
		name, err := filepath.Rel(options.AbsWorkingDir, file)
		if err != nil {
			return
		}
		files[filepath.ToSlash(name)] = file
	}
	for _, of := range append(others, b) {
		reached := whole.reached(of.handler)
		from := map[string]*sourceFile{}
		for _, name := range reached {
			file, read := files[name]
			if apart[file] || !read && !strings.Contains(name, ":") {
				from = nil
				break
			}
			if read {
				from[file] = sources.known[file]
			}
		}
		if from != nil {
			r.each[of.handler] = part{whole.only(result, of, reached), from}
		}
	}
}

// parts is a metafile taken apart.
type parts struct {
	Inputs  map[string]json.RawMessage `json:"inputs"`
	Outputs map[string]json.RawMessage `json:"outputs"`
	imports map[string][]string
}

func readMetafile(text string) (p parts, err error) {
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, err
	}
	p.imports = map[string][]string{}
	for name, input := range p.Inputs {
		var one struct {
			Imports []struct {
				Path     string
				External bool
			}
		}
		if err := json.Unmarshal(input, &one); err != nil {
			return p, err
		}
		for _, i := range one.Imports {
			if !i.External {
				p.imports[name] = append(p.imports[name], i.Path)
			}
		}
	}
	return p, nil
}

// reached are the modules that one imports, and that these import, each after what it imports, as esbuild lists them.
func (p parts) reached(name string) (names []string) {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, other := range p.imports[name] {
			visit(other)
		}
		names = append(names, name)
	}
	visit(name)
	return names
}

// only is the part of a result that is of one function, which reaches the named modules.
func (p parts) only(all api.BuildResult, of *bundle, reached []string) (own api.BuildResult) {
	code := source.Stem(of.handler) + suffix(of.format)
	var inputs, outputs []string
	for _, name := range reached {
		inputs = append(inputs, quoted(name)+":"+string(p.Inputs[name]))
	}
	for _, name := range []string{code + ".map", code} {
		if output, there := p.Outputs[name]; there {
			outputs = append(outputs, quoted(name)+":"+string(output))
		}
		at := slices.IndexFunc(all.OutputFiles, func(f api.OutputFile) bool { return f.Path == filepath.Join(of.job.Dir, filepath.FromSlash(name)) })
		if at >= 0 {
			own.OutputFiles = append(own.OutputFiles, all.OutputFiles[at])
		}
	}
	own.Metafile = `{"inputs":{` + strings.Join(inputs, ",") + `},"outputs":{` + strings.Join(outputs, ",") + `}}`
	for _, w := range all.Warnings {
		if slices.Contains(reached, location(w).File) {
			own.Warnings = append(own.Warnings, w)
		}
	}
	return own
}

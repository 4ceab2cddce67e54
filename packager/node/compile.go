package node

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// What TypeScript does and esbuild does not: the types of what is decorated, which frameworks that inject by type read
// (emitDecoratorMetadata), and a namespace that is called (import * as express, without esModuleInterop).

//go:embed compile.cjs
var compileScript []byte

// compilation is what becomes of one's own TypeScript before esbuild gets it.
type compilation struct {
	code  map[string]string // what TypeScript made of a file
	asked map[string]bool   // files that were looked at
	calls map[string]bool   // files that call what they import as a namespace
	// configs are what decides about the files of a folder, which is read once.
	configs map[string]tsconfig
}

// tsconfig is a tsconfig.json, the zero value for none.
type tsconfig struct {
	path, text string // the text is with what it extends
	err        error
}

var (
	decorator = pattern.Of(`(?m)(?:^|[\s(,])@[A-Za-z_$]`)
	metadata  = pattern.Of(`(?m)^[^/\n]*"emitDecoratorMetadata"\s*:\s*true`)
	interop   = pattern.Of(`(?m)^[^/\n]*"(?:esModuleInterop"\s*:\s*true|module"\s*:\s*"(?i:node16|node18|node20|nodenext|preserve)")`)
	system    = pattern.Of(`(?m)^[^/\n]*"module"\s*:\s*"([^"]+)"`)
	transform = pattern.Of(`"plugins"\s*:\s*\[[^\]]*"transform"\s*:\s*"([^"]+)"`)
	namespace = pattern.Of(`(?m)^(\s*)import\s*\*\s*as\s+([\w$]+)\s+from\s*(["'][^"'\n]+["'])`)
)

// ofOwn is whether a file is one's own TypeScript.
func ofOwn(file string) bool {
	_, _, installed := PackageOf(file)
	return !installed && slices.Contains([]string{".ts", ".mts", ".cts", ".tsx"}, filepath.Ext(file)) && !strings.HasSuffix(file, ".d.ts")
}

// compiled is a source as esbuild gets it.
func (b *bundle) compiled(file, text string) (string, error) {
	if code, done := b.own.code[file]; done {
		text = code
	} else if b.own.calls[file] {
		text = namespace().ReplaceAllString(text, "${1}import $2 = require($3)")
	}
	return b.placed(file, text), nil
}

// compile has the project's own TypeScript compile what esbuild cannot, and reports whether there is anything new.
func (b *bundle) compile(ctx context.Context, warned []string) (more bool, err error) {
	for _, file := range warned {
		config, text, _ := b.config(file)
		if ofOwn(file) && !b.own.calls[file] && config != "" && !interop().MatchString(text) {
			b.own.calls[file], more = true, true
		}
	}
	var files []string
	for _, file := range b.sources.files() {
		if !ofOwn(file) || b.own.asked[file] {
			continue
		}
		b.own.asked[file] = true
		config, text, err := b.config(file)
		if err != nil {
			return false, err
		}
		if by := transform().FindStringSubmatch(text); by != nil {
			return false, source.Problem(config, "compile with `build.command`, and name the result as handler, as in dist/main.js",
				"%s has %s change the code as it is compiled, which bundling does not do", filepath.Base(config), by[1])
		}
		if metadata().MatchString(text) && decorator().MatchString(b.sources.get(file).text) {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return more, nil
	}
	done, err := b.byTypeScript(ctx, files)
	return more || done, err
}

// config is the tsconfig.json that decides about a file, "" where there is none, and its text with what it extends.
func (b *bundle) config(file string) (path, text string, err error) {
	dir := filepath.Dir(file)
	c, known := b.own.configs[dir]
	if !known {
		c = b.findConfig(dir)
		b.own.configs[dir] = c
	}
	return c.path, c.text, c.err
}

func (b *bundle) findConfig(dir string) (c tsconfig) {
	for ; ; dir = filepath.Dir(dir) {
		c.path = filepath.Join(dir, "tsconfig.json")
		if source.Exists(c.path) {
			c.err = eachTSConfig(c.path, 0, func(part string) error {
				data, err := regular.Read(part)
				c.text += string(data) + "\n"
				return err
			})
			return c
		}
		if dir == b.job.Root || dir == filepath.Dir(dir) {
			return tsconfig{}
		}
	}
}

// compilesToCommonJS is whether the handler is TypeScript whose suffix, tsconfig.json and package.json have it become CommonJS,
// so that require.main, module and exports are what they are there.
func (b *bundle) compilesToCommonJS() bool {
	file := filepath.Join(b.job.Dir, filepath.FromSlash(b.handler))
	switch filepath.Ext(file) {
	case ".cts":
		return true
	case ".ts", ".tsx":
	default:
		return false
	}
	_, text, err := b.config(file)
	if err != nil { // which compile reports
		return false
	}
	said := system().FindStringSubmatch(text) // the nearest file comes first
	if said == nil {
		return false
	}
	kinds := []string{"commonjs", "node16", "node18", "node20", "nodenext"}
	return slices.Contains(kinds, strings.ToLower(said[1])) && !b.job.typeModule(b.handler)
}

// byTypeScript compiles files, and reports whether any came out different.
func (b *bundle) byTypeScript(ctx context.Context, files []string) (more bool, err error) {
	dir, err := b.job.Scratch()
	if err != nil {
		return false, err
	}
	list, err := json.Marshal(files)
	if err != nil {
		return false, err
	}
	script, names := filepath.Join(dir, "compile.cjs"), filepath.Join(dir, "files.json")
	for path, data := range map[string][]byte{script: compileScript, names: list} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return false, err
		}
	}
	out, said, err := source.Command{Dir: b.job.Dir, Name: "node", Args: []string{script, names}}.Run(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return false, b.metadataProblem(files[0], fmt.Sprintf("the project's TypeScript could not be run with node: %v\n%s", err, said))
	}
	var all []struct {
		File, Code, TypeScript, Manifest string
		Missing                          bool
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return false, fmt.Errorf("what TypeScript made of %s: %w", files[0], err)
	}
	for _, one := range all {
		switch {
		case one.Missing:
			return false, b.metadataProblem(one.File, "TypeScript is not installed there")
		case one.TypeScript != "":
			if err := b.job.In.File(one.Manifest); err != nil {
				return false, err
			}
			b.job.made.Note("typescript", one.TypeScript)
			b.own.code[one.File], more = one.Code, true
		}
	}
	return more, nil
}

// metadataProblem says what a file with decorators needs, at the line of tsconfig.json that says so.
func (b *bundle) metadataProblem(file, why string) error {
	config, _, err := b.config(file)
	if err != nil {
		return err
	}
	at := config
	line := 0
	err = eachTSConfig(config, 0, func(part string) error {
		data, err := regular.Read(part)
		if found := metadata().FindIndex(data); found != nil && line == 0 {
			at, line = part, 1+strings.Count(string(data[:found[1]]), "\n")
		}
		return err
	})
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(b.job.Dir, file)
	if err != nil {
		return err
	}
	return &source.Error{
		File: at, Line: line,
		Message: fmt.Sprintf("%s:%d: emitDecoratorMetadata needs the project's own TypeScript to compile %s: %s", filepath.Base(at), line, filepath.ToSlash(rel), why),
		Hint:    "run `npm install --save-dev typescript` in " + b.job.Function.Source + ", or compile with `build: {command: npx tsc}` and name the result as handler, as in dist/main.js",
	}
}

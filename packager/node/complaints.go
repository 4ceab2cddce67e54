package node

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/ferryfn/ferry/packager/source"
)

// bundleErrors are esbuild's errors with what to do about them.
func (j *job) bundleErrors(messages []api.Message) error {
	var out source.Errors
	for _, m := range messages {
		at := location(m)
		e := &source.Error{Line: at.Line, Message: m.Text}
		if at.File != "" {
			e.File = filepath.Join(j.Dir, at.File)
			e.Column = at.Column + 1
			e.Message = fmt.Sprintf("%s:%d: %s", at.File, at.Line, m.Text)
			if at.LineText != "" {
				e.Message += "\n  " + strings.TrimSpace(at.LineText)
			}
		}
		e.Hint = j.bundleHint(m)
		out = append(out, e)
	}
	return out.Join()
}

func (j *job) bundleHint(m api.Message) string {
	name, lost := unresolved(m)
	var own *source.Error
	thrown, _ := m.Detail.(error)
	switch {
	case errors.As(thrown, &own): // what ferry said to esbuild
		return own.Hint
	case strings.Contains(m.Text, `No loader is configured for ".node"`):
		return "add the package to build.external: it holds native code, which cannot be bundled"
	case strings.Contains(m.Text, `No loader is configured for ".wasm"`):
		return "load it when the code runs: `await WebAssembly.instantiate(readFileSync(new URL(\"NAME.wasm\", import.meta.url)))`"
	case !lost:
		return ""
	case composed(name):
		return "create the files that it may mean, or keep all as it is with `build: {bundle: false}`"
	case PackageName(name) == prismaClient:
		return "run `npx prisma generate` in " + j.Function.Source
	case dotted(name):
		return "run the tool that generates " + PackageName(name) + " in " + j.Function.Source
	case PackageName(name) == formerSDK:
		return fmt.Sprintf(adviceOnFormerSDK, "the source folder "+j.Function.Source)
	case isPath(name):
		return "correct the import, or create the file"
	default:
		return "run `npm install` in the source folder " + j.Function.Source + ", or `npm install " + PackageName(name) + "` if package.json does not list it"
	}
}

func location(m api.Message) api.Location {
	if m.Location == nil {
		return api.Location{}
	}
	return *m.Location
}

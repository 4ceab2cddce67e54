package packager

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/custom"
	"github.com/ferryfn/ferry/packager/golang"
	"github.com/ferryfn/ferry/packager/node"
	"github.com/ferryfn/ferry/packager/python"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// language is how functions of a language become the content of packages.
type language struct {
	content func(ctx context.Context, of *source.Job, shim templates.Shim) (source.Content, error)
	// expect is told of functions that wait for their turn, until they leave; nil where nobody asks.
	expect  func(of *source.Job, shim templates.Shim) (leave func())
	foresee func(dir string, fn manifest.Function, pl source.Platform) ([]source.Warning, error)
	tools   []string // programs whose change means that a package is out of date
}

// languageOf is the table of languages.
func (s *shared) languageOf(r manifest.Runtime) (language, bool) {
	l, ok := map[string]language{
		"nodejs": {content: s.bundles.Content, expect: s.bundles.Expect, foresee: node.Foresee},
		"python": {content: python.Content, foresee: python.Foresee, tools: []string{"uv", "python3"}},
		"go":     {content: golang.Content, foresee: golang.Foresee, tools: []string{"go"}},
		"custom": {content: custom.Content},
	}[r.Language()]
	return l, ok
}

// libraries are the versions of what decides the bytes of a package.
var libraries = sync.OnceValue(func() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	var out []string
	for _, m := range info.Deps {
		if strings.HasSuffix(m.Path, "/esbuild") || strings.HasSuffix(m.Path, "klauspost/compress") {
			out = append(out, m.Path+"@"+m.Version)
		}
	}
	return out
})

// identities tell one installation of a tool from another without starting it.
func (p *Packager) identities(tools []string) []string {
	var out []string
	for _, name := range tools {
		found, _ := p.shared.tools.Get(context.Background(), name, func() (string, error) { return identity(name), nil })
		if found != "" {
			out = append(out, found)
		}
	}
	return out
}

// identity is "" for a tool that is not installed.
func identity(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(path, info.Size(), info.ModTime().UnixNano())
}

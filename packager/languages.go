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
	// written are the files in which a handler is written, as far as their names say it.
	written func(dir string, fn manifest.Function) []string
	tools   []string // programs whose change means that a package is out of date
}

// languageOf is the table of languages.
func (s *shared) languageOf(r manifest.Runtime) (language, bool) {
	l, ok := map[string]language{
		"nodejs": {content: s.bundles.Content, expect: s.bundles.Expect, foresee: node.Foresee, written: node.Written},
		"python": {content: python.Content, foresee: python.Foresee, written: python.Written, tools: []string{"uv", "python3"}},
		"go":     {content: golang.Content, foresee: golang.Foresee, written: golang.Written, tools: []string{"go"}},
		"custom": {content: custom.Content},
	}[r.Language()]
	return l, ok
}

// builder tells this ferry from others, which may make another package of the same sources.
var builder = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	path, _ := os.Executable() // what cannot be told counts as one ferry
	return builderOf(info, path)
})

// builderOf is the version of a ferry that was built from a commit, with the libraries that it has. Of any other, which a developer
// builds many of under one version, it is what the program's file is.
func builderOf(info *debug.BuildInfo, program string) string {
	if info != nil && strings.HasPrefix(info.Main.Version, "v") && !strings.HasSuffix(info.Main.Version, "+dirty") {
		return info.Main.Version
	}
	file, err := os.Stat(program)
	if err != nil {
		return ""
	}
	return fmt.Sprint(file.Size(), file.ModTime().UnixNano())
}

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

package python

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// framework is the library that a style is written for, and the version that ferry brings to a project that names none.
func framework(s manifest.Style) (name, version string) {
	switch s {
	case manifest.StyleGCFHTTP, manifest.StyleGCFEvent:
		return "functions-framework", "3.10.2"
	case manifest.StyleAzure:
		return "azure-functions", "1.26.0"
	default:
		return "", ""
	}
}

// withFramework are the wishes with the framework of the function's style, which a project's own version of comes before.
func (j *job) withFramework(w *wishes) (*wishes, error) {
	name, version := framework(j.Function.Style)
	if name == "" || w != nil && w.names(name) {
		return w, nil
	}
	line := name + "==" + version
	if w == nil {
		return &wishes{file: filepath.Join(j.Dir, "requirements.txt"), lines: []string{line}, sum: line}, nil
	}
	if w.locked || strings.Contains(w.sum, "--hash") { // what is complete takes nothing more
		return nil, source.Problem(w.file, "add "+name+" to the project's dependencies",
			"functions of style %s are written for %s, which %s does not hold", j.Function.Style, name, filepath.Base(w.file))
	}
	with := *w
	with.brought, with.sum = line, w.sum+"\n"+line
	return &with, nil
}

// names is whether a package is asked for by its name.
func (w *wishes) names(name string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(name), "-", "[-_.]+")
	return regexp.MustCompile(`(?mi)^\s*` + pattern + `($|[^A-Za-z0-9._-])`).MatchString(strings.Join(w.lines, "\n"))
}

package python

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// framework is a library that functions are written for or called through, and the version that ferry brings to a project
// that names none; "" is whichever goes with the rest.
type framework struct{ name, version, why string }

// What is written for AWS Lambda finds the SDK there, and need not list it.
var (
	ofAWS   = pattern.Of(`(?m)^[ \t]*(?:import|from)[ \t]+(?:boto3|botocore)\b`)
	ofTests = pattern.Of(`(?:^|/)(?:tests?/|test_[^/]*$|conftest\.py$)|_test\.py$`)
)

// frameworks are those of the function's style, and of the host where functions are called through one.
func (j *job) frameworks() []framework {
	google := framework{"functions-framework", "3.10.2", "functions are called through it on gcf"}
	azure := framework{"azure-functions", "1.26.0", "functions are called through it on azure"}
	var all []framework
	switch j.Function.Style {
	case manifest.StyleGCFHTTP, manifest.StyleGCFEvent:
		google.why = "functions of style " + string(j.Function.Style) + " are written for it"
		all = append(all, google)
	case manifest.StyleAzure:
		azure.why = "functions of style azure are written for it"
		all = append(all, azure)
	case manifest.StyleLambda:
		if j.sdk && j.Platform.Shim != "aws" {
			all = append(all, framework{"boto3", "", "functions of style lambda find it on AWS alone"})
		}
	}
	if host, ok := map[string]framework{"gcf": google, "azure": azure}[j.Platform.Shim]; ok && len(all) == 0 || ok && all[0].name != host.name {
		all = append(all, host)
	}
	return all
}

// withFrameworks are the wishes with the frameworks of the function, which a project's own version of comes before.
func (j *job) withFrameworks(w *wishes) (*wishes, error) {
	var lines []string
	for _, f := range j.frameworks() {
		if w != nil && w.names(f.name) {
			continue
		}
		complete := w != nil && (w.locked || strings.Contains(w.sum, "--hash")) // and takes nothing more
		if complete && f.version == "" {
			j.made.Warnings = append(j.made.Warnings, source.Warning{
				File: filepath.Base(w.file), Message: fmt.Sprintf("the code imports %s, and %s does not hold it: %s", f.name, filepath.Base(w.file), f.why),
				Hint: "add " + f.name + " to the project's dependencies",
			})
			continue
		}
		if complete {
			return nil, source.Problem(w.file, "add "+f.name+" to the project's dependencies", "%s, and %s does not hold %s", f.why, filepath.Base(w.file), f.name)
		}
		if f.version != "" {
			f.name += "==" + f.version
		}
		lines = append(lines, f.name)
	}
	if len(lines) == 0 {
		return w, nil
	}
	if w == nil {
		return &wishes{file: filepath.Join(j.Dir, requirementsFile), lines: lines, sum: strings.Join(lines, "\n")}, nil
	}
	with := *w
	with.brought = strings.Join(lines, "\n")
	with.sum = w.sum + "\n" + with.brought
	return &with, nil
}

// requirementsFile lists what is to be installed.
const requirementsFile = "requirements.txt"

// beside adds the files that the host of the platform reads. They take the place of the user's, but for the host.json of an
// app that is written for Azure. What has a version in them has the one that is in the package.
func (j *job) beside(shim templates.Shim) {
	for _, name := range slices.Sorted(maps.Keys(shim.Beside)) {
		own := slices.ContainsFunc(j.made.Files, func(f source.File) bool { return f.Name == name })
		if own && j.Function.Style == manifest.StyleAzure && name == "host.json" {
			continue
		}
		data := string(shim.Beside[name])
		for _, p := range j.made.Packages {
			data = regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(p.Name)+`==.*$`).ReplaceAllLiteralString(data, p.Name+"=="+p.Version)
		}
		j.made.Files = source.Replaced(j.made.Files, name, []byte(data))
	}
}

// names is whether a package is asked for by its name.
func (w *wishes) names(name string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(name), "-", "[-_.]+")
	return regexp.MustCompile(`(?mi)^\s*` + pattern + `($|[^A-Za-z0-9._-])`).MatchString(strings.Join(w.lines, "\n"))
}

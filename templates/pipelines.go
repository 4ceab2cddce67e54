package templates

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/ferryfn/ferry/manifest"
)

// Pipeline is what a pipeline that deploys a service is made for.
type Pipeline struct {
	Provider, Target, Stage string
	Folder                  string // of the project in its repository, "" is the root
	Manifest                string // the manifest's file there, "" is ferry.yaml
	Ferry                   string // the version to install
	Runtimes                []manifest.Runtime
	Installs                []Install
}

// Install brings the dependencies of functions to where ferry packages them from.
type Install struct {
	Folder  string // in the repository
	Command string
}

// For is the pipeline's file for a platform, as YAML.
func (p Pipeline) For(platform string) ([]byte, error) {
	text, err := files.ReadFile("pipelines/" + platform + ".yml.tmpl")
	if err != nil {
		return nil, fmt.Errorf("there is no pipeline for %s: %w", platform, err)
	}
	form, err := template.New(platform).Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading the pipeline for %s: %w", platform, err)
	}
	var b bytes.Buffer
	if err := form.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("writing the pipeline for %s: %w", platform, err)
	}
	return b.Bytes(), nil
}

// Version is the newest version of a language that functions have, "" where none is of it.
func (p Pipeline) Version(language string) string {
	newest := ""
	for _, r := range p.Runtimes {
		if r.Language() == language && later(r.Version(), newest) {
			newest = r.Version()
		}
	}
	return newest
}

// later compares versions such as 3.9 and 3.13 part by part.
func later(a, b string) bool {
	numbers := func(version string) (all []int) {
		for part := range strings.SplitSeq(version, ".") {
			n, _ := strconv.Atoi(part) // what is no number is the oldest
			all = append(all, n)
		}
		return all
	}
	return slices.Compare(numbers(a), numbers(b)) > 0
}

// Image is one that has what most of the functions are built with.
func (p Pipeline) Image() string {
	switch {
	case p.Version("nodejs") != "":
		return "node:" + p.Version("nodejs")
	case p.Version("python") != "":
		return "python:" + p.Version("python")
	}
	return "golang:latest"
}

// Lacks is what the image does not have, "" is nothing.
func (p Pipeline) Lacks() string {
	var all []string
	if p.Version("nodejs") != "" && p.Version("python") != "" {
		all = append(all, "python")
	}
	if slices.Contains(p.Runtimes, "go") && !strings.HasPrefix(p.Image(), "golang") {
		all = append(all, "go")
	}
	return strings.Join(all, " and ")
}

// Audience is whom the token of a job is for, "" where the provider takes none.
func (p Pipeline) Audience() string {
	return map[string]string{"aws": "sts.amazonaws.com", "gcp": "https://gitlab.com", "azure": "api://AzureADTokenExchange"}[p.Provider]
}

// TokenFile is the variable that says where the token lies, "" where the provider's own file of credentials says it.
func (p Pipeline) TokenFile() string {
	return map[string]string{"aws": "AWS_WEB_IDENTITY_TOKEN_FILE", "azure": "AZURE_FEDERATED_TOKEN_FILE"}[p.Provider]
}

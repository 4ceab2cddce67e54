// Package migrate moves services to ferry and from one target to another.
package migrate

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/migrate/azureapp"
	"github.com/ferryfn/ferry/migrate/cloudformation"
	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/gcloud"
	"github.com/ferryfn/ferry/migrate/knative"
	"github.com/ferryfn/ferry/migrate/serverless"
)

// Imported is a manifest made of another tool's file.
type Imported struct {
	File   string // what was read
	Format string // whose file it is, such as "serverless.yml"
	Text   []byte // the manifest, for the folder of the file
	Notes  []string
	// Files are sources that stood in the file, for the folder of the file.
	Files []draft.File
	foreign.Report
}

// names are the files that a folder is looked through for, in this order.
var names = []string{"serverless.yml", "serverless.yaml", "serverless.json", "template.yaml", "template.yml", "template.json", azureapp.Host, "function.yaml", "service.yaml"}

// Import makes a manifest of what lies at source: a file, or a folder that holds one. Nothing is written. stage chooses
// between what the file says of several; schema is where editors find the manifest's schema. A failure is a *foreign.Error.
func Import(source, stage, schema string) (Imported, error) {
	file, err := find(source)
	if err != nil {
		return Imported{}, err
	}
	root, err := foreign.Read(file)
	if err != nil {
		return Imported{}, err
	}
	made, m, err := interpret(root, file, stage)
	if err != nil {
		return Imported{}, err
	}
	return made.written(m, schema)
}

// interpret makes a draft of what a file, or a description of what is live, says. Code lies in the folder of the file.
func interpret(root *foreign.Node, file, stage string) (made Imported, m draft.Manifest, err error) {
	made.File = file
	switch {
	case serverless.Is(root):
		made.Format, m = "serverless.yml", serverless.Read(root, file, stage)
	case cloudformation.Is(root):
		made.Format, m = "CloudFormation template", cloudformation.Read(root, file)
	case azureapp.Is(file, root):
		made.Format = "app of Azure Functions"
		m, root, err = azureapp.Read(root, file)
	case knative.Is(root):
		made.Format, m = "Knative Service", knative.Read(root, file)
	case gcloud.Is(root):
		made.Format, m = "function of Google", gcloud.Read(root, file)
	default:
		err = &foreign.Error{
			File: file, Message: "it is neither a serverless.yml, a template of SAM or CloudFormation, an app of Azure Functions, a Knative Service nor what gcloud describes",
			Hint: "name the file that describes the functions",
		}
	}
	if err != nil {
		return made, m, err
	}
	made.Report, made.Notes, made.Files = root.Report(), m.Notes, m.Files
	return made, m, nil
}

// written is what was made with its text. A draft without a function is none.
func (made Imported) written(m draft.Manifest, schema string) (Imported, error) {
	if len(m.Functions) == 0 {
		return Imported{}, &foreign.Error{File: made.File, Message: "it has no function that ferry can run: " + cmp.Or(m.Absent, lost(made.Report)), Hint: "see what ferry runs: docs/handlers.md"}
	}
	made.Text = m.Text(schema)
	return made, nil
}

// lost is the first reason why something that serves is not carried: of a function or its runtime, if there is one.
func lost(r foreign.Report) string {
	first := "there are none"
	for _, u := range slices.Backward(r.Unmapped) {
		if u.Serves {
			first = u.Path + ": " + u.Reason
		}
	}
	for _, u := range r.Unmapped {
		if u.Serves && (strings.HasPrefix(u.Path, "functions.") || u.Path == "provider.runtime" || u.Path == "provider.name") {
			return u.Path + ": " + u.Reason
		}
	}
	return first
}

// find is the file at source, or the one in it.
func find(source string) (string, error) {
	info, err := os.Stat(source)
	if err != nil || !info.IsDir() {
		if ext := filepath.Ext(source); ext == ".ts" || ext == ".js" || ext == ".mjs" || ext == ".cjs" {
			return "", &foreign.Error{
				File: source, Message: "it is a program, and ferry runs none to read a configuration",
				Hint: "print what it says with `serverless print --format yaml > serverless.yml`, then import that",
			}
		}
		if filepath.Ext(source) == ".tf" {
			return "", &foreign.Error{
				File: source, Message: "it is a configuration of Terraform, which ferry does not read",
				Hint: "import what it made: `ferry import aws:NAME`, `gcp:NAME` or `azure:APP`",
			}
		}
		return source, nil
	}
	for _, name := range names {
		file := filepath.Join(source, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return file, nil
		}
	}
	return "", &foreign.Error{File: source, Message: "there is no " + strings.Join(names, ", ") + " in it", Hint: "name the file"}
}

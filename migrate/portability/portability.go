// Package portability finds in code what ties it to one provider, with file and line.
package portability

import (
	"fmt"
	"slices"
	"strings"
)

// Level is what a finding means for a move.
type Level string

// The levels. A blocker keeps the function from being deployed; a change makes it behave in another way; a hint is worth a
// look.
const (
	Blocker Level = "blocker"
	Change  Level = "change"
	Hint    Level = "hint"
)

// Finding is one thing that a move to a target meets.
type Finding struct {
	Level    Level  `json:"level"`
	Rule     string `json:"rule"` // such as "vendor-sdk": what findings of its kind are filtered by
	Function string `json:"function"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
	File     string `json:"file,omitempty"` // slash path from the manifest's folder
	Line     int    `json:"line,omitempty"` // from 1; 0 is the file as a whole
	Column   int    `json:"column,omitempty"`
	// Cases are those of docs/conformance.md that the target's ingress loses, and that the code depends on.
	Cases  []string `json:"cases,omitempty"`
	vendor string   // whose services it calls
}

// Code is the own code of a function.
type Code struct {
	Function string
	Sources  *Sources          // what holds the files
	Files    []string          // slash paths from their root, of the files that went into the package
	Env      map[string]string // the variables that the function is given
	Packages []string          // the packages of others that went in
	// Lost are the cases that the target's ingress loses, with the reason.
	Lost map[string]string
}

// Find looks through the function's own code for what ties it to providers other than the one it goes to. What stands in
// comments and in installed packages is not its own.
func (c Code) Find(provider string) ([]Finding, error) {
	var all []Finding
	traits := map[string]Finding{} // where code has one first
	typed := map[string]bool{}
	for _, file := range slices.Sorted(slices.Values(c.Files)) {
		f, err := c.Sources.facts(file)
		if err != nil {
			return nil, err
		}
		all = append(all, c.file(file, f, provider)...)
		for what, at := range f.traits {
			if _, there := traits[what]; !there {
				traits[what] = Finding{Function: c.Function, File: file, Line: at.line, Column: at.column}
			}
		}
		for what := range f.denied {
			typed[what] = true
		}
	}
	all = append(all, c.brought(all, provider)...)
	return append(all, c.told(traits, typed)...), nil
}

// brought are the vendors that only packages of others call, one finding for each.
func (c Code) brought(known []Finding, provider string) []Finding {
	var all []Finding
	told := map[string]bool{provider: true}
	for _, f := range known {
		if f.Rule == ruleSDK {
			told[f.vendor] = true
		}
	}
	for _, name := range slices.Sorted(slices.Values(c.Packages)) {
		v := vendorOf(name, vendor.owns)
		if v == nil { // packages of Python are written with hyphens, and their modules with dots
			v = vendorOf(strings.ReplaceAll(name, "-", "."), vendor.owns)
		}
		if v == nil || told[v.provider] {
			continue
		}
		told[v.provider] = true
		all = append(all, Finding{
			Level: Change, Rule: ruleSDK, Function: c.Function, vendor: v.provider,
			Message: fmt.Sprintf("a package that it uses brings %s, which calls %s", name, v.name),
			Hint:    "see whether the function comes to it: if so, give it credentials of " + v.name + " as secrets",
		})
	}
	return all
}

const ruleSDK = "vendor-sdk"

// installed is whether a file is of a package that somebody else wrote, or outside of the service.
func installed(file string) bool {
	for part := range strings.SplitSeq(file, "/") {
		switch part {
		case "node_modules", "site-packages", "vendor", "..", ".venv", "venv":
			return true
		}
	}
	return false
}

// file is what the facts of a file mean for the function.
func (c Code) file(name string, f *facts, provider string) []Finding {
	all := c.calls(name, f.imports, provider)
	for _, m := range f.variables {
		_, given := c.Env[m.name]
		if v := vendorOf(m.name, vendor.sets); !given && v != nil && v.provider != provider {
			all = append(all, Finding{
				Level: Change, Rule: "vendor-variable", Function: c.Function, File: name, Line: m.line, Column: m.column,
				Message: fmt.Sprintf("it reads %s, which only %s sets", m.name, v.name),
				Hint:    "set it in env, or do without",
			})
		}
	}
	for _, m := range f.writes {
		if strings.HasPrefix(m.name, "/tmp/") || m.name == "/tmp" {
			continue
		}
		all = append(all, Finding{
			Level: Hint, Rule: "local-disk", Function: c.Function, File: name, Line: m.line, Column: m.column,
			Message: fmt.Sprintf("it writes %q: only the temporary folder can be written everywhere, and nothing in it lasts", m.name),
			Hint:    "write below the temporary folder, or to a bucket",
		})
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return a.Line - b.Line })
	return all
}

// calls are the vendors that imports of a file call, one finding for each vendor and line.
func (c Code) calls(file string, imports []Import, provider string) (all []Finding) {
	for _, i := range imports {
		v := vendorOf(i.Name, vendor.owns)
		if v == nil || v.provider == provider || slices.ContainsFunc(all, func(f Finding) bool { return f.Line == i.Line && f.vendor == v.provider }) {
			continue
		}
		all = append(all, Finding{
			Level: Change, Rule: ruleSDK, Function: c.Function, File: file, Line: i.Line, Column: i.Column, vendor: v.provider,
			Message: fmt.Sprintf("it calls %s (%s), which stays where it is when the function moves", v.name, i.Name),
			Hint:    "give the function credentials of " + v.name + " as secrets, or move that service, too",
		})
	}
	return all
}

// group is the first group of a match that is there.
func group(line string, m []int) string {
	for i := 2; i+1 < len(m); i += 2 {
		if m[i] >= 0 {
			return line[m[i]:m[i+1]]
		}
	}
	return ""
}

// vendor is what a provider's own code and variables are called.
type vendor struct {
	provider, name       string
	packages, namePrefix []string
}

func (v vendor) owns(name string) bool {
	return slices.ContainsFunc(v.packages, func(p string) bool {
		rest, ok := strings.CutPrefix(name, p)
		return ok && (rest == "" || strings.HasSuffix(p, "-") || rest[0] == '/' || rest[0] == '.' || strings.HasSuffix(p, "/"))
	})
}

func (v vendor) sets(name string) bool {
	return slices.ContainsFunc(v.namePrefix, func(p string) bool { return strings.HasPrefix(name, p) })
}

func vendors() []vendor {
	return []vendor{
		{
			provider: "aws", name: "AWS",
			packages:   []string{"@aws-sdk/", "aws-sdk", "boto3", "botocore", "aioboto3", "github.com/aws/aws-sdk-go", "github.com/aws/aws-sdk-go-v2", "@aws-lambda-powertools/", "aws_lambda_powertools"},
			namePrefix: []string{"AWS_", "LAMBDA_", "_HANDLER", "_X_AMZN_"},
		},
		{
			provider: "gcp", name: "Google Cloud",
			packages:   []string{"@google-cloud/", "google.cloud", "firebase-admin", "firebase_admin", "cloud.google.com/go/"},
			namePrefix: []string{"K_SERVICE", "K_REVISION", "K_CONFIGURATION", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GCP_PROJECT"},
		},
		{
			provider: "azure", name: "Azure",
			packages:   []string{"@azure/", "azure", "github.com/Azure/azure-sdk-for-go"},
			namePrefix: []string{"WEBSITE_", "FUNCTIONS_", "AzureWebJobs", "APPSETTING_", "IDENTITY_ENDPOINT"},
		},
	}
}

// vendorOf is the vendor for which something holds, nil for none. What only calls a function is no service that stays
// behind: ferry brings it along.
func vendorOf(name string, holds func(vendor, string) bool) *vendor {
	for _, caller := range []string{"@google-cloud/functions-framework", "@azure/functions", "azure.functions"} {
		if strings.HasPrefix(name, caller) {
			return nil
		}
	}
	for _, v := range vendors() {
		if holds(v, name) {
			return &v
		}
	}
	return nil
}

// Score is how ready a service is for a target, from 0 to 100: a function with a blocker counts nothing, and each change
// takes a tenth of a function, down to half of it.
func Score(functions []string, all []Finding) int {
	if len(functions) == 0 { // the manifest holds for no such target: what is found is of all
		functions = []string{""}
	}
	total := 0
	for _, fn := range functions {
		points := 100
		for _, f := range all {
			switch {
			case f.Function != fn && f.Function != "":
			case f.Level == Blocker:
				points = 0
			case f.Level == Change && points > 50:
				points -= 10
			}
		}
		total += points
	}
	return total / len(functions)
}

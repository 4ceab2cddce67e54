package portability_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/migrate/portability"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// found lists rule, file and line of what is found in code that goes to a provider.
func found(t *testing.T, provider string, env map[string]string, files map[string]string) []string {
	t.Helper()
	root := t.TempDir()
	c := portability.Code{Function: "api", Sources: portability.NewSources(root), Env: env}
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		c.Files = append(c.Files, name)
	}
	all, err := c.Find(provider)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, f := range all {
		lines = append(lines, fmt.Sprintf("%s %s:%d", f.Rule, f.File, f.Line))
	}
	return lines
}

func TestCodeThatCallsAnotherProviderIsFoundByFileAndLine(t *testing.T) {
	files := map[string]string{
		"a.ts": "import fs from 'node:fs';\nimport { S3 } from '@aws-sdk/client-s3';\nconst g = require(\"@google-cloud/storage\");\n" +
			"// import x from '@azure/identity';\nawait import('@azure/storage-blob');\nimport local from './aws-sdk';\n",
		"b.py":                              "import os\nimport boto3\nfrom google.cloud import storage\nfrom azure.storage.blob import X\nimport azureish\n",
		"c.go":                              "package c\n\nimport (\n\t\"fmt\"\n\ts3 \"github.com/aws/aws-sdk-go-v2/service/s3\"\n\t\"cloud.google.com/go/storage\"\n)\n",
		"node_modules/x/index.js":           "require('aws-sdk')\n",
		"d.js":                              "const f = require('@google-cloud/functions-framework');\nconst { app } = require('@azure/functions');\n",
		"lib/site-packages/boto3/__init.py": "import boto3\n",
	}
	for provider, want := range map[string][]string{
		"aws":   {"a.ts:3", "a.ts:5", "b.py:3", "b.py:4", "c.go:6"},
		"gcp":   {"a.ts:2", "a.ts:5", "b.py:2", "b.py:4", "c.go:5"},
		"azure": {"a.ts:2", "a.ts:3", "b.py:2", "b.py:3", "c.go:5", "c.go:6"},
		"local": {"a.ts:2", "a.ts:3", "a.ts:5", "b.py:2", "b.py:3", "b.py:4", "c.go:5", "c.go:6"},
	} {
		for i := range want {
			want[i] = "vendor-sdk " + want[i]
		}
		if diff := cmp.Diff(want, found(t, provider, nil, files)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", provider, diff)
		}
	}
}

func TestAVariableThatAnotherProviderSetsIsFoundUnlessItIsGiven(t *testing.T) {
	files := map[string]string{
		"a.js": "x = process.env.AWS_REGION;\ny = process.env['K_SERVICE'];\nz = process.env.TABLE;\n",
		"b.py": "import os\na = os.environ['AWS_LAMBDA_FUNCTION_NAME']\nb = os.environ.get(\"WEBSITE_SITE_NAME\")\nc = os.getenv('AWS_REGION')\n",
		"c.go": "var a = os.Getenv(\"GOOGLE_CLOUD_PROJECT\")\n",
	}
	want := []string{"vendor-variable a.js:2", "vendor-variable b.py:3", "vendor-variable c.go:1"}
	if diff := cmp.Diff(want, found(t, "aws", nil, files)); diff != "" {
		t.Error(diff)
	}
	given := map[string]string{"AWS_REGION": "x", "AWS_LAMBDA_FUNCTION_NAME": "y"}
	want = []string{"vendor-variable b.py:3"}
	if diff := cmp.Diff(want, found(t, "gcp", given, files)); diff != "" {
		t.Error(diff)
	}
}

func TestCodeThatWritesOutsideOfTheTemporaryFolderIsFound(t *testing.T) {
	files := map[string]string{
		"a.js": "fs.writeFileSync('out.txt', x);\nfs.writeFileSync('/tmp/out.txt', x);\nfs.readFileSync('in.txt');\n",
		"b.py": "open('log.txt', 'a')\nopen('in.txt')\nopen('/tmp/x', 'w')\nopen('in.bin', 'rb')\n",
		"c.go": "os.WriteFile(\"data.json\", b, 0o644)\n",
	}
	want := []string{"local-disk a.js:1", "local-disk b.py:1", "local-disk c.go:1"}
	if diff := cmp.Diff(want, found(t, "aws", nil, files)); diff != "" {
		t.Error(diff)
	}
}

func TestABlockerCountsAFunctionForNothingAndAChangeForATenthLess(t *testing.T) {
	change := portability.Finding{Level: portability.Change, Function: "a"}
	all := []portability.Finding{change, change, {Level: portability.Hint, Function: "a"}, {Level: portability.Blocker, Function: "b"}}
	if got := portability.Score([]string{"a", "b"}, all); got != 40 {
		t.Errorf("want 40, got %d", got)
	}
	for range 20 {
		all = append(all, change)
	}
	if got := portability.Score([]string{"a", "c"}, all); got != 75 {
		t.Errorf("want 75, got %d", got)
	}
}

func TestEveryResultOfSARIFHasARuleALevelAndAPlace(t *testing.T) {
	text, err := portability.SARIF("ferry.yaml", "1.0.0", map[string][]portability.Finding{
		"gcp": {{Level: portability.Change, Rule: "vendor-sdk", Function: "api", Message: "m", Hint: "h", File: "src/a.js", Line: 3, Column: 2}},
		"aws": {{Level: portability.Blocker, Rule: "setting", Message: "whole"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range doc.Runs[0].Results {
		at := r.Locations[0].PhysicalLocation
		got = append(got, fmt.Sprintf("%s %s %s:%d %s", r.RuleID, r.Level, at.ArtifactLocation.URI, at.Region.StartLine, r.Message.Text))
	}
	want := "setting error ferry.yaml:1 on aws: whole\nvendor-sdk warning src/a.js:3 api on gcp: m (h)"
	if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" || doc.Version != "2.1.0" || len(doc.Runs[0].Tool.Driver.Rules) != 2 {
		t.Errorf("%s\n%s", diff, text)
	}
}

func TestImportsAreThoseThatTheLanguagesOwnParsersRead(t *testing.T) {
	packagertest.Needs(t, "python3")
	root, files := t.TempDir(), []string{}
	for name, text := range map[string]string{
		"a.py":          "\"\"\"Use it so:\n\nimport boto3\n\"\"\"\nimport os, botocore\nfrom google import cloud\nclient = __import__('azure.identity')\nfrom . import boto3\n",
		"b.go":          "package b\n\nimport (\n\ts3 \"github.com/aws/aws-sdk-go-v2/service/s3\"\n)\n\nconst text = `\nimport \"cloud.google.com/go/storage\"\n`\n",
		"c.py":          "import boto3\nthis is no Python\n",
		"vendor/d/d.go": "package d\n\nimport \"github.com/aws/aws-sdk-go\"\n",
	} {
		packagertest.Write(t, filepath.Join(root, name), text)
		files = append(files, name)
	}
	c := portability.Code{Function: "api", Sources: portability.NewSources(root), Files: files}
	c.Sources.Parse(t.Context(), files)
	all, err := c.Find("local")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range all {
		_, named, _ := strings.Cut(f.Message, "(")
		named, _, _ = strings.Cut(named, ")")
		got = append(got, fmt.Sprintf("%s:%d %s", f.File, f.Line, named))
	}
	want := []string{"a.py:5 botocore", "a.py:6 google.cloud", "a.py:7 azure.identity", "b.go:4 github.com/aws/aws-sdk-go-v2/service/s3", "c.py:1 boto3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAVendorThatOnlyAPackageOfOthersCallsIsFoundOnce(t *testing.T) {
	c := portability.Code{Function: "api", Sources: portability.NewSources(t.TempDir()), Packages: []string{
		"express", "@aws-sdk/client-s3", "@aws-sdk/core", "google-cloud-storage", "@azure/functions", "@azure/functions-extensions-base", "azure-functions",
	}}
	all, err := c.Find("gcp")
	if err != nil || len(all) != 1 || !strings.Contains(all[0].Message, "@aws-sdk/client-s3, which calls AWS") {
		t.Errorf("got %+v (%v)", all, err)
	}
	if all, err = c.Find("aws"); err != nil || len(all) != 1 || !strings.Contains(all[0].Message, "google-cloud-storage") {
		t.Errorf("got %+v (%v)", all, err)
	}
}

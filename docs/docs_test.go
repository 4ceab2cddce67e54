// Package docs_test keeps the documentation in step with the tree.
package docs_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v4"
)

func TestEveryDirectDependencyHasItsReason(t *testing.T) {
	module, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`(?m)^\s+(\S+\.\S+/\S+|\S+\.\S+) v\S+$`)
	found := direct.FindAllStringSubmatch(string(module), -1)
	if len(found) == 0 {
		t.Fatal("no direct dependency was found in go.mod")
	}
	for _, m := range found {
		if !strings.Contains(string(reasons), "`"+m[1]+"`") {
			t.Errorf("%s is a direct dependency without a line in docs/dependencies.md", m[1])
		}
	}
}

func TestEveryRelativeLinkLeadsSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryWholeManifestInTheDocsFitsTheSchema(t *testing.T) {
	text, err := os.ReadFile("manifest.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	blocks := codeBlocks(t, "yaml")
	found := 0
	for where, list := range blocks {
		for _, block := range list {
			if !strings.HasPrefix(block, "service:") {
				continue
			}
			found++
			var v any
			if err := yaml.Unmarshal([]byte(block), &v); err != nil {
				t.Errorf("%s: %v:\n%s", where, err, block)
			} else if err := resolved.Validate(v); err != nil {
				t.Errorf("%s: %v:\n%s", where, err, block)
			}
		}
	}
	if found == 0 {
		t.Fatal("the docs hold no whole manifest")
	}
}

func TestThePolicyOfADeployerAllowsEveryCallOfTheAdapter(t *testing.T) {
	for where, list := range codeBlocks(t, "json") {
		for _, block := range list {
			var policy struct {
				Statement []struct {
					Effect string
					Action any
				}
			}
			if err := json.Unmarshal([]byte(block), &policy); err != nil {
				t.Errorf("%s: %v:\n%s", where, err, block)
			}
		}
	}
	text, err := os.ReadFile("aws.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range actions(t) {
		if !strings.Contains(string(text), `"`+action+`"`) {
			t.Errorf("the adapter needs %s, which the policy in aws.md does not allow", action)
		}
	}
}

// actions are the permissions that the calls in the adapter for AWS need.
func actions(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../providers/aws/*.go")
	if err != nil {
		t.Fatal(err)
	}
	inputs := regexp.MustCompile(`&(lambda|iam|s3|cloudwatchlogs|scheduler|sqs|sns|ssm|secretsmanager)\.([A-Z][A-Za-z0-9]+)Input\{`)
	others := map[string]string{
		"lambda:Invoke": "lambda:InvokeFunction", "s3:HeadBucket": "s3:ListBucket", "s3:HeadObject": "s3:GetObject", "s3:ListObjectsV2": "s3:ListBucket",
		"s3:PutPublicAccessBlock":               "s3:PutBucketPublicAccessBlock",
		"s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
		"s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
	}
	found := map[string]bool{"iam:PassRole": true}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inputs.FindAllStringSubmatch(string(code), -1) {
			action := strings.Replace(m[1], "cloudwatchlogs", "logs", 1) + ":" + m[2]
			if other, ok := others[action]; ok {
				action = other
			}
			found[action] = true
		}
	}
	if len(found) < 50 {
		t.Fatalf("only %d calls were found in the adapter", len(found))
	}
	return slices.Sorted(maps.Keys(found))
}

// codeBlocks are the fenced blocks of a language in the guides, by file.
func codeBlocks(t *testing.T, language string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	fenced := regexp.MustCompile("(?s)```" + language + "\n(.*?)```")
	found := map[string][]string{}
	for _, file := range append(files, "../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fenced.FindAllStringSubmatch(string(text), -1) {
			found[file] = append(found[file], m[1])
		}
	}
	return found
}

// An adapter is written from this page: what it does not name, a newcomer cannot know.
func TestTheContractNamesEveryMethodCapabilityAndStateOfAnAdapter(t *testing.T) {
	page, err := os.ReadFile("contract.md")
	if err != nil {
		t.Fatal(err)
	}
	structs := []string{"Capabilities", "State"}
	for _, name := range []string{"adapter.go", "revision.go", "ready.go", "doctor.go", "store.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "providers", name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			var fields *ast.FieldList
			switch of := spec.Type.(type) {
			case *ast.InterfaceType:
				fields = of.Methods
			case *ast.StructType:
				if slices.Contains(structs, spec.Name.Name) {
					fields = of.Fields
				}
			}
			if fields == nil {
				return true
			}
			for _, f := range fields.List {
				for _, id := range f.Names {
					if !regexp.MustCompile(`\b` + id.Name + `\b`).Match(page) {
						t.Errorf("docs/contract.md does not name %s of %s", id.Name, spec.Name.Name)
					}
				}
			}
			return true
		})
	}
}

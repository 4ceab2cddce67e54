package migrate_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/migrate"
	"github.com/ferryfn/ferry/migrate/foreign"
)

func TestAHostileFileEndsInAClearError(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), i-1)
	}
	const head = "service: s\nprovider: {name: aws, runtime: nodejs22.x}\n"
	for name, c := range map[string]struct{ text, want string }{
		"aliases that grow":              {head + bomb, "grows without bounds"},
		"an alias that contains itself":  {head + "a: &a [*a]\n", "contains itself"},
		"a depth without an end":         {head + "a: " + strings.Repeat("[", 500) + strings.Repeat("]", 500), "nested deeper"},
		"a template of fifty megabytes":  {head + "a: " + strings.Repeat("x", 50<<20), "larger than 8 MB"},
		"bytes that are no text":         {head + "a: \x00\x01", "binary"},
		"a key that is there twice":      {head + "functions: {}\nfunctions: {}\n", "already defined|there twice"},
		"nothing":                        {"", "empty"},
		"something else":                 {"kind: Deployment\n", "neither"},
		"a broken line":                  {head + "functions: [\n", "not valid YAML"},
		"functions that are none":        {head + "functions: 3\n", "no function"},
		"a tag that asks for an object":  {head + "functions: !!python/object:os.system {a: b}\n", "no function"},
		"escapes of a terminal in names": {head + "functions:\n  \"\\e[2Jx\": {handler: \"\\e[31mno.main\"}\n", "no function"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "serverless.yml")
			if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := migrate.Import(file, "dev", "")
			var e *foreign.Error
			if !errors.As(err, &e) || e.Hint == "" {
				t.Fatalf("want an error with a next step, got %v", err)
			}
			if !holds(e.Error(), c.want) {
				t.Errorf("want %q in %q", c.want, e.Error())
			}
			if strings.ContainsAny(e.Error(), "\x1b\x07") {
				t.Errorf("the error holds what a terminal obeys: %q", e.Error())
			}
		})
	}
}

func holds(text, alternatives string) bool {
	for a := range strings.SplitSeq(alternatives, "|") {
		if strings.Contains(text, a) {
			return true
		}
	}
	return false
}

func TestAVariableThatGrowsIsLeftOut(t *testing.T) {
	custom := "  a0: [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		custom += fmt.Sprintf("  a%d: [%s'${self:custom.a%d}']\n", i, strings.Repeat(fmt.Sprintf("'${self:custom.a%d}', ", i-1), 9), i-1)
	}
	dir := t.TempDir()
	write(t, dir, "a.js", "exports.main = async () => 1;\n")
	write(t, dir, "serverless.yml", "service: s\nprovider: {name: aws, runtime: nodejs22.x}\ncustom:\n"+custom+
		"functions:\n  api: {handler: a.main, environment: {A: '${self:custom.a8}'}, events: [{http: GET /}]}\n")
	made, err := migrate.Import(dir, "dev", "")
	if err != nil {
		t.Fatal(err)
	}
	if !made.Lost() {
		t.Errorf("want the variable to be lost, got\n%s\n%+v", made.Text, made.Unmapped)
	}
}

// TestAnImportOfAFileThatAsksForTooMuchStaysSmall has files ask for gigabytes, or for time that grows with a power of their size.
func TestAnImportOfAFileThatAsksForTooMuchStaysSmall(t *testing.T) {
	t.Parallel()
	const head = "service: s\nprovider: {name: aws, runtime: nodejs22.x}\nfunctions:\n  api:\n    handler: a.main\n    environment:\n      FIRST: a\n"
	const sam = "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n" +
		"    Properties:\n      Runtime: nodejs22.x\n      Handler: a.main\n      Environment:\n        Variables:\n          FIRST: a\n"
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "<n>", strconv.Itoa(i)))
		}
		return b.String()
	}
	powers := func(first, format string) string {
		text := first
		for i := range 9 {
			one := strings.NewReplacer("<n>", strconv.Itoa(i+1), "<m>", strconv.Itoa(i)).Replace(format)
			before, after, _ := strings.Cut(one, "|")
			each, after, _ := strings.Cut(after, "|")
			text += before + strings.Repeat(each, 10) + after
		}
		return text
	}
	long := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct{ file, text, want string }{
		"variables within variables":             {"serverless.yml", head + "      A: ${self:custom.a9}\ncustom:\n" + powers("  a0: "+strings.Repeat("x", 100)+"\n", "  a<n>: \"|${self:custom.a<m>}|\"\n"), "its variables grow without bounds"},
		"a long text that many aliases name":     {"serverless.yml", "a: &a " + long + "\n" + head + many(10_000, "      A<n>: *a\n"), "it grows without bounds when its aliases are followed"},
		"a long text that many variables name":   {"serverless.yml", head + many(10_000, "      A<n>: \"${self:custom.a}\"\n") + "custom: {a: " + long + "}\n", "its variables grow without bounds"},
		"a long text within many texts":          {"serverless.yml", head + many(10_000, "      A<n>: \"-${self:custom.a}\"\n") + "custom: {a: " + long + "}\n", "its variables grow without bounds"},
		"a long list that many texts name":       {"serverless.yml", head + many(10_000, "      A<n>: \"-${self:custom.a}\"\n") + "custom:\n  a: [" + strings.Repeat("x, ", 100_000) + "x]\n", "the variable ${self:custom.a} stands for more than a text"},
		"a long key before many values":          {"serverless.yml", head + "? " + long + "\n: [" + strings.Repeat("x, ", 200_000) + "x]\n", "it grows without bounds when its aliases are followed"},
		"a map of many keys":                     {"serverless.yml", head + many(100_000, "      A<n>: a\n"), ""},
		"functions that have one name":           {"serverless.yml", head + many(10_000, "  a"+"_<n>: {handler: a.main}\n  A"+"-<n>: {handler: a.main}\n") + many(10_000, "  _<n>: {handler: a.main}\n"), ""},
		"references to references":               {"template.yaml", sam + "          A: !Ref B9\n  B0: {Type: AWS::S3::Bucket, Properties: {BucketName: xxxxxxxxxx}}\n" + powers("", "  B<n>: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub \"|${B<m>}|\"}}\n"), "Variables.A CloudFormation computes it"},
		"a reference to itself":                  {"template.yaml", sam + "          A: !Ref B\n  B: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref B}}\n", "Variables.A CloudFormation computes it"},
		"a join with itself":                     {"template.yaml", sam + "          A: !Ref B\n  B: {Type: AWS::S3::Bucket, Properties: {BucketName: !Join [\"\", [!Ref B, !Ref B]]}}\n", "Variables.A CloudFormation computes it"},
		"a long parameter that many refer to":    {"template.yaml", sam + many(10_000, "          A<n>: !Ref P\n") + "Parameters: {P: {Type: String, Default: " + long + "}}\n", "Variables.A9999 CloudFormation computes it"},
		"a join with long texts between":         {"template.yaml", sam + "          A: !Join [" + long + ", [" + strings.Repeat("x, ", 200_000) + "x]]\n", "Variables.A CloudFormation computes it"},
		"a queue whose name is joined with such": {"template.yaml", sam + "      Events: {Q: {Type: SQS, Properties: {Queue: !Join [" + long + ", [" + strings.Repeat("x, ", 200_000) + "x]]}}}\n", "Queue it does not say which"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "a.js", "exports.main = async () => 1;\n")
			write(t, dir, c.file, c.text)
			made, err := migrate.Import(dir, "dev", "")
			var e *foreign.Error
			if err != nil && (!errors.As(err, &e) || e.Hint == "") {
				t.Errorf("want an error with a next step, got %v", err)
			}
			size := len(made.Text)
			for _, u := range made.Unmapped {
				size += len(u.Path) + len(u.Reason)
			}
			refused := fmt.Sprint(err, made.Unmapped)
			if c.want == "" && made.Lost() || !strings.Contains(refused, c.want) {
				t.Errorf("want %q to be refused, got %.500s", c.want, refused)
			}
			if size > 96<<20 {
				t.Errorf("the manifest and the report have %d MB", size>>20)
			}
		})
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAnImportReadsNothingOutsideOfItsFolder(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "shop")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, top, "outside.yml", "secret: found\n")
	if err := os.Symlink(filepath.Join(top, "outside.yml"), filepath.Join(dir, "link.yml")); err != nil {
		t.Skip(err)
	}
	write(t, dir, "a.js", "exports.main = async () => 1;\n")
	write(t, top, "b.js", "exports.main = async () => 1;\n")
	for _, path := range []string{"../outside.yml", "link.yml", filepath.Join(top, "outside.yml")} {
		write(t, dir, "serverless.yml", "service: s\nprovider: {name: aws, runtime: nodejs22.x}\nfunctions:\n"+
			"  api: {handler: a.main, environment: {A: '${file("+path+"):secret}'}}\n"+
			"  out: {handler: ../b.main}\n")
		made, err := migrate.Import(dir, "dev", "")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(made.Text), "found") || strings.Contains(string(made.Text), "b.js") {
			t.Errorf("%s was read:\n%s", path, made.Text)
		}
	}
}

// TestNoFormatNamesCodeOutsideOfItsFolder has each format name a file that is there, but not its own.
func TestNoFormatNamesCodeOutsideOfItsFolder(t *testing.T) {
	for name, c := range map[string]struct{ file, text string }{
		"a folder above of SAM": {"template.yaml", "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n" +
			"    Properties: {Runtime: nodejs22.x, CodeUri: ../outside, Handler: b.main}\n"},
		"an absolute folder of SAM": {"template.yaml", "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n" +
			"    Properties: {Runtime: nodejs22.x, CodeUri: OUTSIDE, Handler: b.main}\n"},
		"a script of Azure": {"hello/function.json", `{"scriptFile": "../../outside/b.js", "bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}]}`},
		"a program of Knative": {"service.yaml", "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n" +
			"spec: {template: {spec: {containers: [{image: i, command: [node, ../outside/b.js]}]}}}\n"},
		"a main file of Google": {"function.yaml", "name: projects/p/locations/l/functions/f\nbuildConfig: {runtime: nodejs22, entryPoint: main}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			for _, dir := range []string{"outside", "shop/hello"} {
				if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			write(t, top, "outside/b.js", "exports.main = async () => 1;\n")
			write(t, top, "shop/package.json", `{"main": "../outside/b.js"}`)
			write(t, top, "shop/"+c.file, strings.ReplaceAll(c.text, "OUTSIDE", filepath.Join(top, "outside")))
			_, err := migrate.Import(filepath.Join(top, "shop", c.file), "dev", "")
			var e *foreign.Error
			if !errors.As(err, &e) || e.Hint == "" {
				t.Fatalf("want an error with a next step, got %v", err)
			}
		})
	}
}

package migrate_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
)

// kinds are all kinds of errors that the contract has, and those of the command line.
func kinds(t *testing.T) []providers.Kind {
	t.Helper()
	found := []providers.Kind{kindUsage, kindManifest, kindPackage, kindInterrupted}
	source(t, "../providers/errors.go", func(n ast.Node, _ token.Position) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Kind" {
			found = append(found, providers.Kind(text(t, spec.Values[0])))
		}
	})
	if len(found) < 18 {
		t.Fatalf("only %v were found", found)
	}
	return found
}

// source visits the syntax of a file.
func source(t *testing.T, file string, visit func(ast.Node, token.Position)) {
	t.Helper()
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if n != nil {
			visit(n, set.Position(n.Pos()))
		}
		return true
	})
}

// text is a literal's value, "" when it is none.
func text(t *testing.T, e ast.Expr) string {
	t.Helper()
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestEveryKindOfErrorHasANextStepInEveryCommand(t *testing.T) {
	quoted := regexp.MustCompile("`(ferry[^`]*)`")
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, kind := range kinds(t) {
			for _, function := range []string{"", "api"} {
				hint := nextStep(report{Kind: string(kind), Function: function}, commandName(c))
				if hint == "" || strings.Count(hint, "`")%2 != 0 {
					t.Errorf("%s has no next step for %q: %q", c.CommandPath(), kind, hint)
				}
				for _, m := range quoted.FindAllStringSubmatch(hint, -1) {
					if named, _ := find(t, strings.TrimPrefix(strings.TrimPrefix(m[1], "ferry"), " ")); !named.HasParent() && c.HasParent() {
						t.Errorf("%s, %q: the hint %q names no command", c.CommandPath(), kind, hint)
					}
				}
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&app{}, &outcome{}))
}

func TestAFailureOfTheProviderIsPrintedWithANextStep(t *testing.T) {
	for _, kind := range kinds(t) {
		s := newService(t)
		s.must(t, exitDone, "deploy")
		s.write(t, "web/run", "#!/bin/web2")
		s.world.Before = func(_ context.Context, op, function string) error {
			return &providers.Error{Kind: kind, Op: op, Provider: "memory", Function: function, Err: fmt.Errorf("calling: %w", context.DeadlineExceeded)}
		}
		for _, command := range []string{"plan", "deploy", "rollback", "resume", "promote", "remove --yes", "status", "releases", "invoke api", "url api", "open api", "secrets list"} {
			got := s.ferry(t, append(strings.Fields(command), "--json")...)
			var doc struct {
				Errors []struct{ Message, Hint string }
			}
			if kind == providers.NotFound && got.code == exitDone {
				continue // a store without a ledger
			}
			if err := json.Unmarshal([]byte(got.out), &doc); err != nil || got.code == exitDone || len(doc.Errors) == 0 {
				t.Errorf("%s, %s: exit code %d, %v: %s", command, kind, got.code, err, got.out)
			}
			for _, e := range doc.Errors {
				if e.Hint == "" || leaks(e.Message) {
					t.Errorf("%s, %s: %+v", command, kind, e)
				}
			}
		}
	}
}

// leaks reports whether a message speaks in words of Go's packages or of ferry's insides.
func leaks(message string) bool {
	return regexp.MustCompile(`strconv|context canceled|context deadline|ledger:`).MatchString(message)
}

func TestWordsOfGoArePutPlainly(t *testing.T) {
	_, number := strconv.Atoi(`1"2`)
	_, huge := strconv.ParseInt("99999999999999999999", 10, 64)
	for _, err := range []error{number, huge, fmt.Errorf("a: %w", context.Canceled), fmt.Errorf("b: %w", context.DeadlineExceeded)} {
		if got := plainly(err.Error()); leaks(got) {
			t.Errorf("%q becomes %q", err, got)
		}
	}
	for _, args := range []string{"rollback --to x", "logs api -n x", "deploy --traffic 1.5", "plan --json=perhaps"} {
		if got := ferry(t, nil, strings.Fields(args)...); got.code != exitUsage || leaks(got.err+got.out) {
			t.Errorf("%s: %s%s", args, got.out, got.err)
		}
	}
}

func TestAFailedFirstDeploySaysThatNothingIsLive(t *testing.T) {
	s := newService(t)
	s.failures["probe web"] = &providers.Error{Kind: providers.Crashed, Op: "probe", Provider: "memory", Function: "web"}
	if got := s.must(t, exitFailed, "deploy"); !strings.Contains(got.err, "nothing changed: nothing was live before, and nothing is now") {
		t.Errorf("got\n%s", got.err)
	}
}

func TestWhatWasNeverDeployedIsToldFromWhatIsSilent(t *testing.T) {
	s := newService(t)
	for _, command := range []string{"logs", "url", "open"} {
		s.wrap = func(a providers.Adapter) providers.Adapter { return silent{a.(fullAdapter)} }
		if got := s.must(t, exitNotFound, command, "api"); !strings.Contains(got.err, "`ferry deploy`") {
			t.Errorf("%s: %s", command, got.err)
		}
	}
	s.must(t, exitDone, "deploy")
	s.must(t, exitDone, "logs", "api")
}

type fullAdapter interface {
	providers.Adapter
	providers.Prober
	providers.Switcher
	providers.Invoker
	providers.Pruner
}

// silent is a place whose functions wrote nothing.
type silent struct{ fullAdapter }

func (silent) Tail(context.Context, string, providers.TailOptions, func(providers.LogLine) error) error {
	return nil
}

func TestAFolderThatCannotBeUsedIsNamedWithWhatToDo(t *testing.T) {
	a := &app{Invocation: Invocation{Dir: "/work"}, env: map[string]string{"FERRY_HOME": "/home/ada/.ferry"}}
	for path, want := range map[string]string{
		"/home/ada/.ferry/state/x.json": "set FERRY_HOME",
		"/home/ada":                     "set FERRY_HOME",
		"/elsewhere/x":                  "/elsewhere/x",
	} {
		err := fmt.Errorf("writing: %w", &os.PathError{Op: "open", Path: path, Err: errors.New("not a directory")})
		if got := a.explained(&outcome{err: err}); !strings.Contains(got[0].Hint, want) {
			t.Errorf("%s: the hint is %q, want %q in it", path, got[0].Hint, want)
		}
	}
}

// TestNoErrorForPeopleIsMadeWithoutANextStep reads the source: what has a place for a hint has one.
func TestNoErrorForPeopleIsMadeWithoutANextStep(t *testing.T) {
	hintAt := map[string]int{ // the argument that is the hint, by function
		"usagef": 0, "fail": 0, "c.fail": 1, "l.fail": 2, "problem": 1, "c.problem": 1, "d.problem": 2, "s.problem": 3, "src.problem": 3,
	}
	found := 0
	for _, dir := range []string{".", "../manifest", "../packager"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source(t, file, func(n ast.Node, at token.Position) {
				switch n := n.(type) {
				case *ast.CallExpr:
					if i, ok := hintAt[called(n)]; ok && i < len(n.Args) {
						found++
						if literal, isText := n.Args[i].(*ast.BasicLit); isText && literal.Value == `""` {
							t.Errorf("%s: the error has no hint", at)
						}
					}
				case *ast.CompositeLit:
					if name, ok := n.Type.(*ast.Ident); ok && name.Name == "failure" {
						found++
						if !has(n, "hint") {
							t.Errorf("%s: the failure has no hint", at)
						}
					}
				}
			})
		}
	}
	if found < 150 {
		t.Errorf("only %d errors were found", found)
	}
}

// called is the name of the function that is called, a method's behind its receiver.
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if receiver, ok := f.X.(*ast.Ident); ok {
			return receiver.Name + "." + f.Sel.Name
		}
	}
	return ""
}

func has(literal *ast.CompositeLit, key string) bool {
	for _, e := range literal.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if name, ok := pair.Key.(*ast.Ident); ok && name.Name == key {
				return true
			}
		}
	}
	return false
}

func TestNoErrorNamesTheLedgerAsAProvider(t *testing.T) {
	files, err := filepath.Glob("../release/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		source(t, file, func(n ast.Node, at token.Position) {
			if pair, ok := n.(*ast.KeyValueExpr); ok && text(t, pair.Value) == "ledger" {
				t.Errorf("%s: the ledger is no provider", at)
			}
		})
	}
}

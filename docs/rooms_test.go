package docs_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A room that nobody wrote into the table of CONTRIBUTING.md is found by nobody; one that is gone is looked for in vain.
func TestTheMapOfTheCodeHasEveryRoomAndNoOther(t *testing.T) {
	data, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	all := imports(t)
	text := string(data)
	_, table, _ := strings.Cut(text, "| folder | owns |")
	table, _, _ = strings.Cut(table, "\n\n")
	for room := range all {
		if !strings.Contains(table, "`"+room+"`") && !strings.Contains(table, "`"+path.Base(room)+"`") {
			t.Errorf("CONTRIBUTING.md does not say what %s owns", room)
		}
	}
	for line := range strings.Lines(table) {
		named, _, _ := strings.Cut(strings.TrimPrefix(line, "| `"), "`")
		if _, err := os.Stat(filepath.Join("..", named)); strings.HasPrefix(line, "| `") && err != nil {
			t.Errorf("CONTRIBUTING.md says what %s owns, and there is no such room", named)
		}
	}
	want := part{"who imports whom", "\n```\n" + drawing(all) + "```\n\n"}.into(text)
	if *update {
		if err := os.WriteFile("../CONTRIBUTING.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(text, want); diff != "" {
		t.Errorf("CONTRIBUTING.md is stale (`go test ./docs -update` writes it anew):\n%s", diff)
	}
}

// imports are the rooms of the repository, with those that each imports. What lies in internal is below them all.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "testdata" || name == "node_modules" || strings.HasPrefix(filepath.ToSlash(file), "../examples/") && name != "corpus" || len(name) > 2 && strings.HasPrefix(name, ".")):
			return fs.SkipDir
		case filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		room := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "../")
		all[room] = append(all[room], nil...)
		for _, spec := range parsed.Imports {
			named, err := strconv.Unquote(spec.Path.Value)
			if other, ours := strings.CutPrefix(named, "github.com/ferryfn/ferry/"); ours && !strings.HasPrefix(other, "internal/") {
				all[room] = append(all[room], other)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room, others := range all {
		slices.Sort(others)
		all[room] = slices.Compact(others)
	}
	return all
}

// drawing has a line for each room with what it imports, all of which stand below it. Tests are left out.
func drawing(all map[string][]string) string {
	var b strings.Builder
	left := maps.Clone(all)
	for len(left) > 0 {
		next := slices.DeleteFunc(slices.Sorted(maps.Keys(left)), func(room string) bool {
			return slices.ContainsFunc(slices.Collect(maps.Values(left)), func(others []string) bool { return slices.Contains(others, room) })
		})
		for _, room := range next {
			if delete(left, room); len(all[room]) > 0 {
				fmt.Fprintf(&b, "%-26s %s\n", room, strings.Join(all[room], " "))
			}
		}
	}
	return b.String()
}

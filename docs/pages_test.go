package docs_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/all"
)

var update = flag.Bool("update", false, "write the generated parts of the providers' pages anew")

// A provider that is added to providers/all gets its page, and the tables on it, by -update alone.
func TestThePageOfEachProviderHasTheTablesOfItsAdapter(t *testing.T) {
	for _, p := range all.Providers() {
		file := p.Name + ".md"
		page, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			page, err = []byte("# "+p.Name+"\n"), nil
		}
		if err != nil {
			t.Fatal(err)
		}
		want := string(page)
		for _, part := range parts(p) {
			want = part.into(want)
		}
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(page), want); diff != "" {
			t.Errorf("docs/%s is stale (`go test ./docs -update` writes it anew):\n%s", file, diff)
		}
	}
}

func TestAPageThatLacksAPartGetsItAtItsEndAndKeepsTheRest(t *testing.T) {
	p := providers.Provider{Name: "moon", Facts: providers.Facts{
		Runtimes: []providers.RuntimeFact{{Runtime: "go", ID: "go-on-moon", Ends: time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)}},
		Limits:   []providers.LimitFact{{Field: "memory", Takes: "1MB to 2MB"}},
	}}
	write := func(page string) string {
		for _, part := range parts(p) {
			page = part.into(page)
		}
		return page
	}
	page := write("# moon\n\nBy hand.\n")
	for _, want := range []string{"# moon\n\nBy hand.\n\n## Runtimes\n", "| `go` | `go-on-moon` | refused from 2030-01-02 |\n", "| `memory` | 1MB to 2MB |\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	if again := write(page); again != page {
		t.Errorf("written again it differs:\n%s", cmp.Diff(page, again))
	}
	p.Facts.Limits[0].Takes = "3MB"
	if page = write(page + "\nMore by hand.\n"); strings.Contains(page, "1MB") || !strings.Contains(page, "3MB") || !strings.HasSuffix(page, "\nMore by hand.\n") {
		t.Errorf("the changed table is not in its place:\n%s", page)
	}
}

// part is a generated part of a page, between two comments.
type part struct {
	title string
	table string
}

// parts are those of a provider's page; what has nothing to say is left out.
func parts(p providers.Provider) []part {
	all := []part{
		{"Settings of a target", table("| key | meaning |\n|---|---|\n", settings("", p.Blocks.Target))},
		{"Settings of a function", table("| key | meaning |\n|---|---|\n", settings("", p.Blocks.Function))},
		{"Runtimes", table("| runtime | provider's name | |\n|---|---|---|\n", runtimes(p.Facts.Runtimes))},
		{"Limits", table("| setting | what it may be |\n|---|---|\n", limits(p.Facts.Limits))},
	}
	var some []part
	for _, one := range all {
		if one.table != "" {
			some = append(some, one)
		}
	}
	return some
}

// into puts the part in place of what it was before, else at the end of the page.
func (p part) into(page string) string {
	begin, end := "<!-- generated: "+p.title+" -->\n", "<!-- end -->\n"
	before, rest, found := strings.Cut(page, begin)
	if !found {
		return strings.TrimRight(page, "\n") + "\n\n## " + p.title + "\n\n" + begin + p.table + end
	}
	_, after, _ := strings.Cut(rest, end)
	return before + begin + p.table + end + after
}

func table(head string, rows []string) string {
	if len(rows) == 0 {
		return ""
	}
	return head + strings.Join(rows, "")
}

// settings are the keys of a block, with what the manifest's schema says of them.
func settings(prefix string, block any) []string {
	if block == nil {
		return nil
	}
	of := reflect.TypeOf(block)
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	var rows []string
	for i := range of.NumField() {
		f := of.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			continue // the keys of a function, which stand in a table of their own
		}
		rows = append(rows, fmt.Sprintf("| `%s%s` | %s |\n", prefix, key, f.Tag.Get("jsonschema")))
		if f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct {
			rows = append(rows, settings(prefix+key+".", reflect.New(f.Type.Elem()).Interface())...)
		}
	}
	return rows
}

func runtimes(facts []providers.RuntimeFact) []string {
	var rows []string
	for _, r := range facts {
		note := ""
		switch {
		case r.Preview:
			note = "a preview: a warning"
		case !r.Ends.IsZero():
			note = "refused from " + r.Ends.Format(time.DateOnly)
		}
		rows = append(rows, fmt.Sprintf("| `%s` | `%s` | %s |\n", r.Runtime, r.ID, note))
	}
	return rows
}

func limits(facts []providers.LimitFact) []string {
	var rows []string
	for _, l := range facts {
		rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", l.Field, l.Takes))
	}
	return rows
}

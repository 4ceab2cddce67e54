package templates_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of docs/conformance.md anew")

// columns are the ingresses as the data names them and as the docs do.
func columns() [][2]string {
	return [][2]string{
		{"socket", "local"},
		{"url", "Function URL"},
		{"url-stream", "streamed"},
		{"http-api", "HTTP API"},
		{"rest", "REST API"},
		{"alb", "ALB"},
		{"alb-multi", "ALB, multi-value"},
		{"gcf", "Google Cloud Functions"},
		{"azure", "Azure"},
	}
}

// table is what is carried where, and what is lost and why.
func table(cases []httpCase, losses []loss) string {
	var rows, notes strings.Builder
	names, rule := "| case |", "|---|"
	for _, c := range columns() {
		names += " " + c[1] + " |"
		rule += "---|"
	}
	fmt.Fprintf(&rows, "%s\n%s\n", names, rule)
	var reasons []string
	for _, c := range cases {
		row := "| " + c.Name + " |"
		for _, column := range columns() {
			row += " " + cellOf(c, column[0], losses, &reasons) + " |"
		}
		rows.WriteString(row + "\n")
	}
	for i, reason := range reasons {
		fmt.Fprintf(&notes, "%d. %s\n", i+1, reason)
	}
	return rows.String() + "\n" + notes.String()
}

// cellOf is "exact", or the numbers of what is lost; "" is a case that the ingress has no part in.
func cellOf(c httpCase, ingress string, losses []loss, reasons *[]string) string {
	if !c.applies(!slices.Contains([]string{"socket", "gcf", "azure"}, ingress)) {
		return ""
	}
	var numbers []string
	for _, l := range losses {
		if !slices.Contains(l.Cases, c.Name) || len(l.Ingresses) > 0 && !slices.Contains(l.Ingresses, ingress) {
			continue
		}
		reason := l.Reason
		if len(l.Styles) > 0 {
			reason = "`" + strings.Join(l.Styles, "`, `") + "`: " + reason
		}
		if !slices.Contains(*reasons, reason) {
			*reasons = append(*reasons, reason)
		}
		numbers = append(numbers, fmt.Sprint(slices.Index(*reasons, reason)+1))
	}
	switch {
	case len(numbers) == 0 && c.OrRefused:
		return "exact, or 4xx"
	case len(numbers) == 0:
		return "exact"
	}
	return strings.Join(numbers, ", ")
}

// eventTable is what becomes of every event.
func eventTable(t *testing.T, cases []eventCase) string {
	t.Helper()
	var rows strings.Builder
	rows.WriteString("| event | on Lambda | locally |\n|---|---|---|\n")
	for _, c := range cases {
		becomes := "delivered"
		switch {
		case c.Refused || c.Status == http.StatusBadRequest || strings.Contains(c.Fails, "does not know"):
			becomes = "refused"
		case c.Fails != "":
			becomes = "delivered, and comes again"
		case strings.Contains(string(c.Returns), "itemIdentifier"):
			becomes = "delivered, and what failed comes again"
		}
		here, there := "", ""
		if c.payload(t) != nil {
			there = becomes
		}
		if _, ok := c.request(); ok {
			here = becomes
		}
		fmt.Fprintf(&rows, "| %s | %s | %s |\n", c.Name, there, here)
	}
	return rows.String()
}

// between puts text between two marks of a page.
func between(t *testing.T, page, mark, text string) string {
	t.Helper()
	begin, end := "<!-- "+mark+": made by `go test ./templates -run Table -update` -->\n", "<!-- end of "+mark+" -->\n"
	before, rest, ok := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("docs/conformance.md has no marks of %s", mark)
	}
	return before + begin + text + end + after
}

func TestTheTableOfWhatIsCarriedIsInTheDocs(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "docs", "conformance.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := between(t, string(page), "http", table(conformance[httpCase](t, "http.json"), conformance[loss](t, "losses.json")))
	want = between(t, want, "events", eventTable(t, conformance[eventCase](t, "events.json")))
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(page)); diff != "" {
		t.Errorf("the page is stale (-update writes it anew):\n%s", diff)
	}
}

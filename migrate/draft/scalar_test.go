package draft

import (
	"bytes"
	"testing"

	"go.yaml.in/yaml/v4"
)

func TestATextIsWrittenAsTheLibraryWouldWriteIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "a", "true", "Null", "~", "yes", "N", "on", "<<", "0", "007", "0x1f", "1e3", ".5", ".inf", "NaN", "-1", "+2", "1:30", "-12:30:45", "1_000", "2026-01-02", "10s", "256MB",
		"a: b", "a #b", "#a", "- a", "-", "?", "*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "'a'", `"a"`, "{a}", "[a]", "a,b", "${x}", " a", "a ", "a\tb", "a\nb", "a\n", "\n", "a\rb", "ä€😀", "\x00", "\x1b[31m",
		"\u0085", "\ufeff", "\xff", "*/5 * * * *", "arn:aws:sqs:eu-west-1:123456789012:a", "/items/{id}", "=", "a:b", "a:", ":a", "---", "...",
	} {
		var by yaml.Node
		if err := by.Encode(text); err != nil {
			t.Fatal(err)
		}
		for _, style := range []yaml.Style{0, yaml.FlowStyle} {
			written := func(value *yaml.Node) string {
				n := mapping()
				n.Style = style
				add(n, "key", value)
				var out bytes.Buffer
				if err := dump(&out, n); err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				return out.String()
			}
			if got, want := written(scalar(text)), written(&by); got != want {
				t.Errorf("%q is written as %q, not as %q", text, got, want)
			}
		}
	}
}

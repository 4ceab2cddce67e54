package draft

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// texts are such as a writer of YAML gets wrong, and some of what those are made of.
func texts() []string {
	all := []string{
		"", "a", "true", "Null", "~", "yes", "N", "on", "<<", "0", "007", "0x1f", "0o7", "0b1", "1e3", ".5", ".inf", "-.INF", ".NaN", "-1", "+2", "1:30", "-12:30:45", "1_000", "2026-01-02",
		"2026-01-02T03:04:05Z", "2026-01-02 03:04:05 +1:00", "10s", "256MB", ".", "..", ".jpg", "...", "... a", "---", "--- a", "-", "- a", "--", "?", "? a", "?a", ":", ": a", ":a",
		"a: b", "a #b", "#a", "a#b", "*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "'a'", "it's", `"a"`, `\`, `a\nb`, "{a}", "[a]", "a,b", "a, b", "${x}", " a", "a ", " ", "a\tb", "\t",
		"a\nb", "a\n", "\n", "\r", "a\rb", "a\r\nb", "ä€😀", "\x00", "\x1b[31m", "\u0085", "\u00a0", "\u2028", "\ufeff", "\ufeffa", "\U0010ffff", "*/5 * * * *", "0 3 * * *",
		"arn:aws:sqs:eu-west-1:123456789012:a", "/items/{id}", "=", "a:b", "a:", "a:\tb", "https://a.example/?b=c#d", strings.Repeat("long ", 2000), strings.Repeat("k", 2000), strings.Repeat("'", 200),
	}
	parts := []rune(" \t\n:-?#,[]{}&*!|>'\"%@`\\~=<.+_/$0179eExXaAnNyYtTäß\u0085\u00a0\u2028\ufeff😀\x00\x1b")
	from := rand.New(rand.NewPCG(1, 2))
	for range 4_000 {
		text := make([]rune, 1+from.IntN(8))
		for i := range text {
			text[i] = parts[from.IntN(len(parts))]
		}
		all = append(all, string(text))
	}
	return all
}

func TestATextIsReadAsItWasWrittenWhereverItStands(t *testing.T) {
	t.Parallel()
	for _, text := range texts() {
		env := map[string]string{text: text, "B": text}
		f := Function{Source: text, Env: env, Events: []Event{
			{Object: &Object{Bucket: text, On: []string{text, "a", text}}},
			{HTTP: &HTTP{CORS: &CORS{Origins: []string{text}}}},
		}}
		f.Build = &Build{Include: []string{text, text}}
		f.Block("aws").Set("vpc", map[string]any{"subnets": []string{text}, "tags": env})
		var read struct {
			Functions map[string]any
			Targets   map[string]map[string]any
		}
		written := Manifest{Functions: []Named{{text, f}}, Targets: []Target{{text, Settings{{"provider", text}}}}}.Text("")
		if err := yaml.Unmarshal(written, &read); err != nil {
			t.Fatalf("%q: %v\n%s", text, err, written)
		}
		envRead := map[string]any{text: text, "B": text}
		want := map[string]any{
			"env": envRead, "build": map[string]any{"include": []any{text, text}}, "aws": map[string]any{"vpc": map[string]any{"subnets": []any{text}, "tags": envRead}},
			"events": []any{
				map[string]any{"object": map[string]any{"bucket": text, "on": []any{text, "a", text}}},
				map[string]any{"http": map[string]any{"cors": map[string]any{"origins": []any{text}}}},
			},
		}
		if text != "" {
			want["source"] = text
		}
		if diff := cmp.Diff(map[string]any{text: want}, read.Functions); diff != "" {
			t.Fatalf("%q (-want +got):\n%s\n%s", text, diff, written)
		}
		if got := read.Targets[text]["provider"]; got != text {
			t.Fatalf("%q as a target is read as %q", text, got)
		}
	}
}

func TestATextIsWrittenInOneLineAndWithoutQuotesWhereItNeedsNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"src/app.js": "src/app.js", "10s": "10s", "256MB": "256MB", ".": ".", ".jpg": ".jpg", "0 3 * * *": "0 3 * * *", "${stage}": "${stage}", "grün": "grün", "a#b": "a#b",
		"10": `"10"`, "on": `"on"`, "1.0": `"1.0"`, "*": "'*'", "it's: so": "'it''s: so'", "a\nb": `"a\nb"`, "\x1b[2J": `"\U0000001B[2J"`, "\xff": `"` + "�" + `"`,
	} {
		var w writer
		if w.entry("key", text, 0); string(w.text) != "key: "+want+"\n" {
			t.Errorf("%q is written as %q", text, w.text)
		}
	}
}

package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/fuzzing"
)

// hostile are files that a careless reader hangs on, runs out of memory on, or prints to the terminal.
func hostile() map[string]string {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	merges := "m0: &m0 {a: 1}\n"
	for i := 1; i < 60; i++ {
		merges += fmt.Sprintf("m%d: &m%d {<<: [*m%d, *m%d], k%d: *m%d}\n", i, i, i-1, i-1, i, i-1)
	}
	var keys, functions strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	functions.WriteString("service: many\ndefaults:\n  runtime: nodejs22\n  handler: app.js\n  env:\n")
	for i := range 10_000 {
		fmt.Fprintf(&functions, "    K%d: x\n", i)
	}
	functions.WriteString("functions:\n")
	for i := range 10_000 {
		fmt.Fprintf(&functions, "  f%d: {}\n", i)
	}
	return map[string]string{
		"alias bomb":         bomb,
		"merge bomb":         merges,
		"deep flow":          "service: " + strings.Repeat("[", 100_000),
		"deep closed flow":   "service: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"deep dashes":        strings.Repeat("- ", 100_000),
		"deep questions":     strings.Repeat("? ", 100_000),
		"deep indentation":   stairs(1000),
		"anchors in a row":   strings.Repeat("&a ", 300_000),
		"tags in a row":      strings.Repeat("!a ", 300_000),
		"colons":             strings.Repeat("a: ", 300_000),
		"closing brackets":   strings.Repeat("]", 1_000_000),
		"documents":          strings.Repeat("---\n", 250_000),
		"many keys":          keys.String(),
		"many defaults":      functions.String(),
		"one long line":      "service: " + strings.Repeat("x", 1_000_000),
		"many problems":      "service: a\nfunctions:\n" + strings.Repeat("  A B: 1\n", 90_000),
		"many interpolation": "service: \"" + strings.Repeat("${env:A}", 100_000) + "\"\n",
		"long search":        "service: \"" + strings.Repeat("${", 400_000) + "\"\n",
		"control characters": "service: \x1b[31mred\n",
		"bad utf8":           "service: \xff\xfe\n",
		"nul":                "service: a\x00b\n",
		"utf16":              "\xff\xfes\x00e\x00r\x00",
		"escaped nul":        "service: \"a\\0b\"\n",
		"directive":          "%YAML 3.0\n---\nservice: a\n",
		"loop":               "service: a\nfunctions: &f {x: *f}\n",
	}
}

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestAHostileManifestIsRefusedQuickly(t *testing.T) {
	for name, content := range hostile() {
		t.Run(name, func(t *testing.T) {
			o := folder(t, content)
			done := make(chan error, 1)
			go func() {
				_, err := Load(o)
				done <- err
			}()
			select {
			case err := <-done:
				var ps Problems
				if !errors.As(err, &ps) || len(ps) == 0 || len(ps) > maxProblems+1 {
					t.Fatalf("got %d problems: %.500v", len(ps), err)
				}
				if text := ps.Error(); len(text) > 100_000 || strings.ContainsAny(text, "\x00\x1b") {
					t.Errorf("the message has %d bytes or control characters: %.200q", len(text), text)
				}
			case <-time.After(10 * time.Second): // hours, for a reader that expands
				t.Fatal("loading did not end")
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(dir, fmt.Sprintf("%d.yaml", os.Getpid()))
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		o := options(file)
		o.Stage = "prod"
		m, err := Load(o)
		if err == nil {
			if len(m.Functions) == 0 || m.Digest == "" || m.Target.Config == nil {
				t.Fatalf("an incomplete manifest: %+v", m)
			}
			for _, fn := range m.Functions {
				var back Function
				first, _ := json.Marshal(fn)
				if err := json.Unmarshal(first, &back); err != nil {
					t.Fatal(err)
				}
				if second, _ := json.Marshal(back); !bytes.Equal(first, second) {
					t.Fatalf("two JSON forms: %s and %s", first, second)
				}
			}
			return
		}
		var ps Problems
		if !errors.As(err, &ps) || len(ps) == 0 {
			t.Fatalf("the error is %T: %v", err, err)
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, p := range ps {
			if p.Message == "" || p.File != file || p.Line > lines || p.Line > 0 && p.Column < 1 {
				t.Fatalf("a problem without a place: %+v", p)
			}
		}
	})
}

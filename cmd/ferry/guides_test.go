//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/packager/packagertest"
)

// TestAGuideLeadsWhereItSays types the commands of each guide, with stand-ins for its clouds, and compares all that they print.
func TestAGuideLeadsWhereItSays(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/guides/*.md")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %d guides: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".md"), func(t *testing.T) {
			t.Parallel()
			packagertest.Needs(t, "node")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := walker{T: t, dir: filepath.Join(t.TempDir(), "shop"), google: sideOf(t, "gcp")}
			home := t.TempDir()
			t.Cleanup(func() { stop(t, home) })
			w.env = slices.Concat([]string{"FERRY_HOME=" + home, "NO_COLOR=1"}, w.google.environ, sideOf(t, "aws").environ)
			walked := w.walk(string(text))
			switch {
			case *update:
				if err := os.WriteFile(file, []byte(walked), 0o644); err != nil {
					t.Fatal(err)
				}
			case !t.Failed():
				if diff := cmp.Diff(string(text), walked); diff != "" {
					t.Errorf("%s (`go test ./cmd/ferry -run Guide -update` writes it anew):\n%s", file, diff)
				}
			}
		})
	}
}

// walker goes through a guide in a folder.
type walker struct {
	*testing.T
	dir    string
	env    []string
	google side
}

// place is where the guides say that Google's functions are to be.
const place = "{provider: gcp, project: my-project, region: europe-west1}"

// walk writes the guide's files, types its commands, and is the guide with what these print.
func (w walker) walk(text string) string {
	w.Helper()
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		if m[2] != "" {
			packagertest.Write(w.T, filepath.Join(w.dir, m[2]), strings.ReplaceAll(m[3], place, w.google.block))
		}
	}
	return block.ReplaceAllStringFunc(text, func(all string) string {
		m := block.FindStringSubmatch(all)
		if m[1] != "console" {
			return all
		}
		var made strings.Builder
		for line := range strings.Lines(m[3]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				made.WriteString(line + w.types(strings.TrimSpace(command)))
			}
		}
		return "```console\n" + made.String() + "```"
	})
}

// types is what a command prints, without what is another in each run.
func (w walker) types(command string) string {
	w.Helper()
	out, _ := typed(w.T, w.dir, strings.ReplaceAll(command, place, w.google.block), w.env...)
	shown := strings.ReplaceAll(out, w.google.block, place)
	for _, change := range [][2]string{
		{`https?://127\.0\.0\.1:\d+[^\s"]*|https?://\S+\.lambda-url\S+`, "https://…"},
		{`\b[0-9a-f]{12,64}\b`, "…"},
		{`  \d+(\.\d+)? ?(ms|s|µs|m\d+s)\b`, "  … s"},
		{`\bby \S+( since .*)?(\n|$)`, "by you\n"},
		{`(\S) {2,}`, "$1  "},
		{`(?m)[ \t]+$`, ""},
	} {
		shown = regexp.MustCompile(change[0]).ReplaceAllString(shown, change[1])
	}
	if shown != "" && !strings.HasSuffix(shown, "\n") {
		shown += "\n"
	}
	return shown
}

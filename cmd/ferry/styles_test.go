package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/cmd"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/all"
)

// handlers has one function of each language and style in a folder; code is what its module holds.
var handlers = []struct {
	runtime, handler, file, code string
	styles                       []manifest.Style
}{
	{"nodejs22", "app.mjs", "app.mjs", "export default { fetch() {} }; export const handler = () => {};", []manifest.Style{
		manifest.StyleFetch, manifest.StyleNode, manifest.StyleLambda, manifest.StyleGCFHTTP, manifest.StyleGCFEvent, manifest.StyleAzure, manifest.StyleServer,
	}},
	{"python3.13", "app:app", "app.py", "app = None\n", []manifest.Style{
		manifest.StyleWSGI, manifest.StyleASGI, manifest.StyleLambda, manifest.StyleGCFHTTP, manifest.StyleGCFEvent, manifest.StyleAzure,
	}},
	{"python3.13", "app.py", "app.py", "app = None\n", []manifest.Style{manifest.StyleServer}},
	{"go", ".", "app.go", "package app\n\nimport \"net/http\"\n\nvar Handler http.Handler\n", []manifest.Style{manifest.StyleGo, manifest.StyleGCF}},
	{"go", ".", "main.go", "package main\n\nfunc main() {}\n", []manifest.Style{manifest.StyleLambda, manifest.StyleServer}},
}

// refusal is what ferry prints of its errors, "" when it succeeds.
func refusal(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := cmd.Main(t.Context(), cmd.Invocation{
		Args: args, Dir: dir, Providers: all.Providers, Now: time.Now,
		Environ: []string{"FERRY_HOME=" + filepath.Join(dir, ".home"), "HOME=" + os.Getenv("HOME"), "PATH=" + os.Getenv("PATH")},
		Streams: cmd.Streams{In: strings.NewReader(""), Out: cmd.Output{Writer: &out}, Err: cmd.Output{Writer: &errs}},
	})
	if code == 0 {
		return ""
	}
	return out.String() + errs.String()
}

// unserved are the words for a style that a target does not serve.
var unserved = regexp.MustCompile(`style \S+ has no shim for \S+ on \S+ yet`)

// TestValidateRefusesEveryStyleThatNoPackageIsMadeOf asks both commands about all languages, styles and targets. What
// else keeps a function from being packaged is about its code.
func TestValidateRefusesEveryStyleThatNoPackageIsMadeOf(t *testing.T) {
	refused, served := 0, 0
	for target, block := range map[string]string{"local": "{provider: local}", "aws": "{provider: aws, region: eu-west-1}"} {
		for _, h := range handlers {
			for _, style := range h.styles {
				dir := t.TempDir()
				for name, text := range map[string]string{
					h.file: h.code, "go.mod": "module example.com/app\n\ngo 1.22\n", "package.json": "{}",
					manifest.FileName: fmt.Sprintf("service: shop\ndefault_target: %[1]s\ntargets: {%[1]s: %s}\nfunctions: {a: {runtime: %s, handler: %q, style: %s}}\n",
						target, block, h.runtime, h.handler, style),
				} {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				valid, packed := refusal(t, dir, "validate"), refusal(t, dir, "package")
				switch byValidate, byPackage := unserved.FindString(valid), unserved.FindString(packed); {
				case byValidate != byPackage:
					t.Errorf("%s %s on %s: validate says %q, package %q", h.runtime, style, target, valid, packed)
				case byPackage != "":
					refused++
				default:
					served++
				}
			}
		}
	}
	t.Logf("%d combinations are served and %d refused", served, refused)
	if served == 0 {
		t.Error("nothing is served")
	}
}

package templates

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

// loadedAtStart says which of Node's own modules that cost a start a shim has loaded.
const loadedAtStart = `await import(process.argv[2]);
const dear = ["assert", "crypto", "http", "http2", "https", "internal/deps/undici/undici", "net", "perf_hooks", "stream", "tls", "worker_threads", "zlib"];
const loaded = new Set(process.moduleLoadList.map((name) => name.replace("NativeModule ", "")));
console.log(dear.filter((name) => loaded.has(name)).join(" "));
process.exit(0);
`

// A start on AWS is paid by whoever waits for the first answer. What a style needs only to answer is loaded when it answers.
func TestAStartOnAWSLoadsWhatTheStyleNeedsAndNoMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		style  manifest.Style
		module string
		want   string
	}{
		"fetch":             {manifest.StyleFetch, "export default { fetch: () => new Response() };", ""},
		"fetch with events": {manifest.StyleFetch, "export default { fetch: () => new Response(), event() {} };", ""},
		"lambda":            {manifest.StyleLambda, "export default async (event, context) => ({});", ""},
		"node":              {manifest.StyleNode, "export default (req, res) => res.end();", "http net stream"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := platform{runtime: "nodejs24", style: c.style, handler: "app.mjs"}
			fn := p.function()
			if strings.HasSuffix(name, "events") {
				fn.Events = append(fn.Events, manifest.Event{Queue: &manifest.QueueEvent{Name: "orders"}})
			}
			shim, ok := Render(fn, Target{Name: "aws", AnswersCORS: true})
			if !ok {
				t.Fatal("there is no such shim")
			}
			source, dir := t.TempDir(), t.TempDir()
			write(t, source, map[string][]byte{"app.mjs": []byte(c.module)})
			nodeCommand(t, dir, source, shim)
			write(t, dir, map[string][]byte{"look.mjs": []byte(loadedAtStart)})
			out, err := exec.Command(tool(t, "node"), filepath.Join(dir, "look.mjs"), "./"+shim.Entry).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if diff := cmp.Diff(c.want, strings.TrimSpace(string(out))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

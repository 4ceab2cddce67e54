package providertest_test

import (
	"io"
	"net/http"
	"os/exec"
	"testing"

	"github.com/ferryfn/ferry/internal/loopback"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/providers/providertest"
)

func TestAPackageRunsAsAnInstanceOfItsFunction(t *testing.T) {
	for _, language := range []struct {
		program, handler, entryFlag string
		runtime                     manifest.Runtime
		style                       manifest.Style
		files                       map[string]string
	}{
		{"node", "app.js", "--enable-source-maps", "nodejs22", manifest.StyleFetch, map[string]string{
			"app.js": "export default { fetch: () => new Response('one ' + process.env.WORD) }",
		}},
		{"python3", "app:app", "-u", "python3.13", manifest.StyleWSGI, map[string]string{
			"app.py": "import os\ndef app(env, start):\n    start('200 OK', [])\n    return [('one ' + os.environ['WORD']).encode()]\n",
		}},
	} {
		t.Run(language.program, func(t *testing.T) {
			program, err := exec.LookPath(language.program)
			if err != nil {
				t.Skip("needs " + language.program)
			}
			fn := providertest.Function("api", "$HOME 'quoted'")
			fn.Runtime, fn.Style, fn.Handler = language.runtime, language.style, language.handler
			spec := providertest.Package(t, memory.New(memory.NewWorld()), fn, language.files)
			url := providertest.Start(t, providertest.Program{
				Spec: spec, Command: []string{program, language.entryFlag, spec.Artifact.Entry},
				Env:   map[string]string{"FERRY_DIGEST": spec.Digest, "FERRY_INSTANCE": "i1", "FERRY_FUNCTION": fn.Name, "FERRY_TIMEOUT_MS": "10000"},
				Ready: providertest.Probed("i1"),
			}, ports.Free(t))
			res, err := http.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if body, err := io.ReadAll(res.Body); err != nil || string(body) != "one $HOME 'quoted'" {
				t.Errorf("it says %q, %v", body, err)
			}
		})
	}
}

// ports are for the programs of these tests.
var ports = loopback.Range{First: 9100, Count: 800}

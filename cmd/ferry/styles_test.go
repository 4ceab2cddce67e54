package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/cmd"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/all"
)

// TestWhatNoPackageIsMadeOfIsRefusedBefore asks all targets about all styles of all runtimes.
func TestWhatNoPackageIsMadeOfIsRefusedBefore(t *testing.T) {
	styles := []manifest.Style{
		manifest.StyleFetch, manifest.StyleNode, manifest.StyleWSGI, manifest.StyleASGI, manifest.StyleGo, manifest.StyleServer, manifest.StyleLambda,
		manifest.StyleGCF, manifest.StyleGCFHTTP, manifest.StyleGCFEvent, manifest.StyleAzure,
	}
	refused := 0
	for _, p := range all.Providers() {
		adapter, err := p.New(providers.Config{
			Service: "shop", Stage: "dev", Target: p.Name, Block: exampleOf(t, p), Env: func(string) (string, bool) { return "", false },
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, runtime := range []manifest.Runtime{"nodejs24", "python3.13", "go", "java21", "dotnet10", "custom"} {
			for _, style := range styles {
				fn := manifest.Function{Name: "a", Runtime: runtime, Style: style, Memory: 256 * manifest.MB, Timeout: manifest.Duration(time.Second)}
				no := packager.Refusal(fn, adapter.Platform(fn))
				if no == nil {
					continue
				}
				refused++
				_, issues := providers.Fit(adapter, fn)
				if !slices.ContainsFunc(issues, func(i providers.Issue) bool { return i.Severity == providers.Blocker && i.From.IsZero() }) {
					t.Errorf("%s %s on %s: packaging says %q, and validate nothing", runtime, style, p.Name, no.Message)
				}
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

// TestValidateAndPackageRefuseTheSame tries with both commands what no target serves, and what one does not; of the functions
// beside the one that is packaged nothing is said.
func TestValidateAndPackageRefuseTheSame(t *testing.T) {
	for target, block := range map[string]string{"local": "{provider: local}", "aws": "{provider: aws, region: eu-west-1}"} {
		for _, fn := range []string{"runtime: java21, handler: app.jar", "runtime: dotnet10, handler: app.jar", "runtime: nodejs24, style: server, handler: app.mjs"} {
			served := target == "local" && strings.Contains(fn, "server")
			dir := t.TempDir()
			text := fmt.Sprintf("service: shop\ndefault_target: %[1]s\ntargets: {%[1]s: %s}\nfunctions: {a: {%s}, b: {runtime: nodejs24, handler: app.mjs}}\n", target, block, fn)
			for name, text := range map[string]string{manifest.FileName: text, "app.jar": "", "app.mjs": "export default { fetch() {} }"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, command := range []string{"validate", "package"} {
				if said := refusal(t, dir, command); (said == "") != served {
					t.Errorf("%s of %s for %s says %q", command, fn, target, said)
				}
			}
			if said := refusal(t, dir, "package", "b"); said != "" {
				t.Errorf("package of the function beside %s for %s says %q", fn, target, said)
			}
		}
	}
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

// exampleOf is the block of a target as the provider's hints write it.
func exampleOf(t *testing.T, p providers.Provider) *manifest.Node {
	t.Helper()
	example := cmp.Or(p.Blocks.Example, "{provider: "+p.Name+"}")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, manifest.FileName), []byte("service: shop\ntargets:\n  it: "+example+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := manifest.LoadPlace(manifest.Options{Dir: dir, Target: "it", Providers: map[string]manifest.Blocks{p.Name: p.Blocks}})
	if err != nil {
		t.Fatal(err)
	}
	return m.Target.Config
}

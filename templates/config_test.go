package templates

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

func TestAShimKnowsItsExportAndWhatANativeContextSaysOfTheFunction(t *testing.T) {
	t.Parallel()
	fn := manifest.Function{
		Name: "shelf", Runtime: "nodejs24", Style: manifest.StyleLambda, Handler: "lib/shelf.js:run", Payload: "1.0",
		Memory: 512 * manifest.MB, Timeout: manifest.Duration(1500 * time.Millisecond),
	}
	want := `{"handler":"lib/shelf.js:run","export":"run","events":false,"http":null,"health":"","payload":"1.0","function":"shelf","memory":512,"timeout":1.5}`
	if diff := cmp.Diff(want, string(encode(configOf(fn, Target{Name: "local"})))); diff != "" {
		t.Error(diff)
	}
	fn.Style, fn.Payload = manifest.StyleFetch, ""
	small := encode(configOf(fn, Target{Name: "local"}))
	fn.Memory, fn.Name, fn.Timeout = manifest.GB, "other", 0
	if diff := cmp.Diff(string(small), string(encode(configOf(fn, Target{Name: "local"})))); diff != "" {
		t.Errorf("a package depends on what its handler is not told: %s", diff)
	}
}

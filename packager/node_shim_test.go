package packager

import (
	"bytes"
	"compress/flate"
	"context"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestTheShimOfFetchOnAWSIsSmallAndLoadsNoServer(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.mjs", "export default { fetch: () => new Response() };\n")
	pl := packagertest.Local("nodejs22")
	pl.Shim, pl.OS, pl.AnswersCORS = "aws", "linux", true
	p := &Packager{Root: root, Cache: t.TempDir()}
	a, err := p.Build(context.Background(), served(packagertest.Node("app.mjs")), pl)
	if err != nil {
		t.Fatal(err)
	}
	_, shim, _ := strings.Cut(contents(t, a)["ferry-entry.mjs"], "\n\n") // behind the function's own configuration
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(shim)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d in the package", len(shim), packed.Len())
	if packed.Len() > 8<<10 {
		t.Errorf("the shim takes %d bytes in the package", packed.Len())
	}
	if strings.Contains(shim, `from"node:http"`) {
		t.Error("the shim loads a server that it does not need")
	}
}

func TestAShimBesideSourcesIsAsItWasWritten(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.mjs", "export default { fetch: () => new Response() };\n")
	fn := served(packagertest.Node("app.mjs"))
	fn.Build.Bundle = new(false)
	a, err := (&Packager{Root: root, Cache: t.TempDir()}).Build(context.Background(), fn, packagertest.Local("nodejs22"))
	if err != nil {
		t.Fatal(err)
	}
	packagertest.Contains(t, contents(t, a)["ferry-entry.mjs"], "// An exchange is a request and its answer")
}

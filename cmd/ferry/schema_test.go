package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/cmd"
	"github.com/ferryfn/ferry/providers/all"
)

var update = flag.Bool("update", false, "write the schema anew")

func TestTheSchemaInTheDocsIsWhatFerryPrints(t *testing.T) {
	var out, errs bytes.Buffer
	code := cmd.Main(t.Context(), cmd.Invocation{
		Args: []string{"schema"}, Dir: t.TempDir(), Providers: all.Providers, Now: time.Now,
		Streams: cmd.Streams{In: strings.NewReader(""), Out: cmd.Output{Writer: &out}, Err: cmd.Output{Writer: &errs}},
	})
	if code != 0 {
		t.Fatalf("ferry schema exits with %d: %s", code, errs.String())
	}
	file := filepath.Join("..", "..", "docs", "manifest.schema.json")
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the tests with -update)", err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("docs/manifest.schema.json is stale (-update writes it anew):\n%s", diff)
	}
}

package packager

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestAFerryBuiltAnewFromChangedSourcesIsAnotherBuilder(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ferry")
	write := func(content string) {
		if err := os.WriteFile(program, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	version := func(v string) *debug.BuildInfo { return &debug.BuildInfo{Main: debug.Module{Version: v}} }
	before := map[string]string{}
	versions := []string{"", "(devel)", "v1.2.4-0.20261129215302-c41473b0c0de+dirty", "v1.2.3"}
	for _, v := range versions {
		before[v] = builderOf(version(v), program)
	}
	write("other")
	for _, v := range versions {
		if same, released := builderOf(version(v), program) == before[v], v == "v1.2.3"; same != released {
			t.Errorf("version %q: the same builder: %t", v, same)
		}
	}
	if builderOf(nil, program) == builderOf(version("v1.2.3"), program) {
		t.Error("a program without build information counts as a release")
	}
}

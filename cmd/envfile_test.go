package cmd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

func TestAFileOfVariablesIsReadAsShellsAndOtherToolsWriteIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dev.env")
	text := "# a comment\n\nA=1\nexport B = two words # said so\nC=\"three\\n\\\"x\\\" # no comment\"\nD='$raw\\n'\nE=\nF=a=b\r\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readEnvFile(file)
	want := givenEnv{"A": "1", "B": "two words", "C": "three\n\"x\" # no comment", "D": `$raw\n`, "E": "", "F": "a=b"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestGivenVariablesStandInForThoseOfTheManifestAndItsSecretsAndAreMasked(t *testing.T) {
	fn := manifest.Function{Env: map[string]string{"A": "old", "B": "kept"}, Secrets: map[string]string{"C": "c", "D": "d"}, Masked: []string{"B"}}
	givenEnv{"A": "new", "C": "value"}.giveTo(&fn)
	want := manifest.Function{Env: map[string]string{"A": "new", "B": "kept", "C": "value"}, Secrets: map[string]string{"D": "d"}, Masked: []string{"A", "B", "C"}}
	if diff := cmp.Diff(want, fn); diff != "" {
		t.Error(diff)
	}
}

package examples_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/gcptest"
)

// onGoogle deploys the same example to a project of the stand-in for Google: its manifest gets a target, and nothing else.
func (d *deployed) onGoogle() *deployed {
	d.Helper()
	cloud := gcptest.New(d.T)
	cloud.AddRepository("ferry")
	for _, base := range []string{"google-22/runtimes/nodejs22", "google-24/runtimes/nodejs24", "google-22/runtimes/python313", "google-22/runtimes/python311", "google-24/runtimes/osonly24"} {
		cloud.BaseImage(base, "1")
	}
	for _, variable := range cloud.Env() {
		name, value, _ := strings.Cut(variable, "=")
		d.Setenv(name, value)
	}
	file := filepath.Join(d.dir, "ferry.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		d.Fatal(err)
	}
	target := "  gcp: {provider: gcp, region: " + gcptest.Region + ", repository: " + cloud.Registry() + "/" + gcptest.Project + "/ferry}\n"
	edited := strings.Replace(string(text), "\ntargets:\n", "\ntargets:\n"+target, 1)
	if edited == string(text) {
		edited += "targets:\n  local: {provider: local}\n" + target
	}
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		d.Fatal(err)
	}
	there := &deployed{T: d.T, dir: d.dir, home: d.home, urls: map[string]string{}}
	there.ferry("deploy", "-t", "gcp")
	return there
}

func TestThreeRuntimesAnswerOnGoogleAsTheyDoHere(t *testing.T) {
	needs(t, "node", "python3")
	here := deploy(t, "polyglot")
	there := here.onGoogle()
	for _, function := range []string{"go", "node", "python"} {
		var answers []echo
		for _, d := range []*deployed{here, there} {
			_, body := d.request("POST", function, "/a%2Fb%20c//d?x=1&x=2&y=a;b&z=%2B", "\x00\xff binary \r\n")
			var got echo
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%s: %v in %s", function, err, body)
			}
			got.Headers = map[string]string{"content-type": got.Headers["content-type"]}
			answers = append(answers, got)
		}
		if diff := cmp.Diff(answers[0], answers[1]); diff != "" {
			t.Errorf("%s (-here +on Google):\n%s", function, diff)
		}
	}
}

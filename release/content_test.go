package release

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
)

func TestContentIsAllButWhatARepeatedJobBrings(t *testing.T) {
	record := func(change func(f *FunctionRecord)) FunctionRecord {
		f := FunctionRecord{
			Function: manifest.Function{
				Name: "api", Memory: 128 * manifest.MB, Env: map[string]string{"WORD": "a", "TOKEN": "1", "COMMIT": "1"},
				Secrets: map[string]string{"KEY": "key"}, Masked: []string{"TOKEN"}, Varying: []string{"env.COMMIT", "env.TOKEN"},
			},
			Secrets: map[string]string{"KEY": "key:1"}, Artifact: packager.Description{Digest: "sha256:1", ZipDigest: "sha256:a"},
		}
		change(&f)
		return f
	}
	was := record(func(*FunctionRecord) {}).content()
	for what, change := range map[string]func(f *FunctionRecord){
		"the version of a secret":    func(f *FunctionRecord) { f.Secrets = map[string]string{"KEY": "key:2"} },
		"a token":                    func(f *FunctionRecord) { f.Function.Env["TOKEN"] = "2" },
		"a commit":                   func(f *FunctionRecord) { f.Function.Env["COMMIT"] = "2" },
		"how the same files are zip": func(f *FunctionRecord) { f.Artifact.ZipDigest = "sha256:b" },
	} {
		if record(change).content() != was {
			t.Errorf("%s makes it another", what)
		}
	}
	for what, change := range map[string]func(f *FunctionRecord){
		"a file":                  func(f *FunctionRecord) { f.Artifact.Digest = "sha256:2" },
		"a word":                  func(f *FunctionRecord) { f.Function.Env["WORD"] = "b" },
		"another variable":        func(f *FunctionRecord) { f.Function.Env["MORE"] = "" },
		"a variable less":         func(f *FunctionRecord) { delete(f.Function.Env, "TOKEN") },
		"the memory":              func(f *FunctionRecord) { f.Function.Memory *= 2 },
		"the secret":              func(f *FunctionRecord) { f.Function.Secrets["KEY"] = "other" },
		"a token that is written": func(f *FunctionRecord) { f.Function.Masked, f.Function.Varying = nil, []string{"env.COMMIT"} },
	} {
		if record(change).content() == was {
			t.Errorf("%s makes it no other", what)
		}
	}
	before := record(func(f *FunctionRecord) { f.Function.Varying = nil })
	after := record(func(f *FunctionRecord) { f.Function.Varying, f.Function.Env["TOKEN"] = nil, "2" })
	if before.content() != after.content() {
		t.Error("of an older record the masked variables are not left out")
	}
}

func TestTheNewestHoldsAreKept(t *testing.T) {
	at := func(n int) map[string]FunctionRecord {
		return map[string]FunctionRecord{"api": {Artifact: packager.Description{Digest: fmt.Sprint(n)}}}
	}
	var held []Hold
	for n := range 2 * holdsLen {
		held = hold(held, Hold{Release: n}, at(n), at(-1))
	}
	if len(held) != holdsLen || held[0].Release != holdsLen || held[holdsLen-1].Release != 2*holdsLen-1 {
		t.Errorf("%d holds are kept, from release %d on", len(held), held[0].Release)
	}
}

func TestAReleaseWritesDownWhatIsKnownOfAPackageAndNotWhereItLies(t *testing.T) {
	known := packager.Description{Digest: "sha256:1", ZipDigest: "sha256:a", Size: 3, Unzipped: 9, Files: 2, Entry: "run"}
	f := recordOf(manifest.Function{Name: "api"}, nil, packager.Artifact{Path: "/tmp/api.zip", Description: known, Cached: true}.Description)
	written, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	want := `"artifact":{"digest":"sha256:1","zip_digest":"sha256:a","size":3,"unzipped":9,"files":2,"entry":"run"}`
	if !strings.Contains(string(written), want) {
		t.Errorf("written is %s", written)
	}
	var read FunctionRecord
	if err := json.Unmarshal(written, &read); err != nil || !reflect.DeepEqual(read.spec().Artifact, packager.Artifact{Description: known}) {
		t.Errorf("read is %+v, %v", read.spec().Artifact, err)
	}
}

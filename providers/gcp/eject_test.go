package gcp

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// set is a function with every setting, where %s is more of its own block.
const set = `{
	"name": "all", "source": "a", "handler": "app.mjs", "runtime": "nodejs22", "style": "fetch", "memory": "1GB", "timeout": "10s",
	"env": {"WORD": "a \"b\" ${c} %{d}\n\\e"}, "secrets": {"KEY": "one"},
	"events": [
		{"http": {"path": "/items/{id}", "methods": ["GET"], "auth": "public", "cors": {"origins": ["https://a.example"]}}},
		{"schedule": {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}},
		{"queue": {"name": "orders", "batch": 1, "attempts": 7, "backoff": "20s"}},
		{"topic": {"name": "signups"}},
		{"object": {"bucket": "uploads", "on": ["created"], "prefix": "raw/", "suffix": ".jpg"}}
	],
	"scaling": {"min": 1, "max": 5, "concurrency": 10},
	"config": {
		"via": "run", "service_account": "", "build_service_account": "", "roles": ["roles/datastore.user"], "base_image": "", "cpu": "1", "ingress": "internal",
		"vpc_connector": "", "network": "default", "subnet": "one", "egress": "all-traffic", "labels": {"team": "a"}, "resources": {"orders": "orders"}
	}
}`

// wholly is the function with other texts in place of some.
func wholly(t *testing.T, pairs ...string) manifest.Function {
	t.Helper()
	var fn manifest.Function
	if err := json.Unmarshal([]byte(strings.NewReplacer(pairs...).Replace(set)), &fn); err != nil {
		t.Fatal(err)
	}
	return fn
}

func ejected(t *testing.T, functions ...manifest.Function) (providers.Ejection, string) {
	t.Helper()
	node := new(manifest.Node)
	if err := json.Unmarshal([]byte(`{"project": "my-project", "region": "europe-west1"}`), node); err != nil {
		t.Fatal(err)
	}
	a, err := New(providers.Config{Service: "shop", Stage: "dev", Target: "gcp", Block: node, Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	var specs []providers.Spec
	for _, fn := range functions {
		secrets := map[string]string{}
		for variable, secret := range fn.Secrets {
			secrets[variable] = "projects/my-project/secrets/" + secret + "/versions/3"
		}
		specs = append(specs, providers.Spec{Function: fn, Secrets: secrets, Artifact: packager.Artifact{Description: packager.Description{Entry: "ferry-entry.mjs", ZipDigest: "sha256:0123456789abcdef"}}})
	}
	e, err := a.(providers.Ejector).Eject(specs)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		all.WriteString("# " + name + "\n" + string(e.Files[name]))
	}
	return e, all.String()
}

func TestWhatIsSaidToStandInTheFilesOfTerraformStandsThere(t *testing.T) {
	other := map[string][2]string{
		"runtime": {`"nodejs22"`, `"nodejs24"`}, "memory": {`"1GB"`, `"2GB"`}, "timeout": {`"10s"`, `"11s"`}, "env": {`"WORD"`, `"WORDS"`}, "secrets": {`"one"}`, `"two"}`},
		"scaling.min": {`"min": 1`, `"min": 2`}, "scaling.max": {`"max": 5`, `"max": 6`}, "scaling.concurrency": {`cy": 10`, `cy": 20`},
		"events[].http.auth": {`"public"`, `"private"`}, "events[].schedule.cron": {`0 3 * * *`, `0 4 * * *`}, "events[].schedule.timezone": {"Berlin", "Paris"},
		"events[].queue.name": {`"name": "orders"`, `"name": "others"`}, "events[].queue.attempts": {`pts": 7`, `pts": 8`}, "events[].queue.backoff": {`"20s"`, `"30s"`},
		"events[].topic.name": {`"signups"`, `"others"`}, "events[].object.bucket": {`"uploads"`, `"others"`}, "events[].object.on": {`["created"]`, `["deleted"]`},
		"events[].object.prefix": {`raw/`, `cooked/`}, "events[].object.suffix": {`.jpg`, `.png`},
		"config.via": {`"run"`, `"functions"`}, "config.service_account": {`"service_account": ""`, `"service_account": "a@my-project.iam.gserviceaccount.com"`},
		"config.roles": {`datastore.user`, `datastore.viewer`}, "config.base_image": {`"base_image": ""`, `"base_image": "debian"`}, "config.cpu": {`"cpu": "1"`, `"cpu": "2"`},
		"config.ingress": {`"internal"`, `"all"`}, "config.vpc_connector": {`"vpc_connector": ""`, `"vpc_connector": "a"`}, "config.network": {`"default"`, `"other"`},
		"config.subnet": {`"one",`, `"two",`}, "config.egress": {`all-traffic`, `private-ranges-only`}, "config.labels": {`"team"`, `"group"`},
		"config.resources": {`{"orders": "orders"}`, `{"orders": "others"}`},
		// What is kept by the package, or cannot be said.
		"events[].http.path": {`/items/`, `/things/`}, "events[].http.methods": {`"GET"`, `"POST"`}, "events[].http.cors": {`https://a`, `https://b`}, "events[].queue.batch": {`batch": 1`, `batch": 2`},
	}
	e, was := ejected(t, wholly(t))
	for _, setting := range slices.Sorted(maps.Keys(other)) {
		var said providers.Said
		for _, s := range e.Said {
			if (setting == s.Setting || strings.HasPrefix(setting, s.Setting+".")) && len(s.Setting) > len(said.Setting) {
				said = s
			}
		}
		stands := said.To != "" && !strings.HasPrefix(said.To, "the package")
		if _, is := ejected(t, wholly(t, other[setting][0], other[setting][1])); stands == (was == is) {
			t.Errorf("%s: said to stand in %q, left out for %q, and changing it changes nothing: %t", setting, said.To, said.Reason, was == is)
		}
	}
	for _, s := range e.Said {
		_, tried := other[s.Setting]
		if within := slices.ContainsFunc(slices.Collect(maps.Keys(other)), func(o string) bool { return strings.HasPrefix(o, s.Setting+".") }); s.To != "" && !tried && !within && !strings.HasPrefix(s.Setting, "target.") && s.Setting != "config.build_service_account" {
			t.Errorf("%s is said to stand in %s, and nobody looks", s.Setting, s.To)
		}
	}
}

func TestWhatIsEjectedFitsTheSchemaOfTerraformsProvider(t *testing.T) {
	python, err := exec.LookPath("terraform-python") // one that has both
	if err != nil {
		t.Skip("needs terraform-python: a Python with python-hcl2 and cdktf-cdktf-provider-google, as .ci/run makes one")
	}
	t.Parallel()
	built := wholly(t, `"run"`, `"functions"`, `"name": "all"`, `"name": "built"`, `"public"`, `"private"`)
	connected := wholly(t, `"name": "all"`, `"name": "connected"`, `"network": "default", "subnet": "one"`, `"vpc_connector": "c"`, `"vpc_connector": "", `, ``)
	e, _ := ejected(t, wholly(t), built, connected)
	look := func(text []byte) string {
		file := filepath.Join(t.TempDir(), "main.tf")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), python, "testdata/terraform.py", file).CombinedOutput()
		if err != nil {
			return err.Error() + "\n" + string(out)
		}
		return strings.TrimSpace(string(out))
	}
	if says := look(e.Files["main.tf"]); !strings.HasSuffix(says, " blocks") || strings.Contains(says, "\n") {
		t.Errorf("%s", says)
	}
	small := "resource \"google_pubsub_topic\" \"a\" {\n  names = \"a\"\n}\n"
	if says := look([]byte(small)); !strings.Contains(says, "names is unknown") || !strings.Contains(says, "name is missing") {
		t.Errorf("a wrong name passes: %s", says)
	}
	if len(e.Said) != len(said())+3 {
		t.Error("that a network cannot be said of what is built is not named")
	}
}

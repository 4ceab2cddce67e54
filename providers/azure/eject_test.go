package azure

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
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

// set is a function with every setting.
const set = `{
	"name": "all", "source": ".", "handler": "app.mjs", "runtime": "nodejs22", "style": "fetch", "memory": "2GB", "timeout": "10s",
	"env": {"WORD": "a"}, "secrets": {"KEY": "one"},
	"events": [
		{"http": {"auth": "public"}}, {"schedule": {"cron": "0 3 * * *", "timezone": "UTC"}}, {"queue": {"name": "orders", "batch": 1}},
		{"topic": {"name": "signups"}}, {"object": {"bucket": "uploads", "on": ["created"], "prefix": "raw/", "suffix": ".jpg"}}
	],
	"scaling": {"min": 1, "max": 50, "concurrency": 10},
	"config": {
		"always_ready": null, "roles": [{"role": "Storage Blob Data Reader", "scope": "/subscriptions/one"}], "identity": "", "service_bus": "", "resources": {"signups": "signups"}, "tags": {"team": "a"}
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

// unasked is an adapter whose cloud nobody asked anything.
func unasked(t *testing.T) *Adapter {
	t.Helper()
	return newAdapter(t, func(string) (string, bool) { return "", false }, "shop", "dev", `{"subscription": "00000000-0000-0000-0000-000000000001", "resource_group": "shop", "location": "westeurope", "key_vault": "keys"}`)
}

// built is the package of the function.
func built(t *testing.T) packager.Artifact {
	t.Helper()
	dir, fn := t.TempDir(), wholly(t)
	app := "export default { fetch() { return new Response('one') } }\n"
	if err := os.WriteFile(filepath.Join(dir, "app.mjs"), []byte(app), 0o600); err != nil {
		t.Fatal(err)
	}
	artifact, err := (&packager.Packager{Root: dir, Cache: t.TempDir()}).Build(t.Context(), fn, unasked(t).Platform(fn))
	if err != nil {
		t.Fatal(err)
	}
	return artifact
}

func ejected(t *testing.T, artifact packager.Artifact, pairs ...string) (providers.Ejection, string) {
	t.Helper()
	fn := wholly(t, pairs...)
	secrets := map[string]string{}
	for variable, secret := range fn.Secrets {
		secrets[variable] = "https://keys.vault.azure.net/secrets/" + secret + "/3"
	}
	e, err := unasked(t).Eject([]providers.Spec{{Function: fn, Secrets: secrets, Artifact: artifact, Digest: "sha256:" + strings.Repeat("0", 64)}})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(e.Steps, "\n")
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		all += "\n# " + name + "\n" + string(e.Files[name])
	}
	return e, all
}

func TestWhatIsSaidToStandInATemplateOfAzureStandsThere(t *testing.T) {
	artifact := built(t)
	e, was := ejected(t, artifact)
	for setting, other := range map[string][2]string{
		"runtime": {"nodejs22", "nodejs24"}, "memory": {`"2GB"`, `"4GB"`}, "secrets": {`"one"}`, `"two"}`}, "scaling.min": {`"min": 1`, `"min": 2`},
		"scaling.max": {`"max": 50`, `"max": 60`}, "scaling.concurrency": {`cy": 10`, `cy": 20`}, "events[].topic.name": {`"name": "signups"`, `"name": "others"`},
		"events[].object.bucket": {`"uploads"`, `"others"`}, "events[].object.prefix": {`raw/`, `cooked/`}, "events[].object.suffix": {`.jpg`, `.png`},
		"config.always_ready": {`"always_ready": null`, `"always_ready": {"http": 5}`}, "config.roles": {`Blob Data Reader`, `Queue Data Reader`},
		"config.identity":    {`"identity": ""`, `"identity": "/subscriptions/one/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"`},
		"config.service_bus": {`"service_bus": ""`, `"service_bus": "bus"`}, "config.resources": {`{"signups": "signups"}`, `{"signups": "others"}`}, "config.tags": {`"team"`, `"group"`},
	} {
		if _, is := ejected(t, artifact, other[0], other[1]); was == is {
			t.Errorf("changing %s changes nothing", setting)
		}
	}
	packed, err := e.Packages[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(packed)
	if err != nil || packed.Close() != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Open("host.json"); err != nil {
		t.Errorf("the package is none of Azure's: %v", err)
	}
	if strings.Contains(was, "hidden") || !strings.Contains(was, "@Microsoft.KeyVault(SecretUri=https://keys.vault.azure.net/secrets/one/3)") {
		t.Errorf("a secret is no reference:\n%s", was)
	}
}

func TestWhatIsEjectedFitsTheDefinitionsOfMicrosoftsClients(t *testing.T) {
	python, err := exec.LookPath("azure-python") // one that has them
	if err != nil {
		t.Skip("needs azure-python: a Python with azure-mgmt-web and azure-mgmt-storage, as .ci/run makes one")
	}
	t.Parallel()
	e, _ := ejected(t, packager.Artifact{}, `{"queue": {"name": "orders", "batch": 1}},`, ``, `, {"object": {"bucket": "uploads", "on": ["created"], "prefix": "raw/", "suffix": ".jpg"}}`, ``)
	look := func(text []byte) string {
		file := filepath.Join(t.TempDir(), "template.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), python, "testdata/arm.py", file).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if says := look(e.Files["template.json"]); says != "3 resources" {
		t.Errorf("%s", says)
	}
	if says := look(bytes.Replace(e.Files["template.json"], []byte("maximumInstanceCount"), []byte("maxInstanceCount"), 1)); !strings.Contains(says, "maxInstanceCount is unknown") {
		t.Errorf("a wrong name passes: %s", says)
	}
}

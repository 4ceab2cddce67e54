package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// printed is the resolved manifest as text.
func printed(t *testing.T, m *Manifest, functions ...string) string {
	t.Helper()
	text, err := m.Resolved(functions...).YAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAPrintedManifestIsReadAsTheSameService(t *testing.T) {
	files, _ := filepath.Glob("testdata/good/*.yaml")
	for _, file := range files {
		for _, choice := range choices(file) {
			o := options(file)
			o.Stage, o.Target = choice[0], choice[1]
			o.Env = environment(map[string]string{"TOKEN": "t0ken", "ACCOUNT": "012345678901"})
			o.Git = func(string) (string, error) { return "abc123", nil }
			m := load(t, o)
			text := printed(t, m)
			if strings.Contains(text, "t0ken") || strings.Contains(text, "012345678901") {
				t.Errorf("%s: what the environment gave is printed:\n%s", file, text)
			}
			whole := strings.ReplaceAll(text, "retention: •••", "retention: 14") // a number cannot be read back when it is hidden
			again := load(t, beside(t, file, whole))
			for i := range m.Functions {
				for _, name := range m.Functions[i].Masked {
					m.Functions[i].Env[name] = Hidden
				}
				m.Functions[i].Masked, m.Functions[i].Varying = nil, nil
			}
			if diff := cmp.Diff(m.Functions, again.Functions); diff != "" {
				t.Errorf("%s for %v is read as another service:\n%s\n%s", file, choice, diff, text)
			}
			if again.Service != m.Service || again.Target.Name != m.Target.Name || again.Releases != m.Releases {
				t.Errorf("%s for %v: %+v, want %+v", file, choice, again, m)
			}
		}
	}
}

// beside writes a manifest beside another one, so that it finds the same sources.
func beside(t *testing.T, file, text string) Options {
	t.Helper()
	f, err := os.CreateTemp(filepath.Dir(file), "printed-*.tmp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return options(f.Name())
}

func TestAPrintedManifestHasNothingLeftToResolve(t *testing.T) {
	o := folder(t, `service: shop
defaults: {runtime: nodejs22, handler: app.js, env: {LEVEL: info, STAGE: "${stage}"}}
functions:
  api:
    env: {TOKEN: "${env:TOKEN}", PLAIN: "$${x}", NUMBER: 1, YES: "yes", NOTHING: ""}
    secrets: {KEY: stripe-key}
    events: [http: {path: /}]
    build: {command: "curl -H ${env:TOKEN} https://example.com"}
    aws: {layers: ["${env:TOKEN}"]}
  web: {}
targets:
  aws: {provider: aws, region: eu-west-1, account: "${env:ACCOUNT}", disk: 1GB}
stages:
  prod: {defaults: {env: {LEVEL: warn}}, functions: {api: {scaling: {min: 1}}}}
`)
	o.Stage, o.Target = "prod", "aws"
	o.Env = environment(map[string]string{"TOKEN": "t0ken", "ACCOUNT": "012345678901"})
	want := `service: shop
default_target: aws
functions:
  api:
    source: .
    handler: app.js
    runtime: nodejs22
    style: fetch
    memory: 256MB
    timeout: 30s
    env:
      LEVEL: warn
      NOTHING: ''
      NUMBER: '1'
      PLAIN: $${x}
      STAGE: prod
      TOKEN: •••
      YES: yes
    secrets:
      KEY: stripe-key
    events:
    - http:
        auth: public
        path: /
    scaling:
      min: 1
    build:
      command: •••
    aws:
      disk: 1GB
      layers:
      - •••
targets:
  aws:
    provider: aws
    region: eu-west-1
    account: •••
    disk: 1GB
releases:
  archive: 100
  keep: 20
`
	if diff := cmp.Diff(want, printed(t, load(t, o), "api")); diff != "" {
		t.Error(diff)
	}
}

package eject_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate/eject"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/all"
	"github.com/ferryfn/ferry/release"
)

const text = `service: shop
releases: {keep: 5}
functions:
  api:
    runtime: nodejs22
    handler: app.mjs
    style: fetch
    memory: 2GB
    timeout: 20s
    env: {WORD: one, OTHER: two}
    scaling: {min: 1, max: 50, concurrency: 10}
    health: {path: /healthz, status: 204, timeout: 3s}
    build: {command: "true", bundle: true, source_maps: false, include: ["*.txt"], exclude: ["y/*"]}
    events:
      - http: {path: "/{rest...}", methods: [GET], auth: private, cors: {origins: ["https://a.example"], methods: [GET], headers: [x-a], max_age: 10m, credentials: true}}
      - schedule: {cron: "0 3 * * *"}
      - queue: {name: orders, attempts: 6, backoff: 12s}
      - topic: {name: signups}
      - object: {bucket: uploads, on: [created, deleted], prefix: raw/, suffix: .jpg}
    aws:
      {policies: ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"], layers: ["arn:aws:lambda:eu-west-1:580247275435:layer:Insights:1"], ephemeral_storage: 1GB,
       tracing: active, dead_letter: "arn:aws:sqs:eu-west-1:123456789012:dead", vpc: {subnets: [subnet-1], security_groups: [sg-1]}, response_stream: true,
       log_retention: 90, tags: {team: a}, resources: {signups: other}}
    gcp: {via: run, roles: [roles/datastore.user], cpu: "1", ingress: internal, network: default, subnet: one, egress: all-traffic, labels: {team: a}, resources: {signups: other}}
    azure: {roles: [{role: Reader, scope: /subscriptions/one}], tags: {team: a}, resources: {signups: other}}
targets:
  aws: {provider: aws, region: eu-west-1, account: "123456789012", bucket: packages, log_retention: 60}
  gcp: {provider: gcp, project: my-project, region: europe-west1, bucket: packages}
  azure: {provider: azure, subscription: 00000000-0000-0000-0000-000000000001, resource_group: shop, location: westeurope, log_retention: 60}
`

// service is the project on one target.
func service(t *testing.T, target string) (*manifest.Manifest, *release.Engine) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"ferry.yaml": text, "app.mjs": "export default { fetch() { return new Response('one') } }\n", "a.txt": "a"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := map[string]manifest.Blocks{}
	for _, p := range all.Providers() {
		blocks[p.Name] = p.Blocks
	}
	nothing := func(string) (string, bool) { return "", false }
	m, err := manifest.Load(manifest.Options{Dir: dir, Target: target, Env: nothing, Providers: blocks})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all.Providers(), func(p providers.Provider) bool { return p.Name == target })
	a, err := all.Providers()[at].New(providers.Config{Service: m.Service, Stage: m.Stage, Target: target, Block: m.Target.Config, Env: nothing})
	if err != nil {
		t.Fatal(err)
	}
	return m, &release.Engine{Manifest: m, Adapter: a, Packager: &packager.Packager{Root: dir, Cache: t.TempDir()}}
}

func TestEverySettingOfAManifestIsInTheFilesOrNamedWithItsReason(t *testing.T) {
	for _, target := range []string{"aws", "gcp", "azure"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			m, engine := service(t, target)
			specs, _, err := engine.Specs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ejector, _ := providers.As[providers.Ejector](engine.Adapter)
			dir := filepath.Join(t.TempDir(), "native")
			r, err := eject.Write(dir, m, ejector, specs)
			if err != nil {
				t.Fatal(err)
			}
			if r.Settings < 40 || len(r.Mapped)+len(r.Unmapped) != r.Settings {
				t.Errorf("of %d settings %d are in the files and %d are named", r.Settings, len(r.Mapped), len(r.Unmapped))
			}
			for _, u := range r.Unmapped {
				if strings.HasPrefix(u.Reason, "ferry does not say it") {
					t.Errorf("nobody says what becomes of %s", u.Path)
				}
			}
			for _, file := range append(r.Files, "README.md") {
				if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
					t.Error(err)
				}
			}
			if _, err := eject.Write(dir, m, ejector, specs); !errors.Is(err, fs.ErrExist) {
				t.Errorf("a folder that holds something is written to: %v", err)
			}
		})
	}
}

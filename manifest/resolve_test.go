package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const layered = `service: layers
defaults: {runtime: nodejs22, handler: app.js, memory: 1MB, timeout: 1s, env: {A: defaults, B: defaults, C: defaults, D: defaults}}
functions:
  fn: {memory: 3MB, timeout: 3s, env: {B: function, C: function, D: null}, build: {exclude: [a, b]}}
stages:
  prod:
    defaults: {memory: 2MB, timeout: 2s, env: {A: stage, B: stage, C: stage, D: stage}}
    functions:
      fn: {memory: 4MB, env: {C: stage function}, build: {exclude: [c]}}
`

func TestTheStageFunctionOutranksTheFunctionTheStageAndTheDefaults(t *testing.T) {
	o := folder(t, layered)
	for stage, want := range map[string]Function{
		"":     {Memory: 3 * MB, Timeout: Duration(3e9), Env: map[string]string{"A": "defaults", "B": "function", "C": "function"}, Build: Build{Exclude: []string{"a", "b"}}},
		"prod": {Memory: 4 * MB, Timeout: Duration(3e9), Env: map[string]string{"A": "stage", "B": "function", "C": "stage function"}, Build: Build{Exclude: []string{"c"}}},
	} {
		o.Stage = stage
		fn, ok := load(t, o).Function("fn")
		want.Name, want.Source, want.Handler, want.Runtime, want.Style = "fn", ".", "app.js", "nodejs22", StyleFetch
		if diff := cmp.Diff(want, fn); !ok || diff != "" {
			t.Errorf("stage %q (-want +got):\n%s", stage, diff)
		}
	}
}

func TestAFieldIsLocatedWhereItsValueIsWritten(t *testing.T) {
	o := folder(t, layered)
	o.Stage = "prod"
	m := load(t, o)
	for field, want := range map[string]string{
		"memory":             "9:20",
		"timeout":            "4:30",
		"env.A":              "7:51",
		"env.C":              "9:34",
		"env.nothing":        "9:25",
		"build.exclude[0]":   "9:69",
		"build.exclude[5]":   "9:59",
		"runtime":            "2:21",
		"scaling.max":        "4:3",
		"events[0].http":     "4:3",
		"":                   "4:3",
		"env":                "9:25",
		"handler.deeper[0].": "2:40",
	} {
		p := m.Locate("fn", field)
		if got := fmt.Sprintf("%d:%d", p.Line, p.Column); got != want || p.File != m.File || p.Source == "" {
			t.Errorf("%q is located at %s in %q, want %s", field, got, p.File, want)
		}
	}
	if p := m.Locate("nobody", "memory"); p.File != m.File {
		t.Errorf("an unknown function is located at %v", p)
	}
	if p := (&Manifest{File: "f"}).Locate("fn", "memory"); p != (Position{File: "f"}) {
		t.Errorf("without a tree it is located at %v", p)
	}
}

func TestOnlyWhatIsUsedIsInterpolated(t *testing.T) {
	o := folder(t, `service: lazy
functions:
  fn: {runtime: nodejs22, handler: app.js, env: {A: "${env:HERE}"}, aws: {layers: ["${env:AWS_ONLY}"]}}
targets:
  aws: {provider: aws, region: "${env:REGION}"}
stages:
  prod: {defaults: {env: {A: "${env:PROD_ONLY}"}}, functions: {fn: {env: {A: "${env:PROD_ONLY}"}}}}
`)
	o.Env = environment(map[string]string{"HERE": "here"})
	if fn := load(t, o).Functions[0]; fn.Env["A"] != "here" || !cmp.Equal(fn.Masked, []string{"A"}) || fn.Config != nil {
		t.Errorf("got %+v", fn)
	}
	o.Target = "aws"
	got := problems(t, o).Error()
	if strings.Count(got, "is not set") != 2 || !strings.Contains(got, "AWS_ONLY") || !strings.Contains(got, "REGION") {
		t.Errorf("for aws: %s", got)
	}
	o.Target, o.Stage = "", "prod"
	if got := problems(t, o); len(got) != 1 || got[0].Line != 7 || got[0].Field != "functions.fn.env.A" {
		t.Errorf("for prod: %+v", got)
	}
}

func TestTheFieldsWhoseValuesVaryAreNamed(t *testing.T) {
	o := folder(t, `service: varying
defaults: {env: {COMMIT: "at ${git:sha}", STAGE: "${stage}", PLAIN: x}}
functions:
  fn:
    runtime: nodejs22
    handler: app.js
    memory: ${env:MEMORY:-512MB}
    events:
      - schedule: {cron: "0 3 * * *"}
      - http: {path: /, methods: [GET, "${env:METHOD:-PUT}"]}
    env: {TOKEN: "${env:TOKEN:-none}"}
    aws: {layers: [one, "${env:LAYER:-two}"]}
  plain: {runtime: nodejs22, handler: app.js, env: {COMMIT: null}}
targets:
  aws: {provider: aws, region: eu-west-1}
`)
	o.Git, o.Target = func(string) (string, error) { return "sha", nil }, "aws"
	m := load(t, o)
	want := []string{"config.layers[1]", "env.COMMIT", "env.TOKEN", "events[1].http.methods[1]", "memory"}
	if diff := cmp.Diff(want, m.Functions[0].Varying); diff != "" {
		t.Error(diff)
	}
	if len(m.Functions[1].Varying) > 0 {
		t.Errorf("a function that is the same everywhere varies in %v", m.Functions[1].Varying)
	}
}

func TestInterpolationTakesEveryForm(t *testing.T) {
	o := folder(t, `service: forms
functions:
  fn:
    runtime: ${env:RUNTIME}
    handler: app.js
    memory: ${env:MEMORY:-512MB}
    scaling: {max: "${env:MAX}"}
    build: {bundle: "${env:BUNDLE}"}
    env:
      ALL: ${service}-${stage}-${target}-${git:sha}
      EMPTY: x${env:EMPTY}x
      DEFAULT: ${env:EMPTY:-a:-b}
      NONE: ${env:NOWHERE:-}
      ESCAPED: $${service} $$${stage} $ $$
`)
	o.Env = environment(map[string]string{"RUNTIME": "nodejs20", "MAX": "7", "BUNDLE": "false", "EMPTY": ""})
	calls := 0
	o.Git = func(dir string) (string, error) {
		calls++
		return "sha", nil
	}
	fn := load(t, o).Functions[0]
	want := map[string]string{
		"ALL": "forms-dev-local-sha", "EMPTY": "xx", "DEFAULT": "a:-b", "NONE": "", "ESCAPED": "${service} $${stage} $ $$",
	}
	if diff := cmp.Diff(want, fn.Env); diff != "" {
		t.Error(diff)
	}
	if fn.Runtime != "nodejs20" || fn.Memory != 512*MB || fn.Scaling.Max != 7 || *fn.Build.Bundle || calls != 1 {
		t.Errorf("got %+v after %d calls of git", fn, calls)
	}
	if diff := cmp.Diff([]string{"DEFAULT", "EMPTY", "NONE"}, fn.Masked); diff != "" {
		t.Error(diff)
	}
	o.Git = func(string) (string, error) { return "", errors.New("no commit yet") }
	if ps := problems(t, o); !strings.Contains(ps[0].Message, "no commit yet") {
		t.Errorf("got %v", ps)
	}
}

func TestAChoiceThatDoesNotExistListsThoseThatDo(t *testing.T) {
	o := folder(t, layered+"targets: {aws: {provider: aws}}\n")
	o.Stage, o.Target = "staging", "gcp"
	ps := problems(t, o)
	if len(ps) != 2 || !strings.Contains(ps[0].Hint, "dev, prod") || !strings.Contains(ps[1].Hint, "aws, local") {
		t.Errorf("got %+v", ps)
	}
}

func TestAStageThatMistypesAFunctionIsToldItsName(t *testing.T) {
	o := folder(t, `service: typo
functions:
  worker: {runtime: nodejs22, handler: app.js}
stages:
  prod: {functions: {wroker: {runtime: nodejs22, memory: 1GB}}}
`)
	load(t, o)
	o.Stage = "prod"
	if ps := problems(t, o); len(ps) != 1 || ps[0].Line != 5 || !strings.Contains(ps[0].Hint, `did you mean the function "worker"?`) {
		t.Errorf("got %+v", ps)
	}
}

func TestABlockOfTheTargetsProviderMergesFromTheDefaults(t *testing.T) {
	o := folder(t, `service: blocks
default_target: aws
defaults: {runtime: nodejs22, handler: app.js, aws: {layers: [a], disk: 1GB}, gcp: {disk: 2GB}}
functions:
  fn: {aws: {layers: [b], tracing: "${env:TRACING:-true}"}}
targets: {aws: {provider: aws}}
`)
	fn := load(t, o).Functions[0]
	if got, err := json.Marshal(fn.Config); err != nil || string(got) != `{"disk":"1GB","layers":["b"],"tracing":"true"}` {
		t.Errorf("the block is %s (%v)", got, err)
	}
	var back Function
	data, _ := json.Marshal(fn)
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	var block cloudFunction
	if ps := back.Config.Decode(&block); len(ps) > 0 || block.Tracing == nil || !*block.Tracing {
		t.Errorf("from a record it decodes to %+v, %v", block, ps)
	}
}

func TestWhatATargetSaysForFunctionsIsTheirDefault(t *testing.T) {
	o := folder(t, `service: blocks
default_target: aws
defaults: {runtime: nodejs22, handler: app.js, aws: {disk: 2GB}}
functions:
  silent: {}
  own: {aws: {disk: 3GB, layers: null}}
targets:
  aws: {provider: aws, region: r, layers: [a], disk: 1GB, tracing: true}
`)
	m := load(t, o)
	for name, want := range map[string]string{
		"silent": `{"disk":"2GB","layers":["a"],"tracing":true}`,
		"own":    `{"disk":"3GB","tracing":true}`,
	} {
		fn, _ := m.Function(name)
		if got, err := json.Marshal(fn.Config); err != nil || string(got) != want {
			t.Errorf("%s: the block is %s, want %s (%v)", name, got, want, err)
		}
	}
	if p := m.Locate("silent", "aws.tracing"); p.Line != 8 {
		t.Errorf("the target's setting is located at %+v", p)
	}
}

func TestTheTargetIsLocalUnlessTheManifestOrTheCallerSaysOtherwise(t *testing.T) {
	text := layered + "targets: {aws: {provider: aws, region: r, account: \"1\"}}\n"
	for name, test := range map[string]struct{ manifest, target, want string }{
		"nothing said":       {text, "", "local local {}"},
		"no targets":         {layered, "", "local local {}"},
		"default_target":     {text + "default_target: aws\n", "", `aws aws {"account":"1","region":"r"}`},
		"the caller":         {text + "default_target: aws\n", "local", "local local {}"},
		"local is redefined": {layered + "targets: {local: {provider: gcp}}\n", "", "local gcp {}"},
		"stage only":         {strings.Replace(layered, "  prod:", "  dev: {targets: {local: {port: 5}}}\n  prod:", 1), "", `local local {"port":5}`},
	} {
		o := folder(t, test.manifest)
		o.Target = test.target
		m := load(t, o)
		config, err := json.Marshal(m.Target.Config)
		if got := fmt.Sprintf("%s %s %s", m.Target.Name, m.Target.Provider, config); got != test.want || err != nil {
			t.Errorf("%s: got %s, want %s (%v)", name, got, test.want, err)
		}
	}
}

func TestAProviderDecodesItsBlocksWithPositions(t *testing.T) {
	o := folder(t, `service: blocks
functions:
  fn: {runtime: nodejs22, handler: app.js, aws: {layers: [a], disk: 1GB}}
targets:
  aws: {provider: aws, region: eu, endpoint: {s3: "http://x"}}
`)
	o.Target = "aws"
	m := load(t, o)
	var target cloudTarget
	var fn cloudFunction
	if ps := append(m.Target.Config.Decode(&target), m.Functions[0].Config.Decode(&fn)...); len(ps) > 0 {
		t.Fatal(ps)
	}
	if target.Region != "eu" || target.Endpoint["s3"] != "http://x" || fn.Disk != GB || !cmp.Equal(fn.Layers, []string{"a"}) {
		t.Errorf("got %+v and %+v", target, fn)
	}
	var wrong struct {
		Layers int  `json:"layers"`
		Desk   Size `json:"desk"`
	}
	ps := m.Functions[0].Config.Decode(&wrong)
	if len(ps) != 2 || ps[0].Field != "functions.fn.aws.layers" || ps[0].Function != "fn" || ps[0].Line != 3 || ps[1].Hint != `did you mean "desk"?` {
		t.Errorf("got %+v", ps)
	}
	var none *Node
	if ps := none.Decode(&wrong); ps != nil {
		t.Errorf("a nil node has problems: %v", ps)
	}
}

func TestANodeFromJSONDecodesLikeTheWrittenOne(t *testing.T) {
	root, ps := parse("f", []byte("a: 012\nb: 5\nc: \"x\"\nd: [1.50, true, null, {z: 1, y: <&>}]\n"))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	first, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":"012","b":5,"c":"x","d":[1.50,true,null,{"y":"\u003c\u0026\u003e","z":1}]}`; string(first) != want {
		t.Errorf("the JSON is %s, want %s", first, want)
	}
	var back Node
	if err := json.Unmarshal(first, &back); err != nil {
		t.Fatal(err)
	}
	second, _ := json.Marshal(&back)
	if string(first) != string(second) || !root.Equal(&back) || root.Equal(root.get("d")) {
		t.Errorf("the JSON changed to %s", second)
	}
}

func TestTheDigestFollowsTheContentAndNotTheForm(t *testing.T) {
	digest := func(manifest, stage string) string {
		o := folder(t, manifest)
		o.Stage = stage
		return load(t, o).Digest
	}
	base := digest(layered, "")
	for name, same := range map[string]string{
		"comments":  "# hello\n" + strings.ReplaceAll(layered, "\n", " # x\n"),
		"CRLF":      strings.ReplaceAll(layered, "\n", "\r\n"),
		"BOM":       "\xef\xbb\xbf" + layered,
		"units":     strings.Replace(layered, "3MB", "3072KB", 1),
		"the stage": strings.Replace(layered, "4MB", "5MB", 1),
	} {
		if digest(same, "") != base {
			t.Errorf("%s changed the digest", name)
		}
	}
	for name, other := range map[string]string{
		"memory":  strings.Replace(layered, "3MB", "5MB", 1),
		"service": strings.Replace(layered, "layers", "others", 1),
		"keep":    layered + "releases: {keep: 3}\n",
		"target":  layered + "targets: {local: {provider: local, port: 1}}\n",
	} {
		if digest(other, "") == base {
			t.Errorf("%s did not change the digest", name)
		}
	}
	if digest(layered, "prod") == base {
		t.Error("the stage did not change the digest")
	}
}

func TestLoadingTwiceGivesTheSame(t *testing.T) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, file := range files {
		first := show(problems(t, options(file)))
		for range 5 {
			if again := show(problems(t, options(file))); again != first {
				t.Fatalf("%s differs:\n%s", file, cmp.Diff(first, again))
			}
		}
	}
}

func TestSizesAndDurationsHaveOneForm(t *testing.T) {
	for text, want := range map[string]string{"1024MB": "1GB", "1GB": "1GB", "1536MB": "1536MB", "0B": "0B", "2048KB": "2MB", "3B": "3B"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s.String() != want {
			t.Errorf("%s is %s, want %s (%v)", text, s, want, err)
		}
	}
	for text, want := range map[string]string{"60s": "1m", "90s": "90s", "1h30m": "90m", "24h": "24h", "0s": "0s", "1.5s": "1500ms", "500ms": "500ms"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s is %s, want %s (%v)", text, d, want, err)
		}
	}
}

func BenchmarkLoadOfAHundredFunctions(b *testing.B) {
	var text strings.Builder
	text.WriteString("service: big\ndefaults: {runtime: nodejs22, memory: 256MB, env: {A: a, B: b, STAGE: \"${stage}\"}}\nfunctions:\n")
	for i := range 100 {
		fmt.Fprintf(&text, "  f%d:\n    source: src\n    handler: app.js\n    env: {TABLE: items%d, SERVICE: \"${service}\"}\n    scaling: {min: 0, max: 20}\n    events:\n      - http: {path: \"/f%d/{id}\", methods: [GET, POST]}\n      - schedule: {cron: \"0 3 * * *\", timezone: Europe/Berlin}\n    health: {path: /healthz}\n", i, i, i)
	}
	o := folder(b, text.String())
	for b.Loop() {
		load(b, o)
	}
}

func TestAPlaceIsReadFromAManifestWhoseFunctionsAreBroken(t *testing.T) {
	dir := t.TempDir()
	text := "service: shop\nservice: shop\ndefaults: {memry: 1}\nfunctions:\n  api: {handler: ghost.js, env: {KEY: '${env:UNSET}'}}\n" +
		"targets: {here: {provider: local}}\nreleases: {keep: 3}\nstages: {prod: {functions: {api: {runtime: nonsense}}}}\n"
	if err := os.WriteFile(filepath.Join(dir, "ferry.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: dir, Stage: "prod", Target: "here", Providers: map[string]Blocks{"local": {}}}
	m, err := LoadPlace(o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Service != "shop" || m.Stage != "prod" || m.Target.Provider != "local" || m.Releases.Keep != 3 {
		t.Errorf("got %+v", m)
	}
	if _, err := Load(o); err == nil {
		t.Error("the whole manifest was taken")
	}
	o.Target = "there"
	if _, err := LoadPlace(o); err == nil {
		t.Error("a target that does not exist was taken")
	}
}

package manifest

import (
	"strings"
	"testing"
)

func TestAWrongShapeIsShownTheRightOneWithItsValue(t *testing.T) {
	for text, want := range map[string]string{
		on("{schedule: 0 5 * * *}"):                             `write schedule: {cron: "0 5 * * *"}`,
		on("{http: GET /items}"):                                "write http: {path: /items, methods: [GET]}",
		on("{http: get /}"):                                     "write http: {path: /, methods: [GET]}",
		on("{http: /items}"):                                    "write http: {path: /items}",
		on("{http: '/items/{id}'}"):                             `write http: {path: "/items/{id}"}`,
		on("{http: true}"):                                      "write http: {}",
		on("{http: {cors: true}}"):                              `write cors: {origins: ["*"]}`,
		on("{http: {cors: https://a.example}}"):                 `write cors: {origins: ["https://a.example"]}`,
		on("{http: {methods: GET}}"):                            "write [GET]",
		on("{queue: orders}"):                                   "write queue: {name: orders}",
		on("{topic: signups}"):                                  "write topic: {name: signups}",
		on("{object: uploads}"):                                 "write object: {bucket: uploads}",
		on("http"):                                              "write http: {}",
		of("{events: http}"):                                    "write events: [{http: {}}]",
		of("{events: {http: {path: /x}}}"):                      "write events: [{http: {path: /x}}]",
		of("{health: /healthz}"):                                "write health: {path: /healthz}",
		of("{health: GET /healthz}"):                            "write health: {path: /healthz}",
		of("{health: true}"):                                    "write health: {path: /healthz}",
		of("{scaling: 3}"):                                      "write scaling: {max: 3}",
		of("{scaling: {max: '3'}}"):                             "write it without quotes: 3",
		of("{build: npm run build}"):                            `write build: {command: "npm run build"}`,
		of("{build: {bundle: 'yes'}}"):                          "write true",
		of("{env: [LEVEL=info]}"):                               "write env: {LEVEL: info}",
		of("{env: [{name: LEVEL, value: info}]}"):               "write env: {NAME: value}, without dashes",
		of("{secrets: [KEY=stripe-key]}"):                       "write secrets: {KEY: stripe-key}",
		of("{secrets: {KEY: 12}}"):                              `quote it: "12"`,
		of("{handler: [app.js]}"):                               "write handler: app.js",
		of("{memory: {size: 1GB}}"):                             "write one value behind memory:",
		of("{aws: {layers: x}}"):                                "write [x]",
		of("{}") + "releases: 5\n":                              "write releases: {keep: 5}",
		of("{}") + "targets: {aws: aws}\n":                      "write {provider: aws}",
		of("{}") + "targets: [aws]\n":                           "write each one under its name, without dashes: targets: {NAME: {…}}",
		of("{}") + "stages: {prod: {defaults: {health: /x}}}\n": "write health: {path: /x}",
		"service: shop\nfunctions: [{name: a}]\n":               "write each one under its name, without dashes: functions: {NAME: {…}}",
		"service: shop\ndefaults: {health: /up}\nfunctions: {a: {runtime: nodejs22, handler: app.js}}\n": "write health: {path: /up}",
	} {
		ps := problems(t, folder(t, text))
		if ps[0].Hint != want {
			t.Errorf("the hint is %q, want %q, of\n%s", ps[0].Hint, want, text)
		}
	}
}

func TestALongValueIsNotRepeatedInAHint(t *testing.T) {
	for _, text := range []string{
		of("{health: /" + strings.Repeat("x", 500) + "}"), on("{schedule: '" + strings.Repeat("* ", 200) + "'}"),
		of("{events: {" + strings.Repeat("a", 200) + ": {b: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}}}"),
	} {
		if hint := problems(t, folder(t, text))[0].Hint; len(hint) > 120 {
			t.Errorf("the hint is %q", hint)
		}
	}
}

func TestATargetThatIsNotDeclaredIsShownItsBlock(t *testing.T) {
	o := folder(t, of("{}"))
	o.Target = "gcp"
	if hint := problems(t, o)[0].Hint; hint != "add to the manifest: targets: {gcp: {provider: gcp}}, or choose another one with --target: local" {
		t.Errorf("the hint is %q", hint)
	}
	o = folder(t, of("{}")+"targets: {other: {provider: aws}}\n")
	o.Target = "aws"
	o.Providers["aws"] = Blocks{Target: &cloudTarget{}, Function: &cloudFunction{}, Example: "{provider: aws, region: eu-west-1}"}
	if hint := problems(t, o)[0].Hint; hint !=
		"add it under targets: aws: {provider: aws, region: eu-west-1}, or choose another one with --target: local, other" {
		t.Errorf("the hint is %q", hint)
	}
	o.Target = "othr"
	if hint := problems(t, o)[0].Hint; !strings.Contains(hint, `did you mean "other"?`) {
		t.Errorf("the hint is %q", hint)
	}
}

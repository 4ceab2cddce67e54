package cmd

import (
	"strings"
	"testing"
)

const staged = `service: shop
defaults: {runtime: custom, style: server, handler: run, env: {LEVEL: info, TOKEN: "${env:FERRY_HOME}"}}
functions:
  api: {source: api, events: [http: {}], secrets: {KEY: stripe-key}}
  web: {source: web, env: {LINES: "a\nb"}}
targets:
  local: {provider: world}
stages:
  prod: {defaults: {env: {LEVEL: warn}}}
`

func TestPrintShowsTheManifestOfAStageWithoutItsSecrets(t *testing.T) {
	s := newService(t)
	s.write(t, "ferry.yaml", staged)
	for _, args := range [][]string{{"print", "-s", "prod"}, {"print", "-s", "prod", "--json"}, {"env", "-s", "prod"}, {"env", "--stage", "prod", "--json"}} {
		got := s.must(t, exitDone, args...)
		for _, want := range []string{"warn", "•••", "stripe-key", "web"} {
			if !strings.Contains(got.out, want) {
				t.Errorf("%v does not show %q:\n%s", args, want, got.out)
			}
		}
		if strings.Contains(got.out, ".ferry\"") || strings.Contains(got.out, s.dir+"/.ferry") {
			t.Errorf("%v shows what came from the environment:\n%s", args, got.out)
		}
		if got := s.must(t, exitDone, append(args, "api")...); strings.Contains(got.out, "web") {
			t.Errorf("%v of api shows web:\n%s", args, got.out)
		}
		s.must(t, exitNotFound, append(args, "apu")...)
	}
	if got := s.must(t, exitDone, "print"); !strings.HasPrefix(got.out, "# shop · dev · local\nservice: shop\n") || !strings.Contains(got.out, "LEVEL: info") {
		t.Errorf("print:\n%s", got.out)
	}
}

func TestEnvKeepsEachVariableOnItsLine(t *testing.T) {
	s := newService(t)
	s.write(t, "ferry.yaml", staged)
	want := `shop · dev · local

web
  LEVEL  info
  LINES  "a\nb"
  TOKEN  •••
`
	if got := s.must(t, exitDone, "env", "web"); got.out != want {
		t.Errorf("got\n%s\nwant\n%s", got.out, want)
	}
}

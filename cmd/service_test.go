package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
)

const shop = `service: shop
defaults: {runtime: custom, style: server, handler: run}
functions:
  api:
    source: api
    events: [http: {}]
  web:
    source: web
    events: [http: {}]
targets:
  local: {provider: world}
`

// service is a manifest in a folder, and the world that it is deployed to.
type service struct {
	dir      string
	world    *memory.World
	answer   string   // what is typed when ferry asks; "" is no terminal
	shown    []string // in the browser
	failures map[string]error
	environ  []string                                  // beside FERRY_HOME
	wrap     func(providers.Adapter) providers.Adapter // nil leaves the world's adapter as it is
}

// newService writes the shop. A failure of the service fails the world's calls of that name.
func newService(t *testing.T) *service {
	t.Helper()
	s := &service{dir: t.TempDir(), world: memory.NewWorld(), failures: map[string]error{}}
	server := httptest.NewServer(s.world)
	t.Cleanup(server.Close)
	s.world.URL = server.URL
	s.world.Before = func(_ context.Context, op, function string) error { return s.failures[op+" "+function] }
	s.write(t, "ferry.yaml", shop)
	s.write(t, "api/run", "#!/bin/api")
	s.write(t, "web/run", "#!/bin/web")
	return s
}

func (s *service) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (s *service) ferry(t *testing.T, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	code := Main(t.Context(), Invocation{
		Args: args, Environ: append([]string{"FERRY_HOME=" + filepath.Join(s.dir, ".ferry")}, s.environ...), Dir: s.dir, Now: time.Now,
		Browse: func(_ context.Context, url string) error {
			s.shown = append(s.shown, url)
			return s.failures["browse"]
		},
		Streams: Streams{
			In: strings.NewReader(s.answer), InTerminal: s.answer != "",
			Out: Output{Writer: &out}, Err: Output{Writer: &errs, Terminal: s.answer != ""},
		},
		Providers: func() []providers.Provider {
			return []providers.Provider{{Name: "world", New: func(providers.Config) (providers.Adapter, error) {
				if s.wrap != nil {
					return s.wrap(memory.New(s.world)), nil
				}
				return memory.New(s.world), nil
			}}}
		},
	})
	return ran{code, out.String(), errs.String()}
}

// must runs ferry and fails unless it exits with that code.
func (s *service) must(t *testing.T, code int, args ...string) ran {
	t.Helper()
	got := s.ferry(t, args...)
	if got.code != code {
		t.Fatalf("ferry %s exits with %d, want %d\n%s%s", strings.Join(args, " "), got.code, code, got.out, got.err)
	}
	return got
}

func TestEveryResultHasThePromisedFields(t *testing.T) {
	s := newService(t)
	for _, c := range []struct{ args, fields string }{
		{"validate", "service stage target functions"},
		{"package", "artifacts"},
		{"plan", "changes drift empty"},
		{"deploy", "service stage target release source state outcome changed unchanged functions seconds"},
		{"plan", "changes drift empty"},
		{"releases", "releases"},
		{"status", "release functions"},
		{"invoke api", "status headers body encoding seconds cold"},
		{"url api", "function url"},
		{"open api", "function url"},
		{"print", "service stage target file manifest"},
		{"env", "functions"},
		{"remove --yes", "removed purged"},
		{"rollback", "service stage target release source state outcome changed unchanged functions seconds"},
		{"doctor", "machine target"},
		{"version", "version commit go os arch"},
		{"schema", "properties"},
		{"completion bash", "shell script"},
		{"init new --template go-http", "service template dir files"},
	} {
		got := s.must(t, exitDone, append(strings.Fields(c.args), "--json")...)
		var doc struct {
			OK      bool
			Command string
			Result  map[string]any
		}
		if err := json.Unmarshal([]byte(got.out), &doc); err != nil {
			t.Fatalf("%s: %v: %s", c.args, err, got.out)
		}
		if !doc.OK || doc.Command != strings.Fields(c.args)[0] || got.err != "" {
			t.Errorf("%s: ok is %v, command is %q, stderr is %q", c.args, doc.OK, doc.Command, got.err)
		}
		for field := range strings.FieldsSeq(c.fields) {
			if value, ok := doc.Result[field]; !ok || value == nil {
				t.Errorf("%s: the result has no %s: %s", c.args, field, got.out)
			}
		}
	}
}

func TestFailuresKeepTheirExitCodeAndSayWhatServes(t *testing.T) {
	of := func(k providers.Kind) error { return &providers.Error{Kind: k, Op: "call", Provider: "memory"} }
	for _, c := range []struct {
		name string
		op   string
		kind providers.Kind
		code int
		says string
	}{
		{"publishing is denied", "publish web", providers.Denied, 7, "nothing changed: release 1 serves as before"},
		{"there are no credentials", "publish web", providers.Unauthenticated, 7, "nothing changed: release 1 serves as before"},
		{"a queue is missing", "publish web", providers.NotFound, 8, "nothing changed: release 1 serves as before"},
		{"a handler crashes", "probe web", providers.Crashed, 1, "nothing changed: release 1 serves as before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.must(t, exitDone, "deploy")
			s.write(t, "web/run", "#!/bin/web2")
			s.failures[c.op] = of(c.kind)
			if got := s.must(t, c.code, "deploy"); !strings.Contains(got.err, c.says) {
				t.Errorf("stderr does not say %q:\n%s", c.says, got.err)
			}
			delete(s.failures, c.op)
			if got := s.must(t, exitDone, "status"); !strings.HasPrefix(got.out, "release 1 ") {
				t.Errorf("status after the failure:\n%s", got.out)
			}
		})
	}
}

func TestBlockersOfTheTargetNameTheirLines(t *testing.T) {
	s := newService(t)
	s.write(t, "ferry.yaml", strings.ReplaceAll(shop, "    events:", "    secrets: {KEY: key}\n    events:"))
	for _, command := range []string{"validate", "plan", "deploy"} {
		got := s.must(t, exitUsage, command)
		for _, want := range []string{"memory has no secret manager", "ferry.yaml:6:", "ferry.yaml:10:", "hint: remove secrets", "2 errors"} {
			if !strings.Contains(got.err, want) {
				t.Errorf("%s does not say %q:\n%s", command, want, got.err)
			}
		}
	}
}

func TestRemoveAsksForTheNameOfTheService(t *testing.T) {
	s := newService(t)
	s.must(t, exitDone, "deploy")
	if got := s.must(t, exitUsage, "remove"); !strings.Contains(got.err, "add --yes") {
		t.Errorf("without a terminal: %s", got.err)
	}
	for _, answer := range []string{"y\n", "\n", "Shop\n"} {
		s.answer = answer
		if got := s.must(t, exitUsage, "remove"); !strings.Contains(got.err, "nothing was removed") {
			t.Errorf("%q: %s", answer, got.err)
		}
	}
	s.answer = "shop\n"
	if got := s.must(t, exitDone, "remove"); !strings.Contains(got.out, "removed api, web") {
		t.Errorf("%q: %s", s.answer, got.out)
	}
}

// turning makes every function in a way that has none back.
type turning struct{ providers.Adapter }

func (turning) Turn(providers.State, providers.Spec) (string, error) {
	return "there is no way back", nil
}

func TestDeployAsksForTheNameOfTheServiceBeforeWhatHasNoWayBack(t *testing.T) {
	s := newService(t)
	s.wrap = func(a providers.Adapter) providers.Adapter { return turning{a} }
	if got := s.must(t, exitUsage, "deploy"); !strings.Contains(got.err, "add --yes") || !strings.Contains(got.err, "web: there is no way back") {
		t.Errorf("without a terminal: %s", got.err)
	}
	s.answer = "y\n"
	if got := s.must(t, exitUsage, "deploy"); !strings.Contains(got.err, "nothing was deployed") || !strings.Contains(got.err, "api: there is no way back\nweb: there is") {
		t.Errorf("%q: %s", s.answer, got.err)
	}
	if got := s.must(t, exitDone, "status"); strings.Contains(got.out, "release 1") {
		t.Errorf("unconfirmed, there is %s", got.out)
	}
	s.answer = "shop\n"
	if got := s.must(t, exitDone, "deploy"); !strings.Contains(got.out, "release 1") {
		t.Errorf("%q: %s", s.answer, got.out)
	}
	s.write(t, "web/run", "#!/bin/web2")
	s.answer = ""
	s.must(t, exitDone, "deploy", "--yes")
}

func TestInitAsksForTheTemplateOnATerminal(t *testing.T) {
	s := newService(t)
	s.must(t, exitUsage, "init", "new")
	s.answer = "go-http\n"
	s.must(t, exitDone, "init", "new")
}

func TestAServiceIsNamedAfterItsFolder(t *testing.T) {
	for folder, want := range map[string]string{
		"shop": "shop", "My_Shop 2": "my-shop-2", "--": "service", "9lives": "lives", "Ünï": "n",
		strings.Repeat("x", 40): strings.Repeat("x", 32),
	} {
		if got := serviceName(folder); got != want {
			t.Errorf("serviceName(%q) = %q, want %q", folder, got, want)
		}
	}
}

func TestMemoryThatIsRoundedUpIsAWarningOfValidateAndOfDeploy(t *testing.T) {
	s := newService(t)
	s.world.Memory = []manifest.Size{512 * manifest.MB}
	for _, command := range []string{"validate", "deploy"} {
		if got := s.must(t, 0, command); !strings.Contains(got.err, "memory is rounded up from 256MB to 512MB") {
			t.Errorf("%s says %s", command, got.err)
		}
	}
}

func TestTheStatusSaysWhatIsKnownOnlyAsItWasWrittenLast(t *testing.T) {
	s := newService(t)
	s.world.Tagged = true
	s.must(t, 0, "deploy")
	if got := s.must(t, 0, "status"); strings.Contains(got.out, "as last written") {
		t.Errorf("a closer look was had, and it says %s", got.out)
	}
	first := s.released(t)
	s.write(t, "api/run", "#!/bin/api2")
	s.must(t, 0, "deploy")
	back := providers.Change{From: providers.State{Revision: &providers.Revision{ID: s.released(t)}}, To: &providers.Revision{ID: first}, Epoch: 99}
	back.Spec.Function.Name = "api"
	if _, err := memory.New(s.world).Activate(t.Context(), back); err != nil { // by somebody with another ledger
		t.Fatal(err)
	}
	if got := s.must(t, 0, "status"); !strings.Contains(got.out, "as last written") {
		t.Errorf("nothing looked at what serves, and it says %s", got.out)
	}
}

// released is the live revision of api.
func (s *service) released(t *testing.T) string {
	t.Helper()
	st, err := memory.New(s.world).Status(t.Context(), "api")
	if err != nil || st.Revision == nil {
		t.Fatalf("%+v, %v", st, err)
	}
	return st.Revision.ID
}

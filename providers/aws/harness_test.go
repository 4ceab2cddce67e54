package aws

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// shop is a service of three functions in an account of its own: two answer HTTP, a schedule calls the third.
type shop struct {
	*testing.T
	cloud   *awstest.Cloud
	sources *sources
	judge   *Adapter // looks at what serves
	adjust  func(m *manifest.Manifest)
}

// sources are the versions of a shop, in a folder each, with one build cache.
type sources struct{ dir, cache string }

func newSources(t *testing.T) *sources {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	v := &sources{t.TempDir(), t.TempDir()}
	for _, version := range []string{"one", "two", "three", "four", "five"} {
		for _, fn := range functions(version) {
			dir := filepath.Join(v.dir, version, fn)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			code := "def on_event(event, ctx):\n    pass\n" + fmt.Sprintf(application, version)
			if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return v
}

func newShop(t *testing.T, from *sources) *shop {
	c := awstest.Start(t)
	c.PendingPolls(0)
	c.UpdatingPolls(0)
	c.Answer(func(_ []byte, variables map[string]string) []byte {
		return fmt.Appendf(nil, `{"digest":%q}`, variables["FERRY_DIGEST"])
	})
	return &shop{T: t, cloud: c, sources: from, judge: adapterOf(t, c)}
}

// adapterOf is the adapter of a process of its own.
func adapterOf(t *testing.T, c *awstest.Cloud) *Adapter {
	a := newTestAdapter(t, c.Env, `{}`)
	a.service = "shop"
	return a
}

// functions are the names of the functions of a version.
func functions(string) []string { return []string{"api", "jobs", "web"} }

// engine is a new process's engine on the sources of a version.
func (s *shop) engine(version string) *release.Engine {
	s.Helper()
	m := &manifest.Manifest{
		File: "ferry.yaml", Dir: filepath.Join(s.sources.dir, version), Service: "shop", Stage: "dev", Digest: version,
		Target: manifest.Target{Name: "aws", Provider: name}, Releases: manifest.Releases{Keep: 20},
	}
	for _, fn := range functions(version) {
		m.Functions = append(m.Functions, declared(version, fn))
	}
	if s.adjust != nil {
		s.adjust(m)
	}
	return &release.Engine{
		Manifest: m, Adapter: s.adapter(), Packager: &packager.Packager{Root: m.Dir, Cache: s.sources.cache},
		Origin: release.Origin{Actor: "me@here", Version: "test"}, LockTTL: time.Second,
	}
}

func (s *shop) adapter() *Adapter { return adapterOf(s.T, s.cloud) }

// declared is one function of a version, whose environment says it as its code does.
func declared(version, name string) manifest.Function {
	fn := manifest.Function{
		Name: name, Source: name, Handler: "app:app", Runtime: "python3.13", Style: manifest.StyleWSGI,
		Memory: 256 * manifest.MB, Timeout: manifest.Duration(10 * time.Second), Env: map[string]string{"WORD": version},
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
	if name == "jobs" {
		fn.Events = []manifest.Event{{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}}}
	}
	return fn
}

// serving is the version of each function that the alias points at, as AWS tells it: of its code and its environment.
func (s *shop) serving() map[string]string {
	s.Helper()
	c, err := s.judge.connect(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	found := map[string]string{}
	for _, fn := range functions("") {
		out, err := c.lambda.GetFunction(s.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("shop-dev-" + fn), Qualifier: aws.String(live)})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			s.Fatal(err)
		}
		word := out.Configuration.Environment.Variables["WORD"]
		if built := s.built(word, fn); codeDigest(built.ZipDigest) != aws.ToString(out.Configuration.CodeSha256) {
			s.Errorf("%s has the environment of %q and other code", fn, word)
		}
		found[fn] = word
	}
	return found
}

// built is the package of a version's function.
func (s *shop) built(version, fn string) packager.Artifact {
	s.Helper()
	e := s.engine(version)
	f, _ := e.Manifest.Function(fn)
	a, err := e.Packager.Build(s.Context(), f, e.Adapter.Platform(f))
	if err != nil {
		s.Fatal(err)
	}
	return a
}

func TestNoFaultAtAnyCallBreaksAReleaseOnAWS(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	// Each of these takes as long as a hundred in memory.
	rows := faults.Run(t, faults.Options{Every: 160}, func(t *testing.T) faults.Place {
		s := newShop(t, from)
		return faults.Place{Functions: functions, Serving: s.serving, Engine: s.engine}
	})
	tried := 0
	for _, r := range rows {
		tried += r.Faults
		if r.Broken > 0 || r.Faults == 0 && !testing.Short() { // whose sample may leave a work of few calls out
			t.Errorf("%s: %d of %d faults broke it", r.Work, r.Broken, r.Faults)
		}
	}
	if tried == 0 {
		t.Error("no fault was tried")
	}
}

// mishap is what goes wrong with one call over the network.
type mishap struct {
	name  string
	fault standin.Fault
	kinds []providers.Kind // of the error where the deploy fails
}

func mishaps() []mishap {
	failed := []providers.Kind{providers.Conflict, providers.Denied, providers.Unavailable, providers.Throttled}
	return []mishap{
		{"is throttled", standin.Throttle(), failed},
		{"meets a failure of the service", standin.ServerError(), failed},
		{"loses its reply", standin.LoseReply(), failed},
		{"does not arrive", standin.Cut(), failed},
		{"meets a conflict", standin.Fail(409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: x"), append(failed, providers.Failed, providers.Invalid)},
		{"is denied", standin.Deny(), failed},
	}
}

// Every call of a deploy, to whichever service, goes wrong once in every way. What served before serves, or the deploy
// completes; the next command ends what was left, and nothing is there twice.
func TestEveryCallOfADeployMayGoWrong(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	calls, clean := afterDeploys(t, from, 0, standin.Fault{}, nil)
	cases := sample.Of(t, 20)
	for n := 1; n <= calls; n++ {
		for _, m := range mishaps() {
			if !cases.Takes() {
				continue
			}
			t.Run(fmt.Sprintf("call %d %s", n, m.name), func(t *testing.T) {
				t.Parallel()
				_, left := afterDeploys(t, from, n, m.fault, m.kinds)
				if diff := cmp.Diff(clean, left); diff != "" {
					t.Errorf("what is left is not what a clean run leaves (-clean +left):\n%s", diff)
				}
			})
		}
	}
}

// afterDeploys releases three versions, with a fault at a call of the third deploy, then a fourth, and returns how many
// calls the third made and what there is in the end.
func afterDeploys(t *testing.T, from *sources, at int, fault standin.Fault, kinds []providers.Kind) (calls int, left []string) {
	s := newShop(t, from)
	for _, version := range []string{"one", "two"} {
		s.deploys(version)
	}
	s.cloud.Reset()
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Number == at {
			return fault
		}
		return standin.Fault{}
	})
	_, err := s.engine("three").Deploy(t.Context(), release.DeployOptions{Message: "three"})
	s.cloud.Intercept(nil)
	calls = len(s.cloud.Calls())
	var hit standin.Call
	if at > 0 && at <= calls {
		hit = s.cloud.Calls()[at-1]
	}
	var failed *release.Error
	switch got := s.serving(); {
	case err == nil || errors.As(err, &failed) && failed.Release == 3:
		s.serves(got, "three")
	default:
		s.serves(got, "two")
		if !slices.ContainsFunc(kinds, func(k providers.Kind) bool { return errors.Is(err, k) }) {
			t.Errorf("the deploy whose %s %s went wrong fails with %v", hit.Service, hit.Operation, err)
		}
	}
	if err != nil {
		t.Logf("%s %s: %v", hit.Service, hit.Operation, err)
	}
	if _, err := s.engine("four").Deploy(t.Context(), release.DeployOptions{Message: "four"}); errors.Is(err, providers.Conflict) {
		if _, err := s.engine("four").Rollback(t.Context(), release.RollbackOptions{}); err != nil {
			t.Fatalf("rolling back what %s %s left: %v", hit.Service, hit.Operation, err)
		}
		s.deploys("four")
	} else if err != nil {
		t.Fatalf("deploying after %s %s went wrong: %v", hit.Service, hit.Operation, err)
	}
	s.serves(s.serving(), "four")
	return calls, s.resources()
}

func (s *shop) deploys(version string) {
	s.Helper()
	if _, err := s.engine(version).Deploy(s.Context(), release.DeployOptions{Message: version}); err != nil {
		s.Fatalf("deploying %s: %v", version, err)
	}
}

func (s *shop) serves(got map[string]string, version string) {
	s.Helper()
	for _, fn := range functions(version) {
		if got[fn] != version {
			s.Errorf("want all of %q to serve, got %v", version, got)
			return
		}
	}
}

// resources are all things in the account but versions, packages and records, whose numbers differ with what happened.
func (s *shop) resources() []string {
	var list []string
	for line := range strings.Lines(s.cloud.Snapshot()) {
		if line = varying.ReplaceAllString(strings.TrimSpace(line), "…"); !counted.MatchString(line) {
			list = append(list, line)
		}
	}
	return list
}

var (
	varying = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|epoch=[0-9]+|https?://[^ "]*|[0-9a-f]{16,64}|"[0-9]+"`)
	counted = regexp.MustCompile(`^version |^object `)
)

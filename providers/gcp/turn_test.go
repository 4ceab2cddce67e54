package gcp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	functions "google.golang.org/api/cloudfunctions/v2"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release"
)

// via has the tenant's functions made in that way.
func (s *tenant) via(maker string) {
	s.adjust = func(m *manifest.Manifest) {
		m.Functions = m.Functions[:1]
		m.Functions[0].Config = blockOf(map[string]any{"via": maker})
	}
}

// What makes a function stands on its service: neither the manifest nor what is usual for its style today turns it over unasked.
func TestAFunctionThatWasMadeOnCloudRunStaysThere(t *testing.T) {
	t.Parallel()
	from := needsBuilds(t)
	for name, turned := range map[string]func(s *tenant){
		"asked for by the manifest": func(s *tenant) { s.via(byFunctions) },
		"usual for its style":       func(s *tenant) { s.written("") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTenant(t, from)
			s.written(byRun)
			s.deploys("one")
			turned(s)
			_, planning := s.engine("two").Plan(s.Context(), nil)
			_, deploying := s.engine("two").Deploy(s.Context(), release.DeployOptions{OneWay: true})
			for _, err := range []error{planning, deploying} {
				var e *providers.Error
				if !errors.As(err, &e) || e.Kind != providers.Unsupported || !strings.Contains(e.Hint, "via: run") {
					t.Errorf("got %v", err)
				}
			}
			if got := s.serving(); got["api"] != "one" {
				t.Errorf("served is %v", got)
			}
			s.written(byRun) // the cure
			s.deploys("two")
			if got := s.serving(); got["api"] != "two" {
				t.Errorf("served is %v after what the hint says", got)
			}
		})
	}
}

// written has the tenant's functions be such as are written for Google's framework, made in that way, "" for the usual one.
func (s *tenant) written(maker string) {
	s.via(maker)
	made := s.adjust
	s.adjust = func(m *manifest.Manifest) {
		made(m)
		m.Functions[0].Style = manifest.StyleGCFHTTP
	}
}

func TestAFunctionIsTakenFromCloudFunctionsOnlyWhenThatIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newTenant(t, needsBuilds(t))
	s.via(byFunctions)
	s.deploys("one")
	s.via(byRun)
	p, err := s.engine("two").Plan(s.Context(), nil)
	if err != nil || !slices.ContainsFunc(p.Issues, func(i providers.Issue) bool { return i.Function == "api" && strings.Contains(i.Message, "no way back") }) {
		t.Errorf("the plan says %v, %v", p, err)
	}
	s.Reset()
	var asked *release.OneWay
	if _, err := s.engine("two").Deploy(s.Context(), release.DeployOptions{}); !errors.As(err, &asked) {
		t.Errorf("without being asked to, it ends with %v", err)
	}
	for _, c := range s.Calls() {
		if c.Write {
			t.Errorf("without being asked to, it wrote %s %s", c.Service, c.Operation)
		}
	}
	if _, err := s.engine("two").Deploy(s.Context(), release.DeployOptions{Message: "two", OneWay: true}); err != nil {
		t.Fatal(err)
	}
	serves := func(want string) {
		t.Helper()
		if got := s.serving(); got["api"] != want {
			t.Errorf("served is %v, not %s", got, want)
		}
	}
	serves("two")
	if _, err := s.engine("two").Rollback(s.Context(), release.RollbackOptions{}); err != nil {
		t.Fatalf("going back to what Cloud Functions built: %v", err)
	}
	serves("one")
	s.via(byFunctions)
	if p, err := s.engine("one").Plan(s.Context(), nil); err != nil || len(p.Changes) > 0 {
		t.Errorf("what is rolled back to is not what its manifest says: %+v, %v", p, err)
	}
	s.via(byRun)
	s.deploys("three")
	serves("three")
	c, err := s.judge.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.revisions(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(r *run.GoogleCloudRunV2Revision) bool { return r.Labels[labelImage] == "" })
	if err := s.judge.Prune(s.Context(), "api", revisionOf(all[at]), 1<<40); err != nil {
		t.Fatal(err)
	}
	if there, err := c.registries().Has(t.Context(), imageOf(all[at])); there || err != nil {
		t.Errorf("the image of a revision that is no more is left, %v", err)
	}
	serves("three")
	if err := s.judge.Remove(s.Context(), "api", 1<<40); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if there, err := c.registries().Has(t.Context(), imageOf(r)); there || err != nil {
			t.Errorf("the image %s is left, %v", imageOf(r), err)
		}
	}
	for _, left := range s.resources() {
		if strings.Contains(left, "shop-dev-api") || strings.Contains(left, "shop--dev--api") {
			t.Errorf("left is %s", left)
		}
	}
}

// theirs makes a function that ferry did not make, as gcloud does.
func (s viaFunctions) theirs(t testing.TB, a *Adapter, fn string) {
	t.Helper()
	ctx := until.Hasten(t.Context(), haste)
	c, err := a.connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b := &compiler{c}
	source, err := b.upload(ctx, specOf(s.versioned(t, a, fn, "theirs", "-")))
	if err != nil {
		t.Fatal(err)
	}
	op, err := c.functions.Projects.Locations.Functions.Create(c.parent(), &functions.Function{
		Environment: "GEN_2",
		BuildConfig: &functions.BuildConfig{
			Runtime: "python313", EntryPoint: packager.EntryPoint, Source: &functions.Source{StorageSource: source},
			EnvironmentVariables: map[string]string{"GOOGLE_FUNCTION_SOURCE": "ferry_entry.py"}, ServiceAccount: c.accountPath(gcptest.Compute),
		},
		ServiceConfig: &functions.ServiceConfig{
			AllTrafficOnLatestRevision: true, EnvironmentVariables: map[string]string{"VERSION": "theirs", "WORD": "-"},
		},
	}).FunctionId(c.serviceName(fn)).Context(ctx).Do()
	if err == nil {
		err = b.attend(ctx, fn, op)
	}
	if err == nil {
		_, err = c.letIn(ctx, fn)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFunctionOfCloudFunctionsThatOthersMadeIsAdoptedAndBuiltOn(t *testing.T) {
	t.Parallel()
	s := newViaFunctions(t)
	s.OperationPolls(1)
	s.Answer(versioned)
	a := s.process(t, "shop", "dev")
	s.theirs(t, a, "api")
	ctx := until.Hasten(t.Context(), haste)
	next := s.versioned(t, a, "api", "two", "b")
	if _, err := a.Publish(ctx, next, 1); !errors.Is(err, providers.Foreign) {
		t.Errorf("publishing over what others made ends with %v", err)
	}
	st, err := a.Adopt(ctx, "api", 1)
	if err != nil || st.Maker != byFunctions || st.Revision == nil {
		t.Fatalf("adopted is %+v, %v", st, err)
	}
	was := *st.Revision
	serves := func(want string) {
		t.Helper()
		if version, _ := calling(a)(t, "api"); version != want {
			t.Errorf("%q serves, not %q", version, want)
		}
	}
	r, err := a.Publish(ctx, next, 1)
	if err != nil {
		t.Fatal(err)
	}
	serves("theirs")
	if st, err = a.Activate(ctx, providers.Change{Spec: next, From: st, To: &r, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	serves("two")
	if _, err = a.Activate(ctx, providers.Change{Spec: providers.Spec{Function: namedFunction("api")}, From: st, To: &was, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	serves("theirs")
}

// A write of Cloud Functions takes all that its configuration says to the service, in the worst case: nothing of that changes what serves.
func TestWhatCloudFunctionsWritesChangesNothingThatServes(t *testing.T) {
	t.Parallel()
	s := newViaFunctions(t)
	s.OperationPolls(1)
	s.Answer(versioned)
	a := s.process(t, "shop", "dev")
	ctx := until.Hasten(t.Context(), haste)
	spec := s.versioned(t, a, "api", "one", "a")
	spec.Function.Scaling.Min = 2
	first, err := a.Publish(ctx, spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	st, err := a.Activate(ctx, providers.Change{Spec: spec, From: providers.State{Function: "api"}, To: &first, Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	serving := func() string { return fmt.Sprint(served(ctx, t, a, "api")) }
	before := serving()
	if _, err := a.Publish(ctx, s.versioned(t, a, "api", "two", "b"), 1); err != nil {
		t.Fatal(err)
	}
	if after := serving(); after != before {
		t.Errorf("what serves was %s, and is %s", before, after)
	}
	if now, err := a.Status(ctx, "api"); err != nil || !now.Holds(st.Revision) {
		t.Errorf("live is %+v, %v", now, err)
	}
}

// served is all that a service has besides its revisions and tags, and who may call it.
func served(ctx context.Context, t testing.TB, a *Adapter, fn string) []any {
	t.Helper()
	c, err := a.connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.get(ctx, fn)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.policy(ctx, fn)
	if err != nil {
		t.Fatal(err)
	}
	return []any{routed(found), *found.Scaling, found.Ingress, found.InvokerIamDisabled, found.Labels, open(p)}
}

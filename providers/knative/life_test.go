package knative

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

// recorder is a handler that writes events down.
const recorder = "def on_event(event, ctx):\n    print('got', event['type'], event['source'], bool(event['id']), flush=True)\n"

func hasty(t testing.TB) context.Context { return until.Hasten(t.Context(), haste) }

func (c stand) hasty(t testing.TB) context.Context { return until.Hasten(t.Context(), c.haste) }

// live publishes, probes and activates.
func live(t testing.TB, a *Adapter, s providers.Spec) providers.Revision {
	t.Helper()
	ctx, fn := hasty(t), s.Function.Name
	r, err := a.Publish(ctx, s, 0)
	if err == nil {
		err = a.Probe(ctx, s, r)
	}
	var from providers.State
	if err == nil {
		from, err = a.Status(ctx, fn)
	}
	if err == nil {
		_, err = a.Activate(ctx, providers.Change{Spec: s, From: from, To: &r})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func needPython(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
}

func TestAHandlerIsProbedAtARouteOfItsOwnWhichGoes(t *testing.T) {
	t.Parallel()
	needPython(t)
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	s := c.handler(t, a, "api", "a", fmt.Sprintf(application, "one"))
	r := live(t, a, s)
	if made := c.made("create routes"); !slices.Equal(made, []string{"", ""}) {
		t.Errorf("want a route of the probe and one of the function, got %d", len(made))
	}
	if left := slices.DeleteFunc(c.Snapshot(), func(o string) bool { return !strings.HasPrefix(o, "routes") }); len(left) != 1 {
		t.Errorf("the routes that are left: %q", left)
	}
	conn := c.connection(t, a)
	leftover := &route{object: of(routes, probeName(r.ID), a.labels("api"))}
	leftover.Labels[labelProbe] = "true"
	leftover.Spec.Traffic = flow{live: r.ID}.traffic()
	if _, err := create(t.Context(), conn, routes, leftover); err != nil {
		t.Fatal(err)
	}
	live(t, a, c.handler(t, a, "api", "b", fmt.Sprintf(application, "two")))
	if found, err := find[route](t.Context(), conn, routes, leftover.Name); err != nil || found != nil {
		t.Errorf("the route that a killed probe left is there: %v", err)
	}
	if version, word := c.call(t, a, "api"); version != "two" || word != "b" {
		t.Errorf("it says %q %q", version, word)
	}
}

// made are the resources of the calls of an operation.
func (c stand) made(operation string) []string {
	var all []string
	for _, call := range c.Calls() {
		if call.Operation == operation {
			all = append(all, call.Resource)
		}
	}
	return all
}

func TestNobodyElseCanAskAShimForItsDigest(t *testing.T) {
	t.Parallel()
	needPython(t)
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	s := c.handler(t, a, "api", "a", fmt.Sprintf(application, "one"))
	live(t, a, s)
	conn := c.connection(t, a)
	word, err := conn.instance(t.Context(), "api")
	if err != nil || len(word) < 20 || strings.Contains(s.Digest, word) {
		t.Fatalf("the word is %q, %v", word, err)
	}
	for _, guess := range []string{"", s.Digest, s.Digest[7:19], "shop-dev-api"} {
		res, err := a.Invoke(t.Context(), "api", providers.Request{Method: http.MethodGet, Path: "/.ferry/probe", Header: http.Header{"Ferry-Instance": {guess}}})
		if err != nil || strings.Contains(string(res.Body), "digest") {
			t.Errorf("who says %q is answered %s, %v", guess, res.Body, err)
		}
	}
}

func TestASchedulePostsAnEventThatTheHandlerGets(t *testing.T) {
	t.Parallel()
	needPython(t)
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	fn := c.function("jobs", "a", manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * 1", Timezone: "Europe/Berlin"}})
	fn.Events = fn.Events[1:]
	fn.Handler, fn.Runtime, fn.Style = "app:app", "python3.13", manifest.StyleWSGI
	s := providertest.Package(t, a, fn, map[string]string{"app.py": recorder + fmt.Sprintf(application, "one")})
	live(t, a, s)
	if err := a.Bind(hasty(t), s, providers.BindEnabled, 0); err != nil {
		t.Fatal(err)
	}
	if st, err := a.Status(t.Context(), "jobs"); err != nil || st.URL != "" || st.Bindings != providers.BindEnabled {
		t.Errorf("a function for events alone has the state %+v, %v", st, err)
	}
	conn := c.connection(t, a)
	job, err := find[caller](t.Context(), conn, cronJobs, "shop-dev-jobs-0")
	if err != nil || job == nil || job.Spec["timeZone"] != "Europe/Berlin" || job.Spec["schedule"] != "0 3 * * 1" || job.paused() {
		t.Fatalf("the job is %+v, %v", job, err)
	}
	c.runJob(t, conn, job)
	var lines []string
	err = a.Tail(t.Context(), "jobs", providers.TailOptions{}, func(l providers.LogLine) error {
		lines = append(lines, l.Text)
		return nil
	})
	if err != nil || !slices.Contains(lines, "got dev.ferry.schedule.v1 /schedules/jobs True") {
		t.Errorf("the log says %q, %v", lines, err)
	}
}

// runJob does what the pod of a CronJob does: curl with these arguments, by way of the cluster-local gateway.
func (c stand) runJob(t *testing.T, conn *connection, job *caller) {
	t.Helper()
	var spec struct {
		JobTemplate struct {
			Spec struct {
				Template struct{ Spec podSpec }
			}
		}
	}
	data, err := json.Marshal(job.Spec)
	if err == nil {
		err = json.Unmarshal(data, &spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	caller := spec.JobTemplate.Spec.Template.Spec.Containers[0]
	known := map[string]string{"FERRY_EVENT": "job-1"}
	for _, v := range caller.Env {
		if v.From.Secret != nil {
			word, err := find[secret](t.Context(), conn, secretObjects, v.From.Secret.Name)
			if err != nil || word == nil {
				t.Fatal(err)
			}
			known[v.Name] = string(word.Data[v.From.Secret.Key])
		}
	}
	header := http.Header{}
	var event, address string
	for i := 0; i < len(caller.Args); i++ {
		value := os.Expand(strings.NewReplacer("$(", "${", ")", "}").Replace(caller.Args[i]), func(name string) string { return known[name] })
		switch caller.Args[max(i-1, 0)] {
		case "--header":
			name, is, _ := strings.Cut(value, ": ")
			header.Set(name, is)
		case "--data":
			event = value
		}
		address = value
	}
	host := strings.TrimPrefix(strings.TrimSuffix(address, "/.ferry/event"), "http://")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Local+"/.ferry/event", strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	req.Host, req.Header = host, header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
		t.Fatalf("the event is answered %s: %s", res.Status, body)
	}
}

func TestEveryCallIsOneThatTheRoleAllows(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	if err := a.SetSecret(t.Context(), "key", []byte("value")); err != nil {
		t.Fatal(err)
	}
	c.Broker(t, "orders", "")
	bound := c.function("jobs", "a", orders(2), manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *"}})
	s := c.program(t, a, "api", "a", says(t, "one"))
	r := live(t, a, s)
	second := live(t, a, c.program(t, a, "api", "a", says(t, "two")))
	ctx := hasty(t)
	jobs := c.program(t, a, "jobs", "a", says(t, "one"))
	jobs.Function.Events = bound.Events
	live(t, a, jobs)
	err := errors.Join(
		a.Bind(ctx, jobs, providers.BindPaused, 0), a.Bind(ctx, jobs, providers.BindEnabled, 0), a.Remove(ctx, "jobs", 0),
		a.Prune(ctx, "api", r, 0), a.Fence(ctx, []string{"api"}, 3), a.RemoveSecret(ctx, "key"), a.Purge(ctx),
		a.Tail(ctx, "api", providers.TailOptions{}, func(providers.LogLine) error { return nil }),
	)
	asked := c.Calls()
	c.occupy(t, "shop", "dev", "theirs") // as somebody else
	c.Reset()
	_, adopting := a.Adopt(ctx, "theirs", 3)
	if err = errors.Join(err, adopting, a.Remove(ctx, "api", 3)); err != nil {
		t.Fatal(err, second)
	}
	allowed := map[string]bool{}
	for r, verbs := range rights() {
		parts := strings.SplitN(string(r)[strings.LastIndex(string(r), "v1/"):], "/", 2)
		for _, verb := range verbs {
			allowed[verb+" "+parts[1]] = true
		}
	}
	for _, call := range append(asked, c.Calls()...) {
		if !allowed[call.Operation] && call.Operation != "list " { // which finds what kinds of objects there are
			t.Errorf("the role does not allow to %s", call.Operation)
		}
	}
	page, err := os.ReadFile("../../docs/knative.md")
	if err != nil {
		t.Fatal(err)
	}
	for r, verbs := range rights() {
		at := strings.LastIndex(string(r), "v1/")
		if row := fmt.Sprintf("resources: [%s], verbs: [%s]", string(r)[at+3:], strings.Join(verbs, ", ")); !strings.Contains(string(page), row) {
			t.Errorf("docs/knative.md has no rule %s", row)
		}
	}
	for _, f := range a.Diagnose(t.Context(), nil) {
		if f.Level != providers.LevelOK {
			t.Errorf("doctor finds %+v", f)
		}
	}
}

func TestDoctorNamesWhatTheCallerMayNotDo(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	c.Intercept(func(call standin.Call) standin.Fault {
		if call.Operation == "get " && call.Service == "serving.knative.dev" || strings.HasSuffix(call.Operation, "selfsubjectaccessreviews") {
			return standin.Deny()
		}
		return standin.Fault{}
	})
	failed := map[string]providers.Kind{}
	for _, f := range a.Diagnose(hasty(t), nil) {
		if f.Level == providers.LevelFailed {
			failed[f.Subject] = f.Kind
		}
	}
	if failed["permissions"] != providers.Denied || failed["cluster"] != "" {
		t.Errorf("what failed: %v", failed)
	}
}

func TestWhatIsActivatedServesWhenThatEnds(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	c.RouteLag(4)
	for _, version := range []string{"one", "two"} {
		live(t, a, c.program(t, a, "api", "a", says(t, version)))
		if got, _ := c.call(t, a, "api"); got != version {
			t.Errorf("%q serves after %q was activated", got, version)
		}
	}
}

func TestDoctorNamesEachRightThatTheCallerLacks(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.Forbid("get pods/log", "patch routes")
	for _, f := range c.process(t, "shop", "dev").Diagnose(hasty(t), nil) {
		if f.Subject == "permissions" && (f.Level != providers.LevelFailed || !strings.Contains(f.Message, "may not get pods/log, patch routes in the namespace")) {
			t.Errorf("doctor finds %+v", f)
		}
	}
}

func TestASecretThatIsSetAgainIsAnotherVersionAndTheOldOneStays(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	fn := c.function("api", "a")
	delete(fn.Env, "WORD")
	fn.Secrets = map[string]string{"WORD": "Stripe_Key"}
	fn.Handler, fn.Runtime, fn.Style = "run", "custom", manifest.StyleServer
	release := func(value string) (providers.Spec, providers.Revision) {
		if err := a.SetSecret(t.Context(), "Stripe_Key", []byte(value)); err != nil {
			t.Fatal(err)
		}
		pinned, err := a.Pin(t.Context(), fn)
		if err != nil {
			t.Fatal(err)
		}
		s := providertest.Package(t, a, fn, map[string]string{"run": says(t, "one")})
		s.Secrets = pinned
		s = providertest.Digested(s)
		return s, live(t, a, s)
	}
	first, r := release("a")
	release("b")
	if _, word := c.call(t, a, "api"); word != "b" {
		t.Errorf("it says %q", word)
	}
	from, err := a.Status(t.Context(), "api")
	if err == nil {
		_, err = a.Activate(hasty(t), providers.Change{Spec: first, From: from, To: &r})
	}
	if _, word := c.call(t, a, "api"); err != nil || word != "a" {
		t.Errorf("rolled back it says %q, %v", word, err)
	}
	if err := a.RemoveSecret(t.Context(), "Stripe_Key"); err != nil {
		t.Fatal(err)
	}
	if names, err := a.Secrets(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("removed, there are %q, %v", names, err)
	}
	if _, err := a.Pin(t.Context(), fn); !errors.Is(err, providers.NotFound) {
		t.Errorf("removed, it is pinned: %v", err)
	}
	if left := slices.DeleteFunc(c.Snapshot(), func(o string) bool { return !strings.Contains(o, "stripe-key") }); len(left) != 2 {
		t.Errorf("what runs has lost its values: %q", left)
	}
	third, _ := release("c")
	if third.Secrets["WORD"] == first.Secrets["WORD"] {
		t.Error("a value that is set after a removal has the reference of an older one")
	}
	if err := a.Purge(t.Context()); err != nil {
		t.Error(err)
	}
	if left := slices.DeleteFunc(c.Snapshot(), func(o string) bool { return !strings.Contains(o, "stripe-key") }); len(left) != 0 {
		t.Errorf("purged, there are %q", left)
	}
}

func TestAValueThatNamesAnotherVariableArrivesAsItIs(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	const value = "$(FERRY_STAGE) $$ $(SAYS)"
	live(t, a, c.program(t, a, "api", value, says(t, "one")))
	if _, word := c.call(t, a, "api"); word != value {
		t.Errorf("it says %q", word)
	}
}

func TestTrafficThatCannotBeFollowedIsTakenBack(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	one := live(t, a, c.program(t, a, "api", "a", says(t, "one")))
	two := c.program(t, a, "api", "a", says(t, "two"))
	second, err := a.Publish(hasty(t), two, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn := c.connection(t, a)
	held, goOn := c.hold("patch routes")
	done := make(chan error, 1)
	from, err := a.Status(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	ctx := hasty(t)
	go func() {
		_, err := a.Activate(ctx, providers.Change{Spec: two, From: from, To: &second})
		done <- err
	}()
	<-held
	if err := conn.erase(t.Context(), revisions, meta{Name: second.ID}, ""); err != nil {
		t.Fatal(err)
	}
	if err := conn.do(t.Context(), call{method: http.MethodDelete, path: conn.path(configurations, "shop-dev-api"), body: deletion{Propagation: orphan}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.erase(t.Context(), revisions, meta{Name: second.ID}, ""); err != nil {
		t.Fatal(err)
	}
	goOn()
	if err := <-done; !errors.Is(err, providers.Failed) {
		t.Errorf("an activation of what is gone ends with %v", err)
	}
	now, err := find[route](t.Context(), conn, routes, "shop-dev-api")
	if err != nil || len(now.Spec.Traffic) != 1 || now.Spec.Traffic[0].Revision != one.ID {
		t.Errorf("the route still says %+v, %v", now.Spec.Traffic, err)
	}
}

func TestTheClusterIsFoundAsKubectlFindsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plugin := write("plugin", `#!/bin/sh
case "$KUBERNETES_EXEC_INFO" in *client.authentication.k8s.io/v1*) ;; *) exit 1;; esac
echo '{"status": {"token": "'"$GIVEN"'"}}'
`)
	write("token", "from-file\n")
	first := write("first", `{current-context: a, contexts: [{name: a, context: {cluster: c, user: u, namespace: shop}}], clusters: [{name: c, cluster: {server: "http://one"}}],
users: [{name: u, user: {token: plain}}]}`)
	second := write("second", `{contexts: [{name: b, context: {cluster: d, user: v}}, {name: f, context: {cluster: d, user: f}}], clusters: [{name: d, cluster: {server: "http://two"}}],
users: [{name: v, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: `+plugin+`, env: [{name: GIVEN, value: from-plugin}]}}}, {name: f, user: {tokenFile: token}}]}`)
	for context, want := range map[string][3]string{
		"": {"http://one", "shop", "Bearer plain"}, "b": {"http://two", "default", "Bearer from-plugin"}, "f": {"http://two", "default", "Bearer from-file"},
	} {
		env := func(name string) (string, bool) {
			value, ok := map[string]string{"KUBECONFIG": strings.Join([]string{filepath.Join(dir, "missing"), first, second}, string(filepath.ListSeparator))}[name]
			return value, ok
		}
		made, err := New(providers.Config{Service: "shop", Stage: "dev", Target: "cluster", Env: env, Block: blockOf(map[string]any{"registry": "r.example/x", "context": context})})
		if err != nil {
			t.Fatal(err)
		}
		c, err := made.(*Adapter).connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		err = c.Authorize(t.Context(), h)
		if got := [3]string{c.Server(), c.namespace, h.Get("Authorization")}; err != nil || got != want {
			t.Errorf("context %q gives %v, %v", context, got, err)
		}
	}
}

func TestWhatWasWrittenIsNoDriftInWhateverFormItIsKept(t *testing.T) {
	t.Parallel()
	amountsAreNoDrift(t, newCluster(t))
}

func amountsAreNoDrift(t *testing.T, c stand) {
	a := c.process(t, "shop", "dev")
	for _, cpu := range []string{"1000m", "1.5"} {
		fn := c.function("api", "a")
		fn.Handler, fn.Runtime, fn.Style, fn.Memory = "run", "custom", manifest.StyleServer, manifest.GB
		fn.Config = blockOf(map[string]any{"base_image": c.base, "cpu": cpu})
		s := providertest.Package(t, a, fn, map[string]string{"run": says(t, "one")})
		live(t, a, s)
		if d, err := a.Inspect(t.Context(), s); err != nil || len(d) > 0 {
			t.Errorf("with %s CPUs and a gigabyte it differs: %+v, %v", cpu, d, err)
		}
	}
}

func TestAnImageThatCannotBePulledIsSaidAtOnceAndIsPulledWhenItIsThere(t *testing.T) {
	t.Parallel()
	unpullableIsSaidAtOnce(t, newCluster(t))
}

// unpullableIsSaidAtOnce has an image go before the cluster pulls it.
func unpullableIsSaidAtOnce(t *testing.T, c stand) {
	a := c.process(t, "shop", "dev")
	conn := c.connection(t, a)
	s := c.program(t, a, "api", "a", says(t, "one"))
	image, err := conn.image(t.Context(), specOf(s))
	if err != nil {
		t.Fatal(err)
	}
	held, goOn := c.hold("create configurations")
	done := make(chan error, 1)
	ctx := c.hasty(t)
	go func() {
		_, err := a.Publish(ctx, s, 0)
		done <- err
	}()
	<-held
	if err := conn.registries().Delete(t.Context(), image.digest, image.tag); err != nil {
		t.Fatal(err)
	}
	goOn()
	var e *providers.Error
	if err := <-done; !errors.As(err, &e) || e.Kind != providers.Denied || !strings.Contains(e.Hint, "pull_secret") || !strings.Contains(err.Error(), "pulling image") {
		t.Fatalf("an image that cannot be pulled: %v", err)
	}
	live(t, a, s)
	if version, _ := c.call(t, a, "api"); version != "one" {
		t.Errorf("%q serves", version)
	}
}

func TestNoClusterIsSaidWithTheNextStep(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	env := func(name string) (string, bool) { return home, name == "HOME" }
	a, err := New(providers.Config{Service: "shop", Stage: "dev", Target: "cluster", Env: env, Block: blockOf(map[string]any{"registry": "r.example/x"})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Status(t.Context(), "api")
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Unauthenticated || e.Hint == "" {
		t.Errorf("without a kubeconfig: %v", err)
	}
}

func TestATargetThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	for _, block := range []map[string]any{
		{}, {"registry": "nothing"}, {"registry": "r.example/x", "namespace": "No"}, {"registry": "r.example/x", "architecture": "mips"}, {"registry": "r.example/x", "unknown": "key"},
	} {
		if _, err := New(providers.Config{Target: "cluster", Block: blockOf(block), Env: func(string) (string, bool) { return "", false }}); err == nil {
			t.Errorf("%v is accepted", block)
		}
	}
}

func TestWhatKnativeCannotHonourIsRaised(t *testing.T) {
	t.Parallel()
	a, err := New(providers.Config{Target: "cluster", Block: blockOf(map[string]any{"registry": "r.example/x"}), Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	fn := providertest.Function("api", "a")
	fn.Runtime, fn.Style = "python3.13", manifest.StyleWSGI
	for field, change := range map[string]func(*manifest.Function){
		"":                    func(*manifest.Function) {},
		"timeout":             func(f *manifest.Function) { f.Timeout = manifest.Duration(9000 * time.Second) },
		"memory":              func(f *manifest.Function) { f.Memory = manifest.MB },
		"runtime":             func(f *manifest.Function) { f.Runtime = "java21" },
		"architecture":        func(f *manifest.Function) { f.Architecture = "arm64" },
		"env.K_SERVICE":       func(f *manifest.Function) { f.Env = map[string]string{"K_SERVICE": "x"} },
		"scaling.concurrency": func(f *manifest.Function) { f.Scaling.Concurrency = 1001 },
		"scaling.min":         func(f *manifest.Function) { f.Scaling.Min, f.Scaling.Max = 3, 2 },
		"knative.cpu":         func(f *manifest.Function) { f.Config = blockOf(map[string]any{"cpu": "much"}) },
		"events[0].queue":     func(f *manifest.Function) { f.Events = []manifest.Event{{Queue: &manifest.QueueEvent{Name: "No"}}} },
		"events[0].topic":     func(f *manifest.Function) { f.Events = []manifest.Event{{Topic: &manifest.TopicEvent{Name: "No"}}} },
		"events[0].object":    func(f *manifest.Function) { f.Events = []manifest.Event{{Object: &manifest.ObjectEvent{Bucket: "q"}}} },
		"events[0].http.auth": func(f *manifest.Function) { f.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "private"}}} },
		"health events[0].http.auth": func(f *manifest.Function) {
			f.Events, f.Health = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "private"}}}, &manifest.Health{Path: "/healthz"}
		},
		"events[0].object events[0].object": func(f *manifest.Function) {
			f.Style, f.Events = manifest.StyleAzure, []manifest.Event{{Object: &manifest.ObjectEvent{Bucket: "q"}}}
		},
		"events[0].queue.batch events[0].queue.backoff": func(f *manifest.Function) {
			f.Events = []manifest.Event{{Queue: &manifest.QueueEvent{Name: "q", Batch: 10, Backoff: manifest.Duration(1234 * time.Millisecond)}}}
		},
		"events[0].schedule": func(f *manifest.Function) {
			f.Runtime, f.Style = "custom", manifest.StyleServer
			f.Events = []manifest.Event{{Schedule: &manifest.ScheduleEvent{Cron: "* * * * *"}}}
		},
	} {
		changed := fn
		changed.Env = maps.Clone(fn.Env)
		change(&changed)
		var fields []string
		for _, i := range a.Check(changed) {
			if i.From.IsZero() {
				fields = append(fields, i.Field)
			}
		}
		if diff := cmp.Diff(slices.DeleteFunc([]string{field}, func(f string) bool { return f == "" }), fields, cmp.Transformer("some", func(l []string) string { return strings.Join(l, " ") })); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestAPackageIsTheOneOfTheLocalPlatform(t *testing.T) {
	t.Parallel()
	a, err := New(providers.Config{Target: "cluster", Block: blockOf(map[string]any{"registry": "r.example/x"}), Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	if p := a.Platform(manifest.Function{Runtime: "nodejs24"}); p.Shim != "local" || p.Source {
		t.Errorf("it is built for %+v", p)
	}
}

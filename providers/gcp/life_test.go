package gcp

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

var update = flag.Bool("update", false, "write the log of a life anew")

// life is one function from its first deploy to its removal, and what was asked of Google at each step.
type life struct {
	*tenant
	log   strings.Builder
	asked map[string]bool // all operations
}

// step does a thing and logs its calls: the writes in their order, then which reads there were.
func (l *life) step(name string, do func() error) []standin.Call {
	l.Helper()
	l.Reset()
	if err := do(); err != nil {
		l.Fatalf("%s: %v", name, err)
	}
	calls := l.Calls()
	fmt.Fprintf(&l.log, "%s\n", name)
	reads, last := map[string]bool{}, ""
	sent := map[string]int{}
	for _, c := range calls {
		op := c.Service + " " + c.Operation
		l.asked[op] = true
		switch {
		case !c.Write:
			reads[op] = true
		case c.Service == "docker": // several at once
			sent[c.Operation]++
		case op != last || c.Service != "storage":
			fmt.Fprintf(&l.log, "  %s\n", op)
			last = op
		}
	}
	if len(sent) > 0 {
		fmt.Fprintf(&l.log, "  sent to the registry: %d blobs, %d manifests\n", sent["putUpload"], sent["putManifest"])
	}
	fmt.Fprintf(&l.log, "  reads: %s\n", strings.Join(slices.Sorted(maps.Keys(reads)), ", "))
	return calls
}

// live goes through the whole of it.
func live(s *tenant) *life {
	l := &life{tenant: s, asked: map[string]bool{}}
	always := s.adjust
	word, events := "a", []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}
	l.adjust = func(m *manifest.Manifest) {
		if always != nil {
			always(m)
		}
		m.Functions = m.Functions[:1]
		fn := &m.Functions[0]
		fn.Env, fn.Events, fn.Secrets = map[string]string{"WORD": word}, events, map[string]string{"KEY": "stripe"}
	}
	engine := func(version string) *release.Engine {
		e := l.engine(version)
		e.LockTTL = time.Minute
		return e
	}
	deploy := func(version string, o release.DeployOptions) func() error {
		return func() error { _, err := engine(version).Deploy(l.Context(), o); return err }
	}
	rollback := func() error { _, err := engine("two").Rollback(l.Context(), release.RollbackOptions{}); return err }
	secret := func(value string) error {
		return l.process(l.T, "shop", "dev").SetSecret(l.Context(), "stripe", []byte(value))
	}
	l.step("a secret", func() error { return secret("one") })
	l.step("deploy", deploy("one", release.DeployOptions{}))
	l.nothing(l.step("deploy again", deploy("one", release.DeployOptions{})))
	l.step("other code", deploy("two", release.DeployOptions{}))
	word = "b"
	l.step("another environment", deploy("two", release.DeployOptions{}))
	l.step("a canary of 10 %", deploy("three", release.DeployOptions{Traffic: 10}))
	l.step("promote", func() error { _, err := engine("three").Promote(l.Context(), release.PromoteOptions{}); return err })
	l.one(l.step("rollback", rollback))
	l.one(l.step("rollback again", rollback))
	l.step("the secret rotated", func() error { return secret("two") })
	l.step("deploy the rotated secret", deploy("four", release.DeployOptions{}))
	events = append(events, manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}})
	l.step("an event added", deploy("four", release.DeployOptions{}))
	events = events[:1]
	l.step("the event removed", deploy("four", release.DeployOptions{}))
	l.step("remove", func() error {
		_, err := engine("four").Remove(l.Context(), release.RemoveOptions{Purge: true})
		return err
	})
	return l
}

// nothing expects no write of Google's things, and one read of the function.
func (l *life) nothing(calls []standin.Call) {
	l.Helper()
	reads := 0
	for _, c := range calls {
		if c.Write {
			l.Errorf("a deploy of nothing new asked for %s %s", c.Service, c.Operation)
		}
		if c.Service == "run" {
			reads++
		}
	}
	if reads != 1 {
		l.Errorf("a deploy of nothing new read Cloud Run %d times for one function", reads)
	}
}

// one expects one write of the function, and no image.
func (l *life) one(calls []standin.Call) {
	l.Helper()
	writes := 0
	for _, c := range calls {
		if c.Write && c.Service == "run" {
			writes++
		}
		if c.Write && c.Service == "docker" {
			l.Errorf("a rollback asked the registry for %s", c.Operation)
		}
	}
	if writes != 1 {
		l.Errorf("a rollback wrote %d times", writes)
	}
}

func TestALifeIsTheCallsOfTheLog(t *testing.T) {
	t.Parallel()
	live(newTenant(t, newSources(t))).is("life.txt", "repository", "image", "grant", "secret")
}

// What serves is pinned before each build, nothing is built twice, and a rollback builds nothing.
func TestALifeOnCloudFunctionsIsTheCallsOfTheLog(t *testing.T) {
	t.Parallel()
	live(onFunctions(t, needsBuilds(t))).is("life_functions.txt", "repository", "grant", "secret", "build", "source")
}

// is compares the log with the one of a file, and what is left with the kinds that stay.
func (l *life) is(name string, stays ...string) {
	t := l.T
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(l.log.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the test with -update)", err)
	}
	if diff := cmp.Diff(string(want), l.log.String()); diff != "" {
		t.Errorf("what is asked of Google is not what the log has (-update writes it anew):\n%s", diff)
	}
	for line := range strings.Lines(l.Snapshot()) {
		if kind, _, _ := strings.Cut(line, " "); !slices.Contains(stays, kind) {
			t.Errorf("left is %s", line)
		}
	}
	held(t, l.asked)
}

// held expects each call to be allowed by a role that the docs list for a deployer.
func held(t *testing.T, asked map[string]bool) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "gcp.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, roles, _ := strings.Cut(string(page), "## What a deployer may do")
	roles, _, _ = strings.Cut(roles, "\n## ")
	wider := map[string]string{ // the role of the docs that has all of another one's
		"roles/run.developer": "roles/run.admin", "roles/browser": "roles/run.admin", "roles/pubsub.editor": "roles/pubsub.admin", "roles/storage.objectAdmin": "roles/storage.admin", "roles/run.invoker": "roles/run.admin",
		"roles/artifactregistry.writer": "roles/artifactregistry.admin", "roles/iam.serviceAccountCreator": "roles/iam.serviceAccountAdmin",
		"roles/secretmanager.secretAccessor": "roles/secretmanager.admin", "roles/iam.securityReviewer": "roles/resourcemanager.projectIamAdmin",
	}
	for _, op := range slices.Sorted(maps.Keys(asked)) {
		role := roleWith(permissionFor(op))
		if wide, ok := wider[role]; ok {
			role = wide
		}
		if role == "" || !strings.Contains(roles, "`"+role+"`") {
			t.Errorf("%s needs %s, which no role of docs/gcp.md has: %q", op, permissionFor(op), role)
		}
	}
}

// permissionFor is the permission that an operation asks for, by Google's own rule for their names.
func permissionFor(op string) string {
	service, method, _ := strings.Cut(op, " ")
	switch service {
	case "docker":
		return "artifactregistry.repositories.uploadArtifacts"
	case "logging":
		return "logging.logEntries.list"
	case "cloudresourcemanager":
		service = "resourcemanager"
	}
	parts := strings.Split(method, ".")
	return strings.Join(append([]string{service}, parts[max(0, len(parts)-2):]...), ".")
}

func TestOfTwoDeploysAtOnceOneWinsAndTheOtherIsAConflict(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	s.deploys("one")
	ended := make(chan error, 2)
	for _, version := range []string{"two", "three"} {
		e := s.engine(version)
		e.LockTTL = time.Minute
		go func() {
			_, err := e.Deploy(s.Context(), release.DeployOptions{Message: version})
			ended <- err
		}()
	}
	first, second := <-ended, <-ended
	if first == nil {
		first, second = second, first
	}
	if second != nil || !errors.Is(first, providers.Conflict) {
		t.Errorf("they end with %v and %v", first, second)
	}
}

func TestADeployBesideAHandMadeUpdateOfTheTrafficIsAConflict(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	s.deploys("one")
	s.deploys("two")
	before, err := s.judge.Revisions(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	waits, goOn := s.hold("projects.locations.services.patch")
	e := s.engine("three")
	e.LockTTL = time.Minute
	ended := make(chan error, 1)
	go func() {
		_, err := e.Deploy(s.Context(), release.DeployOptions{Message: "three"})
		ended <- err
	}()
	<-waits
	overwrite(t, s.judge, "api", before[0])
	goOn()
	if err := <-ended; !errors.Is(err, providers.Conflict) {
		t.Errorf("the deploy ends with %v", err)
	}
	if got := s.serving(); got["api"] != "one" || got["web"] != "two" {
		t.Errorf("served is %v", got)
	}
}

package gcp

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	scheduler "google.golang.org/api/cloudscheduler/v1"
	pubsub "google.golang.org/api/pubsub/v1"
	storage "google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

// listener prints its events, and fails on the word "fail".
const listener = `import json
def app(environ, start_response):
    start_response("404 Not Found", [])
    return [b"fetched"]
def on_event(event, ctx):
    print("GOT", event["type"], json.dumps(event.data), flush=True)
    if event.data == "fail":
        raise ValueError("failed on purpose")
`

func everyEvent(auth string) []manifest.Event {
	return []manifest.Event{
		{HTTP: &manifest.HTTPEvent{Auth: auth}},
		{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}},
		{Topic: &manifest.TopicEvent{Name: "signups"}},
		{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created", "deleted"}, Prefix: "raw/"}},
		{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "Europe/Berlin"}},
	}
}

// bench is a place with what events come from, and an adapter.
type bench struct {
	shop
	*connection
	a *Adapter
}

func newBench(t *testing.T) bench {
	t.Helper()
	s := newShop(t)
	a := s.process(t, "shop", "dev")
	return bench{s, s.furnished(t, a), a}
}

// furnished has the project be one with what events come from, and is the adapter's connection to it.
func (s shop) furnished(t *testing.T, a *Adapter) *connection {
	t.Helper()
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"orders", "signups"} {
		if _, err := c.pubsub.Projects.Topics.Create(c.topicPath(name), &pubsub.Topic{}).Do(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.storage.Buckets.Insert(gcptest.Project, &storage.Bucket{Name: "uploads", Location: gcptest.Region}).Do(); err != nil {
		t.Fatal(err)
	}
	return c
}

// listening is a function that prints its events.
func (b bench) listening(t *testing.T, function string, events ...manifest.Event) providers.Spec {
	t.Helper()
	fn := providertest.Function(function, "a")
	fn.Handler, fn.Runtime, fn.Style, fn.Events = "app:app", "python3.13", manifest.StyleWSGI, events
	return providertest.Package(t, b.a, fn, map[string]string{"app.py": listener})
}

// deploy publishes a function and makes it live, with its events.
func (b bench) deploy(t *testing.T, s providers.Spec) {
	t.Helper()
	ctx := until.Hasten(t.Context(), haste)
	fn := s.Function.Name
	from, err := b.a.Status(ctx, fn)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.a.Publish(ctx, s, 1)
	if err == nil {
		err = b.a.Bind(ctx, s, providers.BindPaused, 1)
	}
	if err == nil {
		err = b.a.Probe(ctx, s, r)
	}
	if err == nil {
		_, err = b.a.Activate(ctx, providers.Change{Spec: s, From: from, To: &r, Epoch: 1})
	}
	if err == nil {
		err = b.a.Bind(ctx, s, providers.BindEnabled, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.bound(t, fn, providers.BindEnabled)
}

func (b bench) bound(t *testing.T, fn string, want providers.Mode) providers.State {
	t.Helper()
	st, err := b.a.Status(t.Context(), fn)
	if err != nil || st.Bindings != want || st.Lacks != "" {
		t.Fatalf("want bindings that are %s, got %+v: %v", want, st, err)
	}
	return st
}

func (b bench) publishText(t *testing.T, topic, text string) {
	t.Helper()
	_, err := b.pubsub.Projects.Topics.Publish(b.topicPath(topic), &pubsub.PublishRequest{
		Messages: []*pubsub.PubsubMessage{{Data: base64.StdEncoding.EncodeToString([]byte(text))}},
	}).Do()
	if err != nil {
		t.Fatal(err)
	}
}

// said waits until a function wrote a line.
func (b bench) said(t *testing.T, fn, line string) {
	t.Helper()
	err := until.True(t.Context(), until.Rule{For: line, Within: 20 * time.Second, First: 20 * time.Millisecond, Most: 100 * time.Millisecond}, func() (bool, error) {
		return slices.Contains(b.lines(t, fn), line), nil
	})
	if err != nil {
		t.Fatalf("%v: it wrote %q", err, b.lines(t, fn))
	}
}

func (b bench) lines(t *testing.T, fn string) []string {
	t.Helper()
	var all []string
	if err := b.a.Tail(t.Context(), fn, providers.TailOptions{}, func(l providers.LogLine) error {
		all = append(all, l.Text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func (b bench) put(t *testing.T, name string) {
	t.Helper()
	if _, err := b.storage.Objects.Insert("uploads", &storage.Object{Name: name}).Media(strings.NewReader("x")).Do(); err != nil {
		t.Fatal(err)
	}
}

// fire has the function's one job call it.
func (b bench) fire(t *testing.T) {
	t.Helper()
	jobs, err := b.scheduler.Projects.Locations.Jobs.List(b.parent()).Do()
	if err != nil || len(jobs.Jobs) != 1 {
		t.Fatalf("jobs %+v: %v", jobs, err)
	}
	if _, err := b.scheduler.Projects.Locations.Jobs.Run(jobs.Jobs[0].Name, &scheduler.RunJobRequest{}).Do(); err != nil {
		t.Fatal(err)
	}
}

func TestAnEventOfEachKindReachesAFunctionAndNothingIsLeftOfIt(t *testing.T) {
	for _, auth := range []string{"public", "private"} {
		t.Run(auth, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			before := b.Snapshot()
			s := b.listening(t, "worker", everyEvent(auth)...)
			r, err := b.a.Publish(t.Context(), s, 1)
			if err == nil {
				err = b.a.Bind(t.Context(), s, providers.BindPaused, 1)
			}
			if err != nil {
				t.Fatal(err)
			}
			b.bound(t, "worker", providers.BindPaused)
			b.publishText(t, "orders", "early")
			b.put(t, "raw/early")
			if _, err := b.a.Activate(t.Context(), providers.Change{Spec: s, To: &r, Epoch: 1}); err != nil {
				t.Fatal(err)
			}
			if got := b.lines(t, "worker"); strings.Contains(strings.Join(got, "\n"), "GOT") {
				t.Errorf("an event came while they were paused: %q", got)
			}
			if err := b.a.Bind(t.Context(), s, providers.BindEnabled, 1); err != nil {
				t.Fatal(err)
			}
			st := b.bound(t, "worker", providers.BindEnabled)
			b.said(t, "worker", `GOT dev.ferry.queue.message.v1 "early"`)
			b.publishText(t, "signups", "hello")
			b.said(t, "worker", `GOT dev.ferry.topic.message.v1 "hello"`)
			b.put(t, "raw/a")
			b.put(t, "other")
			b.said(t, "worker", `GOT dev.ferry.object.created.v1 `+b.object(t, "raw/a"))
			b.fire(t)
			b.said(t, "worker", `GOT dev.ferry.schedule.v1 {}`)
			if got := strings.Join(b.lines(t, "worker"), "\n"); strings.Contains(got, `"other"`) {
				t.Errorf("an object without the prefix: %s", got)
			}
			b.forged(t, st, map[string]int{"public": http.StatusNotFound, "private": http.StatusForbidden}[auth])
			b.rebound(t, s)
			if err := b.a.Bind(t.Context(), s, providers.BindNone, 1); err != nil {
				t.Fatal(err)
			}
			b.bound(t, "worker", providers.BindNone)
			if err := b.a.Remove(t.Context(), "worker", 1); err != nil {
				t.Fatal(err)
			}
			if after := lessObjects(b.Snapshot()); after != lessObjects(before) {
				t.Errorf("left:\n%s\nof what was before:\n%s", after, before)
			}
		})
	}
}

// rebound binds what is bound already, which must write nothing.
func (b bench) rebound(t *testing.T, s providers.Spec) {
	t.Helper()
	b.Reset()
	if err := b.a.Bind(t.Context(), s, providers.BindEnabled, 1); err != nil {
		t.Fatal(err)
	}
	for _, call := range b.Calls() {
		if call.Write {
			t.Errorf("binding what is bound wrote %s %s", call.Operation, call.Resource)
		}
	}
}

// lessObjects is a snapshot without the objects of the tests' bucket.
func lessObjects(snapshot string) string {
	var kept strings.Builder
	for line := range strings.Lines(snapshot) {
		if !strings.HasPrefix(line, "object uploads/") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// object is what a handler of Python prints of an object.
func (b bench) object(t *testing.T, name string) string {
	t.Helper()
	o, err := b.storage.Objects.Get("uploads", name).Do()
	if err != nil {
		t.Fatal(err)
	}
	return `{"bucket": "uploads", "key": "` + name + `", "etag": "` + o.Etag + `", "version": "` + base10(o.Generation) + `", "size": 1}`
}

// forged posts an event as a stranger would.
func (b bench) forged(t *testing.T, st providers.State, want int) {
	t.Helper()
	res, err := http.Post(st.URL+"/.ferry/events/queue/orders", "application/json", strings.NewReader(`{"message":{"data":"Zm9yZ2Vk","messageId":"1"},"subscription":"projects/p/subscriptions/s"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		t.Errorf("a forged event gets %s", res.Status)
	}
	if got := strings.Join(b.lines(t, "worker"), "\n"); strings.Contains(got, "forged") {
		t.Errorf("a forged event came in: %s", got)
	}
}

func TestAQueueHasOneConsumerAndWhatOthersBoundIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	queue := manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}
	b.deploy(t, b.listening(t, "worker", queue))
	second := b.listening(t, "second", queue)
	if _, err := b.a.Publish(t.Context(), second, 1); !errors.Is(err, providers.Foreign) ||
		!strings.Contains(err.Error(), "the queue orders has a consumer already: the function worker in stage dev of shop") {
		t.Errorf("a second consumer: %v", err)
	}
	theirs := b.subscriptionPath("signups")
	if _, err := b.pubsub.Projects.Subscriptions.Create(theirs, &pubsub.Subscription{Topic: b.topicPath("signups")}).Do(); err != nil {
		t.Fatal(err)
	}
	other := b.listening(t, "other", manifest.Event{Queue: &manifest.QueueEvent{Name: "signups", Batch: 1}})
	if _, err := b.a.Publish(t.Context(), other, 1); !errors.Is(err, providers.Foreign) || !strings.Contains(err.Error(), "the subscription signups exists, and ferry did not make it") {
		t.Errorf("a subscription that ferry did not make: %v", err)
	}
	if err := b.a.Remove(t.Context(), "worker", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := b.pubsub.Projects.Subscriptions.Get(theirs).Do(); err != nil {
		t.Errorf("somebody else's subscription: %v", err)
	}
	missing := b.listening(t, "lost", manifest.Event{Topic: &manifest.TopicEvent{Name: "nothing"}}, manifest.Event{Object: &manifest.ObjectEvent{Bucket: "nowhere", On: []string{"created"}}})
	_, err := b.a.Publish(t.Context(), missing, 1)
	if !errors.Is(err, providers.NotFound) || !strings.Contains(err.Error(), "there is no topic nothing") {
		t.Errorf("a topic that is not there: %v", err)
	}
}

func TestASubscriptionThatAppearsBeforeItIsBoundIsNotTakenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Answer(imitated)
	s := b.listening(t, "worker", manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}})
	if _, err := b.a.Publish(t.Context(), s, 1); err != nil {
		t.Fatal(err)
	}
	theirs := b.subscriptionPath("orders")
	if _, err := b.pubsub.Projects.Subscriptions.Create(theirs, &pubsub.Subscription{Topic: b.topicPath("orders")}).Do(); err != nil {
		t.Fatal(err)
	}
	if err := b.a.Bind(t.Context(), s, providers.BindEnabled, 1); !errors.Is(err, providers.Foreign) {
		t.Errorf("want Foreign, got %v", err)
	}
	if err := b.a.Remove(t.Context(), "worker", 1); err != nil {
		t.Fatal(err)
	}
	if found, err := b.pubsub.Projects.Subscriptions.Get(theirs).Do(); err != nil || len(found.Labels) > 0 || found.PushConfig.PushEndpoint != "" {
		t.Errorf("somebody else's subscription is %+v: %v", found, err)
	}
}

func TestAMessageThatFailsIsKeptAsADeadLetter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.deploy(t, b.listening(t, "worker", manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}))
	b.publishText(t, "orders", "fail")
	err := until.True(t.Context(), until.Rule{For: "the dead letter", Within: time.Minute, First: 50 * time.Millisecond, Most: time.Second}, func() (bool, error) {
		out, err := b.pubsub.Projects.Subscriptions.Pull(b.subscriptionPath(b.deadLetters("worker")), &pubsub.PullRequest{MaxMessages: 1}).Do()
		return err == nil && len(out.ReceivedMessages) == 1, err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnEventThatIsChangedOrTakenOutIsConverged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.deploy(t, b.listening(t, "worker", everyEvent("public")...))
	fewer := b.listening(t, "worker", manifest.Event{HTTP: &manifest.HTTPEvent{Auth: "public"}},
		manifest.Event{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created"}}},
		manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "5 4 * * *", Timezone: "UTC"}})
	b.deploy(t, fewer)
	left := b.Snapshot()
	for _, gone := range []string{"subscription projects/ferry-tests/subscriptions/orders ", "0 3 * * *", `"raw/"`, "OBJECT_DELETE"} {
		if strings.Contains(left, gone) {
			t.Errorf("%s is there:\n%s", gone, left)
		}
	}
	b.put(t, "anywhere")
	b.said(t, "worker", `GOT dev.ferry.object.created.v1 `+b.object(t, "anywhere"))
}

func base10(n int64) string { return strconv.FormatInt(n, 10) }

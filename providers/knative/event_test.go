package knative

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/knativetest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// consumer is a handler that writes events down with its version, fails when it is told to, and has a result, which no broker may be given.
const consumer = `def on_event(event, ctx):
    print('got', '%s', event['type'], event.data, ctx.platform, flush=True)
    if event.data == 'fail':
        raise RuntimeError('as it was told')
    return {'done': True}
`

func consumerOf(version string) string {
	return fmt.Sprintf(consumer, version) + fmt.Sprintf(application, version)
}

func orders(attempts int) manifest.Event {
	return manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1, Attempts: attempts, Backoff: manifest.Duration(1500 * time.Millisecond)}}
}

// consuming is a function that the events call.
func (c stand) consuming(t testing.TB, a *Adapter, function string, block map[string]any, events ...manifest.Event) providers.Spec {
	t.Helper()
	fn := c.function(function, "a", events...)
	fn.Handler, fn.Runtime, fn.Style = "app:app", "python3.13", manifest.StyleWSGI
	block["base_image"] = c.base
	fn.Config = blockOf(block)
	return providertest.Package(t, a, fn, map[string]string{"app.py": consumerOf("one")})
}

// text is a message.
func text(kind, data string) knativetest.Event {
	return knativetest.Event{Attributes: map[string]string{"specversion": "1.0", "id": "1", "source": "/shop", "type": kind}, Media: "text/plain", Data: []byte(data)}
}

// got are what a function wrote of the events that it got.
func got(t testing.TB, a *Adapter, fn string) []string {
	t.Helper()
	var lines []string
	err := a.Tail(t.Context(), fn, providers.TailOptions{}, func(l providers.LogLine) error {
		if event, is := strings.CutPrefix(l.Text, "got "); is {
			lines = append(lines, event)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// heard waits until a function wrote of so many events, and is what it wrote after the first ones: that comes by another way than its
// answer.
func heard(t testing.TB, a *Adapter, fn string, before, events int) (all []string) {
	t.Helper()
	err := until.True(t.Context(), until.Rule{For: fn + " to hear", Within: 30 * time.Second, First: 10 * time.Millisecond, Most: 100 * time.Millisecond}, func() (bool, error) {
		all = got(t, a, fn)
		return len(all) >= before+events, nil
	})
	if err != nil {
		t.Errorf("%v: it heard %q", err, all)
	}
	return all[min(before, len(all)):]
}

func TestMessagesOfABrokerReachTheHandlerAndWhatFailsEachTimeIsADeadLetter(t *testing.T) {
	t.Parallel()
	needPython(t)
	messagesAreDelivered(t, newCluster(t))
}

func messagesAreDelivered(t *testing.T, c stand) {
	c.Broker(t, "lost", "")
	c.Broker(t, "orders", "lost")
	c.Broker(t, "shop", "")
	a := c.process(t, "shop", "dev")
	s := c.consuming(t, a, "api", map[string]any{"resources": map[string]string{"uploads": "shop?source=/minio"}}, orders(5),
		manifest.Event{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created"}, Prefix: "raw/", Suffix: ".png"}})
	live(t, a, s)
	image := func(kind, source, key string) knativetest.Event {
		e := text(kind, `{"bucket":"uploads"}`)
		e.Attributes["source"], e.Attributes["subject"], e.Media = source, key, "application/json"
		return e
	}
	const created = "dev.ferry.object.created.v1"
	for _, step := range []struct {
		mode providers.Mode
		want []string
	}{
		{providers.BindPaused, nil},
		{providers.BindEnabled, []string{"one com.example.order hello knative", "one " + created + " {'bucket': 'uploads'} knative"}},
		{providers.BindNone, nil},
	} {
		if err := a.Bind(c.hasty(t), s, step.mode, 0); err != nil {
			t.Fatal(err)
		}
		before := len(got(t, a, "api"))
		for broker, events := range map[string][]knativetest.Event{
			"orders": {text("com.example.order", "hello")},
			"shop": {
				image(created, "/minio", "raw/a.png"), image(created, "/minio", "a.png"), image(created, "/minio", "raw/a.jpg"), image(created, "/other", "raw/a.png"),
				image("dev.ferry.object.deleted.v1", "/minio", "raw/a.png"),
			},
		} {
			for _, e := range events {
				for _, d := range c.Send(t, broker, e) {
					if d.Attempts != 1 || d.Failure != nil {
						t.Errorf("%s: %+v", broker, d)
					}
				}
			}
		}
		all := heard(t, a, "api", before, len(step.want))
		slices.Sort(all)
		if diff := cmp.Diff(step.want, all, cmp.Transformer("some", func(l []string) string { return strings.Join(l, "\n") })); diff != "" {
			t.Errorf("bound as %s it gets (-want +got):\n%s", step.mode, diff)
		}
	}
	if err := a.Bind(c.hasty(t), s, providers.BindEnabled, 0); err != nil {
		t.Fatal(err)
	}
	if d := c.Send(t, "orders", text("com.example.order", "fail")); len(d) != 1 || d[0].Attempts != 5 || d[0].DeadLetter != "lost" {
		t.Errorf("a message that fails each time: %+v", d)
	}
	if d, err := a.Inspect(t.Context(), s); err != nil || len(d) > 0 {
		t.Errorf("as it was bound it differs: %+v, %v", d, err)
	}
	triggersDrift(t, c, a, s)
	if err := a.Remove(c.hasty(t), "api", 0); err != nil {
		t.Fatal(err)
	}
	if left := slices.DeleteFunc(c.Snapshot(), func(o string) bool { return !strings.HasPrefix(o, "triggers") }); len(left) > 0 {
		t.Errorf("removed, there are %q", left)
	}
}

// triggersDrift has somebody change a Trigger by hand: it is found, and a bind takes it back.
func triggersDrift(t *testing.T, c stand, a *Adapter, s providers.Spec) {
	t.Helper()
	conn := c.connection(t, a)
	_, there, err := conn.callers(t.Context(), "api")
	if err != nil || len(there) != 2 {
		t.Fatalf("the triggers are %+v, %v", there, err)
	}
	for want, spec := range map[string]map[string]any{
		"delivery":   {"delivery": map[string]any{"retry": 9, "timeout": "PT5S"}},
		"filters":    {"filters": []any{map[string]any{"exact": map[string]any{"type": "other"}}}},
		"subscriber": {"subscriber": map[string]any{"uri": "http://elsewhere.example"}},
	} {
		if _, err := change(t.Context(), conn, triggers, there[0].Name, func(*caller) (*merge, error) { return &merge{spec: spec}, nil }); err != nil {
			t.Fatal(err)
		}
		d, err := a.Inspect(t.Context(), s)
		if paths := d; err != nil || len(paths) != 1 || paths[0].Path != "trigger "+there[0].Name+" "+want {
			t.Errorf("a change of %s by hand is %+v, %v", want, d, err)
		}
		if err := a.Bind(c.hasty(t), s, providers.BindEnabled, 0); err != nil {
			t.Fatal(err)
		}
		if d, err := a.Inspect(t.Context(), s); err != nil || len(d) > 0 {
			t.Errorf("bound again it differs: %+v, %v", d, err)
		}
	}
}

func TestEventsFollowWhatAReleaseMakesLive(t *testing.T) {
	t.Parallel()
	needPython(t)
	eventsFollow(t, newCluster(t))
}

func eventsFollow(t *testing.T, c stand) {
	c.Broker(t, "orders", "")
	sources := faults.NewShop(t, func(version string) (name, text string) { return "app.py", consumerOf(version) })
	engine := func(version string, events ...manifest.Event) *release.Engine {
		like := c.function("", "")
		like.Handler, like.Runtime, like.Style = "app:app", "python3.13", manifest.StyleWSGI
		return sources.Engine(version, manifest.Target{Name: "cluster", Provider: name}, c.process(t, "shop", "dev"), like, func(m *manifest.Manifest) {
			m.Functions = slices.DeleteFunc(m.Functions, func(f manifest.Function) bool { return f.Name != "jobs" })
			m.Functions[0].Events = events
		})
	}
	sent := func(want ...string) {
		t.Helper()
		a := c.process(t, "shop", "dev")
		before := len(got(t, a, "jobs"))
		c.Send(t, "orders", text("t", "hello"))
		if all := heard(t, a, "jobs", before, len(want)); !slices.Equal(all, want) {
			t.Errorf("a message is heard as %q, want %q", all, want)
		}
	}
	ctx := c.hasty(t)
	for _, step := range []struct {
		version string
		events  []manifest.Event
		want    []string
	}{
		{"one", []manifest.Event{orders(5)}, []string{"one t hello knative"}},
		{"two", []manifest.Event{orders(2)}, []string{"two t hello knative"}},
		{"three", []manifest.Event{{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}}}, nil},
	} {
		if _, err := engine(step.version, step.events...).Deploy(ctx, release.DeployOptions{}); err != nil {
			t.Fatal(err)
		}
		sent(step.want...)
	}
	if _, err := engine("three").Rollback(ctx, release.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	sent("two t hello knative")
	if d := c.Send(t, "orders", text("t", "fail")); len(d) != 1 || d[0].Attempts != 2 {
		t.Errorf("what a rollback restored is tried as %+v", d)
	}
}

func TestABrokerThatThereIsNotIsSaidBeforeADeployWithTheNextStep(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a := c.process(t, "shop", "dev")
	spec := func(name string, events ...manifest.Event) providers.Spec {
		return providers.Spec{Function: c.function(name, "a", events...)}
	}
	obstacles := func(specs ...providers.Spec) string {
		t.Helper()
		found, err := a.Obstacles(hasty(t), specs)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, o := range found {
			all = append(all, string(o.Err.Kind)+": "+o.Err.Err.Error()+": "+o.Err.Hint)
		}
		return strings.Join(all, "\n")
	}
	topic := manifest.Event{Topic: &manifest.TopicEvent{Name: "orders"}}
	if said := obstacles(spec("api", topic)); !strings.Contains(said, "there is no broker orders in the namespace default") || !strings.Contains(said, "kn broker create orders") {
		t.Errorf("without the broker: %s", said)
	}
	c.Broker(t, "orders", "")
	if said := obstacles(spec("api", topic), spec("web", topic)); said != "" {
		t.Errorf("with the broker: %s", said)
	}
	if said := obstacles(spec("api", orders(3)), spec("web", orders(3))); !strings.Contains(said, "the function api reads the queue orders, too") {
		t.Errorf("with two that read a queue: %s", said)
	}
	c.WithoutEventing()
	if said := obstacles(spec("api", topic)); !strings.HasPrefix(said, string(providers.Unsupported)) || !strings.Contains(said, "install it: https://knative.dev/docs/") {
		t.Errorf("without Eventing: %s", said)
	}
	var e *providers.Error
	if err := a.Bind(hasty(t), spec("api", topic), providers.BindEnabled, 0); !errors.As(err, &e) || e.Kind != providers.Unsupported || e.Hint == "" {
		t.Errorf("without Eventing a bind ends with %v", err)
	}
}

func TestNobodyOutsideCanMakeUpAnEvent(t *testing.T) {
	t.Parallel()
	needPython(t)
	c := newCluster(t)
	c.Broker(t, "orders", "")
	a := c.process(t, "shop", "dev")
	s := c.consuming(t, a, "api", map[string]any{}, orders(1))
	live(t, a, s)
	if err := a.Bind(hasty(t), s, providers.BindEnabled, 0); err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"text/plain"}, "Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}}
	for _, path := range []string{"/.ferry/event", "/.ferry/event/", "/.ferry/event/" + delivering(""), "/.ferry/event/" + delivering(s.Digest), "/.ferry/event/" + s.Digest[7:]} {
		if _, err := a.Invoke(t.Context(), "api", providers.Request{Method: http.MethodPost, Path: path, Header: header, Body: []byte("forged")}); err != nil {
			t.Fatal(err)
		}
	}
	c.Send(t, "orders", text("t", "sent"))
	if all := heard(t, a, "api", 0, 1); !slices.Equal(all, []string{"one t sent knative"}) {
		t.Errorf("it heard %q", all)
	}
}

package knative

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/knativetest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// Here nothing of Eventing is imitated: its own reconcilers look at what ferry writes, its own code judges it as its webhook does, and
// events go by its broker's ingress, channel, dispatcher and filter to a function's process.
func TestEventsGoThroughTheBrokerOfKnativeEventing(t *testing.T) {
	t.Parallel()
	needPython(t)
	dir := planeDir(t)
	if lacks := knativetest.MissingEventing(dir); lacks != "" {
		t.Skip(lacks)
	}
	plane := newPlane(t)
	plane.StartEventing(t, dir)
	c := standIn(t, plane.Cluster(t, role(t)), realHaste)
	c.Broker(t, "lost", "")
	c.Broker(t, "orders", "lost")
	for _, id := range []string{"lost", "orders"} {
		if err := until.True(c.hasty(t), working("the broker "+id), func() (bool, error) { return c.Condition("brokers.eventing.knative.dev", id, "Ready") == "True", nil }); err != nil {
			t.Fatalf("%v: %s", err, c.Condition("brokers.eventing.knative.dev", id, "Ready"))
		}
	}
	a := c.process(t, "shop", "dev")
	works := c.consuming(t, a, "api", map[string]any{"resources": map[string]string{"uploads": "orders?source=/minio"}}, orders(3),
		manifest.Event{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created"}, Prefix: "raw/"}})
	mourns := c.handler(t, a, "mourner", "a", "def on_event(event, ctx):\n    print('got', event['type'], event.data, flush=True)\n"+fmt.Sprintf(application, "one"),
		manifest.Event{Topic: &manifest.TopicEvent{Name: "lost"}})
	ctx, cancel := context.WithTimeout(c.hasty(t), 4*time.Minute)
	defer cancel()
	for _, s := range []providers.Spec{works, mourns} {
		live(t, a, s)
		if err := a.Bind(ctx, s, providers.BindPaused, 0); err != nil {
			t.Fatal(err)
		}
		if err := a.Bind(ctx, s, providers.BindEnabled, 0); err != nil {
			t.Fatal(err)
		}
	}
	made := slices.DeleteFunc(c.Snapshot(), func(o string) bool { return !strings.HasPrefix(o, "triggers") })
	if len(made) != 3 {
		t.Errorf("the triggers are %q", made)
	}
	for _, o := range made {
		_, id, _ := strings.Cut(o, "/")
		if said := c.Validate(t, dir, id); said != "" {
			t.Errorf("the webhook refuses %s: %s", id, said)
		}
		t.Logf("%s: %s", id, c.Condition("triggers.eventing.knative.dev", id, "Ready"))
	}
	image := func(key string) knativetest.Event {
		e := text("dev.ferry.object.created.v1", `{"bucket":"uploads"}`)
		e.Attributes["source"], e.Attributes["subject"], e.Media = "/minio", key, "application/json"
		return e
	}
	c.Deliver(t, "orders", text("com.example.order", "fail"))
	c.Deliver(t, "orders", text("com.example.order", "hello"))
	c.Deliver(t, "orders", image("other/a.png"))
	c.Deliver(t, "orders", image("raw/a.png"))
	heard := func(fn, line string, times int) {
		t.Helper()
		var all []string
		err := until.True(ctx, until.Rule{For: fn + " to hear", Within: time.Minute, First: 100 * time.Millisecond, Most: time.Second}, func() (bool, error) {
			all = slices.DeleteFunc(got(t, a, fn), func(l string) bool { return l != line })
			return len(all) == times, nil
		})
		if err != nil {
			t.Errorf("%s hears %q: %v", fn, got(t, a, fn), err)
		}
	}
	heard("api", "one com.example.order hello knative", 1)
	heard("api", "one dev.ferry.object.created.v1 {'bucket': 'uploads'} knative", 3) // two by way of the queue, which takes whatever its broker has
	heard("api", "one com.example.order fail knative", 3)
	heard("mourner", "com.example.order fail", 1)
	if d, err := a.Inspect(ctx, works); err != nil || len(d) > 0 {
		t.Errorf("as it was bound it differs: %+v, %v", d, err)
	}
}

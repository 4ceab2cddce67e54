package azure

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// uploaded has a blob written, as a program of the caller's does.
func (m *mailbox) uploaded(name string) {
	m.Helper()
	in, err := m.conn.box("uploads")
	if err == nil {
		_, err = in.write(m.Context(), name, "content", condition{})
	}
	if err != nil {
		m.Fatal(err)
	}
}

// subscriptions are those of Event Grid that there are, by what they are of.
func (m *mailbox) subscriptions() []string {
	var all []string
	for line := range strings.Lines(m.cloud.Snapshot()) {
		if of, _, is := strings.Cut(line, "/providers/Microsoft.EventGrid/eventSubscriptions/"); is {
			all = append(all, lastPart(of))
		}
	}
	slices.Sort(all)
	return all
}

func objectAndTopic() []manifest.Event {
	return []manifest.Event{
		{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created"}, Prefix: "raw/", Suffix: ".csv"}}, {Topic: &manifest.TopicEvent{Name: "signups"}},
	}
}

// pushed is a mailbox with a function for events that Event Grid pushes, which is live.
func pushed(t *testing.T) (*mailbox, providers.Spec) {
	t.Helper()
	m := newMailbox(t)
	spec := programSpec(m, m.a, "worker", "one", "a", objectAndTopic()...)
	m.plainOnes(spec)
	if err := m.conn.makeContainer(t.Context(), "uploads"); err != nil {
		t.Fatal(err)
	}
	goLive(t, m.a, spec)
	return m, spec
}

func (m *mailbox) binds(spec providers.Spec, mode providers.Mode) error {
	return m.a.Bind(until.Hasten(m.Context(), haste), spec, mode, 0)
}

func TestEventsOfEventGridAreBoundWhenItKnowsTheFunctionAndLeaveNothingBehind(t *testing.T) {
	m, spec := pushed(t)
	m.cloud.GridLag(3)
	m.uploaded("raw/before.csv") // which nobody has asked for yet
	if err := m.binds(spec, providers.BindEnabled); err != nil {
		t.Fatalf("%v, hint %q", err, hint(err))
	}
	if found := m.subscriptions(); !slices.Equal(found, []string{m.conn.storageName(), "signups"}) {
		t.Fatalf("there are subscriptions of %v", found)
	}
	for _, name := range []string{"other.csv", "raw/other.txt", "raw/a.csv"} {
		m.uploaded(name)
	}
	m.called("worker", "pushed")
	at, err := m.conn.app("worker")
	if err != nil {
		t.Fatal(err)
	}
	if heard := ask(t, m.cloud, at).Events; len(heard) != 1 {
		t.Errorf("one blob is of those that the event names, and the function was called by %v", heard)
	}
	less := programSpec(m, m.a, "worker", "two", "a", objectAndTopic()[1])
	m.listens(less)
	if found := m.subscriptions(); !slices.Equal(found, []string{"signups"}) {
		t.Errorf("after an event left there are subscriptions of %v", found)
	}
	m.listens(spec)
	if err := m.a.Remove(until.Hasten(t.Context(), haste), "worker", 0); err != nil {
		t.Fatal(err)
	}
	if err := m.a.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := m.subscriptions(); len(found) > 0 {
		t.Errorf("after the function there are subscriptions of %v", found)
	}
	if left := m.cloud.Snapshot(); !strings.Contains(left, "Microsoft.EventGrid/topics shop/providers/Microsoft.EventGrid/topics/signups") || !strings.Contains(left, "containers/uploads") || strings.Contains(left, "nobody") {
		t.Errorf("what is not ferry's is gone, or something is nobody's:\n%s", left)
	}
}

func TestEventGridIsAskedAgainWhileTheFunctionIsNotAwakeInTime(t *testing.T) {
	m, spec := pushed(t)
	m.cloud.GridCold(4) // two subscriptions, twice each
	if err := m.binds(spec, providers.BindEnabled); err != nil {
		t.Fatalf("%v, hint %q", err, hint(err))
	}
	m.uploaded("raw/a.csv")
	m.called("worker", "pushed")
	if err := m.binds(spec, providers.BindNone); err != nil {
		t.Fatal(err)
	}
	m.cloud.GridCold(1 << 20)
	err := m.a.Bind(until.Hasten(t.Context(), 1000), spec, providers.BindEnabled, 0)
	if !errors.Is(err, providers.Unhealthy) || !strings.Contains(err.Error(), "did not answer Event Grid") || !strings.Contains(hint(err), "ferry logs worker") {
		t.Errorf("%v, hint %q", err, hint(err))
	}
}

func TestNoLostOrFailedCallToEventGridLeavesASubscriptionTooFewOrTooMany(t *testing.T) {
	for name, fault := range map[string]standin.Fault{"lost": standin.LoseReply(), "cut": standin.Cut(), "refused": standin.Fail(http.StatusForbidden, "AuthorizationFailed", "The client 'x' does not have authorization to perform action 'Microsoft.EventGrid/eventSubscriptions/write' over scope '/s'.")} {
		t.Run(name, func(t *testing.T) {
			m, spec := pushed(t)
			for _, step := range []struct {
				mode  providers.Mode
				there []string
			}{{providers.BindEnabled, []string{m.conn.storageName(), "signups"}}, {providers.BindNone, nil}} {
				fails := func(operation string, call int) {
					n := 0
					m.cloud.Intercept(func(c standin.Call) standin.Fault {
						if c.Operation == operation {
							if n++; n == call {
								return fault
							}
						}
						return standin.Fault{}
					})
				}
				operation := map[providers.Mode]string{providers.BindEnabled: "EventSubscriptions_CreateOrUpdate", providers.BindNone: "EventSubscriptions_Delete"}[step.mode]
				for call := range 2 {
					fails(operation, call+1)
					err := m.binds(spec, step.mode)
					if name == "refused" && err == nil {
						t.Fatalf("%s %d was refused, which nobody says", operation, call+1)
					}
				}
				m.cloud.Intercept(nil)
				if err := m.binds(spec, step.mode); err != nil {
					t.Fatalf("%s: %v, hint %q", step.mode, err, hint(err))
				}
				if found := m.subscriptions(); !slices.Equal(found, step.there) {
					t.Errorf("%s: there are subscriptions of %v", step.mode, found)
				}
			}
		})
	}
}

package azure

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// mailbox is a service with a function that is live and that messages call, and a caller who may send and look.
type mailbox struct {
	*testing.T
	cloud *azuretest.Cloud
	a     *Adapter
	conn  *connection
}

func newMailbox(t *testing.T) *mailbox {
	t.Parallel()
	c := azuretest.Start(t)
	c.Polls(0)
	c.RoleLag(0)
	c.SyncLag(0)
	m := &mailbox{T: t, cloud: c, a: adapterOf(t, c)}
	m.conn = bus(t, m.a, "/queues/orders-dev", "/topics/signups")
	for _, role := range []string{"Storage Queue Data Contributor", "EventGrid Data Sender", "Azure Service Bus Data Owner"} {
		c.Grant(azuretest.Caller, role, m.conn.groupID())
	}
	return m
}

// listens has a function live whose events are on.
func (m *mailbox) listens(spec providers.Spec) {
	m.Helper()
	goLive(m, m.a, spec)
	if err := m.a.Bind(until.Hasten(m.Context(), haste), spec, providers.BindEnabled, 0); err != nil {
		m.Fatal(err)
	}
}

// makes puts something into the resource group.
func (m *mailbox) makes(id, version string, body any) {
	m.Helper()
	if err := m.conn.call(m.Context(), http.MethodPut, id, version, body, nil); err != nil {
		m.Fatal(err)
	}
}

// plainOnes makes a topic of Event Grid, and a queue of Azure Storage, for a function that is published.
func (m *mailbox) plainOnes(spec providers.Spec) {
	m.Helper()
	m.makes(m.conn.id("Microsoft.EventGrid/topics", "signups"), gridVersion, map[string]any{"location": "westeurope"})
	if _, err := m.a.Publish(until.Hasten(m.Context(), haste), spec, 0); err != nil {
		m.Fatal(err)
	}
	m.makes(m.conn.storageID()+"/queueServices/default/queues/orders", "2023-05-01", map[string]any{"properties": map[string]any{}})
}

// called waits until a function was called as often by each of its triggers.
func (m *mailbox) called(fn string, triggers ...string) {
	m.Helper()
	at, err := m.conn.app(fn)
	if err != nil {
		m.Fatal(err)
	}
	comes(m, strings.Join(triggers, ", "), func() bool {
		heard := ask(m, m.cloud, at).Events
		return !slices.ContainsFunc(triggers, func(t string) bool { return !slices.Contains(heard, "/"+t) })
	})
}

// dead waits for the dead letters of a queue to be as many.
func (m *mailbox) dead(name string, n int) (found providers.Queue) {
	m.Helper()
	comes(m, "the dead letter", func() bool {
		all, err := m.a.Queues(m.Context())
		if err != nil {
			m.Fatalf("%v, hint %q", err, hint(err))
		}
		i := slices.IndexFunc(all, func(q providers.Queue) bool { return q.Name == name })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0 && len(found.Dead) == n && found.Depth == 0 // one that dies just then is still counted
	})
	return found
}

func queueAndTopic() []manifest.Event {
	return []manifest.Event{{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1, Attempts: 2}}, {Topic: &manifest.TopicEvent{Name: "signups"}}}
}

func TestAMessageIsSentToWhoIsBoundAndNeverIntoNothing(t *testing.T) {
	m := newMailbox(t)
	plain := programSpec(m, m.a, "worker", "one", "a", queueAndTopic()...)
	m.plainOnes(plain)
	m.listens(plain)
	for kind, name := range map[string]string{"queue": "orders", "topic": "signups"} {
		sent, err := m.a.Send(t.Context(), providers.Message{Kind: kind, Name: name, Body: []byte("hello")})
		if err != nil || sent.ID == "" || !slices.Equal(sent.Functions, []string{"worker"}) {
			t.Errorf("sent is %+v: %v, hint %q", sent, err, hint(err))
		}
		_, err = m.a.Send(t.Context(), providers.Message{Kind: kind, Name: name, Attributes: map[string]string{"plan": "free"}})
		if !errors.Is(err, providers.Unsupported) || !strings.Contains(hint(err), "service_bus") {
			t.Errorf("attributes of a %s that has none: %v", kind, err)
		}
		if _, err := m.a.Send(t.Context(), providers.Message{Kind: kind, Name: "nowhere"}); !errors.Is(err, providers.NotFound) {
			t.Errorf("a message to a %s that nobody reads: %v", kind, err)
		}
	}
	m.called("worker", "queue0", "pushed")
	m.listens(heard(m, m.a, "one", queueAndTopic()...)) // reads them by the same names, of Service Bus
	if _, err := m.a.Send(t.Context(), providers.Message{Kind: "queue", Name: "orders"}); !errors.Is(err, providers.Unsupported) {
		t.Errorf("a message to two queues of one name: %v", err)
	}
	if err := m.a.Remove(until.Hasten(t.Context(), haste), "worker", 0); err != nil {
		t.Fatal(err)
	}
	for kind, name := range map[string]string{"queue": "orders", "topic": "signups"} {
		sent, err := m.a.Send(t.Context(), providers.Message{Kind: kind, Name: name, Body: []byte("hello"), ContentType: "text/plain", Attributes: map[string]string{"plan": "für alle"}})
		if err != nil || !slices.Equal(sent.Functions, []string{"mailer"}) {
			t.Errorf("sent is %+v: %v, hint %q", sent, err, hint(err))
		}
	}
	m.called("mailer", "queue0", "topic0")
}

func TestDeadLettersOfAQueueOfStorageAreShownAndDeliveredAgain(t *testing.T) {
	m := newMailbox(t)
	spec := programSpec(m, m.a, "worker", "one", "a", queueAndTopic()...)
	m.plainOnes(spec)
	m.listens(spec)
	if _, err := m.a.Send(t.Context(), providers.Message{Kind: "queue", Name: "orders", Body: []byte("bad <&> order")}); err != nil {
		t.Fatal(err)
	}
	q := m.dead("orders", 1)
	if d := q.Dead[0]; q.Depth != 0 || q.Function != "worker" || string(d.Body) != "bad <&> order" || d.Attempts != 2 || d.Died.IsZero() {
		t.Errorf("the queue is %+v", q)
	}
	if n, err := m.a.Redrive(t.Context(), "orders"); n != 1 || err != nil {
		t.Errorf("%d are delivered again, %v", n, err)
	}
	m.dead("orders", 1) // it is no better now
	if _, err := m.a.Redrive(t.Context(), "signups"); !errors.Is(err, providers.Unsupported) {
		t.Errorf("of Event Grid: %v", err)
	}
	if _, err := m.a.Redrive(t.Context(), "nowhere"); !errors.Is(err, providers.NotFound) {
		t.Errorf("of what is not there: %v", err)
	}
}

func TestDeadLettersOfServiceBusAreShownAndDeliveredAgainWhereNothingOfThemIsLost(t *testing.T) {
	m := newMailbox(t)
	m.listens(heard(m, m.a, "one", queueAndTopic()...))
	for _, message := range []providers.Message{
		{Kind: "queue", Name: "orders", Body: []byte("bad order")},
		{Kind: "topic", Name: "signups", Body: []byte("bad mail")},
		{Kind: "queue", Name: "orders", Body: []byte("bad free order"), Attributes: map[string]string{"plan": "free"}},
	} {
		if _, err := m.a.Send(t.Context(), message); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // what is looked at is let go
		q := m.dead("orders", 2)
		if d := q.Dead[0]; q.Depth != 0 || q.Function != "mailer" || string(d.Body) != "bad order" || d.Attempts != 2 || !strings.Contains(d.Reason, "after 2 delivery attempts") || d.Sent.IsZero() {
			t.Errorf("the queue is %+v", q)
		}
		m.dead("signups", 1)
	}
	if n, err := m.a.Redrive(t.Context(), "orders"); n != 1 || !errors.Is(err, providers.Unsupported) || !strings.Contains(err.Error(), "1 of orders have properties") {
		t.Errorf("%d are delivered again, %v", n, err)
	}
	m.dead("orders", 2)
	if n, err := m.a.Redrive(t.Context(), "signups"); n != 1 || err != nil {
		t.Errorf("%d of a topic are delivered again, %v", n, err)
	}
	m.dead("signups", 1)
	m.makes(m.conn.id(busNamespaces, "shopbus")+"/topics/signups/subscriptions/theirs", busVersion, map[string]any{"properties": map[string]any{}})
	if _, err := m.a.Redrive(t.Context(), "signups"); !errors.Is(err, providers.Unsupported) {
		t.Errorf("of a topic that others read: %v", err)
	}
}

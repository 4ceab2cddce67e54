package azure

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

// heard is a program that events call, as a function of a service whose queues and topics are of Service Bus.
func heard(t testing.TB, a *Adapter, version string, events ...manifest.Event) providers.Spec {
	t.Helper()
	spec := programSpec(t, a, "mailer", version, "a", events...)
	if err := json.Unmarshal([]byte(`{"service_bus": "shopbus", "resources": {"orders": "orders-dev"}}`), &spec.Function.Config); err != nil {
		t.Fatal(err)
	}
	return providertest.Digested(spec)
}

// bus makes a namespace with a queue and a topic.
func bus(t testing.TB, a *Adapter, entities ...string) *connection {
	t.Helper()
	c, err := a.connect(t.Context())
	if err == nil {
		err = c.makeGroup(t.Context())
	}
	for _, name := range append([]string{""}, entities...) {
		body := map[string]any{"properties": map[string]any{}}
		if name == "" {
			body = map[string]any{"location": "westeurope", "sku": map[string]string{"name": "Standard"}}
		}
		if strings.Contains(name, "queues") {
			body["properties"] = map[string]any{"maxDeliveryCount": 2}
		}
		if err == nil {
			err = c.call(t.Context(), http.MethodPut, c.id(busNamespaces, "shopbus")+name, busVersion, body, nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestQueuesAndTopicsOfServiceBusCallAFunctionByItsOwnIdentity(t *testing.T) {
	t.Parallel()
	cloud := azuretest.Start(t)
	cloud.Polls(0)
	a := adapterOf(t, cloud)
	ctx := until.Hasten(t.Context(), haste)
	queue := manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 3}}
	topic := manifest.Event{Topic: &manifest.TopicEvent{Name: "signups"}}
	c := bus(t, a)
	_, err := a.Publish(ctx, heard(t, a, "one", queue), 0)
	if !errors.Is(err, providers.NotFound) || !strings.Contains(hint(err), "az servicebus queue create --resource-group shop --namespace-name shopbus --name orders-dev") {
		t.Fatalf("without the queue: %v, hint %q", err, hint(err))
	}
	bus(t, a, "/queues/orders-dev", "/topics/signups")
	both := heard(t, a, "one", queue, topic)
	goLive(t, a, both)
	if err := a.Bind(ctx, both, providers.BindEnabled, 0); err != nil {
		t.Fatal(err)
	}
	for entity, body := range map[string]string{"orders-dev": "order", "signups": "mail"} {
		if n := cloud.SendBus("shopbus", entity, azuretest.BusMessage{Body: body}); n != 1 {
			t.Fatalf("%d hear of %s", n, entity)
		}
	}
	cloud.SendBus("shopbus", "orders-dev", azuretest.BusMessage{Body: "bad"})
	at, err := c.app("mailer")
	if err != nil {
		t.Fatal(err)
	}
	comes(t, "the messages", func() bool {
		events := ask(t, cloud, at).Events
		return slices.Contains(events, "/queue0") && slices.Contains(events, "/topic0")
	})
	comes(t, "the dead letter", func() bool { return slices.Equal(cloud.DeadLetters("shopbus", "orders-dev"), []string{"bad"}) })
	subscription := "topics/signups/subscriptions/" + a.busSubscription("mailer")
	left := cloud.Snapshot()
	for _, needed := range []string{"queues/orders-dev", subscription} {
		if !strings.Contains(left, needed+` "Azure Service Bus Data Receiver" `) {
			t.Errorf("there is no role on %s:\n%s", needed, left)
		}
	}
	one := heard(t, a, "two", queue)
	goLive(t, a, one)
	if err := a.Bind(ctx, one, providers.BindEnabled, 0); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(cloud.Snapshot(), subscription) {
		t.Errorf("the subscription of an event that left is there:\n%s", cloud.Snapshot())
	}
	goLive(t, a, both)
	if err := errors.Join(a.Bind(ctx, both, providers.BindNone, 0), a.Remove(ctx, "mailer", 0)); err != nil {
		t.Fatal(err)
	}
	if found := cloud.Snapshot(); strings.Contains(found, "subscriptions/"+a.busSubscription("mailer")) || !strings.Contains(found, "queues/orders-dev") {
		t.Errorf("what is ferry's is left, or what is not is gone:\n%s", found)
	}
}

func TestATopicIsHeardAgainWhenItsEventIsBack(t *testing.T) {
	t.Parallel()
	cloud := azuretest.Start(t)
	cloud.Polls(0)
	a := adapterOf(t, cloud)
	ctx := until.Hasten(t.Context(), haste)
	at, err := bus(t, a, "/topics/signups").app("mailer")
	if err != nil {
		t.Fatal(err)
	}
	with, without := heard(t, a, "one", manifest.Event{Topic: &manifest.TopicEvent{Name: "signups"}}), heard(t, a, "two")
	for _, spec := range []providers.Spec{with, without, with} {
		goLive(t, a, spec)
		if err := a.Bind(ctx, spec, providers.BindEnabled, 0); err != nil {
			t.Fatal(err)
		}
	}
	if n := cloud.SendBus("shopbus", "signups", azuretest.BusMessage{Body: "mail"}); n != 1 {
		t.Fatalf("%d hear of it", n)
	}
	comes(t, "the message", func() bool { return slices.Contains(ask(t, cloud, at).Events, "/topic0") })
	cloud.Reset()
	if err := a.Bind(ctx, with, providers.BindEnabled, 0); err != nil {
		t.Fatal(err)
	}
	for _, call := range cloud.Calls() {
		if call.Write && (call.Service == "Microsoft.ServiceBus" || call.Service == "Microsoft.Authorization") {
			t.Errorf("%s of %s was sent about what is there", call.Operation, call.Resource)
		}
	}
}

func TestASubscriptionOfADeployThatWasRefusedGoesWithTheFunction(t *testing.T) {
	t.Parallel()
	cloud := azuretest.Start(t)
	cloud.Polls(0)
	a := adapterOf(t, cloud)
	ctx := until.Hasten(t.Context(), haste)
	bus(t, a, "/topics/signups")
	cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "RoleAssignments_Create" && strings.Contains(cloud.Snapshot(), "subscriptions/"+a.busSubscription("mailer")) {
			return standin.Fail(http.StatusForbidden, "AuthorizationFailed", "The client does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '/s'.")
		}
		return standin.Fault{}
	})
	_, err := a.Publish(ctx, heard(t, a, "one", manifest.Event{Topic: &manifest.TopicEvent{Name: "signups"}}), 0)
	if !errors.Is(err, providers.Denied) || !strings.Contains(cloud.Snapshot(), "subscriptions/"+a.busSubscription("mailer")) {
		t.Fatalf("%v, and there is\n%s", err, cloud.Snapshot())
	}
	cloud.Intercept(nil)
	if err := a.Remove(ctx, "mailer", 0); err != nil {
		t.Fatal(err)
	}
	if left := cloud.Snapshot(); strings.Contains(left, a.busSubscription("mailer")) {
		t.Errorf("the subscription is left:\n%s", left)
	}
}

// comes waits until something is so.
func comes(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

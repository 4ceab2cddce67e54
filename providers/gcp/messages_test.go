package gcp

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"

	pubsub "google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

func TestAMessageIsSentToWhoIsBoundAndNeverIntoNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.deploy(t, b.listening(t, "worker", manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}))
	sent, err := b.a.Send(t.Context(), providers.Message{Kind: "queue", Name: "orders", ContentType: "application/json", Body: []byte(`{"order": 7}`)})
	if err != nil || sent.ID == "" || !slices.Equal(sent.Functions, []string{"worker"}) {
		t.Errorf("sent is %+v: %v", sent, err)
	}
	b.said(t, "worker", `GOT dev.ferry.queue.message.v1 {"order": 7}`)
	for _, name := range []string{"signups", "nowhere"} {
		if _, err := b.a.Send(t.Context(), providers.Message{Kind: "topic", Name: name}); !errors.Is(err, providers.NotFound) {
			t.Errorf("a message to %s: %v", name, err)
		}
	}
	if _, err := b.a.Send(t.Context(), providers.Message{Kind: "queue", Name: "orders", Group: "north"}); !errors.Is(err, providers.Unsupported) {
		t.Errorf("a message of a group: %v", err)
	}
}

// dead has a message of the queue come to the dead letters, as Pub/Sub writes one.
func (b bench) dead(t *testing.T, fn, subscription, body string) {
	t.Helper()
	_, err := b.pubsub.Projects.Topics.Publish(b.topicPath(b.deadLetters(fn)), &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{{
		Data: base64.StdEncoding.EncodeToString([]byte(body)),
		Attributes: map[string]string{
			deadSource + "Subscription": subscription, deadSource + "DeliveryCount": "10", deadSource + "TopicPublishTime": "2026-11-28T10:00:00Z", "color": "red",
		},
	}}}).Do()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDeadLettersAreShownAndDeliveredAgainWhereNobodyElseGetsThem(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.deploy(t, b.listening(t, "worker", manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}}, manifest.Event{Topic: &manifest.TopicEvent{Name: "signups"}}))
	b.dead(t, "worker", "orders", "seven")
	b.dead(t, "worker", "shop-dev-worker-signups", "hello")
	for range 2 { // what is looked at is given back
		all, err := b.a.Queues(t.Context())
		if err != nil || len(all) != 2 || all[0].Name != "orders" || all[0].Kind != "queue" || all[0].Depth != providers.UnknownDepth || all[1].Kind != "topic" {
			t.Fatalf("queues are %+v: %v", all, err)
		}
		for i, body := range []string{"seven", "hello"} {
			if dead := all[i].Dead; len(dead) != 1 || string(dead[0].Body) != body || dead[0].Attempts != 10 || dead[0].Sent.Year() != 2026 {
				t.Errorf("the dead letters of %s are %+v", all[i].Name, dead)
			}
		}
	}
	if n, err := b.a.Redrive(t.Context(), "orders"); n != 1 || err != nil {
		t.Errorf("%d are delivered again, %v", n, err)
	}
	b.said(t, "worker", `GOT dev.ferry.queue.message.v1 "seven"`)
	if n, err := b.a.Redrive(t.Context(), "orders"); n != 0 || err != nil {
		t.Errorf("then %d are, %v", n, err)
	}
	if _, err := b.pubsub.Projects.Subscriptions.Create(b.subscriptionPath("theirs"), &pubsub.Subscription{Topic: b.topicPath("signups")}).Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.a.Redrive(t.Context(), "signups"); !errors.Is(err, providers.Unsupported) {
		t.Errorf("of a topic that others read: %v", err)
	}
	if _, err := b.a.Redrive(t.Context(), "nowhere"); !errors.Is(err, providers.NotFound) {
		t.Errorf("of what is not there: %v", err)
	}
	if all, err := b.a.Queues(t.Context()); err != nil || len(all) != 2 || len(all[0].Dead) != 0 || len(all[1].Dead) != 1 {
		t.Errorf("in the end there are %+v: %v", all, err)
	}
}

package gcp

import (
	"errors"
	"slices"
	"testing"

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

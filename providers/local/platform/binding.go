package platform

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// The kinds of a Binding.
const (
	KindSchedule = "schedule"
	KindQueue    = "queue"
	KindTopic    = "topic"
	KindObject   = "object"
)

// The modes of a function's bindings; "" is none.
const (
	// BindingsPaused keeps what comes for later, but for the times of schedules, which pass.
	BindingsPaused  = "paused"
	BindingsEnabled = "enabled"
)

// Binding is one source of a function's events.
type Binding struct {
	Kind     string        `json:"kind"`
	Name     string        `json:"name,omitempty"`     // of the queue, topic or bucket
	Batch    int           `json:"batch,omitempty"`    // of a queue: messages fetched at once
	Attempts int           `json:"attempts,omitempty"` // of one message; 0 is five
	Backoff  time.Duration `json:"backoff,omitempty"`  // before the second attempt; 0 is a second
	Cron     string        `json:"cron,omitempty"`
	Zone     string        `json:"zone,omitempty"`
	On       []string      `json:"on,omitempty"` // of a bucket: created, deleted
	Prefix   string        `json:"prefix,omitempty"`
	Suffix   string        `json:"suffix,omitempty"`
}

// An attempt and its pause, unless a binding says otherwise: five attempts within 30 s.
const (
	defaultAttempts = 5
	defaultBackoff  = time.Second
)

// queue is where the messages of a binding wait. Those of a queue wait in one for all functions, those of others in one of
// the function's own.
func (b Binding) queue(function string) string {
	if b.Kind == KindQueue {
		return queueName(b.Kind, b.Name)
	}
	return queueName(b.Kind, b.Name, function)
}

func queueName(kind string, parts ...string) string {
	for _, p := range parts {
		kind += "/" + url.PathEscape(p)
	}
	return kind
}

// parseQueue is the kind and the parts of a queue's name.
func parseQueue(name string) (kind string, parts []string) {
	kind, rest, _ := strings.Cut(name, "/")
	for p := range strings.SplitSeq(rest, "/") {
		plain, err := url.PathUnescape(p)
		if err != nil {
			plain = p
		}
		parts = append(parts, plain)
	}
	return kind, parts
}

// takes reports whether a binding of a bucket is for what happened to an object.
func (b Binding) takes(bucket, happened, key string) bool {
	return b.Kind == KindObject && b.Name == bucket && slices.Contains(b.On, happened) &&
		strings.HasPrefix(key, b.Prefix) && strings.HasSuffix(key, b.Suffix)
}

// empty reports whether an entry says nothing.
func (e Entry) empty() bool { return reflect.DeepEqual(e, Entry{}) }

// bound reports whether a function has a binding of that kind and name.
func (e Entry) bound(kind, name string) bool {
	return e.Bindings != "" && slices.ContainsFunc(e.Events, func(b Binding) bool { return b.Kind == kind && b.Name == name })
}

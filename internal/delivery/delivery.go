// Package delivery keeps messages on a disk and delivers them at least once: in batches of which a part may fail, again
// after a failure, in order within a group, and in the end as dead letters with the reason. It knows neither HTTP nor who
// sends and who receives, so that a platform and the stand-ins of clouds can deliver with it.
//
// An Engine is one file. A message counts as taken once Put has returned: it is on the disk then. It goes when its
// delivery succeeded and that is on the disk; whatever a kill breaks off is delivered again.
package delivery

import (
	"context"
	"errors"
	"time"
)

// Message is what is kept and delivered.
type Message struct {
	ID string `json:"id"`
	// Group has messages delivered one after the other, in the order in which they were put: the next one when the one
	// before it is done or dead. Messages without one have no order.
	Group  string            `json:"group,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body,omitempty"`
	Sent   time.Time         `json:"sent"`
}

// Envelope is a message and the queue that it goes to.
type Envelope struct {
	Queue   string
	Message Message
}

// Delivery is one attempt to deliver a message.
type Delivery struct {
	Message
	Attempt int // from 1
}

// Consumer takes the messages of a queue. Several may share one.
type Consumer struct {
	Queue string
	Batch int // messages handed over at once; at least 1
	Limit int // batches at once; at least 1
	Retry Retry
	// Deliver says of each message what became of it: nil is done. An ErrPostponed is no attempt.
	Deliver func(ctx context.Context, batch []Delivery) []error
}

// Retry says how often a message is tried.
type Retry struct {
	Attempts int           // in all; at least 1
	Backoff  time.Duration // before the second attempt; it doubles with each further one
}

// The least times between attempts, and the most.
const (
	postponed  = time.Second
	maxBackoff = 15 * time.Minute
)

// pause is how long a message waits after so many attempts.
func (r Retry) pause(attempts int) time.Duration {
	pause := r.Backoff
	for range attempts - 1 {
		if pause *= 2; pause >= maxBackoff {
			return maxBackoff
		}
	}
	return pause
}

// ErrPostponed is why a message could not be tried, through no fault of its own: it is tried again soon, and that does not
// count.
var ErrPostponed = errors.New("postponed")

// Info describes a queue.
type Info struct {
	Queue  string       `json:"queue"`
	Depth  int          `json:"depth"`           // messages that wait or are under way
	Oldest time.Time    `json:"oldest,omitzero"` // when the first of them was sent
	Dead   []DeadLetter `json:"dead,omitempty"`  // oldest first
}

// DeadLetter is a message that was tried as often as it may be.
type DeadLetter struct {
	Message
	Attempts int       `json:"attempts"`
	Reason   string    `json:"reason"` // of the last failure
	Died     time.Time `json:"died"`
}

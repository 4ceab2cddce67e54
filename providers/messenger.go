package providers

import (
	"context"
	"time"
)

// Sender puts messages into the queues and topics of a place.
type Sender interface {
	// Send puts a message. Once it returns the message is delivered at least once. A name that nothing is bound to is
	// NotFound.
	Send(ctx context.Context, m Message) (Sent, error)
}

// Messenger is a Sender that shows what waits for functions, too.
type Messenger interface {
	Sender
	// Queues describes all that waits, by kind and name.
	Queues(ctx context.Context) ([]Queue, error)
	// Redrive has the dead letters of a queue, topic, bucket or schedule delivered again, and says how many they are.
	Redrive(ctx context.Context, name string) (int, error)
}

// Message is what is sent to a queue or a topic.
type Message struct {
	Kind        string // queue or topic
	Name        string
	ContentType string            // "" is text
	Group       string            // of a queue in order: messages of one group are delivered one after the other
	Attributes  map[string]string // beside the message
	Body        []byte
}

// Sent says what became of a message.
type Sent struct {
	ID        string
	Functions []string // that are bound to where it went, sorted
}

// Queue is what waits somewhere.
type Queue struct {
	Kind     string // schedule, queue, topic or object
	Name     string // of the queue, topic or bucket, or the function of a schedule
	Function string // whom it waits for, where that is one
	Depth    int    // messages that wait or are under way; UnknownDepth is that the provider does not say
	Oldest   time.Time
	Dead     []DeadLetter // oldest first
}

// UnknownDepth is how many messages wait where nobody says.
const UnknownDepth = -1

// DeadLetter is a message that was tried as often as it may be.
type DeadLetter struct {
	ID       string
	Sent     time.Time
	Died     time.Time
	Attempts int
	Reason   string // of the last failure, in the handler's words
	Body     []byte
}

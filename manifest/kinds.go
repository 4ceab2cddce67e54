package manifest

import (
	"reflect"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"
)

// Event is one thing that calls the function; exactly one field is set.
type Event struct {
	HTTP     *HTTPEvent     `json:"http,omitempty" jsonschema:"Answers HTTP requests. A function has at most one HTTP event."`
	Schedule *ScheduleEvent `json:"schedule,omitempty" jsonschema:"Calls the function at times."`
	Queue    *QueueEvent    `json:"queue,omitempty" jsonschema:"Calls the function for each message of a queue that exists."`
	Topic    *TopicEvent    `json:"topic,omitempty" jsonschema:"Calls the function for each message of a topic that exists."`
	Object   *ObjectEvent   `json:"object,omitempty" jsonschema:"Calls the function when an object of a bucket that exists is created or deleted."`
}

// HTTPEvent makes the function answer HTTP. A function has at most one.
type HTTPEvent struct {
	Path    string   `json:"path,omitempty" jsonschema:"The path that is answered: literal segments, {id} for one segment, {rest...} at the end for all that follow. Other paths get 404. Default: every path."`
	Methods []string `json:"methods,omitempty" jsonschema:"The methods that are answered: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS. Others get 405. Default: every method."`
	Auth    string   `json:"auth" jsonschema:"Who may call: public (default), or private: only callers that the target authenticates."`
	CORS    *CORS    `json:"cors,omitempty" jsonschema:"The cross-origin policy."`
}

// Private reports whether only callers may call that the target authenticates.
func (h *HTTPEvent) Private() bool { return h.Auth == "private" }

// CORS is the cross-origin policy of an HTTP event.
type CORS struct {
	Origins     []string `json:"origins,omitempty" jsonschema:"Origins that may call, such as https://example.com, or *."`
	Methods     []string `json:"methods,omitempty" jsonschema:"Methods that may be used. Default: those of the event."`
	Headers     []string `json:"headers,omitempty" jsonschema:"Request headers that may be sent."`
	MaxAge      Duration `json:"max_age,omitempty" jsonschema:"How long a browser may keep the answer, such as 10m."`
	Credentials bool     `json:"credentials,omitempty" jsonschema:"Whether cookies may be sent; not with the origin *."`
}

// ScheduleEvent calls the function at times.
type ScheduleEvent struct {
	Cron     string `json:"cron" jsonschema:"When, in the standard five fields: minute, hour, day of month, month, day of week. Months and days may have their English names. Where both day fields restrict, either one is enough, as in crontab."`
	Timezone string `json:"timezone" jsonschema:"The IANA time zone of cron. Default: UTC."`
}

// QueueEvent calls the function for each message of a queue that exists.
type QueueEvent struct {
	Name  string `json:"name" jsonschema:"The name of the queue, which must exist, or a key of the target's resources."`
	Batch int    `json:"batch" jsonschema:"How many messages are fetched at once, at least 1. Default: 1."`
	// Attempts and Backoff are left to the target where they are 0.
	Attempts int      `json:"attempts,omitempty" jsonschema:"How often a message is tried before it is a dead letter. Default: the target decides."`
	Backoff  Duration `json:"backoff,omitempty" jsonschema:"The pause before the second attempt, such as 1s; it doubles with each further one. Default: the target decides."`
}

// TopicEvent calls the function for each message of a topic that exists.
type TopicEvent struct {
	Name string `json:"name" jsonschema:"The name of the topic, which must exist, or a key of the target's resources."`
}

// ObjectEvent calls the function when an object of a bucket that exists is created or deleted.
type ObjectEvent struct {
	Bucket string   `json:"bucket" jsonschema:"The name of the bucket, which must exist, or a key of the target's resources."`
	On     []string `json:"on" jsonschema:"What calls the function: created (default), deleted, or both."`
	Prefix string   `json:"prefix,omitempty" jsonschema:"Only objects whose name begins so."`
	Suffix string   `json:"suffix,omitempty" jsonschema:"Only objects whose name ends so."`
}

// eventKind is all that the manifest knows of one kind of event. Its name is the key of its field in Event.
type eventKind struct {
	check func(c *checker, at string, e *Event)
	// needs is the key that an event of the kind cannot do without: it has no default.
	needs string
	// resource reports whether that key names something that exists at the target.
	resource bool
	// shorthand is what other tools let one write in place of the map: what is meant by it.
	shorthand func(n *Node) string
	// constrain adds to the schema what Go's types do not say of single values.
	constrain func(keys map[string]*jsonschema.Schema)
}

// eventKinds are the kinds of event, by their names.
func eventKinds() map[string]eventKind {
	return map[string]eventKind{
		"http": {
			check:     func(c *checker, at string, e *Event) { c.http(at, e.HTTP) },
			shorthand: (*Node).route,
			constrain: constrainHTTP,
		},
		"schedule": {
			check: func(c *checker, at string, e *Event) { c.schedule(at, e.Schedule) },
			needs: "cron",
			shorthand: func(n *Node) string {
				return "{cron: " + strconv.Quote(cut(n.text, 60)) + "}"
			},
			constrain: func(keys map[string]*jsonschema.Schema) {
				here := any("Local")
				keys["cron"].Pattern, keys["timezone"].Not = cronForm(), &jsonschema.Schema{Const: &here}
			},
		},
		"queue": {
			check: func(c *checker, at string, e *Event) { c.queue(at, e.Queue) },
			needs: "name", resource: true, shorthand: named,
			constrain: func(keys map[string]*jsonschema.Schema) {
				keys["batch"].Minimum, keys["attempts"].Minimum = number(1), number(1)
			},
		},
		"topic": {
			check: func(c *checker, at string, e *Event) { c.resource(at+".name", "topic", e.Topic.Name) },
			needs: "name", resource: true, shorthand: named,
		},
		"object": {
			check: func(c *checker, at string, e *Event) { c.object(at, e.Object) },
			needs: "bucket", resource: true,
			shorthand: func(n *Node) string { return "{bucket: " + n.written() + "}" },
			constrain: func(keys map[string]*jsonschema.Schema) {
				on := keys["on"]
				on.Items.Enum, on.UniqueItems = enum("created", "deleted"), true
			},
		},
	}
}

// named takes one word for the name of a resource.
func named(n *Node) string { return "{name: " + n.written() + "}" }

// eventNames are the names of all kinds, in the order of Event's fields.
func eventNames() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Event]()) {
		names = append(names, jsonName(f))
	}
	return names
}

// kinds are the names of the kinds that are set; of an event that was checked there is one.
func (e Event) kinds() []string {
	var names []string
	v := reflect.ValueOf(e)
	for _, f := range reflect.VisibleFields(v.Type()) {
		if !v.FieldByIndex(f.Index).IsNil() {
			names = append(names, jsonName(f))
		}
	}
	return names
}

// Kind is the name of the event's kind, as the manifest has it; "" when none is set.
func (e Event) Kind() string {
	if names := e.kinds(); len(names) > 0 {
		return names[0]
	}
	return ""
}

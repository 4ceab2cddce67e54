package manifest

import (
	"reflect"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"
)

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
			constrain: func(keys map[string]*jsonschema.Schema) { keys["batch"].Minimum = number(1) },
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

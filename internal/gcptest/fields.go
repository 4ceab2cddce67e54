package gcptest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"google.golang.org/api/run/v2"
)

// plain is a value of one of the client's types as the fields that JSON has of it.
func plain(value any) map[string]any {
	data, err := json.Marshal(value)
	fields := map[string]any{}
	if err == nil {
		err = json.Unmarshal(data, &fields)
	}
	if err != nil {
		panic(err) // types of a client encode to objects
	}
	return fields
}

// bodyFields are the fields of a body, which has been checked.
func bodyFields(body []byte) map[string]any {
	fields := map[string]any{}
	_ = json.Unmarshal(body, &fields) // it has been decoded before
	return fields
}

// typedAs reads fields into one of the client's types.
func typedAs[T any](fields map[string]any) *T {
	into := new(T)
	data, err := json.Marshal(fields)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		panic(err) // they have been checked against the document
	}
	return into
}

// masked is current with the fields of the update that a mask names: one that the update does not have is cleared
// (https://google.aip.dev/161).
func masked(current, update map[string]any, mask []string) map[string]any {
	out := copied(current)
	for _, path := range mask {
		writeField(out, update, strings.Split(path, "."))
	}
	return out
}

func writeField(out, update map[string]any, path []string) {
	name := path[0]
	if _, known := update[name]; !known {
		if _, known := out[name]; !known {
			name = camel(name)
		}
	}
	value, given := update[name]
	if len(path) == 1 {
		if given {
			out[name] = value
		} else {
			delete(out, name)
		}
		return
	}
	below, _ := out[name].(map[string]any)
	if below == nil {
		below = map[string]any{}
	}
	from, _ := value.(map[string]any)
	writeField(below, from, path[1:])
	out[name] = below
}

// copied is a copy all the way down, as far as objects go.
func copied(fields map[string]any) map[string]any {
	out := make(map[string]any, len(fields))
	for name, value := range fields {
		if below, ok := value.(map[string]any); ok {
			value = copied(below)
		}
		out[name] = value
	}
	return out
}

// writableFields are those of the resource that is no output of the system.
func writableFields(c *call) []string {
	var names []string
	for name, field := range c.method.document.Schemas[c.method.Request.Ref].Properties {
		if !field.ReadOnly && name != "name" && name != "etag" {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// writable is a service as somebody asks for it: what only the system says is left out.
func writable(is *run.GoogleCloudRunV2Service) *run.GoogleCloudRunV2Service {
	return keepSystem(&run.GoogleCloudRunV2Service{Name: is.Name}, is)
}

// keepSystem is next with what only the system says as it was.
func keepSystem(was, next *run.GoogleCloudRunV2Service) *run.GoogleCloudRunV2Service {
	out := *next
	out.Name, out.Etag, out.Uid, out.Uri, out.Urls = was.Name, was.Etag, was.Uid, was.Uri, was.Urls
	out.CreateTime, out.UpdateTime, out.DeleteTime, out.ExpireTime = was.CreateTime, was.UpdateTime, was.DeleteTime, was.ExpireTime
	out.Creator, out.LastModifier, out.SatisfiesPzs = was.Creator, was.LastModifier, was.SatisfiesPzs
	out.Generation, out.ObservedGeneration, out.Reconciling = was.Generation, was.ObservedGeneration, was.Reconciling
	out.Conditions, out.TerminalCondition, out.TrafficStatuses = was.Conditions, was.TerminalCondition, was.TrafficStatuses
	out.LatestCreatedRevision, out.LatestReadyRevision = was.LatestCreatedRevision, was.LatestReadyRevision
	out.Labels, out.Annotations = maps.Clone(next.Labels), maps.Clone(next.Annotations)
	return &out
}

package gcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	pubsub "google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/manifest"
)

// A subscription transforms messages by a function in JavaScript that Pub/Sub runs: it drops news of objects that no event asks
// for, and makes of a message what a program without a shim takes, a CloudEvent in binary mode.

// asking is whether an event of the function asks for the news of an object.
const asking = `const asked = ({ eventType, objectId = "" }) =>
  WANTED.some(({ on, prefix, suffix }) => on.includes(eventType) && objectId.startsWith(prefix) && objectId.endsWith(suffix));
`

// choosing drops the news of objects that no event asks for.
const choosing = asking + `function ferry(message) {
  return asked(message.attributes) ? message : null;
}
`

// writing makes the attributes of a message the headers of a CloudEvent, with which it is pushed.
const writing = asking + `function ferry(message, metadata) {
  const given = message.attributes || {};
  const header = (text) => text.replace(/[^!#$&-~]/gu, encodeURIComponent);
  const event = {
    "ce-specversion": "1.0", "ce-id": metadata.message_id, "ce-time": metadata.publish_time,
    "ce-source": SOURCE, "ce-type": "dev.ferry." + KIND + ".message.v1",
  };
  if (metadata.ordering_key) event["ce-ferrygroup"] = header(metadata.ordering_key);
  if (KIND !== "object") {
    const type = Object.keys(given).find((name) => /^content-?type$/i.test(name));
    return { data: message.data, attributes: { ...event, "Content-Type": type ? given[type] : "text/plain; charset=utf-8" } };
  }
  if (!asked(given)) return null;
  const item = JSON.parse(message.data);
  const data = { bucket: item.bucket, key: item.name, size: item.size && Number(item.size), etag: item.etag, version: item.generation };
  event["ce-type"] = "dev.ferry.object." + (given.eventType === "OBJECT_FINALIZE" ? "created" : "deleted") + ".v1";
  event["ce-subject"] = header(item.name);
  return { data: JSON.stringify(data), attributes: { ...event, "Content-Type": "application/json" } };
}
`

// wantedObject is what an event asks for of a bucket.
type wantedObject struct {
	On     []string `json:"on"`
	Prefix string   `json:"prefix"`
	Suffix string   `json:"suffix"`
}

// transform is what a subscription does to its messages, nil for nothing.
func (s subscription) transform() []*pubsub.MessageTransform {
	suffixed := slices.ContainsFunc(s.wanted, func(w wantedObject) bool { return w.Suffix != "" })
	code := ""
	switch {
	case s.plain:
		code = constants("KIND", s.kind, "SOURCE", s.source(), "WANTED", append([]wantedObject{}, s.wanted...)) + writing
	case suffixed:
		code = constants("WANTED", s.wanted) + choosing
	default:
		return nil
	}
	return []*pubsub.MessageTransform{{JavascriptUdf: &pubsub.JavaScriptUDF{FunctionName: "ferry", Code: code}}}
}

// source is where the events of a subscription come from.
func (s subscription) source() string {
	if s.kind == "object" {
		return "//storage.googleapis.com/projects/_/buckets/" + s.bucket
	}
	return "/" + s.topic
}

// constants are values by their names, as JavaScript has them.
func constants(pairs ...any) string {
	var b bytes.Buffer
	for i := 0; i < len(pairs); i += 2 {
		value, err := json.Marshal(pairs[i+1])
		if err != nil {
			panic(err) // texts always encode
		}
		fmt.Fprintf(&b, "const %s = %s;\n", pairs[i], value)
	}
	return b.String()
}

// wantedOf is what the events of a function ask for of a bucket.
func wantedOf(fn function, bucket string) []wantedObject {
	var all []wantedObject
	for _, e := range fn.Events {
		if e.Object != nil && bucketNamed(fn, e.Object.Bucket) == bucket {
			all = append(all, wantedObject{eventTypes(e.Object), e.Object.Prefix, e.Object.Suffix})
		}
	}
	return all
}

// eventTypes are what an event asks for, in the words of Cloud Storage.
func eventTypes(e *manifest.ObjectEvent) []string {
	var all []string
	for _, on := range e.On {
		all = append(all, map[string]string{"created": "OBJECT_FINALIZE", "deleted": "OBJECT_DELETE"}[on])
	}
	return all
}

// sameTransforms reports whether a subscription does what it shall to its messages.
func sameTransforms(a, b []*pubsub.MessageTransform) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i].JavascriptUdf, b[i].JavascriptUdf
		if x == nil || y == nil || a[i].Disabled != b[i].Disabled || x.FunctionName != y.FunctionName || x.Code != y.Code {
			return false
		}
	}
	return true
}

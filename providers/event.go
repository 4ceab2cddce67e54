package providers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferryfn/ferry/manifest"
)

// BoundEvent is one of a function's events, for a call that looks as if it came from there.
type BoundEvent struct {
	manifest.Event
	Function manifest.Function
}

// EventObject is what an object event tells of.
type EventObject struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	ETag   string `json:"etag,omitempty"`
}

// noContent is the ETag of an object without content.
const noContent = "d41d8cd98f00b204e9800998ecf8427e"

// Object is the object that a call with an object event is about. Its key is the body. Without a body it is some key that the
// event lets through.
func (r Request) Object() EventObject {
	e := r.Event.Object
	return EventObject{Bucket: e.Bucket, Key: cmp.Or(string(r.Body), e.Prefix+"example"+e.Suffix), ETag: noContent}
}

// CloudEvent returns the event of a call as a CloudEvent in binary mode: its data, and its attributes except id and time, which
// belong to the call.
func (r Request) CloudEvent() (attributes map[string]string, contentType string, data []byte) {
	e := r.Event
	message := func(kind, name string) (map[string]string, string, []byte) {
		return map[string]string{"type": "dev.ferry." + kind + ".message.v1", "source": "/" + kind + "s/" + name}, r.ContentType(), r.Body
	}
	switch {
	case e.Queue != nil:
		return message("queue", e.Queue.Name)
	case e.Topic != nil:
		return message("topic", e.Topic.Name)
	case e.Object != nil:
		o := r.Object()
		data, err := json.Marshal(o)
		if err != nil {
			panic(fmt.Sprintf("an object always has a JSON form: %v", err))
		}
		return map[string]string{"type": "dev.ferry.object." + e.Object.On[0] + ".v1", "source": "/buckets/" + o.Bucket, "subject": o.Key}, "application/json", data
	}
	return map[string]string{"type": "dev.ferry.schedule.v1", "source": "/schedules/" + e.Function.Name}, "", nil
}

// Structured is the event of a call as a CloudEvent in JSON, with this id; of a call without an event, a dev.ferry.invoke.v1 of that
// source.
func (r Request) Structured(id, source string, at time.Time) ([]byte, error) {
	event := map[string]any{
		"specversion": "1.0", "id": id, "time": at.UTC().Format(time.RFC3339Nano), "type": "dev.ferry.invoke.v1", "source": source,
	}
	data, media := r.Body, ""
	if r.Event != nil {
		var attributes map[string]string
		attributes, media, data = r.CloudEvent()
		for key, value := range attributes {
			event[key] = value
		}
	}
	switch {
	case len(data) == 0:
	case json.Valid(data) && (media == "" || strings.Contains(media, "json")):
		event["datacontenttype"], event["data"] = cmp.Or(media, "application/json"), json.RawMessage(data)
	case utf8.Valid(data):
		event["datacontenttype"], event["data"] = cmp.Or(media, "text/plain"), string(data)
	default:
		event["datacontenttype"], event["data_base64"] = cmp.Or(media, "application/octet-stream"), data
	}
	return json.Marshal(event)
}

// ContentType is that of the message of a call, which is text unless a header says otherwise.
func (r Request) ContentType() string {
	for _, value := range r.Header["Content-Type"] {
		return value
	}
	return "text/plain; charset=utf-8"
}

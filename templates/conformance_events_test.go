package templates_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
)

// eventCase is an event and how it has to reach the handler. It is an event of Lambda (an example of AWS's own, or
// written out), a CloudEvent, which every target takes, or a request that holds one.
type eventCase struct {
	Name    string          `json:"name"`
	Example string          `json:"example"` // a file of aws-lambda-go
	Edit    map[string]any  `json:"edit"`    // laid over its first record, or over itself; null deletes
	Event   json.RawMessage `json:"event"`
	Literal bool            `json:"literal"` // the event is null
	Cloud   json.RawMessage `json:"cloudevent"`
	HTTP    *struct {
		Headers [][2]string `json:"headers"`
		Body    string      `json:"body"`
	} `json:"http"`
	Delivers []seen          `json:"delivers"`
	Returns  json.RawMessage `json:"returns"` // what Lambda gets
	Status   int             `json:"status"`  // of the answer to a request
	Fails    string          `json:"fails"`   // what Lambda and the log are told
	Says     string          `json:"says"`    // and this
	Refused  bool            `json:"refused"` // it is no event: 400, or an error
}

// overlay is a JSON merge patch.
func overlay(base, patch map[string]any) {
	for name, value := range patch {
		inner, isMap := value.(map[string]any)
		under, hasMap := base[name].(map[string]any)
		switch {
		case value == nil:
			delete(base, name)
		case isMap && hasMap && len(inner) > 0:
			overlay(under, inner)
		default:
			base[name] = value
		}
	}
}

// payload is the event as Lambda hands it over, nil where it is none of Lambda's.
func (c eventCase) payload(t *testing.T) []byte {
	t.Helper()
	var event any = c.Event
	switch {
	case c.Example != "":
		event = edited(t, c.Example, func(r map[string]any) { overlay(r, c.Edit) })
	case c.Cloud != nil:
		event = map[string]any{"dev.ferry.event": c.Cloud}
	case c.Literal && c.Event == nil:
		event = nil
	case c.Event == nil:
		return nil
	}
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// request is the event as a POST, false where it is none.
func (c eventCase) request() (message, bool) {
	m := message{method: "POST", path: "/.ferry/event", headers: [][2]string{{"host", "x"}, {"ferry-instance", "nonce"}}}
	switch {
	case c.Cloud != nil:
		m.headers, m.body = append(m.headers, [2]string{"content-type", "application/cloudevents+json"}), c.Cloud
	case c.HTTP != nil:
		m.headers, m.body = append(m.headers, c.HTTP.Headers...), []byte(c.HTTP.Body)
	default:
		return m, false
	}
	return m, true
}

// judge compares what was delivered with what has to be.
func (c eventCase) judge(p program, got []seen) string {
	want := slices.Clone(c.Delivers)
	for i := range want {
		if len(want[i].Attributes) == 0 {
			want[i].Attributes = nil
		}
	}
	for i := range got {
		if len(got[i].Attributes) == 0 {
			got[i].Attributes = nil
		}
		if data, ok := got[i].Event["data_base64"]; ok { // as Go shows bytes
			got[i].Event["data"] = map[string]any{"base64": data}
			delete(got[i].Event, "data_base64")
		}
		kind, _ := got[i].Event["datacontenttype"].(string)
		if text, ok := got[i].Event["data"].(string); ok && p.runtime == "go" && strings.HasSuffix(kind, "+json") { // as its SDK writes it
			got[i].Event["data"] = canonical([]byte(text))
		}
	}
	if len(want) == 0 && len(got) == 0 {
		return ""
	}
	return gocmp.Diff(want, got)
}

// onAWS says what is wrong with a case on Lambda.
func (c eventCase) onAWS(p program, l lambda, payload []byte) string {
	r := l.invoke(payload)
	failed := c.Fails != "" || c.Refused
	switch plain := strings.ReplaceAll(string(r.Payload), `\`, ""); {
	case failed != (r.FunctionError != ""):
		return fmt.Sprintf("it gives %s\n%s", r.Payload, r.Log)
	case failed && (!strings.Contains(plain, c.Fails) || !strings.Contains(plain, c.Says)):
		return fmt.Sprintf("the error does not say %q and %q: %s", c.Fails, c.Says, r.Payload)
	case c.Returns != nil:
		if diff := gocmp.Diff(canonical(c.Returns), canonical(r.Payload)); diff != "" {
			return diff
		}
	}
	return c.judge(p, delivered(l.t, r))
}

// byBroker says what is wrong with a case that a broker delivers, which sends no header of ferry's and takes an answer with a body
// for a failure. Who does not know the nonce delivers nothing.
func (c eventCase) byBroker(p program, l local, m message) string {
	word := sha256.Sum256([]byte("nonce"))
	m.headers = slices.DeleteFunc(slices.Clone(m.headers), func(h [2]string) bool { return h[0] == "ferry-instance" })
	m.path = "/.ferry/event/" + hex.EncodeToString(word[:])
	if wrong := c.locally(p, l, m); wrong != "" || c.Fails == "" {
		return wrong
	}
	for _, guess := range []string{"/.ferry/event/", "/.ferry/event", "/.ferry/event/nonce", "/.ferry/event/" + strings.Repeat("0", 64)} {
		m.path = guess
		before := len(l.out.String())
		if a := l.send(m, false); strings.Contains(l.out.String()[before:], "EVENT ") {
			return fmt.Sprintf("whoever posts to %s delivers it: %d %s", guess, a.Status, a.Body)
		}
	}
	return ""
}

func canonical(data []byte) any {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return string(data)
	}
	return v
}

// locally says what is wrong with a case behind a socket.
func (c eventCase) locally(p program, l local, m message) string {
	before := len(l.out.String())
	a := l.send(m, false)
	want := 204
	switch {
	case c.Refused:
		want = 400
	case c.Fails != "":
		want = 500
	case c.Status != 0:
		want = c.Status
	}
	if a.Status != want {
		return fmt.Sprintf("it gives %d %s, want %d\n%s", a.Status, a.Body, want, l.out.String()[before:])
	}
	var got []seen
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) { // the log is another way than the answer
		got = delivered(l.t, lambdatest.Result{Log: whole(l.out.String()[before:])})
		if len(got) >= len(c.Delivers) || time.Now().After(deadline) {
			return c.judge(p, got)
		}
	}
}

// whole is text without a line that is not complete.
func whole(text string) string { return text[:strings.LastIndexByte(text, '\n')+1] }

func TestConformanceOfEvents(t *testing.T) {
	t.Parallel()
	cases := conformance[eventCase](t, "events.json")
	if len(cases) < 30 {
		t.Errorf("there are %d cases", len(cases))
	}
	bound := func(fn *manifest.Function) {
		fn.Events = append(fn.Events, manifest.Event{Topic: &manifest.TopicEvent{Name: "signups"}})
	}
	each(t, apps(), func(t *testing.T, p program) {
		t.Run("lambda", func(t *testing.T) {
			l := p.deploy(t, nil, bound)
			for _, c := range cases {
				if payload := c.payload(t); payload != nil {
					if wrong := c.onAWS(p, l, payload); wrong != "" {
						t.Errorf("%s: %s", c.Name, wrong)
					}
				}
			}
		})
		t.Run("local", func(t *testing.T) {
			l := p.local(t, bound)
			for _, c := range cases {
				if m, ok := c.request(); ok {
					if wrong := c.locally(p, l, m); wrong != "" {
						t.Errorf("%s: %s", c.Name, wrong)
					}
					if c.HTTP == nil && c.Fails == "" {
						continue // a broker sends what it got in binary mode
					}
					if wrong := c.byBroker(p, l, m); wrong != "" {
						t.Errorf("%s, by a broker: %s", c.Name, wrong)
					}
				}
			}
			l.alive()
		})
	})
}

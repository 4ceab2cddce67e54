package templates_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
)

var examples = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	return filepath.Join(strings.TrimSpace(string(out)), "events", "testdata"), err
})

// example is the file of an event that AWS publishes.
func example(t *testing.T, name string) string {
	t.Helper()
	dir, err := examples()
	if err != nil {
		t.Skipf("the examples of aws-lambda-go are missing: %v", err)
	}
	return filepath.Join(dir, name+".json")
}

// edited is an example with its first record, or itself, changed.
func edited(t *testing.T, name string, edit func(map[string]any)) map[string]any {
	t.Helper()
	data, err := os.ReadFile(example(t, name))
	if err != nil {
		t.Fatal(err)
	}
	var event map[string]any
	if err := json.Unmarshal(data, &event); err != nil {
		t.Fatal(err)
	}
	if records, ok := event["Records"].([]any); ok {
		edit(records[0].(map[string]any))
	} else {
		edit(event)
	}
	return event
}

// project is a packager for a source of its own, given as names and contents in turn.
func (p program) project(t *testing.T, files ...string) *packager.Packager {
	t.Helper()
	root := t.TempDir()
	if p.runtime == "go" {
		files = append(files, "go.mod", "module example.com/user\n\ngo 1.21\n")
	}
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(root, p.source, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &packager.Packager{Root: root, Cache: packages().Cache}
}

// seen is what the handlers say of an event.
type seen struct {
	Event      map[string]any    `json:"event"`
	Attempt    string            `json:"attempt"`
	Group      string            `json:"group"`
	Attributes map[string]string `json:"attributes"`
}

func delivered(t *testing.T, r lambdatest.Result) []seen {
	t.Helper()
	var all []seen
	for line := range strings.Lines(r.Log) {
		_, text, ok := strings.Cut(line, "EVENT ")
		if !ok {
			continue
		}
		var s seen
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, s)
	}
	return all
}

func TestOnAWSEventsAreCloudEvents(t *testing.T) {
	t.Parallel()
	unchanged := func(map[string]any) {}
	withBody := func(body, kind string) func(map[string]any) {
		return func(r map[string]any) {
			r["body"] = body
			r["messageAttributes"] = map[string]any{"Content-Type": map[string]any{"dataType": "String", "stringValue": kind}}
		}
	}
	fields := func(id, source, kind, time string, more ...any) map[string]any {
		e := map[string]any{"specversion": "1.0", "id": id, "source": source, "type": "dev.ferry." + kind + ".v1", "time": time}
		for i := 0; i < len(more); i += 2 {
			e[more[i].(string)] = more[i+1]
		}
		return e
	}
	text, asJSON := "text/plain; charset=utf-8", "application/json"
	queue := "arn:aws:sqs:us-west-2:123456789012:SQSQueue"
	attributes := map[string]string{"Attribute1": "AttributeValue1", "Attribute2": "123", "Attribute3": "MTEwMA=="}
	object := map[string]any{"bucket": "sourcebucket", "key": "Happy Face.jpg", "size": 1024.0, "etag": "d41d8cd98f00b204e9800998ecf8427e", "version": "version"}
	scheduled := map[string]any{
		"version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event", "source": "aws.events", "account": "123456789012",
		"time": "2015-10-08T16:53:06Z", "region": "us-east-1", "resources": []string{"arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule"}, "detail": map[string]any{},
	}
	cases := []struct {
		name  string
		event any
		want  seen
	}{
		{"a message of a queue", edited(t, "sqs-event", unchanged), seen{
			Event:   fields("MessageID_1", queue, "queue.message", "2018-03-09T18:53:45.029Z", "datacontenttype", text, "data", "Message Body"),
			Attempt: "2", Attributes: attributes,
		}},
		{"a message that says that it is JSON", edited(t, "sqs-event", withBody(`{"n":[1,2]}`, asJSON)), seen{
			Event:   fields("MessageID_1", queue, "queue.message", "2018-03-09T18:53:45.029Z", "datacontenttype", asJSON, "data", map[string]any{"n": []any{1.0, 2.0}}),
			Attempt: "2", Attributes: map[string]string{"Content-Type": asJSON},
		}},
		{"a message that looks like JSON is text", edited(t, "sqs-event", func(r map[string]any) {
			r["body"], r["messageAttributes"] = "123", map[string]any{}
			r["attributes"].(map[string]any)["MessageGroupId"] = "g1"
		}), seen{
			Event:   fields("MessageID_1", queue, "queue.message", "2018-03-09T18:53:45.029Z", "datacontenttype", text, "data", "123"),
			Attempt: "2", Group: "g1",
		}},
		{"a CloudEvent that was sent as a message", edited(t, "sqs-event", withBody(`{"specversion":"1.0","id":"7","source":"/s","type":"shop.order","datacontenttype":"application/json","data":{"n":1}}`, "text/plain")), seen{
			Event:   map[string]any{"specversion": "1.0", "id": "7", "source": "/s", "type": "shop.order", "datacontenttype": asJSON, "data": map[string]any{"n": 1.0}},
			Attempt: "2", Attributes: map[string]string{"Content-Type": "text/plain"},
		}},
		{"a message of a topic", edited(t, "sns-event", unchanged), seen{
			Event:      fields("95df01b4-ee98-5cb9-9903-4c221d41eb5e", "arn:aws:sns:EXAMPLE", "topic.message", "2015-06-03T17:43:27.123Z", "subject", "TestInvoke", "datacontenttype", text, "data", "Hello from SNS!"),
			Attributes: map[string]string{"Test": "TestString", "TestBinary": "TestBinary"},
		}},
		{"a message of a topic without a subject", edited(t, "sns-event", func(r map[string]any) {
			r["Sns"].(map[string]any)["Subject"], r["Sns"].(map[string]any)["MessageAttributes"] = nil, map[string]any{}
		}), seen{Event: fields("95df01b4-ee98-5cb9-9903-4c221d41eb5e", "arn:aws:sns:EXAMPLE", "topic.message", "2015-06-03T17:43:27.123Z", "datacontenttype", text, "data", "Hello from SNS!")}},
		{"an object that was created", edited(t, "s3-event", unchanged), seen{
			Event: fields("C3D13FE58DE4C810.Happy Sequencer", "arn:aws:s3:::mybucket", "object.created", "1970-01-01T00:00:00.123Z", "subject", "Happy Face.jpg", "datacontenttype", asJSON, "data", object),
		}},
		{"an object that was deleted", edited(t, "s3-event", func(r map[string]any) {
			r["eventName"] = "ObjectRemoved:Delete"
			r["s3"].(map[string]any)["object"] = map[string]any{"key": "a+b%2Bc/%C3%BC", "sequencer": "55"}
		}), seen{
			Event: fields("C3D13FE58DE4C810.55", "arn:aws:s3:::mybucket", "object.deleted", "1970-01-01T00:00:00.123Z", "subject", "a b+c/ü", "datacontenttype", asJSON, "data", map[string]any{"bucket": "sourcebucket", "key": "a b+c/ü"}),
		}},
		{"a schedule", scheduled, seen{
			Event: fields("53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule", "schedule", "2015-10-08T16:53:06Z", "subject", "my-scheduled-rule", "datacontenttype", asJSON, "data", map[string]any{}),
		}},
		{"ferry's own schedule", map[string]any{"attempt": "3", "dev.ferry.event": map[string]any{
			"specversion": "1.0", "id": "arn:aws:scheduler:x/2026-01-01T00:00:00Z", "source": "arn:aws:scheduler:x", "type": "dev.ferry.schedule.v1", "time": "2026-01-01T00:00:00Z",
			"datacontenttype": "application/json", "data": map[string]any{},
		}}, seen{
			Event:   fields("arn:aws:scheduler:x/2026-01-01T00:00:00Z", "arn:aws:scheduler:x", "schedule", "2026-01-01T00:00:00Z", "datacontenttype", asJSON, "data", map[string]any{}),
			Attempt: "3",
		}},
	}
	each(t, apps(), func(t *testing.T, p program) {
		for _, env := range []settings{nil, {"FERRY_RESPONSE_STREAM": "1"}} {
			l := p.deploy(t, env)
			for _, c := range cases {
				r := l.invoke(c.event)
				if r.FunctionError != "" {
					t.Errorf("%s: %s\n%s", c.name, r.Payload, r.Log)
					continue
				}
				got := delivered(t, r)
				if len(got) == 1 && len(got[0].Attributes) == 0 {
					got[0].Attributes = nil
				}
				if diff := cmp.Diff([]seen{c.want}, got); diff != "" {
					t.Errorf("%s: %s", c.name, diff)
				}
			}
		}
	})
}

// batch is an event of a queue with a message for each body.
func batch(t *testing.T, arn string, bodies ...string) map[string]any {
	t.Helper()
	var records []any
	for _, body := range bodies {
		one := edited(t, "sqs-event", func(r map[string]any) {
			r["messageId"], r["body"], r["eventSourceARN"] = "id of "+body, body, arn
		})
		records = append(records, one["Records"].([]any)...)
	}
	return map[string]any{"Records": records}
}

func TestOnAWSMessagesThatFailAreNamed(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, arn string
		bodies    []string
		called    int
		want      []events.SQSBatchItemFailure
	}{
		{"all well", "arn:aws:sqs:x:1:q", []string{"a", "b"}, 2, []events.SQSBatchItemFailure{}},
		{"some fail", "arn:aws:sqs:x:1:q", []string{"a", "fail 1", "b", "fail 2"}, 4, []events.SQSBatchItemFailure{{ItemIdentifier: "id of fail 1"}, {ItemIdentifier: "id of fail 2"}}},
		{"order is kept", "arn:aws:sqs:x:1:q.fifo", []string{"a", "fail 1", "b"}, 2, []events.SQSBatchItemFailure{{ItemIdentifier: "id of fail 1"}, {ItemIdentifier: "id of b"}}},
	}
	each(t, apps(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for _, c := range cases {
			r := l.invoke(batch(t, c.arn, c.bodies...))
			var got events.SQSEventResponse
			if err := json.Unmarshal(r.Payload, &got); err != nil || r.FunctionError != "" {
				t.Fatalf("%s: %v %s", c.name, err, r.Payload)
			}
			if diff := cmp.Diff(c.want, got.BatchItemFailures); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
			if called := len(delivered(t, r)); called != c.called {
				t.Errorf("%s: %d messages were delivered, want %d", c.name, called, c.called)
			}
		}
	})
}

func TestOnAWSOtherEventsThatFailAreErrors(t *testing.T) {
	t.Parallel()
	each(t, apps(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		one := edited(t, "sns-event", func(r map[string]any) { r["Sns"].(map[string]any)["Message"] = "fail" })
		good := edited(t, "sns-event", func(map[string]any) {})
		both := map[string]any{"Records": append(one["Records"].([]any), good["Records"].([]any)...)}
		direct := map[string]any{"dev.ferry.event": map[string]any{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": "fail", "datacontenttype": "text/plain"}}
		for _, event := range []any{one, both, direct} {
			r := l.invoke(event)
			if r.FunctionError != "Unhandled" || !strings.Contains(string(r.Payload), "failed on purpose") {
				t.Errorf("got %s", r.Payload)
			}
		}
		if got := delivered(t, l.invoke(both)); len(got) != 2 {
			t.Errorf("%d of 2 records were delivered", len(got))
		}
	})
}

func TestOnAWSWhatNobodyKnowsIsAnErrorThatSaysWhatCame(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"kinesis-event":                        "records of aws:kinesis",
		"s3-lifecycle-event":                   "LifecycleTransition",
		"codebuild-state-change":               "CodeBuild Build State Change",
		"secretsmanager-secret-rotation-event": "fields [",
	}
	each(t, apps(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for name, says := range cases {
			event, err := os.ReadFile(example(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if r := l.invoke(event); r.FunctionError == "" || !strings.Contains(string(r.Payload), "does not know") || !strings.Contains(strings.ReplaceAll(string(r.Payload), `\`, ""), says) {
				t.Errorf("%s: got %s, want %q", name, r.Payload, says)
			}
		}
		for _, event := range []string{"null", "1", `"x"`, "[]", "{}", `{"dev.ferry.probe":true,"x":1}`} {
			if r := l.invoke([]byte(event)); r.FunctionError == "" || !strings.Contains(string(r.Payload), "does not know") {
				t.Errorf("%s: got %s", event, r.Payload)
			}
		}
	})
}

func TestOnAWSAnInvocationGetsTheResult(t *testing.T) {
	t.Parallel()
	each(t, apps(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for data, want := range map[string]string{
			`"datacontenttype":"application/json","data":{"n":1}`:                 `{"got":{"n":1}}`,
			`"datacontenttype":"application/octet-stream","data_base64":"AP8="`:   `{"got":{"base64":"AP8="}}`,
			`"datacontenttype":"text/plain; charset=utf-8","data":"grün"`:         `{"got":"grün"}`,
			`"datacontenttype":"application/json","data":null,"subject":"absent"`: `{"got":null}`,
		} {
			event := `{"dev.ferry.event":{"specversion":"1.0","id":"1","source":"/s","type":"dev.ferry.invoke.v1",` + data + `}}`
			if p.runtime == "go" {
				want = "null" // OnEvent has no result
			}
			r := l.invoke([]byte(event))
			if got := strings.NewReplacer(": ", ":", `\u00fc`, "ü").Replace(string(r.Payload)); got != want || r.FunctionError != "" {
				t.Errorf("%s: got %s, want %s\n%s", data, got, want, r.Log)
			}
		}
	})
}

func TestOnAWSTheProbeAnswersWithoutTheHandler(t *testing.T) {
	t.Parallel()
	each(t, append(apps(), echoes()...), func(t *testing.T, p program) {
		for _, env := range []settings{nil, {"FERRY_RESPONSE_STREAM": "1"}} {
			l := p.deploy(t, env, func(fn *manifest.Function) { fn.Events[0].HTTP.Path = "/only/this" })
			r := l.invoke([]byte(`{"dev.ferry.probe": true}`))
			if got := strings.ReplaceAll(string(r.Payload), " ", ""); got != `{"digest":"sha256:abc"}` || r.FunctionError != "" || len(delivered(t, r)) > 0 {
				t.Errorf("got %s\n%s", r.Payload, r.Log)
			}
		}
	})
}

func TestOnAWSAHandlerThatDoesNotLoadIsAnErrorWithItsReason(t *testing.T) {
	t.Parallel()
	onQueue := func(fn *manifest.Function) {
		fn.Events = append(fn.Events, manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}})
	}
	eventless := map[string][2]string{
		"node":   {"app.mjs", "export default { fetch: () => new Response() };\n"},
		"python": {"app.py", "def app(environ, start_response): pass\n"},
		"go":     {"app.go", "package app\n\nimport \"net/http\"\n\nvar Handler http.Handler = http.NotFoundHandler()\n"},
	}
	probe := []byte(`{"dev.ferry.probe": true}`)
	each(t, apps(), func(t *testing.T, p program) {
		r := p.deploy(t, settings{"BROKEN": "1"}).invoke(probe)
		if r.FunctionError != "Unhandled" || !strings.Contains(r.Log, p.throws) || !strings.Contains(r.Log, "broken on purpose") {
			t.Errorf("got %s\n%s", r.Payload, r.Log)
		}
		file := eventless[p.name]
		l := p.run(t, p.build(t, p.project(t, file[0], file[1]), p.function(onQueue)), lambdatest.Function{})
		if r := l.invoke(probe); r.FunctionError == "" || !strings.Contains(string(r.Payload), p.handler) || !strings.Contains(string(r.Payload), "binds events") {
			t.Errorf("got %s\n%s", r.Payload, r.Log)
		}
		l = p.run(t, p.build(t, p.project(t, file[0], file[1]), p.function()), lambdatest.Function{})
		if r := l.invoke(batch(t, "arn:aws:sqs:x:1:q", "a")); string(r.Payload) == "" || !strings.Contains(string(r.Payload), "id of a") {
			t.Errorf("a message that nobody takes is kept, got %s", r.Payload)
		}
	})
}

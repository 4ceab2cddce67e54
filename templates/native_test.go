package templates

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

// natives are handlers of AWS Lambda's style.
func natives() []platform {
	return []platform{
		{"node lambda", "nodejs24", manifest.StyleLambda, "native.mjs", nodeCommand, "testdata/native/nodejs", "native.mjs"},
		{"python lambda", "python3.13", manifest.StyleLambda, "native:handler", pythonCommand, "testdata/native/python", "native.py"},
	}
}

func everyNative(t *testing.T, test func(t *testing.T, p platform)) {
	t.Helper()
	for _, p := range natives() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// compact is JSON as the languages write it, without the spaces of one of them.
func compact(text string) string { return strings.ReplaceAll(text, `": `, `":`) }

func nativeFunction(p platform, payload string) manifest.Function {
	return p.function(func(fn *manifest.Function) {
		fn.Name, fn.Payload, fn.Memory = "shelf", payload, 256<<20
		fn.Events = append(fn.Events, manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}})
	})
}

func TestAHandlerOfLambdaAnswersRequests(t *testing.T) {
	t.Parallel()
	cases := []struct {
		target string
		status int
		body   string
		header http.Header
	}{
		{"/plain", 200, `{"only":"a value"}`, http.Header{"Content-Type": {"application/json"}}},
		{"/cookies", 201, "made", http.Header{"Set-Cookie": {"a=1; Path=/", "b=2"}, "X-N": {"1"}, "X-T": {"true"}, "Content-Type": {"application/json"}}},
		{"/bytes", 200, "\x00\xff", http.Header{"Content-Type": {"image/png"}}},
		{"/empty", 204, "", http.Header{"Content-Type": nil}},
		{"/bad", 500, "internal server error\n", nil},
		{"/raise", 500, "internal server error\n", nil},
		{"/context", 200, "shelf $LATEST 256 shelf 36 True", nil},
	}
	everyNative(t, func(t *testing.T, p platform) {
		i := p.start(t, nativeFunction(p, "2.0"))
		for _, c := range cases {
			a := i.do("GET", c.target, nil)
			if a.status != c.status || compact(a.body) != c.body {
				t.Errorf("%s: got %d %s\n%s", c.target, a.status, a.body, i.out)
			}
			for name, want := range c.header {
				if diff := cmp.Diff(want, a.header[name]); diff != "" {
					t.Errorf("%s: %s: %s", c.target, name, diff)
				}
			}
		}
		i.waitFor("raised on purpose")

		i = p.start(t, nativeFunction(p, "1.0"))
		a := i.do("GET", "/lists", nil)
		if a.status != 200 || a.body != "listed" || len(a.header["Set-Cookie"]) != 2 {
			t.Errorf("lists of headers: got %d %s %v", a.status, a.body, a.header)
		}
		if a := i.do("GET", "/plain", nil); a.status != 500 {
			t.Errorf("payload 1.0 asks for a status, and the answer was %d", a.status)
		}
	})
}

func TestAHandlerOfLambdaGetsTheEventsOfBothPayloads(t *testing.T) {
	t.Parallel()
	everyNative(t, func(t *testing.T, p platform) {
		i := p.start(t, nativeFunction(p, "2.0"))
		headers := []string{"x-multi: a", "x-multi: b", "cookie: a=1; b=2", "content-type: application/json"}
		a := i.do("POST", "/a%2Fb/%C3%A9?x=1&x=2&y", []byte(`{"n":1}`), headers...)
		var two events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal([]byte(a.body), &two); err != nil {
			t.Fatalf("%v: %d %s", err, a.status, a.body)
		}
		if two.RawPath != "/a%2Fb/%C3%A9" || two.RawQueryString != "x=1&x=2&y" || two.QueryStringParameters["x"] != "1,2" || two.Headers["x-multi"] != "a,b" ||
			len(two.Cookies) != 2 || two.Body != `{"n":1}` || two.IsBase64Encoded || two.RequestContext.HTTP.Method != "POST" || two.RequestContext.HTTP.SourceIP == "" {
			t.Errorf("got %+v", two)
		}
		a = i.do("POST", "/x", EveryByte())
		if err := json.Unmarshal([]byte(a.body), &two); err != nil || !two.IsBase64Encoded {
			t.Errorf("bytes came as text: %v %s", err, a.body)
		}

		i = p.start(t, nativeFunction(p, "1.0"))
		a = i.do("POST", "/a%2Fb?x=1&x=2", []byte("text"), append(headers[:3:3], "content-type: text/plain")...)
		var one events.APIGatewayProxyRequest
		if err := json.Unmarshal([]byte(a.body), &one); err != nil {
			t.Fatalf("%v: %d %s", err, a.status, a.body)
		}
		if one.Path != "/a%2Fb" || one.HTTPMethod != "POST" || one.QueryStringParameters["x"] != "2" || len(one.MultiValueQueryStringParameters["x"]) != 2 ||
			one.Headers["X-Multi"] != "b" || len(one.MultiValueHeaders["X-Multi"]) != 2 || one.Body != "text" || one.Headers["Content-Type"] != "text/plain" {
			t.Errorf("got %+v", one)
		}
	})
}

// native is what the handler was called with the nth time.
func (i *instance) native(n int, v any) {
	i.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		said := strings.Split(i.out.String(), "NATIVE ")
		if len(said) <= n {
			continue
		}
		if text, _, whole := strings.Cut(said[n], "\n"); whole {
			if err := json.Unmarshal([]byte(text), v); err != nil {
				i.t.Fatalf("%v: %s", err, text)
			}
			return
		}
	}
	i.t.Fatalf("the handler was not called %d times:\n%s", n, i.out)
}

func TestAHandlerOfLambdaGetsTheEventsOfServices(t *testing.T) {
	t.Parallel()
	everyNative(t, func(t *testing.T, p platform) {
		i := p.start(t, nativeFunction(p, ""))
		deliver := func(kind, source, body string, more ...string) answer {
			headers := append([]string{
				"ferry-instance: nonce", "ferry-attempt: 3", `ferry-attributes: {"color":"red"}`, "content-type: application/json", "ce-specversion: 1.0",
				"ce-id: 7.1", "ce-source: " + source, "ce-type: dev.ferry." + kind + ".v1", "ce-time: 2026-01-02T03:04:05Z",
			}, more...)
			return i.do("POST", "/.ferry/event", []byte(body), headers...)
		}
		if a := deliver("queue.message", "/ferry/queue/orders", `{"n": 1}`); a.status != 204 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		var queue events.SQSEvent
		i.native(1, &queue)
		if m := queue.Records[0]; m.Body != `{"n": 1}` || m.EventSource != "aws:sqs" || !strings.HasSuffix(m.EventSourceARN, ":orders") || m.Attributes["ApproximateReceiveCount"] != "3" ||
			*m.MessageAttributes["color"].StringValue != "red" || m.Attributes["SentTimestamp"] != "1767323045000" {
			t.Errorf("got %+v", m)
		}
		deliver("topic.message", "arn:aws:sns:eu-west-1:1:signups", `"hi"`, "ce-subject: Hello")
		var topic events.SNSEvent
		i.native(2, &topic)
		if m := topic.Records[0].SNS; m.Message != "hi" || m.Subject != "Hello" || m.TopicArn != "arn:aws:sns:eu-west-1:1:signups" || m.Timestamp.Year() != 2026 {
			t.Errorf("got %+v", m)
		}
		deliver("object.created", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a b/ü","size":3,"etag":"e"}`)
		var object events.S3Event
		i.native(3, &object)
		if r := object.Records[0]; r.S3.Object.URLDecodedKey != "a b/ü" || r.S3.Bucket.Name != "uploads" || r.EventName != "ObjectCreated:Put" || r.S3.Object.Size != 3 {
			t.Errorf("got %+v", r)
		}
		deliver("object.deleted", "/ferry/bucket/uploads", `{"bucket":"uploads","key":"a"}`)
		i.native(4, &object)
		if r := object.Records[0]; r.EventName != "ObjectRemoved:Delete" {
			t.Errorf("got %+v", r)
		}
		deliver("schedule", "/ferry/schedule/nightly", "{}")
		var rule events.EventBridgeEvent
		i.native(5, &rule)
		if rule.DetailType != "Scheduled Event" || rule.Source != "aws.events" || !strings.HasSuffix(rule.Resources[0], ":rule/nightly") || rule.Time.Year() != 2026 {
			t.Errorf("got %+v", rule)
		}
		if a := deliver("invoke", "/s", `{"n":1}`); a.status != 200 || compact(a.body) != `{"got":{"n":1}}` {
			t.Errorf("got %d %s", a.status, a.body)
		}
		for body, says := range map[string]string{`"fail"`: "failed on purpose", `"name"`: "batchItemFailures"} {
			if a := deliver("queue.message", "/ferry/queue/orders", body); a.status != 500 || !strings.Contains(a.body, says) {
				t.Errorf("%s: got %d %s", body, a.status, a.body)
			}
		}
		i.together(`"batchItemFailures":[{"itemIdentifier":"8"}]`)
		var batch events.SQSEvent
		i.native(9, &batch)
		if first, last := batch.Records[0], batch.Records[1]; len(batch.Records) != 2 || first.Body != `{"n": 1}` || first.Attributes["ApproximateReceiveCount"] != "2" ||
			*first.MessageAttributes["color"].StringValue != "red" || last.MessageId != "8" || last.Attributes["MessageGroupId"] != "a" || last.Body != "name grün" {
			t.Errorf("got %+v", batch)
		}
		if a := deliver("queue.gone", "/s", "{}"); a.status != 500 || !strings.Contains(a.body, "no form") {
			t.Errorf("got %d %s", a.status, a.body)
		}
	})
}

// together delivers two messages at once; of the second one the handler says that it failed.
func (i *instance) together(want string) {
	i.t.Helper()
	const about = `"specversion":"1.0","source":"/queues/orders","type":"dev.ferry.queue.message.v1","time":"2026-01-02T03:04:05Z"`
	data := func(text string) string {
		return `"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"`
	}
	batch := `[{"id":"7","datacontenttype":"application/json","ferryattempt":"2","ferryattributes":"{\"color\":\"red\"}",` + data(`{"n": 1}`) + "," + about + `},` +
		`{"id":"8","datacontenttype":"text/plain","ferryattempt":"1","ferrygroup":"a",` + data("name grün") + "," + about + `}]`
	headers := []string{"ferry-instance: nonce", "content-type: application/cloudevents-batch+json"}
	if a := i.do("POST", "/.ferry/event", []byte(batch), headers...); a.status != 200 || !strings.Contains(strings.ReplaceAll(a.body, " ", ""), want) {
		i.t.Errorf("got %d %s", a.status, a.body)
	}
	if a := i.do("POST", "/.ferry/event", []byte(`[{"id":"7"}]`), headers...); a.status != 400 {
		i.t.Errorf("what are no CloudEvents gets %d %s", a.status, a.body)
	}
}

func TestAPythonHandlerOfLambdaGetsOneRequestAtATime(t *testing.T) {
	t.Parallel()
	p := PythonAnswer{Style: "lambda", Code: `import asyncio, threading, time
inside = 0
seen = set()
def app(event, context):
    global inside
    inside += 1
    time.sleep(0.01)
    seen.add(threading.get_ident())
    asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))
    inside -= 1
    return {"statusCode": 200, "body": f"{inside} {len(seen)}"}
`}.platform(t)
	i := p.start(t, p.function())
	answers := make(chan answer)
	for range 8 {
		go func() {
			a, _ := i.try("GET", "/", nil)
			answers <- a
		}()
	}
	for range 8 {
		if a := <-answers; a.body != "0 1" {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
}

package templates_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
)

// goLambda is a program that calls lambda.Start.
func goLambda() (program, manifest.Function) {
	p := goProgram(manifest.StyleLambda)
	p.source = "lambda/golambda"
	return p, p.function(func(fn *manifest.Function) { fn.Timeout = manifest.Duration(20 * time.Second) })
}

// said is what the program says of a request.
type said struct {
	Method, Path, Query, Body, IP, ID, ARN, Name, Region, Token string
	Headers                                                     map[string]string
	Cookies                                                     []string
	Encoded, Left                                               bool
	Calls                                                       int
}

func heard(t *testing.T, a answer) said {
	t.Helper()
	var s said
	if err := json.Unmarshal([]byte(a.body), &s); err != nil || a.status != 200 {
		t.Fatalf("%d %v %s", a.status, err, a.body)
	}
	return s
}

func TestAGoProgramOfLambdaAnswersTheSameLocallyAndOnLambda(t *testing.T) {
	t.Parallel()
	p, fn := goLambda()
	local := p.launch(t, packages(), fn, "TOKEN=plain").ready()
	l := p.run(t, p.build(t, packages(), fn), lambdatest.Function{Env: settings{"TOKEN": "plain"}})
	request := []string{"X-Multi: a", "x-multi: b", "cookie: a=1; b=2", "content-type: text/plain"}
	here, there := heard(t, local.do("POST", "/a%2Fb?x=1&x=2", []byte("grün"), request...)), heard(t, l.request(textEvent("POST", "/a%2Fb?x=1&x=2", "grün", request...)))
	if here.ID == "" || !here.Left || !strings.HasSuffix(here.ARN, ":function:fn") || here.Name != "" || here.Region != "" {
		t.Errorf("the context is %+v", here)
	}
	if there.Name != "shop" || there.Region != "us-east-1" || there.Calls != 1 {
		t.Errorf("on Lambda the context is %+v", there)
	}
	for _, s := range []*said{&here, &there} {
		s.ID, s.ARN, s.Name, s.Region, s.IP = "", "", "", "", ""
		for _, own := range []string{"content-length", "x-forwarded-proto"} {
			delete(s.Headers, own)
		}
	}
	if diff := cmp.Diff(there, here); diff != "" {
		t.Errorf("locally it sees something else: %s", diff)
	}
	for _, c := range []struct {
		target string
		status int
		body   string
		header http.Header
	}{
		{"/cookies", 201, "ok", http.Header{"X-One": {"1"}, "Set-Cookie": {"a=1; Path=/", "b=2"}, "Content-Type": {"application/json"}}},
		{"/binary", 200, "\x00\xff", http.Header{"Content-Type": {"image/png"}}},
		{"/plain?name=ann", 200, `{"hello":"ann"}`, http.Header{"Content-Type": {"application/json"}}},
		{"/stream", 202, "streamed", http.Header{"Content-Type": {"text/plain"}}},
		{"/fail", 500, "internal server error\n", nil},
		{"/panic", 500, "internal server error\n", nil},
		{"/bad", 500, "internal server error\n", nil},
		{"/exit", 500, "internal server error\n", nil},
	} {
		a := local.do("GET", c.target, nil)
		if a.status != c.status || a.body != c.body {
			t.Errorf("%s: %d %q\n%s", c.target, a.status, a.body, local.out)
		}
		for name, want := range c.header {
			if diff := cmp.Diff(want, a.header[name]); diff != "" {
				t.Errorf("%s: %s: %s", c.target, name, diff)
			}
		}
	}
	if a, err := local.try("GET", "/stream-fail", nil); err == nil {
		t.Errorf("a stream that fails is whole: %d %q", a.status, a.body)
	}
	if s := heard(t, local.do("GET", "/", nil)); s.Calls != 2 {
		t.Errorf("after its end the program begins anew, and it counts %d", s.Calls)
	}
}

// textEvent is a request whose body a function URL gives as text.
func textEvent(method, target, body string, headers ...string) map[string]any {
	event := urlEvent(method, target, nil, headers...)
	event["body"], event["isBase64Encoded"] = body, false
	return event
}

func TestAGoProgramOfLambdaIsProbedAndGetsItsSecretsOnLambda(t *testing.T) {
	t.Parallel()
	p, fn := goLambda()
	dir := p.build(t, packages(), fn)
	l := p.run(t, dir, lambdatest.Function{})
	for range 2 {
		if r := l.invoke([]byte(`{"dev.ferry.probe": true}`)); string(r.Payload) != `{"digest":"sha256:abc"}` || r.FunctionError != "" {
			t.Errorf("the probe is answered with %s\n%s", r.Payload, r.Log)
		}
		if r := l.invoke(map[string]any{"dev.ferry.probe": true, "more": 1}); !strings.Contains(string(r.Payload), `"got"`) {
			t.Errorf("what only looks like a probe is the program's: %s", r.Payload)
		}
	}
	if s := heard(t, l.request(urlEvent("GET", "/", nil))); s.Calls != 3 {
		t.Errorf("%d calls came to the program", s.Calls)
	}
	if r := l.invoke(urlEvent("GET", "/fail", nil)); r.FunctionError == "" || !strings.Contains(string(r.Payload), "failed on purpose") {
		t.Errorf("an error is %s", r.Payload)
	}
	if r := l.invoke(urlEvent("GET", "/stream", nil)); !strings.HasSuffix(string(r.Payload), strings.Repeat("\x00", 8)+"streamed") || r.ContentType != "application/vnd.awslambda.http-integration-response" {
		t.Errorf("a stream is %+v", r)
	}
	if r := l.invoke(urlEvent("GET", "/stream-fail", nil)); r.FunctionError == "" || !strings.HasSuffix(string(r.Payload), "part") {
		t.Errorf("a stream that fails is %+v", r)
	}
	if r := l.invoke(urlEvent("GET", "/panic", nil)); r.FunctionError == "" || !strings.Contains(string(r.Payload), "panicked on purpose") {
		t.Errorf("a panic is %s", r.Payload)
	}
	for sent, want := range map[string]string{
		`"type":"dev.ferry.invoke.v1","datacontenttype":"application/json","data":{"n":1}`:                                       `{"got":{"n":1}}`,
		`"type":"dev.ferry.invoke.v1","datacontenttype":"text/plain","data":"hi"`:                                                `"hi"`,
		`"type":"dev.ferry.queue.message.v1","datacontenttype":"text/plain","data":"fail"`:                                       `"itemIdentifier":"7"`,
		`"type":"dev.ferry.schedule.v1","time":"2026-01-02T03:04:05Z","datacontenttype":"application/json","data":{"nightly":1}`: "null",
	} {
		r := l.invoke([]byte(`{"attempt":"1","dev.ferry.event":{"specversion":"1.0","id":"7","source":"arn:aws:scheduler:x/y",` + sent + `}}`))
		if want == `"hi"` { // which the program does not take
			want = "errorMessage"
		}
		if !strings.Contains(string(r.Payload), want) {
			t.Errorf("%s: %s\n%s", sent, r.Payload, r.Log)
		}
		if strings.Contains(sent, "schedule") && !strings.Contains(r.Log, `"detail-type":"Scheduled Event"`) {
			t.Errorf("a schedule is no event of EventBridge's:\n%s", r.Log)
		}
	}
	l = p.run(t, dir, lambdatest.Function{Env: settings{"FERRY_SECRETS": `{"TOKEN":"nowhere:x#1"}`}})
	if r := l.invoke([]byte(`{"dev.ferry.probe": true}`)); r.FunctionError == "" || !strings.Contains(string(r.Payload), "secret TOKEN") {
		t.Errorf("a secret that cannot be had: %s", r.Payload)
	}
}

func TestAGoProgramOfLambdaGetsNoRequestOnLambdaThatTheManifestExcludes(t *testing.T) {
	t.Parallel()
	p, fn := goLambda()
	fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Path: "/items/{id}", Methods: []string{"GET"}}}}
	fn.Health = &manifest.Health{Path: "/healthz?full"}
	l := p.run(t, p.build(t, packages(), fn), lambdatest.Function{})
	for _, in := range lambdaIngresses() {
		for _, c := range []struct {
			method, path string
			status       int
			allow        []string
		}{
			{"GET", "/items/1", 200, nil},
			{"GET", "/healthz", 200, nil},
			{"GET", "/items/1/2", 404, nil},
			{"DELETE", "/items/1", 405, []string{"GET, HEAD"}},
		} {
			if c.status == 200 && strings.HasPrefix(in.name, "alb") {
				c.status = 502 // the program's own results have no description, which load balancers ask for
			}
			got := in.got(l.invoke(in.event(message{method: c.method, path: c.path, headers: [][2]string{{"host", "x"}}})))
			if got.Status != c.status || !slices.Equal(got.Headers["allow"], c.allow) {
				t.Errorf("%s: %s %s gets %+v", in.name, c.method, c.path, got)
			}
		}
	}
	if r := l.invoke(map[string]any{"Records": []any{}}); r.FunctionError != "" {
		t.Errorf("an event is the program's: %s", r.Payload)
	}
}

func TestAGoProgramOfLambdaGetsOneRequestAtATimeAndTheTimeThatItHas(t *testing.T) {
	t.Parallel()
	p, fn := goLambda()
	i := p.launch(t, packages(), fn, "FERRY_TIMEOUT_MS=5000").ready()
	began := time.Now()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if a, err := i.try("GET", "/slow", nil); err != nil || a.status != 200 {
				t.Errorf("%d %v", a.status, err)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("two requests of a second took %v", took)
	}
	if a := i.do("GET", "/hang", nil); a.status != 504 {
		t.Errorf("a request that takes too long: %d %s", a.status, a.body)
	}
	if s := heard(t, i.do("GET", "/", nil)); s.Calls != 1 {
		t.Errorf("the program that hung goes on: %d", s.Calls)
	}
}

func TestAGoProgramOfLambdaTakesEventsAsAWSSendsThem(t *testing.T) {
	t.Parallel()
	p, fn := goLambda()
	fn.Events = append(fn.Events, manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}})
	i := p.launch(t, packages(), fn).ready()
	deliver := func(kind, source, data string, more ...string) answer {
		headers := append([]string{"ferry-instance: nonce", "ce-specversion: 1.0", "ce-id: 7", "ce-source: " + source, "ce-type: dev.ferry." + kind + ".v1", "ce-time: 2026-01-02T03:04:05Z"}, more...)
		return i.do("POST", "/.ferry/event", []byte(data), headers...)
	}
	if a := deliver("queue.message", "/queues/orders", "hello", "content-type: text/plain", `ferry-attributes: {"color":"red"}`); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	i.says("MESSAGE 7 hello arn:aws:sqs:local:000000000000:orders")
	i.says("COLOR 7 red")
	if a := deliver("queue.message", "arn:aws:sqs:eu-west-1:1:q", "fail"); a.status != 500 || !strings.Contains(a.body, "failed") {
		t.Errorf("a message that the program reports as failed: %d %s", a.status, a.body)
	}
	batch := `[{"specversion":"1.0","id":"8","source":"/queues/orders","type":"dev.ferry.queue.message.v1","datacontenttype":"text/plain","ferryattributes":"{\"color\":\"green\"}","data_base64":"Z3LDvG4="},` +
		`{"specversion":"1.0","id":"9","source":"/queues/orders","type":"dev.ferry.queue.message.v1","data_base64":"ZmFpbA=="}]`
	together := func(batch string) answer {
		return i.do("POST", "/.ferry/event", []byte(batch), "ferry-instance: nonce", "content-type: application/cloudevents-batch+json")
	}
	if a := together(batch); a.status != 200 || strings.TrimSpace(a.body) != `{"batchItemFailures":[{"itemIdentifier":"9"}]}` {
		t.Errorf("a batch: %d %s", a.status, a.body)
	}
	i.says("MESSAGE 8 grün arn:aws:sqs:local:000000000000:orders")
	i.says("COLOR 8 green")
	if a := together(`[{"id":"8"}]`); a.status != 400 {
		t.Errorf("a batch of what are no CloudEvents: %d %s", a.status, a.body)
	}
	for kind, c := range map[string][3]string{
		"topic.message":  {"hi", "text/plain", `"MessageAttributes":{"color":{"Type":"String","Value":"red"}}`},
		"object.created": {`{"bucket":"uploads","key":"a b/ä.jpg","size":3}`, "application/json", `"key":"a+b/%C3%A4.jpg"`},
		"object.deleted": {`{"bucket":"uploads","key":"x"}`, "application/json", `"eventName":"ObjectRemoved:Delete"`},
		"schedule":       {"", "application/json", `"detail-type":"Scheduled Event"`},
	} {
		if a := deliver(kind, "/place/name", c[0], "content-type: "+c[1], `ferry-attributes: {"color":"red"}`); a.status != 204 {
			t.Errorf("%s: %d %s", kind, a.status, a.body)
		}
		i.says(c[2])
	}
	if a := deliver("invoke", "/cli", `{"n":1}`, "content-type: application/json"); a.status != 200 || strings.TrimSpace(a.body) != `{"got":{"n":1}}` {
		t.Errorf("an invocation gets %d %s", a.status, a.body)
	}
	digest := sha256.Sum256([]byte("nonce"))
	if a := i.do("POST", "/.ferry/event/"+hex.EncodeToString(digest[:]), []byte("{}"), "ce-specversion: 1.0", "ce-id: 7", "ce-source: /s", "ce-type: dev.ferry.invoke.v1", "content-type: application/json"); a.status != 204 || a.body != "" {
		t.Errorf("a broker gets %d %s", a.status, a.body)
	}
}

func TestAGoProgramOfLambdaGetsPayloadOneWhereTheManifestSaysSo(t *testing.T) {
	t.Parallel()
	p, fn := goLambda()
	fn.Payload = "1.0"
	i := p.launch(t, packages(), fn).ready()
	a := i.do("PUT", "/a%20b?a=1&a=2", nil)
	if cookies := a.header["Set-Cookie"]; a.status != 200 || a.body != "PUT /a%20b 1+2" || !slices.Equal(cookies, []string{"a=1", "b=2"}) {
		t.Errorf("got %d %q %v", a.status, a.body, a.header)
	}
	if a := i.do("GET", "/bad", nil); a.status != 502 {
		t.Errorf("a result that is no answer: %d", a.status)
	}
	var root struct {
		PathParameters map[string]string
		RequestContext struct {
			Identity struct{ UserAgent *string }
		}
	}
	if err := json.Unmarshal([]byte(i.do("GET", "/", nil).body), &root); err != nil || root.PathParameters != nil || root.RequestContext.Identity.UserAgent != nil {
		t.Errorf("a request of no path by nobody is %+v, %v", root, err)
	}
}

func TestOnAWSAGoProgramOfPayload1GetsWhatAFunctionURLSendsInThatForm(t *testing.T) {
	t.Parallel()
	p, fn := goLambda()
	fn.Payload = "1.0"
	l := p.run(t, p.build(t, packages(), fn), lambdatest.Function{})
	all := lambdaIngresses()
	url, api, rest := all[0], all[1], all[2]
	get := message{method: "GET", path: "/event", query: "a=1&b=%20&a=2%2C3", headers: [][2]string{
		{"Host", "x"}, {"X-One", "1"}, {"User-Agent", "browser"}, {"Cookie", "c=1; d=2"},
	}}
	for _, in := range []onLambda{url, api} {
		sent := in.event(get)
		var seen map[string]any
		if err := json.Unmarshal([]byte(in.got(l.invoke(sent)).Body), &seen); err != nil {
			t.Fatalf("%s: %v", in.name, err)
		}
		if diff := cmp.Diff(decodedJSON(t, asPayload1(sent)), seen); diff != "" {
			t.Errorf("%s: the program sees something else: %s", in.name, diff)
		}
	}
	var unchanged map[string]any
	if r := l.invoke(rest.event(get)); json.Unmarshal([]byte(rest.got(r).Body), &unchanged) != nil {
		t.Errorf("a REST API gets %s", r.Payload)
	}
	if diff := cmp.Diff(decodedJSON(t, rest.event(get)), unchanged); diff != "" {
		t.Errorf("the event of a REST API is another: %s", diff)
	}
	post := message{method: "POST", path: "/many", headers: [][2]string{{"host", "x"}}, body: []byte("\x00\xff")}
	want := outcome{Status: 201, Body: "\x00\xff", Headers: map[string][]string{
		"content-type": {"image/png"}, "set-cookie": {"a=1; Path=/", "b=2", "c=3"}, "x-multi": {"a,b"}, "x-number": {"1234567"},
	}}
	if diff := cmp.Diff(want, url.got(l.invoke(url.event(post)))); diff != "" {
		t.Errorf("its answer is another: %s", diff)
	}
	if r := l.invoke(rest.event(post)); !strings.Contains(string(r.Payload), `"multiValueHeaders"`) {
		t.Errorf("the result for a REST API is another: %s", r.Payload)
	}
	at := func(path string) lambdatest.Result {
		return l.invoke(url.event(message{method: "GET", path: path, headers: [][2]string{{"host", "x"}}}))
	}
	if r := at("/bad"); url.got(r).Status != 502 || !strings.Contains(r.Log, "payload 1.0") {
		t.Errorf("a result that is no answer: %s\n%s", r.Payload, r.Log)
	}
	if r := at("/stream"); r.ContentType != "application/vnd.awslambda.http-integration-response" || !strings.HasSuffix(string(r.Payload), "\x00streamed") {
		t.Errorf("a stream is %+v", r)
	}
	if r := at("/fail"); r.FunctionError == "" || !strings.Contains(string(r.Payload), "failed on purpose") {
		t.Errorf("an error is %s", r.Payload)
	}
	byHand, err := json.Marshal(url.event(get))
	if err != nil {
		t.Fatal(err)
	}
	r := l.invoke([]byte(`{"dev.ferry.event":{"specversion":"1.0","id":"7","source":"/cli","type":"dev.ferry.invoke.v1","datacontenttype":"application/json","data":` + string(byHand) + `}}`))
	if !strings.Contains(string(r.Payload), `\"method\":\"GET\"`) {
		t.Errorf("an event that is sent by hand is another: %s", r.Payload)
	}
}

// asPayload1 is the request of a GET of /event in the form of a REST API.
func asPayload1(sent map[string]any) map[string]any {
	headers := map[string]string{"Host": "x", "X-One": "1", "User-Agent": "browser", "Cookie": "c=1; d=2", "X-Forwarded-Proto": "https", "X-Forwarded-For": seenFrom}
	many := map[string][]string{}
	for name, value := range headers {
		many[name] = []string{value}
	}
	return map[string]any{
		"resource": "/{proxy+}", "path": "/event", "httpMethod": "GET", "headers": headers, "multiValueHeaders": many,
		"queryStringParameters":           map[string]string{"a": "2,3", "b": " "},
		"multiValueQueryStringParameters": map[string][]string{"a": {"1", "2,3"}, "b": {" "}},
		"pathParameters":                  map[string]string{"proxy": "event"}, "stageVariables": nil, "body": nil, "isBase64Encoded": false,
		"requestContext": map[string]any{
			"accountId": "anonymous", "apiId": "x", "domainName": sent["requestContext"].(map[string]any)["domainName"], "domainPrefix": "x",
			"requestId": "r", "extendedRequestId": "r", "httpMethod": "GET", "path": "/event", "protocol": "HTTP/1.1",
			"identity": map[string]any{"sourceIp": seenFrom, "userAgent": "browser"}, "requestTime": "28/Nov/2026:12:00:00 +0000", "requestTimeEpoch": 1795867200000,
			"resourceId": "$default", "resourcePath": "/{proxy+}", "stage": "$default",
		},
	}
}

// decodedJSON is a value as it comes out of JSON.
func decodedJSON(t *testing.T, value any) (out map[string]any) {
	t.Helper()
	data, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAGoProgramOfLambdaThatCannotBeginNeverServes(t *testing.T) {
	t.Parallel()
	p, fn := goLambda()
	i := p.launch(t, packages(), fn, "BROKEN=1")
	select {
	case <-i.done:
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
	if out := i.out.String(); !strings.Contains(out, "broken on purpose") || !strings.Contains(out, "it has to call lambda.Start") {
		t.Errorf("it says\n%s", out)
	}
}

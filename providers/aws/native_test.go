package aws

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

func TestAFunctionIsInvokedAsItsEventsDo(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	s.declare("worker", "one", at("0 3 * * *"))
	s.write("worker/app.py", `app = None
def on_event(event, ctx):
    print('got', event['type'], event['source'], event.get('subject'), event.data, ctx.attempt)
    if event.data == 'fail':
        raise ValueError('on purpose')
`)
	s.deploy()
	region := "eu-west-1:123456789012"
	for _, c := range []struct {
		event  manifest.Event
		body   string
		header map[string][]string
		status int
		says   string
	}{
		{messages("orders", 1), "seven", nil, 204, "got dev.ferry.queue.message.v1 arn:aws:sqs:" + region + ":orders None seven 1"},
		{messages("orders", 1), `{"n":7}`, map[string][]string{"Content-Type": {"application/json"}}, 204, "None {'n': 7} 1"},
		{messages("orders.fifo", 1), "fail", nil, 500, "orders.fifo None fail 1"},
		{published("signups"), "hello", nil, 204, "got dev.ferry.topic.message.v1 arn:aws:sns:" + region + ":signups None hello"},
		{published("signups"), "fail", nil, 500, "signups None fail"},
		{stored("uploads", "raw/", "created"), "", nil, 204, "got dev.ferry.object.created.v1 arn:aws:s3:::uploads raw/example {"},
		{stored("uploads", "", "deleted"), "a b/ü+c", nil, 204, "got dev.ferry.object.deleted.v1 arn:aws:s3:::uploads a b/ü+c {"},
		{at("0 3 * * *"), "", nil, 204, "got dev.ferry.schedule.v1 arn:aws:scheduler:" + region + ":schedule/default/shop-dev-worker.0 shop-dev-worker.0 {} 1"},
	} {
		res, err := s.invoker().Invoke(t.Context(), "worker", providers.Request{
			Body: []byte(c.body), Header: c.header, Event: &providers.BoundEvent{Event: c.event, Function: *s.function("worker")},
		})
		if err != nil || res.Status != c.status || !strings.Contains(res.Log, c.says) {
			t.Errorf("%s: %d %s %v, and not %q in\n%s", c.event.Kind(), res.Status, res.Body, err, c.says, res.Log)
		}
	}
	if res, err := s.invoker().Invoke(t.Context(), "worker", providers.Request{Body: []byte("1")}); err != nil || res.Status != http.StatusNoContent {
		t.Errorf("an event of no source: %d %v", res.Status, err)
	}
}

func TestARequestIsInvokedAsAFunctionURLHandsItOver(t *testing.T) {
	c := &connection{place: &place{}}
	event := c.functionURL("api", providers.Request{
		Method: "POST", Path: "/a%2Fb?x=1&x=2&y=%20", Body: []byte(`{"a":1}`), Header: map[string][]string{"Content-Type": {"application/json"}},
	}, time.Now())
	outer := event["requestContext"].(map[string]any)["http"].(map[string]any)
	for what, values := range map[string][2]any{
		"the path":         {event["rawPath"], "/a%2Fb"},
		"the path decoded": {outer["path"], "/a/b"},
		"the query":        {event["queryStringParameters"], map[string]string{"x": "1,2", "y": " "}},
		"the text":         {event["body"], `{"a":1}`},
		"its encoding":     {event["isBase64Encoded"], false},
	} {
		if diff := cmp.Diff(values[1], values[0]); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	event = c.functionURL("api", providers.Request{Method: "POST", Path: "/", Body: []byte("\xff")}, time.Now())
	if event["body"] != "/w==" || event["isBase64Encoded"] != true {
		t.Errorf("bytes go as %v", event["body"])
	}
}

func TestWhatHasNoStatusIsTheBodyOfAnAnswer(t *testing.T) {
	var res providers.Response
	if err := fill(&res, []byte(`{"sku":"tea"}`)); err != nil || res.Status != http.StatusOK || string(res.Body) != `{"sku":"tea"}` {
		t.Errorf("got %+v, %v", res, err)
	}
	if err := fill(&res, []byte("oops")); err == nil {
		t.Error("what is no JSON passes for an answer")
	}
}

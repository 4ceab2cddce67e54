package templates_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

// goEchoes are the Go handlers of the corpus and of the events.
func goEchoes() (echo, app program) { return echoes()[4], apps()[2] }

func TestInGoOnlyACloudEventIsDelivered(t *testing.T) {
	t.Parallel()
	echo, _ := goEchoes()
	i := echo.launch(t, packages(), echo.function(func(fn *manifest.Function) {
		fn.Events = append(fn.Events, manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}})
	})).ready()
	binary := []string{"ce-specversion: 1.0", "ce-id: 7", "ce-source: /s", "ce-type: t"}
	without := func(n int) []string { return slices.Delete(slices.Clone(binary), n, n+1) }
	with := func(more string) []string { return append(slices.Clone(binary), more) }
	structured := []string{"content-type: Application/CloudEvents+JSON; charset=utf-8"}
	for _, c := range []struct {
		name    string
		headers []string
		body    string
		status  int
	}{
		{"binary", with("content-type: Application/JSON"), `{"n": 1}`, 204},
		{"structured", structured, `{"specversion":"1.0","id":"8","source":"/s","type":"t","data":{"n":1}}`, 204},
		{"bytes", with("content-type: image/png"), "\x00\xff", 204},
		{"no specversion", without(0), "", 400},
		{"no id", without(1), "", 400},
		{"no source", without(2), "", 400},
		{"no type", without(3), "", 400},
		{"another version", append(without(0), "ce-specversion: 0.3"), "", 400},
		{"data that is no JSON", with("content-type: application/json"), "{", 400},
		{"structured without id", structured, `{"specversion":"1.0","source":"/s","type":"t"}`, 400},
		{"structured of another version", structured, `{"specversion":"0.3","id":"1","source":"/s","type":"t"}`, 400},
		{"a list", structured, "[]", 400},
		{"null", structured, "null", 400},
		{"a batch", []string{"content-type: application/cloudevents-batch+json"}, "[]", 400},
		{"data that is no base64", structured, `{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"?"}`, 400},
		{"a failure", with("content-type: text/plain"), "fail", 500},
	} {
		if got := i.do("POST", "/.ferry/event", []byte(c.body), append(c.headers, "ferry-instance: nonce")...); got.status != c.status {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
	}
	i.says(`event t 7 {"n": 1} attempt <nil>`)
	i.says(`event t 8 {"n":1}`)
	i.says("event t 7 \x00\xff")
}

func TestOnAWSEventsThatAskForNothingAreAcknowledged(t *testing.T) {
	t.Parallel()
	each(t, apps(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for _, event := range []string{
			`{"Records":[]}`, `{"source":"serverless-plugin-warmup"}`, `{"warmer":true,"concurrency":3}`,
			`{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00.000Z","Bucket":"uploads","RequestId":"1","HostId":"2"}`,
		} {
			if r := l.invoke([]byte(event)); r.FunctionError != "" || len(delivered(t, r)) > 0 {
				t.Errorf("%s: %s", event, r.Payload)
			}
		}
	})
}

// TestOnAWSEveryExampleOfAWSIsServedOrRefusedByName looks at all that AWS publishes.
func TestOnAWSEveryExampleOfAWSIsServedOrRefusedByName(t *testing.T) {
	t.Parallel()
	requests := []string{
		"alb-lambda-target-request-headers-only", "alb-lambda-target-request-multivalue-headers", "apigw-request", "apigw-restapi-openapi-request",
		"apigw-v2-request-iam", "apigw-v2-request-jwt-authorizer", "apigw-v2-request-lambda-authorizer", "apigw-v2-request-no-authorizer", "lambda-urls-request",
	}
	deliveries := []string{
		"cloudwatch-alarm-sns-payload-multiple-metrics", "cloudwatch-alarm-sns-payload-single-metric",
		"s3-event", "s3-event-with-decoded", "sns-event", "sqs-event",
	}
	dir, err := examples()
	if err != nil {
		t.Skip(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) < 90 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	each(t, apps(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			event, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "-response") || !json.Valid(event) {
				continue
			}
			r := l.invoke(event)
			switch {
			case slices.Contains(requests, name):
				if a := asked(t, r, "r"); a.status != 200 {
					t.Errorf("%s: %d %s", name, a.status, r.Payload)
				}
			case slices.Contains(deliveries, name):
				if r.FunctionError != "" || len(delivered(t, r)) == 0 {
					t.Errorf("%s: %s", name, r.Payload)
				}
			case r.FunctionError == "" || !strings.Contains(string(r.Payload), "does not know"):
				t.Errorf("%s is none of ferry's events and gave %.200s", name, r.Payload)
			}
		}
	})
}

// asked reads the answer of an ingress with payload format 1.0: "r" of a REST API, "m" and "s" of a load balancer with
// many values for a header and with one.
func asked(t *testing.T, r lambdatest.Result, ingress string) answer {
	t.Helper()
	if r.FunctionError != "" {
		t.Fatalf("the function failed: %s\n%s", r.Payload, r.Log)
	}
	var got events.ALBTargetGroupResponse
	if err := json.Unmarshal(r.Payload, &got); err != nil {
		t.Fatal(err)
	}
	a := answer{status: got.StatusCode, header: http.Header{}, body: got.Body}
	for name, value := range got.Headers {
		a.header.Add(name, value)
	}
	for name, values := range got.MultiValueHeaders {
		for _, value := range values {
			a.header.Add(name, value)
		}
	}
	if ingress != "r" && got.StatusDescription != fmt.Sprintf("%d %s", got.StatusCode, http.StatusText(got.StatusCode)) {
		t.Errorf("the status is described as %q", got.StatusDescription)
	}
	if got.Headers != nil && got.MultiValueHeaders != nil {
		t.Errorf("headers are in two places: %s", r.Payload)
	}
	if got.IsBase64Encoded {
		data, err := base64.StdEncoding.DecodeString(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		a.body = string(data)
	}
	return a
}

// oneEvent is a request as an ingress with payload format 1.0 gives it.
func oneEvent(ingress, method, target string, body []byte, headers ...string) map[string]any {
	path, query, _ := strings.Cut(target, "?")
	event := map[string]any{"httpMethod": method, "path": path, "body": base64.StdEncoding.EncodeToString(body), "isBase64Encoded": true}
	one, many := map[string]string{"host": "shop.example:8080"}, map[string][]string{"host": {"shop.example:8080"}}
	for _, h := range append(headers, "x-forwarded-for: 198.51.100.1, 192.0.2.7") {
		name, value, _ := strings.Cut(h, ": ")
		name, value = strings.ToLower(name), strings.ToValidUTF8(value, "é")
		one[name], many[name] = value, append(many[name], value)
	}
	oneQuery, manyQuery := map[string]string{}, map[string][]string{}
	for part := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(part, "="); part != "" {
			if ingress == "r" {
				name, value = plain(name), plain(value)
			}
			oneQuery[name], manyQuery[name] = value, append(manyQuery[name], value)
		}
	}
	context := map[string]any{"elb": map[string]any{"targetGroupArn": "arn:aws:elasticloadbalancing:x"}}
	if ingress == "r" {
		context = map[string]any{"stage": "prod", "path": "/prod" + path, "identity": map[string]any{"sourceIp": "192.0.2.7"}}
	}
	event["requestContext"] = context
	if ingress != "m" {
		event["headers"], event["queryStringParameters"] = one, oneQuery
	}
	if ingress != "s" {
		event["multiValueHeaders"], event["multiValueQueryStringParameters"] = many, manyQuery
	}
	return event
}

func TestInGoRESTAndLoadBalancersAreServedAsFunctionURLsAre(t *testing.T) {
	t.Parallel()
	echo, app := goEchoes()
	l := echo.deploy(t, nil)
	// What these ingresses lose: how a query was written, and with one value for each name the others.
	lost := map[string]string{"a raw query": "rms", "duplicate query keys": "rms"}
	for _, ingress := range []string{"r", "m", "s"} {
		for _, c := range templates.RequestCases() {
			if strings.Contains(strings.Join(c.Headers, ""), "chunked") || strings.Contains(lost[c.Name], ingress) {
				continue
			}
			if c.Want.Query == "y" {
				c.Want.Query = "y=" // how a parameter without a value was written is lost
			}
			if ingress == "s" && c.WantHeaders["x-multi"] != "" {
				c.WantHeaders["x-multi"] = "b"
			}
			t.Run(ingress+" "+c.Name, func(t *testing.T) {
				a := asked(t, l.invoke(oneEvent(ingress, c.Method, c.Target, c.Body, c.Headers...)), ingress)
				c.Judge(t, echo.style, a.status, a.body)
			})
		}
		for _, c := range templates.ResponseCases() {
			if len(c.Body) > 4<<20 {
				continue
			}
			a := asked(t, l.invoke(oneEvent(ingress, c.Method, c.Target, nil)), ingress)
			if a.status != c.Status || a.body != c.Body {
				t.Errorf("%s %s: %d %.40q", ingress, c.Name, a.status, a.body)
			}
			for name, want := range c.Header {
				got := a.header[name]
				if name != "Set-Cookie" {
					want, got = []string{strings.Join(want, ", ")}, []string{strings.Join(got, ", ")}
				}
				slices.Sort(got)
				if !slices.Equal(want, got) {
					t.Errorf("%s %s: %s is %q", ingress, c.Name, name, got)
				}
			}
		}
		var got struct{ IP string }
		a := asked(t, app.deploy(t, nil).invoke(oneEvent(ingress, "GET", "/", nil)), ingress)
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.IP != "192.0.2.7" {
			t.Errorf("%s: the client is %q, %v", ingress, got.IP, err)
		}
	}
	for ingress, want := range map[string]string{"r": "a=1&a=2&b=&c=%20x", "m": "a=1&a=2&b=&c=+x", "s": "a=2&b=&c=+x"} {
		var got templates.Echoed
		a := asked(t, l.invoke(oneEvent(ingress, "GET", "/q?a=1&a=2&b&c=+x", nil)), ingress)
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Query != want {
			t.Errorf("%s: the query is %q, %v", ingress, got.Query, err)
		}
	}
	event := oneEvent("r", "GET", "/x", nil)
	event["isBase64Encoded"], event["body"] = true, "?"
	if a := asked(t, l.invoke(event), "r"); a.status != 400 {
		t.Errorf("a body that is no base64: %d", a.status)
	}
}

// plain is a part of a query as a REST API decodes it.
func plain(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

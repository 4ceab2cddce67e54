package templates_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/templates"
)

// payload1 is an ingress of payload format 1.0.
type payload1 struct {
	name     string
	balancer bool // an Application Load Balancer, else a REST API
	single   bool // with one value for each name
	query    map[string]string
	headers  map[string]string
}

// payload1s are these ingresses, with what each makes of queries and headers that it cannot hold.
func payload1s() []payload1 {
	return []payload1{
		{name: "a REST API", query: map[string]string{"y": "y=", "a=1&a=2&b&c=": "a=1&a=2&b=&c=", "x=%2F+y%zz&&;?#": ";?%23=&x=/%20y%25zz"}},
		{name: "a load balancer", balancer: true, query: map[string]string{"y": "y=", "a=1&a=2&b&c=": "a=1&a=2&b=&c=", "x=%2F+y%zz&&;?#": ";?#=&x=%2F+y%zz"}},
		{
			name: "a load balancer without lists", balancer: true, single: true,
			query: map[string]string{"y": "y=", "a=1&a=2&b&c=": "a=2&b=&c=", "x=%2F+y%zz&&;?#": ";?#=&x=%2F+y%zz"}, headers: map[string]string{"x-multi": "b"},
		},
	}
}

// event is a request as the ingress hands it over. A REST API keeps the case of names and decodes the query.
func (in payload1) event(method, target string, body []byte, headers ...string) map[string]any {
	path, raw, _ := strings.Cut(target, "?")
	many, one := http.Header{}, map[string]string{}
	for _, h := range append([]string{"Host: shop.example:8080", "X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.9, 192.0.2.7"}, headers...) {
		name, value, _ := strings.Cut(strings.ToValidUTF8(h, "é"), ": ")
		if in.balancer {
			name = strings.ToLower(name)
		} else {
			name = http.CanonicalHeaderKey(name)
		}
		many[name], one[name] = append(many[name], value), value
	}
	queries, query := url.Values{}, map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(strings.ReplaceAll(value, "%zz", "%25zz")); !in.balancer && err == nil {
			value = decoded
		}
		if name != "" {
			queries[name], query[name] = append(queries[name], value), value
		}
	}
	event := map[string]any{
		"httpMethod": method, "path": path, "body": base64.StdEncoding.EncodeToString(body), "isBase64Encoded": true,
		"requestContext": map[string]any{"stage": "prod", "path": "/prod" + path, "identity": map[string]any{"sourceIp": "192.0.2.7"}},
	}
	if in.balancer {
		event["requestContext"] = map[string]any{"elb": map[string]any{"targetGroupArn": "arn:aws:elasticloadbalancing:x"}}
	}
	if in.single || !in.balancer {
		event["headers"], event["queryStringParameters"] = one, query
	}
	if !in.single {
		event["multiValueHeaders"], event["multiValueQueryStringParameters"] = many, queries
	}
	return event
}

// received is the response as the client of the ingress gets it. One that reads two maps would send a name in both twice.
func (in payload1) received(t *testing.T, r lambdatest.Result) answer {
	t.Helper()
	var got struct {
		StatusCode        int
		StatusDescription string
		Headers           map[string]string
		MultiValueHeaders map[string][]string
		Body              string
		IsBase64Encoded   bool
	}
	if err := json.Unmarshal(r.Payload, &got); err != nil || r.FunctionError != "" {
		t.Fatalf("%v: %.300s\n%s", err, r.Payload, r.Log)
	}
	if in.balancer != (got.StatusDescription != "") || in.single != (got.MultiValueHeaders == nil) || in.balancer && !in.single && got.Headers != nil {
		t.Errorf("it is no answer for %s: %.300s", in.name, r.Payload)
	}
	a := answer{status: got.StatusCode, header: http.Header{}, body: got.Body}
	for name, values := range got.MultiValueHeaders {
		if _, twice := got.Headers[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		for _, value := range values {
			a.header.Add(name, value)
		}
	}
	for name, value := range got.Headers {
		a.header.Add(name, value)
	}
	slices.Sort(a.header["Set-Cookie"]) // whose order says nothing, and a map has none
	if got.IsBase64Encoded {
		data, err := base64.StdEncoding.DecodeString(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		a.body = string(data)
	}
	return a
}

// carryPayload1 are the programs whose language carries payload format 1.0.
func carryPayload1() (all []program) {
	for _, p := range echoes() {
		if p.runtime.Language() != "go" {
			all = append(all, p)
		}
	}
	return all
}

func TestOnAWSARequestOfPayload1ReachesTheHandlerAsItWasSent(t *testing.T) {
	each(t, carryPayload1(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for _, in := range payload1s() {
			for _, c := range templates.RequestCases() {
				if strings.Contains(strings.Join(c.Headers, ""), "chunked") {
					continue // Lambda carries no framing
				}
				t.Run(in.name+" "+c.Name, func(t *testing.T) {
					if lost, ok := in.query[c.Want.Query]; ok {
						c.Want.Query = lost
					}
					for name, lost := range in.headers {
						if c.WantHeaders[name] != "" {
							c.WantHeaders[name] = lost
						}
					}
					r := l.invoke(in.event(c.Method, c.Target, c.Body, c.Headers...))
					a := in.received(t, r)
					c.Judge(t, p.style, a.status, a.body)
				})
			}
		}
	})
}

func TestOnAWSAResponseOfPayload1ReachesTheClientAsItWasGiven(t *testing.T) {
	each(t, carryPayload1(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for _, in := range payload1s() {
			for _, c := range templates.ResponseCases() {
				if len(c.Body) > 4<<20 {
					continue // more than a buffered response can hold where it goes as base64
				}
				a := in.received(t, l.invoke(in.event(c.Method, c.Target, nil)))
				if a.status != c.Status || a.body != c.Body {
					t.Errorf("%s, %s: got %d %q", in.name, c.Name, a.status, a.body)
				}
				for name, want := range c.Header {
					got := a.header[name]
					if name != "Set-Cookie" && len(got) > 1 {
						got = []string{strings.Join(got, ", ")}
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s, %s: header %s: %s", in.name, c.Name, name, diff)
					}
				}
			}
		}
	})
}

func TestOnAWSRequestsOfAWSsOwnExamplesOfPayload1AreServed(t *testing.T) {
	each(t, carryPayload1(), func(t *testing.T, p program) {
		l := p.deploy(t, nil)
		for name, want := range map[string][2]string{
			"alb-lambda-target-request-headers-only":       {"/", "key=hello"},
			"alb-lambda-target-request-multivalue-headers": {"/", "key=hello"},
			"apigw-request":                 {"/hello/world", "name=me"},
			"apigw-restapi-openapi-request": {"/hello/world", "name=me"},
		} {
			event, err := os.ReadFile(example(t, name))
			if err != nil {
				t.Fatal(err)
			}
			in := payload1{balancer: strings.HasPrefix(name, "alb"), single: strings.HasSuffix(name, "only")}
			a := in.received(t, l.invoke(event))
			var got templates.Echoed
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
				t.Fatalf("%s: %d %v %s", name, a.status, err, a.body)
			}
			if got.Path != want[0] || got.Query != want[1] {
				t.Errorf("%s: got %s %s", name, got.Path, got.Query)
			}
		}
		for _, name := range []string{"apigw-websocket-request", "apigw-custom-auth-request-type-request", "apigw-v2-custom-authorizer-v2-request", "apigw-v2-custom-authorizer-v1-request"} {
			event, err := os.ReadFile(example(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if r := l.invoke(event); r.FunctionError == "" || !strings.Contains(string(r.Payload), "does not know") {
				t.Errorf("%s is no request, and the answer was %s", name, r.Payload)
			}
		}
	})
}

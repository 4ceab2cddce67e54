package templates_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ferryfn/ferry/internal/lambdatest"
)

// This file has the ingresses of AWS, as far as they change what goes through them: how each writes a request down, and
// what its client gets of a result.

// message is a request on its way in. Names and values of headers are bytes.
type message struct {
	method, path, query string
	headers             [][2]string
	body                []byte
}

// outcome is what a client gets.
type outcome struct {
	Status  int
	Headers map[string][]string // by name in lower case
	Body    string
	Broken  bool // it broke off
}

// onLambda is an ingress of AWS.
type onLambda struct {
	name    string
	carrier string
	event   func(m message) map[string]any
	answer  func(result map[string]any) outcome
	fails   int // its status for an invocation that fails
}

func lambdaIngresses() []onLambda {
	return []onLambda{
		{"url", "lambda-v2", functionURL, payload2("application/json"), 502},
		{"http-api", "lambda-v2", httpAPI, payload2("text/plain; charset=utf-8"), 500},
		{"rest", "lambda-v1", restAPI, restAnswer, 502},
		{"alb", "lambda-v1", balancerSingle, balancerAnswer(false), 502},
		{"alb-multi", "lambda-v1", balancerMulti, balancerAnswer(true), 502},
	}
}

const seenFrom = "192.0.2.7"

// joined are the headers of a request in lower case, each with its values joined, as text.
func (m message) joined() map[string]string {
	out := map[string]string{}
	for _, h := range m.arriving() {
		if before, ok := out[h[0]]; ok {
			h[1] = before + "," + h[1]
		}
		out[h[0]] = h[1]
	}
	return out
}

// arriving are the headers as text, names in lower case, with what every ingress adds.
func (m message) arriving() (out [][2]string) {
	for _, h := range append(slices.Clone(m.headers), [2]string{"x-forwarded-proto", "https"}, [2]string{"x-forwarded-for", seenFrom}) {
		out = append(out, [2]string{strings.ToLower(h[0]), strings.ToValidUTF8(h[1], "\uFFFD")})
	}
	return out
}

// carry puts the body into an event: as text where AWS takes its type for one.
func (m message) carry(event map[string]any, text bool) {
	kind, _, _ := mime.ParseMediaType(m.joined()["content-type"])
	named := strings.HasPrefix(kind, "text/") || slices.Contains([]string{"application/json", "application/javascript", "application/xml"}, kind)
	switch {
	case text && named && utf8.Valid(m.body):
		event["body"], event["isBase64Encoded"] = string(m.body), false
	case len(m.body) > 0:
		event["body"], event["isBase64Encoded"] = base64.StdEncoding.EncodeToString(m.body), true
	default:
		event["isBase64Encoded"] = false
	}
}

func functionURL(m message) map[string]any {
	event := map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": m.path, "rawQueryString": m.query, "headers": m.joined(),
		"requestContext": map[string]any{
			"accountId": "anonymous", "apiId": "x", "domainName": "x.lambda-url.us-east-1.on.aws", "domainPrefix": "x", "requestId": "r",
			"routeKey": "$default", "stage": "$default", "time": "28/Nov/2026:12:00:00 +0000", "timeEpoch": 1795867200000,
			"http": map[string]any{"method": m.method, "path": m.path, "protocol": "HTTP/1.1", "sourceIp": seenFrom, "userAgent": "test"},
		},
	}
	if cookie := m.joined()["cookie"]; cookie != "" {
		event["cookies"] = strings.Split(cookie, "; ")
	}
	if query := m.pairs(true); len(query) > 0 {
		event["queryStringParameters"] = commas(query)
	}
	m.carry(event, true)
	return event
}

// commas are pairs as format 2.0 has them: a name once, with its values behind one another.
func commas(pairs [][2]string) map[string]string {
	out := map[string]string{}
	for name, values := range many(pairs) {
		out[name] = strings.Join(values, ",")
	}
	return out
}

// httpAPI decodes the path, ends it where that gives a question mark, and has cookies in one place alone.
func httpAPI(m message) map[string]any {
	event := functionURL(m)
	decoded, err := url.PathUnescape(m.path)
	if err != nil {
		decoded = m.path
	}
	decoded, _, _ = strings.Cut(strings.ToValidUTF8(decoded, "\uFFFD"), "?")
	event["rawPath"] = decoded
	outer := event["requestContext"].(map[string]any)
	outer["domainName"] = "x.execute-api.us-east-1.amazonaws.com"
	outer["http"].(map[string]any)["path"] = decoded
	delete(event["headers"].(map[string]string), "cookie")
	return event
}

// pairs are the parts of a query, decoded or as they were sent.
func (m message) pairs(decoded bool) (out [][2]string) {
	for part := range strings.SplitSeq(m.query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		for _, text := range []*string{&name, &value} {
			if plain, err := url.QueryUnescape(*text); decoded && err == nil {
				*text = strings.ToValidUTF8(plain, "\uFFFD")
			}
		}
		out = append(out, [2]string{name, value})
	}
	return out
}

// many and last are pairs as the two kinds of map in an event.
func many(pairs [][2]string) map[string][]string {
	out := map[string][]string{}
	for _, p := range pairs {
		out[p[0]] = append(out[p[0]], p[1])
	}
	return out
}

func last(pairs [][2]string) map[string]string {
	out := map[string]string{}
	for _, p := range pairs {
		out[p[0]] = p[1]
	}
	return out
}

// orNull is a map as a REST API writes it: null where it is empty.
func orNull[V any](m map[string]V) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

func restAPI(m message) map[string]any {
	headers := m.arriving()
	event := map[string]any{
		"resource": "/{proxy+}", "path": m.path, "httpMethod": m.method, "headers": last(headers), "multiValueHeaders": many(headers),
		"queryStringParameters": orNull(last(m.pairs(true))), "multiValueQueryStringParameters": orNull(many(m.pairs(true))),
		"pathParameters": map[string]string{"proxy": strings.TrimPrefix(m.path, "/")}, "stageVariables": nil, "body": nil,
		"requestContext": map[string]any{
			"stage": "prod", "path": "/prod" + m.path, "httpMethod": m.method, "protocol": "HTTP/1.1", "requestId": "r", "resourcePath": "/{proxy+}",
			"identity": map[string]any{"sourceIp": seenFrom}, "domainName": "x.execute-api.us-east-1.amazonaws.com",
		},
	}
	m.carry(event, false)
	return event
}

func balancer(m message) map[string]any {
	event := map[string]any{
		"httpMethod": m.method, "path": m.path, "body": "",
		"requestContext": map[string]any{"elb": map[string]any{"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/1"}},
	}
	m.carry(event, true)
	return event
}

func balancerSingle(m message) map[string]any {
	event := balancer(m)
	event["headers"], event["queryStringParameters"] = last(m.arriving()), last(m.pairs(false))
	return event
}

func balancerMulti(m message) map[string]any {
	event := balancer(m)
	event["multiValueHeaders"], event["multiValueQueryStringParameters"] = many(m.arriving()), many(m.pairs(false))
	return event
}

// body is that of a result, and false when it is not what it says.
func body(result map[string]any) (string, bool) {
	text, _ := result["body"].(string)
	if result["isBase64Encoded"] != true {
		return text, true
	}
	data, err := base64.StdEncoding.DecodeString(text)
	return string(data), err == nil
}

// begun is an outcome with the status of a result, false when that is none.
func begun(result map[string]any) (outcome, bool) {
	status, ok := result["statusCode"].(float64)
	o := outcome{Status: int(status), Headers: map[string][]string{}}
	return o, ok && status == float64(int(status)) && status >= 200 && status <= 599
}

// payload2 reads a result of format 2.0.
func payload2(kind string) func(map[string]any) outcome {
	return func(result map[string]any) outcome {
		o, ok := begun(result)
		if !ok {
			return outcome{Status: 500}
		}
		headers, _ := result["headers"].(map[string]any)
		for name, value := range headers {
			o.add(name, value)
		}
		cookies, _ := result["cookies"].([]any)
		for _, cookie := range cookies {
			o.add("set-cookie", cookie)
		}
		return o.with(result, kind)
	}
}

// restAnswer sends what is in both maps, so that a name which is in both goes out twice.
func restAnswer(result map[string]any) outcome {
	o, ok := begun(result)
	if !ok {
		return outcome{Status: 502}
	}
	o.addAll(result["multiValueHeaders"])
	o.addAll(result["headers"])
	return o.with(result, "application/json")
}

// balancerAnswer reads the one map that the target group is set to, and takes no result without a description.
func balancerAnswer(multi bool) func(map[string]any) outcome {
	return func(result map[string]any) outcome {
		o, ok := begun(result)
		if described, _ := result["statusDescription"].(string); !ok || described == "" {
			return outcome{Status: 502}
		}
		if multi {
			o.addAll(result["multiValueHeaders"])
		} else {
			o.addAll(result["headers"])
		}
		return o.with(result, "application/octet-stream")
	}
}

func (o outcome) with(result map[string]any, kind string) outcome {
	var ok bool
	if o.Body, ok = body(result); !ok {
		return outcome{Status: 502}
	}
	if o.Headers["content-type"] == nil && o.Body != "" {
		o.add("content-type", kind)
	}
	return o
}

func (o outcome) add(name string, value any) {
	name = strings.ToLower(name)
	text, _ := value.(string)
	o.Headers[name] = append(o.Headers[name], latin1(text))
}

func (o outcome) addAll(headers any) {
	all, _ := headers.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if values, ok := all[name].([]any); ok {
			for _, value := range values {
				o.add(name, value)
			}
			continue
		}
		o.add(name, all[name])
	}
}

// latin1 is text with one character for each byte.
func latin1(value string) string {
	out := make([]rune, len(value))
	for i := range len(value) {
		out[i] = rune(value[i])
	}
	return string(out)
}

// got is what the client gets of a result, buffered or streamed.
func (in onLambda) got(r lambdatest.Result) outcome {
	if r.Streamed {
		return in.streamed(r)
	}
	var result map[string]any
	if r.FunctionError != "" {
		return outcome{Status: in.fails}
	}
	if err := json.Unmarshal(r.Payload, &result); err != nil {
		return outcome{Status: in.fails}
	}
	if _, ok := result["statusCode"]; !ok && in.carrier == "lambda-v2" { // it is taken for the body
		return outcome{Status: 200, Headers: map[string][]string{"content-type": {"application/json"}}, Body: string(r.Payload)}
	}
	return in.answer(result)
}

func (in onLambda) streamed(r lambdatest.Result) outcome {
	prelude, rest, ok := strings.Cut(string(r.Payload), strings.Repeat("\x00", 8))
	var result map[string]any
	if err := json.Unmarshal([]byte(prelude), &result); err != nil || !ok {
		return outcome{Status: in.fails}
	}
	result["body"] = rest
	o := in.answer(result)
	o.Broken = r.FunctionError != ""
	return o
}

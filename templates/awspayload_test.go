package templates_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

func TestOnAWSAHandlerOfPayload1GetsWhatAFunctionURLSendsInThatForm(t *testing.T) {
	t.Parallel()
	python := pythonProgram(manifest.StyleLambda)
	python.handler, python.source = "payload1:handler", "native/python"
	node := nodeProgram(manifest.StyleLambda, "native/nodejs", "payload1.mjs")
	node.name, python.name = "node", "python"
	each(t, []program{node, python}, func(t *testing.T, p program) {
		l := p.deploy(t, nil, func(fn *manifest.Function) { fn.Payload = "1.0" })
		for _, event := range []any{
			urlEvent("POST", "/items/7?a=1&a=2", []byte("hello"), "X-Word: so"),
			map[string]any{ // as a REST API sends it
				"httpMethod": "POST", "path": "/items/7", "body": "hello", "isBase64Encoded": false,
				"headers": map[string]string{"X-Word": "so"}, "multiValueHeaders": map[string][]string{"X-Word": {"so"}},
				"multiValueQueryStringParameters": map[string][]string{"a": {"1", "2"}}, "requestContext": map[string]any{"stage": "dev", "identity": map[string]any{"sourceIp": "192.0.2.7"}},
			},
		} {
			a := l.request(event)
			var seen map[string]any
			if err := json.Unmarshal([]byte(a.body), &seen); err != nil {
				t.Fatalf("%v: %d %s", err, a.status, a.body)
			}
			want := map[string]any{"method": "POST", "path": "/items/7", "query": map[string]any{"a": []any{"1", "2"}}, "word": "so", "body": "hello", "own": true}
			if diff := cmp.Diff(want, seen); diff != "" || a.status != 201 || a.header.Get("X-One") != "1" {
				t.Errorf("got %d %v %s", a.status, a.header, diff)
			}
			cookies, many := a.header.Values("Set-Cookie"), a.header.Get("X-Many")
			if m, ok := event.(map[string]any); ok && m["version"] == "2.0" && (!slices.Equal(cookies, []string{"a=1", "b=2"}) || many != "1,2" && many != "1, 2") {
				t.Errorf("a function URL reads cookies %q and %q", cookies, many)
			}
		}
	})
}

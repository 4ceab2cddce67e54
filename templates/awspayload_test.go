package templates_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
)

// ofPayload1 are handlers that take events of payload format 1.0.
func ofPayload1() []program {
	python := pythonProgram(manifest.StyleLambda)
	python.handler, python.source = "payload1:handler", "native/python"
	node := nodeProgram(manifest.StyleLambda, "native/nodejs", "payload1.mjs")
	node.name, python.name = "node", "python"
	return []program{node, python}
}

func TestOnAWSAHandlerOfPayload1GetsWhatAFunctionURLSendsInThatForm(t *testing.T) {
	t.Parallel()
	each(t, ofPayload1(), func(t *testing.T, p program) {
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

// authorized are what authorizers of an HTTP API have found out, with what payload format 1.0 makes of each.
var authorized = []struct {
	kind       string
	given      any
	authorizer any
	identity   map[string]any
}{
	{"jwt", map[string]any{"claims": map[string]any{"sub": "7"}, "scopes": []any{"read"}}, map[string]any{"claims": map[string]any{"sub": "7"}, "scopes": []any{"read"}}, nil},
	{"lambda", map[string]any{"tenant": "a", "admin": true}, map[string]any{"tenant": "a", "admin": true}, nil},
	{"iam", map[string]any{
		"accessKey": "AKIA", "accountId": "1", "callerId": "AROA:me", "principalOrgId": "o-1", "userArn": "arn:aws:iam::1:user/me", "userId": "AROA:me",
		"cognitoIdentity": map[string]any{"amr": []any{"authenticated", "idp", "idp:more"}, "identityId": "i", "identityPoolId": "p"},
	}, nil, map[string]any{
		"accessKey": "AKIA", "accountId": "1", "caller": "AROA:me", "principalOrgId": "o-1", "userArn": "arn:aws:iam::1:user/me", "user": "AROA:me",
		"cognitoAuthenticationType": "authenticated", "cognitoAuthenticationProvider": "idp,idp:more", "cognitoIdentityId": "i", "cognitoIdentityPoolId": "p",
	}},
}

// hears expects that a handler of payload 1.0 hears what each authorizer says.
func (l lambda) hears(t *testing.T) {
	t.Helper()
	for _, c := range authorized {
		event := urlEvent("GET", "/event", nil)
		event["requestContext"].(map[string]any)["authorizer"] = map[string]any{c.kind: c.given}
		a := l.request(event)
		var seen struct {
			RequestContext struct {
				Authorizer any
				Identity   map[string]any
			}
		}
		if err := json.Unmarshal([]byte(a.body), &seen); err != nil {
			t.Fatalf("%v: %d %s", err, a.status, a.body)
		}
		got := seen.RequestContext
		delete(got.Identity, "sourceIp")
		delete(got.Identity, "userAgent")
		if c.identity == nil {
			c.identity = map[string]any{}
		}
		if diff := cmp.Diff([]any{c.authorizer, c.identity}, []any{got.Authorizer, got.Identity}); diff != "" {
			t.Errorf("%s: %s", c.kind, diff)
		}
	}
}

func TestWhatAnAuthorizerFoundOutReachesAHandlerOfPayload1(t *testing.T) {
	t.Parallel()
	goes, fn := goLambda()
	fn.Payload = "1.0"
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		goes.run(t, goes.build(t, packages(), fn), lambdatest.Function{}).hears(t)
	})
	each(t, ofPayload1(), func(t *testing.T, p program) {
		p.deploy(t, nil, func(fn *manifest.Function) { fn.Payload = "1.0" }).hears(t)
	})
}

func TestWhatAnAuthorizerFoundOutReachesTheNewSideOfAMigration(t *testing.T) {
	t.Parallel()
	each(t, ofPayload1(), func(t *testing.T, p program) {
		edit := func(fn *manifest.Function) {
			fn.Payload, fn.Env = "1.0", map[string]string{manifest.MigrationVariable: "set"}
		}
		accepts := fmt.Sprintf(`{"to": "here", "accepts": "%x"}`, sha256.Sum256([]byte("a secret")))
		there := p.started(t, packages(), p.function(edit), "run", manifest.MigrationVariable+"="+accepts, "FERRY_INSTANCE=nonce").ready()
		told := fmt.Sprintf(`{"from": "there", "to": "here", "url": "http://%s", "percent": 100, "wait": 15000, "secret": "a secret"}`, there.addr)
		old := p.deploy(t, settings{manifest.MigrationVariable: told}, edit)
		if a := old.do("GET", "/event", nil); a.header.Get("Ferry-Side") != "here" {
			t.Fatalf("answered by %q: %d %s", a.header.Get("Ferry-Side"), a.status, a.body)
		}
		old.hears(t)
	})
}

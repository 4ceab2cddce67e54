//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

const nativeService = `service: shop
provider:
  name: aws
  runtime: nodejs24.x
  environment:
    PLANTED: ${env:PLANTED, ''}
functions:
  api:
    handler: src/handler.main
    events: [{httpApi: "*"}]
`

// nativeHandler was written for Lambda alone. What is planted differs in three answers of many, each in one thing.
const nativeHandler = `const odd = process.env.PLANTED ? { "/items/117": "header", "/items/125": "number", "/items/133": "cookie" } : {};
exports.main = async (event) => {
  const { rawPath, rawQueryString, headers, cookies, requestContext, isBase64Encoded } = event;
  const planted = odd[rawPath];
  const text = isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
  if (rawPath.endsWith("/raw")) return { statusCode: 200, headers: { "content-type": "image/png" }, isBase64Encoded: true, body: Buffer.from(rawPath).toString("base64") };
  if (rawPath.endsWith("/gone")) return { statusCode: 404, body: "gone" };
  return {
    statusCode: requestContext.http.method === "POST" ? 201 : 200,
    headers: { "content-type": "application/json", "x-shop": planted === "header" ? "other" : "one" },
    cookies: ["cart=" + rawPath.length + "; Path=/; HttpOnly" + (planted === "cookie" ? "" : "; Secure"), "seen=1"],
    body: JSON.stringify({ rawPath, rawQueryString, cookies, own: headers["x-own"], price: planted === "number" ? 1.5 : 1.25, text, params: event.queryStringParameters }),
  };
};
`

// nativeRequests are of all kinds that the handler tells apart.
func nativeRequests() string {
	var lines strings.Builder
	for n := range 200 {
		r := map[string]any{"path": fmt.Sprintf("/items/%d", n)}
		switch n % 8 {
		case 1:
			r["path"] = fmt.Sprintf("/items/%d?a=%d&b=%%26&a=2", n, n)
		case 2:
			r["headers"] = map[string]string{"x-own": fmt.Sprint(n), "cookie": "a=1; b=2"}
		case 3:
			r["method"], r["body"], r["headers"] = "POST", fmt.Sprintf("{\"n\": %d}", n), map[string]string{"content-type": "application/json"}
		case 4:
			r["path"] = fmt.Sprintf("/items/%d/raw", n)
		case 6:
			r["path"] = fmt.Sprintf("/items/%d/gone", n)
		case 7:
			r["method"], r["body"] = "PUT", "naïve"
		}
		line, err := json.Marshal(r)
		if err != nil {
			panic(err) // it holds only strings
		}
		lines.Write(append(line, '\n'))
	}
	return lines.String()
}

// TestAServiceForLambdaAnswersAlikeEverywhereAndEachDifferenceIsFound imports a service that nobody edits, and sends what it
// answers to here to the clouds, too.
func TestAServiceForLambdaAnswersAlikeEverywhereAndEachDifferenceIsFound(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "node")
	s := &moving{shop: newShop(t)}
	for name, text := range map[string]string{"serverless.yml": nativeService, "src/handler.js": nativeHandler, "requests.jsonl": nativeRequests()} {
		packagertest.Write(t, filepath.Join(s.dir, name), text)
	}
	s.ferry("import", ".")
	places := []side{sideOf(t, "gcp"), sideOf(t, "azure")}
	manifest, err := os.OpenFile(filepath.Join(s.dir, "ferry.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range places {
		fmt.Fprintf(manifest, "  %s: %s\n", place.target, place.block)
		s.environ = append(s.environ, place.environ...)
	}
	if err := manifest.Close(); err != nil {
		t.Fatal(err)
	}
	s.cloudDeploy("local")
	for _, place := range places {
		s.cloudDeploy(place.target)
		if found := s.compared(place.target); len(found) > 0 {
			t.Errorf("on %s %q differs", place.target, found)
		}
	}
	c := s.command("", append(s.environ, "PLANTED=1"), "deploy", "-t", "gcp")
	if code, out := ran(c); code != 0 {
		t.Fatalf("deploying exits %d: %s", code, out)
	}
	found := s.compared("gcp")
	planted := []string{"/items/117: header x-shop", "/items/125: body $.price", "/items/133: cookie cart"}
	if !slices.EqualFunc(found, planted, func(got, want string) bool { return strings.HasPrefix(got, "GET "+want+" ") }) {
		t.Errorf("of what was planted was found %q", found)
	}
}

// compared sends all requests to here and to a target, and is what differs.
func (s *moving) compared(target string) (found []string) {
	s.Helper()
	c := s.command("", s.environ, "compare", "--from", "local", "--to", target, "--requests", "requests.jsonl", "--methods", "GET,POST,PUT", "--function", "api")
	code, out := ran(c)
	var doc struct {
		Result struct {
			Requests, Equal int
			Different       []struct {
				Request     string
				Differences []struct{ At, From, To string }
			}
		}
	}
	if err := json.Unmarshal([]byte(fmt.Sprint(c.Stdout)), &doc); err != nil || doc.Result.Requests != 200 {
		s.Fatalf("compare exits %d: %v: %s", code, err, out)
	}
	for _, d := range doc.Result.Different {
		for _, one := range d.Differences {
			found = append(found, fmt.Sprintf("%s: %s %s %s", d.Request, one.At, one.From, one.To))
		}
	}
	if doc.Result.Equal+len(doc.Result.Different) != doc.Result.Requests || (code == 0) != (len(found) == 0) {
		s.Errorf("compare exits %d: %s", code, out)
	}
	return found
}

package compare_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/migrate/compare"
)

func rules(t *testing.T, ignore, tolerate []string) compare.Rules {
	t.Helper()
	r, err := compare.NewRules(ignore, tolerate)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func answer(status int, body string, headers ...string) compare.Answer {
	a := compare.Answer{Status: status, Header: map[string][]string{}, Body: []byte(body)}
	for i := 0; i < len(headers); i += 2 {
		a.Header[headers[i]] = append(a.Header[headers[i]], headers[i+1])
	}
	return a
}

func TestADifferenceIsFoundWhereItIs(t *testing.T) {
	lost := compare.Answer{Err: errors.New("refused")}
	for name, c := range map[string]struct {
		from, to compare.Answer
		want     string
	}{
		"nothing":                     {answer(200, "x"), answer(200, "x"), ""},
		"a status":                    {answer(200, ""), answer(204, ""), "status"},
		"a header":                    {answer(200, "", "X-A", "1"), answer(200, "", "X-A", "2"), "header x-a"},
		"a header that is missing":    {answer(200, "", "X-A", "1"), answer(200, ""), "header x-a"},
		"a header that is added":      {answer(200, ""), answer(200, "", "X-A", "1"), "header x-a"},
		"the case of a name":          {answer(200, "", "X-A", "1"), answer(200, "", "x-a", "1"), ""},
		"a header of the way":         {answer(200, "", "Date", "now", "X-Amzn-Trace-Id", "1"), answer(200, "", "Server", "x"), ""},
		"the form of a content type":  {answer(200, "", "Content-Type", "text/html;charset=UTF-8"), answer(200, "", "Content-Type", "text/html; charset=utf-8"), ""},
		"a content type":              {answer(200, "", "Content-Type", "text/html"), answer(200, "", "Content-Type", "text/plain"), "header content-type"},
		"a cookie's value":            {answer(200, "", "Set-Cookie", "a=1; Path=/"), answer(200, "", "Set-Cookie", "a=2; Path=/"), "cookie a"},
		"a cookie's attribute":        {answer(200, "", "Set-Cookie", "a=1; Path=/; HttpOnly"), answer(200, "", "Set-Cookie", "a=1; Path=/"), "cookie a"},
		"the order of attributes":     {answer(200, "", "Set-Cookie", "a=1; Path=/; HttpOnly"), answer(200, "", "Set-Cookie", "a=1; httponly; path=/"), ""},
		"a second cookie":             {answer(200, "", "Set-Cookie", "a=1", "Set-Cookie", "b=2"), answer(200, "", "Set-Cookie", "a=1"), "cookie b"},
		"bytes":                       {answer(200, "\x00\x01"), answer(200, "\x00\x02"), "body"},
		"the order of keys":           {answer(200, `{"a":1,"b":[1,2]}`), answer(200, `{ "b": [1, 2], "a": 1.0 }`), ""},
		"a number":                    {answer(200, `{"a":[{"n":1}]}`), answer(200, `{"a":[{"n":2}]}`), "body $.a[0].n"},
		"a number that is large":      {answer(200, `{"n":9007199254740993}`), answer(200, `{"n":9007199254740992}`), "body $.n"},
		"the kind of a value":         {answer(200, `{"n":1}`), answer(200, `{"n":"1"}`), "body $.n"},
		"null and nothing":            {answer(200, `{"n":null}`), answer(200, `{}`), "body $.n"},
		"the length of a list":        {answer(200, `[1,2]`), answer(200, `[1]`), "body $"},
		"an exponent that is endless": {answer(200, `[1e999999999]`), answer(200, `[2e999999999]`), "body $[0]"},
		"no answer":                   {answer(200, ""), lost, "answer"},
		"no answer on both sides":     {lost, lost, "answer"},
	} {
		t.Run(name, func(t *testing.T) {
			var at []string
			for _, d := range rules(t, nil, nil).Differences(c.from, c.to) {
				at = append(at, d.At)
			}
			if got := strings.Join(at, ", "); got != c.want {
				t.Errorf("want %q, got %q", c.want, got)
			}
		})
	}
}

func TestWhatARuleNamesMayDiffer(t *testing.T) {
	from := answer(200, `{"items":[{"id":"6f1c4b3e-1f6a-4c0e-9a55-0d2c3b7a1e10","at":"2026-01-02T03:04:05Z","n":1}]}`, "X-Build", "1")
	to := answer(200, `{"items":[{"id":"7f1c4b3e-1f6a-4c0e-9a55-0d2c3b7a1e10","at":"2026-01-02T03:04:08Z","n":1}]}`, "X-Build", "2")
	for _, c := range []struct {
		ignore, tolerate []string
		left             int
	}{
		{nil, nil, 3},
		{[]string{"header:X-Build"}, nil, 2},
		{[]string{"header:x-*", "json:$.items[*].id"}, nil, 1},
		{[]string{"header:x-build", "json:$.items[0].at"}, []string{"uuid"}, 0},
		{[]string{"header:x-build"}, []string{"uuid", "time=5s"}, 0},
		{[]string{"header:x-build"}, []string{"uuid", "time=1s"}, 1},
	} {
		if got := rules(t, c.ignore, c.tolerate).Differences(from, to); len(got) != c.left {
			t.Errorf("%v %v: want %d differences, got %+v", c.ignore, c.tolerate, c.left, got)
		}
	}
	for _, bad := range [][2][]string{{{"x-build"}, nil}, {{"json:items"}, nil}, {nil, {"time=soon"}}, {nil, {"dates"}}} {
		if _, err := compare.NewRules(bad[0], bad[1]); err == nil {
			t.Errorf("want %v refused", bad)
		}
	}
}

func TestRequestsComeFromLinesAndFromWhatBrowsersSave(t *testing.T) {
	got, err := compare.Read("r", strings.NewReader(`{"path":"/a?b=%20c"}

{"method":"post","path":"/x","function":"api","headers":{"A":"1","B":["2","3"]},"body":"aGk=","encoding":"base64"}
`))
	want := []compare.Request{
		{Method: "GET", Path: "/a?b=%20c", Body: []byte{}},
		{Function: "api", Method: "POST", Path: "/x", Header: map[string][]string{"A": {"1"}, "B": {"2", "3"}}, Body: []byte("hi")},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	got, err = compare.Read("h", strings.NewReader(`{"log":{"entries":[{"request":{"method":"GET","url":"https://a.example/x%2Fy?q=1",
		"headers":[{"name":":authority","value":"a"},{"name":"Host","value":"a"},{"name":"Accept","value":"*/*"}]}}]}}`))
	want = []compare.Request{{Method: "GET", Path: "/x%2Fy?q=1", Header: map[string][]string{"Accept": {"*/*"}}, Body: []byte{}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, bad := range []string{
		"{", `{"path":"x"}`, `{"path":"/","headers":{"a":1}}`, `{"path":"/","body":"?","encoding":"base64"}`,
		`{"path":"/","body":"?","encoding":"gzip"}`, `{"path":"/","header":{"a":"1"}}`, `{"path":"/"} {"path":"/"}`,
	} {
		if _, err := compare.Read("r", strings.NewReader(bad)); err == nil || !strings.HasPrefix(err.Error(), "r:1: ") {
			t.Errorf("%s: want an error with its line, got %v", bad, err)
		}
	}
}

func TestOnlyWhatReadsIsSentUnlessItIsAskedFor(t *testing.T) {
	var sent atomic.Int64
	call := func(context.Context, compare.Request) compare.Answer { sent.Add(1); return compare.Answer{Status: 200} }
	all := []compare.Request{{Method: "GET", Path: "/"}, {Method: "POST", Path: "/"}, {Method: "DELETE", Path: "/"}}
	r, err := compare.Run(t.Context(), all, call, call, compare.Options{})
	if err != nil || r.Requests != 1 || r.Left != 2 || sent.Load() != 2 {
		t.Errorf("want one request sent to both, got %d (%d calls, %v)", r.Requests, sent.Load(), err)
	}
	r, err = compare.Run(t.Context(), all, call, call, compare.Options{Methods: []string{"POST"}})
	if err != nil || r.Requests != 1 || r.Equal != 1 {
		t.Errorf("want the POST alone, got %+v %v", r, err)
	}
}

func TestNoMoreThanAskedForIsUnderWayAtOnce(t *testing.T) {
	var now, most atomic.Int64
	call := func(ctx context.Context, r compare.Request) compare.Answer {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return compare.Answer{Status: 200, Body: []byte(r.Path)}
	}
	var all []compare.Request
	for i := range 200 {
		all = append(all, compare.Request{Method: "GET", Path: fmt.Sprintf("/%d", i)})
	}
	r, err := compare.Run(t.Context(), all, call, call, compare.Options{AtOnce: 3})
	if err != nil || r.Equal != 200 || most.Load() > 3 {
		t.Errorf("want 200 equal with at most 3 at once, got %d with %d (%v)", r.Equal, most.Load(), err)
	}
}

func TestTheReportsSayTheSameInEveryForm(t *testing.T) {
	from := func(context.Context, compare.Request) compare.Answer { return answer(200, "/a") }
	to := func(_ context.Context, r compare.Request) compare.Answer { return answer(200, r.Path) }
	r, err := compare.Run(t.Context(), []compare.Request{{Method: "GET", Path: "/a"}, {Method: "GET", Path: "/<b>"}}, from, to, compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(text), `"requests":2,"equal":1`) {
		t.Error(string(text), err)
	}
	junit, err := r.JUnit("aws to gcp")
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	if err := errors.Join(err, xml.Unmarshal(junit, &suite)); err != nil || suite.Tests != 2 || suite.Failures != 1 {
		t.Errorf("want 2 tests with a failure, got %+v %v", suite, err)
	}
	page := string(r.HTML("aws", "gcp"))
	if !strings.Contains(page, "1 of 2") || !strings.Contains(page, "GET /&lt;b&gt;") || strings.Contains(page, "<b>") || strings.Contains(page, "src=") {
		t.Error(page)
	}
}

func TestWhatIsRecordedIsReadAndHasNoCredentials(t *testing.T) {
	request := compare.Request{
		Function: "api", Method: "POST", Path: "/a%2Fb?c=1", Body: []byte{0xff, 'x'},
		Header: map[string][]string{"Accept": {"text/html"}, "Host": {"a"}, "Authorization": {"Bearer abc"}, "Cookie": {"a=1; b=2", "odd"}},
	}
	reply := answer(201, "made", "Set-Cookie", "sid=secret; Path=/; HttpOnly", "X-A", "1")
	reply.Seconds = 0.25
	line, err := compare.Record(request, reply, "hidden")
	if err != nil {
		t.Fatal(err)
	}
	got, err := compare.Read("r", strings.NewReader(string(line)+string(line)))
	request.Header = map[string][]string{"Accept": {"text/html"}, "Authorization": {"hidden"}, "Cookie": {"a=hidden; b=hidden", "hidden"}}
	if diff := cmp.Diff([]compare.Request{request, request}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, want := range []string{`"status":201`, `"body":"made"`, `"seconds":0.25`, "sid=hidden; Path=/; HttpOnly", `"X-A":["1"]`} {
		if !strings.Contains(string(line), want) {
			t.Errorf("the line has no %s: %s", want, line)
		}
	}
}

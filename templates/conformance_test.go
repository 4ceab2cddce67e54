package templates_test

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/templates"
)

// httpCase is a request, how it has to reach the handler, and what the client has to get. Where the data does not say,
// that is what was sent. Texts of headers have one character for each byte.
type httpCase struct {
	Name    string      `json:"name"`
	Method  string      `json:"method"` // GET when empty
	Target  string      `json:"target"` // / when empty
	Headers [][2]string `json:"headers"`
	Content             // of the request
	Chunked bool        `json:"chunked"`      // where the ingress has a connection
	More    int         `json:"more_headers"` // so many beside those that are listed
	Path    int         `json:"more_path"`    // so many letters behind the target
	Cookie  int         `json:"more_cookie"`  // so many letters behind the last header, a cookie
	Sees    *struct {
		Path    *string           `json:"path"`
		Query   *string           `json:"query"`
		Headers map[string]string `json:"headers"`
	} `json:"sees"`
	// Answer is what the handler is asked to answer with; without it the handler says what it saw.
	Answer *struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Content
		Chunks []string `json:"chunks"`
		Fail   string   `json:"fail"` // before, during or at the end of the answer
	} `json:"answer"`
	Gets *struct {
		Status  int                 `json:"status"`
		Headers map[string][]string `json:"headers"`
		Body    *string             `json:"body"`
		Broken  bool                `json:"broken"`
	} `json:"gets"`
	Event     map[string]any `json:"event"`      // laid over the event: the case is for ingresses that have one
	OrRefused bool           `json:"or_refused"` // a status from 400 to 499 is as good
}

// Content is a body.
type Content struct {
	Text   string `json:"body"`
	Base64 string `json:"base64"`
	Repeat int    `json:"repeat"` // so often; 0 is once
}

func (c Content) bytes(t *testing.T) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(c.Base64)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.Repeat(c.Text+string(data), max(c.Repeat, 1)))
}

// loss is what an ingress or a style cannot carry.
type loss struct {
	Cases     []string `json:"cases"`
	Ingresses []string `json:"ingresses"` // none is all
	Styles    []string `json:"styles"`    // as "nodejs fetch"; none is all
	Reason    string   `json:"reason"`
	Sometimes bool     `json:"sometimes"` // it depends on the moment
	Proof     *proof   `json:"proof"`     // that it is none of ferry's
}

func (l loss) holds(name, ingress, style string) bool {
	in := func(list []string, item string) bool { return len(list) == 0 || slices.Contains(list, item) }
	return slices.Contains(l.Cases, name) && in(l.Ingresses, ingress) && in(l.Styles, style)
}

// conformance reads a file of the data, strictly.
func conformance[T any](t *testing.T, name string) (all []T) {
	t.Helper()
	file := filepath.Join("testdata", "conformance", name)
	if name == "losses.json" { // which is no data of tests alone
		file = name
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return all
}

// message is the request of a case.
func (c httpCase) message(t *testing.T) message {
	t.Helper()
	m := message{method: c.Method, body: c.bytes(t), headers: [][2]string{{"host", "shop.example:8080"}}}
	if m.method == "" {
		m.method = "GET"
	}
	target := c.Target
	if target == "" {
		target = "/"
	}
	m.path, m.query, _ = strings.Cut(unlatin1(target)+strings.Repeat("a", c.Path), "?")
	for _, h := range c.Headers {
		m.headers = append(m.headers, [2]string{h[0], unlatin1(h[1]) + strings.Repeat("a", c.Cookie)})
	}
	for i := range c.More {
		m.headers = append(m.headers, [2]string{fmt.Sprintf("x-more-%d", i), "1"})
	}
	if c.Answer == nil {
		return m
	}
	ask := map[string]any{"status": cmp.Or(c.Answer.Status, 200), "headers": c.Answer.Headers, "fail": c.Answer.Fail, "repeat": max(c.Answer.Repeat, 1)}
	if c.Answer.Headers == nil {
		ask["headers"] = [][2]string{}
	}
	chunks := [][]byte{}
	once := c.Answer.Content
	once.Repeat = 1
	if piece := once.bytes(t); len(piece) > 0 {
		chunks = append(chunks, piece)
	}
	for _, chunk := range c.Answer.Chunks {
		chunks = append(chunks, []byte(chunk))
	}
	ask["chunks"] = chunks
	data, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	m.headers = append(m.headers, [2]string{"x-answer", base64.StdEncoding.EncodeToString(data)})
	return m
}

func unlatin1(text string) string {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		out = append(out, byte(r))
	}
	return string(out)
}

// judge says what is not as it has to be, "" when nothing is.
func (c httpCase) judge(t *testing.T, got outcome) string {
	t.Helper()
	if c.OrRefused && got.Status >= 400 && got.Status < 500 {
		return ""
	}
	if c.Answer == nil && c.Gets == nil {
		return c.judgeSeen(t, got)
	}
	want := c.wanted(t, got)
	seen := map[string][]string{}
	for name, values := range want.Headers {
		if have := got.Headers[name]; have != nil {
			seen[name] = joinedUnlessCookies(name, have)
		}
		if want.Headers[name] = joinedUnlessCookies(name, values); len(values) == 0 {
			delete(want.Headers, name)
		}
	}
	got.Headers = seen
	if len(got.Body) > 100 && got.Body == want.Body {
		got.Body, want.Body = "", ""
	}
	got.Body = got.Body[:min(len(got.Body), 100)]
	return gocmp.Diff(want, got)
}

// wanted is what the client has to get. The headers are those that are compared; without a value they must not be there.
func (c httpCase) wanted(t *testing.T, got outcome) outcome {
	t.Helper()
	want := outcome{Status: 200, Headers: map[string][]string{}}
	if a := c.Answer; a != nil {
		want.Status = cmp.Or(a.Status, 200)
		for _, h := range a.Headers {
			want.Headers[strings.ToLower(h[0])] = append(want.Headers[strings.ToLower(h[0])], h[1])
		}
		want.Body = string(a.bytes(t)) + strings.Join(a.Chunks, "")
	}
	if c.Method == "HEAD" {
		want.Body = ""
	}
	g := c.Gets
	if g == nil {
		return want
	}
	want.Status, want.Broken = cmp.Or(g.Status, want.Status), g.Broken
	if g.Headers != nil {
		want.Headers = maps.Clone(g.Headers)
	}
	switch {
	case g.Body != nil:
		want.Body = *g.Body
	case c.Answer == nil:
		want.Body = got.Body // the echo's, of what is not compared
	}
	return want
}

func joinedUnlessCookies(name string, values []string) []string {
	if name == "set-cookie" || len(values) == 0 {
		return slices.Sorted(slices.Values(values)) // a map of headers has no order, and cookies of different names need none
	}
	return []string{strings.Join(values, ", ")}
}

// judgeSeen is judge for what an echo handler says.
func (c httpCase) judgeSeen(t *testing.T, got outcome) string {
	t.Helper()
	m := c.message(t)
	type echoed struct {
		Method  string              `json:"method"`
		Path    string              `json:"path"`
		Query   string              `json:"query"`
		Headers map[string][]string `json:"headers"`
		Body    []byte              `json:"body"`
	}
	want, have := echoed{Method: m.method, Path: m.path, Query: m.query, Headers: map[string][]string{}, Body: m.body}, echoed{}
	if err := json.Unmarshal([]byte(got.Body), &have); err != nil {
		return gocmp.Diff(outcome{Status: 200}, got)
	}
	for _, h := range m.headers {
		name := strings.ToLower(h[0])
		want.Headers[name] = append(want.Headers[name], latin1(h[1]))
	}
	if s := c.Sees; s != nil {
		if s.Path != nil {
			want.Path = *s.Path
		}
		if s.Query != nil {
			want.Query = *s.Query
		}
		for name, value := range s.Headers {
			want.Headers[name] = []string{value}
		}
	}
	seen := map[string][]string{}
	for name, values := range want.Headers {
		want.Headers[name] = together(name, values)
		if have.Headers[name] != nil {
			seen[name] = together(name, have.Headers[name])
		}
	}
	have.Headers = seen
	if len(have.Body) == 0 {
		have.Body = nil
	}
	if len(want.Body) == 0 {
		want.Body = nil
	}
	return gocmp.Diff(want, have)
}

// together is a header's values as one, however a language splits them.
func together(name string, values []string) []string {
	mark := ", "
	if name == "cookie" {
		mark = "; "
	}
	text := strings.Join(values, mark)
	if name != "cookie" {
		text = strings.ReplaceAll(strings.ReplaceAll(text, ", ", ","), ",", ", ")
	}
	return []string{text}
}

// applies is whether an ingress takes part in a case.
func (c httpCase) applies(event bool) bool { return c.Event == nil || event }

// verdict compares what came of a case with what the data says is lost.
func verdict(t *testing.T, losses []loss, name, ingress, style, wrong string) {
	t.Helper()
	at := slices.IndexFunc(losses, func(l loss) bool { return l.holds(name, ingress, style) })
	switch {
	case wrong != "" && at < 0:
		t.Errorf("%s, %s on %s: %s", name, style, ingress, wrong)
	case wrong == "" && at >= 0 && !losses[at].Sometimes:
		t.Errorf("%s, %s on %s: it is exact, so that this is no loss any more: %s", name, style, ingress, losses[at].Reason)
	}
}

// conforms runs all cases on all ingresses that a program's style is served on.
func (p program) conforms(t *testing.T, cases []httpCase, losses []loss) {
	style := p.runtime.Language() + " " + string(p.style)
	t.Run("socket", func(t *testing.T) {
		local := p.local(t)
		for _, c := range cases {
			if c.applies(false) {
				verdict(t, losses, c.Name, "socket", style, c.judge(t, local.send(c.message(t), c.Chunked)))
			}
		}
		local.alive()
	})
	for _, host := range []string{"gcf", "azure"} {
		if p.hasHost(host) {
			t.Run(host, func(t *testing.T) { p.conformsBehind(t, host, cases, losses) })
		}
	}
	if p.lambda == "" {
		return
	}
	for mode, env := range map[string]settings{"": nil, "-stream": {"FERRY_RESPONSE_STREAM": "1"}} {
		if env != nil && !p.streams() {
			continue
		}
		t.Run("lambda"+mode, func(t *testing.T) {
			l := p.deploy(t, env)
			for _, in := range lambdaIngresses() {
				if env != nil && in.name != "url" || !templates.Carries(p.runtime.Language(), in.carrier) {
					continue
				}
				for _, c := range cases {
					verdict(t, losses, c.Name, in.name+mode, style, c.judge(t, l.through(in, c)))
				}
			}
			if r := l.through(lambdaIngresses()[0], cases[0]); r.Status != 200 {
				t.Errorf("afterwards it answers %d", r.Status)
			}
		})
	}
}

// hasHost is whether the style is served on a target whose host can be had here.
func (p program) hasHost(host string) bool {
	language := p.runtime.Language()
	tool := map[string]string{"nodejs": "npm", "python": "python3", "go": "go"}[language]
	image := language == "go" && p.style == manifest.StyleLambda && host == "gcf" // which takes functions alone
	return slices.Contains(templates.Styles(language, host), p.style) && !image && packagertest.Reachable(tool)
}

// conformsBehind runs all cases behind the host of a target.
func (p program) conformsBehind(t *testing.T, host string, cases []httpCase, losses []loss) {
	t.Helper()
	i := p.started(t, packages(), p.function(), host).probed("ferry-digest: sha256:abc")
	client := local{t: t, network: "tcp", addr: i.addr}
	for _, c := range cases {
		if c.applies(false) {
			verdict(t, losses, c.Name, host, p.runtime.Language()+" "+string(p.style), c.judge(t, client.send(c.message(t), c.Chunked)))
		}
	}
	if p.throws != "" { // it answers the corpus
		p.carriesCorpus(t, i, host)
	}
	i.probed("ferry-digest: sha256:abc")
}

// through sends the request of a case through an ingress.
func (l lambda) through(in onLambda, c httpCase) outcome {
	l.t.Helper()
	event := in.event(c.message(l.t))
	for name, value := range c.Event {
		event[name] = value
	}
	payload, err := json.Marshal(event)
	if err != nil {
		l.t.Fatal(err)
	}
	if len(payload) > 6<<20 {
		return outcome{Status: 413} // the ingress says so itself
	}
	r, err := l.Invoke(l.t.Context(), payload)
	if err != nil {
		l.t.Fatal(err)
	}
	return in.got(r)
}

func TestConformanceOfHTTP(t *testing.T) {
	t.Parallel()
	cases, losses := conformance[httpCase](t, "http.json"), conformance[loss](t, "losses.json")
	for _, l := range losses {
		for _, name := range l.Cases {
			if !slices.ContainsFunc(cases, func(c httpCase) bool { return c.Name == name }) {
				t.Errorf("a loss is of the case %q, which there is not", name)
			}
		}
	}
	if len(cases) < 60 {
		t.Errorf("there are %d cases", len(cases))
	}
	s := sample.Of(t, 6)
	further := slices.DeleteFunc(slices.Concat(natives(), frameworks(t)), func(program) bool { return !s.Takes() })
	each(t, append(echoes(), further...), func(t *testing.T, p program) { p.conforms(t, cases, losses) })
}

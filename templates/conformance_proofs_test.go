package templates_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// proof shows that a loss is none of ferry's. What it says holds for an ingress or a language as they are without ferry.
type proof struct {
	// SameEvent has for each case another request of which the ingress makes the same event: nobody behind it can tell them
	// apart. What is not said there is as in the case.
	SameEvent map[string]struct {
		Target  string      `json:"target"`
		Headers [][2]string `json:"headers"`
	} `json:"same_event"`
	// Results has for each case the result that says its answer as far as results can, of which the client gets another.
	Results map[string]map[string]any `json:"results"`
	// Node and Python are programs that show what the language's own interface does, by what they print; Go names one here.
	Node   string `json:"node"`
	Python string `json:"python"`
	Prints string `json:"prints"`
	Go     string `json:"go"`
	// Alone are libraries that lose all of it without ferry, behind the same echo handler.
	Alone []string `json:"alone"`
}

// ofResults is whether a loss is one of the style lambda off AWS, whose results mean what they do behind a function URL.
func (l loss) ofResults() bool {
	return len(l.Styles) > 0 && !slices.ContainsFunc(l.Styles, func(s string) bool { return !strings.HasSuffix(s, " lambda") })
}

func TestEveryLossIsTheIngresssOrTheLanguagesOwn(t *testing.T) {
	t.Parallel()
	cases := map[string]httpCase{}
	for _, c := range conformance[httpCase](t, "http.json") {
		cases[c.Name] = c
	}
	losses := conformance[loss](t, "losses.json")
	provenAlone(t, cases, losses)
	for _, l := range losses {
		switch {
		case l.Proof == nil:
			t.Errorf("nothing proves that %q", l.Reason)
		case len(l.Proof.Alone) > 0:
		case l.Proof.Node != "":
			l.Proof.shows(t, l.Reason, "node", "-e", l.Proof.Node)
		case l.Proof.Python != "":
			l.Proof.shows(t, l.Reason, "python3", "-c", l.Proof.Python)
		case l.Proof.Go != "":
			if show, ok := shownInGo()[l.Proof.Go]; !ok || !show() {
				t.Errorf("%s is not so: %s", l.Proof.Go, l.Reason)
			}
		default:
			l.provenByIngresses(t, cases)
		}
	}
}

func (p proof) shows(t *testing.T, reason, program string, args ...string) {
	t.Run(reason, func(t *testing.T) {
		t.Parallel()
		path, err := exec.LookPath(program)
		if err != nil {
			t.Skip(err)
		}
		out, err := exec.Command(path, args...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != p.Prints {
			t.Errorf("it prints %q, %v", got, err)
		}
	})
}

// provenByIngresses looks at each case on each ingress of AWS.
func (l loss) provenByIngresses(t *testing.T, cases map[string]httpCase) {
	t.Helper()
	var ingresses []onLambda
	for _, in := range lambdaIngresses() {
		if slices.Contains(l.Ingresses, in.name) || l.ofResults() && in.name == "url" {
			ingresses = append(ingresses, in)
		}
	}
	if len(ingresses) == 0 {
		t.Errorf("nothing proves that %q: it is of no ingress of AWS", l.Reason)
	}
	for _, name := range l.Cases {
		c := cases[name]
		for _, in := range ingresses {
			other, same := l.Proof.SameEvent[name]
			result, given := l.Proof.Results[name]
			switch {
			case same:
				twin := c
				if twin.Target = other.Target; other.Headers != nil {
					twin.Headers = other.Headers
				}
				if gocmp.Equal(c, twin) {
					t.Errorf("%s: what is said to be another request is the same", name)
				}
				if diff := gocmp.Diff(asJSON(t, in.event(c.message(t))), asJSON(t, in.event(twin.message(t)))); diff != "" {
					t.Errorf("%s, %s: the events differ: %s", name, in.name, diff)
				}
			case given:
				if c.judge(t, in.answer(fitting(in, result))) == "" {
					t.Errorf("%s, %s: a result can say it: %v", name, in.name, result)
				}
			default:
				t.Errorf("%s, %s: nothing proves that %q", name, in.name, l.Reason)
			}
		}
	}
}

// fitting is a result with its headers where an ingress looks for them.
func fitting(in onLambda, result map[string]any) map[string]any {
	out := map[string]any{"headers": result["headers"]}
	if in.name == "alb-multi" {
		many := map[string]any{}
		one, _ := result["headers"].(map[string]any)
		for name, value := range one {
			many[name] = []any{value}
		}
		out = map[string]any{"multiValueHeaders": many}
	}
	for name, value := range result {
		if name != "headers" {
			out[name] = value
		}
	}
	return out
}

func asJSON(t *testing.T, event map[string]any) string {
	t.Helper()
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// shownInGo are programs about net/http as it is.
func shownInGo() map[string]func() bool {
	return map[string]func() bool{
		"redirects": func() bool {
			mux, w := http.NewServeMux(), httptest.NewRecorder()
			mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
			mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/http://evil.example/x", nil))
			return w.Code >= 300 && w.Code < 400
		},
		"untyped": func() bool {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
			defer server.Close()
			r, err := http.Get(server.URL)
			if err != nil {
				return false
			}
			defer r.Body.Close()
			return strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain")
		},
	}
}

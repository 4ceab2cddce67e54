package shim

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// listening is a server that knows one word, as a shim does, behind an ingress that chooses by the host.
func listening(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "api.example.com" || r.URL.Path == "/.ferry/probe" && r.Header.Get("Ferry-Instance") != "word" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"digest": "sha256:one", "path": r.URL.Path})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestAShimSaysItsDigestToWhoKnowsItsWord(t *testing.T) {
	t.Parallel()
	at := listening(t)
	host := http.Header{"Host": {"api.example.com"}}
	for word, want := range map[string]string{"word": "sha256:one", "guess": "", "": ""} {
		if digest, _, err := Digest(t.Context(), http.DefaultClient, at, word, host); err != nil || digest != want {
			t.Errorf("to %q it says %q, %v", word, digest, err)
		}
	}
	if len(host) != 1 {
		t.Errorf("the caller's header became %v", host)
	}
	if _, status, err := Digest(t.Context(), http.DefaultClient, at, "word", nil); err != nil || status != http.StatusNotFound {
		t.Errorf("under another host it answers %d, %v", status, err)
	}
}

func TestAProbeEndsWithTheRightDigestAtOnceWithAWrongOneAndElseWithWhatWasAnsweredLast(t *testing.T) {
	t.Parallel()
	rule := until.Rule{For: "an answer", Within: 50 * time.Millisecond, First: time.Millisecond, Most: time.Millisecond}
	crashed := errors.New("it does not start")
	for name, c := range map[string]struct {
		status int
		digest string
		starts error
		want   string
	}{
		"right":     {status: 200, digest: "sha256:one"},
		"wrong":     {status: 200, digest: "sha256:two", want: "answers with the digest"},
		"not there": {status: 503, want: "answers with status 503"},
		"crashed":   {status: 503, starts: crashed, want: crashed.Error()},
	} {
		p := Probe{Revision: providers.Revision{ID: "r", Digest: "sha256:one"}, Starts: func() error { return c.starts }, Ask: func() (string, int, error) { return c.digest, c.status, nil }}
		if err := p.Done(t.Context(), rule); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

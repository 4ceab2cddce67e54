package gcp

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

func TestAPrivateFunctionIsInvokedWithATokenOfTheCaller(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.a.Invoke(t.Context(), "worker", providers.Request{Method: "GET", Path: "/"}); !errors.Is(err, providers.NotFound) {
		t.Errorf("a function that is not there: %v", err)
	}
	events := everyEvent("private")
	s := b.listening(t, "worker", events...)
	b.deploy(t, s)
	res, err := b.a.Invoke(t.Context(), "worker", providers.Request{Method: "GET", Path: "/a?b=c", Header: http.Header{"X-Name": {"v"}}})
	if err != nil || res.Status != http.StatusNotFound || string(res.Body) != "fetched" {
		t.Errorf("a request gets %+v: %v", res, err)
	}
	for _, c := range []struct {
		event *manifest.Event
		body  string
		says  string
	}{
		{nil, `{"n":1}`, `GOT dev.ferry.invoke.v1 {"n": 1}`},
		{nil, "text", `GOT dev.ferry.invoke.v1 "text"`},
		{&events[1], "hello", `GOT dev.ferry.queue.message.v1 "hello"`},
		{&events[3], "raw/ü", `GOT dev.ferry.object.created.v1 {"bucket": "uploads", "key": "raw/\u00fc", "size": 0, "etag": "d41d8cd98f00b204e9800998ecf8427e"}`},
		{&events[4], "", `GOT dev.ferry.schedule.v1 null`},
	} {
		r := providers.Request{Body: []byte(c.body)}
		if c.event != nil {
			r.Event = &providers.BoundEvent{Event: *c.event, Function: s.Function}
		}
		if res, err := b.a.Invoke(t.Context(), "worker", r); err != nil || res.Status != http.StatusNoContent {
			t.Errorf("%s gets %d %s: %v", c.says, res.Status, res.Body, err)
		}
		b.said(t, "worker", c.says)
	}
	if res, err := b.a.Invoke(t.Context(), "worker", providers.Request{Body: []byte("fail")}); err != nil || res.Status != http.StatusInternalServerError {
		t.Errorf("a handler that fails gets %+v: %v", res, err)
	}
}

func TestAPersonsOwnCredentialsInvokeOnlyWhatIsPublic(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.deploy(t, b.listening(t, "worker", everyEvent("private")...))
	b.credentials = b.person(t) // only for what is asked of functions
	_, err := b.a.Invoke(t.Context(), "worker", providers.Request{Method: "GET", Path: "/"})
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Unsupported || strings.Count(e.Hint, "`gcloud ") != 2 {
		t.Errorf("got %v, with the hint %q", err, e.Hint)
	}
}

// person are the credentials that `gcloud auth application-default login` leaves.
func (b bench) person(t *testing.T) *auth.Credentials {
	t.Helper()
	found, err := credentials.NewCredentialsFromFile(credentials.AuthorizedUser, b.UserFile("somebody@example.com"), &credentials.DetectOptions{Scopes: []string{scope}})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

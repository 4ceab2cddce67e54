package cmd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers"
)

func TestTheURLOfAFunctionIsAloneOnItsLine(t *testing.T) {
	s := newService(t)
	if got := s.must(t, exitNotFound, "url", "api"); !strings.Contains(got.err, "api is not deployed at shop · dev · local") {
		t.Errorf("before the first deploy: %s", got.err)
	}
	s.must(t, exitDone, "deploy")
	got := s.must(t, exitDone, "url", "api")
	if want := s.world.URL + "/api\n"; got.out != want || got.err != "" {
		t.Errorf("got %q and %q, want %q", got.out, got.err, want)
	}
	s.must(t, exitNotFound, "url", "apo")
	s.wrap = func(a providers.Adapter) providers.Adapter { return unaddressed{a} }
	if got := s.must(t, exitNotFound, "url", "api"); !strings.Contains(got.err, "http: {}") || !strings.Contains(got.err, "ferry invoke api") {
		t.Errorf("without an http event: %s", got.err)
	}
}

func TestAFunctionThatWasPublishedAndNeverServedIsNotSuggestedInItsOwnPlace(t *testing.T) {
	s := newService(t)
	s.failures["probe api"] = &providers.Error{Kind: providers.Crashed, Op: "probe", Provider: "memory", Function: "api"}
	s.must(t, exitFailed, "deploy")
	if got := s.must(t, exitNotFound, "url", "api"); strings.Contains(got.err, "did you mean") || !strings.Contains(got.err, "ferry deploy") {
		t.Errorf("got %s", got.err)
	}
}

func TestTheURLIsKnownWhenTheManifestIsBroken(t *testing.T) {
	s := newService(t)
	s.must(t, exitDone, "deploy")
	s.write(t, "ferry.yaml", strings.ReplaceAll(shop, "source: web", "source: gone"))
	s.must(t, exitDone, "url", "web")
}

func TestOpenShowsWhatServes(t *testing.T) {
	s := newService(t)
	s.must(t, exitDone, "deploy")
	s.must(t, exitDone, "open", "api")
	got := s.must(t, exitDone, "open", "web", "--path", "items/7?x=1")
	want := []string{s.world.URL + "/api", s.world.URL + "/web/items/7?x=1"}
	if !slices.Equal(s.shown, want) || got.out != want[1]+"\n" {
		t.Errorf("shown are %q, printed is %q, want %q", s.shown, got.out, want)
	}
	s.failures["browse"] = errors.New("there is no display")
	got = s.must(t, exitFailed, "open", "api")
	if !strings.Contains(got.err, "there is no display") || !strings.Contains(got.err, "open "+want[0]+" yourself") || got.out != want[0]+"\n" {
		t.Errorf("without a browser: %q and %q", got.out, got.err)
	}
}

// unaddressed is a place whose functions answer no HTTP.
type unaddressed struct{ providers.Adapter }

func (u unaddressed) Status(ctx context.Context, function string) (providers.State, error) {
	state, err := u.Adapter.Status(ctx, function)
	state.URL = ""
	return state, err
}

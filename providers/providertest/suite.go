// Package providertest is the conformance suite that every adapter passes. Its cases are sentences of the
// contract; an adapter's own test file is a Place and a call of Run.
package providertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
)

// Place is an empty place to deploy to.
type Place struct {
	Adapter providers.Adapter
	// Spec makes a spec of a function with one HTTP event, whose code says version and whose environment
	// holds WORD=word.
	Spec func(t *testing.T, function, version, word string) providers.Spec
	// Broken makes a spec whose handler does not start. nil where the adapter is no Prober.
	Broken func(t *testing.T, function string) providers.Spec
	// Bound makes a spec with an event of another kind, whose bindings can be observed. nil where the mode of any
	// function's bindings can.
	Bound func(t *testing.T, function string) providers.Spec
	// Call calls the live function as the world does, and returns the version and the word that it says,
	// "" when nothing answers. nil where no function can run.
	Call func(t *testing.T, function string) (version, word string)
}

// Run runs the suite; open makes an empty place for each case.
func Run(t *testing.T, open func(t *testing.T) Place) {
	cases := []struct {
		name string
		run  func(*scenario)
	}{
		{"a function that does not exist has a status without a revision", statusOfNothing},
		{"removing nothing is no error", removeNothing},
		{"check and platform are pure", pure},
		{"capabilities agree with the interfaces", capabilities},
		{"publish does not change what serves", publishIsSilent},
		{"publishing the same spec twice gives the same revision", publishTwice},
		{"publishing a changed spec gives another revision", publishChanged},
		{"activate makes a revision serve and status says so", activate},
		{"activate restores code and env", activateRestores},
		{"activate with a stale from is a conflict and changes nothing", activateStale},
		{"activate of a revision that does not exist changes nothing", activateUnknown},
		{"activating nothing deactivates and keeps the revision", deactivate},
		{"remove takes one function and leaves the other", remove},
		{"bindings are read back as they were bound", bind},
		{"a cancelled context stops every call", cancelled},
		{"reading the store creates nothing", storeReads},
		{"probe accepts what starts and reports what does not", probe},
		{"switch changes all functions", switchAll},
		{"switch with one stale from changes none", switchStale},
		{"split keeps what is live and status shows the canary", splitKeeps},
		{"requests are shared about as asked", splitShares},
		{"activating the canary ends the split and serves it", splitPromoted},
		{"activating what is live ends the split", splitAbandoned},
		{"deactivating and removing end the split", splitTakenDown},
		{"split with a stale from is a conflict and changes nothing", splitStale},
		{"several functions are split as one", splitAll},
		{"split needs a revision on both sides and a share of 1 to 99", splitNonsense},
		{"pruning a canary is a conflict", pruneCanary},
		{"a pruned revision is gone and can be published again", prune},
		{"pruning what serves is a conflict", pruneLive},
		{"invoke reaches what is live", invoke},
		{"what was published is listed until it is removed", listed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			c.run(&scenario{T: t, ctx: ctx, Place: open(t)})
		})
	}
}

// scenario is one case at work.
type scenario struct {
	*testing.T
	Place
	ctx context.Context
}

func (s *scenario) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scenario) fails(err error, kind providers.Kind) {
	s.Helper()
	if !errors.Is(err, kind) {
		s.Fatalf("want an error of kind %q, got %v", kind, err)
	}
	var e *providers.Error
	if !errors.As(err, &e) || e.Op == "" || e.Provider == "" {
		s.Fatalf("want a *providers.Error that names op and provider, got %#v", err)
	}
}

func (s *scenario) publish(spec providers.Spec) providers.Revision {
	s.Helper()
	r, err := s.Adapter.Publish(s.ctx, spec)
	s.ok(err)
	if r.ID == "" || r.Digest != spec.Digest {
		s.Fatalf("want a revision with an id and digest %s, got %+v", spec.Digest, r)
	}
	return r
}

func (s *scenario) status(function string) providers.State {
	s.Helper()
	st, err := s.Adapter.Status(s.ctx, function)
	s.ok(err)
	if st.Function != function {
		s.Fatalf("want the status of %s, got one of %q", function, st.Function)
	}
	return st
}

// live publishes a spec and makes it serve.
func (s *scenario) live(spec providers.Spec) providers.Revision {
	s.Helper()
	r := s.publish(spec)
	st, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: spec, From: s.status(spec.Function.Name), To: &r})
	s.ok(err)
	if !st.Serves(&r) {
		s.Fatalf("activate returned %+v instead of revision %s", st, r.ID)
	}
	return r
}

// serves proves what is live: by status, and by calling it where that is possible.
func (s *scenario) serves(function string, r *providers.Revision, version, word string) {
	s.Helper()
	st := s.status(function)
	if !st.Serves(r) {
		s.Fatalf("want %s to serve %v, got %v", function, r, st.Revision)
	}
	if r != nil {
		if diff := cmp.Diff(*r, *st.Revision); diff != "" {
			s.Fatalf("revision of %s: %s", function, diff)
		}
	}
	if s.Call == nil {
		return
	}
	if gotVersion, gotWord := s.Call(s.T, function); gotVersion != version || gotWord != word {
		s.Fatalf("want %s to say %q with WORD=%q, got %q with %q", function, version, word, gotVersion, gotWord)
	}
}

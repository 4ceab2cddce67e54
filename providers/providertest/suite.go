// Package providertest is the conformance suite that every adapter passes. Its cases are sentences of the
// contract; an adapter's own test file is a Place and a call of Run.
package providertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// Run runs the suite; open makes an empty place for each case. It logs the cases that are left out, for which the place or
// its adapter has nothing to show.
func Run(t *testing.T, open func(t *testing.T) Place) {
	place := open(t)
	for _, c := range cases() {
		if !c.concerns(place) {
			t.Logf("left out: %s", c.name)
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.try(t, open(t)) })
	}
}

// contractCase is one sentence of the contract.
type contractCase struct {
	name  string
	run   func(*scenario)
	needs []func(Place) bool // all of which hold where there is something to show
}

func (c contractCase) concerns(p Place) bool {
	return !slices.ContainsFunc(c.needs, func(has func(Place) bool) bool { return !has(p) })
}

func (c contractCase) try(t testing.TB, p Place) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ctx = until.Hasten(ctx, max(p.Haste, 1))
	c.run(&scenario{TB: t, ctx: ctx, Place: p})
}

// scenario is one case at work.
type scenario struct {
	testing.TB
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
	r, err := s.Adapter.Publish(s.ctx, spec, 0)
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
	if gotVersion, gotWord := s.Call(s.TB, function); gotVersion != version || gotWord != word {
		s.Fatalf("want %s to say %q with WORD=%q, got %q with %q", function, version, word, gotVersion, gotWord)
	}
}

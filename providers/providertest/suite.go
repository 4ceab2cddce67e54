// Package providertest is the conformance suite that every adapter passes. Its cases are sentences of the
// contract; an adapter's own test file is a Place and a call of Run.
package providertest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
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
	// Lose takes away what a revision needs to run and leaves its name, as a cloud does that cleans up images. nil where
	// nothing can be lost apart.
	Lose func(t *testing.T, function string, r providers.Revision)
	// Overwrite makes a stored revision live past the adapter, as somebody does who knows nothing of ferry. nil where that
	// cannot be done.
	Overwrite func(t *testing.T, function string, r providers.Revision)
	// Begun counts how often the place began to make a revision of a function. nil where no work goes on after a kill.
	Begun func(t *testing.T, function string) int
}

// Run runs the suite; open makes an empty place for each case.
func Run(t *testing.T, open func(t *testing.T) Place) {
	var (
		probes   = reflect.TypeFor[providers.Prober]()
		switches = reflect.TypeFor[providers.Switcher]()
		splits   = reflect.TypeFor[providers.Splitter]()
		prunes   = reflect.TypeFor[providers.Pruner]()
		invokes  = reflect.TypeFor[providers.Invoker]()
		lists    = reflect.TypeFor[providers.Lister]()
		fences   = reflect.TypeFor[providers.Fencer]()
		readies  = reflect.TypeFor[providers.Readier]()
	)
	type conformance struct {
		name string
		run  func(*scenario)
		// needs are the optional interfaces without which there is nothing to show.
		needs []reflect.Type
		calls bool // it calls functions
	}
	cases := []conformance{
		{"a function that does not exist has a status without a revision", statusOfNothing, nil, false},
		{"removing nothing is no error", removeNothing, nil, false},
		{"check and platform are pure", pure, nil, false},
		{"capabilities agree with the interfaces", capabilities, nil, false},
		{"publish does not change what serves", publishIsSilent, nil, false},
		{"publishing the same spec twice gives the same revision", publishTwice, nil, false},
		{"publishing a changed spec gives another revision", publishChanged, nil, false},
		{"publish refuses a package that is not the one of its digest", publishSwapped, nil, false},
		{"activate makes a revision serve and status says so", activate, nil, false},
		{"activate restores code and env", activateRestores, nil, false},
		{"activate with a stale from is a conflict and changes nothing", activateStale, nil, false},
		{"activate of a revision that does not exist changes nothing", activateUnknown, nil, false},
		{"activating nothing deactivates and keeps the revision", deactivate, nil, false},
		{"what is offered in steps is accepted at each of them", offered, nil, false},
		{"a change is seen as a whole, unless the adapter says that it is not", changedAsOne, nil, true},
		{"long work tells its stages while it lasts", stages, nil, false},
		{"remove takes one function and leaves the other", remove, nil, false},
		{"bindings are read back as they were bound", bind, nil, false},
		{"a cancelled context stops every call", cancelled, nil, false},
		{"reading the store creates nothing", storeReads, nil, false},
		{"probe accepts what starts and reports what does not", probe, []reflect.Type{probes}, false},
		{"switch changes all functions", switchAll, []reflect.Type{switches}, false},
		{"switch with one stale from changes none", switchStale, []reflect.Type{switches}, false},
		{"split keeps what is live and status shows the canary", splitKeeps, []reflect.Type{splits}, false},
		{"requests are shared about as asked", splitShares, []reflect.Type{splits}, true},
		{"activating the canary ends the split and serves it", splitPromoted, []reflect.Type{splits}, false},
		{"activating what is live ends the split", splitAbandoned, []reflect.Type{splits}, false},
		{"deactivating and removing end the split", splitTakenDown, []reflect.Type{splits}, false},
		{"split with a stale from is a conflict and changes nothing", splitStale, []reflect.Type{splits}, false},
		{"several functions are split as one", splitAll, []reflect.Type{splits}, false},
		{"split needs a revision on both sides and a share of 1 to 99", splitNonsense, []reflect.Type{splits}, false},
		{"pruning a canary is a conflict", pruneCanary, []reflect.Type{splits, prunes}, false},
		{"a pruned revision is gone and can be published again", prune, []reflect.Type{prunes}, false},
		{"pruning what serves is a conflict", pruneLive, []reflect.Type{prunes}, false},
		{"invoke reaches what is live", invoke, []reflect.Type{invokes}, true},
		{"showing an epoch changes nothing that serves, and is remembered", fenceIsSilent, []reflect.Type{fences}, false},
		{"a change of a lower epoch than was shown is a conflict and changes nothing", fenceKeepsOut, []reflect.Type{fences}, false},
		{"a change shows its epoch", changesShowTheirEpoch, []reflect.Type{fences}, false},
		{"a split of a lower epoch than was shown is a conflict and changes nothing", fenceKeepsSplitsOut, []reflect.Type{fences, splits}, false},
		{"what was published is listed until it is removed", listed, []reflect.Type{lists}, false},
		{"nothing stands in the way of what is live, and looking changes nothing", ready, []reflect.Type{readies}, false},
	}
	place := open(t)
	if place.Begun != nil {
		cases = append(cases, conformance{"what a publish began is carried on by the next one", publishCarriedOn, nil, false})
	}
	if place.Lose != nil {
		cases = append(cases, conformance{"a revision that lost what it needs to run is not stored, and is published again", lose, []reflect.Type{prunes}, false})
	}
	if place.Overwrite != nil {
		cases = append(cases, conformance{"what somebody made live past ferry is seen by status or by a closer look", overwritten, nil, false})
	}
	has := reflect.TypeOf(place.Adapter)
	for _, c := range cases {
		lacks := func(i reflect.Type) bool { return !has.Implements(i) }
		if slices.ContainsFunc(c.needs, lacks) || c.calls && place.Call == nil {
			continue
		}
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
	if gotVersion, gotWord := s.Call(s.T, function); gotVersion != version || gotWord != word {
		s.Fatalf("want %s to say %q with WORD=%q, got %q with %q", function, version, word, gotVersion, gotWord)
	}
}

// ZipDigest is what names the package in a file.
func ZipDigest(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(data))
}

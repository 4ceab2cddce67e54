package providertest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// Place is an empty place to deploy to, and what can be seen and done there past the adapter. What is nil leaves the
// cases out that ask for it.
type Place struct {
	Adapter        providers.Adapter
	Service, Stage string // that the adapter is for
	// Spec makes a spec of a function with one HTTP event, whose code says version and whose environment
	// holds WORD=word; in which form it says so is between it and Call.
	Spec func(t testing.TB, function, version, word string) providers.Spec
	// Broken makes a spec whose handler does not start. nil where the adapter is no Prober.
	Broken func(t testing.TB, function string) providers.Spec
	// Impostor makes a spec whose function starts and answers a probe with the digest of something else: a package by hand
	// in a style that has a shim, or one of Spec in a place that was told to answer so.
	Impostor func(t testing.TB, function string) providers.Spec
	// Bound makes a spec with an event of another kind, whose bindings can be observed. nil where the mode of any
	// function's bindings can.
	Bound func(t testing.TB, function string) providers.Spec
	// Call calls the live function as the world does, and returns the version and the word that it says,
	// "" when nothing answers. nil where no function can run.
	Call func(t testing.TB, function string) (version, word string)
	// Lose takes away what a revision needs to run and leaves its name, as a cloud does that cleans up images. nil where
	// nothing can be lost apart.
	Lose func(t testing.TB, function string, r providers.Revision)
	// Overwrite makes a stored revision live past the adapter, as somebody does who knows nothing of ferry. nil where that
	// cannot be done.
	Overwrite func(t testing.TB, function string, r providers.Revision)
	// Begun counts how often the place began to make a revision of a function. nil where no work goes on after a kill.
	Begun func(t testing.TB, function string) int
	// Observe is what the live function runs with: as it says itself, else as the place holds it, never as the adapter
	// has it. Of the settings in the manifest those are looked at that the suite knows.
	Observe func(t testing.TB, function string) manifest.Function
	// Neighbour is the same account as another process sees it that works for that service and stage. Those of the place
	// itself give a second process for the same functions.
	Neighbour func(t testing.TB, service, stage string) Place
	// Occupy makes a live function under the name of one of this place's that ferry did not make. It says "theirs" when
	// it is called.
	Occupy func(t testing.TB, function string)
	// Original is as Occupy, of a function whose code is there to be read, and is what the provider calls it. nil where none
	// can be read.
	Original func(t testing.TB, function string) (name string)
	// Haste is how many times shorter the adapter's pauses are than where it is in earnest: for a counterpart that is ready
	// after so many looks, however soon they come. 0 leaves them as they are.
	Haste int
	// Hold has the place keep the next write of an Activate waiting, after all that Activate reads before it: held is
	// closed when one waits, and goOn lets it arrive. Later writes pass. nil where nobody can come between, because
	// Activate reads and writes under one lock.
	Hold func(t testing.TB) (held <-chan struct{}, goOn func())
}

// is reports whether the adapter has an optional ability.
func is[T any](p Place) bool {
	_, ok := providers.As[T](p.Adapter)
	return ok
}

// able is the adapter's ability that a case needs.
func able[T any](s *scenario) T {
	s.Helper()
	ability, ok := providers.As[T](s.Adapter)
	if !ok {
		s.Fatalf("%T is no %v", s.Adapter, reflect.TypeFor[T]())
	}
	return ability
}

func fenced(p Place) bool      { return p.Adapter.Capabilities().Fenced }
func callable(p Place) bool    { return p.Call != nil }
func observable(p Place) bool  { return p.Observe != nil }
func neighboured(p Place) bool { return p.Neighbour != nil }
func occupiable(p Place) bool  { return p.Occupy != nil }
func readable(p Place) bool    { return p.Original != nil }
func holdable(p Place) bool    { return p.Hold != nil }
func losing(p Place) bool      { return p.Lose != nil }
func writable(p Place) bool    { return p.Overwrite != nil }
func counted(p Place) bool     { return p.Begun != nil }
func imitable(p Place) bool    { return p.Impostor != nil }

// beside is the same case at work as another process, for that service and stage.
func (s *scenario) beside(service, stage string) *scenario {
	s.Helper()
	return &scenario{TB: s.TB, ctx: s.ctx, Place: s.Neighbour(s.TB, service, stage)}
}

// again is another process that works for the same service and stage.
func (s *scenario) again() *scenario {
	s.Helper()
	return s.beside(s.Service, s.Stage)
}

// activate makes a revision live in place of what is, under an epoch.
func (s *scenario) activate(spec providers.Spec, r providers.Revision, e providers.Epoch) {
	s.Helper()
	_, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: spec, From: s.status(spec.Function.Name), To: &r, Epoch: e})
	s.ok(err)
}

// raised reports whether Check says something about a field.
func (s *scenario) raised(fn manifest.Function, field string) bool {
	return slices.ContainsFunc(s.Adapter.Check(fn), func(i providers.Issue) bool {
		return i.Field == field || strings.HasPrefix(i.Field, field+".")
	})
}

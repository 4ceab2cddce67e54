package release

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// callLimit bounds the calls to the provider at once; its own limiter sets the rate.
const callLimit = 16

// lookLimit bounds those that only look at what serves, of which a command that finds nothing to do consists.
const lookLimit = 64

// scene is what the ledger says, and what was observed to serve, at one moment.
type scene struct {
	lock    lockFile
	lockTag providers.Tag
	head    head
	headTag providers.Tag
	live    *Record // nil when nothing is live
	// last is the newest attempt where it needs attention: it was left half way, or its end was not
	// tidied up. nil is none.
	last   *Record
	states map[string]providers.State
}

// goods is what a release is to hold.
type goods struct {
	functions map[string]FunctionRecord
	chosen    map[string]FunctionRecord    // those that the command is about
	built     map[string]packager.Artifact // packages that lie on this machine, by function
	issues    []providers.Issue            // warnings
	turns     []providers.Issue            // warnings of what cannot be taken back
	obstacles []Obstacle                   // to reaching and starting the functions, as things are
}

func (e *Engine) openLedger(ctx context.Context) (*ledger, error) {
	store, err := e.Adapter.Store(ctx)
	if err != nil {
		return nil, err
	}
	m := e.Manifest
	return &ledger{store: store, prefix: providers.LedgerPrefix(m.Service, m.Stage, m.Target.Name)}, nil
}

// visit opens the ledger and looks. A command that waits its turn looks when nobody is at work: what is half done means
// nothing to it.
func (e *Engine) visit(ctx context.Context, functions ...string) (*ledger, *scene, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := e.look(ctx, l, functions)
	if err != nil || e.turn == nil || !e.turn.lasts() || s.lock.Holder == nil || s.lock.abandoned() {
		return l, s, err
	}
	if _, e.turn.stale, err = e.outwait(ctx, l, s.lock, s.lockTag); err == nil {
		s, err = e.look(ctx, l, functions)
	}
	return l, s, err
}

// look reads the ledger and the state of the live functions and of the named ones. The lock is read first: while it
// stays as it was read, nobody wrote to the rest, which is therefore read at once.
func (e *Engine) look(ctx context.Context, l *ledger, functions []string) (*scene, error) {
	s := &scene{}
	var err error
	if s.lock, s.lockTag, err = l.lockState(ctx); err != nil {
		return nil, err
	}
	eg, both := errgroup.WithContext(ctx)
	eg.Go(func() error { return s.read(both, l) })
	eg.Go(func() (err error) { s.states, err = e.statuses(both, functions); return err })
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	if err := e.also(ctx, s, maps.Keys(s.liveFunctions())); err != nil {
		return nil, err
	}
	if s.last != nil {
		if err := e.also(ctx, s, maps.Keys(s.last.Functions)); err != nil {
			return nil, err
		}
	}
	if s.removing() {
		if err := e.also(ctx, s, maps.Keys(s.last.Before)); err != nil {
			return nil, err
		}
	}
	s.recall()
	return s, e.confirm(ctx, s.states, s.liveFunctions())
}

// read reads what the ledger holds besides the lock.
func (s *scene) read(ctx context.Context, l *ledger) error {
	var err error
	if s.head, s.headTag, err = l.head(ctx); err != nil {
		return err
	}
	if s.head.Number > 0 {
		if s.live, _, err = l.record(ctx, s.head.Number); err != nil {
			return err
		}
	}
	s.last, err = l.pending(ctx, s)
	return err
}

// recall adds the fences of the last activation to the states that are still as it left them.
func (s *scene) recall() {
	for name, fence := range s.head.Fences {
		st := s.states[name]
		if f := s.liveFunctions()[name]; st.Serves(&f.Revision) && st.Fence == "" {
			st.Fence = fence
			s.states[name] = st
		}
	}
}

// also looks at functions that were not looked at.
func (e *Engine) also(ctx context.Context, s *scene, functions iter.Seq[string]) error {
	more := slices.DeleteFunc(slices.Collect(functions), func(name string) bool {
		_, seen := s.states[name]
		return seen
	})
	states, err := e.statuses(ctx, more)
	if s.states == nil {
		s.states = map[string]providers.State{}
	}
	maps.Copy(s.states, states)
	return err
}

// pending finds the attempt that a dead or stopped process left behind.
func (l *ledger) pending(ctx context.Context, s *scene) (*Record, error) {
	if s.lock.Holder.leaves() {
		r, err := l.unsettled(ctx, s.lock.Attempt)
		if !errors.Is(err, providers.NotFound) {
			return r, err
		}
	}
	r, err := l.unsettled(ctx, s.lock.Unfinished)
	if errors.Is(err, providers.NotFound) {
		return nil, nil
	}
	return r, err
}

// unsettled is attempt number n or, when that came to nothing, the one that it would have taken the place of. nil is
// that there is none.
func (l *ledger) unsettled(ctx context.Context, n int) (*Record, error) {
	for n > 0 {
		r, _, err := l.record(ctx, n)
		if err != nil || !r.ended() {
			return r, err
		}
		n = r.Interrupted
	}
	return nil, nil
}

// removing reports whether a removal was left half way.
func (s *scene) removing() bool {
	r := s.removal()
	return r != nil && r.unfinished(s.head)
}

// statuses asks the provider what serves.
func (e *Engine) statuses(ctx context.Context, functions []string) (map[string]providers.State, error) {
	names := slices.Compact(slices.Sorted(slices.Values(functions)))
	var states table[providers.State]
	err := each(ctx, names, lookLimit, func(ctx context.Context, name string) error {
		st, err := e.Adapter.Status(ctx, name)
		states.set(name, st)
		return err
	})
	if err != nil {
		return nil, err
	}
	return states.m, nil
}

// build packages the chosen functions of the manifest, as the target can run them.
func (e *Engine) build(ctx context.Context, only []string) (*goods, error) {
	if _, err := e.Check(); err != nil {
		return nil, err
	}
	chosen, err := choose(e.fitted.functions, only)
	if err != nil {
		return nil, err
	}
	g := &goods{functions: map[string]FunctionRecord{}, issues: e.warnings(chosen)}
	var built table[packager.Artifact]
	err = each(ctx, chosen, len(chosen), func(ctx context.Context, fn manifest.Function) error {
		e.report(Event{Step: StepBuild, Function: fn.Name, Total: len(chosen)})
		a, err := e.Packager.Build(ctx, fn, e.Adapter.Platform(fn))
		e.report(Event{Step: StepBuild, Function: fn.Name, Total: len(chosen), Done: true, Cached: a.Cached, Err: err})
		built.set(fn.Name, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	g.built = built.m
	pinned, err := e.pin(ctx, chosen)
	if err != nil {
		return nil, err
	}
	for _, fn := range chosen {
		a := g.built[fn.Name]
		f := recordOf(fn, pinned[fn.Name], a.Description)
		f.Made = a.Made
		g.functions[fn.Name] = f
		for _, w := range a.Warnings {
			g.issues = append(g.issues, providers.Issue{Function: fn.Name, Severity: providers.Warning, Message: w.Message, Hint: w.Hint})
		}
	}
	g.chosen = maps.Clone(g.functions)
	return g, nil
}

// pin resolves the functions' secrets to references that stay what they are. Where the provider has no versions of
// secrets, a reference is the name.
func (e *Engine) pin(ctx context.Context, functions []manifest.Function) (map[string]map[string]string, error) {
	var pinned table[map[string]string]
	p, ok := providers.As[providers.Pinner](e.Adapter)
	err := each(ctx, functions, callLimit, func(ctx context.Context, fn manifest.Function) error {
		refs := fn.Secrets
		var err error
		if ok && len(refs) > 0 {
			refs, err = p.Pin(ctx, fn)
		}
		pinned.set(fn.Name, refs)
		return err
	})
	return pinned.m, err
}

func recordOf(fn manifest.Function, secrets map[string]string, a packager.Description) FunctionRecord {
	return FunctionRecord{
		Function: fn, Secrets: secrets, Artifact: a,
		Digest: providers.SpecDigest(providers.ConfigDigest(fn, secrets), a.ZipDigest),
	}
}

// inherit takes what a build cannot tell from the live release: the stored packages of the same files, and over which editions of
// their images they lie. A record that has another package has no base yet, which is why that is decided last.
func (e *Engine) inherit(ctx context.Context, s *scene, g *goods) error {
	g.reuse(s)
	return e.rebase(ctx, s, g)
}

// reuse takes the stored package for each function whose tree is that of the live release: the same files may zip
// to other bytes under another version of ferry, and are no change.
func (g *goods) reuse(s *scene) {
	for name, f := range g.functions {
		was, ok := s.liveFunctions()[name]
		if ok && was.Artifact.Digest == f.Artifact.Digest && was.Artifact.ZipDigest != f.Artifact.ZipDigest {
			same := recordOf(f.Function, f.Secrets, was.Artifact)
			same.Made = f.Made
			g.functions[name] = same
			delete(g.built, name)
		}
	}
}

// complete adds the live release's other functions to a subset.
func (g *goods) complete(only []string, s *scene) error {
	if len(only) == 0 {
		return nil
	}
	if s.live == nil {
		return &providers.Error{
			Kind: providers.Invalid, Op: "deploy a subset", Hint: "run `ferry deploy` once without function names",
			Err: errors.New("nothing is deployed yet, so the other functions have no release to stay on"),
		}
	}
	for name, f := range s.live.Functions {
		if _, ok := g.functions[name]; !ok {
			g.functions[name] = f.madeFor(s.live)
		}
	}
	return nil
}

func (e *Engine) now() time.Time {
	if e.Now == nil {
		return time.Now().UTC().Truncate(time.Millisecond)
	}
	return e.Now().UTC()
}

func (e *Engine) report(ev Event) {
	if e.Progress != nil {
		e.Progress(ev)
	}
}

// track reports the begin and the end of a step, and what the provider says that it is at meanwhile.
func (e *Engine) track(ctx context.Context, step Step, function string, total int, do func(context.Context) error) error {
	e.report(Event{Step: step, Function: function, Total: total})
	err := do(providers.WithStages(ctx, func(stage string) {
		e.report(Event{Step: step, Function: function, Total: total, Stage: stage})
	}))
	e.report(Event{Step: step, Function: function, Total: total, Done: true, Err: err})
	return err
}

func notFound(op, function string, err error, hint string) error {
	return &providers.Error{Kind: providers.NotFound, Op: op, Function: function, Hint: hint, Err: err}
}

package release

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
)

// Plan says what Deploy of the named functions would do, all when none is named. It changes nothing.
func (e *Engine) Plan(ctx context.Context, functions []string) (*Plan, error) {
	p, _, err := e.foresee(ctx, functions)
	return p, err
}

// Warm gets what Deploy would publish ready ahead of it, where the provider can. It changes nothing that serves or that the ledger says.
func (e *Engine) Warm(ctx context.Context) error {
	p, g, err := e.foresee(ctx, nil)
	w, ok := providers.As[providers.Warmer](e.Adapter)
	if err != nil || !ok || len(p.Held) > 0 {
		return err
	}
	fresh := slices.DeleteFunc(p.changed(), func(name string) bool { _, ok := g.built[name]; return !ok })
	return each(ctx, fresh, callLimit, func(ctx context.Context, name string) error {
		f := g.functions[name]
		s := f.spec()
		s.Artifact.Path = g.built[name].Path
		return w.Warm(ctx, s)
	})
}

// changed are the functions that a deploy publishes.
func (p *Plan) changed() []string {
	var names []string
	for _, c := range p.Changes {
		if c.Action != ActionRemove {
			names = append(names, c.Function)
		}
	}
	return names
}

// foresee is what Deploy would do, and with what.
func (e *Engine) foresee(ctx context.Context, functions []string) (*Plan, *goods, error) {
	if _, err := e.Check(); err != nil {
		return nil, nil, err
	}
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, nil, err
	}
	g, s, err := e.survey(ctx, l, functions)
	if err != nil {
		return nil, nil, err
	}
	if err := lasting(g.obstacles); err != nil {
		return nil, nil, err
	}
	p := e.plan(s, g)
	if len(p.Changes) > 0 {
		p.Issues = append(p.Issues, e.elsewhere(s)...)
	}
	if s.lock.Migration != nil && e.part == nil {
		err = e.besideMove(ctx, l, s, g, p)
	}
	return p, g, err
}

// besideMove leaves out of a plan what a migration made of the service: the old side is compared with what is being moved. What
// the new side gets is the migration's own.
func (e *Engine) besideMove(ctx context.Context, l *ledger, s *scene, g *goods, p *Plan) error {
	moved := &Record{Functions: g.functions}
	if m := s.lock.Migration; m.From == e.Manifest.Target.Name {
		var err error
		if moved, _, err = l.record(ctx, m.Base); err != nil {
			return err
		}
	}
	quiet := *s
	quiet.live = moved
	own := e.plan(&quiet, g)
	p.Changes, p.Issues, p.Floor = own.Changes, own.Issues, own.Floor
	p.Empty = len(p.Changes) == 0 && len(p.Drift) == 0
	return nil
}

// survey builds and looks, at once.
func (e *Engine) survey(ctx context.Context, l *ledger, only []string) (*goods, *scene, error) {
	var g *goods
	var s *scene
	eg, both := errgroup.WithContext(ctx)
	eg.Go(func() (err error) { g, err = e.build(both, only); return err })
	eg.Go(func() (err error) { s, err = e.look(both, l, e.names()); return err })
	if err := eg.Wait(); err != nil {
		return nil, nil, err
	}
	if err := g.complete(only, s); err != nil {
		return nil, nil, err
	}
	var err error
	if err := e.inherit(ctx, s, g); err != nil {
		return nil, nil, err
	}
	if g.turns, err = e.turns(s, g.functions); err != nil {
		return nil, nil, err
	}
	g.obstacles, err = e.obstacles(ctx, g.functions)
	return g, s, err
}

func (e *Engine) names() []string {
	names := make([]string, len(e.Manifest.Functions))
	for i, fn := range e.Manifest.Functions {
		names[i] = fn.Name
	}
	return names
}

// plan compares what a release is to hold with what is live.
func (e *Engine) plan(s *scene, g *goods) *Plan {
	p := &Plan{Changes: []Change{}, Drift: []Drift{}, Release: s.head.Number, Issues: slices.Concat(g.issues, g.turns), Obstacles: g.obstacles, Held: s.against(g.functions)}
	var have map[string]FunctionRecord
	if s.live != nil {
		have = s.live.Functions
	}
	all := maps.Clone(g.functions)
	for name, f := range have {
		if _, ok := all[name]; !ok {
			all[name] = f
		}
	}
	var fresh []providers.Spec
	for _, name := range slices.Sorted(maps.Keys(all)) {
		old, was := have[name]
		want, is := g.functions[name]
		switch {
		case !was:
			fresh = append(fresh, want.spec())
			p.Changes = append(p.Changes, Change{Function: name, Action: ActionCreate, Fields: diff(nil, &want)})
		case !is:
			p.Changes = append(p.Changes, Change{Function: name, Action: ActionRemove, Fields: []FieldChange{}})
		case old.Digest != want.Digest:
			fresh = append(fresh, want.spec())
			p.Changes = append(p.Changes, Change{Function: name, Action: ActionUpdate, Fields: diff(&old, &want)})
			if e.apart(old, want) {
				p.Issues = append(p.Issues, providers.Issue{
					Function: name, Severity: providers.Warning, Message: "with this change its code and its configuration go live one after the other",
				})
			}
		}
		if s.states[name].Foreign {
			p.Issues = append(p.Issues, providers.Issue{
				Function: name, Severity: providers.Warning, Message: foreign, Hint: "run `ferry deploy --adopt` to take it over, or rename the function",
			})
		}
		if d := s.drift(name, old.Revision.ID); d != nil {
			p.Drift = append(p.Drift, *d)
		}
	}
	p.Floor = e.floor(fresh)
	p.Empty = len(p.Changes) == 0 && len(p.Drift) == 0 && !s.removing()
	p.Unfinished, p.Canary, p.Percent = s.undecided()
	p.Removing, p.Migration, p.Moved = p.Unfinished > 0 && s.removing(), s.lock.Migration.shown(), s.lock.left()
	return p
}

// apart reports whether the code and the configuration of a change go live one after the other.
func (e *Engine) apart(old, want FunctionRecord) bool {
	s, ok := providers.As[providers.Stepwise](e.Adapter)
	return ok && s.Apart(old.spec(), want.spec())
}

// undecided is what somebody must decide on: an attempt that was interrupted, or one that gets a share of the requests.
func (s *scene) undecided() (unfinished, canary, percent int) {
	switch last := s.last; {
	case last == nil || !s.interrupted():
		return 0, 0, 0
	case last.State == StateCanary:
		return 0, last.Number, last.Percent
	default:
		return last.Number, 0, 0
	}
}

// drift compares what serves with the revision that the ledger expects; "" is nothing. What an interrupted removal took
// away, and what it has not yet, is no drift.
func (s *scene) drift(name, expected string) *Drift {
	if s.removing() && (s.states[name].Revision == nil || s.states[name].Serves(s.last.Before[name].Revision)) {
		return nil
	}
	actual := ""
	if r := s.states[name].Revision; r != nil {
		actual = r.ID
	}
	if actual == expected && s.states[name].Unsettled {
		actual += " with other settings"
	}
	lacks := s.states[name].Lacks
	switch {
	case actual != expected:
		return &Drift{Function: name, Expected: expected, Actual: actual}
	case lacks != "":
		return &Drift{Function: name, Expected: expected, Actual: actual + " without " + lacks, Lacks: lacks}
	}
	return nil
}

// interrupted reports whether the newest attempt is nobody's work any more.
func (s *scene) interrupted() bool { return s.lock.Holder == nil || s.lock.abandoned() }

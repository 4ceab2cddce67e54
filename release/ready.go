package release

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/providers"
)

// Obstacle is one thing that keeps functions from being reached or started.
type Obstacle struct {
	Function string         `json:"function,omitempty"` // "" is all of them
	Kind     providers.Kind `json:"kind"`
	Message  string         `json:"message"`
	Hint     string         `json:"hint,omitempty"`
	Passing  bool           `json:"passing"` // a deploy takes it away

	err error
}

func (o Obstacle) concerns(function string) bool { return o.Function == "" || o.Function == function }

// Obstacles returns what keeps the manifest's functions from being deployed and started. It builds nothing. Secrets that the
// provider resolves are resolved.
func (e *Engine) Obstacles(ctx context.Context) ([]Obstacle, error) {
	pinned, err := e.pin(ctx, e.Manifest.Functions)
	if err != nil {
		return nil, err
	}
	functions := map[string]FunctionRecord{}
	for _, fn := range e.Manifest.Functions {
		functions[fn.Name] = FunctionRecord{Function: fn, Secrets: pinned[fn.Name]}
	}
	return e.obstacles(ctx, functions)
}

// obstacles are what keeps these functions from being reached or started, as things are.
func (e *Engine) obstacles(ctx context.Context, functions map[string]FunctionRecord) ([]Obstacle, error) {
	r, ok := providers.As[providers.Readier](e.Adapter)
	if !ok || len(functions) == 0 {
		return nil, nil
	}
	var specs []providers.Spec
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		f := functions[name]
		specs = append(specs, f.spec())
	}
	found, err := r.Obstacles(ctx, specs)
	list := make([]Obstacle, len(found))
	for i, o := range found {
		list[i] = Obstacle{Function: o.Err.Function, Kind: o.Err.Kind, Message: o.Err.Error(), Hint: o.Err.Hint, Passing: o.Passing, err: o.Err}
		if o.Err.Err != nil {
			list[i].Message = o.Err.Err.Error() // where it is shown, what was being done is plain
		}
	}
	return list, err
}

// lasting are the obstacles that a start does not take away, as one error.
func lasting(obstacles []Obstacle) error {
	var errs []error
	for _, o := range obstacles {
		if !o.Passing {
			errs = append(errs, o.err)
		}
	}
	return errors.Join(errs...)
}

// ready starts what can be started, and fails when something still keeps what is live from being reached or started.
func (e *Engine) ready(ctx context.Context, live map[string]FunctionRecord) error {
	if err := e.startHost(ctx); err != nil {
		return err
	}
	left, err := e.obstacles(ctx, live)
	for i := range left {
		left[i].Passing = false // not even by the start that was
	}
	if err != nil {
		return err
	}
	return lasting(left)
}

// fit fails when a release cannot be reached or started once it is live. What serves now goes on, unless it is what
// cannot.
func (s *scene) fit(g *goods) error {
	err := lasting(g.obstacles)
	if err == nil {
		return nil
	}
	for name, f := range s.liveFunctions() {
		same := f.Digest == g.functions[name].Digest
		if same && slices.ContainsFunc(g.obstacles, func(o Obstacle) bool { return !o.Passing && o.concerns(name) }) {
			return err
		}
	}
	return &Error{Outcome: OutcomeUnchanged, Release: s.head.Number, Err: err}
}

package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
)

func bindMutants() []mutant {
	return []mutant{
		single("bind only remembers", func(w *wrong, a *memory.Adapter) {
			var modes remembered[providers.Mode]
			w.bind = func(ctx context.Context, s providers.Spec, m providers.Mode, _ providers.Epoch) error {
				modes.put(s.Function.Name, m)
				return ctx.Err()
			}
			w.status = func(ctx context.Context, fn string) (providers.State, error) {
				st, err := a.Status(ctx, fn)
				if m, ok := modes.get(fn); ok && err == nil {
					st.Bindings = m
				}
				return st, err
			}
		}),
		single("bind does nothing", func(w *wrong, _ *memory.Adapter) {
			w.bind = func(ctx context.Context, _ providers.Spec, _ providers.Mode, _ providers.Epoch) error {
				return ctx.Err()
			}
		}),
		single("paused bindings deliver", func(w *wrong, a *memory.Adapter) {
			w.bind = func(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
				if m == providers.BindPaused {
					m = providers.BindEnabled
				}
				return a.Bind(ctx, s, m, e)
			}
		}),
	}
}

// family is a mutant whose processes know each other's adapters, as a place without borders does.
func family(name string, spoil func(w *wrong, a *memory.Adapter, others func() []*memory.Adapter)) mutant {
	return mutant{name, func() mutation {
		var mu sync.Mutex
		var all []*memory.Adapter
		return func(a *memory.Adapter, _ memory.Place) providers.Adapter {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, a)
			w := right(a)
			spoil(w, a, func() []*memory.Adapter {
				mu.Lock()
				defer mu.Unlock()
				return slices.Clone(all)
			})
			return w
		}
	}}
}

func ownershipMutants() []mutant {
	return append(borderMutants(),
		single("every function counts as ferry's", func(w *wrong, a *memory.Adapter) {
			takes := func(ctx context.Context, fn string, e providers.Epoch) {
				if st, err := a.Status(ctx, fn); err == nil && st.Foreign {
					_, _ = a.Adopt(ctx, fn, e)
				}
			}
			w.status = func(ctx context.Context, fn string) (providers.State, error) {
				takes(ctx, fn, 0)
				return a.Status(ctx, fn)
			}
			w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
				takes(ctx, s.Function.Name, e)
				return a.Publish(ctx, s, e)
			}
		}),
		single("remove takes what ferry did not make", func(w *wrong, a *memory.Adapter) {
			w.remove = func(ctx context.Context, fn string, e providers.Epoch) error {
				if st, err := a.Status(ctx, fn); err == nil && st.Foreign {
					_, _ = a.Adopt(ctx, fn, e)
				}
				return a.Remove(ctx, fn, e)
			}
		}),
		single("what ferry did not make looks like nothing", func(w *wrong, a *memory.Adapter) {
			w.status = func(ctx context.Context, fn string) (providers.State, error) {
				st, err := a.Status(ctx, fn)
				st.Foreign = false
				return st, err
			}
		}),
		single("an adopted function stops", func(w *wrong, a *memory.Adapter) {
			w.adopt = func(ctx context.Context, fn string, e providers.Epoch) (providers.State, error) {
				st, err := a.Adopt(ctx, fn, e)
				if err == nil {
					var off providers.Spec
					off.Function.Name = fn
					_, err = a.Activate(ctx, providers.Change{Spec: off, From: st, Epoch: e})
				}
				return st, err
			}
		}),
		single("remove leaves it", func(w *wrong, _ *memory.Adapter) {
			w.remove = func(ctx context.Context, _ string, _ providers.Epoch) error { return ctx.Err() }
		}),
		single("remove takes all functions", func(w *wrong, a *memory.Adapter) {
			w.remove = func(ctx context.Context, fn string, e providers.Epoch) error {
				names, err := a.Functions(ctx)
				for _, name := range names {
					err = errors.Join(err, a.Remove(ctx, name, e))
				}
				return errors.Join(err, a.Remove(ctx, fn, e))
			}
		}),
		single("removing nothing is an error", func(w *wrong, a *memory.Adapter) {
			w.remove = func(ctx context.Context, fn string, e providers.Epoch) error {
				names, err := a.Functions(ctx)
				if err == nil && !slices.Contains(names, fn) {
					return &providers.Error{Kind: providers.NotFound, Op: "remove", Provider: "memory", Function: fn}
				}
				return errors.Join(err, a.Remove(ctx, fn, e))
			}
		}),
	)
}

func borderMutants() []mutant {
	return []mutant{
		joined("names are joined and not told apart", 1<<10),
		joined("names are cut where they are long", 64),
		family("functions crosses services and stages", func(w *wrong, _ *memory.Adapter, others func() []*memory.Adapter) {
			w.names = func(ctx context.Context) ([]string, error) {
				var all []string
				for _, o := range others() {
					names, err := o.Functions(ctx)
					if err != nil {
						return nil, err
					}
					all = append(all, names...)
				}
				slices.Sort(all)
				return slices.Compact(all), nil
			}
		}),
		family("remove crosses services and stages", func(w *wrong, _ *memory.Adapter, others func() []*memory.Adapter) {
			w.remove = func(ctx context.Context, fn string, e providers.Epoch) error {
				var err error
				for _, o := range others() {
					err = errors.Join(err, o.Remove(ctx, fn, e))
				}
				return err
			}
		}),
		family("status crosses services and stages", func(w *wrong, a *memory.Adapter, others func() []*memory.Adapter) {
			w.status = func(ctx context.Context, fn string) (providers.State, error) {
				for _, o := range others() {
					if st, err := o.Status(ctx, fn); err == nil && st.Revision != nil {
						return st, nil
					}
				}
				return a.Status(ctx, fn)
			}
		}),
	}
}

// joined is a mutant that knows a function by its service, stage and name with dashes between them, cut to a length.
func joined(name string, most int) mutant {
	type owner struct {
		a  *memory.Adapter
		fn string
	}
	return mutant{name, func() mutation {
		var owners remembered[owner]
		return func(a *memory.Adapter, at memory.Place) providers.Adapter {
			w := right(a)
			of := func(fn string) owner {
				key := at.Service + "-" + at.Stage + "-" + fn
				key = key[:min(len(key), most)]
				if o, ok := owners.get(key); ok {
					return o
				}
				owners.put(key, owner{a, fn})
				return owner{a, fn}
			}
			w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
				o := of(s.Function.Name)
				s.Function.Name = o.fn
				return o.a.Publish(ctx, s, e)
			}
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				o := of(c.Spec.Function.Name)
				c.Spec.Function.Name = o.fn
				return o.a.Activate(ctx, c)
			}
			w.status = func(ctx context.Context, fn string) (providers.State, error) {
				o := of(fn)
				st, err := o.a.Status(ctx, o.fn)
				st.Function = fn
				return st, err
			}
			w.remove = func(ctx context.Context, fn string, e providers.Epoch) error {
				o := of(fn)
				return o.a.Remove(ctx, o.fn, e)
			}
			return w
		}
	}}
}

func pruneMutants() []mutant {
	return []mutant{
		single("a pruned revision comes back", func(w *wrong, a *memory.Adapter) {
			var gone remembered[bool]
			w.prune = func(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
				st, err := a.Status(ctx, fn)
				if err != nil || st.Serves(&r) || st.Canary != nil {
					return a.Prune(ctx, fn, r, e)
				}
				gone.put(r.ID, true)
				return nil
			}
			hidden := func(r providers.Revision) bool {
				is, _ := gone.get(r.ID)
				return is
			}
			w.list = func(ctx context.Context, fn string) ([]providers.Revision, error) {
				all, err := a.Revisions(ctx, fn)
				return slices.DeleteFunc(all, hidden), err
			}
			w.stored = func(ctx context.Context, fn string, r providers.Revision) (bool, error) {
				is, err := a.Stored(ctx, fn, r)
				return is && !hidden(r), err
			}
		}),
		single("publishing brings back what was pruned", func(w *wrong, a *memory.Adapter) {
			var published, pruned remembered[providers.Spec]
			w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
				r, err := a.Publish(ctx, s, e)
				published.put(r.ID, s)
				if old, ok := pruned.get(s.Function.Name); ok && err == nil && old.Digest != s.Digest {
					_, err = a.Publish(ctx, old, e)
				}
				return r, err
			}
			w.prune = func(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
				err := a.Prune(ctx, fn, r, e)
				if s, ok := published.get(r.ID); ok && err == nil {
					pruned.put(fn, s)
				}
				return err
			}
		}),
		single("publishing finds the last revision although it was pruned", func(w *wrong, a *memory.Adapter) {
			var last remembered[providers.Revision]
			w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
				if r, ok := last.get(s.Function.Name); ok && r.Digest == s.Digest {
					return r, nil
				}
				r, err := a.Publish(ctx, s, e)
				if err == nil {
					last.put(s.Function.Name, r)
				}
				return r, err
			}
		}),
		single("prune does nothing", func(w *wrong, _ *memory.Adapter) {
			w.prune = func(ctx context.Context, _ string, _ providers.Revision, _ providers.Epoch) error { return ctx.Err() }
		}),
		single("prune takes what serves", func(w *wrong, a *memory.Adapter) {
			w.prune = func(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
				st, err := a.Status(ctx, fn)
				if err == nil && st.Serves(&r) {
					var off providers.Spec
					off.Function.Name = fn
					_, err = a.Activate(ctx, providers.Change{Spec: off, From: st, Epoch: e})
				}
				return errors.Join(err, a.Prune(ctx, fn, r, e))
			}
		}),
		single("prune has what is left serve", func(w *wrong, a *memory.Adapter) {
			w.prune = func(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
				err := a.Prune(ctx, fn, r, e)
				st, unknown := a.Status(ctx, fn)
				left, unlisted := a.Revisions(ctx, fn)
				if err = errors.Join(err, unknown, unlisted); err == nil && st.Serves(nil) && len(left) > 0 {
					var on providers.Spec
					on.Function.Name = fn
					_, err = a.Activate(ctx, providers.Change{Spec: on, From: st, To: &left[0], Epoch: e})
				}
				return err
			}
		}),
		single("prune ends a split", func(w *wrong, a *memory.Adapter) {
			w.prune = func(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
				st, err := a.Status(ctx, fn)
				if err == nil && st.Canary != nil {
					var on providers.Spec
					on.Function.Name = fn
					_, err = a.Activate(ctx, providers.Change{Spec: on, From: st, To: st.Revision, Epoch: e})
				}
				return errors.Join(err, a.Prune(ctx, fn, r, e))
			}
		}),
		single("everything is stored", func(w *wrong, _ *memory.Adapter) {
			w.stored = func(context.Context, string, providers.Revision) (bool, error) { return true, nil }
		}),
	}
}

func probeMutants() []mutant {
	refused := func(err error, kind providers.Kind) bool { return errors.Is(err, kind) }
	return []mutant{
		single("probe ignores the digest", func(w *wrong, a *memory.Adapter) {
			w.probe = func(ctx context.Context, s providers.Spec, r providers.Revision) error {
				if err := a.Probe(ctx, s, r); !refused(err, providers.Unhealthy) {
					return err
				}
				return nil
			}
		}),
		single("probe starts nothing", func(w *wrong, _ *memory.Adapter) {
			w.probe = func(ctx context.Context, _ providers.Spec, _ providers.Revision) error { return ctx.Err() }
		}),
		single("probe hides the log", func(w *wrong, a *memory.Adapter) {
			w.probe = func(ctx context.Context, s providers.Spec, r providers.Revision) error {
				err := a.Probe(ctx, s, r)
				if refused(err, providers.Crashed) {
					return &providers.Error{Kind: providers.Crashed, Op: "probe", Provider: "memory", Err: fmt.Errorf("it does not start")}
				}
				return err
			}
		}),
	}
}

package memory_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
)

func activateMutants() []mutant {
	return []mutant{
		single("activate looks, then writes without a condition", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				st, err := a.Status(ctx, c.Spec.Function.Name)
				shown, asking := a.Epoch(ctx, nil)
				if err = errors.Join(err, asking); err != nil || !st.Serves(c.From.Revision) || c.Epoch < shown {
					return a.Activate(ctx, c)
				}
				if st, err = a.Activate(ctx, c); errors.Is(err, providers.Conflict) {
					return forced(ctx, a, c)
				}
				return st, err
			}
		}),
		single("activate compares the value and no epoch", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				for {
					shown, err := a.Epoch(ctx, nil)
					if err != nil {
						return c.From, err
					}
					late := c
					late.Epoch = max(c.Epoch, shown)
					st, err := a.Activate(ctx, late)
					if now, reading := a.Epoch(ctx, nil); reading != nil || now <= late.Epoch || err == nil {
						return st, err
					}
				}
			}
		}),
		single("activate ignores what was live", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				st, err := a.Status(ctx, c.Spec.Function.Name)
				if err != nil {
					return st, err
				}
				c.From = st
				return a.Activate(ctx, c)
			}
		}),
		single("activate is acknowledged and does nothing", func(w *wrong, _ *memory.Adapter) {
			w.activate = func(_ context.Context, c providers.Change) (providers.State, error) {
				return providers.State{Function: c.Spec.Function.Name, Revision: c.To, Bindings: c.From.Bindings}, nil
			}
		}),
		single("the state of a failed activate is what was asked for", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				st, err := a.Activate(ctx, c)
				st.Revision = c.To
				return st, err
			}
		}),
		single("a conflict has no kind", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				st, err := a.Activate(ctx, c)
				if err != nil {
					err = errors.New(err.Error())
				}
				return st, err
			}
		}),
		single("a restored revision runs with the newest settings", func(w *wrong, a *memory.Adapter) {
			var newest remembered[providers.Revision]
			w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
				r, err := a.Publish(ctx, s, e)
				if s.Artifact.Path != "" {
					newest.put(s.Artifact.ZipDigest, r)
				}
				return r, err
			}
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				asked := c.To
				if r, ok := newest.get(c.Spec.Artifact.ZipDigest); ok && asked != nil {
					c.To = &r
				}
				return a.Activate(ctx, c)
			}
		}),
		single("deactivating removes the function", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				st, err := a.Activate(ctx, c)
				if err == nil && c.To == nil {
					err = a.Remove(ctx, c.Spec.Function.Name, c.Epoch)
				}
				return st, err
			}
		}),
		single("deactivating does nothing", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				if c.To == nil {
					return providers.State{Function: c.Spec.Function.Name, Bindings: c.From.Bindings}, ctx.Err()
				}
				return a.Activate(ctx, c)
			}
		}),
		single("status is what this process did last", statusRemembered),
		single("a live function has no address", func(w *wrong, a *memory.Adapter) {
			w.status = func(ctx context.Context, fn string) (providers.State, error) {
				st, err := a.Status(ctx, fn)
				st.URL = ""
				return st, err
			}
		}),
		single("switch changes one function after another", func(w *wrong, a *memory.Adapter) {
			w.swap = func(ctx context.Context, changes []providers.Change) ([]providers.State, error) {
				var states []providers.State
				for _, c := range changes {
					st, err := a.Activate(ctx, c)
					if states = append(states, st); err != nil {
						return states, err
					}
				}
				return states, nil
			}
		}),
		single("invoke reaches what was published last", func(w *wrong, a *memory.Adapter) {
			w.invoke = func(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
				st, err := a.Status(ctx, fn)
				if err != nil {
					return providers.Response{}, err
				}
				return providers.Response{Status: 200, Body: fmt.Append(nil, st.Revision)}, nil
			}
		}),
	}
}

// statusRemembered answers from what this process activated, and asks only about what it did not.
func statusRemembered(w *wrong, a *memory.Adapter) {
	var states remembered[providers.State]
	w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
		st, err := a.Activate(ctx, c)
		states.put(c.Spec.Function.Name, st)
		return st, err
	}
	w.remove = func(ctx context.Context, fn string, e providers.Epoch) error {
		states.put(fn, providers.State{Function: fn, Bindings: providers.BindNone})
		return a.Remove(ctx, fn, e)
	}
	w.status = func(ctx context.Context, fn string) (providers.State, error) {
		if st, ok := states.get(fn); ok && ctx.Err() == nil {
			return st, nil
		}
		return a.Status(ctx, fn)
	}
}

func splitMutants() []mutant {
	return []mutant{
		single("split makes the new revision live", func(w *wrong, a *memory.Adapter) {
			w.split = func(ctx context.Context, changes []providers.Change, _ int) ([]providers.State, error) {
				return a.Switch(ctx, changes)
			}
		}),
		single("split gives half, whatever was asked", func(w *wrong, a *memory.Adapter) {
			w.split = func(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
				if percent > 0 && percent < 100 {
					percent = 50
				}
				return a.Split(ctx, changes, percent)
			}
		}),
		single("split says what was asked and gives another share", func(w *wrong, a *memory.Adapter) {
			var asked remembered[int]
			tell := func(st providers.State) providers.State {
				if percent, ok := asked.get(st.Function); ok && st.Canary != nil {
					st.Canary.Percent = percent
				}
				return st
			}
			w.split = func(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
				share := percent
				if percent > 0 && percent < 100 {
					share = 90
				}
				states, err := a.Split(ctx, changes, share)
				for i, c := range changes {
					asked.put(c.Spec.Function.Name, percent)
					states[i] = tell(states[i])
				}
				return states, err
			}
			w.status = func(ctx context.Context, fn string) (providers.State, error) {
				st, err := a.Status(ctx, fn)
				return tell(st), err
			}
		}),
		single("activating does not end a split", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				now, err := a.Status(ctx, c.Spec.Function.Name)
				if err == nil && now.Canary != nil && now.Serves(c.To) {
					return now, nil
				}
				return a.Activate(ctx, c)
			}
		}),
		single("a share of nothing is accepted", func(w *wrong, a *memory.Adapter) {
			w.split = func(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
				return a.Split(ctx, changes, min(max(percent, 1), 99))
			}
		}),
	}
}

func fenceMutants() []mutant {
	anyEpoch := func(ctx context.Context, a *memory.Adapter, e providers.Epoch) providers.Epoch {
		shown, _ := a.Epoch(ctx, nil)
		return max(e, shown)
	}
	return []mutant{
		single("no fence, although it says Fenced", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				c.Epoch = anyEpoch(ctx, a, c.Epoch)
				return a.Activate(ctx, c)
			}
		}),
		single("a split is not fenced", func(w *wrong, a *memory.Adapter) {
			w.split = func(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
				for i := range changes {
					changes[i].Epoch = anyEpoch(ctx, a, changes[i].Epoch)
				}
				return a.Split(ctx, changes, percent)
			}
		}),
		single("a fence is not kept", func(w *wrong, _ *memory.Adapter) {
			w.fence = func(context.Context, []string, providers.Epoch) error { return nil }
		}),
		single("a fence is kept by the process alone", func(w *wrong, a *memory.Adapter) {
			var own remembered[providers.Epoch]
			w.fence = func(_ context.Context, _ []string, e providers.Epoch) error {
				own.put("", e)
				return nil
			}
			w.epoch = func(ctx context.Context, fns []string) (providers.Epoch, error) {
				shown, err := a.Epoch(ctx, fns)
				mine, _ := own.get("")
				return max(shown, mine), err
			}
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				if mine, _ := own.get(""); c.Epoch < mine {
					st, _ := a.Status(ctx, c.Spec.Function.Name)
					return st, &providers.Error{Kind: providers.Conflict, Op: "activate", Provider: "memory"}
				}
				return a.Activate(ctx, c)
			}
		}),
		single("a change does not show its epoch", func(w *wrong, a *memory.Adapter) {
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				shown, _ := a.Epoch(ctx, nil)
				if c.Epoch > shown {
					c.Epoch = shown
				}
				return a.Activate(ctx, c)
			}
		}),
		single("epochs are of the account, not of a ledger", func(w *wrong, a *memory.Adapter) {
			account := a.At(memory.Place{Service: "the", Stage: "account", Target: "here"})
			w.epoch = account.Epoch
			w.fence = func(ctx context.Context, fns []string, e providers.Epoch) error {
				return errors.Join(a.Fence(ctx, fns, e), account.Fence(ctx, fns, e))
			}
			w.activate = func(ctx context.Context, c providers.Change) (providers.State, error) {
				if err := account.Fence(ctx, nil, c.Epoch); err != nil {
					st, _ := a.Status(ctx, c.Spec.Function.Name)
					return st, err
				}
				return a.Activate(ctx, c)
			}
		}),
	}
}

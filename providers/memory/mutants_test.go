package memory_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/providers/providertest"
)

// An adapter with a defect does not pass: each mutant is caught by a case of the suite.
func TestEveryPlantedDefectIsCaughtByTheSuite(t *testing.T) {
	built := newPackages(t)
	var rows []caught
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			rows = append(rows, m.row(t, providertest.Judge(t, func(t testing.TB) providertest.Place {
				return newPlace(t, built, m.breed()).place("shop", "dev")
			})))
		})
	}
	for _, m := range storeMutants() {
		t.Run(m.name, func(t *testing.T) {
			rows = append(rows, mutant{name: m.name}.row(t, providertest.JudgeStore(t, func(t testing.TB) providertest.StorePlace {
				return storePlace(t, m.mutate)
			})))
		})
	}
	t.Run("replies of a store are lost", func(t *testing.T) {
		m := mutant{name: "a store does not look what became of a lost reply"}
		rows = append(rows, m.row(t, providertest.JudgeStore(t, losing)))
	})
	table(rows)
}

func TestTheSuiteFindsNothingWrongWithWhatHasNoDefect(t *testing.T) {
	built := newPackages(t)
	for _, v := range append(
		providertest.Judge(t, func(t testing.TB) providertest.Place { return newPlace(t, built, asItIs).place("shop", "dev") }),
		providertest.JudgeStore(t, func(t testing.TB) providertest.StorePlace { return storePlace(t, sound) })...,
	) {
		t.Errorf("%s: %s", v.Case, v.Wrong)
	}
}

// mutant is an adapter with one defect.
type mutant struct {
	name string
	// breed starts a place's life: what it returns makes the adapter of each process there.
	breed func() mutation
}

// caught is a mutant and what found it.
type caught struct {
	mutant string
	by     []providertest.Verdict
}

func (m mutant) row(t *testing.T, found []providertest.Verdict) caught {
	t.Helper()
	if len(found) == 0 {
		t.Error("no case found the defect")
	}
	for _, v := range found {
		t.Logf("%s: %s", v.Case, v.Wrong)
	}
	return caught{m.name, found}
}

func table(rows []caught) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "planted defect\tcases\tthe first that finds it\n")
	for _, r := range rows {
		first := "none"
		if len(r.by) > 0 {
			first = r.by[0].Case
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", r.mutant, len(r.by), first)
	}
	_ = w.Flush()
}

// A mutant embeds the adapter and does one method wrong; wrong holds those that need no state.
type wrong struct {
	*memory.Adapter
	check    func(manifest.Function) []providers.Issue
	publish  func(context.Context, providers.Spec, providers.Epoch) (providers.Revision, error)
	activate func(context.Context, providers.Change) (providers.State, error)
	swap     func(context.Context, []providers.Change) ([]providers.State, error)
	split    func(context.Context, []providers.Change, int) ([]providers.State, error)
	bind     func(context.Context, providers.Spec, providers.Mode, providers.Epoch) error
	status   func(context.Context, string) (providers.State, error)
	remove   func(context.Context, string, providers.Epoch) error
	probe    func(context.Context, providers.Spec, providers.Revision) error
	stored   func(context.Context, string, providers.Revision) (bool, error)
	list     func(context.Context, string) ([]providers.Revision, error)
	prune    func(context.Context, string, providers.Revision, providers.Epoch) error
	names    func(context.Context) ([]string, error)
	fence    func(context.Context, []string, providers.Epoch) error
	epoch    func(context.Context, []string) (providers.Epoch, error)
	adopt    func(context.Context, string, providers.Epoch) (providers.State, error)
	invoke   func(context.Context, string, providers.Request) (providers.Response, error)
	inspect  func(context.Context, providers.Spec) ([]providers.Difference, error)
}

func right(a *memory.Adapter) *wrong {
	return &wrong{
		a, a.Check, a.Publish, a.Activate, a.Switch, a.Split, a.Bind, a.Status, a.Remove, a.Probe, a.Stored, a.Revisions,
		a.Prune, a.Functions, a.Fence, a.Epoch, a.Adopt, a.Invoke, a.Inspect,
	}
}

func (w *wrong) Check(fn manifest.Function) []providers.Issue { return w.check(fn) }

func (w *wrong) Publish(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
	return w.publish(ctx, s, e)
}

func (w *wrong) Activate(ctx context.Context, c providers.Change) (providers.State, error) {
	return w.activate(ctx, c)
}

func (w *wrong) Switch(ctx context.Context, c []providers.Change) ([]providers.State, error) {
	return w.swap(ctx, c)
}

func (w *wrong) Split(ctx context.Context, c []providers.Change, percent int) ([]providers.State, error) {
	return w.split(ctx, c, percent)
}

func (w *wrong) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	return w.bind(ctx, s, m, e)
}

func (w *wrong) Status(ctx context.Context, fn string) (providers.State, error) {
	return w.status(ctx, fn)
}

func (w *wrong) Remove(ctx context.Context, fn string, e providers.Epoch) error {
	return w.remove(ctx, fn, e)
}

func (w *wrong) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	return w.probe(ctx, s, r)
}

func (w *wrong) Stored(ctx context.Context, fn string, r providers.Revision) (bool, error) {
	return w.stored(ctx, fn, r)
}

func (w *wrong) Revisions(ctx context.Context, fn string) ([]providers.Revision, error) {
	return w.list(ctx, fn)
}

func (w *wrong) Prune(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
	return w.prune(ctx, fn, r, e)
}

func (w *wrong) Functions(ctx context.Context) ([]string, error) { return w.names(ctx) }

func (w *wrong) Fence(ctx context.Context, fns []string, e providers.Epoch) error {
	return w.fence(ctx, fns, e)
}

func (w *wrong) Epoch(ctx context.Context, fns []string) (providers.Epoch, error) {
	return w.epoch(ctx, fns)
}

func (w *wrong) Adopt(ctx context.Context, fn string, e providers.Epoch) (providers.State, error) {
	return w.adopt(ctx, fn, e)
}

func (w *wrong) Invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	return w.invoke(ctx, fn, r)
}

func (w *wrong) Inspect(ctx context.Context, s providers.Spec) ([]providers.Difference, error) {
	return w.inspect(ctx, s)
}

// single is a mutant whose processes share nothing.
func single(name string, spoil func(w *wrong, a *memory.Adapter)) mutant {
	return mutant{name, func() mutation {
		return func(a *memory.Adapter, _ memory.Place) providers.Adapter {
			w := right(a)
			spoil(w, a)
			return w
		}
	}}
}

// settingDropped is a mutant that publishes a function as another one than was asked for.
func settingDropped(name string, spoil func(fn *manifest.Function)) mutant {
	return single(name, func(w *wrong, a *memory.Adapter) {
		w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
			spoil(&s.Function)
			return a.Publish(ctx, s, e)
		}
	})
}

// value is a mutant that changes the values of the environment.
func value(name string, change func(string) string) mutant {
	return settingDropped(name, func(fn *manifest.Function) {
		env := map[string]string{}
		for k, v := range fn.Env {
			env[k] = change(v)
		}
		fn.Env = env
	})
}

// forced activates whatever is live by then and whatever epoch was shown.
func forced(ctx context.Context, a *memory.Adapter, c providers.Change) (st providers.State, err error) {
	for {
		if c.From, err = a.Status(ctx, c.Spec.Function.Name); err != nil {
			return c.From, err
		}
		shown, err := a.Epoch(ctx, nil)
		if err != nil {
			return c.From, err
		}
		c.Epoch = max(c.Epoch, shown)
		if st, err = a.Activate(ctx, c); !errors.Is(err, providers.Conflict) {
			return st, err
		}
	}
}

// remembered keeps what a process was told.
type remembered[V any] struct {
	mu sync.Mutex
	of map[string]V
}

func (r *remembered[V]) put(k string, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[string]V{}
	}
	r.of[k] = v
}

func (r *remembered[V]) get(k string) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.of[k]
	return v, ok
}

func mutants() []mutant {
	return slices.Concat(
		checkMutants(), settingMutants(), publishMutants(), activateMutants(), splitMutants(), fenceMutants(),
		bindMutants(), ownershipMutants(), pruneMutants(), probeMutants(),
	)
}

func checkMutants() []mutant {
	return []mutant{
		single("check is empty", func(w *wrong, _ *memory.Adapter) {
			w.check = func(manifest.Function) []providers.Issue { return nil }
		}),
		single("check says something else each time", func(w *wrong, a *memory.Adapter) {
			n := 0
			w.check = func(fn manifest.Function) []providers.Issue {
				n++
				return append(a.Check(fn), providers.Issue{Field: "memory", Severity: providers.Warning, Message: fmt.Sprint(n)})
			}
		}),
		{"a prober that does not say that it is one", func() mutation {
			return func(a *memory.Adapter, _ memory.Place) providers.Adapter { return modest{a} }
		}},
	}
}

// modest says that it cannot probe.
type modest struct{ *memory.Adapter }

func (m modest) Capabilities() providers.Capabilities {
	c := m.Adapter.Capabilities()
	c.Probes = false
	return c
}

func settingMutants() []mutant {
	return []mutant{
		single("a closer look finds nothing", func(w *wrong, _ *memory.Adapter) {
			w.inspect = func(ctx context.Context, _ providers.Spec) ([]providers.Difference, error) { return nil, ctx.Err() }
		}),
		single("a closer look finds what is not so", func(w *wrong, _ *memory.Adapter) {
			w.inspect = func(ctx context.Context, _ providers.Spec) ([]providers.Difference, error) {
				return []providers.Difference{{Path: "memory", Spec: "128MB"}}, ctx.Err()
			}
		}),
		settingDropped("memory is dropped", func(fn *manifest.Function) { fn.Memory = 128 * manifest.MB }),
		settingDropped("the timeout is always a second", func(fn *manifest.Function) { fn.Timeout = 1e9 }),
		settingDropped("scaling is dropped", func(fn *manifest.Function) { fn.Scaling = manifest.Scaling{} }),
		settingDropped("the architecture is dropped", func(fn *manifest.Function) { fn.Architecture = "" }),
		settingDropped("what is private is public", func(fn *manifest.Function) {
			fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}
		}),
		value("the environment is expanded as a shell would", func(v string) string {
			return os.Expand(v, func(string) string { return "" })
		}),
		value("the environment is unescaped", func(v string) string { return strings.ReplaceAll(v, `\n`, "\n") }),
		value("quotes in the environment are dropped", func(v string) string { return strings.ReplaceAll(v, `"`, "") }),
		value("space around a value is dropped", strings.TrimSpace),
		value("a value ends with its line", func(v string) string {
			line, _, _ := strings.Cut(v, "\n")
			return line
		}),
	}
}

func publishMutants() []mutant {
	return []mutant{
		single("publish makes it live", func(w *wrong, a *memory.Adapter) {
			w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
				r, err := a.Publish(ctx, s, e)
				if err == nil {
					_, err = forced(ctx, a, providers.Change{Spec: s, To: &r, Epoch: e})
				}
				return r, err
			}
		}),
		single("the same spec gives a new revision each time", func(w *wrong, a *memory.Adapter) {
			n := 0
			w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
				n++
				want := s.Digest
				s.Digest += fmt.Sprint(" ", n)
				r, err := a.Publish(ctx, s, e)
				r.Digest = want
				return r, err
			}
		}),
		single("a revision is known by its code alone", func(w *wrong, a *memory.Adapter) {
			w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
				want := s.Digest
				s.Digest = s.Artifact.ZipDigest
				r, err := a.Publish(ctx, s, e)
				r.Digest = want
				return r, err
			}
		}),
		single("a cancelled publish goes on", func(w *wrong, a *memory.Adapter) {
			w.publish = func(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
				return a.Publish(context.WithoutCancel(ctx), s, e)
			}
		}),
	}
}

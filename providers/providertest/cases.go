package providertest

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

func statusOfNothing(s *scenario) { s.serves("ghost", nil, "", "") }

func removeNothing(s *scenario) { s.ok(s.Adapter.Remove(s.ctx, "ghost", 0)) }

func pure(s *scenario) {
	fn := s.Spec(s.TB, "api", "one", "a").Function
	if diff := cmp.Diff(s.Adapter.Check(fn), s.Adapter.Check(fn)); diff != "" {
		s.Errorf("two checks of one function differ: %s", diff)
	}
	first, second := s.Adapter.Platform(fn), s.Adapter.Platform(fn)
	if diff := cmp.Diff(first, second); diff != "" {
		s.Errorf("two platforms of one function differ: %s", diff)
	}
	if first.Shim == "" || first.OS == "" || first.Arch == "" || first.Runtime == "" {
		s.Errorf("the packager cannot build for %+v", first)
	}
}

func capabilities(s *scenario) {
	if _, probes := providers.As[providers.Prober](s.Adapter); probes != s.Adapter.Capabilities().Probes {
		s.Errorf("capabilities say that probing is %t, the interface says %t", s.Adapter.Capabilities().Probes, probes)
	}
	if _, splits := providers.As[providers.Splitter](s.Adapter); splits != s.Adapter.Capabilities().Splits {
		s.Errorf("capabilities say that splitting is %t, the interface says %t", s.Adapter.Capabilities().Splits, splits)
	}
	if s.Adapter.Capabilities().Settling <= 0 {
		s.Error("capabilities do not say how long putting a function back may take: no restore would have the time")
	}
	if s.Adapter.Capabilities().Probes && s.Broken == nil {
		s.Error("a prober is tested with a handler that does not start: the place has none")
	}
}

// offered fits values just below and at what is offered: neither may be refused.
func offered(s *scenario) {
	fn := s.Spec(s.TB, "api", "one", "a").Function
	able := s.Adapter.Capabilities()
	for _, size := range slices.Concat(able.Memory.Values, []manifest.Size{able.Memory.Least, able.Memory.Least + able.Memory.Step}) {
		for _, asked := range []manifest.Size{size, size - 1} {
			if fn.Memory = asked; asked < manifest.MB {
				continue
			}
			fit, issues := providers.Fit(s.Adapter, fn)
			if fit.Memory < asked || slices.ContainsFunc(issues, func(i providers.Issue) bool {
				return i.Field == "memory" && (i.Severity == providers.Blocker || fit.Memory == asked)
			}) {
				s.Errorf("memory of %s becomes %s and raises %+v", asked, fit.Memory, issues)
			}
		}
	}
	if !slices.IsSorted(able.Memory.Values) {
		s.Errorf("sizes of memory are not ascending: %s", able.Memory)
	}
}

func publishIsSilent(s *scenario) {
	one := s.Spec(s.TB, "api", "one", "a")
	s.publish(one)
	s.serves("api", nil, "", "")
	r := s.live(one)
	s.publish(s.Spec(s.TB, "api", "two", "b"))
	s.serves("api", &r, "one", "a")
}

func publishTwice(s *scenario) {
	spec := s.Spec(s.TB, "api", "one", "a")
	if first, second := s.publish(spec), s.publish(spec); first != second {
		s.Fatalf("got %+v, then %+v", first, second)
	}
}

func publishChanged(s *scenario) {
	one := s.publish(s.Spec(s.TB, "api", "one", "a"))
	code := s.publish(s.Spec(s.TB, "api", "two", "a"))
	env := s.publish(s.Spec(s.TB, "api", "one", "b"))
	if one.ID == code.ID || one.ID == env.ID || code.ID == env.ID {
		s.Fatalf("three specs gave the revisions %s, %s and %s", one.ID, code.ID, env.ID)
	}
}

func publishSwapped(s *scenario) {
	good := s.Spec(s.TB, "api", "one", "a")
	swapped := good
	swapped.Artifact.Path = s.Spec(s.TB, "api", "two", "a").Artifact.Path
	if r, err := s.Adapter.Publish(s.ctx, swapped, 0); !errors.Is(err, packager.ErrDamaged) {
		s.Errorf("publishing the package of another digest gave %+v %v", r, err)
	}
	r := s.live(good)
	s.serves("api", &r, "one", "a")
}

func activate(s *scenario) {
	r := s.live(s.Spec(s.TB, "api", "one", "a"))
	s.serves("api", &r, "one", "a")
	if s.Call != nil && s.status("api").URL == "" {
		s.Error("a function with an HTTP event that serves has no URL")
	}
}

func activateRestores(s *scenario) {
	one, two := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b")
	r := s.live(one)
	second := s.live(two)
	s.serves("api", &second, "two", "b")
	_, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: one, From: s.status("api"), To: &r})
	s.ok(err)
	s.serves("api", &r, "one", "a")
}

func activateStale(s *scenario) {
	stale := s.status("api")
	one, two := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b")
	r, second := s.live(one), s.publish(two)
	st, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: two, From: stale, To: &second})
	s.fails(err, providers.Conflict)
	if !st.Serves(&r) {
		s.Errorf("the state beside the error is the truth, got %+v", st)
	}
	s.serves("api", &r, "one", "a")
}

func activateUnknown(s *scenario) {
	spec := s.Spec(s.TB, "api", "one", "a")
	r := s.live(spec)
	ghost := providers.Revision{ID: "ffffffffffff", Digest: "sha256:ffffffffffff"}
	if _, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: spec, From: s.status("api"), To: &ghost}); err == nil {
		s.Error("a revision that does not exist was activated")
	}
	s.serves("api", &r, "one", "a")
}

func deactivate(s *scenario) {
	spec := s.Spec(s.TB, "api", "one", "a")
	r := s.live(spec)
	st, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: spec, From: s.status("api")})
	s.ok(err)
	if !st.Serves(nil) {
		s.Errorf("deactivate returned %+v", st)
	}
	s.serves("api", nil, "", "")
	_, err = s.Adapter.Activate(s.ctx, providers.Change{Spec: spec, From: s.status("api"), To: &r})
	s.ok(err)
	s.serves("api", &r, "one", "a")
}

func remove(s *scenario) {
	s.live(s.Spec(s.TB, "api", "one", "a"))
	web := s.live(s.Spec(s.TB, "web", "one", "a"))
	s.ok(s.Adapter.Remove(s.ctx, "api", 0))
	s.serves("api", nil, "", "")
	s.serves("web", &web, "one", "a")
	s.ok(s.Adapter.Remove(s.ctx, "api", 0))
}

func bind(s *scenario) {
	spec := s.Spec(s.TB, "api", "one", "a")
	if s.Bound != nil {
		spec = s.Bound(s.TB, "api")
	}
	s.live(spec)
	modes := []providers.Mode{providers.BindEnabled, providers.BindNone}
	if s.Adapter.Capabilities().PausesEvents {
		modes = []providers.Mode{providers.BindPaused, providers.BindEnabled, providers.BindPaused, providers.BindNone}
	}
	for _, m := range modes {
		s.ok(s.Adapter.Bind(s.ctx, spec, m, 0))
		readers := []*scenario{s}
		if s.Neighbour != nil {
			readers = append(readers, s.again())
		}
		for i, reader := range readers {
			if got := reader.status("api").Bindings; got != m {
				s.Errorf("bound as %q, process %d reads back %q", m, i+1, got)
			}
		}
	}
}

func cancelled(s *scenario) {
	spec := s.Spec(s.TB, "api", "one", "a")
	r := s.live(spec)
	gone, cancel := context.WithCancel(s.ctx)
	cancel()
	_, publishErr := s.Adapter.Publish(gone, s.Spec(s.TB, "api", "two", "b"), 0)
	_, activateErr := s.Adapter.Activate(gone, providers.Change{Spec: spec, From: s.status("api")})
	_, statusErr := s.Adapter.Status(gone, "api")
	for _, err := range []error{publishErr, activateErr, statusErr, s.Adapter.Bind(gone, spec, providers.BindPaused, 0), s.Adapter.Remove(gone, "api", 0)} {
		if !errors.Is(err, context.Canceled) {
			s.Errorf("want the context's error, got %v", err)
		}
	}
	s.serves("api", &r, "one", "a")
}

func storeReads(s *scenario) {
	store, err := s.Adapter.Store(s.ctx)
	s.ok(err)
	_, err = store.Get(s.ctx, "shop/dev/place/live.json")
	s.fails(err, providers.NotFound)
	keys, err := store.List(s.ctx, "")
	s.ok(err)
	if len(keys) > 0 {
		s.Errorf("an unused store holds %q", keys)
	}
}

func probe(s *scenario) {
	p := able[providers.Prober](s)
	good := s.Spec(s.TB, "api", "one", "a")
	r := s.live(good)
	two := s.Spec(s.TB, "api", "two", "b")
	s.ok(p.Probe(s.ctx, two, s.publish(two)))
	broken := s.Broken(s.TB, "api")
	err := p.Probe(s.ctx, broken, s.publish(broken))
	s.fails(err, providers.Crashed)
	var e *providers.Error
	if errors.As(err, &e) && e.Log == "" {
		s.Error("the error does not show the function's log")
	}
	s.serves("api", &r, "one", "a")
}

func switchAll(s *scenario) {
	sw := able[providers.Switcher](s)
	api, web := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "web", "two", "b")
	first, second := s.publish(api), s.publish(web)
	states, err := sw.Switch(s.ctx, []providers.Change{
		{Spec: api, From: s.status("api"), To: &first}, {Spec: web, From: s.status("web"), To: &second},
	})
	s.ok(err)
	if len(states) != 2 || !states[0].Serves(&first) || !states[1].Serves(&second) {
		s.Errorf("switch returned %+v", states)
	}
	s.serves("api", &first, "one", "a")
	s.serves("web", &second, "two", "b")
}

func switchStale(s *scenario) {
	sw := able[providers.Switcher](s)
	stale := s.status("web")
	api, web := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "web", "one", "a")
	first, second := s.live(api), s.live(web)
	api2, web2 := s.Spec(s.TB, "api", "two", "b"), s.Spec(s.TB, "web", "two", "b")
	toAPI, toWeb := s.publish(api2), s.publish(web2)
	_, err := sw.Switch(s.ctx, []providers.Change{{Spec: api2, From: s.status("api"), To: &toAPI}, {Spec: web2, From: stale, To: &toWeb}})
	s.fails(err, providers.Conflict)
	s.serves("api", &first, "one", "a")
	s.serves("web", &second, "one", "a")
}

func overwritten(s *scenario) {
	one, two := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b")
	r := s.live(one)
	looked := func() (differences []providers.Difference) {
		s.Helper()
		i, ok := providers.As[providers.Inspector](s.Adapter)
		if !ok {
			s.Fatal("status says what was written last, and nothing can look closer")
		}
		differences, err := i.Inspect(s.ctx, one)
		s.ok(err)
		return differences
	}
	if s.status("api").AsWritten {
		if d := looked(); len(d) > 0 {
			s.Errorf("nobody changed anything, and a closer look finds %+v", d)
		}
	}
	s.Overwrite(s.TB, "api", s.publish(two))
	if st := s.status("api"); st.Serves(&r) && (!st.AsWritten || len(looked()) == 0) {
		s.Errorf("something else serves, and status says %+v", st)
	}
	again := s.status("api")
	_, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: one, From: again, To: &r})
	s.ok(err)
	s.serves("api", &r, "one", "a")
}

func lose(s *scenario) {
	stored := func(r providers.Revision) bool {
		s.Helper()
		there, err := able[providers.Pruner](s).Stored(s.ctx, "api", r)
		s.ok(err)
		return there
	}
	one, two := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b")
	old, now := s.live(one), s.live(two)
	if !stored(old) || !stored(now) {
		s.Fatalf("%+v and %+v were published and are not stored", old, now)
	}
	s.Lose(s.TB, "api", old)
	if stored(old) || !stored(now) {
		s.Errorf("the revision that lost what it needs is stored: %t; the one that serves: %t", stored(old), stored(now))
	}
	s.serves("api", &now, "two", "b")
	again := s.live(one)
	if !stored(again) {
		s.Errorf("%+v was published again and is not stored", again)
	}
	s.serves("api", &again, "one", "a")
}

func invoke(s *scenario) {
	i := able[providers.Invoker](s)
	s.live(s.Spec(s.TB, "api", "one", "a"))
	s.publish(s.Spec(s.TB, "api", "another", "b"))
	res, err := i.Invoke(s.ctx, "api", providers.Request{Method: "GET", Path: "/"})
	s.ok(err)
	if res.Status != 200 || !bytes.Contains(res.Body, []byte("one")) {
		s.Errorf("invoke answered %d with %q", res.Status, res.Body)
	}
}

func listed(s *scenario) {
	l := able[providers.Lister](s)
	s.publish(s.Spec(s.TB, "web", "one", "a"))
	s.live(s.Spec(s.TB, "api", "one", "a"))
	for _, want := range [][]string{{"api", "web"}, {"web"}, nil} {
		got, err := l.Functions(s.ctx)
		s.ok(err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			s.Errorf("the functions (-want +got):\n%s", diff)
		}
		if len(got) > 0 {
			s.ok(s.Adapter.Remove(s.ctx, got[0], 0))
		}
	}
}

func ready(s *scenario) {
	r := able[providers.Readier](s)
	free := func(specs ...providers.Spec) {
		s.Helper()
		found, err := r.Obstacles(s.ctx, specs)
		s.ok(err)
		for _, o := range found {
			s.Errorf("an obstacle: %v", o.Err)
		}
	}
	api, web := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "web", "one", "a")
	free()
	free(api, web)
	s.serves("api", nil, "", "")
	s.live(api)
	free(api)
	free(api, web)
	s.serves("web", nil, "", "")
}

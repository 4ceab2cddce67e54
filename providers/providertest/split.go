package providertest

import (
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
)

// splitter is the adapter's, or the case does not concern it.
func (s *scenario) splitter() providers.Splitter {
	s.Helper()
	return able[providers.Splitter](s)
}

// split publishes a spec and gives it a share of the requests beside what is live.
func (s *scenario) split(spec providers.Spec, percent int) providers.Canary {
	s.Helper()
	canary := providers.Canary{Revision: s.publish(spec), Percent: percent}
	from := s.status(spec.Function.Name)
	states, err := s.splitter().Split(s.ctx, []providers.Change{{Spec: spec, From: from, To: &canary.Revision}}, percent)
	s.ok(err)
	if len(states) != 1 || !states[0].Serves(from.Revision) || states[0].Canary == nil || *states[0].Canary != canary {
		s.Fatalf("split returned %+v", states)
	}
	return canary
}

// sharedWith proves what status says of the canary; nil is none.
func (s *scenario) sharedWith(function string, live providers.Revision, canary *providers.Canary) {
	s.Helper()
	st := s.status(function)
	if !st.Serves(&live) {
		s.Errorf("want %s to serve %s beside a canary, got %v", function, live.ID, st.Revision)
	}
	if diff := cmp.Diff(canary, st.Canary); diff != "" {
		s.Errorf("the canary of %s (-want +got):\n%s", function, diff)
	}
}

// answers counts what the function says in so many calls.
func (s *scenario) answers(function string, calls int) map[string]int {
	s.Helper()
	said := map[string]int{}
	for range calls {
		version, _ := s.Call(s.TB, function)
		said[version]++
	}
	return said
}

// often is how many calls find a share of half the requests, but for one time in 10^15.
const often = 50

func splitKeeps(s *scenario) {
	s.splitter()
	one := s.live(s.Spec(s.TB, "api", "one", "a"))
	canary := s.split(s.Spec(s.TB, "api", "two", "b"), 10)
	s.sharedWith("api", one, &canary)
	canary = s.split(s.Spec(s.TB, "api", "two", "b"), 60)
	s.sharedWith("api", one, &canary)
	three := s.split(s.Spec(s.TB, "api", "three", "c"), 50)
	s.sharedWith("api", one, &three)
}

func splitShares(s *scenario) {
	s.splitter()
	s.live(s.Spec(s.TB, "api", "one", "a"))
	s.split(s.Spec(s.TB, "api", "two", "b"), 25)
	// A share of 75 of 300 that is chosen by chance is within 45 of it but for one time in 10^8.
	const calls, want, tolerance = 300, 75, 45
	said := s.answers("api", calls)
	if got := said["two"]; got < want-tolerance || got > want+tolerance || said["one"]+said["two"] != calls {
		s.Errorf("25%% of %d calls were shared as %v", calls, said)
	}
}

func splitPromoted(s *scenario) {
	s.splitter()
	s.live(s.Spec(s.TB, "api", "one", "a"))
	two := s.Spec(s.TB, "api", "two", "b")
	canary := s.split(two, 50)
	_, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: two, From: s.status("api"), To: &canary.Revision})
	s.ok(err)
	s.sharedWith("api", canary.Revision, nil)
	s.only("api", "two")
}

func splitAbandoned(s *scenario) {
	s.splitter()
	one := s.Spec(s.TB, "api", "one", "a")
	r := s.live(one)
	s.split(s.Spec(s.TB, "api", "two", "b"), 50)
	_, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: one, From: s.status("api"), To: &r})
	s.ok(err)
	s.sharedWith("api", r, nil)
	s.only("api", "one")
}

func splitTakenDown(s *scenario) {
	s.splitter()
	one := s.Spec(s.TB, "api", "one", "a")
	r := s.live(one)
	s.split(s.Spec(s.TB, "api", "two", "b"), 50)
	_, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: one, From: s.status("api")})
	s.ok(err)
	if st := s.status("api"); st.Revision != nil || st.Canary != nil {
		s.Errorf("deactivated, it has %+v", st)
	}
	_, err = s.Adapter.Activate(s.ctx, providers.Change{Spec: one, From: s.status("api"), To: &r})
	s.ok(err)
	s.sharedWith("api", r, nil)
	s.split(s.Spec(s.TB, "api", "two", "b"), 50)
	s.ok(s.Adapter.Remove(s.ctx, "api", 0))
	if st := s.status("api"); st.Revision != nil || st.Canary != nil {
		s.Errorf("removed, it has %+v", st)
	}
}

// only proves that a version answers alone.
func (s *scenario) only(function, version string) {
	s.Helper()
	if s.Call == nil {
		return
	}
	if said := s.answers(function, often); said[version] != often {
		s.Errorf("only %s should answer, got %v", version, said)
	}
}

func splitStale(s *scenario) {
	sp := s.splitter()
	stale := s.status("web")
	api, web := s.live(s.Spec(s.TB, "api", "one", "a")), s.live(s.Spec(s.TB, "web", "one", "a"))
	api2, web2 := s.Spec(s.TB, "api", "two", "b"), s.Spec(s.TB, "web", "two", "b")
	toAPI, toWeb := s.publish(api2), s.publish(web2)
	stale.Revision = &toWeb
	_, err := sp.Split(s.ctx, []providers.Change{
		{Spec: api2, From: s.status("api"), To: &toAPI}, {Spec: web2, From: stale, To: &toWeb},
	}, 50)
	s.fails(err, providers.Conflict)
	s.sharedWith("api", api, nil)
	s.sharedWith("web", web, nil)
}

func splitAll(s *scenario) {
	sp := s.splitter()
	api, web := s.live(s.Spec(s.TB, "api", "one", "a")), s.live(s.Spec(s.TB, "web", "one", "a"))
	api2, web2 := s.Spec(s.TB, "api", "two", "b"), s.Spec(s.TB, "web", "two", "b")
	toAPI, toWeb := s.publish(api2), s.publish(web2)
	_, err := sp.Split(s.ctx, []providers.Change{
		{Spec: api2, From: s.status("api"), To: &toAPI}, {Spec: web2, From: s.status("web"), To: &toWeb},
	}, 30)
	s.ok(err)
	s.sharedWith("api", api, &providers.Canary{Revision: toAPI, Percent: 30})
	s.sharedWith("web", web, &providers.Canary{Revision: toWeb, Percent: 30})
}

func splitNonsense(s *scenario) {
	sp := s.splitter()
	one, two := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b")
	first, second := s.publish(one), s.publish(two)
	_, err := sp.Split(s.ctx, []providers.Change{{Spec: two, From: s.status("api"), To: &second}}, 50)
	s.fails(err, providers.Invalid)
	_, err = s.Adapter.Activate(s.ctx, providers.Change{Spec: one, From: s.status("api"), To: &first})
	s.ok(err)
	_, err = sp.Split(s.ctx, []providers.Change{{Spec: two, From: s.status("api")}}, 50)
	s.fails(err, providers.Invalid)
	for _, percent := range []int{-1, 0, 100} {
		_, err = sp.Split(s.ctx, []providers.Change{{Spec: two, From: s.status("api"), To: &second}}, percent)
		s.fails(err, providers.Invalid)
	}
	s.sharedWith("api", first, nil)
}

func pruneCanary(s *scenario) {
	p := able[providers.Pruner](s)
	r := s.live(s.Spec(s.TB, "api", "one", "a"))
	canary := s.split(s.Spec(s.TB, "api", "two", "b"), 10)
	s.fails(p.Prune(s.ctx, "api", canary.Revision, 0), providers.Conflict)
	s.sharedWith("api", r, &canary)
}

package providertest

import "github.com/ferryfn/ferry/providers"

func fenceIsSilent(s *scenario) {
	f := able[providers.Fencer](s)
	r := s.live(s.Spec(s.TB, "api", "one", "a"))
	s.ok(f.Fence(s.ctx, []string{"api", "ghost"}, 7))
	s.serves("api", &r, "one", "a")
	s.shows(7)
	s.serves("ghost", nil, "", "")
}

func fenceKeepsOut(s *scenario) {
	f := able[providers.Fencer](s)
	one, two := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b")
	r := s.live(one)
	second, err := s.Adapter.Publish(s.ctx, two, 6)
	s.ok(err)
	from := s.status("api")
	s.ok(f.Fence(s.ctx, []string{"api"}, 7))
	for _, from := range []providers.State{from, s.status("api")} { // read before the fence, and after
		st, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: two, From: from, To: &second, Epoch: 6})
		s.fails(err, providers.Conflict)
		if !st.Serves(&r) {
			s.Errorf("the state beside the error is the truth, got %+v", st)
		}
		_, err = s.Adapter.Activate(s.ctx, providers.Change{Spec: one, From: from, Epoch: 6})
		s.fails(err, providers.Conflict)
		s.serves("api", &r, "one", "a")
	}
	s.shows(7)
	_, err = s.Adapter.Activate(s.ctx, providers.Change{Spec: two, From: s.status("api"), To: &second, Epoch: 7})
	s.ok(err)
	s.serves("api", &second, "two", "b")
}

func changesShowTheirEpoch(s *scenario) {
	one, two := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b")
	from := s.status("api")
	r, second := s.publish(one), s.publish(two)
	_, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: one, From: from, To: &r, Epoch: 8})
	s.ok(err)
	s.shows(8)
	_, err = s.Adapter.Activate(s.ctx, providers.Change{Spec: two, From: s.status("api"), To: &second, Epoch: 9})
	s.ok(err)
	s.shows(9)
	st, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: one, From: s.status("api"), To: &r, Epoch: 8})
	s.fails(err, providers.Conflict)
	if !st.Serves(&second) {
		s.Errorf("the state beside the error is the truth, got %+v", st)
	}
	s.serves("api", &second, "two", "b")
}

func fenceKeepsSplitsOut(s *scenario) {
	f, sp := able[providers.Fencer](s), able[providers.Splitter](s)
	r := s.live(s.Spec(s.TB, "api", "one", "a"))
	two := s.Spec(s.TB, "api", "two", "b")
	second := s.publish(two)
	from := s.status("api")
	s.ok(f.Fence(s.ctx, []string{"api"}, 7))
	_, err := sp.Split(s.ctx, []providers.Change{{Spec: two, From: from, To: &second, Epoch: 6}}, 50)
	s.fails(err, providers.Conflict)
	if st := s.status("api"); !st.Serves(&r) || st.Canary != nil {
		s.Errorf("want all requests at %s, got %+v", r.ID, st)
	}
}

// shows expects the place to have been shown that epoch.
func (s *scenario) shows(want providers.Epoch) {
	s.Helper()
	got, err := able[providers.Fencer](s).Epoch(s.ctx, []string{"api", "ghost"})
	s.ok(err)
	if got != want {
		s.Errorf("want the place to show epoch %d, got %d", want, got)
	}
}

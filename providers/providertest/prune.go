package providertest

import (
	"slices"

	"github.com/ferryfn/ferry/providers"
)

func prune(s *scenario) {
	p := able[providers.Pruner](s)
	one := s.Spec(s.TB, "api", "one", "a")
	old := s.live(one)
	s.live(s.Spec(s.TB, "api", "two", "b"))
	left := func(want int, after string) {
		s.Helper()
		left, err := p.Revisions(s.ctx, "api")
		s.ok(err)
		back := slices.ContainsFunc(left, func(r providers.Revision) bool { return r.Digest == old.Digest })
		if len(left) != want || back {
			s.Errorf("%s was pruned, and after %s the revisions are %+v", old.ID, after, left)
		}
	}
	s.ok(p.Prune(s.ctx, "api", old, 0))
	s.ok(p.Prune(s.ctx, "api", old, 0))
	left(1, "that")
	s.publish(s.Spec(s.TB, "api", "three", "c"))
	left(2, "a publish")
	again := s.live(one)
	s.serves("api", &again, "one", "a")
}

func pruneLast(s *scenario) {
	r := s.live(s.Spec(s.TB, "api", "one", "a"))
	two := s.Spec(s.TB, "api", "two", "b")
	last := s.publish(two)
	s.keeps(last, true)
	s.ok(able[providers.Pruner](s).Prune(s.ctx, "api", last, 0))
	s.keeps(last, false)
	if s.Neighbour != nil {
		s.again().keeps(last, false)
	}
	s.serves("api", &r, "one", "a")
	again := s.live(two)
	s.keeps(again, true)
	s.serves("api", &again, "two", "b")
}

func pruneLive(s *scenario) {
	p := able[providers.Pruner](s)
	r := s.live(s.Spec(s.TB, "api", "one", "a"))
	s.fails(p.Prune(s.ctx, "api", r, 0), providers.Conflict)
	s.serves("api", &r, "one", "a")
}

func pruneTakenDown(s *scenario) {
	p := able[providers.Pruner](s)
	old := s.live(s.Spec(s.TB, "api", "one", "a"))
	spec := s.Spec(s.TB, "api", "two", "b")
	last := s.live(spec)
	_, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: spec, From: s.status("api")})
	s.ok(err)
	for _, r := range []providers.Revision{old, last} {
		s.ok(p.Prune(s.ctx, "api", r, 0))
		s.serves("api", nil, "", "")
	}
	if s.Neighbour != nil {
		s.again().serves("api", nil, "", "")
	}
}

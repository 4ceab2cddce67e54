package providertest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ferryfn/ferry/providers"
)

// activateRace has several processes activate a revision each, all of which read the same state before.
func activateRace(s *scenario) {
	const racers, rounds = 4, 3
	s.live(s.Spec(s.TB, "api", "one", "a"))
	specs, revisions := make([]providers.Spec, racers), make([]providers.Revision, racers)
	for round := range rounds {
		for i := range racers {
			specs[i] = s.Spec(s.TB, "api", fmt.Sprintf("round%d", round), fmt.Sprintf("racer%d", i))
			revisions[i] = s.publish(specs[i])
		}
		from := s.status("api")
		failures := make([]error, racers)
		var wg sync.WaitGroup
		for i := range racers {
			wg.Go(func() {
				_, failures[i] = s.Adapter.Activate(s.ctx, providers.Change{Spec: specs[i], From: from, To: &revisions[i]})
			})
		}
		wg.Wait()
		won := -1
		for i, err := range failures {
			switch {
			case err == nil && won >= 0:
				s.Fatalf("both %s and %s were activated in place of %v", revisions[won].ID, revisions[i].ID, from.Revision)
			case err == nil:
				won = i
			case !errors.Is(err, providers.Conflict):
				s.Fatalf("want a conflict, got %v", err)
			}
		}
		if won < 0 {
			s.Fatalf("nobody won: %v", errors.Join(failures...))
		}
		s.serves("api", &revisions[won], fmt.Sprintf("round%d", round), fmt.Sprintf("racer%d", won))
	}
}

// late activates a revision, whose write arrives only after what is done meanwhile.
func (s *scenario) late(spec providers.Spec, r providers.Revision, e providers.Epoch, meanwhile func()) (providers.State, error) {
	s.Helper()
	from := s.status(spec.Function.Name)
	held, release := s.Hold(s.TB)
	goOn := sync.OnceFunc(release)
	defer goOn()
	type outcome struct {
		st  providers.State
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		st, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: spec, From: from, To: &r, Epoch: e})
		done <- outcome{st, err}
	}()
	select {
	case <-held:
	case o := <-done:
		s.Fatalf("activate ended with %v before a write of it was held", o.err)
	case <-s.ctx.Done():
		s.Fatal("the place held no write of activate")
	}
	meanwhile()
	goOn()
	o := <-done
	return o.st, o.err
}

func overtaken(s *scenario) {
	s.live(s.Spec(s.TB, "api", "one", "a"))
	two, three := s.Spec(s.TB, "api", "two", "b"), s.Spec(s.TB, "api", "three", "c")
	second, third := s.publish(two), s.publish(three)
	st, err := s.late(two, second, 0, func() { s.activate(three, third, 0) })
	s.fails(err, providers.Conflict)
	if !st.Serves(&third) {
		s.Errorf("the state beside the error is the truth, got %+v", st)
	}
	s.serves("api", &third, "three", "c")
}

func overtakenByAFence(s *scenario) {
	one, two := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b")
	r, second := s.publish(one), s.publish(two)
	s.activate(one, r, 6)
	_, err := s.late(two, second, 6, func() { s.ok(able[providers.Fencer](s).Fence(s.ctx, []string{"api"}, 7)) })
	s.fails(err, providers.Conflict)
	s.serves("api", &r, "one", "a")
}

func thereAndBack(s *scenario) {
	one, two, three := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b"), s.Spec(s.TB, "api", "three", "c")
	r, second, third := s.publish(one), s.publish(two), s.publish(three)
	s.activate(one, r, 6)
	_, err := s.late(two, second, 6, func() {
		s.activate(three, third, 7)
		s.activate(one, r, 7)
	})
	s.fails(err, providers.Conflict)
	s.serves("api", &r, "one", "a")
}

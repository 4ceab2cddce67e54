package release_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// takenBack is a service whose release 2 ("two") was rolled away from for release 1 ("one").
func takenBack(t *testing.T) *service {
	s := newService(t).all("one")
	s.deploy()
	s.all("two").deploy()
	s.rollback(0)
	return s
}

// refused expects that the deploy is refused for these releases, and that nothing changes.
func (s *service) refused(o release.DeployOptions, want ...int) *release.HeldError {
	s.Helper()
	before := s.serving()
	_, err := s.engine().Deploy(s.Context(), o)
	var held *release.HeldError
	if !errors.As(err, &held) || !errors.Is(err, providers.Held) {
		s.Fatalf("it was not refused: %v", err)
	}
	var got []int
	for _, h := range held.Holds {
		got = append(got, h.Release)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("refused for other releases (-want +got):\n%s", diff)
	}
	s.serves(before)
	return held
}

func TestWhatWasRolledBackIsNotDeployedAgainUnasked(t *testing.T) {
	both(t, func(t *testing.T, s *service) {
		s.all("one").deploy()
		s.all("two").deploy()
		e := s.engine()
		e.Origin.Actor = "ada@lab"
		e.Now = func() time.Time { return time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC) }
		if _, err := e.Rollback(t.Context(), release.RollbackOptions{Message: "prices are wrong"}); err != nil {
			t.Fatal(err)
		}
		for _, o := range []release.DeployOptions{{}, {Force: true}, {Adopt: true}, {Again: []int{1, 3}}} {
			says := s.refused(o, 2).Error()
			for _, want := range []string{"release 2", "ada@lab", "2026-11-22 03:04 UTC", "prices are wrong", "api, jobs, web", "a change elsewhere does not fix it"} {
				if !strings.Contains(says, want) {
					t.Errorf("the refusal does not say %q: %s", want, says)
				}
			}
		}
		if diff := cmp.Diff([]release.State{release.StateLive, release.StateLive, release.StateLive}, s.states()); diff != "" {
			t.Errorf("a refusal left a record:\n%s", diff)
		}
	})
}

func TestARefusalWaitsForNoLock(t *testing.T) {
	s := takenBack(t)
	s.ttl = time.Hour
	store, err := memory.New(s.world).Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	held := strings.NewReader(`{"format": 1, "epoch": 9, "attempt": 3, "nonce": "x",
		"holder": {"actor": "eve", "since": "2026-11-22T03:04:05Z", "process": {"host": "elsewhere", "pid": 1}}}`)
	if _, err := store.Put(t.Context(), "shop/dev/here/lock.json", held, providers.Condition{}); err != nil {
		t.Fatal(err)
	}
	s.refused(release.DeployOptions{}, 2)
}

func TestHeldContentIsDeployedAgainWhenItIsAskedFor(t *testing.T) {
	for name, ask := range map[string]func(s *service){
		"by its number": func(s *service) {
			if _, err := s.engine().Deploy(s.Context(), release.DeployOptions{Again: []int{7, 2}}); err != nil {
				s.Fatal(err)
			}
		},
		"by lifting the hold": func(s *service) {
			if left, err := s.engine().Allow(s.Context(), 2); err != nil || len(left) > 0 {
				s.Fatal(left, err)
			}
			s.servesAll("one")
			s.deploy()
		},
		"by a rollback to it": func(s *service) { s.rollback(2) },
		"by a promotion": func(s *service) {
			if _, err := s.engine().Deploy(s.Context(), release.DeployOptions{Traffic: 10, Again: []int{2}}); err != nil {
				s.Fatal(err)
			}
			if _, err := s.engine().Promote(s.Context(), release.PromoteOptions{}); err != nil {
				s.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := takenBack(t)
			ask(s)
			s.servesAll("two")
			s.all("three").deploy()
			s.all("two").deploy() // it was good again, so a repeated job goes on
			s.servesAll("two")
		})
	}
}

func TestAskingForHeldContentThatFailsLiftsNothing(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.write(map[string]string{"api": "unhealthy", "jobs": "one", "web": "one"})
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{NoVerify: true}); err != nil {
		t.Fatal(err)
	}
	s.rollback(0)
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{Again: []int{2}})
	s.failure(err, release.OutcomeRestored)
	s.refused(release.DeployOptions{}, 2)
}

func TestOnlyAChangeOfAHeldFunctionIsAFix(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.write(map[string]string{"api": "two", "jobs": "two", "web": "one"}).deploy()
	s.rollback(0)
	s.write(map[string]string{"api": "two", "jobs": "two", "web": "three"})
	s.refused(release.DeployOptions{}, 2)
	s.write(map[string]string{"api": "two", "jobs": "three", "web": "one"}).deploy()
	s.serves(map[string]string{"api": "two", "jobs": "three", "web": "one"})
}

func TestASubsetThatMakesHeldContentWholeIsRefused(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.write(map[string]string{"api": "two", "jobs": "two", "web": "one"}).deploy()
	s.rollback(0)
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Functions: []string{"api"}}); err != nil {
		t.Fatal(err)
	}
	s.refused(release.DeployOptions{Functions: []string{"jobs"}}, 2)
}

func TestARemovalOfAFunctionIsHeldToo(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.write(map[string]string{"api": "one", "jobs": "one", "pages": "one"}).deploy() // web is renamed
	s.rollback(0)
	says := s.refused(release.DeployOptions{}, 2).Error()
	if !strings.Contains(says, "(pages, web removed)") {
		t.Errorf("got %s", says)
	}
	s.write(map[string]string{"api": "one", "jobs": "one", "web": "one", "pages": "one"}).deploy()
	s.serves(map[string]string{"api": "one", "jobs": "one", "web": "one", "pages": "one"})
}

func TestWhatIsSoAnywayIsNotHeld(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.write(map[string]string{"api": "one", "jobs": "one"}).deploy() // web is removed
	s.rollback(0)
	s.refused(release.DeployOptions{}, 2)
	if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	s.deploy()
	s.serves(map[string]string{"api": "one", "jobs": "one"})
}

func TestTheSameContentIsHeldOnce(t *testing.T) {
	s := takenBack(t)
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Traffic: 10, Again: []int{2}}); err != nil {
		t.Fatal(err)
	}
	s.rollback(0)
	s.refused(release.DeployOptions{}, 4)
}

func TestARollbackOverSeveralReleasesHoldsAllThatTheyChanged(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"}).deploy()
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "three"}).deploy()
	s.rollback(1)
	held := s.refused(release.DeployOptions{}, 3)
	if !strings.Contains(held.Error(), "(api, web)") {
		t.Errorf("got %v", held)
	}
}

func TestSeveralRollbacksAreHeldSeverally(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"}).deploy()
	s.write(map[string]string{"api": "two", "jobs": "two", "web": "one"}).deploy()
	s.rollback(0)
	s.rollback(0)
	s.refused(release.DeployOptions{}, 3, 2)
	s.refused(release.DeployOptions{Again: []int{3}}, 2)
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"})
	s.refused(release.DeployOptions{}, 2)
	s.write(map[string]string{"api": "one", "jobs": "two", "web": "one"})
	s.refused(release.DeployOptions{}, 3)
}

func TestTheValuesOfAPipelineDoNotMakeHeldContentAnother(t *testing.T) {
	s := newService(t)
	deploys := 0
	s.adjust = func(fn *manifest.Function) {
		deploys++
		fn.Env = map[string]string{"WORD": "a", "COMMIT": fmt.Sprint(deploys), "TOKEN": fmt.Sprint(deploys)}
		fn.Varying, fn.Masked = []string{"env.COMMIT", "env.TOKEN"}, []string{"TOKEN"}
	}
	s.all("one").deploy()
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"}).deploy()
	s.rollback(0)
	s.refused(release.DeployOptions{}, 2)
	s.all("one").deploy() // another commit of what serves
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"})
	s.refused(release.DeployOptions{}, 2)
	varying := s.adjust
	s.adjust = func(fn *manifest.Function) {
		varying(fn)
		fn.Env["WORD"] = "b"
	}
	s.deploy()
}

func TestWhereAValueComesFromIsNoChange(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.adjust = func(fn *manifest.Function) { fn.Varying = []string{"memory"} }
	if r := s.deploy(); r.Outcome != release.OutcomeUnchanged {
		t.Errorf("got %+v", r)
	}
}

func TestTheEndOfACanaryIsHeld(t *testing.T) {
	s := splitting(t)
	if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{Message: "too slow"}); err != nil {
		t.Fatal(err)
	}
	s.refused(release.DeployOptions{Traffic: 10}, 2)
	if says := s.refused(release.DeployOptions{}, 2).Error(); !strings.Contains(says, "too slow") {
		t.Errorf("got %s", says)
	}
}

// dies makes the process die before its first call of that kind.
func (s *service) dies(call string) {
	s.adapter = func(a *memory.Adapter) providers.Adapter {
		p := &faults.Process{At: func(c faults.Call) bool { return strings.HasPrefix(c.String(), call) }, Fault: faults.Die(func() {})}
		return p.Wrap(a)
	}
}

func (s *service) lives() {
	s.adapter = func(a *memory.Adapter) providers.Adapter { return a }
}

func TestWhatWasNeverJudgedIsNotHeld(t *testing.T) {
	t.Run("a failed attempt", func(t *testing.T) {
		s := newService(t).all("one")
		s.deploy()
		s.all("unhealthy")
		_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
		s.failure(err, release.OutcomeRestored)
		if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{NoVerify: true}); err != nil {
			t.Error(err)
		}
	})
	t.Run("an interrupted attempt", func(t *testing.T) {
		s := newService(t).all("one")
		s.ttl = 20 * time.Millisecond
		s.deploy()
		s.all("two").dies("switch")
		if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); !errors.Is(err, faults.Dead) {
			t.Fatal(err)
		}
		s.lives()
		s.rollback(0)
		s.servesAll("one")
		s.deploy()
		s.servesAll("two")
	})
	t.Run("a canary that failed its health check", func(t *testing.T) {
		s := newService(t).all("one")
		s.deploy()
		s.all("unhealthy")
		s.canary(10)
		_, err := s.engine().Promote(t.Context(), release.PromoteOptions{})
		s.failure(err, release.OutcomeRestored)
		if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{Traffic: 10}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a removal", func(t *testing.T) {
		s := newService(t).all("one")
		s.deploy()
		if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		s.rollback(0)
		s.write(map[string]string{"other": "one"}).deploy()
		s.serves(map[string]string{"other": "one"})
	})
}

func TestACanaryThatWasUndoneInTheMiddleOfItsPromotionIsHeld(t *testing.T) {
	s := splitting(t)
	s.ttl = 20 * time.Millisecond
	s.dies("switch")
	if _, err := s.engine().Promote(t.Context(), release.PromoteOptions{}); !errors.Is(err, faults.Dead) {
		t.Fatal(err)
	}
	s.lives()
	s.rollback(0)
	s.servesAll("one")
	s.refused(release.DeployOptions{}, 2)
}

func TestACanaryWhoseEndWasInterruptedIsHeldOnce(t *testing.T) {
	s := splitting(t)
	s.ttl = 20 * time.Millisecond
	s.dies("store put shop/dev/here/releases/000002.json")
	if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{}); !errors.Is(err, faults.Dead) {
		t.Fatal(err)
	}
	s.lives()
	s.rollback(0)
	s.refused(release.DeployOptions{}, 2)
	if st, err := s.engine().Status(t.Context()); err != nil || len(st.Held) != 1 {
		t.Errorf("got %+v, %v", st, err)
	}
}

func TestAResumedRollbackHoldsWhatItLeft(t *testing.T) {
	s := newService(t).all("one")
	s.ttl = 20 * time.Millisecond
	s.deploy()
	s.all("two").deploy()
	s.dies("switch")
	if _, err := s.engine().Rollback(t.Context(), release.RollbackOptions{Message: "bad"}); !errors.Is(err, faults.Dead) {
		t.Fatal(err)
	}
	s.lives()
	if _, err := s.engine().Resume(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if says := s.refused(release.DeployOptions{}, 2).Error(); !strings.Contains(says, `"bad"`) {
		t.Errorf("got %s", says)
	}
}

func TestAHoldOutlivesTheServiceAndItsRecords(t *testing.T) {
	s := takenBack(t)
	s.keep = 1
	for n := range 4 {
		s.all(fmt.Sprint(n)).deploy()
	}
	s.all("two")
	s.refused(release.DeployOptions{}, 2)
	if _, err := s.engine().Remove(t.Context(), release.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	s.refused(release.DeployOptions{}, 2)
}

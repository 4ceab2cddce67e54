package release_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferryfn/ferry/release"
)

// A place that rebuilds or restarts needs minutes to put a function back; one that is quick is given up earlier.
func TestARestoreHasTheTimeThatThePlaceNeeds(t *testing.T) {
	const slow = 15 * time.Minute
	for name, c := range map[string]struct {
		settling time.Duration
		want     release.Outcome
	}{
		"a place that says so is waited for": {settling: slow, want: release.OutcomeRestored},
		"one that says less is given up":     {settling: time.Minute, want: release.OutcomePartial},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t).all("one")
			s.deploy()
			s.all("two")
			s.world.Pace.Settling = c.settling
			synctest.Test(t, func(t *testing.T) {
				switches := 0
				s.world.Before = func(ctx context.Context, op, _ string) error {
					if op != "switch" {
						return nil
					}
					if switches++; switches == 1 {
						return nil
					}
					return after(ctx, slow)
				}
				s.world.After = func(op, _ string) error {
					if op == "switch" && switches == 1 {
						return errors.New("the reply is lost")
					}
					return nil
				}
				_, err := s.engine().Deploy(t.Context(), release.DeployOptions{NoVerify: true})
				if e := s.failure(err, c.want); c.want == release.OutcomePartial && len(e.Partial) == 0 {
					t.Errorf("it does not say what serves where: %+v", e)
				}
			})
		})
	}
}

// after waits, unless ctx ends before.
func after(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

package until_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferryfn/ferry/providers/until"
)

var errPassing = errors.New("not yet")

func passing(err error) bool { return errors.Is(err, errPassing) }

// spread is a rule as of rights that take a while to be known.
func spread() until.Rule {
	return until.Rule{For: "the right to be known", Passing: passing, Within: time.Minute, First: time.Second, Most: 5 * time.Second}
}

func TestWhatFailsInPassingIsDoneAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, tries := time.Now(), 0
		err := until.Done(t.Context(), func() error {
			if tries++; tries < 4 {
				return errPassing
			}
			return nil
		}, spread())
		if took := time.Since(start); err != nil || tries != 4 || took < 5*time.Second || took > 7*time.Second {
			t.Errorf("after %d tries and %v: %v", tries, took, err)
		}
	})
}

func TestOtherFailuresEndTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other, tries := errors.New("refused"), 0
		err := until.Done(t.Context(), func() error { tries++; return other }, spread())
		if !errors.Is(err, other) || tries != 1 {
			t.Errorf("after %d tries: %v", tries, err)
		}
	})
}

func TestTheWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := until.Done(t.Context(), func() error { return errPassing }, spread())
		if took := time.Since(start); !errors.Is(err, errPassing) || took < time.Minute || took > 66*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestTheWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := until.Done(ctx, func() error { return errPassing }, spread())
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errPassing) {
			t.Errorf("it ended with: %v", err)
		}
	})
}

func TestHasteShortensThePausesAndKeepsTheLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := func(ctx context.Context) (n int, took time.Duration) {
			start := time.Now()
			steady := until.Rule{Passing: passing, Within: time.Minute, First: 7 * time.Second}
			_ = until.Done(ctx, func() error { n++; return errPassing }, steady)
			return n, time.Since(start)
		}
		usual, long := looks(t.Context())
		hasty, short := looks(until.Hasten(t.Context(), 100))
		if hasty < usual-2 || hasty > usual+2 || short > long/80 || short < long/120 {
			t.Errorf("in %v there are %d looks, and with haste in %v %d", long, usual, short, hasty)
		}
	})
}

func TestEachFailureHasTheTimeOfItsOwnRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy, start := errors.New("busy"), time.Now()
		short := until.Rule{Passing: func(err error) bool { return errors.Is(err, busy) }, Within: 3 * time.Second, First: time.Second}
		err := until.Done(t.Context(), func() error {
			if time.Since(start) < 10*time.Second {
				return errPassing
			}
			return busy
		}, spread(), short)
		if took := time.Since(start); !errors.Is(err, busy) || took < 10*time.Second || took > 15*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestALookIsRepeatedUntilItIsSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		look := func() (bool, error) { looks++; return looks == 3, nil }
		if err := until.True(t.Context(), spread(), look); err != nil || looks != 3 {
			t.Errorf("after %d looks: %v", looks, err)
		}
		refused := errors.New("refused")
		if err := until.True(t.Context(), spread(), func() (bool, error) { return false, refused }); !errors.Is(err, refused) {
			t.Errorf("a look that fails gives %v", err)
		}
	})
}

func TestWhatIsNotSoInTimeIsLateAndSaysFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := func() (bool, error) { return false, nil }
		err := until.True(t.Context(), spread(), never)
		var late *until.Late
		if !errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "after 1m0s still waiting for the right to be known") {
			t.Errorf("it ends with: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := until.True(ctx, spread(), never); !errors.Is(err, context.Canceled) || errors.As(err, &late) {
			t.Errorf("a wait whose context ended says: %v", err)
		}
	})
}

func TestManyWhoWaitDoNotComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steady := until.Rule{For: "nothing", Within: 40 * time.Second, First: time.Second}
		var pauses []time.Duration
		last := time.Now()
		_ = until.True(t.Context(), steady, func() (bool, error) {
			pauses = append(pauses, time.Since(last))
			last = time.Now()
			return false, nil
		})
		same := 0
		for i, p := range pauses[1:] {
			if p < 750*time.Millisecond || p > time.Second {
				t.Errorf("pause %d is %v", i, p)
			}
			if p == pauses[1] {
				same++
			}
		}
		if same == len(pauses)-1 {
			t.Error("all pauses are the same")
		}
	})
}

package aws

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errPassing = errors.New("not yet")

func passing(err error) bool { return errors.Is(err, errPassing) }

func TestWhatFailsInPassingIsDoneAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, tries := time.Now(), 0
		err := retryWhile(t.Context(), time.Minute, passing, func() error {
			if tries++; tries < 4 {
				return errPassing
			}
			return nil
		})
		if took := time.Since(start); err != nil || tries != 4 || took < 5*time.Second || took > 7*time.Second {
			t.Errorf("after %d tries and %v: %v", tries, took, err)
		}
	})
}

func TestOtherFailuresEndTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other, tries := errors.New("refused"), 0
		err := retryWhile(t.Context(), time.Minute, passing, func() error { tries++; return other })
		if !errors.Is(err, other) || tries != 1 {
			t.Errorf("after %d tries: %v", tries, err)
		}
	})
}

func TestTheWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := retryWhile(t.Context(), time.Minute, passing, func() error { return errPassing })
		if took := time.Since(start); !errors.Is(err, errPassing) || took < time.Minute || took > 66*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestTheWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := retryWhile(ctx, time.Minute, passing, func() error { return errPassing })
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errPassing) {
			t.Errorf("it ended with: %v", err)
		}
	})
}

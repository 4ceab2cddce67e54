package doctor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/doctor"
)

func classify(subject string, err error) *providers.Error {
	kind := providers.Denied
	if errors.Is(err, context.DeadlineExceeded) {
		kind = providers.Timeout
	}
	return &providers.Error{Kind: kind, Err: err, Hint: "look at " + subject}
}

func TestAllIsLookedAtAtOnceAndFoundInItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		after := func(d time.Duration, message string, err error) func(context.Context) (string, error) {
			return func(ctx context.Context) (string, error) {
				select {
				case <-ctx.Done():
					return "", ctx.Err()
				case <-time.After(d):
					return message, err
				}
			}
		}
		d := doctor.Doctor{Patience: 10 * time.Second, Classify: classify}
		got := d.All(t.Context(),
			doctor.Look{Subject: "functions", At: after(9*time.Second, "may be read", nil)},
			doctor.Look{Subject: "clock", At: after(0, "", &doctor.Warning{Message: "is off", Hint: "set it"})},
			doctor.Look{Subject: "logs", At: after(8*time.Second, "", errors.New("no"))},
			doctor.Look{Subject: "store", At: after(time.Hour, "", nil)},
		)
		if took := time.Since(start); took != d.Patience {
			t.Errorf("it takes %v", took)
		}
		want := []providers.Finding{
			{Subject: "functions", Level: providers.LevelOK, Message: "may be read"},
			{Subject: "clock", Level: providers.LevelWarning, Message: "is off", Hint: "set it"},
			{Subject: "logs", Level: providers.LevelFailed, Message: "no", Hint: "look at logs", Kind: providers.Denied},
			{Subject: "store", Level: providers.LevelFailed, Message: "context deadline exceeded", Hint: "look at store", Kind: providers.Timeout},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

package aws

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// How long the wait for something that AWS spreads takes at most.
const (
	roleSpread  = time.Minute      // of a role that was just made
	rightsLimit = 10 * time.Second // of rights that should be there
)

// retryWhile does a thing again as long as it fails in a way that passes by itself, after one second, then two, up to
// five, each shortened by chance so that many do not come at once. When the time is over, the last failure is returned.
func retryWhile(ctx context.Context, wait time.Duration, retryable func(error) bool, do func() error) error {
	deadline := time.Now().Add(wait)
	for pause := time.Second; ; pause = min(2*pause, 5*time.Second) {
		err := do()
		if err == nil || !retryable(err) {
			return err
		}
		if time.Until(deadline) <= 0 {
			return err
		}
		timer := time.NewTimer(pause - rand.N(pause/4))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w, waiting because of: %w", ctx.Err(), err)
		}
	}
}

// busy reports whether what is to be changed is being changed.
func busy(err error) bool {
	var used *types.ResourceInUseException
	return isInProgress(err) || errors.As(err, &used)
}

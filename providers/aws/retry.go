package aws

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

// How long the wait for something that AWS spreads takes at most.
const (
	roleSpread  = time.Minute      // of rights that were just given
	rightsLimit = 10 * time.Second // of rights that should be there
)

// The first pause before a thing is done again.
const (
	spreadPause = time.Second
	busyPause   = 200 * time.Millisecond
)

// retryWhile does a thing again as long as it fails in a way that passes by itself, after one second, then two, up to
// five, each shortened by chance so that many do not come at once. When the time is over, the last failure is returned.
func retryWhile(ctx context.Context, wait time.Duration, retryable func(error) bool, do func() error) error {
	limit := func(err error) time.Duration {
		if retryable(err) {
			return wait
		}
		return 0
	}
	return retryWithin(ctx, spreadPause, limit, do)
}

// retryWithin is retryWhile with a first pause, and a limit for each failure; 0 is for what does not pass.
func retryWithin(ctx context.Context, pause time.Duration, limit func(error) time.Duration, do func() error) error {
	began := time.Now()
	for ; ; pause = min(2*pause, 5*time.Second) {
		err := do()
		if err == nil || time.Since(began) >= limit(err) {
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

// waiter has every call of every service wait for what hinders it and passes by itself, so that no caller need know
// which calls AWS refuses while a function is made or changed, or before a right is known everywhere.
type waiter struct {
	mu    sync.Mutex
	given time.Time // when a right was last given
}

// register has a call done again as a whole while it is refused in passing.
func (w *waiter) register(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Wait", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (out middleware.InitializeOutput, data middleware.Metadata, err error) {
		if _, once := in.Parameters.(*s3.PutObjectInput); once { // its body would have been read
			return next.HandleInitialize(ctx, in)
		}
		err = retryWithin(ctx, busyPause, w.limit, func() error {
			out, data, err = next.HandleInitialize(ctx, in)
			return err
		})
		if err == nil {
			w.notice(ctx, in.Parameters)
		}
		return out, data, err
	}), middleware.Before)
}

// limit is how long a failure is waited for.
func (w *waiter) limit(err error) time.Duration {
	switch {
	case busy(err):
		return settleTime
	case roleNotReady(err):
		return w.spread()
	}
	return 0
}

// spread is how long what lacks a right is waited for: long after one was given, which takes AWS a while to know.
func (w *waiter) spread() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.given) < roleSpread {
		return roleSpread
	}
	return rightsLimit
}

// notice remembers that a call gave a right.
func (w *waiter) notice(ctx context.Context, input any) {
	operation := middleware.GetOperationName(ctx)
	read := strings.HasPrefix(operation, "Get") || strings.HasPrefix(operation, "List")
	if _, permission := input.(*lambda.AddPermissionInput); !permission && (middleware.GetServiceID(ctx) != "IAM" || read) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given = time.Now()
}

// busy reports whether what is to be changed is being made or changed, or another change of it was in between.
func busy(err error) bool {
	var used *types.ResourceInUseException
	if errors.As(err, &used) || isInProgress(err) {
		return true
	}
	switch code, message := codeOf(err); code {
	case "ConcurrentModification", "ConcurrentModificationException", "EntityTemporarilyUnmodifiable", // IAM
		"OperationAborted", "OperationAbortedException", // S3, CloudWatch Logs
		"ConcurrentAccess", "ConcurrentAccessException": // SNS
		return true
	case "ConflictException": // EventBridge Scheduler, which says so of what exists, too
		return !contains(message, "already exist")
	}
	return false
}

package aws

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/ferryfn/ferry/providers/until"
)

// What passes by itself at AWS, and how long it is waited for: a new rule is a new line here.
const (
	roleSpread  = time.Minute      // rights that were just given
	rightsLimit = 10 * time.Second // rights that should be there
	raceTime    = time.Second      // another write of the same object

	longestPause = 5 * time.Second
)

// spreading is a rule for what AWS tells its parts one after the other.
func spreading(what string, within time.Duration, passing func(error) bool) until.Rule {
	return until.Rule{For: what, Passing: passing, Within: within, First: time.Second, Most: longestPause}
}

// soon is a rule for what mostly passes at once.
func soon(what string, within time.Duration, passing func(error) bool) until.Rule {
	return until.Rule{For: what, Passing: passing, Within: within, First: busyPause, Most: longestPause}
}

// racing is the rule for conditional writes that met another one: soon that one is done, and the condition decides. What
// else passes soon is named by its code.
func racing(codes ...string) until.Rule {
	return until.Rule{
		For: "another write to end", Within: raceTime, First: 100 * time.Millisecond, Most: longestPause,
		Passing: func(err error) bool {
			code, _ := codeOf(err)
			return code == "ConditionalRequestConflict" || slices.Contains(codes, code)
		},
	}
}

// retryWhile does a thing again as long as it fails in a way that passes by itself.
func retryWhile(ctx context.Context, wait time.Duration, retryable func(error) bool, do func() error) error {
	return until.Done(ctx, do, spreading("", wait, retryable))
}

// The first pause of what mostly passes at once.
const busyPause = 200 * time.Millisecond

// retryWithin is retryWhile with a first pause, and a limit for each failure; 0 is for what does not pass.
func retryWithin(ctx context.Context, pause time.Duration, limit func(error) time.Duration, do func() error) error {
	passing := func(err error) bool { return limit(err) > 0 }
	return until.Done(ctx, do, until.Rule{Passing: passing, Within: settleTime, First: pause, Most: longestPause})
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
		err = until.Done(ctx, func() error {
			out, data, err = next.HandleInitialize(ctx, in)
			return err
		}, soon("what is in the way", settleTime, busy), soon("the right to be known", w.spread(), roleNotReady))
		if err == nil {
			w.notice(ctx, in.Parameters)
		}
		return out, data, err
	}), middleware.Before)
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

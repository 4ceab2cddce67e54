package aws

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/ferryfn/ferry/providers/until"
)

// What AWS refuses or has not done in passing. All rules are here, each with how long it is waited for; a new one is one
// more. That of all calls of all services is in the waiter below.
const (
	settleTime  = 10 * time.Minute // a change of a function; those in a VPC take the longest
	bindTime    = 2 * time.Minute  // a change of its bindings
	roleSpread  = time.Minute      // rights that were just given
	madeTime    = 30 * time.Second // a function that was just made
	rightsLimit = 10 * time.Second // rights that should be there
)

// ready is for a function or version that is being made or changed.
func ready(function string, changing error) until.Rule {
	return until.Rule{For: function + " to be ready", Within: settleTime, First: 100 * time.Millisecond, Most: time.Second, Passing: while(changing)}
}

// made is for a function that is not known everywhere at once.
func made(function string, absent error) until.Rule {
	return until.Rule{For: function + " to be known", Within: madeTime, First: 100 * time.Millisecond, Most: time.Second, Passing: while(absent)}
}

// newRole is for a role that was just made: it is not everywhere at once in IAM itself.
func newRole(created bool) until.Rule {
	return spreading("the role to be known", rightsLimit, func(err error) bool { return created && isNotFound(err) })
}

// newTarget is for a right to call the alias that is new to S3.
func (w *waiter) newTarget() until.Rule {
	return spreading("S3 to be let call the function", w.spread(), notValidated)
}

// effect is for bindings that were written: mappings take some seconds, and lists lag behind.
func effect() until.Rule {
	return spreading("the bindings to have their effect", bindTime, while(errUnsettled))
}

// rest is for a mapping that is being changed.
func rest(moving error) until.Rule {
	return spreading("the mapping to be changed", bindTime, while(moving))
}

// ended is for warm instances, which count until they have ended.
func ended() until.Rule { return soon("instances that were kept warm to end", settleTime, nil) }

// moved is for an alias that AWS itself gives weights.
func moved() until.Rule { return soon("the alias to have moved", settleTime, nil) }

// spreading is a rule for what AWS tells its parts one after the other.
func spreading(what string, within time.Duration, passing func(error) bool) until.Rule {
	return until.Rule{For: what, Passing: passing, Within: within, First: time.Second, Most: 5 * time.Second}
}

// soon is a rule for what mostly passes at once.
func soon(what string, within time.Duration, passing func(error) bool) until.Rule {
	return until.Rule{For: what, Passing: passing, Within: within, First: 200 * time.Millisecond, Most: 5 * time.Second}
}

func while(is error) func(error) bool {
	return func(err error) bool { return errors.Is(err, is) }
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
		}, soon("what is in the way to end", settleTime, busy), soon("the right to be known", w.spread(), roleNotReady))
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

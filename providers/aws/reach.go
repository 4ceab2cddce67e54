package aws

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ferryfn/ferry/internal/waits"
)

const (
	dialTime    = 4 * time.Second  // to find a host and to connect to it
	reachTime   = 10 * time.Second // for a host that has never answered: a name or an address may be wrong
	reachPause  = time.Second      // between two tries of such a host
	longestWait = 20 * time.Second // between two tries of any other
)

// reach tells hosts that cannot be reached from those that answered before: the first are given up soon, the others are
// waited for through all attempts.
type reach struct{ answered sync.Map }

// call is one operation with all its attempts.
type call struct {
	began time.Time
	wait  *waits.Wait
}

type callKey struct{}

// unreached is the failure to reach a host that has never answered.
type unreached struct{ error }

func (u unreached) Unwrap() error { return u.error }

// hopeless is one that was tried for long enough.
type hopeless struct{ unreached }

// RetryableError tells the SDK not to try again.
func (hopeless) RetryableError() bool { return false }

// client gives up to connect soon; the SDK's own takes 30 seconds.
func (r *reach) client() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTime })
}

// pause is how long the SDK waits before it tries again.
func (r *reach) pause() retry.BackoffDelayer {
	usual := retry.NewExponentialJitterBackoff(longestWait)
	return retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
		pause, failed := usual.BackoffDelay(attempt, err)
		var never unreached
		if errors.As(err, &never) {
			pause = min(pause, reachPause)
		}
		return pause, failed
	})
}

// register has every operation say what it waits for, and every attempt look whether its host can be reached.
func (r *reach) register(stack *middleware.Stack) error {
	begin := middleware.InitializeMiddlewareFunc("Wait", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		c := &call{began: time.Now()}
		defer func() { c.wait.Done() }()
		return next.HandleInitialize(middleware.WithStackValue(ctx, callKey{}, c), in)
	})
	attempt := middleware.FinalizeMiddlewareFunc("Reach", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		c, _ := middleware.GetStackValue(ctx, callKey{}).(*call)
		req, ok := in.Request.(*smithyhttp.Request)
		if c == nil || !ok || middleware.GetOperationName(ctx) == "Invoke" { // which takes as long as the function
			return next.HandleFinalize(ctx, in)
		}
		if c.wait == nil {
			c.wait = waits.For(ctx, req.URL.Host)
		}
		c.wait.Try()
		out, metadata, err := next.HandleFinalize(ctx, in)
		if err != nil {
			err = r.judge(ctx, req.URL.Host, c.began, err)
			c.wait.Failed(reason(err))
		} else {
			r.answered.Store(req.URL.Host, true)
		}
		return out, metadata, err
	})
	return errors.Join(stack.Initialize.Add(begin, middleware.Before), stack.Finalize.Add(attempt, middleware.After))
}

// judge looks at a failed attempt: whether the host answered at all, now or before.
func (r *reach) judge(ctx context.Context, host string, began time.Time, err error) error {
	var sending *smithyhttp.RequestSendError
	if !errors.As(err, &sending) || ctx.Err() != nil {
		if statusOf(err) > 0 {
			r.answered.Store(host, true)
		}
		return err
	}
	if _, ok := r.answered.Load(host); ok {
		return err
	}
	never := unreached{err}
	if time.Since(began) >= reachTime {
		return hopeless{never}
	}
	return never
}

// reason is why an attempt failed, in few words.
func reason(err error) error {
	var (
		transport *url.Error
		sending   *smithyhttp.RequestSendError
	)
	switch code, _ := codeOf(err); {
	case code != "":
		return errors.New(code)
	case errors.As(err, &transport):
		return transport.Err
	case errors.As(err, &sending):
		return sending.Err
	}
	return err
}

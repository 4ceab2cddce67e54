package azure

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ferryfn/ferry/internal/waits"
)

const (
	dialTime     = 4 * time.Second  // to find a host and to connect to it
	reachTime    = 10 * time.Second // for a host that has never answered: a name or an address may be wrong
	maxRetries   = 8                // of a call that was throttled or that failed on the way
	firstPause   = 500 * time.Millisecond
	longestPause = 20 * time.Second
)

func retries() policy.RetryOptions {
	return policy.RetryOptions{MaxRetries: maxRetries, RetryDelay: firstPause, MaxRetryDelay: longestPause}
}

// reach tells hosts that cannot be reached from those that answered before: the first are given up soon, the others are
// waited for through all attempts. Every call says what it waits for.
type reach struct{ answered sync.Map }

// sending is one call with all its attempts.
type sending struct {
	began time.Time
	wait  *waits.Wait
}

// hopeless is the failure to reach a host that has never answered, tried for long enough.
type hopeless struct{ error }

func (h hopeless) Unwrap() error { return h.error }

// NonRetriable tells the SDK not to try again.
func (hopeless) NonRetriable() {}

func (r *reach) begin() policy.Policy {
	return policyFunc(func(req *policy.Request) (*http.Response, error) {
		s := &sending{began: time.Now(), wait: waits.For(req.Raw().Context(), req.Raw().URL.Host)}
		defer s.wait.Done()
		req.SetOperationValue(s)
		return req.Next()
	})
}

func (r *reach) attempt() policy.Policy {
	return policyFunc(func(req *policy.Request) (*http.Response, error) {
		s := new(sending)
		if !req.OperationValue(&s) {
			return req.Next()
		}
		s.wait.Try()
		host := req.Raw().URL.Host
		res, err := req.Next()
		if err == nil {
			r.answered.Store(host, true)
			return res, nil
		}
		s.wait.Failed(reason(err))
		if _, before := r.answered.Load(host); !before && time.Since(s.began) >= reachTime && !errors.Is(err, context.Canceled) {
			return res, hopeless{err}
		}
		return res, err
	})
}

// reason is why an attempt failed, in few words.
func reason(err error) error {
	var transport *url.Error
	if errors.As(err, &transport) {
		return transport.Err
	}
	return err
}

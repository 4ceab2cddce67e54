package aws

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func TestAHostThatNeverAnsweredIsGivenUpAndOneThatDidIsWaitedFor(t *testing.T) {
	refused := &smithyhttp.RequestSendError{Err: &url.Error{Op: "Post", URL: "https://sts", Err: errors.New("connection refused")}}
	var r reach
	again := retry.NewStandard().IsErrorRetryable
	for name, c := range map[string]struct {
		host  string
		began time.Time
		again bool
		pause time.Duration // at most
	}{
		"never, just now":       {"never", time.Now(), true, reachPause},
		"never, for long":       {"never", time.Now().Add(-reachTime), false, longestWait},
		"answered, for long":    {"answered", time.Now().Add(-time.Hour), true, longestWait},
		"answered with refusal": {"refused", time.Now().Add(-time.Hour), true, longestWait},
	} {
		r.answered.Store("answered", true)
		_ = r.judge(t.Context(), "refused", time.Now(), &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusServiceUnavailable}}, Err: errors.New("busy"),
		})
		err := r.judge(t.Context(), c.host, c.began, refused)
		if !errors.Is(err, refused.Err) || again(err) != c.again {
			t.Errorf("%s: %v, to be tried again: %v", name, err, again(err))
		}
		var longest time.Duration
		for range 50 {
			pause, _ := r.pause().BackoffDelay(9, err)
			longest = max(longest, pause)
		}
		if longest > c.pause || longest < c.pause/10 {
			t.Errorf("%s: it waits up to %v before it tries again", name, longest)
		}
		if got := reason(err).Error(); got != "connection refused" {
			t.Errorf("%s: because of %q", name, got)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.judge(ended, "never", time.Now().Add(-time.Hour), refused); err != refused { //nolint:errorlint // it is the same
		t.Errorf("an interruption is taken for a host that does not answer: %v", err)
	}
}

package azure

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/time/rate"

	"github.com/ferryfn/ferry/providers"
)

// pace keeps to the rates at which Resource Manager takes the calls of one caller in a subscription: 200 writes at once and then 10 in
// a second, as many deletions beside them, and 250 reads and 25. Ten of each are left to clocks that differ and to whoever else calls as
// the same; what is refused all the same is sent again when Azure says.
type pace struct{ writes, deletions, reads *rate.Limiter }

func newPace() pace {
	return pace{writes: rate.NewLimiter(10, 190), deletions: rate.NewLimiter(10, 190), reads: rate.NewLimiter(25, 240)}
}

// of has what is sent to a host wait for its turn, each attempt anew.
func (p pace) of(host string) policy.Policy {
	return policyFunc(func(req *policy.Request) (*http.Response, error) {
		if raw := req.Raw(); raw.URL.Host == host {
			if err := p.turn(raw.Context(), raw); err != nil {
				return nil, err
			}
		}
		return req.Next()
	})
}

// turn waits until a call may be made. A wait that is seen says what for, as what is waited for cannot be had faster.
func (p pace) turn(ctx context.Context, r *http.Request) error {
	limiter, kind := p.writes, "writes"
	switch {
	case r.Method == http.MethodDelete:
		limiter, kind = p.deletions, "deletions"
	case r.Method == http.MethodGet || r.Method == http.MethodHead || strings.HasPrefix(lastPart(r.URL.Path), "list"):
		limiter, kind = p.reads, "reads"
	}
	each := time.Duration(float64(time.Second) / float64(limiter.Limit()))
	if ahead := time.Duration((1 - limiter.Tokens()) * float64(each)); ahead > time.Second {
		providers.Stage(ctx, fmt.Sprintf("waiting for its turn: Resource Manager takes %.0f %s in a second", float64(limiter.Limit()), kind))
	}
	return limiter.Wait(ctx)
}

package gcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"cloud.google.com/go/auth"
	"golang.org/x/time/rate"

	"github.com/ferryfn/ferry/internal/waits"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// pace keeps under the rates that a project has in a region: 60 writes in a minute for Cloud Functions, which cannot be
// raised, and 180 for Cloud Run; and 1200 and 3000 reads, of which a command may have many at once.
type pace struct {
	writes, reads map[string]*rate.Limiter // by service
}

func newPace() *pace {
	return &pace{
		writes: map[string]*rate.Limiter{serviceRun: rate.NewLimiter(3, 20), serviceFunctions: rate.NewLimiter(1, 5)},
		reads:  map[string]*rate.Limiter{serviceRun: rate.NewLimiter(40, 600), serviceFunctions: rate.NewLimiter(15, 300)},
	}
}

// turn waits until a call may be made. A wait that is seen says what for, as what is waited for cannot be had faster.
func (p *pace) turn(ctx context.Context, service, method string) error {
	of, kind := p.writes, "writes"
	if method == http.MethodGet {
		of, kind = p.reads, "reads"
	}
	limiter := of[service]
	if limiter == nil {
		return nil
	}
	each := time.Duration(float64(time.Second) / float64(limiter.Limit()))
	if ahead := time.Duration((1 - limiter.Tokens()) * float64(each)); ahead > time.Second {
		providers.Stage(ctx, fmt.Sprintf("waiting for its turn: Google takes %d %s of %s in a minute", time.Minute/each, kind, titles()[service]))
	}
	return limiter.Wait(ctx)
}

// worthAWord is a wait that is said beforehand.
const worthAWord = 5 * time.Second

// Floor is what the rate of Cloud Functions makes of many builds: each begins with a write.
func (a *Adapter) Floor(specs []providers.Spec) string {
	builds := 0
	for _, s := range specs {
		if specOf(s).function.viaFunctions() {
			builds++
		}
	}
	if builds == 0 {
		return ""
	}
	writes := a.pace.writes[serviceFunctions]
	least := time.Duration(float64(builds-writes.Burst()) / float64(writes.Limit()) * float64(time.Second))
	if least <= worthAWord {
		return ""
	}
	return fmt.Sprintf("%d builds take at least %s: Google takes %.0f writes of Cloud Functions in a minute", builds, manifest.Duration(least.Round(time.Second)), float64(writes.Limit())*60)
}

// titles are what people call the services.
func titles() map[string]string {
	return map[string]string{serviceRun: "Cloud Run", serviceFunctions: "Cloud Functions"}
}

// caller adds the caller's token to a call, has it wait for its turn, and does it again while it fails in passing.
type caller struct {
	base        http.RoundTripper
	reach       *reach
	pace        *pace
	service     string
	credentials *auth.Credentials
	quota       string // the project that calls are counted to, "" for that of the credentials
	refused     error  // no call can be made
}

// RoundTrip does one call with all its attempts. A call that was repeated may meet its own effect: every write of the
// adapter is made so that this is found out.
func (c *caller) RoundTrip(req *http.Request) (*http.Response, error) {
	if c.refused != nil {
		return nil, c.refused
	}
	var res *http.Response
	w := waits.For(req.Context(), req.URL.Host)
	defer w.Done()
	began := time.Now()
	err := until.Done(req.Context(), func() error {
		w.Try()
		var err error
		res, err = c.attempt(req)
		err = c.reach.judge(req.Context(), req.URL.Host, began, err)
		if err == nil && passing(req.Method, res.StatusCode) && (req.Body == nil || req.GetBody != nil) {
			err = &busy{status: res.StatusCode}
		}
		w.Failed(err)
		return err
	}, busyRule(), unreachedRule())
	var late *busy
	if errors.As(err, &late) && req.Context().Err() == nil {
		return res, nil // its own words say more
	}
	return res, err
}

// attempt does a call once. The answer to one that will be repeated is read whole, so that it can be looked at later.
func (c *caller) attempt(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := c.pace.turn(ctx, c.service, req.Method); err != nil {
		return nil, err
	}
	authorization, quota, err := token(ctx, c.credentials)
	if err != nil {
		return nil, err
	}
	if c.quota != "" {
		quota = c.quota
	}
	again := req.Clone(ctx)
	again.Header.Set("Authorization", authorization)
	if quota != "" {
		again.Header.Set("X-Goog-User-Project", quota)
	}
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	res, err := c.base.RoundTrip(again)
	if err != nil || !passing(req.Method, res.StatusCode) {
		return res, err
	}
	said, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	_ = res.Body.Close() // it was read
	res.Body = io.NopCloser(bytes.NewReader(said))
	return res, err
}

// busy is an answer that a later call need not get.
type busy struct{ status int }

func (b *busy) Error() string { return http.StatusText(b.status) }

// passing reports whether an answer passes by itself.
func passing(method string, status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusInternalServerError:
		return method == http.MethodGet
	}
	return false
}

const (
	dialTime  = 4 * time.Second  // to find a host and to connect to it
	reachTime = 10 * time.Second // for a host that has never answered: a name or an address may be wrong
)

// reach tells hosts that cannot be reached from those that answered before: the first are given up soon.
type reach struct{ answered sync.Map }

// transport gives up to connect soon.
func (r *reach) transport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: dialTime}).DialContext
	t.MaxIdleConnsPerHost = 64
	return t
}

// unreached is a call that got no answer, and may get one when it is made again.
type unreached struct{ error }

func (u unreached) Unwrap() error { return u.error }

// judge looks at what came of an attempt: whether the host answered at all, now or before.
func (r *reach) judge(ctx context.Context, host string, began time.Time, err error) error {
	if err == nil {
		r.answered.Store(host, true)
		return nil
	}
	var sent net.Error
	lost := errors.As(err, &sent) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if _, before := r.answered.Load(host); ctx.Err() != nil || !lost || !before && time.Since(began) >= reachTime {
		return fmt.Errorf("%s: %w", host, err)
	}
	return unreached{err}
}

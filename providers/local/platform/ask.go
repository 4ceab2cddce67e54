package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/ferryfn/ferry/internal/waits"
)

// running is the platform, which must be there and be understood.
func (c *Client) running() (Endpoint, error) {
	e, alive := c.home.endpoint()
	if !alive {
		return e, failed(CodeNotRunning, "", "no platform is running for %s", c.home)
	}
	return e, e.compatible()
}

// ask sends one operation to the running platform.
func ask[A any](ctx context.Context, c *Client, operation string, q any) (A, error) {
	e, err := c.running()
	if err != nil {
		var a A
		return a, err
	}
	return send[A](ctx, c, e, operation, q)
}

func send[A any](ctx context.Context, c *Client, e Endpoint, operation string, q any) (a A, err error) {
	req, err := asking(ctx, e, operation, q)
	if err != nil {
		return a, err
	}
	return do[A](c, e, operation, req)
}

// asking is the request for an operation.
func asking(ctx context.Context, e Endpoint, operation string, q any) (*http.Request, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	return http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.Address+"/"+operation, bytes.NewReader(body))
}

// do has the platform do what the request says.
func do[A any](c *Client, e Endpoint, operation string, req *http.Request) (a A, err error) {
	wait := waits.For(req.Context(), fmt.Sprintf("the local platform, process %d (%s)", e.PID, operation))
	defer wait.Done()
	ctx, leave := c.attended(req.Context(), e)
	defer leave()
	res, err := c.answer(e, operation, req.WithContext(ctx))
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return a, fmt.Errorf("reading the platform's answer: %w", err)
	}
	return a, nil
}

// A platform answers at once, whatever it is at: how often it is asked whether it does, and for how long, while somebody waits for more.
const (
	attention = 2 * time.Second
	silence   = 7 * time.Second
)

// attended is a context that ends when the platform answers nothing any more: its process was stopped, or hangs.
func (c *Client) attended(ctx context.Context, e Endpoint) (attended context.Context, leave func()) {
	attended, end := context.WithCancelCause(ctx)
	go func() {
		tick := time.NewTicker(c.attention)
		defer tick.Stop()
		for {
			select {
			case <-attended.Done():
				return
			case <-tick.C:
			}
			if !c.answers(attended, e) {
				end(failed(CodeSilent, "", "the local platform, process %d, does not answer", e.PID))
			}
		}
	}()
	return attended, func() { end(nil) }
}

// answers reports whether the platform answers anything.
func (c *Client) answers(ctx context.Context, e Endpoint) bool {
	ctx, cancel := context.WithTimeout(ctx, c.silence)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+e.Address+"/", nil)
	if err != nil {
		return false
	}
	res, err := c.http.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil
}

// answer is what the platform answers where it does what it was asked for; the caller closes the body.
func (c *Client) answer(e Endpoint, operation string, req *http.Request) (*http.Response, error) {
	req.Header.Set("Authorization", "Bearer "+e.Token)
	req.Header.Set(protocolHeader, strconv.Itoa(Protocol))
	res, err := c.http.Do(req)
	if err != nil {
		if ctx := req.Context(); ctx.Err() != nil {
			return nil, fmt.Errorf("asking the platform (%s): %w", operation, context.Cause(ctx))
		}
		return nil, failed(CodeNotRunning, "", "the platform, process %d, does not answer: %w", e.PID, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	failure := &Error{Code: CodeFailed, Message: "the platform answered " + res.Status}
	_ = json.NewDecoder(res.Body).Decode(failure)
	return nil, failure
}

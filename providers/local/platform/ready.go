package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// probePath is where a shim answers the platform; nonceHeader proves to it who asks.
const (
	probePath   = "/.ferry/probe"
	eventPath   = "/.ferry/event"
	nonceHeader = "Ferry-Instance"
)

// mostPatience is how many start timeouts an instance may take that goes on working.
const mostPatience = 4

// ready waits until the instance can take requests. It fails as soon as the process ends, with the end of what it wrote,
// and where it does nothing at the end of the start timeout: with much to compile, or on a busy machine, it may take some more.
// It asks so often that little of the time of a start goes by after it, and that little is spent on asking.
func (in *instance) ready(ctx context.Context) error {
	limit := in.host.options.StartTimeout
	look := time.NewTicker(limit / 3)
	defer look.Stop()
	worked := time.Duration(0)
	for began := time.Now(); ; {
		last := in.probe(ctx)
		if last == nil && !in.dead() {
			return nil
		}
		pause := time.NewTimer(min(max(time.Since(began)/20, time.Millisecond), 20*time.Millisecond))
		select {
		case <-pause.C:
		case <-in.exited:
			pause.Stop()
			return in.unstarted()
		case <-look.C:
			pause.Stop()
			now, took := processorTime(in.cmd.Process.Pid), time.Since(began)
			if idle := now-worked < limit/300; idle && took >= limit || took >= mostPatience*limit {
				return in.unready(took, last)
			}
			worked = now
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// unready is why an instance that runs was given up. What a shim's socket says tells nothing: it is made last.
func (in *instance) unready(after time.Duration, last error) *Error {
	e := &Error{
		Code: CodeUnready, Function: in.function, Log: in.recent.String(),
		Message: fmt.Sprintf("%s runs but did not become ready within %s: %v", in.function, after.Round(100*time.Millisecond), last),
	}
	if in.revision.Readiness != ReadyPort {
		e.Code, e.Message = CodeUnloaded, fmt.Sprintf("%s runs but did not finish loading its handler within %s", in.function, after.Round(100*time.Millisecond))
	}
	return e
}

// unstarted is why an instance ended before it was ready.
func (in *instance) unstarted() *Error {
	e := &Error{
		Code: CodeCrashed, Function: in.function, Log: in.recent.String(),
		Message: fmt.Sprintf("%s does not start: it ended with %s before it was ready", in.function, in.fate()),
	}
	if in.killed() {
		e.Code, e.Message = CodeMemory, fmt.Sprintf("%s does not start: it was killed, since it %s", in.function, in.greed())
	}
	return e
}

// probe asks once.
func (in *instance) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, in.host.options.StartTimeout)
	defer cancel()
	if in.revision.Readiness == ReadyPort {
		c, err := in.http.connect(ctx)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	go func() { // a process that ends while it is asked need not be waited for
		select {
		case <-in.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopback(in.port)+probePath, nil)
	if err != nil {
		return err
	}
	req.Header.Set(nonceHeader, in.nonce)
	res, err := in.http.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return err
	}
	var answer struct{ Digest, Instance string }
	if res.StatusCode != http.StatusOK || json.Unmarshal(body, &answer) != nil {
		return fmt.Errorf("it answered the probe with status %d", res.StatusCode)
	}
	if answer.Digest != in.revision.Digest || answer.Instance != in.nonce {
		return fmt.Errorf("port %d answered as another instance", in.port)
	}
	return nil
}

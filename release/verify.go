package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// readBack proves that every function of the record serves what the record says. An acknowledged
// activation is not believed.
func (a *attempt) readBack(ctx context.Context) error {
	states, err := a.statuses(ctx, slices.Collect(maps.Keys(a.record.Functions)))
	if err != nil {
		return err
	}
	if err := a.confirm(ctx, states, a.record.Functions); err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(states)) {
		f := a.record.Functions[name]
		if st := states[name]; !st.Holds(&f.Revision) || st.Revision.Digest != f.Digest {
			errs = append(errs, noEffect("activate", a.Manifest.Target.Provider, name))
		}
		a.scene.states[name] = states[name]
	}
	return errors.Join(errs...)
}

// confirm looks closer at functions of which the provider shows only what was written last. One that is not as its record
// says is unsettled; one of another revision than its record stays unconfirmed.
func (e *Engine) confirm(ctx context.Context, states map[string]providers.State, records map[string]FunctionRecord) error {
	i, ok := providers.As[providers.Inspector](e.Adapter)
	if !ok {
		return nil
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(states)), func(name string) bool {
		f, recorded := records[name]
		return !recorded || !states[name].AsWritten || !states[name].Serves(&f.Revision)
	})
	var seen table[providers.State]
	err := each(ctx, names, callLimit, func(ctx context.Context, name string) error {
		f, st := records[name], states[name]
		diff, err := i.Inspect(ctx, f.spec())
		st.AsWritten, st.Unsettled = false, st.Unsettled || len(diff) > 0
		seen.set(name, st)
		return err
	})
	if err == nil {
		maps.Copy(states, seen.m)
	}
	return err
}

// bindingsHold proves that the bindings of the changed functions are as they were bound.
func (a *attempt) bindingsHold(ctx context.Context) error {
	want := map[string]providers.Mode{}
	for _, name := range a.bound() {
		want[name] = providers.BindEnabled
	}
	for _, name := range a.unbound() {
		want[name] = providers.BindNone
	}
	states, err := a.statuses(ctx, slices.Collect(maps.Keys(want)))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(states)) {
		if states[name].Bindings != want[name] {
			errs = append(errs, noEffect("bind", a.Manifest.Target.Provider, name))
		}
	}
	return errors.Join(errs...)
}

func noEffect(op, provider, function string) error {
	return &providers.Error{
		Kind: providers.Conflict, Op: op, Provider: provider, Function: function,
		Hint: "run `ferry status` to see what serves", Err: errors.New("the provider acknowledged it, but something else is live"),
	}
}

// health runs the users' own checks on the changed functions.
func (a *attempt) health(ctx context.Context) error {
	if a.noVerify {
		return nil
	}
	checked := slices.DeleteFunc(slices.Clone(a.changed), func(name string) bool {
		return a.record.Functions[name].Function.Health == nil
	})
	return each(ctx, checked, callLimit, func(ctx context.Context, name string) error {
		return a.track(ctx, StepHealth, name, len(checked), func(ctx context.Context) error { return a.healthOf(ctx, name) })
	})
}

// healthOf calls the health path until it answers with the wanted status or the time is over. The first call may start
// an instance once more: what that took when it was probed is no part of the time.
func (a *attempt) healthOf(ctx context.Context, name string) error {
	fn := a.record.Functions[name].Function
	within, cancel := context.WithTimeout(ctx, fn.Health.Timeout.Std()+a.starts.m[name])
	defer cancel()
	wait := time.NewTimer(0)
	defer wait.Stop()
	var last error
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		select {
		case <-within.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &providers.Error{
				Kind: providers.Unhealthy, Op: "check the health of", Provider: a.Manifest.Target.Provider, Function: name,
				Hint: healthHint(name, last),
				Err:  fmt.Errorf("GET %s within %s: %w", fn.Health.Path, fn.Health.Timeout.Std(), last),
			}
		case <-wait.C:
		}
		status, body, err := a.call(within, fn)
		if err == nil && status == fn.Health.Status {
			return nil
		}
		if err == nil || last == nil {
			last = answer(fn.Health.Status, status, body, err)
		}
		wait.Reset(pause)
	}
}

// healthHint is where to look: at what the function wrote only if the request can have come to it.
func healthHint(function string, err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return "check that this machine can resolve " + dns.Name + ": the request was never sent; `--no-verify` deploys without the check"
	case errors.As(err, &op) && op.Op == "dial":
		return "check that this machine can reach the function's address, and check its proxy: no connection was made"
	}
	return "run `ferry logs " + function + "` to see why"
}

func answer(want, status int, body string, err error) error {
	if err != nil {
		return err
	}
	body = strings.TrimSpace(body)
	if body != "" {
		body = ": " + body
	}
	return fmt.Errorf("expected status %d, got %d%s", want, status, body)
}

// call makes one health request: over the function's own URL, or with ferry's rights where it is private or is not found by its
// name.
func (a *attempt) call(ctx context.Context, fn manifest.Function) (status int, body string, err error) {
	if inv, ok := providers.As[providers.Invoker](a.Adapter); ok && (fn.HTTP().Private() || a.Adapter.Capabilities().Unresolved) {
		r, err := inv.Invoke(ctx, fn.Name, providers.Request{Method: http.MethodGet, Path: fn.Health.Path})
		return r.Status, excerpt(string(r.Body)), err
	}
	url := strings.TrimSuffix(a.scene.states[fn.Name].URL, "/") + fn.Health.Path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("User-Agent", "ferry-health")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	return res.StatusCode, excerpt(string(data)), err
}

// excerpt is the part of an answer that fits in an error.
func excerpt(body string) string {
	const most = 200
	if len(body) > most {
		return strings.ToValidUTF8(body[:most], "") + "…"
	}
	return body
}

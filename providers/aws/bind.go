package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// bindTime is how long the wait for bindings to take effect is at most.
const bindTime = 2 * time.Minute

// Bind converges what calls the alias: what is missing is made, what differs is changed, what is too much goes. What
// is as it shall be is not written. Everything is found at AWS, so what an earlier release bound is found too.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	fn := functionOf(s.Function)
	if err = c.admitted(ctx, fn.Name, e); err == nil {
		err = c.bind(ctx, fn, m)
	}
	return a.classify("bind", fn.Name, err)
}

// unbind takes away all that calls the function, also what an earlier spec made.
func (c *connection) unbind(ctx context.Context, fn string) error {
	return c.bind(ctx, functionOf(manifest.Function{Name: fn}), providers.BindNone)
}

// bindings is what calls the function as AWS has it: enabled when all that ferry made is. lost is what they call by and
// is gone.
func (c *connection) bindings(ctx context.Context, fn string) (mode providers.Mode, lost string, err error) {
	b := &binder{c: c, fn: functionOf(manifest.Function{Name: fn}), alias: c.aliasARN(fn)}
	var calling []bool // of each binding, whether it calls the function now
	if err := b.readGrants(ctx); err != nil {
		return "", "", err
	}
	for _, k := range eventKinds() {
		if k.calling == nil {
			continue
		}
		more, err := k.calling(b, ctx)
		if err != nil {
			return "", "", err
		}
		calling = append(calling, more...)
	}
	switch {
	case len(calling) == 0:
		return providers.BindNone, "", nil
	case slices.Contains(calling, false):
		return providers.BindPaused, b.lost, nil
	}
	return providers.BindEnabled, b.lost, nil
}

// binder converges the bindings of one function to its events.
type binder struct {
	c      *connection
	fn     function // without events when nothing shall be bound
	alias  string   // the ARN of the alias
	paused bool

	tags        map[string]string // of the function
	mayOwnRoles bool              // ferry may have made a role for the function
	wasBound    bool              // something may be bound, or left of what was
	lost        string            // what the bindings called by and have lost
	grants      map[string]grant  // of the alias, by statement id
	wrote       bool
}

func (c *connection) bind(ctx context.Context, fn function, m providers.Mode) error {
	if m == providers.BindNone {
		fn.Events = nil
	}
	fn.Events = slices.DeleteFunc(slices.Clone(fn.Events), func(e manifest.Event) bool { return e.HTTP != nil })
	b := &binder{c: c, fn: fn, alias: c.aliasARN(fn.Name), paused: m == providers.BindPaused}
	marked, err := b.mark(ctx)
	if err != nil {
		return err
	}
	b.wasBound = b.wasBound || marked
	if err := b.readGrants(ctx); err != nil {
		return err
	}
	for _, k := range eventKinds() {
		if k.bind == nil {
			continue
		}
		if err := k.bind(b, ctx); err != nil {
			return err
		}
	}
	if len(fn.Events) == 0 {
		m = providers.BindNone
	}
	if err := b.settle(ctx, m); err != nil || m != providers.BindNone || !marked {
		return err
	}
	return unlessMissing(c.untag(ctx, fn.Name, tagBound))
}

// mark tags the function before anything is bound to it, so that the tag is there whenever a binding is. It reports
// whether the function has the tag.
func (b *binder) mark(ctx context.Context) (bool, error) {
	out, err := b.c.get(ctx, b.fn.Name, "")
	b.mayOwnRoles, b.wasBound = b.c.mayOwnRoles(out), out == nil
	switch {
	case err != nil:
		return false, err
	case out == nil && len(b.fn.Events) > 0:
		return false, &providers.Error{
			Kind: providers.NotFound, Op: "bind", Provider: name, Function: b.fn.Name, Hint: "deploy it first",
			Err: fmt.Errorf("there is no Lambda function %s", b.c.functionName(b.fn.Name)),
		}
	case out == nil:
		return false, nil
	case !b.c.owns(out.Tags, b.fn.Name):
		return false, b.c.foreign("bind", b.fn.Name)
	}
	b.tags = out.Tags
	if _, marked := out.Tags[tagBound]; marked || len(b.fn.Events) == 0 {
		return marked, nil
	}
	return true, b.c.tag(ctx, b.fn.Name, map[string]string{tagBound: "true"})
}

var errUnsettled = errors.New("the bindings do not have their effect yet")

// settle waits until what was written can be read: mappings take some seconds, and lists lag behind.
func (b *binder) settle(ctx context.Context, m providers.Mode) error {
	if !b.wrote || b.paused && len(b.granted(joinedGrant)) > 0 { // which calls on, and is not ferry's to pause
		return nil
	}
	err := retryWhile(ctx, bindTime, func(err error) bool { return errors.Is(err, errUnsettled) }, func() error {
		now, _, err := b.c.bindings(ctx, b.fn.Name)
		if err == nil && now != m {
			err = fmt.Errorf("%w: they are %s and shall be %s", errUnsettled, now, m)
		}
		return err
	})
	if errors.Is(err, errUnsettled) && ctx.Err() == nil {
		return &providers.Error{
			Kind: providers.Timeout, Op: "bind", Provider: name, Function: b.fn.Name, Hint: "run the command again", Err: err,
		}
	}
	return err
}

// foreign is the failure of a binding whose place another's has.
func (b *binder) foreign(hint, format string, args ...any) error {
	return &providers.Error{
		Kind: providers.Foreign, Op: "bind", Provider: name, Function: b.fn.Name, Hint: hint, Err: fmt.Errorf(format, args...),
	}
}

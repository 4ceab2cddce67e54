package memory

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// Pace is how slow a world is, as clouds are that build what they are given and tell their hosts one after the other.
type Pace struct {
	// Build is how long the world builds what is published. It goes on whether somebody looks or not.
	Build time.Duration
	// Spread is how long an address answers as before after something else was made live.
	Spread time.Duration
	// Apart is how long the code before has the environment after, where a change is of both. It comes before Spread.
	Apart time.Duration
	// Settling is how long putting one function back may take; 0 is a minute.
	Settling time.Duration
}

// glance is how long the adapter waits between two looks at work of the world.
const glance = 5 * time.Millisecond

func (w *World) settling() time.Duration {
	if w.Pace.Settling == 0 {
		return time.Minute
	}
	return w.Pace.Settling
}

// Builds is how many builds of a function were begun.
func (w *World) Builds(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f, ok := w.functions[keyOf(name)]; ok {
		return f.begun
	}
	return 0
}

// built returns when the world has built the spec. A build that somebody else began, perhaps a process that is dead, is
// waited for like one's own.
func (a *Adapter) built(ctx context.Context, s providers.Spec, e providers.Epoch) error {
	if a.world.Pace.Build == 0 {
		return nil
	}
	return until.True(ctx, until.Rule{For: "the build", First: glance}, func() (bool, error) {
		var done bool
		err := a.write(ctx, "build", s.Function.Name, e, func() error {
			f, err := a.function("build", s.Function.Name)
			if err == nil {
				done = f.build(s.Digest, a.world.Pace.Build)
			}
			return err
		})
		if !done {
			providers.Stage(ctx, "building")
		}
		return done, err
	})
}

// build begins the build of a digest, unless it was begun before, and reports whether it is done. The lock is held.
func (f *function) build(digest string, takes time.Duration) bool {
	done, begun := f.builds[digest]
	if !begun {
		done = time.Now().Add(takes)
		f.builds[digest] = done
		f.begun++
	}
	return !time.Now().Before(done)
}

// arrived returns when the addresses of the functions answer as what was made live, so that who looks next meets that.
func (a *Adapter) arrived(ctx context.Context, op string, changes []providers.Change) error {
	for _, c := range changes {
		name := c.Spec.Function.Name
		arrival := until.Rule{For: "its address to answer as what was made live", Within: a.world.settling(), First: glance}
		err := until.True(ctx, arrival, func() (bool, error) {
			if a.world.answersAsLive(a.place.key(name)) {
				return true, nil
			}
			providers.Stage(ctx, "waiting for the address")
			return false, nil
		})
		var late *until.Late
		if errors.As(err, &late) {
			err = failed(providers.Timeout, op, name, late)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *World) answersAsLive(k key) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.functions[k]
	return !ok || f.shown() == f.live
}

// goLive makes a revision live, which the address shows after a while. The lock is held.
func (f *function) goLive(id string, p Pace) {
	if before, after := f.find(f.shown()), f.find(id); id != f.live && p.Spread+p.Apart > 0 {
		now := time.Now()
		f.was, f.until, f.mixed = f.shown(), now.Add(p.Spread), time.Time{}
		if before != nil && after != nil && before.code != after.code && !maps.Equal(before.function.Env, after.function.Env) {
			f.mixed = now.Add(p.Apart)
			f.until = f.mixed.Add(p.Spread)
		}
	}
	f.live = id
}

// environment is what a revision runs with: while a change is half done, that of the one after it. The lock is held.
func (f *function) environment(r *revision) map[string]string {
	if after := f.find(f.live); r.ID == f.was && after != nil && time.Now().Before(f.mixed) {
		return after.function.Env
	}
	return r.function.Env
}

// shown is the revision that the address answers as. The lock is held.
func (f *function) shown() string {
	if time.Now().Before(f.until) {
		return f.was
	}
	return f.live
}

package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// Holder is who has the lock.
type Holder struct {
	Actor   string    `json:"actor"`
	Attempt int       `json:"attempt"` // the newest number given to a record
	Since   time.Time `json:"since"`   // by the holder's own clock
}

func (f lockFile) holder() *Holder {
	return &Holder{Actor: f.Holder.Actor, Attempt: f.Attempt, Since: f.Holder.Since}
}

// turn is one command's way to the lock.
type turn struct {
	until  time.Time     // for how long it waits for others
	stale  providers.Tag // of a lock that stayed unchanged for its time to live
	looked bool
	live   int // what was live when it looked first
}

// inTurn runs a command again for as long as others keep it from beginning, and the engine waits: they have the lock, or
// had it since the command looked. Each time it looks, checks and plans anew.
func inTurn[R any](e *Engine, c claim, command func(*Engine) (R, error)) (R, error) {
	own := *e
	own.turn = &turn{}
	if !c.force { // which waits for nobody
		own.turn.until = time.Now().Add(e.Wait)
	}
	for {
		done, err := command(&own)
		if !kept(err) || !own.turn.lasts() {
			return done, err
		}
	}
}

func (t *turn) lasts() bool { return time.Now().Before(t.until) }

// busy is why a command could not begin: others are at work, or were since it looked. Nothing was done.
type busy string

func (b busy) Error() string { return string(b) }

// kept reports whether others kept a command from beginning.
func kept(err error) bool {
	var why busy
	var begun *Error
	return errors.As(err, &why) && !errors.As(err, &begun)
}

// overrun says that what was looked at is out of date.
func overrun() error {
	return lockConflict(busy("another release was made while this one waited for the lock"), "run the command again, or with --wait")
}

// held says who has the lock.
func held(h *Holder) error {
	return lockConflict(
		busy(fmt.Sprintf("%s has been working on release %d since %s", h.Actor, h.Attempt, h.Since.Format(time.RFC3339))),
		"add --wait to wait for it, or --force to take over the lock if you know that it is dead")
}

// outwait returns the lock as it was read last when its holder is gone: it is known to be dead, or the lock stayed
// unchanged for its time to live. A holder that renews is waited for as long as the turn lasts. A long time without a look counts
// for little: what kept this process from looking, a store out of reach or a machine that stood still, may have kept the holder from
// renewing, and then it is to get the time for that.
func (e *Engine) outwait(ctx context.Context, l *ledger, f lockFile, tag providers.Tag) (lockFile, providers.Tag, error) {
	ttl := e.ttl()
	step := max(ttl/60, 10*time.Millisecond)
	tick := time.NewTicker(step)
	defer tick.Stop()
	e.report(Event{Step: StepWait, Holder: f.holder()})
	looked, unchanged := time.Now(), time.Duration(0)
	for unchanged < ttl {
		select {
		case <-ctx.Done():
			return f, tag, ctx.Err()
		case <-tick.C:
		}
		now, seen, err := l.lockState(ctx)
		unchanged += min(time.Since(looked), max(ttl/6, 2*step))
		looked = time.Now()
		switch {
		case err != nil:
			return f, tag, err
		case now.Holder == nil:
			return f, tag, overrun()
		case now.abandoned():
			return now, seen, nil
		case seen == tag:
			continue
		case !e.turn.lasts():
			return f, tag, held(now.holder())
		case now.Epoch != f.Epoch:
			e.report(Event{Step: StepWait, Holder: now.holder()})
		}
		f, tag, unchanged = now, seen, 0
	}
	return f, tag, nil
}

// outdated fails when what went live since the command looked first was made from a newer commit than what is to be
// deployed. Where that cannot be told, it is a warning.
func (e *Engine) outdated(ctx context.Context, s *scene, g *goods) ([]providers.Issue, error) {
	t := e.turn
	if !t.looked {
		t.looked, t.live = true, s.head.Number
	}
	own, _ := e.Origin.made(g.chosen)
	if s.head.Number == t.live || s.live == nil || e.Origin.Precedes == nil || own.Commit == "" || s.live.Commit == "" {
		return nil, nil
	}
	older, err := e.Origin.Precedes(ctx, own.Commit, s.live.Commit)
	if err != nil {
		return []providers.Issue{{
			Severity: providers.Warning, Hint: "fetch the whole git history, in CI too",
			Message: fmt.Sprintf("release %d went live in the meantime, and ferry cannot tell whether its commit is newer: %v", s.live.Number, err),
		}}, nil
	}
	if !older {
		return nil, nil
	}
	return nil, &providers.Error{
		Kind: providers.Superseded, Op: "deploy", Hint: "deploy a commit that contains both, or deploy this one again without --wait",
		Err: fmt.Errorf("release %d went live in the meantime: %s deployed commit %.10s, and commit %.10s, which this deploy is made from, is an ancestor of it",
			s.live.Number, s.live.Actor, s.live.Commit, own.Commit),
	}
}

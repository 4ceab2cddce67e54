package release

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ferryfn/ferry/providers"
)

const (
	lockName       = "lock.json"
	defaultLockTTL = 30 * time.Second
	// confirmedFor is how long a confirmed lock is trusted without asking the store again.
	confirmedFor = time.Second
)

// lockFile is lock.json. It stays when the lock is free, so that epochs and numbers only grow.
type lockFile struct {
	Format  int     `json:"format"`
	Epoch   int64   `json:"epoch"`   // grows by one each time the lock changes hands
	Attempt int     `json:"attempt"` // the newest number given to a record
	Holder  *holder `json:"holder"`  // nil is free
	// Unfinished is an attempt that was left between two releases; 0 is none.
	Unfinished int    `json:"unfinished,omitempty"`
	Nonce      string `json:"nonce"` // new in every write, so that a renewal shows
}

// holder is the process that has the lock.
type holder struct {
	Actor   string    `json:"actor"`
	Since   time.Time `json:"since"` // for people; never compared
	Process process   `json:"process"`
}

// lock is a held lock. It renews itself until released.
type lock struct {
	ledger *ledger
	ttl    time.Duration
	from   providers.Tag // of the lock file that was replaced
	taken  lockFile      // as it was taken
	used   int           // the newest number that a record has
	stop   context.CancelFunc
	done   chan struct{}

	mu        sync.Mutex
	file      lockFile
	tag       providers.Tag
	confirmed time.Time
	lost      error
}

// lockState reads lock.json; before the first release it is the zero file with an empty tag.
func (l *ledger) lockState(ctx context.Context) (lockFile, providers.Tag, error) {
	var f lockFile
	tag, err := l.read(ctx, lockName, &f)
	if errors.Is(err, providers.NotFound) {
		return lockFile{Format: format}, "", nil
	}
	return f, tag, err
}

// abandoned reports whether the lock is held by a process that is known to be dead.
func (f lockFile) abandoned() bool { return f.Holder != nil && f.Holder.Process.dead() }

// epoch is what every write under this lock carries.
func (k *lock) epoch() providers.Epoch { return providers.Epoch(k.taken.Epoch) }

// claim is how the lock is wanted.
type claim struct {
	force    bool // also from a living holder
	numbered bool // with a new number for a record
}

// take gets the lock that was read as f with tag. A lock whose holder is known to be dead is taken over at
// once, another one when it stays unchanged for the time to live by this process's own clock. A holder
// that renews is a Conflict. When the lock's from is not tag, others were at work since it was read.
func (e *Engine) take(ctx context.Context, l *ledger, f lockFile, tag providers.Tag, c claim) (*lock, error) {
	ttl := e.LockTTL
	if ttl == 0 {
		ttl = defaultLockTTL
	}
	if f.Holder != nil && !f.abandoned() && !c.force {
		var err error
		if f, tag, err = l.outwait(ctx, f, tag, ttl); err != nil {
			return nil, err
		}
	}
	k, err := e.seize(ctx, l, f, tag, ttl, c)
	if errors.Is(err, providers.Conflict) {
		return nil, lockConflict("another deploy took the lock a moment ago", "try again when it is done")
	}
	return k, err
}

// seize writes this process into the lock that was read.
func (e *Engine) seize(ctx context.Context, l *ledger, f lockFile, was providers.Tag, ttl time.Duration, c claim) (*lock, error) {
	used := f.Attempt
	if f.Holder != nil {
		// A number whose holder died before its record was written is used again.
		switch _, _, err := l.record(ctx, f.Attempt); {
		case errors.Is(err, providers.NotFound):
			used--
		case err != nil:
			return nil, err
		default:
			f.Unfinished = f.Attempt
		}
	}
	if f.Attempt = used; c.numbered {
		f.Attempt++
	}
	f.Format = format
	f.Epoch++
	f.Nonce = rand.Text()
	f.Holder = &holder{Actor: e.Origin.Actor, Since: e.now(), Process: thisProcess()}
	asked := time.Now()
	tag, err := l.write(ctx, lockName, f, since(was))
	if err != nil {
		return nil, err
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	k := &lock{ledger: l, ttl: ttl, from: was, taken: f, used: used, stop: stop, done: make(chan struct{}), file: f, tag: tag, confirmed: asked}
	go k.renew(renewing)
	return k, nil
}

// outwait returns the lock as it was read last when it became free or stayed unchanged for ttl.
func (l *ledger) outwait(ctx context.Context, f lockFile, tag providers.Tag, ttl time.Duration) (lockFile, providers.Tag, error) {
	tick := time.NewTicker(max(ttl/60, 10*time.Millisecond))
	defer tick.Stop()
	first := time.Now()
	for time.Since(first) < ttl {
		select {
		case <-ctx.Done():
			return f, tag, ctx.Err()
		case <-tick.C:
		}
		now, seen, err := l.lockState(ctx)
		switch {
		case err != nil:
			return f, tag, err
		case now.Holder == nil:
			return now, seen, nil
		case seen != tag:
			return f, tag, lockConflict(
				fmt.Sprintf("%s is at work on release %d since %s", now.Holder.Actor, now.Attempt, now.Holder.Since.Format(time.RFC3339)),
				"wait for it to end, or take the lock with --force if you know that it is dead")
		}
	}
	return f, tag, nil
}

// renew keeps the lock fresh until it is released or lost.
func (k *lock) renew(ctx context.Context) {
	defer close(k.done)
	tick := time.NewTicker(k.ttl / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// A write that was begun is not broken off: it might take effect later, and look like another's.
			writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.ttl)
			err := k.update(writing, func(*lockFile) {})
			cancel()
			if errors.Is(err, providers.Conflict) {
				return
			}
		}
	}
}

// update writes the lock file anew; a Conflict means that the lock is lost, for good.
func (k *lock) update(ctx context.Context, change func(*lockFile)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lost != nil {
		return k.lost
	}
	next := k.file
	change(&next)
	next.Nonce = rand.Text()
	asked := time.Now()
	tag, err := k.ledger.write(ctx, lockName, next, providers.IfTag(k.tag))
	if errors.Is(err, providers.Conflict) || errors.Is(err, providers.NotFound) {
		if err := k.look(ctx); err != nil {
			return err
		}
		tag, err = k.ledger.write(ctx, lockName, next, providers.IfTag(k.tag))
	}
	if errors.Is(err, providers.Conflict) || errors.Is(err, providers.NotFound) {
		k.lost = errLost()
		return k.lost
	}
	if err != nil {
		return err
	}
	k.file, k.tag, k.confirmed = next, tag, asked
	return nil
}

// look reads the lock. Who takes it over raises the epoch, so under the same epoch it is still this process's: what
// changed it was a write whose reply never came.
func (k *lock) look(ctx context.Context) error {
	f, tag, err := k.ledger.lockState(ctx)
	if err != nil {
		return err
	}
	if tag == "" || f.Epoch != k.file.Epoch {
		k.lost = errLost()
		return k.lost
	}
	k.tag = tag
	return nil
}

// check fails when the lock is lost. It is called before every write to the provider. What remains is the
// moment between the check and the write, which the provider's own precondition closes where it has one.
func (k *lock) check(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lost != nil {
		return k.lost
	}
	if recent(k.confirmed, min(confirmedFor, k.ttl/3)) {
		return nil
	}
	asked := time.Now()
	if err := k.look(ctx); err != nil {
		return err
	}
	k.confirmed = asked
	return nil
}

// recent uses both clocks: a machine that slept has only the wall clock to tell.
func recent(t time.Time, within time.Duration) bool {
	return time.Since(t) < within && time.Now().Round(0).Sub(t.Round(0)).Abs() < within
}

// doubt makes the next check ask the store: something went wrong that may be another's doing.
func (k *lock) doubt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.confirmed = time.Time{}
}

// release frees the lock and says which attempt is left unfinished. A number that no record has is given back.
func (k *lock) release(ctx context.Context, unfinished int) error {
	k.stop()
	<-k.done
	return k.update(ctx, func(f *lockFile) { f.Holder, f.Unfinished, f.Attempt = nil, unfinished, k.used })
}

func lockConflict(what, hint string) error {
	return &providers.Error{Kind: providers.Conflict, Op: "take the lock", Provider: "ledger", Hint: hint, Err: errors.New(what)}
}

func errLost() error {
	return lockConflict("another deploy took the lock over, so nothing more was written", "run `ferry status` to see what serves")
}

package release

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/ferryfn/ferry/providers"
)

const (
	lockName       = "lock.json"
	defaultLockTTL = 30 * time.Second
)

// lockFile is lock.json. It stays when the lock is free, so that epochs and numbers only grow.
type lockFile struct {
	Format  int     `json:"format"`
	Epoch   int64   `json:"epoch"`   // grows by one each time the lock changes hands
	Attempt int     `json:"attempt"` // the newest number given to a record
	Holder  *holder `json:"holder"`  // nil is free
	// Unfinished is an attempt that was left between two releases; 0 is none.
	Unfinished int `json:"unfinished,omitempty"`
	// Migration is the move of the service that is under way; nil is none.
	Migration *Migration `json:"migration,omitempty"`
	// Moved is how the last one from here ended; nil is none.
	Moved *moved `json:"moved,omitempty"`
	Nonce string `json:"nonce"` // new in every write, so that a renewal shows
}

// holder is the process that has the lock.
type holder struct {
	Actor   string    `json:"actor"`
	Since   time.Time `json:"since"` // for people; never compared
	Process process   `json:"process"`
	// Unnumbered is that it makes no record: the newest number is that of one before.
	Unnumbered bool `json:"unnumbered,omitempty"`
}

// leaves reports whether a holder that died may have left the newest attempt unfinished.
func (h *holder) leaves() bool { return h != nil && !h.Unnumbered }

// lock is a held lock. It renews itself until released.
type lock struct {
	ledger *ledger
	ttl    time.Duration
	was    lockFile // the one that was replaced
	taken  lockFile // as it was taken
	used   int      // the newest number that a record has
	stop   context.CancelFunc
	done   chan struct{}
	held   context.Context // ends when the lock is lost, with the reason as its cause
	lose   context.CancelCauseFunc

	mu     sync.Mutex
	file   lockFile
	tag    providers.Tag
	looked time.Time // when the newest look at the lock that found it held began
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

// while is a context that also ends, with the reason as its cause, when the lock is lost: work under it stops then,
// also a call of the provider that takes minutes.
func (k *lock) while(ctx context.Context) context.Context {
	ctx, end := context.WithCancelCause(ctx)
	context.AfterFunc(k.held, func() { end(context.Cause(k.held)) })
	return ctx
}

// lost is why the lock is another's now; nil while it is held.
func (k *lock) lost() error { return context.Cause(k.held) }

// claim is how the lock is wanted.
type claim struct {
	finishes bool            // an attempt that others began, of a migration too
	force    bool            // also from a living holder
	numbered bool            // with a new number for a record
	shown    providers.Epoch // the highest that the place knows of, where the ledger may not
}

// take gets the lock that was read as f with tag. A lock whose holder is known to be dead is taken over at
// once, another one when it stays unchanged for the time to live by this process's own clock. A holder
// that renews is a Conflict when the turn is over. When the lock's was has another epoch than f, others were at work
// since it was read.
func (e *Engine) take(ctx context.Context, l *ledger, f lockFile, tag providers.Tag, c claim) (*lock, error) {
	if f.Holder != nil && !f.abandoned() && !c.force && tag != e.turn.stale {
		var err error
		if f, tag, err = e.outwait(ctx, l, f, tag); err != nil {
			return nil, err
		}
	}
	k, err := e.seize(ctx, l, f, tag, c)
	for range renewals {
		if !c.force || !errors.Is(err, providers.Conflict) {
			break
		}
		if f, tag, err = l.lockState(ctx); err == nil { // its holder renewed it meanwhile
			k, err = e.seize(ctx, l, f, tag, c)
		}
	}
	if errors.Is(err, providers.Conflict) {
		return nil, lockConflict(busy("another deploy took the lock a moment ago"), "try again when it is done, or add --wait")
	}
	return k, err
}

// ttl is how long a lock may stay unchanged.
func (e *Engine) ttl() time.Duration {
	if e.LockTTL == 0 {
		return defaultLockTTL
	}
	return e.LockTTL
}

// renewals is how often a holder is outrun by force that renews its lock just then.
const renewals = 10

// seize writes this process into the lock that was read.
func (e *Engine) seize(ctx context.Context, l *ledger, f lockFile, was providers.Tag, c claim) (*lock, error) {
	before := f
	used := f.Attempt
	if f.Holder.leaves() {
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
	f.Epoch = max(f.Epoch, int64(c.shown)) + 1
	f.Nonce = rand.Text()
	f.Holder = &holder{Actor: e.Origin.Actor, Since: e.now(), Process: thisProcess(), Unnumbered: !c.numbered}
	asked := time.Now()
	tag, err := l.write(ctx, lockName, f, since(was))
	if err != nil {
		return nil, err
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	k := &lock{ledger: l, ttl: e.ttl(), was: before, taken: f, used: used, stop: stop, done: make(chan struct{}), file: f, tag: tag, looked: asked}
	k.held, k.lose = context.WithCancelCause(context.WithoutCancel(ctx))
	go k.renew(renewing)
	return k, nil
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
	if err := k.lost(); err != nil {
		return err
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
		k.lose(errLost())
		return k.lost()
	}
	if err != nil {
		return err
	}
	k.file, k.tag, k.looked = next, tag, asked
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
		k.lose(errLost())
		return k.lost()
	}
	k.tag = tag
	return nil
}

// check fails when the lock is lost. It is called before every write to the provider, and asks the store each time; of
// several at once one look serves all that began before it. What remains is the moment between the check and the write:
// the place refuses it by the epoch where it can.
func (k *lock) check(ctx context.Context) error {
	wanted := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.lost(); err != nil {
		return err
	}
	if k.looked.After(wanted) {
		return nil
	}
	asked := time.Now()
	if err := k.look(ctx); err != nil {
		return err
	}
	k.looked = asked
	return nil
}

// erase deletes an object of the ledger, only while the lock is as this holder has it. It is not renewed meanwhile.
func (k *lock) erase(ctx context.Context, key string, c providers.Condition) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.lost(); err != nil {
		return err
	}
	if err := k.look(ctx); err != nil {
		return err
	}
	c.While = providers.Guard{Key: k.ledger.prefix + lockName, Tag: k.tag}
	return k.ledger.store.Delete(ctx, key, c)
}

// release frees the lock and says which attempt is left unfinished. A number that no record has is given back.
func (k *lock) release(ctx context.Context, unfinished int) error {
	k.stop()
	select {
	case <-k.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return k.update(ctx, func(f *lockFile) { f.Holder, f.Unfinished, f.Attempt = nil, unfinished, k.used })
}

// dissolve deletes the lock's own object, after all else that it guards.
func (k *lock) dissolve(ctx context.Context) error {
	k.stop()
	<-k.done
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.lost(); err != nil {
		return err
	}
	if err := k.look(ctx); err != nil { // a renewal may have got no reply
		return err
	}
	return k.ledger.store.Delete(ctx, k.ledger.prefix+lockName, providers.IfTag(k.tag))
}

func lockConflict(why error, hint string) error {
	return &providers.Error{Kind: providers.Conflict, Op: "take the lock", Hint: hint, Err: why}
}

func errLost() error {
	return lockConflict(errors.New("another deploy took over the lock, so nothing more was written"), "run `ferry status` to see what serves")
}

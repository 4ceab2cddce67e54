package release

import (
	"context"
	"fmt"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// Migration is a move of the service from one target to another. The ledgers of both have it until it ends, in the file of
// their lock, and make no releases meanwhile but its own.
type Migration struct {
	ID    string `json:"id"`
	From  string `json:"from"` // targets
	To    string `json:"to"`
	State string `json:"state"`
	// Percent is how many of the requests the new side gets.
	Percent int `json:"percent"`
	// Base is what was live in this ledger when it began; 0 is nothing.
	Base int `json:"base"`
	// Secret proves to the new side that a request was handed over by the old one.
	Secret string            `json:"secret,omitempty"`
	URLs   map[string]string `json:"urls,omitempty"` // of the functions on the new side
	Actor  string            `json:"actor"`
	Since  time.Time         `json:"since"`
}

// How a migration ends.
const (
	Committed = "committed"
	Aborted   = "aborted"
)

// Ending is a hint to what ends it.
func (m *Migration) Ending() string {
	return fmt.Sprintf("end it first: `ferry migrate commit --from %s --to %s`, or `ferry migrate abort` with the same", m.From, m.To)
}

// Move is a migration that is under way, or one that ended, as results show it.
type Move struct {
	From  string `json:"from"`
	To    string `json:"to"`
	State string `json:"state"`
	// Percent is how many of the requests the new side gets; the new side itself does not know.
	Percent int       `json:"percent,omitempty"`
	Actor   string    `json:"actor"` // who began it, or ended it
	Since   time.Time `json:"since"`
}

// moved is a move that ended. It says something of what serves as long as no attempt came after it.
type moved struct {
	Move
	Attempt int `json:"attempt"` // the newest when it ended
}

// ended is the move that made what serves what it is, or put it back; nil is none.
func (f lockFile) ended() *Move {
	if f.Moved == nil || f.Migration != nil || f.Moved.Attempt != f.Attempt {
		return nil
	}
	return &f.Moved.Move
}

func (m *Migration) shown() *Move {
	if m == nil {
		return nil
	}
	return &Move{From: m.From, To: m.To, State: m.State, Percent: m.Percent, Actor: m.Actor, Since: m.Since}
}

// left is the move that took the service from here, if nothing was released here since; nil is none.
func (f lockFile) left() *Move {
	if m := f.ended(); m != nil && m.State == Committed {
		return m
	}
	return nil
}

// Part is what an engine does for a migration.
type Part struct {
	ID string
	// Base is the release whose content the functions have; 0 is that they have their own.
	Base int
	// Functions makes of the manifest's functions those of the release; nil leaves them as they are.
	Functions func([]manifest.Function) []manifest.Function
}

// As is the engine at work for a migration.
func (e *Engine) As(p Part) *Engine {
	own := *e
	own.part, own.fitted = &p, nil
	return &own
}

// Migration is the one that the ledger has; nil is none.
func (e *Engine) Migration(ctx context.Context) (*Migration, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	f, _, err := l.lockState(ctx)
	return f.Migration, err
}

// Moved is the last migration of the service from here, if it ended and nothing was released here since; nil is none.
func (e *Engine) Moved(ctx context.Context) (*Move, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	f, _, err := l.lockState(ctx)
	return f.ended(), err
}

// SetMigration writes down how far the migration of this engine's part came; nil ends it.
func (e *Engine) SetMigration(ctx context.Context, m *Migration) error {
	if m != nil && m.Since.IsZero() {
		m.Actor, m.Since = e.Origin.Actor, e.now()
	}
	return e.changeLock(ctx, func(f *lockFile) { f.Migration = m })
}

// EndMigration ends the migration of this engine's part, and writes down in which state that left the service.
func (e *Engine) EndMigration(ctx context.Context, m *Migration, state string) error {
	end := Move{From: m.From, To: m.To, State: state, Percent: m.Percent, Actor: e.Origin.Actor, Since: e.now()}
	return e.changeLock(ctx, func(f *lockFile) { f.Migration, f.Moved = nil, &moved{end, f.Attempt} })
}

// changeLock changes what the file of the lock says beside who has it.
func (e *Engine) changeLock(ctx context.Context, change func(*lockFile)) error {
	_, err := inTurn(e, claim{}, func(e *Engine) (any, error) { return nil, e.changeLockOnce(ctx, change) })
	return err
}

func (e *Engine) changeLockOnce(ctx context.Context, change func(*lockFile)) error {
	l, s, err := e.visit(ctx)
	if err != nil {
		return err
	}
	a, ctx, err := e.begin(ctx, l, s, claim{})
	if err != nil {
		return err
	}
	unfinished := a.lock.taken.Unfinished
	if err := a.lock.update(ctx, change); err != nil {
		return a.quit(ctx, err, unfinished)
	}
	return a.close(ctx, unfinished)
}

// admits refuses what is no part of the migration that the ledger has.
func (e *Engine) admits(m *Migration) error {
	if m == nil || e.part != nil && e.part.ID == m.ID {
		return nil
	}
	return &providers.Error{
		Kind: providers.Conflict, Op: "release", Hint: m.Ending(),
		Err: fmt.Errorf("the service is being moved from %s to %s, by %s since %s", m.From, m.To, m.Actor, m.Since.UTC().Format("2006-01-02 15:04 MST")),
	}
}

// Differences are the changes that the manifest has against a release, whatever serves now.
func (e *Engine) Differences(ctx context.Context, number int) ([]Change, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	r, _, err := l.record(ctx, number)
	if err != nil {
		return nil, err
	}
	g, err := e.build(ctx, nil)
	if err != nil {
		return nil, err
	}
	s := &scene{live: r, head: head{Number: number}}
	if err := e.inherit(ctx, s, g); err != nil {
		return nil, err
	}
	return e.plan(s, g).Changes, nil
}

// Return makes a release serve again that served when a migration began. An attempt that was left half way is undone.
func (e *Engine) Return(ctx context.Context, number int) (*Result, error) {
	return inTurn(e, claim{}, func(e *Engine) (*Result, error) { return e.comeBack(ctx, number) })
}

func (e *Engine) comeBack(ctx context.Context, number int) (*Result, error) {
	began := time.Now()
	l, s, err := e.visit(ctx)
	if err != nil {
		return nil, err
	}
	if s.mustUndo(RollbackOptions{}) {
		if _, err := e.undo(ctx, l, s, RollbackOptions{}, began); err != nil {
			return nil, err
		}
		return e.comeBack(ctx, number)
	}
	source, err := e.restorePoint(ctx, l, s, number)
	if err != nil {
		return nil, err
	}
	p := e.plan(s, &goods{functions: source.Functions})
	if p.Empty && s.last == nil {
		return e.unchanged(ctx, s, nil, began)
	}
	a, ctx, err := e.begin(ctx, l, s, claim{numbered: true})
	if err != nil {
		return nil, err
	}
	if err := a.clear(ctx, p); err != nil {
		return nil, a.quit(ctx, err, a.lock.taken.Unfinished)
	}
	r := a.restoring(source, "")
	r.Kind = KindMigrate
	return a.carryOut(ctx, r, p, began)
}

// Undo puts back what served before an attempt that was left half way, if there is one.
func (e *Engine) Undo(ctx context.Context) error {
	_, err := inTurn(e, claim{}, func(e *Engine) (*Result, error) {
		l, s, err := e.visit(ctx)
		if err != nil || !s.mustUndo(RollbackOptions{}) {
			return nil, err
		}
		return e.undo(ctx, l, s, RollbackOptions{}, time.Now())
	})
	return err
}

// kind is why the engine makes releases.
func (e *Engine) kind() Kind {
	if e.part != nil {
		return KindMigrate
	}
	return KindDeploy
}

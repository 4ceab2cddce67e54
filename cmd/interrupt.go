package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// heedTime is how long interrupted work may take to come to an end by itself: it ends within three seconds.
const heedTime = 2 * time.Second

// timedOut is why a command was interrupted that took longer than --timeout.
type timedOut struct{ after time.Duration }

func (t timedOut) Error() string { return fmt.Sprintf("the command did not finish within %s", t.after) }

// Unwrap makes it what any interruption is.
func (t timedOut) Unwrap() error { return context.Canceled }

// interruption is the failure of work that was interrupted: why, and what it waited for then.
type interruption struct {
	err   error
	cause error
	held  []string
}

func (i *interruption) Error() string { return i.report().Message }

func (i *interruption) Unwrap() error { return i.err }

func (i *interruption) report() report {
	r := report{Kind: kindInterrupted, Message: "interrupted"}
	var late timedOut
	if errors.As(i.cause, &late) {
		r = report{Kind: string(providers.Timeout), Message: late.Error(), Hint: "raise --timeout, or leave it out"}
	}
	if len(i.held) > 0 {
		r.Message += ", waiting for " + strings.Join(i.held, " and ")
	}
	return r
}

// reports says the interruption in place of what it looked like inside.
func (i *interruption) reports() []report {
	all := flatten(i.err)
	for n := range all {
		if all[n].Kind == kindInterrupted {
			all[n] = i.report()
		}
	}
	return all
}

// work is what is known of the command at work. Its methods may be called from several goroutines.
type work struct {
	say func() // called once, when an interruption has something put back

	mu          sync.Mutex
	name        string // of the command
	due         bool   // something must be put back when the work is interrupted
	interrupted bool
	said        bool
	printing    bool
}

// event takes in how far a release is: from its activation until its commit there is something to put back.
func (w *work) event(e release.Event) {
	w.change(func() {
		switch e.Step {
		case release.StepActivate, release.StepVerify, release.StepRestore:
			w.due = w.due || !e.Done
		case release.StepCommit:
			w.due = w.due && (!e.Done || e.Err != nil)
		}
	})
}

func (w *work) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	if w.due && w.interrupted && !w.said {
		w.said = true
		w.say()
	}
}

// leavable reports whether the work may be left behind.
func (w *work) leavable() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.due
}

// printed reports whether the result is being printed, and the name of the command.
func (w *work) printed() (name string, printing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.name, w.printing
}

// sayRestoring says at once that an interrupted command goes on for a while.
func (a *app) sayRestoring(cause error) {
	if a.form() == formJSON {
		_ = writeJSON(a.Streams.Err, interruptEvent{Time: time.Now().UTC(), Event: "interrupted", Step: release.StepRestore})
		return
	}
	a.notice((&interruption{cause: cause}).Error() +
		": restoring the previous release first (interrupt again to stop at once, and run `ferry rollback` later)")
}

// interruptEvent is one line of --progress=json.
type interruptEvent struct {
	Time  time.Time    `json:"time"`
	Event string       `json:"event"` // interrupted
	Step  release.Step `json:"step"`  // what is done first
}

// notice prints a line beside the progress.
func (a *app) notice(line string) {
	if a.form() == formLive {
		line = "\r" + ansi.EraseEntireLine + line
	}
	fmt.Fprintln(a.colored(a.Streams.Err), line)
}

// await returns the exit code of the work. Interrupted work that does not end by itself is left behind, unless
// something must be put back.
func (a *app) await(ctx context.Context, ended <-chan int) int {
	select {
	case code := <-ended:
		return code
	case <-ctx.Done():
	}
	a.work.change(func() { a.work.interrupted = true })
	patience := time.NewTicker(heedTime)
	defer patience.Stop()
	for {
		select {
		case code := <-ended:
			return code
		case <-patience.C:
			if a.work.leavable() {
				return a.leave(ctx)
			}
		}
	}
}

// leave says that the work was left behind. What it was about to print is not waited for.
func (a *app) leave(ctx context.Context) int {
	left := &app{Invocation: a.Invocation, env: a.env, global: a.global}
	err := a.interrupted(ctx, context.Canceled)
	if name, printing := a.work.printed(); left.global.json && !printing {
		return left.finish(&outcome{command: name, err: err})
	}
	stderr := left.errors()
	stderr.failures(reports(err))
	stderr.standing(err)
	return exitCode(err)
}

// interrupted adds to an error of interrupted work why that was, and what it waited for.
func (a *app) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	i := &interruption{err: err, cause: context.Cause(ctx)}
	if last := a.lasting.Load(); last != nil {
		for _, e := range *last {
			i.held = append(i.held, e.For)
		}
	}
	return i
}

// bound interrupts the command after its time.
func (a *app) bound(c *cobra.Command) error {
	a.work.change(func() { a.work.name = commandName(c) })
	switch limit := a.global.timeout; {
	case limit < 0:
		return usagef("use a duration such as 90s or 10m", "--timeout %s is negative", limit)
	case limit > 0:
		timer := time.AfterFunc(limit, func() { a.interrupt(timedOut{limit}) })
		context.AfterFunc(c.Context(), func() { timer.Stop() })
	}
	return nil
}

// heedful reads until ctx ends, also where nothing comes.
type heedful struct {
	ctx context.Context
	r   io.Reader
}

func (h heedful) Read(p []byte) (int, error) {
	type read struct {
		data []byte
		err  error
	}
	done := make(chan read, 1)
	size := len(p)
	go func() {
		data := make([]byte, size)
		n, err := h.r.Read(data)
		done <- read{data[:n], err}
	}()
	select {
	case r := <-done:
		return copy(p, r.data), r.err
	case <-h.ctx.Done():
		return 0, h.ctx.Err()
	}
}

// serial is a writer for several goroutines.
type serial struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *serial) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

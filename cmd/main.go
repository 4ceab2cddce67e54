// Package cmd is ferry's command line: one file per command, exit codes in one table, rendering in one place.
package cmd

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/internal/waits"
	"github.com/ferryfn/ferry/providers"
)

// Invocation is one run of ferry and all that it may know of the world around it.
type Invocation struct {
	Args    []string // without the program's name
	Environ []string // "NAME=value"
	Dir     string   // the working directory, absolute
	Streams Streams
	// Providers lists the places that ferry can deploy to.
	Providers func() []providers.Provider
	Version   string // "" asks the build information
	Now       func() time.Time
	// LockTTL is how long a lock must stay unchanged before it counts as abandoned; 0 is the engine's own.
	LockTTL time.Duration
	// Browse shows a URL to a person.
	Browse func(ctx context.Context, url string) error
}

// app is one invocation at work: what its commands share.
type app struct {
	Invocation

	global    globals
	env       map[string]string
	root      string // where the manifest lies; "" before it is loaded
	warnings  []warning
	wait      patience // of the commands that take the lock
	work      work
	board     *waits.Board
	lasting   atomic.Pointer[[]waits.Entry] // what is waited for since a while
	interrupt context.CancelCauseFunc
}

// Main runs ferry and returns its exit code. Cancelling ctx interrupts the work: what serves is then left
// or restored before Main returns. Other work that does not end soon is left behind: the process is to end.
func Main(ctx context.Context, inv Invocation) (code int) {
	inv.Streams.Err.Writer = &serial{w: inv.Streams.Err.Writer}
	a := &app{Invocation: inv, env: environment(inv.Environ), board: &waits.Board{}}
	ctx, a.interrupt = context.WithCancelCause(a.board.Context(ctx))
	defer a.interrupt(nil)
	a.work.say = func() { a.sayRestoring(context.Cause(ctx)) }
	a.Streams.In = heedful{ctx, inv.Streams.In}
	a.global.json = a.asksForJSON()
	stop := make(chan struct{})
	defer close(stop)
	go a.showWaits(stop)
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx) }()
	return a.await(ctx, ended)
}

// run does the work and prints what came of it.
func (a *app) run(ctx context.Context) (code int) {
	defer func() {
		// Go's own exit code of a panic is 2, which promises that nothing was attempted.
		if broken := recover(); broken != nil {
			fmt.Fprintf(a.Streams.Err, "ferry crashed, which is a bug in ferry: %v\n\n%s", broken, debug.Stack())
			code = exitFailed
		}
	}()
	out := &outcome{}
	root := newRoot(a, out)
	if len(a.Args) > 0 && a.Args[0] == cobra.ShellCompRequestCmd {
		withoutQuotes(root)
	}
	root.SetArgs(append([]string{}, joinWait(a.Args)...)) // nil would be the arguments of the process
	root.SetIn(a.Streams.In)
	root.SetOut(a.Streams.Out)
	root.SetErr(a.Streams.Err)
	ran, err := root.ExecuteContextC(ctx)
	out.command, out.err = cmp.Or(out.command, commandName(ran)), a.interrupted(ctx, err)
	a.work.change(func() { a.work.printing = true })
	return a.finish(out)
}

// outcome is what a command came to.
type outcome struct {
	command string
	result  result
	err     error
}

// result is what a command found or did. Its JSON form is a contract, its text is for a person.
type result interface {
	text(p *printer)
}

// coder is a result that asks for an exit code of its own.
type coder interface {
	exitCode() int
}

// runner does a command's work. A result may come with an error: then it says how far the work came.
type runner func(ctx context.Context, args []string) (result, error)

// command completes c so that it keeps what run returns in out.
func (a *app) command(out *outcome, c *cobra.Command, run runner) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := run(c.Context(), args)
		out.result = r
		return err
	}
	return c
}

// commandName is the command's path without the program: "local start".
func commandName(c *cobra.Command) string {
	_, name, _ := strings.Cut(c.CommandPath(), " ")
	return name
}

func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok {
			env[name] = value
		}
	}
	return env
}

// lookup finds an environment variable.
func (a *app) lookup(name string) (string, bool) {
	value, ok := a.env[name]
	return value, ok
}

package cmd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"
)

// Streams are where ferry reads and writes. Out takes the result and nothing else, Err takes progress and errors.
type Streams struct {
	In         io.Reader
	InTerminal bool // a person types there
	// Hidden reads a line that a person types without its being shown; nil where nobody does.
	Hidden func(ctx context.Context) ([]byte, error)
	// Keys are those that a person types, each at once, until ctx ends or restore is called; nil where nobody does.
	Keys     func(ctx context.Context) (typed <-chan byte, restore func(), err error)
	Out, Err Output
	Width    int // of the terminal in columns; 0 is unknown
}

// Output is where ferry writes.
type Output struct {
	io.Writer
	Terminal bool // a person looks at it
}

// SystemStreams are the process's own.
func SystemStreams() Streams {
	s := Streams{
		In: os.Stdin, InTerminal: term.IsTerminal(int(os.Stdin.Fd())),
		Out: Output{os.Stdout, term.IsTerminal(int(os.Stdout.Fd()))},
		Err: Output{os.Stderr, term.IsTerminal(int(os.Stderr.Fd()))},
	}
	if s.InTerminal {
		s.Hidden = func(ctx context.Context) ([]byte, error) { return readHidden(ctx, int(os.Stdin.Fd())) }
		s.Keys = func(ctx context.Context) (<-chan byte, func(), error) { return readKeys(ctx, os.Stdin) }
	}
	for _, f := range []*os.File{os.Stderr, os.Stdout} {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			s.Width = width
		}
	}
	return s
}

// readHidden reads a line without echo. When ctx ends first the terminal is as it was before.
func readHidden(ctx context.Context, fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	type typed struct {
		line []byte
		err  error
	}
	done := make(chan typed, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		done <- typed{line, err}
	}()
	select {
	case t := <-done:
		return t.line, t.err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}

// dumb reports whether the terminal cannot move its cursor.
func (a *app) dumb() bool {
	return a.env["TERM"] == "dumb"
}

// interactive reports whether a person can be asked.
func (a *app) interactive() bool {
	return a.Streams.InTerminal && a.Streams.Err.Terminal && a.env["CI"] == "" && !a.global.json
}

// ask puts a question to the person at the terminal and returns the answer, "" when there is none. It fails when it
// is interrupted.
func (a *app) ask(question string) (string, error) {
	p := a.errors()
	p.write([]byte(question + " "))
	answer, err := bufio.NewReader(a.Streams.In).ReadString('\n')
	if err != nil {
		p.linef("")
	}
	if errors.Is(err, context.Canceled) {
		return "", err
	}
	return strings.TrimSpace(answer), nil
}

// question is what a person is asked before what cannot be taken back.
type question struct {
	kind, name string // of what the name is that has to be typed, and that name
	says       string // what would be done, in full
	does       string // the same in a clause
	spared     string // what was not done, should the answer be another one
}

// confirm has a person type a name; where nobody can be asked, --yes is needed.
func (a *app) confirm(q question) error {
	if a.global.yes {
		return nil
	}
	if !a.interactive() {
		return usagef("add --yes if you mean it", "%s, and there is no terminal to ask for confirmation", q.does)
	}
	a.errors().linef("%s", q.says)
	answer, err := a.ask("Type " + q.name + " to continue:")
	if err != nil || answer == q.name {
		return err
	}
	return usagef("type the name of the "+q.kind+" exactly, or use --yes", "not confirmed: nothing was %s", q.spared)
}

// escapes reports whether what is printed may have escape sequences.
func (a *app) escapes() bool { return a.env["NO_COLOR"] == "" && !a.global.noColor }

// colored wraps an output so that it drops the colours its reader cannot see.
func (a *app) colored(out Output) io.Writer {
	profile := colorprofile.NoTTY
	force := a.env["CLICOLOR_FORCE"]
	if out.Terminal || (force != "" && force != "0") {
		profile = colorprofile.Env(a.Environ)
	}
	if !a.escapes() {
		profile = colorprofile.NoTTY
	}
	return &colorprofile.Writer{Forward: out.Writer, Profile: profile}
}

package cmd

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

type logsOptions struct {
	app     *app
	lines   int
	counted bool // lines were asked for
	since   string
	follow  bool
	tail    providers.TailOptions
}

// logsResult are log lines, oldest first.
type logsResult struct {
	Lines []providers.LogLine `json:"lines"`
	look  logLook
}

func newLogs(a *app, out *outcome) *cobra.Command {
	o := &logsOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "logs [function...]",
		Short: "Print the logs of functions",
		Long: `Print what the named functions, or all of them, wrote to stdout and stderr, oldest first. With --follow and
--json every line is a JSON document of its own.`,
		Example: `  ferry logs
  ferry logs api --since 10m
  ferry logs api worker -n 0 -f`,
		Args:              between(0, -1, ""),
		ValidArgsFunction: a.completeFunctions,
	}, o.written)
	f := c.Flags()
	f.IntVarP(&o.lines, "lines", "n", 100, "print the last `number` of lines; 0 prints all of them, or with --follow only new ones")
	f.StringVar(&o.since, "since", "", "print everything written since this `time`, such as 10m, 3d, 2006-01-02 or 2006-01-02T15:04")
	// -f is --follow here, as with every other tool that prints logs; the manifest has its long name only.
	f.StringVar(&a.global.file, "file", "", "the manifest `file` (default: ferry.yaml here or in a folder above)")
	f.BoolVarP(&o.follow, "follow", "f", false, "keep printing new lines until Ctrl-C")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		o.counted = c.Flags().Changed("lines")
		return o.choose(time.Now())
	}
	return c
}

// written runs it, and tells what wrote nothing from what was never deployed.
func (o *logsOptions) written(ctx context.Context, args []string) (result, error) {
	r, err := o.run(ctx, args)
	if found, ok := r.(logsResult); !ok || err != nil || len(found.Lines) > 0 {
		return r, err
	}
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	functions, err := release.Choose(p.manifest, args)
	if err != nil {
		return nil, err
	}
	for _, fn := range functions {
		if state, err := p.adapter.Status(ctx, fn.Name); err != nil || state.Revision != nil {
			return r, err
		}
	}
	return nil, p.undeployed(ctx, functions[0].Name)
}

// choose turns the flags into what is asked of the provider.
func (o *logsOptions) choose(now time.Time) error {
	o.tail = providers.TailOptions{Lines: o.lines, Follow: o.follow}
	if o.lines < 0 {
		return usagef("use 0 to print all", "--lines %d is negative", o.lines)
	}
	if o.since != "" {
		since, ok := moment(o.since, now)
		if !ok {
			return usagef("use a form such as 10m, 3d, 2006-01-02 or 2006-01-02T15:04", "--since %q is not a time", o.since)
		}
		o.tail.Since = since
		if !o.counted {
			o.tail.Lines = 0
		}
	} else if o.follow && o.lines == 0 {
		o.tail.Since = now
	}
	return nil
}

// moment reads a time of the past: how long ago, or when by this machine's clock.
func moment(text string, now time.Time) (time.Time, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), true
		}
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), ago >= 0
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func (o *logsOptions) run(ctx context.Context, args []string) (result, error) {
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	functions, err := release.Choose(p.manifest, args)
	if err != nil {
		return nil, err
	}
	tailer, ok := providers.As[providers.LogTailer](p.adapter)
	if !ok {
		return nil, &failure{
			kind: providers.Unsupported, message: "the provider " + p.manifest.Target.Provider + " has no logs that ferry can read",
			hint: "look at them with the provider's own tools",
		}
	}
	tailer = concealing{tailer, o.app, p}
	look := logLook{today: time.Now()}
	if len(functions) > 1 {
		for _, fn := range functions {
			look.name = max(look.name, len(fn.Name))
		}
	}
	if o.follow {
		return nil, errors.Join(o.gather(ctx, tailer, functions, o.emit(look)), ctx.Err())
	}
	r := logsResult{Lines: []providers.LogLine{}, look: look}
	err = o.gather(ctx, tailer, functions, func(l providers.LogLine) error {
		r.Lines = append(r.Lines, l)
		return nil
	})
	return r, errors.Join(err, ctx.Err())
}

// gather hands on the lines of several functions in the order of their times.
func (o *logsOptions) gather(ctx context.Context, tailer providers.LogTailer, functions []manifest.Function, emit func(providers.LogLine) error) error {
	if len(functions) == 1 {
		return tailer.Tail(ctx, functions[0].Name, o.tail, emit)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m := &merger{most: o.tail.Lines, emit: emit, past: len(functions), stop: stop}
	errs := make([]error, len(functions))
	var tails sync.WaitGroup
	for i, fn := range functions {
		each := o.tail
		each.Past = m.reached
		tails.Go(func() {
			errs[i] = tailer.Tail(ctx, fn.Name, each, m.take)
			if errs[i] != nil {
				stop()
			}
		})
	}
	if o.follow {
		go m.flushing(ctx)
	}
	tails.Wait()
	stop()
	errs = slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, context.Canceled) })
	return errors.Join(append(errs, m.flush())...)
}

// merger puts lines of several functions in order. Its methods may be called from several goroutines.
type merger struct {
	most int // lines of the past; 0 is all
	emit func(providers.LogLine) error
	stop func()

	mu     sync.Mutex
	past   int // functions whose past is not there yet
	lines  []providers.LogLine
	failed error
}

// mergeEvery is for how long lines are held back, so that one that comes a little late finds its place.
const mergeEvery = 250 * time.Millisecond

func (m *merger) take(l providers.LogLine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, l)
	return m.failed
}

// reached takes in that one more function's past is there; when it is the last one's, the past is cut to its length.
func (m *merger) reached() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.past--; m.past > 0 {
		return
	}
	m.sort()
	if m.most > 0 {
		m.lines = m.lines[max(0, len(m.lines)-m.most):]
	}
}

func (m *merger) sort() {
	slices.SortStableFunc(m.lines, func(a, b providers.LogLine) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Function, b.Function))
	})
}

func (m *merger) flushing(ctx context.Context) {
	tick := time.NewTicker(mergeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if m.flush() != nil {
			m.stop()
			return
		}
	}
}

// flush hands on what is there, once the past of all is.
func (m *merger) flush() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.past > 0 {
		return m.failed
	}
	m.sort()
	for _, l := range m.lines {
		if m.failed == nil {
			m.failed = m.emit(l)
		}
	}
	m.lines = nil
	return m.failed
}

// emit prints lines as they come.
func (o *logsOptions) emit(look logLook) func(providers.LogLine) error {
	if o.app.global.json {
		return func(l providers.LogLine) error { return writeJSON(o.app.Streams.Out, l) }
	}
	p := o.app.printer(o.app.Streams.Out)
	return func(l providers.LogLine) error {
		look.today = time.Now()
		p.log(l, look)
		return p.failed
	}
}

func (r logsResult) text(p *printer) {
	for _, l := range r.Lines {
		p.log(l, r.look)
	}
}

// logLook is what lines need not say, as the reader knows it.
type logLook struct {
	today time.Time // lines of another day have a date
	name  int       // the width of functions' names; 0 shows none
	paint map[string]lipgloss.Style
}

// log prints one line of a function; what the platform adds is dim.
func (p *printer) log(l providers.LogLine, look logLook) {
	at, layout := l.Time.In(p.zone), "15:04:05.000"
	if at.Format(time.DateOnly) != look.today.In(p.zone).Format(time.DateOnly) {
		layout = "2006-01-02 15:04:05.000"
	}
	begin := p.style.dim.Render(at.Format(layout))
	if look.name > 0 {
		paint, ok := look.paint[l.Function]
		if !ok {
			paint = p.style.bold
		}
		begin += " " + paint.Render(pad(l.Function, look.name))
	}
	switch l.Stream {
	case "stderr":
		p.verbatim(begin + " " + p.style.warn.Render("!") + " " + l.Text)
	case "stdout":
		p.verbatim(begin + "   " + l.Text)
	default:
		p.verbatim(begin + "   " + p.style.dim.Render("["+l.Text+"]"))
	}
}

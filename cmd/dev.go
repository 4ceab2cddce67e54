package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// dev is one run of `ferry dev`.
type dev struct {
	app       *app
	envFile   string
	recording string // a file, or ""
	began     time.Time
	watch     *watch
	announced func() // takes back what browsers are shown

	mu      sync.Mutex // of what is printed
	printed printer
	look    logLook
	tails   map[string]context.CancelFunc // by function
	shown   bool                          // the addresses were
	broken  bool                          // what was saved last cannot be served
	serving *project                      // what was deployed last
	warned  []warning                     // each is shown once
}

func newDev(a *app, out *outcome) *cobra.Command {
	d := &dev{app: a, tails: map[string]context.CancelFunc{}}
	c := a.command(out, &cobra.Command{
		Use:   "dev",
		Short: "Serve the functions on this machine, and again whenever a file is saved",
		Long: `Deploy the manifest to the local platform, show what the functions log, and deploy what changed whenever a file
is saved. Code that does not build or start leaves what served before serving; the error is shown, and a browser that
opens a page of a function sees it, too.

Type o to open the first function in the browser, r to restart all instances, q to quit. If the local platform was not
running it ends with this command, and so does all that it ran. Others may serve the same service meanwhile, with the same --env-file.

--record writes what the functions are asked over HTTP and what they answer into a file, which ferry compare reads. Values of
secrets and of --env-file, cookies and credentials are not in it.

With --json each line is a document: what a function logged, what is served and where ("served"), or what keeps the sources from
being served ("errors").

What works on the local platform works meanwhile: ferry send, invoke, queues, logs, open.`,
		Example: `  ferry dev
  ferry dev --env-file .env
  ferry dev --record .ferry/requests.jsonl`,
		Args: noArgs(),
	}, func(ctx context.Context, _ []string) (result, error) { return nil, d.run(ctx) })
	c.Flags().StringVar(&d.envFile, "env-file", "", "a `file` of NAME=value lines: variables of all functions, over those and the secrets of the manifest")
	c.Flags().StringVar(&d.recording, "record", "", "a `file` that requests and answers are added to, for ferry compare")
	return c
}

func (d *dev) run(ctx context.Context) error {
	ctx, quit := context.WithCancel(providers.Attended(ctx))
	defer quit()
	d.began, d.printed = d.app.Now(), *d.app.errors()
	p, err := d.load()
	if err != nil {
		return err
	}
	end, gone := func() {}, (<-chan struct{})(nil)
	begin := func() (err error) {
		end()
		end, gone, err = d.platform(ctx, p)
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	defer func() { end() }()
	leave, err := d.join(ctx, p)
	if err != nil {
		return err
	}
	defer leave()
	written := []io.Writer{d.app.Streams.Out.Writer, d.app.Streams.Err.Writer}
	if d.recording != "" {
		recording, stop := context.WithCancel(ctx)
		file, wait, err := d.record(recording, p)
		if err != nil {
			stop()
			return err
		}
		defer wait()
		defer stop()
		written = append(written, file)
	}
	home, err := d.app.home()
	if err != nil {
		return err
	}
	if d.watch, err = newWatch(written, home.State, home.Cache, os.TempDir()); err != nil {
		return err
	}
	defer d.watch.close()
	keys, restore, err := d.keys(ctx)
	if err != nil {
		return err
	}
	defer restore()
	for {
		if !d.round(ctx) {
			if err := begin(); err != nil {
				return unlessQuit(ctx, err)
			}
			continue
		}
		for again := false; !again; {
			select {
			case <-ctx.Done():
				return nil
			case <-gone:
				if err := begin(); err != nil {
					return unlessQuit(ctx, err)
				}
				again = true
			case <-d.watch.changed():
				again = d.settle(ctx)
			case key := <-keys:
				if key == 'q' || key == 'Q' {
					return nil
				}
				d.press(ctx, key)
			}
		}
	}
}

// settle waits until nothing changes any more, and gets ready meanwhile what has: most saves are one write, and what the round needs of
// it is packaged and starts by then. What is wrong with it, or was not written whole yet, is for the round to say. It is false when ctx
// ends first.
func (d *dev) settle(ctx context.Context) bool {
	for changed := true; changed; {
		p, err := d.load()
		d.watch.take() // what changed until now is in what follows
		getting, stop := context.WithCancel(ctx)
		var ready sync.WaitGroup
		if err == nil {
			ready.Go(func() { _ = d.app.engine(p).Warm(getting) })
		}
		if changed = d.watch.settle(ctx); changed {
			stop()
		}
		ready.Wait()
		stop()
		d.app.warnings = nil
	}
	return ctx.Err() == nil
}

// load reads the manifest, for functions that run on this machine.
func (d *dev) load() (*project, error) {
	p, err := d.app.project()
	if err != nil {
		return nil, err
	}
	if d.envFile == "" {
		return p, nil
	}
	variables, err := readEnvFile(d.app.inDir(d.envFile))
	if err != nil {
		return nil, err
	}
	for i := range p.manifest.Functions {
		variables.giveTo(&p.manifest.Functions[i])
	}
	return p, nil
}

// round deploys what there is and follows what it logs. What fails is shown, and what served before serves on. It is false when that
// cannot be, since the platform has ended.
func (d *dev) round(ctx context.Context) (served bool) {
	began := time.Now()
	p, err := d.load()
	if p != nil {
		err = errors.Join(err, d.watch.follow(p))
	}
	var done *release.Result
	if err == nil {
		e := d.app.engine(p)
		e.Wait = time.Minute // another ferry that deploys the same is no fault of what was saved
		if err = d.app.check(e); err == nil {
			done, err = e.Deploy(ctx, release.DeployOptions{Message: "ferry dev", NoVerify: true})
		}
		if err == nil {
			d.app.warn(done.Issues...)
		}
	}
	if ctx.Err() != nil {
		return true
	}
	if host, unknown := d.app.host(); err != nil && unknown == nil && absent(ctx, host) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := slices.DeleteFunc(slices.Clone(d.app.warnings), func(w warning) bool { return slices.Contains(d.warned, w) })
	d.caution(fresh)
	d.warned = append(d.warned, fresh...)
	d.app.warnings = nil
	mended := d.broken && err == nil
	if d.broken = err != nil; d.broken {
		d.failed(reports(err))
		d.announce(ctx, cmp.Or(d.serving, p), reports(err))
		d.remark("waiting for a change; what served before serves on")
		return true
	}
	d.serving = p
	d.announce(ctx, p, nil)
	d.follow(ctx, p)
	if mended || !d.shown || len(done.Changed)+len(done.Removed) > 0 {
		d.tell(done, time.Since(began))
	}
	return true
}

// unlessQuit is the error, unless somebody has ended all.
func unlessQuit(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// tell says what is served. The lock is held.
func (d *dev) tell(done *release.Result, took time.Duration) {
	if d.app.global.json {
		d.line(devServed{Served: d.urls(done), Changed: done.Changed, Removed: done.Removed, Seconds: took.Seconds()})
		return
	}
	what := few(append(slices.Clone(done.Changed), done.Removed...))
	d.printed.linef("%s %s  %s", d.printed.style.good.Render("✓"), cmp.Or(what, "all")+" up to date", d.printed.style.dim.Render(seconds(took.Seconds())))
	if d.shown {
		return
	}
	d.shown = true
	var rows [][]string
	for _, fn := range d.serving.manifest.Functions {
		if url := done.Functions[fn.Name].URL; url != "" {
			rows = append(rows, []string{d.name(fn.Name), d.printed.style.link.Render(url)})
		}
	}
	d.printed.table(nil, rows)
	d.printed.linef("%s", d.printed.style.dim.Render(keysHelp))
}

// colors are those of functions' names, in turn.
func colors() []lipgloss.Style {
	var all []lipgloss.Style
	for _, c := range []int{6, 5, 3, 2, 4} { // the terminal's own
		all = append(all, lipgloss.NewStyle().Foreground(lipgloss.ANSIColor(c))) //nolint:gosec // a colour of sixteen
	}
	return all
}

// name is a function's name in its colour. The lock is held.
func (d *dev) name(function string) string { return d.look.paint[function].Render(function) }

// follow shows the logs of the functions from now on, each once. The lock is held.
func (d *dev) follow(ctx context.Context, p *project) {
	tailer, ok := providers.As[providers.LogTailer](p.adapter)
	if !ok {
		return
	}
	d.look = logLook{today: d.began, paint: map[string]lipgloss.Style{}}
	for i, fn := range p.manifest.Functions {
		d.look.name = max(d.look.name, len(fn.Name))
		d.look.paint[fn.Name] = colors()[i%len(colors())]
	}
	for name, stop := range d.tails {
		if _, there := p.manifest.Function(name); !there {
			stop()
			delete(d.tails, name)
		}
	}
	for _, fn := range p.manifest.Functions {
		if d.tails[fn.Name] != nil {
			continue
		}
		tail, stop := context.WithCancel(ctx)
		d.tails[fn.Name] = stop
		shown := concealing{tailer, d.app, p}
		go func() {
			_ = shown.Tail(tail, fn.Name, providers.TailOptions{Since: d.began, Follow: true}, d.log)
		}()
	}
}

// log prints a line of a function.
func (d *dev) log(l providers.LogLine) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.app.global.json {
		return writeJSON(d.app.Streams.Out, l)
	}
	p := d.app.printer(d.app.Streams.Out)
	p.log(l, d.look)
	return p.failed
}

// keys are those that a person types.
func (d *dev) keys(ctx context.Context) (typed <-chan byte, restore func(), err error) {
	if d.app.Streams.Keys == nil {
		return nil, func() {}, nil // whatever else is there is nobody's wish
	}
	return d.app.Streams.Keys(ctx)
}

// press does what a key says. One without a meaning has the keys named.
func (d *dev) press(ctx context.Context, key byte) {
	d.mu.Lock()
	p := d.serving
	d.mu.Unlock()
	var err error
	switch {
	case p == nil:
		return
	case key == 'o' || key == 'O':
		for _, fn := range p.manifest.Functions {
			if http := fn.HTTP(); http != nil && !http.Private() {
				_, err = d.app.open(ctx, fn.Name, "")
				break
			}
		}
	case key == 'r' || key == 'R':
		if r, ok := providers.As[providers.Restarter](p.adapter); ok {
			if err = r.Restart(ctx); err == nil {
				d.say("restarted")
			}
		}
	default:
		d.say(keysHelp)
	}
	if err != nil {
		d.fail(err)
	}
}

// keysHelp names the keys.
const keysHelp = "o opens, r restarts, q quits"

// say prints a line beside what the functions log.
func (d *dev) say(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remark(line)
}

// fail prints what went wrong, which does not end the command.
func (d *dev) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed(reports(err))
}

// announce has browsers shown what keeps the sources from being served, and takes back what they were shown before. The lock
// is held.
func (d *dev) announce(ctx context.Context, p *project, failures []report) {
	if d.announced != nil {
		d.announced()
		d.announced = nil
	}
	if p == nil || len(failures) == 0 {
		return
	}
	announcer, ok := providers.As[providers.Announcer](p.adapter)
	if !ok {
		return
	}
	var text bytes.Buffer
	plain := d.app.printer(Output{Writer: &text})
	plain.failures(failures)
	shown, end := context.WithCancel(ctx)
	d.announced = end
	go func() { _ = announcer.Announce(shown, text.String()) }() // the terminal has it all the same
}

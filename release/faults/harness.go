package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// Place is one service at an empty place. A version is one state of the service's sources.
type Place struct {
	// Engine is a new process's engine on the sources of a version, which are "one" to "five". It needs a Manifest, Adapter,
	// Packager, Origin.Actor and Now; Run puts the faults around its adapter. Unless the options say when, its locks must
	// expire after a fraction of a second. It is called from several goroutines.
	Engine func(version string) *release.Engine
	// Functions are the names of a version's functions. Versions differ in every function's content, and may
	// differ in which functions there are.
	Functions func(version string) []string
	// Serving asks every function for its version over HTTP. One that does not answer is left out.
	Serving func() map[string]string
	// Context is that in which the engines work, which may make the adapter's pauses shorter. Nil is that of the test.
	Context func() context.Context
}

// The versions of a run: "one" and "two" are released first, "three" is the work's, "four" comes after it and
// "five" is who overtakes it.
const (
	before = "two"
	fresh  = "four"
	rival  = "five"
)

// Options say how much is tried, and how. The zero value breaks every call of every work in every way.
type Options struct {
	// Every tries a sample: one in so many of what can go wrong at a call.
	Every int
	// Works are the names of those to try, as in "first deploy", "rollback" or the other rows; none is all.
	Works []string
	// Parallel bounds the cases at once; 0 is 24: most of the time they wait for a lock to expire.
	Parallel int
	// LockTTL is when a lock expires; 0 leaves it to the place's engine.
	LockTTL time.Duration
}

func (o Options) wants(w work) bool { return len(o.Works) == 0 || slices.Contains(o.Works, w.name) }

func (o Options) parallel() int { return cmp.Or(o.Parallel, 24) }

// work is something that can go wrong.
type work struct {
	name string
	// prepare brings an empty place to where the work begins.
	prepare func(c *trial)
	do      func(c *trial, e *release.Engine) error
	from    string // the version of the engine
	old     string // what serves before; "" is nothing
	now     string // what serves after
	// begun is a version that may serve when the work begins, wholly where a release is activated as one, else
	// in part; "" is none.
	begun string
	// shared says that begun gets a share of the requests, so that a place serves a mix.
	shared bool
	// removes says that functions are taken away one by one, so that some of a version may be missing.
	removes bool
}

// works are all kinds of work that a place can do.
func works(a providers.Adapter) []work {
	deploy := func(version string) func(c *trial, e *release.Engine) error {
		return func(c *trial, e *release.Engine) error { return c.deploy(e, version) }
	}
	rollback := func(c *trial, e *release.Engine) error {
		return second(e.Rollback(c.Context(), release.RollbackOptions{}))
	}
	resume := func(c *trial, e *release.Engine) error { return second(e.Resume(c.Context(), false)) }
	promote := func(c *trial, e *release.Engine) error {
		return second(e.Promote(c.Context(), release.PromoteOptions{}))
	}
	remove := func(c *trial, e *release.Engine) error { return second(e.Remove(c.Context(), release.RemoveOptions{})) }
	two := func(c *trial) { c.release("one", before) }
	removed := func(c *trial) {
		two(c)
		if err := remove(c, c.engine(before, &Process{})); err != nil {
			c.Fatal(err)
		}
	}
	dies := func(do func(*trial, *release.Engine) error, at func() func(Call) bool) func(c *trial) {
		return func(c *trial) {
			two(c)
			p := &Process{At: at(), Fault: Die(func() {})}
			if err := do(c, c.engine("three", p)); !errors.Is(err, Dead) {
				c.Fatalf("the process to go on from ended with %v at %v", err, p.Hit())
			}
		}
	}
	killed := func(at func() func(Call) bool) func(c *trial) { return dies(deploy("three"), at) }
	publishing := killed(func() func(Call) bool { return First("publish") })
	activating := killed(func() func(Call) bool { return Next(First("switch", "activate")) })
	committed := killed(func() func(Call) bool {
		return Next(func(c Call) bool { return c.Op == "store put" && strings.HasSuffix(c.About, "/live.json") })
	})
	removing := dies(remove, func() func(Call) bool { return Next(First("remove")) })
	canary := func(c *trial) {
		two(c)
		_, err := c.engine("three", &Process{}).Deploy(c.Context(), release.DeployOptions{Message: "three", Traffic: 10})
		if err != nil {
			c.Fatal(err)
		}
	}
	all := []work{
		{name: "first deploy", prepare: func(*trial) {}, do: deploy("one"), from: "one", now: "one"},
		{name: "deploy", prepare: two, do: deploy("three"), from: "three", old: before, now: "three"},
		{name: "rollback", prepare: two, do: rollback, from: before, old: before, now: "one"},
		{name: "resume, published", prepare: publishing, do: resume, from: "three", old: before, now: "three"},
		{name: "resume, activated", prepare: activating, do: resume, from: "three", old: before, now: "three", begun: "three"},
		{name: "resume, committed", prepare: committed, do: resume, from: "three", old: "three", now: "three"},
		{name: "undo, published", prepare: publishing, do: rollback, from: "three", old: before, now: before},
		{name: "undo, activated", prepare: activating, do: rollback, from: "three", old: before, now: before, begun: "three"},
		{name: "remove", prepare: two, do: remove, from: before, old: before, removes: true},
		{name: "remove, activated", prepare: activating, do: remove, from: before, old: before, begun: "three", shared: true},
		{name: "remove, removing", prepare: removing, do: remove, from: before, old: before, removes: true},
		{name: "resume, removing", prepare: removing, do: resume, from: before, old: before, removes: true},
		{name: "undo, removing", prepare: removing, do: rollback, from: before, old: before, now: before, removes: true},
		{name: "rollback, removed", prepare: removed, do: rollback, from: before, now: before, removes: true},
	}
	if _, splits := providers.As[providers.Splitter](a); !splits {
		return all
	}
	return append(all,
		work{name: "promote", prepare: canary, do: promote, from: "three", old: before, now: "three", begun: "three", shared: true},
		work{name: "undo, canary", prepare: canary, do: rollback, from: "three", old: before, now: before, begun: "three", shared: true},
	)
}

func second[T any](_ T, err error) error { return err }

// attempt is one way to disturb a call and to go on after it: by an ending, or by being overtaken.
type attempt struct {
	name  string
	fault func(c *trial) Fault
	end   ending
	rival overtaker
}

// kinds are the faults that are tried at every call. Each use is a new one, since some keep state.
func kinds() []func(c *trial) Fault {
	return []func(c *trial) Fault{
		func(*trial) Fault { return Fail(providers.Unavailable) },
		func(*trial) Fault { return Fail(providers.Conflict) },
		func(*trial) Fault { return Lose() },
		func(*trial) Fault { return Die(func() {}) },
	}
}

// tries are all that is tried at every call.
func tries() []attempt {
	var list []attempt
	for _, kind := range kinds() {
		for _, end := range endings() {
			list = append(list, attempt{name: kind(nil).Name + ", then " + end.name, fault: kind, end: end})
		}
	}
	for _, rival := range rivals() {
		list = append(list, attempt{name: "is stopped and overtaken by " + rival.name, fault: (*trial).overtaken, rival: rival})
	}
	late := thereAndBack()
	return append(list, attempt{name: "arrives late, after " + late.name, fault: (*trial).lastCall, rival: late})
}

// Row is what one kind of work came to.
type Row struct {
	Work   string
	Calls  int
	Faults int
	// Overtaken is how many of the faults were processes that were stopped, overtaken and continued.
	Overtaken int
	Broken    int
}

// Run breaks every call of every kind of work in every way, or a sample of that, on a new place each time, and checks what serves
// and what the ledger says: at once, after a resume and, in a second run, after a rollback. It prints a table.
func Run(t *testing.T, o Options, open func(t *testing.T) Place) []Row {
	var rows []Row
	chosen := sample.Of(t, o.Every)
	var cases errgroup.Group // of all works at once: a case waits more than it works
	cases.SetLimit(o.parallel())
	var tried []*Row
	for _, w := range works(open(t).Engine(before).Adapter) {
		if o.wants(w) {
			tried = append(tried, w.begin(t, &cases, chosen, o.expiring(open)))
		}
	}
	_ = cases.Wait()
	for _, r := range tried {
		rows = append(rows, *r)
	}
	table(os.Stdout, t.Name(), rows)
	return rows
}

// Withstands is Run of a place that no fault may break.
func Withstands(t *testing.T, o Options, open func(t *testing.T) Place) {
	t.Helper()
	tried := 0
	for _, r := range Run(t, o, open) {
		tried += r.Faults
		if r.Broken > 0 {
			t.Errorf("%s: %d of %d faults broke it", r.Work, r.Broken, r.Faults)
		}
	}
	if tried == 0 {
		t.Error("no fault was tried")
	}
}

// expiring gives the engines of a place the time after which a lock expires.
func (o Options) expiring(open func(t *testing.T) Place) func(t *testing.T) Place {
	return func(t *testing.T) Place {
		p := open(t)
		engine := p.Engine
		p.Engine = func(version string) *release.Engine {
			e := engine(version)
			e.LockTTL = cmp.Or(o.LockTTL, e.LockTTL)
			return e
		}
		return p
	}
}

// begin does the work once without a fault, and has the chosen faults tried, whose row is complete when these cases are done.
func (w work) begin(t *testing.T, cases *errgroup.Group, chosen *sample.Sample, open func(t *testing.T) Place) *Row {
	row := &Row{Work: w.name}
	if !t.Run(w.name+" without a fault", func(t *testing.T) { row.Calls = w.trial(t, open(t), nil, 0) }) {
		row.Broken++
		return row
	}
	var mu sync.Mutex
	for at := 1; at <= row.Calls; at++ {
		for _, one := range tries() {
			if !chosen.Takes() {
				continue
			}
			cases.Go(func() error {
				ok := t.Run(fmt.Sprintf("%s, call %d %s", w.name, at, one.name), func(t *testing.T) { w.trial(t, open(t), &one, at) })
				mu.Lock()
				defer mu.Unlock()
				row.Faults++
				if one.rival.do != nil {
					row.Overtaken++
				}
				if !ok {
					row.Broken++
				}
				return nil
			})
		}
	}
	return row
}

func table(to io.Writer, name string, rows []Row) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\twork\tcalls\tfaults tried\tof them overtaken\tbroken\t\n", name)
	for _, r := range rows {
		fmt.Fprintf(w, "\t%s\t%d\t%d\t%d\t%d\t\n", r.Work, r.Calls, r.Faults, r.Overtaken, r.Broken)
	}
	_ = w.Flush()
}

// ending is how a person goes on after a fault.
type ending struct {
	name string
	do   func(ctx context.Context, e *release.Engine) (*release.Result, error)
	// undoes says that an unfinished attempt is taken back rather than finished.
	undoes bool
}

func endings() []ending {
	return []ending{
		{name: "resume", do: func(ctx context.Context, e *release.Engine) (*release.Result, error) { return e.Resume(ctx, false) }},
		{name: "rollback", undoes: true, do: func(ctx context.Context, e *release.Engine) (*release.Result, error) {
			return e.Rollback(ctx, release.RollbackOptions{})
		}},
	}
}

// trial is one place, one piece of work and one fault.
type trial struct {
	*testing.T
	Place
	asOne   bool          // the place activates a release as one
	start   *Ledger       // when the work begins
	frozen  chan struct{} // closed when the process has stopped
	resumes chan struct{} // closed when it goes on
}

// Context is that in which engines work.
func (c *trial) Context() context.Context {
	if c.Place.Context != nil {
		return c.Place.Context()
	}
	return c.T.Context()
}

// trial returns the number of calls that the work made.
func (w work) trial(t *testing.T, p Place, one *attempt, at int) int {
	c := &trial{T: t, Place: p, frozen: make(chan struct{}), resumes: make(chan struct{})}
	_, c.asOne = providers.As[providers.Switcher](p.Engine(before).Adapter)
	w.prepare(c)
	c.start = c.ledger()
	process := &Process{}
	if one != nil {
		process.At, process.Fault = Number(at), one.fault(c)
	}
	done := make(chan error, 1)
	go func() { done <- w.do(c, c.engine(w.from, process)) }()
	var err error
	select {
	case err = <-done:
	case <-c.frozen:
		if err := one.rival.do(c); err != nil {
			c.Fatalf("overtaking: %v", err)
		}
		want := c.ledger().Message()
		c.serves(want)
		close(c.resumes)
		c.afterOvertaking(<-done, process, want)
		c.releases(fresh)
		return 0
	}
	if one == nil {
		if err != nil {
			t.Fatal(err)
		}
		c.serves(w.now)
		return len(process.Calls())
	}
	c.judge(w, process, err)
	if one.end.do != nil { // else the work was done before the call came
		c.end(w, one.end)
	}
	c.releases(fresh)
	return 0
}

// engine is the engine of a process that can be broken.
func (c *trial) engine(version string, p *Process) *release.Engine {
	e := c.Engine(version)
	e.Adapter = p.Wrap(e.Adapter)
	return e
}

// deploy releases the version of the engine's sources, which the ledger knows by the message.
func (c *trial) deploy(e *release.Engine, version string) error {
	return second(e.Deploy(c.Context(), release.DeployOptions{Message: version}))
}

// release deploys versions, one after another.
func (c *trial) release(versions ...string) {
	c.Helper()
	for _, v := range versions {
		if err := c.deploy(c.engine(v, &Process{}), v); err != nil {
			c.Fatalf("deploying %s: %v", v, err)
		}
	}
}

// releases deploys a version, and expects it to serve and no trace of trouble.
func (c *trial) releases(version string) {
	c.Helper()
	c.release(version)
	c.serves(version)
	c.settled(c.ledger())
}

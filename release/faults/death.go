package faults

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// death is a moment at which a process dies: nothing of it arrives from then on.
type death struct {
	name string
	done bool // whether the call is its last, rather than the first that is not made
}

func deaths() []death {
	return []death{{"is where the process dies", false}, {"is the last before the process dies", true}}
}

// afterwards is how a person goes on after the death of a process.
func afterwards() []ending { return append(endings(), ending{name: "deploy"}) }

// dies releases two versions and has the process that deploys the third die at a call. Then the next command takes over, and the
// newest version is deployed. It returns what there is in the end.
func (p Network) dies(t *testing.T, at int, d death, next ending) (left []string) {
	t.Helper()
	c := &trial{T: t, Place: p.Place}
	_, c.asOne = providers.As[providers.Switcher](p.Engine(before).Adapter)
	c.release("one", before)
	c.start = c.ledger()
	w := work{name: "deploy", from: "three", old: before, now: "three"}
	process, end := p.dying(at, d)
	defer end()
	err := c.deploy(c.engine(w.from, process), "three")
	hit, _ := p.buried(at)
	t.Logf("%s %s: %v", hit, d.name, err)
	if err == nil {
		c.serves(w.now)
	} else {
		c.afterDeath(w, c.ledger())
	}
	if next.do != nil {
		c.end(w, next)
	}
	c.goesOn(hit)
	c.settled(c.ledger())
	return p.Left()
}

// dying is a process that dies at a call; its end is that of the trial.
func (p Network) dying(at int, d death) (process *Process, end func()) {
	life, die := context.WithCancel(context.Background())
	p.Control.Reset()
	p.Control.Intercept(func(call standin.Call) standin.Fault {
		switch {
		case call.Number < at:
			return standin.Fault{}
		case call.Number == at && d.done:
			return standin.LoseReply()
		}
		die()
		return standin.Cut()
	})
	return &Process{Life: life}, die
}

// buried waits until nothing that a process which died had asked for is under way. It returns the call at which it died, and how
// many it made.
func (p Network) buried(at int) (hit string, calls int) {
	<-p.Control.Quiet()
	p.Control.Intercept(nil)
	made := p.Control.Calls()
	if at > len(made) {
		return "nothing", len(made)
	}
	return made[at-1].Service + " " + made[at-1].Operation, len(made)
}

// Purges has the process die at every call of a first deploy and of the removal that purges it, or a sample of that, on a new place
// each time. A second removal that purges leaves what there was before.
func Purges(t *testing.T, o Options, open func(t *testing.T) Network) {
	t.Helper()
	calls := open(t).purges(t, math.MaxInt, death{name: "without a death"})
	cases, tried := sample.Of(t, o.Every), 0
	for n := 1; n <= calls; n++ {
		for _, d := range deaths() {
			if !cases.Takes() {
				continue
			}
			tried++
			t.Run(fmt.Sprintf("call %d %s", n, d.name), func(t *testing.T) {
				t.Parallel()
				open(t).purges(t, n, d)
			})
		}
	}
	t.Logf("%d of %d calls × %d deaths are tried", tried, calls, len(deaths()))
}

// purges deploys a version and removes it, with a death at a call, and removes it again. It returns how many calls there were.
func (p Network) purges(t *testing.T, at int, d death) (calls int) {
	t.Helper()
	c := &trial{T: t, Place: p.Place}
	remove := func(process *Process) error {
		return second(c.engine("one", process).Remove(c.Context(), release.RemoveOptions{Purge: true}))
	}
	empty := p.Everything()
	process, end := p.dying(at, d)
	defer end()
	err := c.deploy(c.engine("one", process), "one")
	if err == nil {
		err = remove(process)
	}
	hit, calls := p.buried(at)
	t.Logf("%s %s: %v", hit, d.name, err)
	if process.died() {
		err = remove(&Process{})
	}
	if err != nil {
		t.Fatalf("removing what is left: %v", err)
	}
	if diff := cmp.Diff(empty, p.Everything()); diff != "" {
		t.Errorf("what is left is not what there was before (-before +left):\n%s", diff)
	}
	return calls
}

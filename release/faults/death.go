package faults

import (
	"context"
	"testing"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
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
	life, die := context.WithCancel(context.Background())
	defer die()
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
	err := c.deploy(c.engine(w.from, &Process{Life: life}), "three")
	<-p.Control.Quiet()
	p.Control.Intercept(nil)
	hit := "nothing"
	if calls := p.Control.Calls(); at <= len(calls) {
		hit = calls[at-1].Service + " " + calls[at-1].Operation
	}
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

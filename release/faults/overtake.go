package faults

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// overtaker is who overtakes a process that was stopped. What it leaves is what must serve from then on.
type overtaker struct {
	name string
	do   func(c *trial) error
}

func rivals() []overtaker {
	deploy := func(c *trial, force bool) error {
		return second(c.engine(rival, &Process{}).Deploy(c.Context(), release.DeployOptions{Message: rival, Force: force}))
	}
	rollback := func(c *trial, force bool) error {
		return second(c.engine(rival, &Process{}).Rollback(c.Context(), release.RollbackOptions{Force: force}))
	}
	after := func(c *trial, force bool) error {
		err := deploy(c, force)
		if errors.Is(err, providers.Conflict) { // what the stopped process began must be decided on first
			if err = rollback(c, force); err == nil {
				err = deploy(c, force)
			}
		}
		return err
	}
	return []overtaker{
		{"a deploy that waits for the lock to expire", func(c *trial) error { return after(c, false) }},
		{"a deploy by force", func(c *trial) error { return after(c, true) }},
		{"a rollback by force", func(c *trial) error {
			err := rollback(c, true)
			if errors.Is(err, providers.NotFound) { // there is nothing yet to go back to
				err = deploy(c, true)
			}
			return err
		}},
	}
}

// thereAndBack leaves what it found: only an epoch tells that somebody was there.
func thereAndBack() overtaker {
	return overtaker{"a deploy by force that was rolled back", func(c *trial) error {
		err := rivals()[1].do(c)
		if err == nil {
			err = second(c.engine(rival, &Process{}).Rollback(c.Context(), release.RollbackOptions{Force: true}))
		}
		if errors.Is(err, providers.NotFound) { // there was nothing yet to go back to
			return nil
		}
		return err
	}}
}

// overtaken stops the process at the call until somebody else has released something.
func (c *trial) overtaken() Fault {
	f := Stop(c.resumes)
	var once sync.Once
	stop := f.Before
	f.Before = func(call Call) error {
		once.Do(func() { close(c.frozen) })
		return stop(call)
	}
	return f
}

// lastCall is overtaken of a process that ends with the call: nothing that it would do next mends what the call did.
func (c *trial) lastCall() Fault {
	f := c.overtaken()
	var hit atomic.Bool
	wait := f.Before
	f.Before = func(call Call) error {
		dies := hit.Swap(true)
		if err := wait(call); err != nil || !dies {
			return err
		}
		return Dead
	}
	f.Late = true
	return f
}

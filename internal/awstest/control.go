package awstest

import (
	"sync"

	"github.com/ferryfn/ferry/internal/standin"
)

// control is what tests set and read.
type control struct {
	mu            sync.Mutex
	answer        func(event []byte, variables map[string]string) []byte
	pendingPolls  int
	updatingPolls int
	unassumable   int
	s3Conflicts   int
}

// Answer has invocations answered by this function, which gets the event and the variables of the version's environment:
// for tests of many deployments, where starting functions would take all the time.
func (c *Cloud) Answer(by func(event []byte, variables map[string]string) []byte) {
	c.set(func(k *control) { k.answer = by })
}

// PendingPolls sets how often a new function or version reads as Pending before it is Active. It starts as 1.
func (c *Cloud) PendingPolls(n int) { c.set(func(k *control) { k.pendingPolls = n }) }

// UpdatingPolls sets how often a function reads as InProgress after an update, and an event source mapping or provisioned
// concurrency as under way. It starts as 1.
func (c *Cloud) UpdatingPolls(n int) { c.set(func(k *control) { k.updatingPolls = n }) }

// RoleNotAssumable makes the next tries to give a function a role fail, as with a role that is some seconds old.
func (c *Cloud) RoleNotAssumable(tries int) { c.set(func(k *control) { k.unassumable = tries }) }

// ObjectConflicts makes the next conditional writes of S3 objects fail with ConditionalRequestConflict.
func (c *Cloud) ObjectConflicts(n int) { c.set(func(k *control) { k.s3Conflicts = n }) }

// RateLimit enforces Lambda's limits: the given rate of requests a second for all of the control plane, and 100 for
// GetFunction apart. Zero ends that. What is over it is refused, and counted in Refusals.
func (c *Cloud) RateLimit(perSecond float64) {
	if perSecond == 0 {
		c.Limits()
		return
	}
	c.Limits(
		standin.Limit{PerSecond: 100, Of: func(call standin.Call) bool { return call.Service == "lambda" && call.Operation == "GetFunction" }},
		standin.Limit{PerSecond: perSecond, Of: func(call standin.Call) bool { return call.Service == "lambda" && call.Operation != "Invoke" }},
	)
}

// DeprecateRuntime makes Lambda refuse to create and update functions of a runtime.
func (c *Cloud) DeprecateRuntime(runtime string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deprecated[runtime] = true
}

func (c *Cloud) set(change func(*control)) {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	change(&c.control)
}

func (c *Cloud) polls(of func(*control) int) int {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	return of(&c.control)
}

func pending(k *control) int  { return k.pendingPolls }
func updating(k *control) int { return k.updatingPolls }

// take counts one down, and says whether there was one.
func (c *Cloud) take(counter func(*control) *int) bool {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	n := counter(&c.control)
	if *n == 0 {
		return false
	}
	*n--
	return true
}

package azuretest

import (
	"strings"
	"sync"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// control is what tests set.
type control struct {
	mu       sync.Mutex
	polls    int
	roleLag  int
	syncLag  int
	quota    int
	logDelay int // milliseconds
	restarts int
	injects  int
	gridLag  int
	gridCold int

	onLoopback int
}

// Polls sets how often a long operation reads as under way before it has ended. It starts as 1.
func (c *Cloud) Polls(n int) { c.set(func(k *control) { k.polls = n }) }

// RoleLag sets how often a new role assignment is not yet known to the data plane when its principal first needs it, as in the
// minutes that it takes to spread. It starts as 1.
func (c *Cloud) RoleLag(tries int) { c.set(func(k *control) { k.roleLag = tries }) }

// SyncLag sets how often a sync of triggers has no effect after a package was published. It starts as 1.
func (c *Cloud) SyncLag(tries int) { c.set(func(k *control) { k.syncLag = tries }) }

// GridLag sets how often Event Grid does not know a function yet that Azure lists. It starts as 0.
func (c *Cloud) GridLag(tries int) { c.set(func(k *control) { k.gridLag = tries }) }

// GridCold sets how often a function is not awake in time when Event Grid asks it whether it wants the events. It starts as 0.
//
// Source: reports of functions of Python on Flex Consumption, whose first instance takes longer than the thirty seconds that Event Grid
// waits ("Webhook validation handshake failed … Http POST request failed with response code Unknown").
func (c *Cloud) GridCold(tries int) { c.set(func(k *control) { k.gridCold = tries }) }

// Quota sets how many cores of Flex Consumption a region has. It starts as 250.
func (c *Cloud) Quota(cores int) { c.set(func(k *control) { k.quota = cores }) }

// LogDelay sets how long lines take until a query finds them; in the field minutes.
func (c *Cloud) LogDelay(d time.Duration) {
	c.set(func(k *control) { k.logDelay = int(d.Milliseconds()) })
}

// RestartGap sets how many requests an app refuses after each restart. It starts as 0.
//
// Source: learn.microsoft.com/azure/azure-functions/flex-consumption-site-updates, "Recreate".
func (c *Cloud) RestartGap(requests int) { c.set(func(k *control) { k.restarts = requests }) }

// InjectStorage has the platform put a connection string of its own beside the identity of a new app's storage, which the host
// prefers: Azure/azure-functions-host#11796.
func (c *Cloud) InjectStorage() { c.set(func(k *control) { k.injects = 1 }) }

// RateLimit has Resource Manager keep to its limits as they are for each subscription and principal: 250 reads in the bucket and 25
// more each second, 200 writes and 10; a share makes both less. Zero ends that. What is over it is refused, and counted in Refusals.
//
// Source: learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling.
func (c *Cloud) RateLimit(share float64) {
	if share == 0 {
		c.Limits()
		return
	}
	arm := func(call standin.Call) bool { return strings.HasPrefix(call.Service, "Microsoft.") }
	c.Limits(
		standin.Limit{PerSecond: 10 * share, Burst: 200 * share, Of: func(call standin.Call) bool { return arm(call) && call.Write }},
		standin.Limit{PerSecond: 25 * share, Burst: 250 * share, Of: arm},
	)
}

func (c *Cloud) set(change func(*control)) {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	change(&c.control)
}

func (c *Cloud) setting(of func(*control) int) int {
	c.control.mu.Lock()
	defer c.control.mu.Unlock()
	return of(&c.control)
}

func polls(k *control) int    { return k.polls }
func roleLag(k *control) int  { return k.roleLag }
func syncLag(k *control) int  { return k.syncLag }
func quota(k *control) int    { return k.quota }
func logDelay(k *control) int { return k.logDelay }
func restarts(k *control) int { return k.restarts }
func injects(k *control) int  { return k.injects }

package release

import (
	"context"
	"time"
)

// partingTime is what an interruption leaves for work that the next command can do as well, such as freeing the lock.
const partingTime = 1500 * time.Millisecond

type parting struct{}

// part is a context for what is left in order where that is possible, and found by the next command where it is not:
// it ends soon after ctx was interrupted, and never gets a second such time.
func (a *attempt) part(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Value(parting{}) != nil {
		return context.WithCancel(ctx)
	}
	settling, cancel := a.settle(context.WithValue(ctx, parting{}, true))
	stop := context.AfterFunc(ctx, func() {
		last := time.AfterFunc(partingTime, cancel)
		context.AfterFunc(settling, func() { last.Stop() })
	})
	return settling, func() {
		stop()
		cancel()
	}
}

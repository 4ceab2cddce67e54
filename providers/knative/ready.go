package knative

import (
	"context"
	"errors"

	"github.com/ferryfn/ferry/providers"
)

// Obstacles are brokers that there are not, or that do not work, and a queue that two functions would each have all messages of. It
// asks nothing for functions that no queue, topic or bucket calls.
func (a *Adapter) Obstacles(ctx context.Context, specs []providers.Spec) ([]providers.Obstacle, error) {
	var found []providers.Obstacle
	readers, seen := map[string]string{}, map[string]bool{}
	for _, s := range specs {
		fn := functionOf(s.Function)
		var named []string
		for _, e := range fn.Events {
			o := fn.origin(e)
			if o.broker == "" {
				continue
			}
			named = append(named, o.broker, fn.own.DeadLetters)
			if e.Queue == nil {
				continue
			}
			if other := readers[e.Queue.Name]; other != "" && other != fn.Name {
				found = append(found, providers.Obstacle{Err: fail(providers.Invalid, "bind", fn.Name, "let one function read it, or use topic events",
					"the function %s reads the queue %s, too: Knative Eventing hands each message to both", other, e.Queue.Name)})
			}
			readers[e.Queue.Name] = fn.Name
		}
		for _, id := range named {
			if id == "" || seen[id] {
				continue
			}
			seen[id] = true
			o, err := with(ctx, a, "look at the brokers", fn.Name, func(c *connection) ([]providers.Obstacle, error) { return c.lookAtBroker(ctx, fn.Name, id) })
			if err != nil {
				return nil, err
			}
			found = append(found, o...)
		}
	}
	return found, nil
}

// lookAtBroker says what keeps events of a broker from coming.
func (c *connection) lookAtBroker(ctx context.Context, fn, id string) ([]providers.Obstacle, error) {
	b, err := c.broker(ctx, id)
	var lacks *providers.Error
	switch {
	case errors.As(err, &lacks):
		named := *lacks // other functions lack it, too
		named.Function = fn
		return []providers.Obstacle{{Err: &named}}, nil
	case err != nil:
		return nil, err
	}
	if ready := b.Status.ready(); ready.Status == isFalse {
		return []providers.Obstacle{{Err: fail(providers.Unavailable, "bind", fn, "see what it lacks: `kubectl describe broker "+id+"`", "the broker %s is not ready: %s (%s)", id, ready.Message, ready.Reason)}}, nil
	}
	return nil, nil
}

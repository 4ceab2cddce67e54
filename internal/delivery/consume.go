package delivery

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Consumption is a consumer at work.
type Consumption struct {
	engine *Engine
	queue  *queue
	Consumer
	wake    chan struct{}
	slots   chan struct{}
	stopped context.Context // takes no more
	stop    context.CancelFunc
	aborted context.Context // what is under way ends
	abort   context.CancelFunc
	working sync.WaitGroup
}

// Consume delivers the messages of a queue until it is stopped.
func (e *Engine) Consume(c Consumer) *Consumption {
	w := &Consumption{engine: e, Consumer: c, wake: make(chan struct{}, 1), slots: make(chan struct{}, max(1, c.Limit))}
	w.stopped, w.stop = context.WithCancel(context.Background())
	w.aborted, w.abort = context.WithCancel(context.Background())
	e.mu.Lock()
	w.queue = e.queue(c.Queue)
	w.queue.wakes[w] = w.wake
	e.mu.Unlock()
	w.working.Go(w.run)
	return w
}

// Halt takes no more messages. It does not wait for those under way.
func (w *Consumption) Halt() { w.stop() }

// Stop takes no more messages and returns when those under way are settled. When ctx ends first, they are broken off, to be
// delivered again.
func (w *Consumption) Stop(ctx context.Context) {
	w.Halt()
	release := context.AfterFunc(ctx, w.abort)
	w.working.Wait()
	release()
	w.abort()
	w.engine.mu.Lock()
	delete(w.queue.wakes, w)
	w.engine.mu.Unlock()
}

func (w *Consumption) run() {
	for {
		select {
		case w.slots <- struct{}{}:
		case <-w.stopped.Done():
			return
		}
		batch := w.next()
		if batch == nil {
			return
		}
		w.working.Go(func() {
			w.deliver(batch)
			<-w.slots
		})
	}
}

// next waits for messages that are due; nil is that the consumer was stopped.
func (w *Consumption) next() []entry {
	for {
		if w.stopped.Err() != nil {
			return nil
		}
		w.engine.mu.Lock()
		batch, wait := w.queue.take(max(1, w.Batch), time.Now())
		w.engine.mu.Unlock()
		if batch != nil {
			return batch
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-w.wake:
		case <-due:
		case <-w.stopped.Done():
		}
	}
}

// deliver has a batch delivered and keeps what became of it.
func (w *Consumption) deliver(batch []entry) {
	records, err := w.read(batch)
	outcomes := make([]error, len(batch))
	if err == nil {
		deliveries := make([]Delivery, len(batch))
		for i, r := range records {
			deliveries[i] = Delivery{Message: r.Message, Attempt: batch[i].attempts + 1}
		}
		outcomes = w.Deliver(w.aborted, deliveries)
	}
	now := time.Now().UTC().Round(0)
	for i, failure := range outcomes {
		switch {
		case err != nil, failure != nil && w.aborted.Err() != nil, errors.Is(failure, ErrPostponed):
			outcomes[i], batch[i].due = ErrPostponed, now.Add(postponed)
		case failure != nil:
			batch[i].attempts++
			batch[i].due = now.Add(w.Retry.pause(batch[i].attempts))
		}
	}
	if err == nil {
		err = w.engine.store.update(func(tx *bbolt.Tx) error { return w.keep(tx, batch, records, outcomes, now) })
	}
	w.settle(batch, outcomes, err)
}

// read is the content of messages.
func (w *Consumption) read(batch []entry) ([]record, error) {
	records := make([]record, len(batch))
	err := w.engine.store.db.View(func(tx *bbolt.Tx) error {
		q := tx.Bucket(queuesBucket).Bucket([]byte(w.Queue))
		if q == nil {
			return ErrPostponed // it was dropped
		}
		for i, e := range batch {
			var err error
			if records[i], err = decode(q.Bucket(readyBucket).Get(key(e.number))); err != nil {
				return err
			}
		}
		return nil
	})
	return records, err
}

// keep writes what became of a batch. Of a queue that was dropped meanwhile nothing is kept.
func (w *Consumption) keep(tx *bbolt.Tx, batch []entry, records []record, outcomes []error, now time.Time) error {
	if tx.Bucket(queuesBucket).Bucket([]byte(w.Queue)) == nil {
		return nil
	}
	ready, err := bucket(tx, w.Queue, readyBucket)
	if err != nil {
		return err
	}
	dead, err := bucket(tx, w.Queue, deadBucket)
	if err != nil {
		return err
	}
	for i, e := range batch {
		if ready.Get(key(e.number)) == nil {
			continue
		}
		r := records[i]
		r.Attempts, r.Due = e.attempts, e.due
		switch failure := outcomes[i]; {
		case errors.Is(failure, ErrPostponed):
			continue
		case failure == nil:
			err = ready.Delete(key(e.number))
		case w.dies(e):
			r.Due, r.Reason, r.Died = time.Time{}, failure.Error(), now
			err = errors.Join(put(dead, e.number, r), ready.Delete(key(e.number)))
		default:
			r.Reason = failure.Error()
			err = put(ready, e.number, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dies reports whether a message that failed is not tried again.
func (w *Consumption) dies(e entry) bool { return e.attempts >= w.Retry.Attempts }

// settle lets messages go or wait, as it was kept. What could not be kept is delivered again.
func (w *Consumption) settle(batch []entry, outcomes []error, err error) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	for i, e := range batch {
		switch {
		case err != nil:
			e.due = time.Now().Add(postponed)
			w.queue.again(e)
		case outcomes[i] == nil, !errors.Is(outcomes[i], ErrPostponed) && w.dies(e):
			w.queue.done(e)
		default:
			w.queue.again(e)
		}
	}
	w.queue.wake()
}

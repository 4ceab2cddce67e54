package platform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// errRetired means that the revision stopped being live: the caller looks up what is live now.
var errRetired = errors.New("the revision is not live any more")

// errBusy means that no instance became free in time, errFull that too many requests wait for one already.
var (
	errBusy = errors.New("all instances are busy")
	errFull = errors.New("too many requests wait already")
)

// mostWaiting is how many requests wait for an instance of a revision. Each holds a connection, and its client has long
// given up when its turn comes.
const mostWaiting = 1000

// pool runs the instances of one live revision.
type pool struct {
	host     *host
	scope    Scope
	function string
	revision Revision
	journal  *journal
	stats    *stats
	ctx      context.Context // ends the starting of instances
	cancel   context.CancelFunc

	mu        sync.Mutex
	instances []*instance // that take requests, oldest first
	processes map[*instance]bool
	starting  int
	renewed   int // how often all instances were to be replaced
	waiting   []*waiter
	retired   bool
	failures  int            // starts that failed one after another
	running   sync.WaitGroup // instances and their starts
}

// waiter is a request without an instance.
type waiter struct {
	answer chan answer // of capacity 1
}

type answer struct {
	instance *instance
	cold     bool
	err      error
}

func newPool(h *host, s Scope, function string, r Revision, j *journal, seen *stats) *pool {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pool{
		host: h, scope: s, function: function, revision: r, journal: j, stats: seen,
		ctx: ctx, cancel: cancel, processes: map[*instance]bool{},
	}
	return p
}

// start starts the instances that are kept warm.
func (p *pool) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keepWarm()
}

// acquire finds or starts an instance with room for one more request; cold says that it was started for it.
// The caller releases it.
func (p *pool) acquire(ctx context.Context) (in *instance, cold bool, err error) {
	p.mu.Lock()
	if p.retired {
		p.mu.Unlock()
		return nil, false, errRetired
	}
	if in := p.free(); in != nil {
		p.occupy(in)
		p.mu.Unlock()
		return in, false, nil
	}
	if len(p.waiting) >= mostWaiting {
		p.mu.Unlock()
		return nil, false, errFull
	}
	w := &waiter{answer: make(chan answer, 1)}
	p.waiting = append(p.waiting, w)
	p.grow()
	patience := p.patience()
	p.mu.Unlock()

	ctx, cancel := context.WithTimeoutCause(ctx, patience, errBusy)
	defer cancel()
	select {
	case a := <-w.answer:
		return a.instance, a.cold, a.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.waiting = slices.DeleteFunc(p.waiting, func(o *waiter) bool { return o == w })
	p.mu.Unlock()
	select {
	case a := <-w.answer: // it came at the last moment
		return a.instance, a.cold, a.err
	default:
		return nil, false, context.Cause(ctx)
	}
}

// patience is how long a request waits for room: as long as one may take, and a start on top of it when
// nothing runs yet.
func (p *pool) patience() time.Duration {
	wait := p.revision.Timeout
	if wait <= 0 || len(p.instances) == 0 {
		wait += p.host.options.StartTimeout
	}
	return wait
}

// free is an instance with room that nobody has asked to end: the oldest, so that younger ones become idle and go.
func (p *pool) free() *instance {
	for _, in := range p.instances {
		if !in.closing && !in.ending.Load() && in.inflight < p.revision.Concurrency {
			return in
		}
	}
	return nil
}

func (p *pool) occupy(in *instance) {
	in.inflight++
	if in.idle != nil {
		in.idle.Stop()
		in.idle = nil
	}
}

// grow starts instances while more requests wait than those that are starting will have room for.
func (p *pool) grow() {
	for len(p.waiting) > p.starting*p.revision.Concurrency && len(p.instances)+p.starting < p.revision.Max {
		p.startOne()
	}
}

// keepWarm starts instances up to the least number.
func (p *pool) keepWarm() {
	for !p.retired && len(p.instances)+p.starting < p.revision.Min {
		p.startOne()
	}
}

func (p *pool) startOne() {
	p.starting++
	begun := p.renewed
	p.running.Go(func() {
		in, err := p.host.launch(p.ctx, p.scope, p.function, p.revision, p.journal)
		p.mu.Lock()
		p.starting--
		if err != nil {
			p.startFailed(err)
			p.mu.Unlock()
			return
		}
		p.failures = 0
		p.stats.start(in.took)
		p.processes[in] = true
		p.instances = append(p.instances, in)
		if begun != p.renewed {
			p.replace(in, "takes no requests: it may have begun with an earlier value of a secret")
		}
		p.serve(in, true)
		p.settle(in)
		p.mu.Unlock()
		<-in.exited
		p.gone(in)
	})
}

// startFailed tells those who wait, unless others may still have room for them.
func (p *pool) startFailed(err error) {
	if !p.retired {
		e := wire(err)
		p.journal.write(Line{Time: time.Now().UTC(), Revision: p.revision.ID, Stream: streamPlatform, Text: e.Message})
	}
	if len(p.instances) == 0 && p.starting == 0 {
		p.dismiss(err)
	}
	p.failures++
	p.warmLater()
}

// dismiss ends all waiting with an error.
func (p *pool) dismiss(err error) {
	for _, w := range p.waiting {
		w.answer <- answer{err: err}
	}
	p.waiting = nil
}

// serve gives an instance to those who wait, as far as it has room.
func (p *pool) serve(in *instance, cold bool) {
	for len(p.waiting) > 0 && !in.closing && in.inflight < p.revision.Concurrency {
		w := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.occupy(in)
		w.answer <- answer{instance: in, cold: cold}
	}
}

// settle decides what becomes of an instance without requests.
func (p *pool) settle(in *instance) {
	switch {
	case in.inflight > 0:
	case in.closing || p.retired:
		in.end(p.host.options.Grace)
	case in.idle == nil:
		in.idle = time.AfterFunc(p.patient(), func() { p.expire(in) })
	}
}

// expire ends an instance that had nothing to do for long, but for those that are kept warm.
func (p *pool) expire(in *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if in.inflight > 0 || in.idle == nil || in.closing || p.retired {
		return
	}
	in.idle = nil
	if len(p.instances)+p.starting <= p.revision.Min {
		p.settle(in)
		return
	}
	p.drop(in, fmt.Sprintf("stopped after %s without a request", p.patient()))
}

// patient is how long an instance may be without a request.
func (p *pool) patient() time.Duration { return cmp.Or(p.revision.Idle, p.host.options.IdleAfter) }

// drop lets an instance take no new requests; it ends when the last one it serves is done.
func (p *pool) drop(in *instance, why string) {
	if in.closing {
		return
	}
	in.closing = true
	p.instances = slices.DeleteFunc(p.instances, func(o *instance) bool { return o == in })
	in.say("%s", why)
	p.settle(in)
}

// renew replaces all instances, also those that are starting.
func (p *pool) renew(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renewed++
	for _, in := range slices.Clone(p.instances) {
		p.replace(in, why)
	}
}

// replace drops an instance and starts others for those that need them.
func (p *pool) replace(in *instance, why string) {
	p.drop(in, why)
	p.grow()
	p.keepWarm()
}

// release ends a request. A reason other than "" means that the instance must not get another one.
func (p *pool) release(in *instance, unfit string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	in.inflight--
	if unfit != "" {
		p.drop(in, unfit)
	}
	p.serve(in, false)
	p.settle(in)
	p.grow() // those who wait for an instance that is dropped
	p.keepWarm()
}

// gone forgets an instance whose process ended.
func (p *pool) gone(in *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	in.closing = true
	if in.idle != nil {
		in.idle.Stop()
	}
	p.instances = slices.DeleteFunc(p.instances, func(o *instance) bool { return o == in })
	delete(p.processes, in)
	p.grow()
	p.warmLater()
}

// warmLater restores the least number after a pause, which grows while starts fail.
func (p *pool) warmLater() {
	if p.retired || p.revision.Min == 0 {
		return
	}
	pause := min(time.Second<<min(p.failures, 6), time.Minute)
	time.AfterFunc(pause, p.start)
}

// retire ends the pool's being live: requests that it serves finish, those that wait look again.
func (p *pool) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired {
		return
	}
	p.retired = true
	p.cancel()
	p.dismiss(errRetired)
	for _, in := range p.instances {
		p.settle(in)
	}
}

// wait waits until a retired pool has no process any more, and kills what is left when ctx ends.
func (p *pool) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		p.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	p.mu.Lock()
	for in := range p.processes {
		in.kill("killed: the platform stops")
	}
	p.mu.Unlock()
	<-done
}

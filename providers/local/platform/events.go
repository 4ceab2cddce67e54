package platform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ferryfn/ferry/internal/delivery"
)

// events are the messages of a service, and what has them delivered. There is a file of them once something is bound.
type events struct {
	service *service

	table atomic.Pointer[map[string]Entry] // of functions that are bound

	mu      sync.RWMutex // to send is to read
	engine  *delivery.Engine
	bound   map[string]*bound
	folders map[string]*folder // by bucket
	halting sync.WaitGroup     // consumers that settle what is under way
	ending  context.Context    // of the engine: then that is broken off
	abort   context.CancelFunc
}

// bound is what a function's bindings have at work.
type bound struct {
	entry     Entry
	limit     int
	consumers []*delivery.Consumption
	timers    []*delivery.Timer
}

// mostBatches is how many batches of one binding are under way at once, where the function has room for more.
const mostBatches = 10

func newEvents(s *service) *events {
	e := &events{service: s}
	e.clear()
	return e
}

// clear forgets all that is at work.
func (e *events) clear() {
	e.engine, e.bound, e.folders = nil, map[string]*bound{}, map[string]*folder{}
	e.table.Store(&map[string]Entry{})
	e.ending, e.abort = context.WithCancel(context.Background())
}

// current are the functions that are bound.
func (e *events) current() map[string]Entry { return *e.table.Load() }

func (h Home) eventsFile(s Scope) string { return h.scope(s, "events.db") }

// prepare makes sure that there is a file of messages for a table that needs one.
func (e *events) prepare(t Table) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.engine != nil || !slices.ContainsFunc(slices.Collect(maps.Values(t.Functions)), Entry.listens) {
		return nil
	}
	h := e.service.host.home
	if err := mkdirAll(h.scope(e.service.scope)); err != nil {
		return err
	}
	engine, err := delivery.Open(h.eventsFile(e.service.scope))
	if err != nil {
		return err
	}
	e.engine = engine
	return nil
}

// listens reports whether a function is bound to anything.
func (e Entry) listens() bool { return e.Bindings != "" && len(e.Events) > 0 }

// follow has what is bound in a table delivered, and no more than that. Messages under way are settled all the same.
func (e *events) follow(t Table) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.engine == nil {
		return nil
	}
	was, is := e.current(), map[string]Entry{}
	for name, entry := range t.Functions {
		if entry.listens() {
			is[name] = Entry{Bindings: entry.Bindings, Events: entry.Events}
		}
	}
	e.table.Store(&is)
	var failures []error
	for name, b := range e.bound {
		if now := is[name]; !reflect.DeepEqual(now, b.entry) || b.limit != e.limit(name) {
			e.halt(b)
			delete(e.bound, name)
		}
	}
	failures = append(failures, e.forget(was), e.watch())
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if e.bound[name] == nil {
			b, err := e.begin(name, is[name])
			e.bound[name] = b
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// limit is how many batches a function is given at once.
func (e *events) limit(function string) int {
	r := (*e.service.routes.Load())[function]
	if r.live == nil {
		return 1
	}
	return min(mostBatches, r.live.revision.Max*r.live.revision.Concurrency)
}

// begin has a function's bindings deliver.
func (e *events) begin(function string, entry Entry) (*bound, error) {
	b := &bound{entry: entry, limit: e.limit(function)}
	if entry.Bindings != BindingsEnabled {
		return b, nil
	}
	var failures []error
	consumed := map[string]bool{}
	for _, binding := range entry.Events {
		if binding.Kind == KindSchedule {
			timer, err := e.schedule(function, binding)
			if err == nil {
				b.timers = append(b.timers, timer)
			}
			failures = append(failures, err)
		}
		if queue := binding.queue(function); !consumed[queue] {
			consumed[queue] = true
			b.consumers = append(b.consumers, e.engine.Consume(e.consumer(function, binding, b.limit)))
		}
	}
	return b, errors.Join(failures...)
}

func (e *events) halt(b *bound) {
	ending := e.ending
	for _, t := range b.timers {
		t.Stop()
	}
	for _, c := range b.consumers {
		c.Halt()
		e.halting.Go(func() { c.Stop(ending) })
	}
}

// forget drops what waits for functions that are not bound any more. The messages of queues stay.
func (e *events) forget(was map[string]Entry) error {
	var failures []error
	kept := map[string]bool{}
	for name, entry := range e.current() {
		for _, b := range entry.Events {
			kept[b.queue(name)], kept[b.note(name)] = true, true
		}
	}
	for name, entry := range was {
		for _, b := range entry.Events {
			if note := b.note(name); b.Kind == KindSchedule && !kept[note] {
				failures = append(failures, e.engine.Put(nil, map[string][]byte{note: nil}))
			}
			if queue := b.queue(name); b.Kind != KindQueue && !kept[queue] {
				failures = append(failures, e.engine.Drop(queue))
			}
		}
	}
	return errors.Join(failures...)
}

// watch looks at the folders of the buckets that functions are bound to.
func (e *events) watch() error {
	var failures []error
	buckets := map[string]bool{}
	for _, entry := range e.current() {
		for _, b := range entry.Events {
			if b.Kind == KindObject {
				buckets[b.Name] = true
			}
		}
	}
	for name, f := range e.folders {
		if !buckets[name] {
			f.stop()
			delete(e.folders, name)
			failures = append(failures, f.forget())
		}
	}
	for name := range buckets {
		if e.folders[name] == nil {
			f, err := newFolder(e.engine, e.service.host.home.Bucket(e.service.scope, name), name, e.happened)
			if err != nil {
				failures = append(failures, fmt.Errorf("watching the folder of the bucket %s: %w", name, err))
				continue
			}
			e.folders[name] = f
		}
	}
	return errors.Join(failures...)
}

// stop ends all delivery. Messages under way may finish until ctx ends.
func (e *events) stop(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.engine == nil {
		return nil
	}
	for _, f := range e.folders {
		f.stop()
	}
	for _, b := range e.bound {
		e.halt(b)
	}
	release := context.AfterFunc(ctx, e.abort)
	e.halting.Wait()
	release()
	e.abort()
	err := e.engine.Close()
	e.clear()
	return err
}

// remove ends all delivery and deletes what waits. Files in the folders of buckets are people's own.
func (e *events) remove(ctx context.Context) error {
	err := e.stop(ctx)
	h, s := e.service.host.home, e.service.scope
	err = errors.Join(err, ignoreAbsent(os.Remove(h.eventsFile(s))))
	entries, reading := os.ReadDir(h.buckets(s))
	if errors.Is(reading, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		err = errors.Join(err, ignoreFilled(removeEmpty(filepath.Join(h.buckets(s), entry.Name()))))
	}
	return errors.Join(err, ignoreFilled(removeEmpty(h.buckets(s))))
}

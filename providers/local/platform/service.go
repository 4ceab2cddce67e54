package platform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// service is one scope at work: its table, its listener and the pools of what is live. It owns them for the life of the
// platform, also while nothing is live: a service that ended beside one that began would meet its own port and files.
type service struct {
	host  *host
	scope Scope

	mu        sync.Mutex // of all that changes, taken with lock; requests do not take it
	ended     bool       // with the platform: nothing changes any more
	table     Table
	server    *http.Server // nil while it does not listen
	listeners listeners    // of the server
	problem   error        // why it does not listen
	journals  map[string]*journal
	stats     map[string]*stats // by function
	hot       map[string]*early // by function
	pageKey   string
	events    *events
	doors     map[string]*door               // of functions that answer HTTP
	ports     atomic.Pointer[map[string]int] // the service's, by "", and those of the doors
	hosts     atomic.Pointer[[]string]       // the table's
	routes    atomic.Pointer[map[string]route]

	announced atomic.Pointer[announcement] // nil is nothing
	hearers   hearers

	retired sync.WaitGroup // pools that drain
}

// lock begins a change of the service; the caller unlocks mu. It fails once the platform ends.
func (s *service) lock() error {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return stopping()
	}
	return nil
}

func stopping() error { return failed(CodeNotRunning, "", "the platform is stopping") }

// current is what is live now.
func (s *service) current() Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.clone()
}

// open makes sure that the service listens.
func (s *service) open(wish Address, taken func(int) bool) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := s.listen(wish, taken); err != nil {
		return err
	}
	next := s.table.clone()
	s.problem = s.openDoors(next, taken)
	if reflect.DeepEqual(next, s.table) {
		return s.problem
	}
	if err := writeJSON(s.host.home.TableFile(s.scope), next); err != nil {
		return fmt.Errorf("keeping the ports of %s: %w", s.scope, err)
	}
	s.table = next
	return s.problem
}

// reach fails when the service does not answer, and would not when it was opened. It changes nothing.
func (s *service) reach(wish Address) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	port := cmp.Or(wish.Port, s.table.Port)
	if s.server != nil && port == s.table.Port {
		return s.doorsShut()
	}
	if err := PortFree(s.scope, "", port); err != nil || s.server != nil || s.table.Port == 0 {
		return err
	}
	return failed(CodeNotRunning, "", "the local platform does not listen for %s yet", s.scope)
}

// apply makes all changes at once, or none: live, or with a percentage beside what is live.
func (s *service) apply(q SwitchRequest, percent int, taken func(int) bool) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, c := range q.Changes {
		if err := s.scope.check(c.Function); err != nil {
			return err
		}
	}
	if err := s.admit(q.Writer); err != nil {
		return err
	}
	next, err := s.table.apply(q.Changes, percent, func(function, id string) (Revision, error) {
		return s.host.home.Revision(s.scope, function, id)
	})
	if err != nil {
		return err
	}
	if err := s.listen(q.Address, taken); err != nil {
		return err
	}
	next.Port, next.Hosts = s.table.Port, s.table.Hosts
	defer s.closeDoors() // also those that were opened in vain
	if s.problem = s.openDoors(next, taken); s.problem != nil {
		return s.problem
	}
	return s.change(next)
}

// admit refuses who was overtaken. The lock is held.
func (s *service) admit(w Writer) error { return s.host.epochs.admit(s.scope, w) }

// listen has the service answer at an address: on the wished port, else on the one that is kept, else on a new one. The
// lock is held.
func (s *service) listen(wish Address, taken func(int) bool) error {
	table := s.table
	table.Hosts = wish.Hosts
	port := cmp.Or(wish.Port, table.Port)
	var l listeners
	if s.server == nil || port != s.table.Port {
		var err error
		if l, table.Port, err = listen(s.host.home, s.scope, "", port, taken); err != nil {
			if s.server == nil {
				s.problem = err
			}
			return err
		}
	}
	if table.Port != s.table.Port || !slices.Equal(table.Hosts, s.table.Hosts) {
		if err := writeJSON(s.host.home.TableFile(s.scope), table); err != nil {
			l.close()
			return fmt.Errorf("keeping the address of %s: %w", s.scope, err)
		}
	}
	s.table = table
	s.notePorts()
	s.hosts.Store(&table.Hosts)
	if l != nil {
		s.serve(l)
	}
	return nil
}

// serve answers at listeners, in place of those before. The lock is held.
func (s *service) serve(l listeners) {
	if old := s.unlisten(); old != nil {
		s.retired.Go(func() { shut(context.Background(), old, s.host.options.Drain) })
	}
	s.problem, s.server, s.listeners = nil, answering(l, s), l
}

// unlisten gives the port back before it returns. The server that it returns, if any, still answers what it began. The
// lock is held.
func (s *service) unlisten() *http.Server {
	old := s.server
	s.listeners.close() // a server that has not begun to serve would close them some time later
	s.server, s.listeners = nil, nil
	return old
}

// shut closes a server's connections when their requests are done, or after the grace.
func shut(ctx context.Context, server *http.Server, grace time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}

// change writes a new table and then routes by it. A request sees the old routes or the new ones. The lock is held.
func (s *service) change(next Table) error {
	old := *s.routes.Load()
	routes := map[string]route{}
	for name, e := range next.Functions {
		r, err := s.newRoute(name, e, old[name])
		if err != nil {
			return err
		}
		if r.live != nil {
			routes[name] = r
		}
	}
	if err := s.events.prepare(next); err != nil {
		return err
	}
	if err := writeJSON(s.host.home.TableFile(s.scope), next); err != nil {
		return fmt.Errorf("writing what is live in %s: %w", s.scope, err)
	}
	s.table = next
	s.routes.Store(&routes)
	for name, r := range routes {
		for _, p := range r.without(old[name]) {
			s.handOver(p)
			p.start()
		}
	}
	for name, r := range old {
		for _, p := range r.without(routes[name]) {
			p.retire()
			s.retired.Go(func() { p.wait(context.Background()) })
		}
	}
	return s.events.follow(next)
}

func (s *service) journal(function string) *journal {
	j := s.journals[function]
	if j == nil {
		j = &journal{path: s.host.home.functionLog(s.scope, function), limit: s.host.options.LogSize}
		s.journals[function] = j
	}
	return j
}

// stop ends the service for good: no new requests, those that run get until ctx ends.
func (s *service) stop(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	var all sync.WaitGroup
	all.Go(func() {
		drain, cancel := context.WithTimeout(ctx, s.host.options.Drain)
		defer cancel()
		if err := s.events.stop(drain); err != nil {
			s.host.options.Log.Error("ending the delivery of events", "service", s.scope.String(), "error", err)
		}
	})
	open := s.unlistenDoors()
	if old := s.unlisten(); old != nil {
		open = append(open, old)
	}
	for _, server := range open {
		all.Go(func() { shut(ctx, server, s.host.options.Drain) })
	}
	all.Wait()
	for function, e := range s.hot {
		s.cool(function)
		s.retired.Go(e.gone)
	}
	for _, r := range *s.routes.Load() {
		for _, p := range r.pools() {
			p.retire()
			p.wait(ctx)
		}
	}
	s.routes.Store(&map[string]route{})
	s.retired.Wait()
	for _, j := range s.journals {
		j.close()
	}
}

// remove takes away all of a function, and with the last one what the service has on the disk, and its port.
func (s *service) remove(ctx context.Context, function string, w Writer) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := s.admit(w); err != nil {
		return err
	}
	h := s.host.home
	had := (*s.routes.Load())[function]
	next := s.table.clone()
	delete(next.Functions, function)
	if err := s.change(next); err != nil {
		return err
	}
	s.closeDoors()
	drain, cancel := context.WithTimeout(ctx, s.host.options.Drain)
	for _, p := range had.pools() { // its requests finish before its files go
		p.wait(drain)
	}
	cancel()
	err := errors.Join(s.journal(function).remove(), discard(h.revisions(s.scope, function)))
	delete(s.journals, function)
	delete(s.stats, function)
	s.cool(function)
	if err != nil {
		return fmt.Errorf("removing %s: %w", function, err)
	}
	if len(next.Functions) > 0 {
		return nil
	}
	return s.vacate(ctx)
}

// vacate gives up what is kept for a service without functions. Folders go only when they are empty: another function
// may be published without being live. The lock is held.
func (s *service) vacate(ctx context.Context) error {
	h := s.host.home
	if err := removeEmpty(h.scope(s.scope, "logs"), h.scope(s.scope, "revisions")); err != nil {
		return ignoreFilled(err)
	}
	if err := s.events.remove(ctx); err != nil {
		return fmt.Errorf("removing the messages of %s: %w", s.scope, err)
	}
	if old := s.unlisten(); old != nil {
		shut(ctx, old, s.host.options.Drain)
	}
	s.table.Port, s.problem = 0, nil
	s.notePorts()
	if err := ignoreAbsent(os.Remove(h.TableFile(s.scope))); err != nil {
		return err
	}
	return ignoreFilled(removeEmpty(h.scope(s.scope), h.path("services", s.scope.Service)))
}

func removeEmpty(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func ignoreFilled(err error) error {
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		return nil
	}
	return err
}

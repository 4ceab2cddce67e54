package platform

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net/http"
	"slices"
	"time"
)

// door is a port at which one function answers, so that it owns all paths and a redirect to one leads there.
type door struct {
	port      int
	listeners listeners
	server    *http.Server
}

// answers reports whether a function is live and answers HTTP.
func (e Entry) answers() bool { return e.Revision != "" && e.HTTP }

// openDoors has each function of a table answer at a port of its own, which is kept in the table. One whose port cannot be
// had keeps none of the others from answering. The lock is held.
func (s *service) openDoors(t Table, taken func(int) bool) error {
	var failures []error
	for _, name := range slices.Sorted(maps.Keys(t.Functions)) {
		e := t.Functions[name]
		if !e.answers() {
			continue
		}
		d := s.doors[name]
		if d == nil {
			l, port, err := listen(s.host.home, s.scope, name, e.Port, taken)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			d = &door{port: port, listeners: l}
			d.server = answering(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serveDoor(w, r, name) }))
			s.doors[name] = d
			s.notePorts()
		}
		e.Port = d.port
		t.Functions[name] = e
	}
	return errors.Join(failures...)
}

// doorsShut fails for the first function of the table whose door is not open.
func (s *service) doorsShut() error {
	for _, name := range slices.Sorted(maps.Keys(s.table.Functions)) {
		e := s.table.Functions[name]
		if !e.answers() || s.doors[name] != nil {
			continue
		}
		if err := PortFree(s.scope, name, e.Port); err != nil {
			return err
		}
		return failed(CodeNotRunning, name, "the local platform does not listen for %s yet", name)
	}
	return nil
}

// headerSize is how long the head of a request may be, in bytes, up to what the server adds to it: no cloud takes more. An
// instance that takes less answers that while all of it fits into the connection, so that it does not look as if it had broken
// the request off.
const headerSize = 60 << 10

// answering is a server at listeners.
func answering(l listeners, h http.Handler) *http.Server {
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, MaxHeaderBytes: headerSize, ErrorLog: log.New(io.Discard, "", 0)}
	for _, one := range l {
		go func() { _ = server.Serve(one) }()
	}
	return server
}

// closeDoors closes the doors of functions that answer no more. What they began they still answer. The lock is held.
func (s *service) closeDoors() {
	for name, d := range s.doors {
		if !s.table.Functions[name].answers() {
			s.closeDoor(name, d)
			s.retired.Go(func() { shut(context.Background(), d.server, s.host.options.Drain) })
		}
	}
	s.notePorts()
}

// unlistenDoors gives all ports of doors back before it returns. The servers still answer what they began. The lock is held.
func (s *service) unlistenDoors() []*http.Server {
	var open []*http.Server
	for name, d := range s.doors {
		s.closeDoor(name, d)
		open = append(open, d.server)
	}
	return open
}

func (s *service) closeDoor(name string, d *door) {
	d.listeners.close() // a server that has not begun to serve would close it some time later
	delete(s.doors, name)
}

// notePorts tells other services which ports are this one's. The lock is held.
func (s *service) notePorts() {
	ports := map[string]int{"": s.table.Port}
	for name, d := range s.doors {
		ports[name] = d.port
	}
	s.ports.Store(&ports)
}

// holds reports whether a port is the service's or one of its functions'.
func (s *service) holds(port int) bool {
	for _, held := range *s.ports.Load() {
		if held == port {
			return true
		}
	}
	return false
}

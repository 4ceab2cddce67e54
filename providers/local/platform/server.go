package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ferryfn/ferry/providers/until"
)

// Options of a platform; zero values mean the defaults.
type Options struct {
	Version      string        // of the program, for Info
	IdleAfter    time.Duration // an instance without requests ends after; 10 min
	StartTimeout time.Duration // an instance may take to start, and some more if it works all the time; 30 s
	Grace        time.Duration // between asking an instance to end and killing it; 10 s
	Drain        time.Duration // requests have to finish when the platform stops; 5 s
	LogSize      int64         // bytes of a function's log before it moves aside; 10 MB
	Watch        time.Duration // between two looks at the memory of instances; 500 ms
	Log          *slog.Logger  // of the platform itself; nil is none
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.IdleAfter, 10*time.Minute)
	set(&o.StartTimeout, 30*time.Second)
	set(&o.Grace, 10*time.Second)
	set(&o.Drain, 5*time.Second)
	set(&o.Watch, 500*time.Millisecond)
	if o.LogSize == 0 {
		o.LogSize = 10 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// server is the running platform.
type server struct {
	host    *host
	token   string
	started time.Time
	stop    context.CancelFunc
	ending  <-chan struct{} // closed when the platform stops

	mu       sync.Mutex // taken after a service's lock, never before it
	services map[Scope]*service
	ended    bool // there are no new ones
}

// Serve is the platform: it runs until ctx ends or a client stops it. It fails when one runs for this home already.
func Serve(ctx context.Context, home Home, o Options) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := Usable(); err != nil {
		return err
	}
	if err := os.MkdirAll(home.own(), 0o700); err != nil {
		return err
	}
	lock, err := waitRun(ctx, home)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	home.sweep()
	shown, err := home.epochs()
	if err != nil {
		return err
	}
	s := &server{
		host:  &host{home: home, options: o.withDefaults(), ports: newPortPool(), epochs: &epochs{file: home.epochsFile(), shown: shown}},
		token: token(32), started: time.Now(), stop: stop, ending: ctx.Done(), services: map[Scope]*service{},
	}
	if s.host.groups, err = home.groups(); err != nil {
		s.host.options.Log.Warn("taking away control groups of a platform before this one", "error", err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("opening the control address: %w", err)
	}
	control := &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = control.Serve(l) }()
	defer func() { _ = control.Close() }()
	s.load()
	defer s.end()
	if err := writeJSON(home.endpointFile(), s.endpoint(l)); err != nil {
		return fmt.Errorf("telling where the platform listens: %w", err)
	}
	s.host.options.Log.Info("serving", "home", string(home), "pid", os.Getpid(), "version", o.Version)
	s.watch(ctx)
	_ = os.Remove(home.endpointFile())
	s.host.options.Log.Info("stopping")
	shut(context.WithoutCancel(ctx), control, s.host.options.Drain)
	return nil
}

// waitRun takes the lock of the running platform, and waits for one that is stopping.
func waitRun(ctx context.Context, home Home) (*os.File, error) {
	var lock *os.File
	err := until.True(ctx, until.Rule{Within: 20 * time.Second, First: 20 * time.Millisecond}, func() (bool, error) {
		got, held, err := lockRun(home.own("run.lock"))
		if err != nil || !held {
			lock = got
			return true, err
		}
		if e, alive := home.endpoint(); alive {
			return false, failed(CodeConflict, "", "a platform is already running for %s, as process %d", home, e.PID)
		}
		return false, nil
	})
	var late *until.Late
	if errors.As(err, &late) {
		err = failed(CodeConflict, "", "another platform for %s does not end", home)
	}
	return lock, err
}

func (s *server) endpoint(l net.Listener) Endpoint {
	return Endpoint{
		PID: os.Getpid(), Started: startTime(os.Getpid()), Address: l.Addr().String(),
		Token: s.token, Protocol: Protocol, Version: s.host.options.Version,
	}
}

// load opens all services that are on the disk. One that cannot be opened says so when it is asked for, and
// keeps none of the others from serving.
func (s *server) load() {
	tables, _ := filepath.Glob(s.host.home.path("services", "*", "*", "table.json"))
	for _, file := range tables {
		stage := filepath.Dir(file)
		scope := Scope{Service: filepath.Base(filepath.Dir(stage)), Stage: filepath.Base(stage)}
		svc, err := s.service(scope)
		if err == nil {
			err = svc.open(Address{Hosts: svc.current().Hosts}, s.taken)
		}
		if err != nil {
			s.host.options.Log.Error("opening a service", "service", scope.String(), "error", err)
		}
	}
}

// service returns the service of a scope, read from the disk the first time.
func (s *server) service(scope Scope) (*service, error) {
	if err := scope.check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if svc := s.services[scope]; svc != nil {
		return svc, nil
	}
	if s.ended {
		return nil, stopping()
	}
	t, err := s.host.home.Table(scope)
	if err != nil {
		return nil, err
	}
	svc := &service{host: s.host, scope: scope, table: t, journals: map[string]*journal{}, doors: map[string]*door{}, stats: map[string]*stats{}, hot: map[string]*early{}, pageKey: pageKey(s.token, scope)}
	svc.events = newEvents(svc)
	svc.notePorts()
	svc.hosts.Store(&t.Hosts)
	routes := map[string]route{}
	for name, e := range t.Functions {
		r, err := svc.newRoute(name, e, route{})
		if err != nil {
			s.host.options.Log.Error("a live revision cannot be read", "service", scope.String(), "function", name, "error", err)
		}
		if r.live != nil {
			routes[name] = r
		}
	}
	svc.routes.Store(&routes)
	for _, r := range routes {
		for _, p := range r.pools() {
			p.start()
		}
	}
	if err := errors.Join(svc.events.prepare(t), svc.events.follow(t)); err != nil {
		s.host.options.Log.Error("delivering events", "service", scope.String(), "error", err)
	}
	s.services[scope] = svc
	return svc, nil
}

// all returns the services as they are now.
func (s *server) all() []*service {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*service, 0, len(s.services))
	for _, svc := range s.services {
		list = append(list, svc)
	}
	return list
}

// taken reports whether a port is kept for a service or a function.
func (s *server) taken(port int) bool {
	for _, svc := range s.all() {
		if svc.holds(port) {
			return true
		}
	}
	return false
}

// end stops all services, side by side.
func (s *server) end() {
	ctx, cancel := context.WithTimeout(context.Background(), s.host.options.Drain+s.host.options.Grace)
	defer cancel()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	var all sync.WaitGroup
	for _, svc := range s.all() {
		all.Go(func() { svc.stop(ctx) })
	}
	all.Wait()
}

// mostProcesses is how many processes one instance may have: more than a pool of workers, fewer than harm others.
const mostProcesses = 200

// watch kills instances that use more memory than they may, or start more processes, until ctx ends.
func (s *server) watch(ctx context.Context) {
	tick := time.NewTicker(s.host.options.Watch)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.host.serving.Range(func(key, _ any) bool {
			in := key.(*instance)
			if in.dead() {
				return true
			}
			used, processes := usage(in.cmd.Process.Pid)
			if limit := in.revision.Memory; limit > 0 && used > limit && in.group == nil {
				in.excess.Store(used)
				in.kill("killed: %s; %s", in.greed(), cure)
			}
			if processes > mostProcesses {
				in.crowd.Store(processes)
				in.kill("killed: it %s", in.greed())
			}
			return true
		})
	}
}

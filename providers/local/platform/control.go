package platform

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

// Protocol is the version of the control connection. A client and a platform of different ones do not talk.
const Protocol = 4

const protocolHeader = "Ferry-Protocol"

// Info describes a running platform.
type Info struct {
	PID      int           `json:"pid"`
	Version  string        `json:"version"`
	Uptime   time.Duration `json:"uptime"`
	Services []ServiceInfo `json:"services"` // sorted
}

// ServiceInfo describes one service and stage.
type ServiceInfo struct {
	Scope
	URL       string `json:"url"`
	Functions int    `json:"functions"` // that are live
	Canaries  int    `json:"canaries"`  // functions whose requests are split
	Instances int    `json:"instances"` // running now
	// ColdStarts are those since the platform runs, and ColdStart what half of the last ones took at most.
	ColdStarts int           `json:"cold_starts"`
	ColdStart  time.Duration `json:"cold_start"`
	Problem    string        `json:"problem,omitempty"` // why it does not listen
	Page       string        `json:"page,omitempty"`    // the status page with queues and logs; who knows it may see them
}

// Address is where a service answers. Port 0 leaves the choice to the platform. Hosts are names that requests may be
// for, besides those of this machine itself.
type Address struct {
	Port  int      `json:"port,omitempty"`
	Hosts []string `json:"hosts,omitempty"`
}

// SwitchRequest makes all changes at once, or none of them, and has the service answer at the address.
type SwitchRequest struct {
	Scope
	Writer
	Address
	Changes []Change `json:"changes"`
}

// SplitRequest gives the new revisions a share of the requests beside what is live: all of them, or none.
type SplitRequest struct {
	SwitchRequest
	Percent int `json:"percent"` // 1 to 99
}

// OpenRequest makes sure that a service answers at the address.
type OpenRequest struct {
	Scope
	Address
}

// FunctionRequest names a function, and for Warm, Probe and Prune one of its revisions. The first two need no Writer.
type FunctionRequest struct {
	Scope
	Writer
	Function string `json:"function"`
	Revision string `json:"revision,omitempty"`
}

// BindRequest makes a function's bindings those of the events, in that mode.
type BindRequest struct {
	Scope
	Writer
	Function string    `json:"function"`
	Bindings string    `json:"bindings"`
	Events   []Binding `json:"events,omitempty"`
}

// FenceRequest shows the platform an epoch.
type FenceRequest struct {
	Scope
	Writer
}

// SecretRequest names a secret; "" is all, and what needs none.
type SecretRequest struct {
	Scope
	Secret string `json:"secret"`
}

// InvokeRequest is one call of a function. Without a Method it is a CloudEvent with Body as its data.
type InvokeRequest struct {
	Scope
	Function string              `json:"function"`
	Method   string              `json:"method"`
	Path     string              `json:"path"` // with the query
	Header   map[string][]string `json:"header"`
	Body     []byte              `json:"body"`
}

// InvokeResponse is what the function answered.
type InvokeResponse struct {
	Status int                 `json:"status"`
	Header map[string][]string `json:"header"`
	Body   []byte              `json:"body"`
	Cold   bool                `json:"cold"`            // an instance was started for it
	Start  time.Duration       `json:"start,omitempty"` // how long that took
	Took   time.Duration       `json:"took"`            // with the wait for an instance
}

type none struct{}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /info", operation(s, s.info))
	mux.Handle("POST /stop", operation(s, s.halt))
	mux.Handle("POST /open", operation(s, s.open))
	mux.Handle("POST /reach", operation(s, s.reach))
	mux.Handle("POST /switch", operation(s, s.change))
	mux.Handle("POST /split", operation(s, s.split))
	mux.Handle("POST /fence", operation(s, s.fence))
	mux.Handle("POST /bind", operation(s, s.bind))
	mux.Handle("POST /renew", operation(s, s.renew))
	mux.Handle("POST /warm", operation(s, s.warm))
	mux.Handle("POST /probe", operation(s, s.probe))
	mux.Handle("POST /invoke", operation(s, s.invoke))
	mux.Handle("POST /queues", operation(s, s.queues))
	mux.Handle("POST /redrive", operation(s, s.redrive))
	mux.Handle("POST /queues/{service}/{stage}/{name}", s.send(KindQueue))
	mux.Handle("POST /topics/{service}/{stage}/{name}", s.send(KindTopic))
	mux.Handle("POST /announce", operation(s, s.announce))
	mux.HandleFunc("POST /record", s.record)
	mux.Handle("POST /remove", operation(s, s.remove))
	mux.Handle("POST /prune", operation(s, s.prune))
	return mux
}

// operation serves one operation: JSON in, JSON out, for those who know the token.
func operation[Q, A any](s *server, do func(context.Context, Q) (A, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q Q
		var a A
		err := s.admit(r)
		if err == nil {
			err = json.NewDecoder(r.Body).Decode(&q)
		}
		if err == nil {
			a, err = do(r.Context(), q)
		}
		answerJSON(w, a, err)
	})
}

func answerJSON(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		failure := wire(err)
		w.WriteHeader(failure.Code.status())
		answer = failure
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// knows fails for who does not know the token.
func (s *server) knows(r *http.Request) error {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.token)) != 1 {
		return &Error{Code: CodeDenied, Message: "the token is wrong"}
	}
	return nil
}

func (s *server) admit(r *http.Request) error {
	if err := s.knows(r); err != nil {
		return err
	}
	// Any program may stop any platform: that is how the two get to the same version.
	if theirs := r.Header.Get(protocolHeader); theirs != strconv.Itoa(Protocol) && r.URL.Path != "/stop" {
		return protocolError(theirs, strconv.Itoa(Protocol))
	}
	return nil
}

func protocolError(client, platform string) *Error {
	return failed(CodeProtocol, "", "the running platform speaks version %s and this program version %s", platform, client)
}

func (s *server) info(context.Context, none) (Info, error) {
	i := Info{PID: os.Getpid(), Version: s.host.options.Version, Uptime: time.Since(s.started), Services: []ServiceInfo{}}
	for _, svc := range s.all() {
		if about := svc.info(); about.URL != "" || about.Functions > 0 { // else nothing is kept of it
			i.Services = append(i.Services, about)
		}
	}
	slices.SortFunc(i.Services, func(a, b ServiceInfo) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Stage, b.Stage))
	})
	return i, nil
}

func (s *service) info() ServiceInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := ServiceInfo{Scope: s.scope, URL: URL(s.table.Port, "")}
	for _, r := range *s.routes.Load() {
		i.Functions++
		if r.canary != nil {
			i.Canaries++
		}
		for _, p := range r.pools() {
			p.mu.Lock()
			i.Instances += len(p.processes)
			p.mu.Unlock()
		}
	}
	if i.URL != "" {
		i.Page = i.URL + ".ferry/" + s.pageKey + "/"
	}
	i.ColdStarts, i.ColdStart = s.coldStarts()
	if s.problem != nil {
		i.Problem = s.problem.Error()
	}
	return i
}

// URL is where a function answers, or with "" the service.
func URL(port int, function string) string {
	if port == 0 {
		return ""
	}
	if function != "" {
		function += "/"
	}
	return "http://" + loopback(port) + "/" + function
}

func (s *server) halt(context.Context, none) (none, error) {
	s.stop()
	return none{}, nil
}

func (s *server) open(_ context.Context, q OpenRequest) (Table, error) {
	svc, err := s.service(q.Scope)
	if err != nil {
		return Table{}, err
	}
	err = svc.open(q.Address, s.taken)
	return svc.current(), err
}

func (s *server) reach(_ context.Context, q OpenRequest) (none, error) {
	svc, err := s.service(q.Scope)
	if err == nil {
		err = svc.reach(q.Address)
	}
	return none{}, err
}

func (s *server) change(_ context.Context, q SwitchRequest) (Table, error) { return s.apply(q, 0) }

func (s *server) split(_ context.Context, q SplitRequest) (Table, error) {
	if q.Percent < 1 || q.Percent > 99 {
		return Table{}, failed(CodeInvalid, "", "a share of %d%% is not between 1%% and 99%%", q.Percent)
	}
	return s.apply(q.SwitchRequest, q.Percent)
}

func (s *server) apply(q SwitchRequest, percent int) (Table, error) {
	svc, err := s.service(q.Scope)
	if err != nil {
		return Table{}, err
	}
	err = svc.apply(q, percent, s.taken)
	return svc.current(), err
}

// fence refuses from now on what was written under an earlier lock of the ledger.
func (s *server) fence(_ context.Context, q FenceRequest) (none, error) {
	svc, err := s.service(q.Scope)
	if err != nil {
		return none{}, err
	}
	if err := svc.lock(); err != nil {
		return none{}, err
	}
	defer svc.mu.Unlock()
	return none{}, svc.admit(q.Writer)
}

func (s *server) bind(_ context.Context, q BindRequest) (none, error) {
	if err := q.check(q.Function); err != nil {
		return none{}, err
	}
	svc, err := s.service(q.Scope)
	if err != nil {
		return none{}, err
	}
	if err := svc.lock(); err != nil {
		return none{}, err
	}
	defer svc.mu.Unlock()
	if err := svc.admit(q.Writer); err != nil {
		return none{}, err
	}
	next := svc.table.clone()
	e := next.Functions[q.Function]
	e.Bindings, e.Events = q.Bindings, q.Events
	next.set(q.Function, e)
	return none{}, svc.change(next)
}

// revision is the service and the revision that a request names.
func (s *server) revision(q FunctionRequest) (*service, Revision, error) {
	svc, err := s.service(q.Scope)
	if err != nil {
		return nil, Revision{}, err
	}
	r, err := s.host.home.Revision(q.Scope, q.Function, q.Revision)
	return svc, r, err
}

// warm begins to start an instance of a revision that need not be live, and keeps it for a while.
func (s *server) warm(_ context.Context, q FunctionRequest) (none, error) {
	svc, r, err := s.revision(q)
	if err != nil {
		return none{}, err
	}
	return none{}, svc.warm(q.Function, r)
}

// probe starts an instance of a revision that need not be live, and ends it once it has answered, unless it is kept.
func (s *server) probe(ctx context.Context, q FunctionRequest) (none, error) {
	svc, r, err := s.revision(q)
	if err != nil {
		return none{}, err
	}
	in, err := svc.started(ctx, q.Function, r)
	if err != nil {
		return none{}, err
	}
	if svc.keep(q.Function, in) {
		return none{}, nil
	}
	in.end(s.host.options.Grace)
	<-in.exited
	return none{}, nil
}

// remove takes away all of a function.
func (s *server) remove(ctx context.Context, q FunctionRequest) (none, error) {
	if err := q.check(q.Function); err != nil {
		return none{}, err
	}
	svc, err := s.service(q.Scope)
	if err != nil {
		return none{}, err
	}
	return none{}, svc.remove(ctx, q.Function, q.Writer)
}

func (s *server) prune(_ context.Context, q FunctionRequest) (none, error) {
	if err := q.check(q.Function, q.Revision); err != nil {
		return none{}, err
	}
	svc, err := s.service(q.Scope)
	if err != nil {
		return none{}, err
	}
	if err := svc.lock(); err != nil {
		return none{}, err
	}
	defer svc.mu.Unlock()
	if err := svc.admit(q.Writer); err != nil {
		return none{}, err
	}
	if e := svc.table.Functions[q.Function]; e.Revision == q.Revision || e.Canary != nil && e.Canary.Revision == q.Revision {
		return none{}, failed(CodeConflict, q.Function, "revision %s of %s is live", q.Revision, q.Function)
	}
	if e := svc.hot[q.Function]; e != nil && e.revision == q.Revision {
		svc.cool(q.Function)
	}
	if err := discard(s.host.home.revision(q.Scope, q.Function, q.Revision)); err != nil {
		return none{}, fmt.Errorf("deleting revision %s of %s: %w", q.Revision, q.Function, err)
	}
	return none{}, nil
}

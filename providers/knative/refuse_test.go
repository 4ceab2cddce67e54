package knative

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/cas"
)

func TestAnErrorThatSeveralCallsMeetIsChangedByNone(t *testing.T) {
	t.Parallel()
	met := &providers.Error{Kind: providers.Denied, Op: "sign in"}
	var said *providers.Error
	if err := new(place).classify("status", "api", met); !errors.As(err, &said) || said.Provider != name || said.Kind != met.Kind {
		t.Errorf("it is said as %+v", err)
	}
	if met.Provider != "" {
		t.Error("what another call may read meanwhile was changed")
	}
}

// registry stands before the registry of a cluster, and answers first what it is told to.
func (c stand) registry(t *testing.T, first func(w http.ResponseWriter, r *http.Request) (done bool)) string {
	t.Helper()
	host, path, _ := strings.Cut(c.Registry, "/")
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !first(w, r) {
			behind.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://") + "/" + path
}

func writes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

func TestARegistryThatRefusesIsSaidWithTheNextStepAndNothingGoesLive(t *testing.T) {
	t.Parallel()
	for name, refuses := range map[string]struct {
		status int
		only   func(*http.Request) bool // nil is every request
		kind   providers.Kind
		hint   string
	}{
		"who is not signed in":   {status: 401, kind: providers.Unauthenticated, hint: "docker login"},
		"who may not push":       {status: 403, only: writes, kind: providers.Denied, hint: "docker login"},
		"too many":               {status: 429, kind: providers.Throttled, hint: "wait"},
		"everything":             {status: 500, kind: providers.Unavailable, hint: "see whether the registry"},
		"writes, as it may read": {status: 405, only: writes, kind: providers.Unsupported, hint: "may be written to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			at := c.registry(t, func(w http.ResponseWriter, r *http.Request) bool {
				if refuses.only != nil && !refuses.only(r) {
					return false
				}
				http.Error(w, `{"errors": []}`, refuses.status)
				return true
			})
			a := c.process(t, "shop", "dev", map[string]any{"registry": at})
			_, err := a.Publish(hasty(t), c.program(t, a, "api", "a", says(t, "one")), 0)
			refusedWith(t, err, refuses.kind, refuses.hint)
			if left := strings.Join(c.Snapshot(), " "); left != "" {
				t.Errorf("there are %s", left)
			}
		})
	}
}

func refusedWith(t *testing.T, err error, kind providers.Kind, hint string) {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Hint, hint) {
		t.Errorf("it ends with %v, want %s with the next step %q", err, kind, hint)
		if e != nil {
			t.Logf("%s: %s", e.Kind, e.Hint)
		}
	}
}

func TestARegistryThatHangsUpInTheMiddleOfALayerIsAskedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var cut atomic.Int32
	always := atomic.Bool{}
	at := c.registry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch || !always.Load() && cut.Add(1) > 1 {
			return false
		}
		_, _ = io.CopyN(io.Discard, r.Body, 10)
		panic(http.ErrAbortHandler)
	})
	a := c.process(t, "shop", "dev", map[string]any{"registry": at})
	live(t, a, c.program(t, a, "api", "a", says(t, "one")))
	always.Store(true)
	_, err := a.Publish(hasty(t), c.program(t, a, "api", "a", says(t, "two")), 0)
	refusedWith(t, err, providers.Unavailable, "see whether the registry")
	if version, _ := c.call(t, a, "api"); version != "one" {
		t.Errorf("%q serves", version)
	}
}

func TestARegistryThatIsNotThereIsNotTakenForTheCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a := c.process(t, "shop", "dev", map[string]any{"registry": "127.0.0.1:1/shop"})
	_, err := a.Publish(hasty(t), c.program(t, a, "api", "a", says(t, "one")), 0)
	refusedWith(t, err, providers.Unavailable, "see whether the registry")
}

func TestWhatIsWrongWithANamespaceIsSaidWithTheNextStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault standin.Fault
		kind  providers.Kind
		hint  string
	}{
		"it is not there":     {standin.Fail(http.StatusNotFound, "NotFound", `namespaces "shop" not found`), providers.NotFound, "kubectl create namespace"},
		"it is being deleted": {standin.Fail(http.StatusForbidden, "Forbidden", `configmaps "x" is forbidden: unable to create new content in namespace shop because it is being terminated`), providers.Unavailable, "wait until the namespace is gone"},
		"its quota is used":   {standin.Fail(http.StatusForbidden, "Forbidden", `configmaps "x" is forbidden: exceeded quota: few, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1`), providers.Limit, "raise the namespace's quota"},
		"a right is missing":  {standin.Deny(), providers.Denied, "the role"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t)
			a := cluster.process(t, "shop", "dev")
			cluster.Intercept(func(call standin.Call) standin.Fault {
				if strings.HasPrefix(call.Operation, "create ") {
					return c.fault
				}
				return standin.Fault{}
			})
			_, err := a.Publish(hasty(t), cluster.program(t, a, "api", "a", says(t, "one")), 0)
			refusedWith(t, err, c.kind, c.hint)
			s, err := a.Store(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, condition := range []providers.Condition{{}, providers.IfAbsent()} {
				_, err := s.Put(hasty(t), "a", strings.NewReader("one"), condition)
				refusedWith(t, err, c.kind, c.hint)
			}
			if tag, err := cas.TagOf(t.Context(), s, "a"); err != nil || tag != "" {
				t.Errorf("then there is %q, %v", tag, err)
			}
		})
	}
}

func TestWhyPodsAreRefusedIsSaid(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]struct {
		kind providers.Kind
		hint string
	}{
		`pods "x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1`:          {providers.Limit, "quota"},
		`pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false`:    {providers.Denied, "kubectl get events"},
		`pods "x" is forbidden: maximum memory usage per Container is 100Mi, but limit is 256Mi`:                {providers.Denied, "kubectl get events"},
		`pods "x" is forbidden: error looking up service account default/none: serviceaccount "none" not found`: {providers.Denied, "kubectl get events"},
	} {
		r := &revision{Status: status{Conditions: []condition{{Type: "Ready", Status: isFalse, Reason: "FailedCreate", Message: message}}}}
		refusedWith(t, fmt.Errorf("publish: %w", broken("api", r)), want.kind, want.hint)
	}
}

func TestWhatTheClusterSetsByItselfIsNoDrift(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.DefaultCPU("1")
	a := c.process(t, "shop", "dev")
	s := c.program(t, a, "api", "a", says(t, "one"))
	live(t, a, s)
	st, err := a.Status(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	conn := c.connection(t, a)
	noted := map[string]any{"sidecar.istio.io/inject": "true", "linkerd.io/inject": "enabled"}
	if _, err := change(t.Context(), conn, configurations, "shop-dev-api", func(*configuration) (*merge, error) { return &merge{annotations: noted, labels: noted}, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := change(t.Context(), conn, routes, "shop-dev-api", func(*route) (*merge, error) { return &merge{annotations: noted, labels: noted}, nil }); err != nil {
		t.Fatal(err)
	}
	if d, err := a.Inspect(t.Context(), s); err != nil || len(d) > 0 {
		t.Errorf("the notes of a mesh, or a default of the cluster, are drift: %+v, %v", d, err)
	}
	r, err := a.Publish(hasty(t), s, 0)
	if err != nil || r != *st.Revision {
		t.Errorf("then a publish makes %v, %v", r, err)
	}
}

func TestAnAnswerThatBreaksOffIsOfAClusterThatIsNotReached(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "{")
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_ = connection.(*net.TCPConn).SetLinger(0) // which resets it
		_ = connection.Close()
	}))
	t.Cleanup(s.Close)
	file := write(t, filepath.Join(t.TempDir(), "config"), "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: '"+s.URL+"'}}]\n", 0o600)
	_, err := adapterIn(t, map[string]string{"KUBECONFIG": file}).Status(hasty(t), "api")
	refusedWith(t, err, providers.Unavailable, "see whether the cluster is reached")
}

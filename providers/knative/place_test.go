package knative

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/knativetest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

// TestMain is a function, too: it says its version and a word.
func TestMain(m *testing.M) {
	if version := os.Getenv("SAYS"); version != "" {
		os.Exit(serve(version))
	}
	os.Exit(m.Run())
}

func serve(version string) int {
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return 1
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	fmt.Println("begun", version)
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, version+" "+os.Getenv("WORD"))
		}))
	}()
	<-told
	return 0
}

// stand is a stand-in for a cluster, as seen by this adapter.
type stand struct {
	*knativetest.Server
	kubeconfig, owner string // of a deployer, and of who may do everything
	base              string
	haste             int // how many times shorter pauses are than in earnest
}

func newCluster(t testing.TB) stand {
	t.Helper()
	return standIn(t, knativetest.New(t), haste)
}

func standIn(t testing.TB, s *knativetest.Server, haste int) stand {
	return stand{s, s.Kubeconfig(t), s.Owner(t), s.BaseImage("library/base"), haste}
}

func blockOf(v any) *manifest.Node {
	data, err := json.Marshal(v)
	node := new(manifest.Node)
	if err == nil {
		err = json.Unmarshal(data, node)
	}
	if err != nil {
		panic(err)
	}
	return node
}

// settings of the target; more of them are laid over.
func (c stand) block(more ...map[string]any) map[string]any {
	all := map[string]any{"kubeconfig": c.kubeconfig, "namespace": c.Namespace, "registry": c.Registry, "ingress": c.Ingress, "local_ingress": c.Local}
	for _, m := range more {
		maps.Copy(all, m)
	}
	return all
}

// process is an adapter as another process has it.
func (c stand) process(t testing.TB, service, stage string, more ...map[string]any) *Adapter {
	t.Helper()
	a, err := New(providers.Config{Service: service, Stage: stage, Target: "cluster", Block: blockOf(c.block(more...)), Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Adapter)
}

// function is one over the base image of the cluster.
func (c stand) function(name, word string, events ...manifest.Event) manifest.Function {
	fn := providertest.Function(name, word, events...)
	fn.Config = blockOf(map[string]any{"base_image": c.base})
	return fn
}

// program is a function that listens by itself.
func (c stand) program(t testing.TB, a *Adapter, name, word, script string) providers.Spec {
	t.Helper()
	fn := c.function(name, word)
	fn.Handler, fn.Runtime, fn.Style = "run", "custom", manifest.StyleServer
	return providertest.Package(t, a, fn, map[string]string{"run": script})
}

// says is a script that begins this very program as a function.
func says(t testing.TB, version string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("#!/bin/sh\nSAYS=%s exec %s\n", version, self)
}

// application is a handler with a shim.
const application = `import os
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%s " + os.environ["WORD"]).encode()]
`

func (c stand) handler(t testing.TB, a *Adapter, name, word, code string, events ...manifest.Event) providers.Spec {
	t.Helper()
	fn := c.function(name, word, events...)
	fn.Handler, fn.Runtime, fn.Style = "app:app", "python3.13", manifest.StyleWSGI
	return providertest.Package(t, a, fn, map[string]string{"app.py": code})
}

// haste is how many times shorter pauses are than in earnest, where the cluster is an imitation.
const haste = 20

// place is a service and stage, seen by a process of its own.
func (c stand) place(t testing.TB, service, stage string) providertest.Place {
	t.Helper()
	a := c.process(t, service, stage)
	return providertest.Place{
		Adapter: a, Service: service, Stage: stage, Neighbour: c.place, Haste: c.haste,
		Spec: func(t testing.TB, function, version, word string) providers.Spec {
			return c.program(t, a, function, word, says(t, version))
		},
		Broken: func(t testing.TB, function string) providers.Spec {
			return c.program(t, a, function, "a", "#!/bin/sh\necho no such module >&2\nexit 1\n")
		},
		Impostor: func(t testing.TB, function string) providers.Spec {
			return c.handler(t, a, function, "a", "import os\nos.environ['FERRY_DIGEST'] = 'sha256:other'\n"+fmt.Sprintf(application, "one"))
		},
		Bound: func(t testing.TB, function string) providers.Spec {
			c.Broker(t, "orders", "")
			return c.handler(t, a, function, "a", "def on_event(event, ctx):\n    pass\n"+fmt.Sprintf(application, "one"),
				manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * 1-5", Timezone: "Europe/Berlin"}}, orders(3))
		},
		Call:      func(t testing.TB, function string) (string, string) { return c.call(t, a, function) },
		Observe:   func(t testing.TB, function string) manifest.Function { return observed(t, a, function) },
		Occupy:    func(t testing.TB, function string) { c.occupy(t, service, stage, function) },
		Hold:      func(testing.TB) (<-chan struct{}, func()) { return c.hold("patch routes") },
		Lose:      func(t testing.TB, function string, r providers.Revision) { lose(t, a, r) },
		Overwrite: func(t testing.TB, function string, r providers.Revision) { overwrite(t, a, function, r) },
	}
}

func (c stand) connection(t testing.TB, a *Adapter) *connection {
	t.Helper()
	made, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// call calls a function at the ingress, or within the cluster where it is private.
func (c stand) call(t testing.TB, a *Adapter, function string) (version, word string) {
	t.Helper()
	for _, gateway := range []string{c.Ingress, c.Local} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, gateway, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = a.object(function) + "." + c.Namespace + map[bool]string{true: ".example.com", false: ".svc.cluster.local"}[gateway == c.Ingress]
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode >= 500 {
			t.Fatalf("%s answers %s: %s (%v)", function, res.Status, body, err)
		}
		if res.StatusCode == http.StatusOK {
			version, word, _ = strings.Cut(string(body), " ")
			return version, word
		}
	}
	return "", ""
}

// observed is what the cluster keeps of what serves.
func observed(t testing.TB, a *Adapter, function string) manifest.Function {
	t.Helper()
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now, err := find[route](t.Context(), c, routes, c.object(function))
	if err != nil || now == nil {
		t.Fatalf("no route: %v", err)
	}
	r, err := find[revision](t.Context(), c, revisions, now.Status.Traffic[0].Revision)
	if err != nil || r == nil {
		t.Fatalf("no revision: %v", err)
	}
	memory := r.Spec.Containers[0].Resources.Limits["memory"]
	mega, err := strconv.ParseInt(strings.TrimRight(memory, "MGi"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(memory, "Gi") {
		mega *= 1024
	}
	fn := manifest.Function{
		Memory: manifest.Size(mega) * manifest.MB, Timeout: manifest.Duration(time.Duration(r.Spec.Timeout) * time.Second), Architecture: "amd64",
		Scaling: manifest.Scaling{Concurrency: int(r.Spec.Concurrency)}, Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
	_, _ = fmt.Sscan(r.Annotations[minScale], &fn.Scaling.Min)
	_, _ = fmt.Sscan(r.Annotations[maxScale], &fn.Scaling.Max)
	if now.Labels[labelVisibility] == clusterLocal {
		fn.Events[0].HTTP.Auth = "private"
	}
	return fn
}

// lose deletes a revision's image, as a policy of a registry does.
func lose(t testing.TB, a *Adapter, r providers.Revision) {
	t.Helper()
	c, err := a.connect(t.Context())
	var found *revision
	if err == nil {
		found, err = find[revision](t.Context(), c, revisions, r.ID)
	}
	if err == nil {
		err = c.removeImage(t.Context(), found)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// overwrite sends all requests to a revision, as kubectl does.
func overwrite(t testing.TB, a *Adapter, function string, r providers.Revision) {
	t.Helper()
	c, err := a.connect(t.Context())
	if err == nil {
		_, err = change[route](t.Context(), c, routes, c.object(function), func(*route) (*merge, error) {
			return &merge{spec: map[string]any{"traffic": flow{live: r.ID}.traffic()}}, nil
		})
	}
	if err == nil {
		_, err = c.settled(t.Context(), c.object(function), "the route")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// occupy makes a Knative Service that ferry did not make.
func (c stand) occupy(t testing.TB, service, stage, function string) {
	t.Helper()
	a := c.process(t, service, stage, map[string]any{"kubeconfig": c.owner})
	conn := c.connection(t, a)
	theirs := specOf(c.program(t, a, function, "-", says(t, "theirs")))
	image, err := conn.image(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	made := &configuration{object: of(services, a.object(function), nil)}
	made.Spec.Template.Spec.Containers = []container{{Image: image.digest, Env: []variable{{Name: "WORD", Value: "-"}}}}
	if _, err = create(t.Context(), conn, services, made); err == nil {
		err = until.True(c.hasty(t), working("their route"), func() (bool, error) {
			now, err := find[route](t.Context(), conn, routes, made.Name)
			return now != nil && now.Status.of().Status == isTrue, err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// hold has the next request for one of these operations wait on its way.
func (c stand) hold(operations ...string) (held <-chan struct{}, goOn func()) {
	waits, goes := make(chan struct{}), make(chan struct{})
	var met atomic.Bool
	c.Intercept(func(call standin.Call) standin.Fault {
		if !slices.Contains(operations, call.Operation) || met.Swap(true) {
			return standin.Fault{}
		}
		close(waits)
		return standin.Hold(goes)
	})
	return waits, sync.OnceFunc(func() { close(goes) })
}

// lose loses the reply of the next request for one of these operations.
func (c stand) loseReply(operations ...string) {
	var lost atomic.Bool
	c.Intercept(func(call standin.Call) standin.Fault {
		if !slices.Contains(operations, call.Operation) || lost.Swap(true) {
			return standin.Fault{}
		}
		return standin.LoseReply()
	})
}

func TestKnativeKeepsTheContract(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(t *testing.T) providertest.Place { return newCluster(t).place(t, "shop", "dev") })
}

func TestStoreKeepsTheStoreContract(t *testing.T) {
	t.Parallel()
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace { return storePlace(t, newCluster(t)) })
}

func storePlace(t *testing.T, c stand) providertest.StorePlace {
	open := func(t testing.TB) providers.Store {
		s, err := c.process(t, "shop", "dev").Store(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return providertest.StorePlace{
		Store: open(t), Again: open, Lose: func() { c.loseReply("create configmaps", "update configmaps", "delete configmaps") },
		Hold: func() (<-chan struct{}, func()) { return c.hold("update configmaps") },
	}
}

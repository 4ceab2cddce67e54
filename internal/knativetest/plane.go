package knativetest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/child"
	"github.com/ferryfn/ferry/internal/loopback"
)

// Plane is the control plane of a real cluster: etcd, Kubernetes' API server and garbage collector, and Knative's controller, as
// .ci/knative builds them. What nodes, autoscaler and ingress would do each Server does for its own namespace.
type Plane struct {
	url      string
	client   *http.Client
	eventing map[string]string // where the services of Eventing listen, by name; nil where it is imitated
	gateways sync.Map          // of clusters, by namespace
}

// programs are what a Plane runs.
func programs() []string {
	return []string{"etcd", "kube-apiserver", "gc", "controller"}
}

// Missing says what a folder lacks of what a Plane needs; "" is nothing.
func Missing(dir string) string {
	for _, file := range append(programs(), "config/trigger.yaml") {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			return fmt.Sprintf("%s is not built; run .ci/knative/build", filepath.Join(dir, file))
		}
	}
	return ""
}

var ports = loopback.Range{First: 4810, Count: 80}

// ownerToken is that of who may do everything on a Plane.
const ownerToken = "owner"

// NewPlane starts the programs of a folder, on loopback. They end with the test, and with this process however that ends.
func NewPlane(t testing.TB, dir string) *Plane {
	t.Helper()
	etcd, peers, api := ports.Free(t), ports.Free(t), ports.Free(t)
	home := t.TempDir()
	p := &Plane{url: "https://" + api, client: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 64, //nolint:gosec // its own certificate, on loopback
	}}}
	key := filepath.Join(home, "key.pem")
	must(t, signingKey(key))
	must(t, os.WriteFile(filepath.Join(home, "tokens"), []byte(ownerToken+",owner,owner,system:masters\n"+token+",ferry,ferry\n"), 0o600))
	config := filepath.Join(home, "kubeconfig")
	must(t, os.WriteFile(config, []byte(kubeconfig(p.url, ownerToken, "default")), 0o600))
	run := func(name string, env []string, args ...string) {
		p.run(t, home, filepath.Join(dir, name), env, args...)
	}
	run("etcd", nil, "--data-dir", filepath.Join(home, "etcd"), "--listen-client-urls", "http://"+etcd, "--advertise-client-urls", "http://"+etcd,
		"--listen-peer-urls", "http://"+peers, "--unsafe-no-fsync", "--log-level", "error")
	_, port, _ := net.SplitHostPort(api)
	run("kube-apiserver", nil, "--etcd-servers=http://"+etcd, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+port,
		"--cert-dir="+filepath.Join(home, "certificates"), "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+key,
		"--service-account-signing-key-file="+key, "--token-auth-file="+filepath.Join(home, "tokens"), "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/16", "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none",
		"--max-requests-inflight=0", "--max-mutating-requests-inflight=0", "--enable-priority-and-fairness=false")
	p.await(t, "the API server", func(ctx context.Context) bool {
		code, _ := p.call(ctx, http.MethodGet, "/readyz", nil)
		return code == http.StatusOK
	})
	must(t, p.install(t.Context(), filepath.Join(dir, "config")))
	run("gc", nil, "--kubeconfig", config)
	run("controller", []string{
		"SYSTEM_NAMESPACE=" + systemNamespace, "POD_NAME=controller-0", "CONFIG_LOGGING_NAME=config-logging", "CONFIG_OBSERVABILITY_NAME=config-observability",
		"METRICS_DOMAIN=knative.dev/serving",
	}, "--kubeconfig", config, "--kube-api-qps=200", "--kube-api-burst=400")
	p.await(t, "Knative's controller", p.controlled)
	return p
}

// run starts a program, whose log is shown when the test fails.
func (p *Plane) run(t testing.TB, home, program string, env []string, args ...string) {
	t.Helper()
	log := filepath.Join(home, filepath.Base(program)+".log")
	out, err := os.Create(log)
	must(t, err)
	cmd := exec.Command(program, args...)
	cmd.Env = append(append(cmd.Environ(), "GOMAXPROCS=2"), env...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, home
	process, err := child.Start(cmd)
	must(t, err)
	t.Cleanup(func() {
		process.Kill()
		<-process.Done()
		_ = out.Close()
		if data, err := os.ReadFile(log); err == nil && t.Failed() {
			t.Logf("the end of the log of %s:\n%s", filepath.Base(program), data[max(0, len(data)-2000):])
		}
	})
}

func (p *Plane) await(t testing.TB, what string, ready func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not begin to work", what)
		case <-tick.C:
		}
	}
}

// controlled reports whether the controller follows what is written, by a Configuration that it looks at.
func (p *Plane) controlled(ctx context.Context) bool {
	const at = "/apis/serving.knative.dev/v1/namespaces/" + systemNamespace + "/configurations"
	p.call(ctx, http.MethodPost, at, object{
		"apiVersion": "serving.knative.dev/v1", "kind": "Configuration", "metadata": object{"name": "first"},
		"spec": object{"template": object{"spec": object{"containers": []any{object{"image": "registry.example/none@sha256:" + fmt.Sprintf("%064d", 0)}}}}},
	})
	_, found := p.call(ctx, http.MethodGet, at+"/first", nil)
	return number(found, "status", "observedGeneration") > 0
}

// call asks the API server as its owner, and gives the status and what was answered; 0 is that there was no answer.
func (p *Plane) call(ctx context.Context, method, path string, body any) (int, object) {
	return p.as(ctx, ownerToken, method, path, body)
}

func (p *Plane) as(ctx context.Context, who, method, path string, body any) (int, object) {
	media := "application/json"
	if method == http.MethodPatch {
		media = "application/merge-patch+json"
	}
	res, err := p.send(ctx, method, path, http.Header{"Authorization": {"Bearer " + who}, "Content-Type": {media}, "Accept": {"application/json"}}, encode(body))
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	var out object
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return res.StatusCode, nil
	}
	return res.StatusCode, out
}

// make makes an object, which may be there.
func (p *Plane) make(ctx context.Context, path string, o object) error {
	code, out := p.call(ctx, http.MethodPost, path, o)
	if code >= http.StatusMultipleChoices && code != http.StatusConflict || code == 0 {
		return fmt.Errorf("knativetest: making %s: %d %s", path, code, text(out, "message"))
	}
	return nil
}

func (p *Plane) send(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	return p.client.Do(req)
}

// watch hands on every object of a kind that there is and that comes to be, until the context ends.
func (p *Plane) watch(ctx context.Context, path string, each func(event string, o object)) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil {
		res, err := p.send(ctx, http.MethodGet, path+"?watch=1", http.Header{"Authorization": {"Bearer " + ownerToken}}, nil)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-again.C:
			}
			continue
		}
		for decoder := json.NewDecoder(res.Body); ; {
			var e struct {
				Type   string
				Object object
			}
			if decoder.Decode(&e) != nil {
				break
			}
			each(e.Type, e.Object)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

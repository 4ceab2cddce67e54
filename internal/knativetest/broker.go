package knativetest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/container"
)

const eventingNamespace = "knative-eventing"

// dispatching is where the dispatcher of channels listens, as it was built.
const dispatching = "127.0.0.1:28080"

// MissingEventing says what a folder lacks of Knative Eventing; "" is nothing.
func MissingEventing(dir string) string {
	for _, file := range []string{"eventing", "ingress", "filter", "config/trigger.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, "eventing", file)); err != nil {
			return fmt.Sprintf("%s is not built; run .ci/knative/build", filepath.Join(dir, "eventing", file))
		}
	}
	return ""
}

// StartEventing starts what of Knative Eventing brings events from brokers to functions: its reconcilers, and the broker's ingress,
// filter and dispatcher, which have no names of a cluster to find each other by but those of a proxy. Clusters that are made later
// imitate nothing of it.
func (p *Plane) StartEventing(t testing.TB, dir string) {
	t.Helper()
	dir = filepath.Join(dir, "eventing")
	home := t.TempDir()
	must(t, p.make(t.Context(), "/api/v1/namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": eventingNamespace}}))
	must(t, p.install(t.Context(), filepath.Join(dir, "config")))
	config := filepath.Join(home, "kubeconfig")
	must(t, os.WriteFile(config, []byte(kubeconfig(p.url, ownerToken, "default")), 0o600))
	ingress, filter := ports.Free(t), ports.Free(t)
	p.eventing = map[string]string{
		"broker-ingress." + eventingNamespace: ingress, "broker-filter." + eventingNamespace: filter, "imc-dispatcher." + eventingNamespace: dispatching,
	}
	names := httptest.NewServer(p.names())
	t.Cleanup(names.Close)
	for _, service := range []string{"broker-ingress", "broker-filter", "imc-dispatcher"} {
		must(t, p.serves(t.Context(), service))
	}
	for program, port := range map[string]string{"ingress": ingress, "filter": filter, "eventing": ""} {
		_, number, _ := strings.Cut(port, ":")
		secure := ports.Free(t)
		_, secureNumber, _ := strings.Cut(secure, ":")
		env := []string{
			"SYSTEM_NAMESPACE=" + eventingNamespace, "CONFIG_LOGGING_NAME=config-logging", "CONFIG_OBSERVABILITY_NAME=config-observability", "METRICS_DOMAIN=knative.dev/eventing",
			"POD_NAME=" + program + "-0", "CONTAINER_NAME=" + program, "DISPATCHER_IMAGE=none", "MAX_IDLE_CONNS=100", "MAX_IDLE_CONNS_PER_HOST=100", "HTTP_PROXY=" + names.URL,
			"INGRESS_PORT=" + number, "INGRESS_PORT_HTTPS=" + secureNumber, "FILTER_PORT=" + number, "FILTER_PORT_HTTPS=" + secureNumber,
		}
		if program == "filter" { // to the dispatcher it would be the only one that it serves
			env = append(env, "NAMESPACE="+eventingNamespace)
		}
		p.run(t, home, filepath.Join(dir, program), env, "--kubeconfig", config)
	}
}

// serves says of a Service that something listens for it, as the kubelet does.
func (p *Plane) serves(ctx context.Context, service string) error {
	at := "/namespaces/" + eventingNamespace
	meta := object{"name": service, "labels": object{"kubernetes.io/service-name": service}}
	port := object{"name": "http", "port": 80, "protocol": "TCP"}
	for path, o := range map[string]object{
		"/api/v1" + at + "/services": {"apiVersion": "v1", "kind": "Service", "metadata": object{"name": service}, "spec": object{"ports": []any{port}}},
		"/apis/discovery.k8s.io/v1" + at + "/endpointslices": {
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta, "addressType": "IPv4",
			"endpoints": []any{object{"addresses": []any{"10.0.0.9"}, "conditions": object{"ready": true}}}, "ports": []any{port},
		},
		"/apis/apps/v1" + at + "/deployments": {
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": service}, "spec": object{
				"selector": object{"matchLabels": object{"a": service}}, "template": object{
					"metadata": object{"labels": object{"a": service}}, "spec": object{"containers": []any{object{"name": "c", "image": "none"}}},
				},
			},
		},
	} {
		if err := p.make(ctx, path, o); err != nil {
			return err
		}
	}
	available := conditions("Available", "Progressing")
	code, out := p.call(ctx, http.MethodPatch, "/apis/apps/v1"+at+"/deployments/"+service+"/status", object{"status": object{
		"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1, "conditions": available,
	}})
	if code != http.StatusOK {
		return fmt.Errorf("knativetest: %s: %d %s", service, code, text(out, "message"))
	}
	return nil
}

// names is a proxy that knows the names of a cluster: those of Eventing, of channels, and of functions.
func (p *Plane) names() http.Handler {
	return container.Duplex(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		name := strings.TrimSuffix(r.In.URL.Hostname(), ".svc.cluster.local")
		service, namespace, _ := strings.Cut(name, ".")
		to := p.eventing[name]
		switch {
		case to != "":
		case strings.HasSuffix(service, "-kn-channel"):
			to = dispatching
		default:
			if local, is := p.gateways.Load(namespace); is {
				at, _ := url.Parse(local.(string))
				to = at.Host
			}
		}
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", to, r.In.Host
	}})
}

// Deliver sends an event to the ingress of a real broker, which takes it or not.
func (s *Server) Deliver(t testing.TB, broker string, e Event) {
	t.Helper()
	_, failure := s.postTo("http://"+s.plane.eventing["broker-ingress."+eventingNamespace], "/"+s.Namespace+"/"+broker, "", e)
	must(t, failure)
}

// Condition is what an object says of itself: the status of a condition, its reason and message.
func (s *Server) Condition(resource, name, kind string) string {
	for _, c := range items(s.found(resource, name), "status", "conditions") {
		if text(c, "type") == kind {
			return strings.TrimSpace(text(c, "status") + " " + text(c, "reason") + " " + text(c, "message"))
		}
	}
	return ""
}

// Validate has Eventing's own code judge a Trigger that there is, as its webhook does.
func (s *Server) Validate(t testing.TB, dir, trigger string) string {
	t.Helper()
	cmd := exec.CommandContext(s.alive, filepath.Join(dir, "eventing", "eventing"), "validate")
	cmd.Stdin = strings.NewReader(string(encode(s.found(triggers, trigger))))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out)
	}
	return ""
}

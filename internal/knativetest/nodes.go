package knativetest

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	cryptorand "crypto/rand"

	"github.com/ferryfn/ferry/internal/standin"
)

// The resources of what a control plane asks of nodes, autoscaler and ingress.
const (
	deployments = "deployments.apps"
	autoscalers = "podautoscalers.autoscaling.internal.knative.dev"
	ingresses   = "ingresses.networking.internal.knative.dev"
)

// Cluster is a namespace of its own in a real cluster, in which ferry may do what a Role in YAML says. Its calls come by way of
// the Server, which logs them and lets them fail as it is told; what would run on nodes runs here.
func (p *Plane) Cluster(t testing.TB, role []byte) *Server {
	t.Helper()
	s := begin(t, "t-"+strings.ToLower(cryptorand.Text()[:12]))
	s.plane = p
	must(t, p.settle(s.alive, s.Namespace, role))
	p.await(t, "the role", func(ctx context.Context) bool { // which the API server learns of a moment later
		code, _ := p.as(ctx, token, http.MethodGet, s.path("configmaps"), nil)
		return code == http.StatusOK
	})
	t.Cleanup(func() {
		p.call(context.WithoutCancel(t.Context()), http.MethodDelete, "/api/v1/namespaces/"+s.Namespace, nil)
	})
	p.gateways.Store(s.Namespace, s.Local)
	watched := map[string]func(string, object){deployments: s.deployment, autoscalers: s.autoscaler, ingresses: s.ingress}
	if p.eventing == nil {
		watched[brokers], watched[triggers] = s.told(brokers), s.told(triggers)
	}
	for resource, each := range watched {
		s.work.Go(func() { p.watch(s.alive, s.path(resource), each) })
	}
	return s
}

// forward has the API server itself answer a call, but for logs, which are of what runs here.
func (s *Server) forward(q *request) standin.Reply {
	if q.below == "log" {
		s.mu.Lock()
		defer s.mu.Unlock()
		out, refused := s.podLog(q)
		if refused != nil {
			return refused.reply()
		}
		return out
	}
	body := q.body
	if s.plane.eventing != nil && q.verb == "create" && q.qualified() == triggers {
		var o object
		if json.Unmarshal(body, &o) == nil && admitTrigger(o, nil) == "" { // which sets what the webhook does by default
			body = encode(o)
		}
	}
	header := http.Header{}
	for _, name := range []string{"Authorization", "Content-Type", "Accept"} {
		if value := q.http.Header.Get(name); value != "" {
			header.Set(name, value)
		}
	}
	res, err := s.plane.send(s.alive, q.http.Method, q.http.URL.RequestURI(), header, body)
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "%v", err).reply()
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "%v", err).reply()
	}
	return standin.Reply{Status: res.StatusCode, Header: http.Header{"Content-Type": res.Header["Content-Type"]}, Body: answer}
}

// path is where the objects of a resource are, such as "routes.serving.knative.dev".
func (s *Server) path(resource string) string {
	plural, group, _ := strings.Cut(resource, ".")
	at := map[string]string{"": "/api/v1", "batch": "/apis/batch/v1", "apps": "/apis/apps/v1"}[group]
	switch {
	case strings.HasPrefix(group, "autoscaling."), strings.HasPrefix(group, "networking."):
		at = "/apis/" + group + "/v1alpha1"
	case at == "":
		at = "/apis/" + group + "/v1"
	}
	return at + "/namespaces/" + s.Namespace + "/" + plural
}

// found is an object of the namespace, nil when there is none.
func (s *Server) found(resource, name string) object {
	if s.plane == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.get(resource, name)
	}
	code, o := s.plane.call(s.alive, http.MethodGet, s.path(resource)+"/"+name, nil)
	if code != http.StatusOK {
		return nil
	}
	return o
}

// names are those of all objects that ferry may know, sorted.
func (s *Server) names() []string {
	var all []string
	for resource := range kinds() {
		if resource == "pods" {
			continue
		}
		_, found := s.plane.call(s.alive, http.MethodGet, s.path(resource), nil)
		for _, o := range items(found, "items") {
			all = append(all, key(resource, text(o, "metadata", "name")))
		}
	}
	slices.Sort(all)
	return all
}

// deployment runs the revision of a Deployment, as the kubelet does.
func (s *Server) deployment(event string, o object) {
	name, uid := text(o, "metadata", "labels", "serving.knative.dev/revision"), text(o, "metadata", "labels", "serving.knative.dev/revisionUID")
	s.mu.Lock()
	w := s.running[uid]
	if event == "DELETED" {
		if w != nil {
			w.stop()
			delete(s.running, uid)
		}
		s.mu.Unlock()
		return
	}
	decided := w != nil && (w.handler != nil || w.failed != nil)
	s.mu.Unlock()
	if decided && number(o, "status", "observedGeneration") != number(o, "metadata", "generation") {
		s.report(w, o)
	}
	if w != nil || name == "" {
		return
	}
	r := s.found(revisions, name)
	if r == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w = &workload{name: name, configuration: text(r, "metadata", "labels", "serving.knative.dev/configuration")}
	s.running[uid] = w
	s.begin(w, r, func() { s.report(w, o) })
}

// report tells what became of a revision: of its pod, and of its Deployment.
func (s *Server) report(w *workload, o object) {
	pod := object{"apiVersion": "v1", "kind": "Pod", "metadata": object{
		"name": podName(w.name, text(o, "metadata", "labels", "serving.knative.dev/revisionUID")), "labels": at(o, "spec", "template", "metadata", "labels"),
		"ownerReferences": []any{object{"apiVersion": "apps/v1", "kind": "Deployment", "name": text(o, "metadata", "name"), "uid": text(o, "metadata", "uid"), "controller": true}},
	}, "spec": object{"containers": []any{object{"name": "user-container", "image": text(items(o, "spec", "template", "spec", "containers")[0], "image")}}}}
	state := object{"name": "user-container", "image": "", "imageID": "", "restartCount": 0, "ready": w.handler != nil, "started": w.handler != nil}
	ready := 1
	progress := condition("True", "NewReplicaSetAvailable", "")
	switch {
	case w.failed == nil:
		state["state"] = object{"running": object{"startedAt": stamp()}}
	case strings.HasPrefix(w.failed.reason, "ExitCode"):
		ready = 0
		state["state"] = object{"waiting": object{"reason": "CrashLoopBackOff"}}
		state["lastState"] = object{"terminated": object{"exitCode": 1, "message": w.failed.message}}
	default:
		ready = 0
		state["state"] = object{"waiting": w.waiting()}
		progress = condition("True", "ReplicaSetUpdated", "")
	}
	progress["type"] = "Progressing"
	s.tell(http.MethodPost, s.path("pods"), pod)
	s.tell(http.MethodPatch, s.path("pods")+"/"+text(pod, "metadata", "name")+"/status", object{"status": object{"phase": "Running", "containerStatuses": []any{state}}})
	s.tell(http.MethodPatch, s.path(deployments)+"/"+text(o, "metadata", "name")+"/status", object{"status": object{
		"observedGeneration": at(o, "metadata", "generation"), "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready, "availableReplicas": ready, "unavailableReplicas": 1 - ready,
		"conditions": []any{progress},
	}})
	s.autoscaler("", s.found(autoscalers, w.name))
}

// tell writes what is observed. It is no concern when what it is about has gone.
func (s *Server) tell(method, path string, body object) {
	if code, out := s.plane.call(s.alive, method, path, body); code >= http.StatusMultipleChoices && code != http.StatusNotFound && code != http.StatusConflict && code != http.StatusForbidden && s.alive.Err() == nil {
		s.t.Errorf("knativetest: %s %s: %d %s", method, path, code, text(out, "message"))
	}
}

func stamp() string { return time.Now().UTC().Format(time.RFC3339) }

// conditions are good ones of these kinds.
func conditions(kinds ...string) []any {
	var all []any
	for _, kind := range kinds {
		c := condition("True", "", "")
		c["type"], c["lastTransitionTime"] = kind, stamp()
		all = append(all, c)
	}
	return all
}

// autoscaler says that what runs is of the right size.
func (s *Server) autoscaler(event string, o object) {
	if o == nil || event == "DELETED" || number(o, "status", "observedGeneration") == number(o, "metadata", "generation") {
		return
	}
	id := text(o, "metadata", "name")
	s.mu.Lock()
	runs := s.handlerOf(text(o, "metadata", "labels", "serving.knative.dev/revision")) != nil
	s.mu.Unlock()
	if !runs {
		return
	}
	s.tell(http.MethodPatch, s.path(autoscalers)+"/"+id+"/status", object{"status": object{
		"observedGeneration": at(o, "metadata", "generation"), "serviceName": id, "metricsServiceName": id + "-private", "actualScale": 1, "desiredScale": 1,
		"conditions": conditions("Active", "Ready", "SKSReady", "ScaleTargetInitialized"),
	}})
}

// ingress sends requests as an Ingress of Knative says.
func (s *Server) ingress(event string, o object) {
	id := text(o, "metadata", "name")
	s.mu.Lock()
	s.rules[id] = items(o, "spec", "rules")
	if event == "DELETED" {
		delete(s.rules, id)
	}
	s.mu.Unlock()
	if event == "DELETED" || number(o, "status", "observedGeneration") == number(o, "metadata", "generation") {
		return
	}
	balancer := object{"ingress": []any{object{"domainInternal": "ingress.example.svc.cluster.local"}}}
	s.tell(http.MethodPatch, s.path(ingresses)+"/"+id+"/status", object{"status": object{
		"observedGeneration": at(o, "metadata", "generation"), "publicLoadBalancer": balancer, "privateLoadBalancer": balancer,
		"conditions": conditions("LoadBalancerReady", "NetworkConfigured", "Ready"),
	}})
}

// chosen is a revision for a host, by the rules of the ingress. It is called with the lock held.
func (s *Server) chosen(host string, v visibility) string {
	for _, id := range sorted(s.rules) {
		for _, rule := range s.rules[id] {
			hosts, _ := rule["hosts"].([]any)
			if text(rule, "visibility") != string(v) || !slices.Contains(hosts, any(host)) {
				continue
			}
			chance := rand.IntN(100)
			for _, split := range items(items(rule, "http", "paths")[0], "splits") {
				if chance -= number(split, "percent"); chance < 0 {
					return text(split, "appendHeaders", "Knative-Serving-Revision")
				}
			}
		}
	}
	return ""
}

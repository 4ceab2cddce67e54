package knativetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The resources of Knative.
const (
	configurations = "configurations.serving.knative.dev"
	routes         = "routes.serving.knative.dev"
	revisions      = "revisions.serving.knative.dev"
	services       = "services.serving.knative.dev"
)

// control is the controllers and the garbage collector: whenever something was written, they look at everything, until nothing
// changes any more.
func (s *Server) control() {
	for {
		select {
		case <-s.alive.Done():
			return
		case <-s.wake:
		}
		s.mu.Lock()
		s.collect()
		for plural, reconcile := range map[string]func(object){services: s.service, configurations: s.configuration, revisions: s.revision, routes: s.route, brokers: s.broker, triggers: s.trigger} {
			for _, o := range s.of(plural) {
				if at(o, "metadata", "deletionTimestamp") == nil {
					reconcile(o)
				}
			}
		}
		s.mu.Unlock()
	}
}

// collect takes away what is to go: what is being deleted, once nothing is left that it owns, and what no owner is left of.
func (s *Server) collect() {
	uids := map[string]bool{}
	for _, o := range s.objects {
		uids[text(o, "metadata", "uid")] = at(o, "metadata", "deletionTimestamp") == nil
	}
	for _, k := range sorted(s.objects) {
		o := s.objects[k]
		plural, id, _ := strings.Cut(k, "/")
		refs := items(o, "metadata", "ownerReferences")
		orphaned := len(refs) > 0 && !slices.ContainsFunc(refs, func(r object) bool { return uids[text(r, "uid")] })
		if at(o, "metadata", "deletionTimestamp") != nil || orphaned {
			uid := text(o, "metadata", "uid")
			if !slices.ContainsFunc(sorted(s.objects), func(other string) bool { return ownedBy(s.objects[other], uid) }) || orphaned {
				s.remove(plural, id)
			}
		}
	}
}

// condition is that which sums up the others.
func condition(state, reason, message string) object {
	c := object{"type": "Ready", "status": state, "lastTransitionTime": time.Unix(0, 0).UTC().Format(time.RFC3339)}
	if reason != "" {
		c["reason"], c["message"] = reason, message
	}
	return c
}

// service has a Configuration and a Route follow it.
func (s *Server) service(o object) {
	id := text(o, "metadata", "name")
	marks := object{"serving.knative.dev/service": id, "serving.knative.dev/serviceUID": text(o, "metadata", "uid")}
	traffic := items(o, "spec", "traffic")
	if len(traffic) == 0 {
		traffic = []object{{"latestRevision": true, "percent": 100.0}}
	}
	var sent []any
	for _, t := range traffic {
		t = copyOf(t)
		if t["latestRevision"] == true {
			t["configurationName"] = id
		}
		sent = append(sent, t)
	}
	for plural, child := range map[string]object{
		configurations: {"kind": "Configuration", "spec": object{"template": at(o, "spec", "template")}},
		routes:         {"kind": "Route", "spec": object{"traffic": sent}},
	} {
		if old := s.get(plural, id); old != nil && ownedBy(old, text(o, "metadata", "uid")) {
			next := copyOf(old)
			next["spec"] = child["spec"]
			s.put(plural, next)
		} else if old == nil {
			child["apiVersion"] = "serving.knative.dev/v1"
			child["metadata"] = object{"name": id, "labels": marks, "ownerReferences": []any{owner(o)}}
			s.put(plural, cloned(child).(object))
		}
	}
	s.observe(services, o, object{"observedGeneration": at(o, "metadata", "generation"), "conditions": []any{condition("True", "", "")}})
}

// configuration makes the revision that its template describes.
func (s *Server) configuration(o object) {
	id, generation := text(o, "metadata", "name"), at(o, "metadata", "generation")
	if number(o, "status", "observedGeneration") == number(o, "metadata", "generation") && s.get(revisions, text(o, "status", "latestCreatedRevisionName")) != nil {
		s.latest(o)
		return
	}
	t := copyOf(at(o, "spec", "template").(object))
	name := text(t, "metadata", "name")
	if name == "" {
		name = fmt.Sprintf("%s-%05d", id, number(o, "metadata", "generation"))
	}
	if old := s.get(revisions, name); old != nil && !same(old["spec"], defaulted(t)) {
		message := fmt.Sprintf("Revision creation failed with message: revisions.serving.knative.dev %q already exists.", name)
		s.observe(configurations, o, object{"observedGeneration": generation, "conditions": []any{condition("False", "RevisionFailed", message)}})
		return
	} else if old == nil {
		m := part(t, "metadata")
		m["name"], m["ownerReferences"] = name, []any{owner(o)}
		part(m, "labels")["serving.knative.dev/configuration"] = id
		part(m, "labels")["serving.knative.dev/configurationGeneration"] = fmt.Sprint(number(o, "metadata", "generation"))
		s.put(revisions, object{"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": m, "spec": defaulted(t)})
	}
	s.observe(configurations, o, object{
		"observedGeneration": generation, "latestCreatedRevisionName": name, "latestReadyRevisionName": text(o, "status", "latestReadyRevisionName"),
		"conditions": []any{condition("Unknown", "", "")},
	})
}

// latest follows the revision that was made last.
func (s *Server) latest(o object) {
	created := s.get(revisions, text(o, "status", "latestCreatedRevisionName"))
	found := copyOf(at(o, "status").(object))
	found["conditions"] = []any{condition(ready(created), "", "")}
	if ready(created) == "True" {
		found["latestReadyRevisionName"] = text(created, "metadata", "name")
	}
	s.observe(configurations, o, found)
}

// defaulted is the spec of a template with what Knative adds to it.
func defaulted(t object) object {
	spec := copyOf(at(t, "spec").(object))
	for key, value := range map[string]any{"containerConcurrency": 0.0, "timeoutSeconds": 300.0, "enableServiceLinks": false} {
		if spec[key] == nil {
			spec[key] = value
		}
	}
	list, _ := spec["containers"].([]any)
	for _, one := range list {
		k := one.(object)
		if k["name"] == nil {
			k["name"] = "user-container"
		}
		for _, kind := range []string{"requests", "limits"} {
			amounts, _ := at(k, "resources", kind).(object)
			for what, amount := range amounts {
				amounts[what] = canonical(amount.(string))
			}
		}
		k["readinessProbe"] = object{"successThreshold": 1.0, "tcpSocket": object{"port": 0.0}}
	}
	return spec
}

// canonical is an amount in the largest unit of which it is a whole number, as Kubernetes writes it.
func canonical(amount string) string {
	for _, step := range []struct {
		from, to string
		times    int
	}{{"m", "", 1000}, {"Mi", "Gi", 1024}, {"Gi", "Ti", 1024}} {
		if number, is := strings.CutSuffix(amount, step.from); is {
			if n, err := strconv.Atoi(number); err == nil && n%step.times == 0 {
				amount = fmt.Sprint(n/step.times) + step.to
			}
		}
	}
	return amount
}

// ready is the state of the condition that sums up the others.
func ready(o object) string {
	for _, c := range items(o, "status", "conditions") {
		if c["type"] == "Ready" {
			return text(c, "status")
		}
	}
	return "Unknown"
}

// revision starts what is to run, and tells what came of it.
func (s *Server) revision(o object) {
	uid := text(o, "metadata", "uid")
	w := s.running[uid]
	if w == nil {
		w = &workload{name: text(o, "metadata", "name"), configuration: text(o, "metadata", "labels", "serving.knative.dev/configuration")}
		s.running[uid] = w
		s.begin(w, copyOf(o), s.stir)
	}
	state := condition("Unknown", "Deploying", "")
	switch {
	case w.failed != nil && w.waiting() == nil:
		state = condition("False", w.failed.reason, w.failed.message)
	case w.handler != nil:
		state = condition("True", "", "")
	}
	s.observe(revisions, o, object{"observedGeneration": at(o, "metadata", "generation"), "conditions": []any{state}})
}

// RouteLag has the controller follow what is written to a route only once the route was looked at so often.
func (s *Server) RouteLag(looks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = looks
}

func generationOf(o object) string {
	return fmt.Sprintf("%s %d", text(o, "metadata", "name"), number(o, "metadata", "generation"))
}

// route sends requests where it says, once all that it names is ready; until then they go where they went.
func (s *Server) route(o object) {
	if number(o, "status", "observedGeneration") < number(o, "metadata", "generation") && s.looks[generationOf(o)] < s.lag {
		return // it comes to that later
	}
	id := text(o, "metadata", "name")
	found := object{"observedGeneration": at(o, "metadata", "generation"), "address": object{"url": "http://" + id + "." + s.Namespace + ".svc.cluster.local"}}
	found["url"] = s.public(id)
	if text(o, "metadata", "labels", "networking.knative.dev/visibility") == "cluster-local" {
		found["url"] = at(found, "address", "url")
	}
	if old := at(o, "status", "traffic"); old != nil {
		found["traffic"] = old
	}
	var sent []any
	state := condition("True", "", "")
	for _, t := range items(o, "spec", "traffic") {
		name := text(t, "revisionName")
		if name == "" {
			name = text(s.get(configurations, text(t, "configurationName")), "status", "latestReadyRevisionName")
		}
		r := s.get(revisions, name)
		switch {
		case r == nil && text(t, "revisionName") != "":
			state = condition("False", "RevisionMissing", fmt.Sprintf("Revision %q referenced in traffic not found.", name))
		case r == nil:
			state = condition("Unknown", "Unknown", "")
		case ready(r) == "False":
			state = condition("False", "RevisionFailed", fmt.Sprintf("Revision %q failed to become ready.", name))
		case ready(r) != "True":
			state = condition("Unknown", "RevisionMissing", "")
		}
		sent = append(sent, object{"revisionName": name, "percent": t["percent"], "latestRevision": text(t, "revisionName") == ""})
	}
	if state["status"] == "True" {
		found["traffic"] = sent
	}
	found["conditions"] = []any{state}
	s.observe(routes, o, found)
}

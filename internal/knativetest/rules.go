package knativetest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

var (
	subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	label     = regexp.MustCompile(`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`)
	dnsLabel  = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	variable  = regexp.MustCompile(`^[-._a-zA-Z][-._a-zA-Z0-9]*$`)
)

// admit says why an object is not taken. old is nil for a new one.
func (s *Server) admit(q *request, o, old object) *status {
	id := text(o, "metadata", "name")
	invalid := func(field, format string, args ...any) *status {
		kind := text(o, "kind")
		if q.group != "" {
			kind += "." + q.group
		}
		return refuse(http.StatusUnprocessableEntity, "Invalid", "%s %q is invalid: %s: %s", kind, id, field, fmt.Sprintf(format, args...))
	}
	if len(id) > 253 || !subdomain.MatchString(id) {
		return invalid("metadata.name", "Invalid value: %q: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character", id)
	}
	labels, _ := at(o, "metadata", "labels").(object)
	for key := range labels {
		if value := text(labels, key); len(value) > 63 || !label.MatchString(value) {
			return invalid("metadata.labels", "Invalid value: %q: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must be at most 63 characters", value)
		}
	}
	switch q.plural {
	case "secrets":
		if old != nil && old["immutable"] == true && !same(old["data"], o["data"]) {
			return invalid("data", "Forbidden: field is immutable when `immutable` is set")
		}
		return tooLong(o, "data", invalid)
	case "configmaps":
		return tooLong(o, "binaryData", invalid)
	case "cronjobs":
		return admitJob(o, id, invalid)
	}
	if q.plural == "triggers" {
		if message := admitTrigger(o, old); message != "" {
			return refuse(http.StatusBadRequest, "BadRequest", "admission webhook \"validation.webhook.eventing.knative.dev\" denied the request: %s", message)
		}
		return nil
	}
	if message := s.webhook(q, o, old, id); message != "" {
		return refuse(http.StatusBadRequest, "BadRequest", "admission webhook \"validation.webhook.serving.knative.dev\" denied the request: validation failed: %s", message)
	}
	return nil
}

// tooLong refuses more than a mebibyte of data.
func tooLong(o object, field string, invalid func(field, format string, args ...any) *status) *status {
	size := 0
	data, _ := o[field].(object)
	for key := range data {
		bytes, err := base64.StdEncoding.DecodeString(text(data, key))
		if err != nil {
			return refuse(http.StatusBadRequest, "BadRequest", "illegal base64 data: %v", err)
		}
		size += len(bytes)
	}
	if size > 1<<20 {
		return invalid("[]", "Too long: may not be more than %d bytes", 1<<20)
	}
	return nil
}

func admitJob(o object, id string, invalid func(field, format string, args ...any) *status) *status {
	if len(id) > 52 {
		return invalid("metadata.name", "Invalid value: %q: must be no more than 52 characters", id)
	}
	if schedule := text(o, "spec", "schedule"); len(strings.Fields(schedule)) != 5 {
		return invalid("spec.schedule", "Invalid value: %q: expected exactly 5 fields, found %d", schedule, len(strings.Fields(schedule)))
	}
	if zone := text(o, "spec", "timeZone"); zone != "" {
		if _, err := time.LoadLocation(zone); err != nil {
			return invalid("spec.timeZone", "Invalid value: %q: unknown time zone %s", zone, zone)
		}
	}
	pod, _ := at(o, "spec", "jobTemplate", "spec", "template", "spec").(object)
	if policy := text(pod, "restartPolicy"); policy != "Never" && policy != "OnFailure" {
		return invalid("spec.jobTemplate.spec.template.spec.restartPolicy", "Required value: valid values: \"OnFailure\", \"Never\"")
	}
	if len(items(pod, "containers")) == 0 {
		return invalid("spec.jobTemplate.spec.template.spec.containers", "Required value")
	}
	return nil
}

// webhook is what Knative's own refuses, "" for nothing.
func (s *Server) webhook(q *request, o, old object, id string) string {
	if q.plural != "revisions" && (len(id) > 63 || !dnsLabel.MatchString(id)) {
		return fmt.Sprintf("not a DNS 1035 label: [must be no more than 63 characters]: metadata.name (%s)", id)
	}
	if service := text(o, "metadata", "labels", "serving.knative.dev/service"); service != "" && len(items(o, "metadata", "ownerReferences")) == 0 && q.plural != "services" {
		return "invalid value: " + service + ": metadata.labels.serving.knative.dev/service"
	}
	if traffic := items(o, "spec", "traffic"); q.plural == "routes" || len(traffic) > 0 {
		if message := admitTraffic(traffic); message != "" {
			return message
		}
	}
	if t, ok := at(o, "spec", "template").(object); ok {
		s.complete(t)
		return admitTemplate(t, at(old, "spec", "template"), id)
	}
	return ""
}

// DefaultCPU has the cluster give that much to what asks for none, as revision-cpu-limit of its config-defaults.
func (s *Server) DefaultCPU(limit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cpu = limit
}

// complete sets in a template what the cluster sets by default.
func (s *Server) complete(template object) {
	for _, k := range items(template, "spec", "containers") {
		limits := part(part(k, "resources"), "limits")
		if s.cpu != "" && limits["cpu"] == nil {
			limits["cpu"] = s.cpu
		}
	}
}

func admitTraffic(traffic []object) string {
	sum, tags := 0, map[string]bool{}
	for i, t := range traffic {
		sum += number(t, "percent")
		if tag := text(t, "tag"); tag != "" {
			if tags[tag] {
				return fmt.Sprintf("Multiple definitions for %q: spec.traffic[%d].tag", tag, i)
			}
			tags[tag] = true
		}
		if t["latestRevision"] == true && text(t, "revisionName") != "" {
			return fmt.Sprintf("may not set revisionName %q when latestRevision is true: spec.traffic[%d].latestRevision", text(t, "revisionName"), i)
		}
	}
	if sum != 100 {
		return fmt.Sprintf("Traffic targets sum to %d, want 100: spec.traffic", sum)
	}
	return ""
}

func admitTemplate(t object, old any, id string) string {
	name, spec := text(t, "metadata", "name"), at(t, "spec")
	if name != "" && !strings.HasPrefix(name, id+"-") {
		return fmt.Sprintf("invalid value: %q must have prefix %q: spec.template.metadata.name", name, id+"-")
	}
	if len(name) > 63 {
		return "not a DNS 1035 label: [must be no more than 63 characters]: spec.template.metadata.name"
	}
	if before := text(old, "metadata", "name"); name != "" && before == name && !same(at(old, "spec"), spec) {
		return "Saw the following changes without a name change (-old +new): spec.template"
	}
	if timeout := number(spec, "timeoutSeconds"); timeout > 600 {
		return fmt.Sprintf("expected 0 <= %d <= 600: spec.template.spec.timeoutSeconds", timeout)
	}
	if n := number(spec, "containerConcurrency"); n > 1000 {
		return fmt.Sprintf("expected 0 <= %d <= 1000: spec.template.spec.containerConcurrency", n)
	}
	containers := items(spec, "containers")
	if len(containers) != 1 {
		return "missing field(s): spec.template.spec.containers"
	}
	seen := map[string]bool{}
	for i, e := range items(containers[0], "env") {
		switch name := text(e, "name"); {
		case !variable.MatchString(name), seen[name]:
			return fmt.Sprintf("invalid value: %s: spec.template.spec.containers[0].env[%d].name", name, i)
		case name == "PORT" || name == "K_SERVICE" || name == "K_REVISION" || name == "K_CONFIGURATION":
			return fmt.Sprintf("%q is a reserved environment variable: spec.template.spec.containers[0].env[%d].name", name, i)
		default:
			seen[name] = true
		}
	}
	return ""
}

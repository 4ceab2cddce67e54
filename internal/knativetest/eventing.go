package knativetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The resources of Knative Eventing.
const (
	brokers  = "brokers.eventing.knative.dev"
	triggers = "triggers.eventing.knative.dev"
)

// WithoutEventing has the cluster have no Knative Eventing.
func (s *Server) WithoutEventing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noEventing = true
}

func (s *Server) hasEventing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.noEventing
}

// Broker makes a broker, which sends what fails each time to another one, "" for none.
func (s *Server) Broker(t testing.TB, name, deadLetters string) {
	t.Helper()
	delivery := object{"retry": 3.0, "backoffPolicy": "exponential", "backoffDelay": "PT0.2S"}
	if deadLetters != "" {
		delivery["deadLetterSink"] = object{"ref": object{"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": deadLetters, "namespace": s.Namespace}}
	}
	o := object{"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": object{"name": name}, "spec": object{"delivery": delivery}}
	if s.plane != nil {
		if s.plane.eventing != nil { // as its webhook sets by default
			part(part(o, "metadata"), "annotations")["eventing.knative.dev/broker.class"] = "MTChannelBasedBroker"
			part(o, "spec")["config"] = object{"apiVersion": "v1", "kind": "ConfigMap", "name": "config-br-default-channel", "namespace": eventingNamespace}
		}
		must(t, s.plane.make(s.alive, s.path(brokers), o))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(brokers, o)
}

// Event is a CloudEvent in binary mode.
type Event struct {
	Attributes map[string]string
	Media      string
	Data       []byte
}

// Delivery is what became of an event at a trigger.
type Delivery struct {
	Trigger    string
	Attempts   int
	DeadLetter string // the broker that it went to in the end, "" where it was taken, or is gone
	Failure    error
}

// Send sends an event to a broker, and delivers it as the broker's triggers say, without the pauses between attempts.
func (s *Server) Send(t testing.TB, broker string, e Event) []Delivery {
	t.Helper()
	if s.found(brokers, broker) == nil {
		t.Fatalf("there is no broker %s", broker)
	}
	var all []Delivery
	for _, o := range s.every(triggers) {
		if text(o, "spec", "broker") != broker || ready(o) != "True" || !passes(items(o, "spec", "filters"), e.Attributes) {
			continue
		}
		d := Delivery{Trigger: text(o, "metadata", "name")}
		for again := true; again && d.Attempts <= number(o, "spec", "delivery", "retry"); {
			d.Attempts++
			again, d.Failure = s.post(text(o, "status", "subscriberUri"), e)
		}
		if d.Failure != nil {
			d.DeadLetter = text(o, "spec", "delivery", "deadLetterSink", "ref", "name")
		}
		if all = append(all, d); d.DeadLetter != "" {
			all = append(all, s.Send(t, d.DeadLetter, e)...)
		}
	}
	return all
}

// every are the objects of a resource.
func (s *Server) every(resource string) []object {
	if s.plane != nil {
		_, found := s.plane.call(s.alive, http.MethodGet, s.path(resource), nil)
		return items(found, "items")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of(resource)
}

// post delivers an event once, and says whether to try again, as Knative's own dispatcher does: an answer that has a body and is no
// CloudEvent is a failure, too.
func (s *Server) post(address string, e Event) (again bool, failure error) {
	at, err := url.Parse(address)
	if err != nil {
		return false, err
	}
	return s.postTo(s.Local, at.RequestURI(), at.Host, e)
}

func (s *Server) postTo(server, path, host string, e Event) (again bool, failure error) {
	req, err := http.NewRequestWithContext(s.alive, http.MethodPost, server+path, bytes.NewReader(e.Data))
	if err != nil {
		return false, err
	}
	req.Host = host
	for key, value := range e.Attributes {
		req.Header.Set("Ce-"+key, value)
	}
	if e.Media != "" {
		req.Header.Set("Content-Type", e.Media)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return true, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch status := res.StatusCode; {
	case err != nil:
		return true, err
	case status >= 300:
		return status >= 500 || slices.Contains([]int{404, 408, 409, 429}, status), fmt.Errorf("it answers %s: %s", res.Status, body)
	case len(body) > 0 && res.Header.Get("Ce-Specversion") == "":
		return true, errors.New("received a non-empty response not recognized as CloudEvent. The response MUST be either empty or a valid CloudEvent")
	}
	return false, nil
}

// passes reports whether all of the filters let an event through.
func passes(filters []object, attributes map[string]string) bool {
	for _, f := range filters {
		for how, what := range map[string]func(is, want string) bool{"exact": func(is, want string) bool { return is == want }, "prefix": strings.HasPrefix, "suffix": strings.HasSuffix} {
			wanted, _ := f[how].(object)
			for attribute := range wanted {
				if is, has := attributes[attribute]; !has || !what(is, text(wanted, attribute)) {
					return false
				}
			}
		}
		some := items(f, "any")
		if len(some) > 0 && !slices.ContainsFunc(some, func(one object) bool { return passes([]object{one}, attributes) }) {
			return false
		}
	}
	return true
}

// broker says that a broker works.
func (s *Server) broker(o object) {
	s.observe(brokers, o, brokerStatus(o, s.Namespace))
}

func brokerStatus(o object, namespace string) object {
	return object{
		"observedGeneration": at(o, "metadata", "generation"), "conditions": []any{condition("True", "", "")},
		"address": object{"url": "http://broker-ingress.knative-eventing.svc.cluster.local/" + namespace + "/" + text(o, "metadata", "name")},
	}
}

// trigger says whether a trigger gets events.
func (s *Server) trigger(o object) {
	s.observe(triggers, o, triggerStatus(o, s.get(brokers, text(o, "spec", "broker"))))
}

func triggerStatus(o, broker object) object {
	state := condition("True", "", "")
	if broker == nil {
		state = condition("False", "BrokerDoesNotExist", fmt.Sprintf("Broker %q does not exist", text(o, "spec", "broker")))
	}
	return object{"observedGeneration": at(o, "metadata", "generation"), "subscriberUri": at(o, "spec", "subscriber", "uri"), "conditions": []any{state}}
}

// told has a broker or trigger of a real cluster say that it works.
func (s *Server) told(resource string) func(event string, o object) {
	return func(event string, o object) {
		if event == "DELETED" || number(o, "status", "observedGeneration") == number(o, "metadata", "generation") {
			return
		}
		status := brokerStatus(o, s.Namespace)
		if resource == triggers {
			status = triggerStatus(o, s.found(brokers, text(o, "spec", "broker")))
		}
		s.tell(http.MethodPatch, s.path(resource)+"/"+text(o, "metadata", "name")+"/status", object{"status": status})
	}
}

var attributeName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// destination is where events go, as Knative has it.
type destination struct {
	Ref *struct {
		APIVersion, Kind, Name, Namespace, Group, Address string
	} `json:"ref"`
	URI, CACerts, Audience string
}

type filter struct {
	Exact, Prefix, Suffix map[string]string
	All, Any              []filter
	Not                   *filter
	CESQL                 string
}

// admitTrigger is what the webhook of Knative Eventing refuses, "" for nothing. It reads strictly.
func admitTrigger(o, old object) string {
	var spec struct {
		Broker     string
		BrokerRef  object
		Filter     *struct{ Attributes map[string]string }
		Filters    []filter
		Subscriber destination
		Delivery   *struct {
			DeadLetterSink              *destination
			Retry                       *int32
			BackoffPolicy, BackoffDelay *string
			Timeout, RetryAfterMax      *string
			Format                      *string
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(encode(o["spec"])))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&spec); err != nil {
		return fmt.Sprintf("decoding request failed: cannot decode incoming new object: %v", err)
	}
	switch d := spec.Delivery; {
	case spec.Broker == "":
		return "validation failed: missing field(s): spec.broker"
	case old != nil && text(old, "spec", "broker") != spec.Broker:
		return "validation failed: Immutable fields changed (-old +new): spec, broker"
	case spec.Subscriber.URI == "" && spec.Subscriber.Ref == nil:
		return "validation failed: expected at least one, got none: spec.subscriber.ref, spec.subscriber.uri"
	case d == nil:
	case d.Retry != nil && *d.Retry < 0:
		return fmt.Sprintf("validation failed: invalid value: %d: spec.delivery.retry", *d.Retry)
	case d.BackoffPolicy != nil && *d.BackoffPolicy != "linear" && *d.BackoffPolicy != "exponential":
		return fmt.Sprintf("validation failed: invalid value: %s: spec.delivery.backoffPolicy", *d.BackoffPolicy)
	case d.BackoffDelay != nil && !regexp.MustCompile(`^PT(\d+H)?(\d+M)?(\d+(\.\d)?S)?$`).MatchString(*d.BackoffDelay):
		return fmt.Sprintf("validation failed: invalid value: %s: spec.delivery.backoffDelay", *d.BackoffDelay)
	}
	for i, f := range spec.Filters {
		if why := f.refused(); why != "" {
			return fmt.Sprintf("validation failed: %s: spec.filters[%d]", why, i)
		}
	}
	part(part(o, "metadata"), "labels")["eventing.knative.dev/broker"] = spec.Broker // as it sets by default
	if spec.Filter == nil {
		part(o, "spec")["filter"] = object{}
	}
	return ""
}

func (f filter) refused() string {
	dialects := 0
	for _, of := range []map[string]string{f.Exact, f.Prefix, f.Suffix} {
		if len(of) > 0 {
			dialects++
		}
		for attribute := range of {
			if !attributeName.MatchString(attribute) {
				return fmt.Sprintf("invalid key name %q", attribute)
			}
		}
	}
	for _, of := range [][]filter{f.All, f.Any} {
		if len(of) > 0 {
			dialects++
		}
		for _, one := range of {
			if why := one.refused(); why != "" {
				return why
			}
		}
	}
	if dialects > 1 || dialects == 1 && (f.Not != nil || f.CESQL != "") {
		return "multiple dialects found, filters can have only one dialect set"
	}
	return ""
}

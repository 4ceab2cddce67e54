package knativetest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// request is a call of the API server.
type request struct {
	http                *http.Request
	group, version      string
	namespace           string
	plural, name, below string
	verb                string
	query               url.Values
	body                []byte
}

func (q *request) qualified() string {
	if q.group == "" {
		return q.plural
	}
	return q.plural + "." + q.group
}

func (q *request) expected() string {
	if q.group == "" {
		return q.version
	}
	return q.group + "/" + q.version
}

// kinds are the resources that the cluster has, and what one of their objects is called.
func kinds() map[string]string {
	return map[string]string{
		"configurations.serving.knative.dev": "Configuration", "routes.serving.knative.dev": "Route", "revisions.serving.knative.dev": "Revision",
		"services.serving.knative.dev": "Service", "cronjobs.batch": "CronJob", "secrets": "Secret", brokers: "Broker", triggers: "Trigger", "configmaps": "ConfigMap", "pods": "Pod",
	}
}

// parse reads the path of a call.
func parse(r *http.Request) *request {
	q := &request{http: r, query: r.URL.Query(), body: readAll(r.Body)}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) > 1 && parts[0] == "api":
		q.version, parts = parts[1], parts[2:]
	case len(parts) > 2 && parts[0] == "apis":
		q.group, q.version, parts = parts[1], parts[2], parts[3:]
	default:
		parts = nil
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		q.namespace = parts[1]
		parts = parts[2:]
	}
	if len(parts) > 0 {
		q.plural = parts[0]
	}
	if len(parts) > 1 {
		q.name = parts[1]
	}
	if len(parts) > 2 {
		q.below = parts[2]
	}
	q.verb = map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}[r.Method]
	if q.verb == "get" && q.name == "" {
		q.verb = "list"
	}
	return q
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	q := parse(r)
	call := standin.Call{Service: q.group, Operation: q.verb + " " + q.plural, Resource: q.name, Caller: "ferry", Write: q.verb != "get" && q.verb != "list"}
	if q.below != "" {
		call.Operation += "/" + q.below
	}
	s.Serve(w, r, call, words{q}, func() standin.Reply {
		if s.plane != nil {
			return s.forward(q)
		}
		out, refused := s.handle(q)
		if refused != nil {
			return refused.reply()
		}
		return out
	})
}

// handle does what a call asks for.
func (s *Server) handle(q *request) (standin.Reply, *status) {
	if as := q.http.Header.Get("Authorization"); as != "Bearer "+token && as != "Bearer "+ownerToken {
		return standin.Reply{}, refuse(http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	}
	switch {
	case q.http.URL.Path == "/version":
		return reply(http.StatusOK, object{"gitVersion": "v1.36.3"}), nil
	case q.plural == "" && (q.group == "serving.knative.dev" || q.group == "eventing.knative.dev" && s.hasEventing()):
		return reply(http.StatusOK, object{"kind": "APIResourceList", "groupVersion": q.expected()}), nil
	case q.plural == "selfsubjectaccessreviews":
		return s.review(q)
	}
	kind := kinds()[q.qualified()]
	if kind == "" || q.namespace != s.Namespace || q.group == "eventing.knative.dev" && !s.hasEventing() {
		return standin.Reply{}, refuse(http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.below == "log" {
		return s.podLog(q)
	}
	out, code, refused := s.verb(q, kind)
	if refused != nil {
		return standin.Reply{}, refused
	}
	return reply(code, out), nil
}

func (s *Server) verb(q *request, kind string) (any, int, *status) {
	found := s.get(q.qualified(), q.name)
	if q.verb != "list" && q.verb != "create" && found == nil {
		return nil, 0, refuse(http.StatusNotFound, "NotFound", "%s %q not found", q.qualified(), q.name)
	}
	switch q.verb {
	case "get":
		if q.qualified() == routes {
			s.looks[generationOf(found)]++
			s.stir()
		}
		return found, http.StatusOK, nil
	case "list":
		return s.list(q, kind), http.StatusOK, nil
	case "create":
		return s.create(q, kind)
	case "delete":
		return s.delete(q, found)
	}
	next, refused := q.written(found, kind)
	if refused != nil {
		return nil, 0, refused
	}
	if asked := text(next, "metadata", "resourceVersion"); asked != "" && asked != text(found, "metadata", "resourceVersion") {
		return nil, 0, refuse(http.StatusConflict, "Conflict", "Operation cannot be fulfilled on %s %q: the object has been modified; please apply your changes to the latest version and try again", q.qualified(), q.name)
	}
	if refused := s.admit(q, next, found); refused != nil {
		return nil, 0, refused
	}
	if strings.HasSuffix(q.group, "knative.dev") {
		next["status"] = found["status"] // which is a resource of its own
	}
	return s.put(q.qualified(), next), http.StatusOK, nil
}

// written is what an object is to be: as it is sent, or as a patch makes it.
func (q *request) written(found object, kind string) (object, *status) {
	var sent object
	if err := json.Unmarshal(q.body, &sent); err != nil {
		return nil, refuse(http.StatusBadRequest, "BadRequest", "the object provided is unrecognized: %v", err)
	}
	if q.verb != "patch" {
		return sent, q.typed(sent, kind)
	}
	if media := q.http.Header.Get("Content-Type"); media != "application/merge-patch+json" {
		return nil, refuse(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml")
	}
	return merged(cloned(found), sent).(object), nil
}

func (q *request) typed(o object, kind string) *status {
	switch {
	case text(o, "kind") != kind:
		return refuse(http.StatusBadRequest, "BadRequest", "%s in version %q cannot be handled as a %s: no kind %q is registered", text(o, "kind"), q.version, kind, text(o, "kind"))
	case text(o, "apiVersion") != q.expected():
		return refuse(http.StatusBadRequest, "BadRequest", "the API version in the data (%s) does not match the expected API version (%s)", text(o, "apiVersion"), q.expected())
	case q.name != "" && text(o, "metadata", "name") != q.name:
		return refuse(http.StatusBadRequest, "BadRequest", "the name of the object (%s) does not match the name on the URL (%s)", text(o, "metadata", "name"), q.name)
	}
	return nil
}

func (s *Server) create(q *request, kind string) (any, int, *status) {
	var o object
	if err := json.Unmarshal(q.body, &o); err != nil {
		return nil, 0, refuse(http.StatusBadRequest, "BadRequest", "the object provided is unrecognized: %v", err)
	}
	if refused := q.typed(o, kind); refused != nil {
		return nil, 0, refused
	}
	id := text(o, "metadata", "name")
	if text(o, "metadata", "resourceVersion") != "" {
		return nil, 0, refuse(http.StatusBadRequest, "BadRequest", "resourceVersion should not be set on objects to be created")
	}
	if refused := s.admit(q, o, nil); refused != nil {
		return nil, 0, refused
	}
	if s.get(q.qualified(), id) != nil {
		return nil, 0, refuse(http.StatusConflict, "AlreadyExists", "%s %q already exists", q.qualified(), id)
	}
	delete(o, "status")
	return s.put(q.qualified(), o), http.StatusCreated, nil
}

// list are the objects with the labels that are asked for, in whole or their metadata alone.
func (s *Server) list(q *request, kind string) object {
	all := []any{}
	found := s.of(q.qualified())
	if q.plural == "pods" {
		found = s.pods()
	}
	for _, o := range found {
		if !matches(o, q.query.Get("labelSelector")) {
			continue
		}
		if strings.Contains(q.http.Header.Get("Accept"), "as=PartialObjectMetadataList") {
			o = object{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": o["metadata"]}
		}
		all = append(all, o)
	}
	return object{"kind": kind + "List", "apiVersion": q.expected(), "metadata": object{}, "items": all}
}

func matches(o object, selector string) bool {
	if selector == "" {
		return true
	}
	for term := range strings.SplitSeq(selector, ",") {
		name, value, _ := strings.Cut(term, "=")
		if has, ok := at(o, "metadata", "labels", name).(string); !ok || has != value {
			return false
		}
	}
	return true
}

// delete takes an object away, now, or when what it owns has gone.
func (s *Server) delete(q *request, found object) (any, int, *status) {
	var d struct {
		Preconditions struct{ UID, ResourceVersion string }
		Propagation   string `json:"propagationPolicy"`
	}
	if len(q.body) > 0 {
		if err := json.Unmarshal(q.body, &d); err != nil {
			return nil, 0, refuse(http.StatusBadRequest, "BadRequest", "%v", err)
		}
	}
	m := part(found, "metadata")
	for what, pair := range map[string][2]string{"UID": {d.Preconditions.UID, text(m, "uid")}, "ResourceVersion": {d.Preconditions.ResourceVersion, text(m, "resourceVersion")}} {
		if pair[0] != "" && pair[0] != pair[1] {
			return nil, 0, refuse(http.StatusConflict, "Conflict", "Operation cannot be fulfilled on %s %q: Precondition failed: %s in precondition: %s, %s in object meta: %s", q.qualified(), q.name, what, pair[0], what, pair[1])
		}
	}
	uid := text(m, "uid")
	switch d.Propagation {
	case "Orphan":
		for _, k := range sorted(s.objects) {
			if o := s.objects[k]; ownedBy(o, uid) {
				next := copyOf(o)
				delete(part(next, "metadata"), "ownerReferences")
				plural, _, _ := strings.Cut(k, "/")
				s.put(plural, next)
			}
		}
		s.remove(q.qualified(), q.name)
	case "Foreground":
		if m["deletionTimestamp"] == nil {
			m["deletionTimestamp"] = m["creationTimestamp"]
			s.version++
			s.stir()
		}
		return found, http.StatusOK, nil
	default:
		s.remove(q.qualified(), q.name)
	}
	return object{"kind": "Status", "apiVersion": "v1", "status": "Success"}, http.StatusOK, nil
}

// Forbid has the cluster say that its caller may not do these things, such as "get pods/log".
func (s *Server) Forbid(what ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forbids = what
}

// review says whether the caller may do what a SelfSubjectAccessReview is about.
func (s *Server) review(q *request) (standin.Reply, *status) {
	var o object
	if err := json.Unmarshal(q.body, &o); err != nil {
		return standin.Reply{}, refuse(http.StatusBadRequest, "BadRequest", "%v", err)
	}
	asked, _ := at(o, "spec", "resourceAttributes").(object)
	what := text(asked, "verb") + " " + text(asked, "resource")
	if sub := text(asked, "subresource"); sub != "" {
		what += "/" + sub
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return reply(http.StatusCreated, object{"status": object{"allowed": !slices.Contains(s.forbids, what)}}), nil
}

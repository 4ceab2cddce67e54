package gcptest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// address is where a service or one of its tags is reached. It stays the same when a service is made again under its name.
type address struct {
	service string // its full name
	tag     string
	url     string
}

// internalHeader marks requests of Google's own services in the same project, which ingress takes for internal
// (https://cloud.google.com/run/docs/securing/ingress#internal-services).
const internalHeader = "X-Gcptest-Internal"

// ownService marks the requests of a service of Google's.
type ownService struct{}

func (ownService) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(internalHeader, "true")
	return http.DefaultTransport.RoundTrip(r)
}

// address is where a service is reached, by its tag if there is one.
func (s *Server) address(v *runService, tag string) *address {
	key := v.is.Name + "/" + tag
	if a := s.addresses[key]; a != nil {
		return a
	}
	a := &address{service: v.is.Name, tag: tag}
	a.url = s.listenLocked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.servePublic(w, r, a) })).URL
	s.addresses[key] = a
	return a
}

// servePublic answers a request to the address of a service: it looks who asks, chooses the revision, and hands on.
func (s *Server) servePublic(w http.ResponseWriter, r *http.Request, a *address) {
	revision, refusal := s.admit(r, a)
	if refusal != nil {
		refusal(w)
		return
	}
	if r.ContentLength > 32*mebi { // https://cloud.google.com/run/quotas#request_limits
		page413(w)
		return
	}
	s.hand(w, r, revision)
}

// admit finds the revision that a request goes to, or says how it is refused.
func (s *Server) admit(r *http.Request, a *address) (*runRevision, func(http.ResponseWriter)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleAbout(a.service)
	v := s.services[a.service]
	if v == nil {
		return nil, page404
	}
	internal := r.Header.Get(internalHeader) != ""
	r.Header.Del(internalHeader)
	if v.is.Ingress == "INGRESS_TRAFFIC_NONE" || v.is.Ingress != "INGRESS_TRAFFIC_ALL" && !internal || v.is.DefaultUriDisabled {
		return nil, page404
	}
	if refusal := s.judge(v, r); refusal != nil {
		return nil, refusal
	}
	if n := v.is.Scaling; n != nil && n.ScalingMode == "MANUAL" && n.ManualInstanceCount == 0 {
		return nil, func(w http.ResponseWriter) { errorPage(w, http.StatusServiceUnavailable, "Service Unavailable") }
	}
	revision := v.choose(a.tag)
	if revision == nil {
		return nil, page404
	}
	return revision, nil
}

// judge says how the check of who may invoke refuses a request (https://cloud.google.com/run/docs/authenticating/service-to-service).
func (s *Server) judge(v *runService, r *http.Request) func(http.ResponseWriter) {
	policy := v.policy
	if v.requests > 0 {
		policy = v.before
		v.requests--
	}
	if v.is.InvokerIamDisabled || policy.has("allUsers", "run.routes.invoke") {
		return nil
	}
	header := "X-Serverless-Authorization"
	if r.Header.Get(header) == "" {
		header = "Authorization"
	}
	token, ok := strings.CutPrefix(r.Header.Get(header), "Bearer ")
	if !ok {
		return page403
	}
	who, err := verify(token)
	if err != nil || who.Audience != v.is.Uri && !slices.Contains(v.is.CustomAudiences, who.Audience) {
		return page401
	}
	if !s.invokes(who.Email, policy) {
		return page403
	}
	// The container gets the token without what proves it.
	if header == "Authorization" {
		r.Header.Set(header, "Bearer "+token[:strings.LastIndex(token, ".")+1]+"SIGNATURE_REMOVED_BY_GOOGLE")
	} else {
		r.Header.Del(header)
	}
	return nil
}

// invokes says whether a policy lets somebody invoke a service.
func (s *Server) invokes(email string, on *policy) bool {
	return email == Deployer || s.place.may("serviceAccount:"+email, "run.routes.invoke", on) || s.place.may("user:"+email, "run.routes.invoke", on)
}

// choose finds the revision of a tag, or one by the weights of traffic.
func (v *runService) choose(tag string) *runRevision {
	at := rand.Int64N(100)
	for _, t := range v.is.TrafficStatuses {
		id := t.Revision
		if t.Type == toLatest {
			id = lastOf(v.is.LatestReadyRevision)
		}
		if tag != "" {
			if t.Tag == tag {
				return v.revisions[id]
			}
			continue
		}
		if at < t.Percent {
			return v.revisions[id]
		}
		at -= t.Percent
	}
	return nil
}

// hand lets the revision answer.
func (s *Server) hand(w http.ResponseWriter, r *http.Request, revision *runRevision) {
	timeout, _ := time.ParseDuration(revision.is.Timeout) // it has been checked
	began := time.Now()
	recorder := &statusRecorder{ResponseWriter: w}
	revision.pool.serve(recorder, r, timeout)
	s.requested(revision, r, recorder.status, time.Since(began))
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets answers be flushed.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func page401(w http.ResponseWriter) {
	w.Header().Set("Www-Authenticate", `Bearer error="invalid_token" error_description="The access token could not be verified"`)
	errorPage(w, http.StatusUnauthorized, "Unauthorized")
}

func page403(w http.ResponseWriter) {
	w.Header().Set("Www-Authenticate", `Bearer error="invalid_token" error_description="The request was not authenticated. `+
		`Either allow unauthenticated invocations or set the proper Authorization header."`)
	errorPage(w, http.StatusForbidden, "Forbidden")
}

func page404(w http.ResponseWriter) { errorPage(w, http.StatusNotFound, "Page not found") }

func page413(w http.ResponseWriter) {
	errorPage(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
}

// errorPage is a page of Google's front end.
func errorPage(w http.ResponseWriter, status int, title string) {
	text := map[int]string{
		http.StatusUnauthorized: "Your client does not have permission to the requested URL.",
		http.StatusForbidden:    "Your client does not have permission to get URL from this server.",
		http.StatusNotFound:     "The requested URL was not found on this server.",
	}[status]
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, fmt.Sprintf("\n<html><head>\n<meta http-equiv=\"content-type\" content=\"text/html;charset=utf-8\">\n<title>%d %s</title>\n</head>\n"+
		"<body text=#000000 bgcolor=#ffffff>\n<h1>Error: %s</h1>\n<h2>%s</h2>\n<h2></h2>\n</body></html>\n", status, title, title, text))
}

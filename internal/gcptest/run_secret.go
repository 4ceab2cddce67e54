package gcptest

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/api/logging/v2"
	"google.golang.org/api/run/v2"
)

// secretOf is the value of a secret that a revision names, as its service account may read it.
func (s *Server) secretOf(r *runRevision, ref *run.GoogleCloudRunV2SecretKeySelector) ([]byte, *failure) {
	value, err := s.place.secretValue("serviceAccount:"+r.is.ServiceAccount, lastOf(ref.Secret), ref.Version)
	if err == nil {
		return value, nil
	}
	fail := &failure{rpc: codeInternal, message: err.Error()}
	if errors.As(err, &fail) {
		fail = &failure{rpc: fail.rpc, message: fail.message}
	}
	fail.condition = "SECRETS_ACCESS_CHECK_FAILED"
	return nil, fail
}

// secretsOf says why the secrets of a revision cannot be read
// (https://cloud.google.com/run/docs/configuring/services/secrets: they are checked at deployment).
func (s *Server) secretsOf(r *runRevision) *failure {
	for _, k := range r.is.Containers {
		for _, e := range k.Env {
			if e.ValueSource == nil {
				continue
			}
			if _, fail := s.secretOf(r, e.ValueSource.SecretKeyRef); fail != nil {
				return fail
			}
		}
	}
	return nil
}

// requested keeps the entry that Cloud Run writes of a request (https://cloud.google.com/run/docs/logging#log_types).
func (s *Server) requested(r *runRevision, request *http.Request, status int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	severity := "INFO"
	if status >= 500 {
		severity = "ERROR"
	} else if status >= 400 {
		severity = "WARNING"
	}
	at := stamp(time.Now())
	s.place.entries = append(s.place.entries, &logging.LogEntry{
		LogName: "projects/" + Project + "/logs/run.googleapis.com%2Frequests", Timestamp: at, ReceiveTimestamp: at, Severity: severity,
		InsertId: strconv.FormatInt(s.place.next(), 36),
		HttpRequest: &logging.HttpRequest{
			RequestMethod: request.Method, RequestUrl: "http://" + request.Host + request.URL.RequestURI(), Status: int64(status),
			UserAgent: request.UserAgent(), RemoteIp: "127.0.0.1", Protocol: request.Proto, Latency: strconv.FormatFloat(took.Seconds(), 'f', 9, 64) + "s",
		},
		Resource: &logging.MonitoredResource{Type: "cloud_run_revision", Labels: map[string]string{
			"project_id": Project, "location": regionOf(r.is.Name), "service_name": r.is.Service, "revision_name": r.id(), "configuration_name": r.is.Service,
		}},
	})
}

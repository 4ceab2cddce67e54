package gcptest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// serveFront answers for the hosts that are no API.
func (s *Server) serveFront(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/token" && r.Method == http.MethodPost:
		s.serveToken(w, r)
	case r.URL.Path == "/v1/token" && r.Method == http.MethodPost:
		s.serveExchange(w, r)
	case strings.HasPrefix(r.URL.Path, uploadPath):
		s.serveSigned(w, r)
	case r.URL.Path == "/oauth2/v3/certs":
		answer(http.StatusOK, keySet()).Send(w)
	default:
		notFound(w)
	}
}

// MetadataServer serves what a program on Google finds out about where it runs, with the tokens of a service account
// (https://cloud.google.com/run/docs/container-contract#metadata-server). It gives the value of GCE_METADATA_HOST.
func (s *Server) MetadataServer(email string) string {
	server := s.listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serveMetadata(w, r, email) }))
	return strings.TrimPrefix(server.URL, "http://")
}

// metadataHost is the metadata server of an account.
func (s *Server) metadataHost(email string) string {
	s.mu.Lock()
	host := s.metadata[email]
	s.mu.Unlock()
	if host != "" {
		return host
	}
	host = s.MetadataServer(email)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metadata[email] = host
	return host
}

func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request, email string) {
	w.Header().Set("Metadata-Flavor", "Google")
	if r.Header.Get("Metadata-Flavor") != "Google" && r.URL.Path != "/" {
		http.Error(w, "Missing Metadata-Flavor:Google header.", http.StatusForbidden)
		return
	}
	const prefix = "/computeMetadata/v1/"
	path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, prefix), "/")
	path = strings.Replace(path, "service-accounts/"+email, "service-accounts/default", 1)
	switch path {
	case "instance/service-accounts/default/token":
		answer(http.StatusOK, map[string]any{"access_token": s.AccessToken(email), "expires_in": 3599, "token_type": "Bearer"}).Send(w)
	case "instance/service-accounts/default/identity":
		audience := r.URL.Query().Get("audience")
		if audience == "" {
			http.Error(w, "non-empty audience parameter required", http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, s.IDToken(email, audience))
	default:
		values := map[string]string{
			"project/project-id": Project, "project/numeric-project-id": Number, "universe/universe-domain": "googleapis.com",
			"instance/region": "projects/" + Number + "/regions/" + Region, "instance/service-accounts/default/email": email,
			"instance/service-accounts/default/scopes": "https://www.googleapis.com/auth/cloud-platform",
			"instance/service-accounts":                "default/\n" + email + "/",
		}
		value, ok := values[path]
		if !ok && r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprint(w, value)
	}
}

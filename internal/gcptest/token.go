package gcptest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/api/iam/v1"
)

// account is a service account.
type account struct {
	is     *iam.ServiceAccount
	policy *policy
	unseen int // reads that do not find it yet
}

func (s *Server) addAccount(email string) {
	s.accounts[email] = &account{policy: newPolicy(), is: &iam.ServiceAccount{
		Name: "projects/" + Project + "/serviceAccounts/" + email, Email: email, ProjectId: Project,
		UniqueId: fmt.Sprintf("1000000000000000%05d", s.next()), Oauth2ClientId: fmt.Sprintf("1000000000000000%05d", s.serial),
	}}
}

// KeyFile writes the key of a service account, as Google gives it out.
func (s *Server) KeyFile(email string) string {
	data, _ := json.Marshal(map[string]string{ // strings encode
		"type": "service_account", "project_id": Project, "private_key_id": keyID, "private_key": pemKey(),
		"client_email": email, "client_id": "1", "token_uri": s.URL + "/token", "universe_domain": "googleapis.com",
	})
	return s.write(email+".json", data)
}

// UserFile writes the credentials of a person, as "gcloud auth application-default login" leaves them.
func (s *Server) UserFile(email string) string {
	data, _ := json.Marshal(map[string]string{ // strings encode
		"type": "authorized_user", "client_id": "764086051850.apps.googleusercontent.com", "client_secret": "not-a-secret-of-anybody",
		"refresh_token": "1//" + email, "token_uri": s.URL + "/token", "universe_domain": "googleapis.com",
	})
	return s.write("user-"+email+".json", data)
}

// write puts a file where it is seen whole or not at all: another may read it while it is asked for again.
func (s *Server) write(name string, data []byte) string {
	file := filepath.Join(s.dir, name)
	unseen := fmt.Sprintf("%s.%d", file, s.writes.Add(1))
	err := os.WriteFile(unseen, data, 0o600)
	if err == nil {
		err = os.Rename(unseen, file)
	}
	if err != nil {
		s.t.Errorf("gcptest: %v", err)
	}
	return file
}

// AccessToken is a new token of somebody.
func (s *Server) AccessToken(email string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accessToken(email)
}

func (s *Server) accessToken(email string) string {
	token := fmt.Sprintf("ya29.%d-%s", s.next(), encode([]byte(email)))
	s.tokens[token] = email
	return token
}

// IDToken is a token that says to an audience who somebody is.
func (s *Server) IDToken(email, audience string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idToken(email, audience)
}

func (s *Server) idToken(email, audience string) string {
	now := time.Now()
	c := claims{
		Issuer: "https://accounts.google.com", Audience: audience, Authorized: email, Subject: email, Email: email, Verified: true,
		IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix(),
	}
	if a := s.accounts[email]; a != nil {
		c.Subject = a.is.UniqueId
	}
	return sign(c)
}

// serveToken is the endpoint of OAuth 2.0 (https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests).
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		oauthError(w, "invalid_request", err.Error())
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch grant := r.PostForm.Get("grant_type"); grant {
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		s.serveAssertion(w, r.PostForm.Get("assertion"))
	case "refresh_token":
		email, ok := strings.CutPrefix(r.PostForm.Get("refresh_token"), "1//")
		if !ok {
			oauthError(w, "invalid_grant", "Bad Request")
			return
		}
		answer(http.StatusOK, map[string]any{
			"access_token": s.accessToken(email), "expires_in": 3599, "token_type": "Bearer", "scope": "openid https://www.googleapis.com/auth/cloud-platform",
			"id_token": s.idToken(email, r.PostForm.Get("client_id")),
		}).Send(w)
	default:
		oauthError(w, "unsupported_grant_type", "Invalid grant_type: "+grant)
	}
}

func (s *Server) serveAssertion(w http.ResponseWriter, assertion string) {
	c, err := verify(assertion)
	switch {
	case err != nil:
		oauthError(w, "invalid_grant", "Invalid JWT Signature.")
	case s.accounts[c.Issuer] == nil:
		oauthError(w, "invalid_grant", "Invalid grant: account not found")
	case c.Audience != s.URL+"/token":
		oauthError(w, "invalid_grant", "Invalid JWT: Failed audience check.")
	case c.TargetAudience != "":
		answer(http.StatusOK, map[string]any{"id_token": s.idToken(c.Issuer, c.TargetAudience)}).Send(w)
	case c.Scope == "":
		oauthError(w, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
	default:
		answer(http.StatusOK, map[string]any{"access_token": s.accessToken(c.Issuer), "expires_in": 3599, "token_type": "Bearer"}).Send(w)
	}
}

// serveExchange is the Security Token Service: it takes a token of another issuer, whatever it is
// (https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token).
func (s *Server) serveExchange(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.PostForm.Get("subject_token") == "" || r.PostForm.Get("audience") == "" {
		oauthError(w, "invalid_request", "Missing parameters")
		return
	}
	pool := strings.TrimPrefix(r.PostForm.Get("audience"), "//")
	s.mu.Lock()
	defer s.mu.Unlock()
	answer(http.StatusOK, map[string]any{
		"access_token": s.accessToken("principal://" + pool), "expires_in": 3600, "token_type": "Bearer",
		"issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
	}).Send(w)
}

func oauthError(w http.ResponseWriter, code, description string) {
	answer(http.StatusBadRequest, map[string]string{"error": code, "error_description": description}).Send(w)
}

// authenticate finds who calls: by an access token, or by a token that a service account signed itself
// (https://google.aip.dev/auth/4111).
func (s *Server) authenticate(r *http.Request) (string, *failure) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", unauthenticated("CREDENTIALS_MISSING", "Request is missing required authentication credential.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if email := s.tokens[token]; email != "" {
		return email, nil
	}
	c, err := verify(token)
	if err != nil || s.accounts[c.Issuer] == nil || c.Issuer != c.Subject {
		return "", unauthenticated("ACCESS_TOKEN_TYPE_UNSUPPORTED", "Request had invalid authentication credentials.")
	}
	return c.Issuer, nil
}

func unauthenticated(reason, message string) *failure {
	f := refuse(codeUnauthenticated, "%s Expected OAuth 2 access token, login cookie or other valid authentication credential. "+
		"See https://developers.google.com/identity/sign-in/web/devconsole-project.", message)
	f.details = []any{info(reason, "googleapis.com", nil)}
	return f
}

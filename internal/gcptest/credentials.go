package gcptest

import (
	"strings"
	"time"

	"google.golang.org/api/iamcredentials/v1"
)

// iamCredentialsAPI makes tokens for service accounts that the caller may impersonate.
func iamCredentialsAPI() *api {
	return &api{
		name: "iamcredentials", host: "iamcredentials.googleapis.com",
		versions: []version{{"iamcredentials/v1", map[string]handler{
			"projects.serviceAccounts.generateAccessToken": (*Server).generateAccessToken,
			"projects.serviceAccounts.generateIdToken":     (*Server).generateIDToken,
		}}},
		permissions: map[string]string{
			"projects.serviceAccounts.generateAccessToken": "iam.serviceAccounts.getAccessToken",
			"projects.serviceAccounts.generateIdToken":     "iam.serviceAccounts.getOpenIdToken",
		},
	}
}

// impersonated is the service account that a call names. One that is not there is refused as one that one may not use is.
func (s *Server) impersonated(c *call) (*account, *failure) {
	a := s.accounts[c.vars["name"][strings.LastIndex(c.vars["name"], "/")+1:]]
	if a == nil {
		return nil, refuse(codeNotFound, "Not found; Gaia id not found for email %s", c.vars["name"][strings.LastIndex(c.vars["name"], "/")+1:])
	}
	return a, nil
}

func (s *Server) generateAccessToken(c *call) (any, error) {
	r, err := decode[iamcredentials.GenerateAccessTokenRequest](c)
	if err != nil {
		return nil, err
	}
	if len(r.Scope) == 0 {
		return nil, badField("scope", "scope: At least one scope must be specified.")
	}
	a, fail := s.impersonated(c)
	if fail != nil {
		return nil, fail
	}
	return &iamcredentials.GenerateAccessTokenResponse{
		AccessToken: s.accessToken(a.is.Email), ExpireTime: time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}, nil
}

func (s *Server) generateIDToken(c *call) (any, error) {
	r, err := decode[iamcredentials.GenerateIdTokenRequest](c)
	if err != nil {
		return nil, err
	}
	if r.Audience == "" {
		return nil, badField("audience", "audience: The audience must be specified.")
	}
	a, fail := s.impersonated(c)
	if fail != nil {
		return nil, fail
	}
	return &iamcredentials.GenerateIdTokenResponse{Token: s.idToken(a.is.Email, r.Audience)}, nil
}

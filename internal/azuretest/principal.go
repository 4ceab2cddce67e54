package azuretest

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// servicePrincipal is the type of applications and of managed identities.
const servicePrincipal = "ServicePrincipal"

// principal is who can get a token: an application, a managed identity or a user.
type principal struct {
	id, client string
	secret     string // of an application
	kind       string
	resource   string // the ID of a managed identity's resource
	young      int    // how often the directory does not find it yet
}

// Principal makes an application without rights and says how it signs in: the variables of its environment.
func (c *Cloud) Principal(name string) (id string, env func(string) (string, bool)) {
	c.mu.Lock()
	p := &principal{id: newID(), client: newID(), secret: "secret of " + name, kind: servicePrincipal}
	c.principals[p.id] = p
	c.mu.Unlock()
	own := map[string]string{"AZURE_CLIENT_ID": p.client, "AZURE_CLIENT_SECRET": p.secret}
	return p.id, func(name string) (string, bool) {
		if value, ok := own[name]; ok {
			return value, true
		}
		return c.Env(name)
	}
}

// token is what proves who somebody is to an audience.
type token struct {
	principal *principal
	audience  string
	expires   time.Time
}

// issue makes a token in the form of a JWT; what it is for only this cloud looks at.
func (c *Cloud) issue(p *principal, audience string, life time.Duration) string {
	at := time.Now()
	claims := object{
		"aud": audience, "iss": "https://sts.windows.net/" + Tenant + "/", "tid": Tenant, "oid": p.id, "sub": p.id, "appid": p.client,
		"iat": at.Unix(), "nbf": at.Unix(), "exp": at.Add(life).Unix(), "idtyp": "app", "ver": "1.0", "uti": newID(),
	}
	if p.resource != "" {
		claims["xms_mirid"] = p.resource
	}
	part := func(v object) string {
		data, _ := json.Marshal(v) // strings and numbers encode
		return base64.RawURLEncoding.EncodeToString(data)
	}
	raw := part(object{"typ": "JWT", "alg": "RS256", "kid": "azuretest"}) + "." + part(claims) + "." + base64.RawURLEncoding.EncodeToString([]byte("azuretest"))
	c.tokens[raw] = &token{principal: p, audience: audience, expires: at.Add(life)}
	return raw
}

// ExpireTokens ends all tokens: who does not ask for another is refused.
func (c *Cloud) ExpireTokens() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tokens {
		t.expires = time.Now()
	}
}

// authenticate finds who calls by a token. A surface without audiences looks at its callers itself.
func (c *Cloud) authenticate(r *request) *failure {
	if len(r.surface.audiences) == 0 || r.op.name == "Metadata_Endpoints" {
		return nil
	}
	raw, ok := strings.CutPrefix(r.http.Header.Get("Authorization"), "Bearer ")
	if !ok {
		if slices.Contains([]string{"blob", "queue", "scm", "vault", "topic", "bus"}, r.surface.name) {
			return nil // they have other ways, and say themselves who may
		}
		return &failure{
			status: 401, code: "AuthenticationFailed", message: "Authentication failed. The 'Authorization' header is missing.",
			header: challenge(),
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tokens[raw]
	switch {
	case t == nil:
		return &failure{status: 401, code: "InvalidAuthenticationToken", message: "The access token is invalid.", header: challenge()}
	case !time.Now().Before(t.expires):
		return &failure{status: 401, code: "ExpiredAuthenticationToken", message: "The access token expiry UTC time '" +
			t.expires.UTC().Format("1/2/2006 3:04:05 PM") + "' is earlier than current UTC time.", header: challenge()}
	case !r.surface.accepts(t.audience, r):
		return &failure{status: 401, code: "InvalidAuthenticationTokenAudience", message: "The access token has been obtained for wrong audience or resource '" +
			t.audience + "'. It should exactly match with one of the allowed audiences '" + strings.Join(r.surface.audiences, ",") + "'.", header: challenge()}
	}
	r.caller = t.principal
	return nil
}

func (s *surface) accepts(audience string, r *request) bool {
	for _, known := range s.audiences {
		if strings.TrimSuffix(audience, "/") == strings.ReplaceAll(known, "{place}", r.place) {
			return true
		}
	}
	return false
}

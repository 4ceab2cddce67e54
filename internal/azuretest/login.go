package azuretest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// federation lets tokens of another issuer stand for an application.
type federation struct{ client, issuer, subject string }

// Federate has the application of ClientID trust the tokens that an issuer makes for a subject, as "repo:o/r:ref:refs/heads/main".
func (c *Cloud) Federate(issuer, subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.federations = append(c.federations, federation{ClientID, issuer, subject})
}

// Assertion is such a token, for AZURE_FEDERATED_TOKEN_FILE or the answer of a pipeline's token service.
func Assertion(issuer, subject string, life time.Duration) string {
	at := time.Now()
	data, _ := json.Marshal(object{
		"iss": issuer, "sub": subject, "aud": "api://AzureADTokenExchange", "iat": at.Unix(), "exp": at.Add(life).Unix(), "jti": newID(),
	})
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(data) + "." + encode([]byte("assertion"))
}

// challenge says where to get a token.
func challenge() http.Header {
	return http.Header{"Www-Authenticate": {`Bearer authorization_uri="https://login.microsoftonline.com/` + Tenant + `", error="invalid_token", ` +
		`error_description="The authentication failed because of missing 'Authorization' header."`}}
}

// loginSurface is the authority. It stands beside Resource Manager at Endpoint, where its paths are no others'.
func loginSurface() *surface {
	word := func(f *failure, r *request) standin.Reply {
		out := jsonReply(f.status, object{
			"error": f.code, "error_description": f.message + " Trace ID: " + newID() + " Correlation ID: " + r.id + " Timestamp: " + stamp(now()),
			"error_codes": []int{code(f.message)}, "trace_id": newID(), "correlation_id": r.id,
		})
		return out
	}
	return &surface{
		name: "login", word: word,
		host: func(c *Cloud, host string) (string, bool) {
			return "", host == "login.microsoftonline.com" || host == "login.microsoft.com" || armSurfaceHost(c, host)
		},
		ops: []*operation{
			{name: "Discovery_Instance", route: "GET /common/discovery/instance", run: (*Cloud).instance},
			{name: "Discovery_OpenID", route: "GET /{tenant}/v2.0/.well-known/openid-configuration", run: (*Cloud).openID},
			{name: "Discovery_OpenID", route: "GET /{tenant}/.well-known/openid-configuration", run: (*Cloud).openID},
			{name: "Token", route: "POST /{tenant}/oauth2/v2.0/token", run: (*Cloud).token},
			{name: "Token", route: "POST /{tenant}/oauth2/token", run: (*Cloud).token},
			{name: "Keys", route: "GET /{tenant}/discovery/v2.0/keys", run: func(*Cloud, *request) (any, error) { return object{"keys": []object{}}, nil }},
		},
	}
}

func armSurfaceHost(c *Cloud, host string) bool {
	return host == armHost || host == c.Host() || host == strings.Replace(c.Host(), "127.0.0.1", "localhost", 1)
}

// code is the number in a message as "AADSTS7000215: …".
func code(message string) int {
	n := 0
	digits := strings.TrimPrefix(message, "AADSTS")
	for _, r := range digits {
		if r < '0' || r > '9' {
			break
		}
		n = n*10 + int(r-'0')
	}
	return n
}

func (c *Cloud) instance(r *request) (any, error) {
	return object{
		"tenant_discovery_endpoint": "https://" + r.http.Host + "/" + Tenant + "/v2.0/.well-known/openid-configuration", "api-version": "1.1",
		"metadata": []object{{
			"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net",
			"aliases": []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"},
		}},
	}, nil
}

func (c *Cloud) openID(r *request) (any, error) {
	if err := knownTenant(r); err != nil {
		return nil, err
	}
	base := "https://" + r.http.Host + "/" + r.vars["tenant"]
	out := object{
		"token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "issuer": base + "/v2.0",
		"device_authorization_endpoint": base + "/oauth2/v2.0/devicecode", "jwks_uri": base + "/discovery/v2.0/keys", "response_types_supported": []string{"code"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "subject_types_supported": []string{"pairwise"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
	}
	if r.vars["tenant"] == "adfs" {
		out["token_endpoint"], out["authorization_endpoint"] = base+"/oauth2/token", base+"/oauth2/authorize"
	}
	return out, nil
}

// knownTenant lets the tenant through, and "adfs", which clouds without a directory of their own are registered with.
func knownTenant(r *request) error {
	switch tenant := lower(r.vars["tenant"]); tenant {
	case Tenant, "adfs", "organizations", "common":
		return nil
	default:
		return refuse(400, "invalid_tenant", "AADSTS90002: Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", tenant)
	}
}

// token is the grant of client credentials, by a secret or by an assertion.
//
// Source: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow; reference-error-codes.
func (c *Cloud) token(r *request) (any, error) {
	if err := knownTenant(r); err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(r.body))
	if err != nil {
		return nil, refuse(400, "invalid_request", "AADSTS900144: The request body must contain the following parameter: 'grant_type'.")
	}
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return nil, refuse(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type '%s'.", grant)
	}
	p := c.application(form.Get("client_id"))
	if p == nil {
		return nil, refuse(400, "unauthorized_client", "AADSTS700016: Application with identifier '%s' was not found in the directory 'ferry'.", form.Get("client_id"))
	}
	if err := c.proven(p, form); err != nil {
		return nil, err
	}
	audience := form.Get("resource")
	if scope := form.Get("scope"); audience == "" {
		for one := range strings.FieldsSeq(scope) {
			if of, ok := strings.CutSuffix(one, "/.default"); ok {
				audience = of
			}
		}
	}
	if audience == "" {
		return nil, refuse(400, "invalid_scope", "AADSTS1002012: The provided value for scope %s is not valid. Client credential flows must have a scope "+
			"value with /.default suffixed to the resource identifier (application ID URI).", form.Get("scope"))
	}
	const life = time.Hour
	return object{
		"token_type": "Bearer", "expires_in": int(life.Seconds()), "ext_expires_in": int(life.Seconds()), "access_token": c.issue(p, audience, life),
	}, nil
}

func (c *Cloud) application(client string) *principal {
	for _, p := range c.principals {
		if strings.EqualFold(p.client, client) && p.secret != "" {
			return p
		}
	}
	return nil
}

// proven refuses a secret or an assertion that is not the application's.
func (c *Cloud) proven(p *principal, form url.Values) error {
	assertion := form.Get("client_assertion")
	switch {
	case assertion == "" && form.Get("client_secret") == p.secret:
		return nil
	case assertion == "":
		return refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client "+
			"secret value, not the client secret ID, for a secret added to app '%s'.", p.client)
	}
	parts := strings.Split(assertion, ".")
	var claims struct {
		Iss, Sub, Aud string
		Exp           int64
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err != nil || json.Unmarshal(data, &claims) != nil {
		return refuse(401, "invalid_client", "AADSTS50027: JWT token is invalid or malformed.")
	}
	if time.Now().Unix() >= claims.Exp {
		return refuse(401, "invalid_client", "AADSTS700024: Client assertion is not within its valid time range.")
	}
	if claims.Aud != "api://AzureADTokenExchange" {
		return refuse(401, "invalid_client", "AADSTS700212: No matching federated identity record found for presented assertion audience '%s'.", claims.Aud)
	}
	for _, f := range c.federations {
		if f == (federation{p.client, claims.Iss, claims.Sub}) {
			return nil
		}
	}
	return refuse(401, "invalid_client", "AADSTS70021: No matching federated identity record found for presented assertion. Assertion Issuer: '%s'. "+
		"Assertion Subject: '%s'. Assertion Audience: '%s'.", claims.Iss, claims.Sub, claims.Aud)
}

// metadataOperations say where the services of this cloud are.
//
// Source: management.azure.com/metadata/endpoints?api-version=2022-09-01, as azure-cli and terraform-provider-azurerm read it.
func metadataOperations() []*operation {
	return []*operation{{name: "Metadata_Endpoints", route: "GET /metadata/endpoints", run: func(_ *Cloud, r *request) (any, error) {
		base := "https://" + r.http.Host
		login := base
		if r.http.Host == armHost {
			login = "https://login.microsoftonline.com"
		}
		one := object{
			"name": "AzureCloud", "portal": "https://portal.azure.com", "resourceManager": base + "/", "graph": "https://graph.windows.net/",
			"graphAudience": "https://graph.windows.net/", "microsoftGraphResourceId": "https://graph.microsoft.com/", "gallery": base + "/gallery",
			"logAnalyticsResourceId": "https://api.loganalytics.io", "appInsightsResourceId": "https://api.applicationinsights.io",
			"authentication": object{
				"loginEndpoint": login, "audiences": []string{"https://management.core.windows.net/", "https://management.azure.com/"},
				"tenant": "common", "identityProvider": "AAD",
			},
			"suffixes": object{
				"storage": "core.windows.net", "keyVaultDns": "vault.azure.net", "acrLoginServer": "azurecr.io", "sqlServerHostname": "database.windows.net",
			},
		}
		if r.query.Get("api-version") == "2015-01-01" { // the form of clouds that were registered by hand
			one["galleryEndpoint"], one["graphEndpoint"], one["portalEndpoint"] = base, "https://graph.windows.net/", "https://portal.azure.com"
			one["authentication"].(object)["loginEndpoint"], one["authentication"].(object)["tenant"] = base+"/adfs", "adfs"
			return one, nil
		}
		return []object{one}, nil
	}}}
}

// allSurfaces are the services, in the order in which a request is offered to them.
func allSurfaces() []*surface {
	return []*surface{
		armSurface(), loginSurface(), imdsSurface(), storageSurface("blob", blobOperations()), storageSurface("queue", queueOperations()),
		vaultSurface(), scmSurface(), appSurface(), logsSurface(), topicSurface(), busSurface(),
	}
}

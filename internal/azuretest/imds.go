package azuretest

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// isIMDS says whether a host is that which a machine in Azure asks for tokens.
func isIMDS(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	return name == "169.254.169.254"
}

// imdsSurface gives tokens to machines, and to apps.
//
// Source: learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token;.
func imdsSurface() *surface {
	word := func(f *failure, _ *request) standin.Reply {
		return jsonReply(f.status, object{"error": f.code, "error_description": f.message, "statusCode": f.status, "message": f.message})
	}
	return &surface{
		name: "imds", word: word,
		host: func(c *Cloud, host string) (string, bool) { return "", isIMDS(host) || armSurfaceHost(c, host) },
		ops: []*operation{
			{name: "Identity_GetToken", route: "GET /metadata/identity/oauth2/token", run: (*Cloud).machineToken},
			{name: "Identity_GetAppToken", route: "GET /msi/token", run: (*Cloud).appToken},
		},
	}
}

func (c *Cloud) machineToken(r *request) (any, error) {
	if r.http.Header.Get("Metadata") != "true" {
		return nil, refuse(400, "invalid_request", "Required metadata header not specified")
	}
	return c.identityToken(r, func(*principal) bool { return true })
}

// appToken gives an app the tokens of its own identities alone.
func (c *Cloud) appToken(r *request) (any, error) {
	header := r.http.Header.Get("X-Identity-Header")
	for _, is := range c.resources {
		s, ok := is.state.(*site)
		if !ok || s.masterKey != header {
			continue
		}
		return c.identityToken(r, func(p *principal) bool {
			return s.hasIdentity(p.resource) || p.id == text(s.is.identity, "principalId")
		})
	}
	return nil, refuse(401, "unauthorized", "The X-IDENTITY-HEADER is wrong.")
}

// identityToken gives a token for one of the identities that the asker has.
func (c *Cloud) identityToken(r *request, has func(*principal) bool) (any, error) {
	resource, client := strings.TrimSuffix(r.query.Get("resource"), "/"), r.query.Get("client_id")
	if resource == "" {
		return nil, refuse(400, "invalid_request", "Required query variable 'resource' is missing")
	}
	var found []*principal
	for _, id := range sortedKeys(c.principals) {
		if p := c.principals[id]; p.resource != "" && has(p) && (client == "" || strings.EqualFold(client, p.client)) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return nil, refuse(400, "invalid_request", "Identity not found")
	}
	const life = 24 * time.Hour
	ends := time.Now().Add(life).Unix()
	return object{
		"access_token": c.issue(found[0], resource, life), "client_id": found[0].client, "resource": resource, "token_type": "Bearer",
		"expires_in": "86399", "expires_on": strconv.FormatInt(ends, 10),
	}, nil
}

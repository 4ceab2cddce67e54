package azuretest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// storageSurface is a data plane of the storage accounts, with the hosts <account>.<service>.core.windows.net.
func storageSurface(service string, ops []*operation) *surface {
	return &surface{
		name: service, word: wordStorage, ops: ops,
		audiences: []string{"https://storage.azure.com", "https://{place}." + service + ".core.windows.net"},
		host: func(_ *Cloud, host string) (string, bool) {
			return strings.CutSuffix(host, "."+service+".core.windows.net")
		},
		fallback: data("Unknown", "", "", func(c *Cloud, _ *account, r *request) (any, error) {
			c.t.Errorf("azuretest: %s: there is no operation for %s %s", service, r.http.Method, r.http.URL)
			return nil, refuse(400, "InvalidUri", "The requested URI does not represent any resource on the server.")
		}),
	}
}

// data makes an operation of a data plane of one that has the account already, whose caller may do the action.
func data(name, route, action string, run func(*Cloud, *account, *request) (any, error)) *operation {
	return &operation{name: name, route: route, action: action, run: func(c *Cloud, r *request) (any, error) {
		a := c.account(r.place)
		if a == nil {
			panic(http.ErrAbortHandler) // a name that is of no account does not resolve
		}
		if err := c.mayUse(a, r); err != nil {
			return nil, err
		}
		return run(c, a, r)
	}}
}

// mayUse refuses who has neither a key that the account accepts nor a role. The first that has a role finds it not yet known.
//
// Sources: learn.microsoft.com/rest/api/storageservices/authorize-requests-to-azure-storage, common-rest-api-error-codes.
func (c *Cloud) mayUse(a *account, r *request) error {
	header := r.http.Header.Get("Authorization")
	switch {
	case strings.HasPrefix(header, "SharedKey "):
		if allowed, given := a.is.properties["allowSharedKeyAccess"].(bool); given && !allowed {
			return refuse(403, "KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted on this storage account.")
		}
		if !a.signed(r, header) {
			return refuse(403, "AuthenticationFailed", "Server failed to authenticate the request. Make sure the value of Authorization header is formed "+
				"correctly including the signature.")
		}
		return nil
	case r.caller == nil:
		return &failure{
			status: 401, code: "NoAuthenticationInformation", header: http.Header{"Www-Authenticate": {
				"Bearer authorization_uri=https://login.microsoftonline.com/" + Tenant + "/oauth2/authorize resource_id=https://storage.azure.com",
			}},
			message: "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
		}
	case r.http.Header.Get("X-Ms-Version") < "2017-11-09":
		return refuse(403, "AuthenticationFailed", "Server failed to authenticate the request. Authentication scheme Bearer is not supported in this version.")
	}
	scope := a.is.id
	if name := r.vars["container"]; name != "" {
		scope = a.containerID(name)
	} else if name := r.vars["queue"]; name != "" {
		scope = a.queueID(name)
	}
	action, isData := strings.CutPrefix(r.op.action, "data:")
	if isData && !c.permits(r.caller, action, scope) || !isData && !c.allows(r.caller, action, scope) {
		return denied(r)
	}
	return nil
}

// signed says whether a request is signed with one of the account's keys.
//
// Source: learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key.
func (a *account) signed(r *request, header string) bool {
	h := r.http.Header
	length := h.Get("Content-Length")
	if length == "0" || length == "" && r.http.ContentLength <= 0 {
		length = ""
	}
	lines := []string{r.http.Method}
	for _, name := range []string{
		"Content-Encoding", "Content-Language", "", "Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match",
		"If-Unmodified-Since", "Range",
	} {
		value := h.Get(name)
		if name == "" {
			if value = length; value == "" && r.http.ContentLength > 0 {
				value = itoa(r.http.ContentLength)
			}
		}
		lines = append(lines, value)
	}
	var own []string
	for name := range h {
		if low := lower(name); strings.HasPrefix(low, "x-ms-") {
			own = append(own, low+":"+strings.TrimSpace(h.Get(name)))
		}
	}
	slices.Sort(own)
	lines = append(lines, own...)
	lines = append(lines, canonicalResource(a.is.name, r.http.URL))
	text := strings.Join(lines, "\n")
	for _, key := range a.keys {
		raw, _ := base64.StdEncoding.DecodeString(key) // made here
		mac := hmac.New(sha256.New, raw)
		mac.Write([]byte(text))
		if header == "SharedKey "+a.is.name+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			return true
		}
	}
	return false
}

func canonicalResource(account string, u *url.URL) string {
	out := "/" + account + u.EscapedPath()
	query := u.Query()
	for _, name := range sortedKeys(query) {
		values := slices.Sorted(slices.Values(query[name]))
		out += "\n" + lower(name) + ":" + strings.Join(values, ",")
	}
	return out
}

// wordStorage is how the storage services word a refusal.
//
// Source: learn.microsoft.com/rest/api/storageservices/status-and-error-codes2.
func wordStorage(f *failure, r *request) standin.Reply {
	h := http.Header{"Content-Type": {"application/xml"}, "X-Ms-Error-Code": {f.code}}
	storageHeaders(h, r)
	for name, values := range f.header {
		h[name] = values
	}
	out := standin.Reply{Status: f.status, Header: h}
	if r.http.Method != http.MethodHead && f.status != http.StatusNotModified {
		out.Body = []byte("\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>" + f.code + "</Code><Message>" + escape(f.message) +
			"\nRequestId:" + r.id + "\nTime:" + stamp(now()) + "</Message></Error>")
	}
	return out
}

func storageHeaders(h http.Header, r *request) {
	h.Set("X-Ms-Request-Id", r.id)
	h.Set("Server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0")
	if version := r.http.Header.Get("X-Ms-Version"); version != "" {
		h.Set("X-Ms-Version", version)
	}
	if client := r.http.Header.Get("X-Ms-Client-Request-Id"); client != "" {
		h.Set("X-Ms-Client-Request-Id", client)
	}
}

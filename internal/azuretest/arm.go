package azuretest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

const armHost = "management.azure.com"

func armSurface() *surface {
	s := &surface{
		name: "arm", word: wordARM, audiences: []string{"https://management.azure.com", "https://management.core.windows.net"},
		host: func(c *Cloud, host string) (string, bool) {
			return "", host == armHost || host == c.Host() || host == strings.Replace(c.Host(), "127.0.0.1", "localhost", 1)
		},
		ops: slices.Concat(metadataOperations(), resourcesOperations(), authorizationOperations(), storageOperations(), identityOperations(), insightsOperations(),
			vaultOperations(), planOperations(), siteOperations(), eventOperations(), busOperations()),
	}
	return s
}

// allKinds are the types of resources that are here.
func allKinds() []*kind {
	return slices.Concat(resourcesKinds(), storageKinds(), identityKinds(), insightsKinds(), vaultKinds(), webKinds(), eventKinds(), busKinds())
}

// kind is a type of resource: what its definition says of it.
type kind struct {
	name     string // "Microsoft.Storage/storageAccounts"
	versions []string
}

// shape is the members that an object may have; a nil shape takes any value.
type shape map[string]shape

// leaves makes a shape of members that take any value.
func leaves(names ...string) shape {
	s := shape{}
	for _, name := range names {
		s[name] = nil
	}
	return s
}

// with adds members that are objects themselves.
func (s shape) with(name string, of shape) shape {
	s[name] = of
	return s
}

// foreign names a member that the shape does not have, as a path; "" when there is none.
func (s shape) foreign(value any) string {
	if s == nil {
		return ""
	}
	switch v := value.(type) {
	case object:
		for _, name := range sortedKeys(v) {
			of, known := s.member(name)
			if !known {
				return name
			}
			if below := of.foreign(v[name]); below != "" {
				return name + "." + below
			}
		}
	case []any:
		for i, element := range v {
			if below := s.foreign(element); below != "" {
				return fmt.Sprintf("%d.%s", i, below)
			}
		}
	}
	return ""
}

func (s shape) member(name string) (shape, bool) {
	for own, of := range s {
		if strings.EqualFold(own, name) {
			return of, true
		}
	}
	return nil, false
}

// manage makes an operation of Resource Manager of one that keeps to its conventions already.
func manage(name, route, action string, run func(*Cloud, *request) (any, error)) *operation {
	op := &operation{name: name, route: route, action: action}
	if _, rest, ok := strings.Cut(route, "/providers/Microsoft."); ok {
		op.service = "Microsoft." + rest[:strings.IndexAny(rest+"/", "/?")]
	} else {
		op.service = "Microsoft.Resources"
	}
	op.run = func(c *Cloud, r *request) (any, error) {
		if err := c.conventions(r); err != nil {
			return nil, err
		}
		result, err := run(c, r)
		if err != nil {
			return nil, err
		}
		out, ok := result.(standin.Reply)
		if !ok {
			out = jsonReply(http.StatusOK, result)
		}
		armHeaders(out.Header, r)
		return out, nil
	}
	return op
}

func armHeaders(h http.Header, r *request) {
	h.Set("X-Ms-Request-Id", r.id)
	correlation := r.http.Header.Get("X-Ms-Correlation-Request-Id")
	if correlation == "" {
		correlation = newID()
	}
	h.Set("X-Ms-Correlation-Request-Id", correlation)
	if client := r.http.Header.Get("X-Ms-Client-Request-Id"); client != "" && r.http.Header.Get("X-Ms-Return-Client-Request-Id") == "true" {
		h.Set("X-Ms-Client-Request-Id", client)
	}
	h.Set("X-Ms-Ratelimit-Remaining-Subscription-Reads", "11999")
}

// conventions are what Resource Manager looks at before a provider gets a request: the subscription, the version of the interface,
// the rights of the caller, the registration, the group, and locks.
func (c *Cloud) conventions(r *request) error {
	if id := r.http.Header.Get("X-Ms-Correlation-Request-Id"); id != "" && !isGUID(id) {
		// Azure/azure-dev#5851: providers fail on an ID of another form.
		return refuse(400, "InvalidCorrelationId", "The correlation id '%s' is not a valid GUID.", id)
	}
	if err := c.rightVersion(r); err != nil {
		return err
	}
	name, scoped := r.vars["subscription"]
	sub := c.subscription(name)
	if scoped && sub == nil {
		return refuse(404, "SubscriptionNotFound", "The subscription '%s' could not be found.", name)
	}
	if r.op.action != "" && !c.allows(r.caller, r.op.action, r.scope()) {
		return denied(r)
	}
	if sub == nil {
		return nil
	}
	write := r.op.write(r.http.Method) || r.http.Method == http.MethodPost
	if write && !sub.registered(r.op.service) {
		return refuse(409, "MissingSubscriptionRegistration",
			"The subscription is not registered to use namespace '%s'. See https://aka.ms/rps-not-found for how to register subscriptions.", r.op.service)
	}
	group, inGroup := r.vars["group"]
	if ofGroup := strings.HasPrefix(r.op.name, "ResourceGroups_"); inGroup && !ofGroup && c.resources[lower(groupID(name, group))] == nil {
		return refuse(404, "ResourceGroupNotFound", "Resource group '%s' could not be found.", group)
	}
	return c.unlocked(r)
}

// scope is the resource that a request is about, without what is asked of it.
func (r *request) scope() string {
	path := strings.Trim(r.http.URL.Path, "/")
	if scope, ok := r.vars["scope"]; ok {
		path = scope
	}
	parts := strings.Split(path, "/")
	if len(parts) > 2 && strings.EqualFold(parts[2], "resourceGroups") {
		parts[0], parts[2] = "subscriptions", "resourceGroups"
		path = strings.Join(parts, "/")
	}
	at := slices.IndexFunc(parts, func(p string) bool { return strings.EqualFold(p, "providers") })
	if at < 0 || len(parts) < at+3 {
		return "/" + path
	}
	// namespace, then pairs of type and name; a last type alone is an action or a list.
	return "/" + strings.Join(parts[:len(parts)-(len(parts)-at-2)%2], "/")
}

// resourceType is the type that a path names, with the types of what it lies in.
func resourceType(path string) string {
	at := strings.LastIndex(lower(path), "/providers/")
	if at < 0 {
		return ""
	}
	parts := strings.Split(strings.Trim(path[at+len("/providers/"):], "/"), "/")
	of := parts[:1:1]
	for i := 1; i < len(parts); i += 2 {
		of = append(of, parts[i])
	}
	return strings.Join(of, "/")
}

// rightVersion refuses a request without a version, or with one that its type does not have.
func (c *Cloud) rightVersion(r *request) error {
	version := r.query.Get("api-version")
	if version == "" {
		return refuse(400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	}
	of := resourceType(r.http.URL.Path)
	if of == "" {
		of = "Microsoft.Resources/resourceGroups"
	}
	for name := lower(of); name != ""; name = name[:max(0, strings.LastIndex(name, "/"))] {
		k := c.kinds[name]
		if k == nil {
			continue
		}
		if slices.Contains(k.versions, version) {
			return nil
		}
		_, short, _ := strings.Cut(of, "/")
		return refuse(400, "NoRegisteredProviderFound", "No registered resource provider found for location '%s' and API version '%s' for type '%s'. "+
			"The supported api-versions are '%s'. The supported locations are '%s'.",
			"", version, short, strings.Join(k.versions, ", "), strings.Join(locations(), ", "))
	}
	return nil
}

// decode reads a body as Resource Manager does: an object of known members, whose properties the provider knows.
func (c *Cloud) decode(r *request, of shape) (object, error) {
	if len(bytes.TrimSpace(r.body)) == 0 {
		return nil, refuse(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized: 'Request body is empty.'.")
	}
	if kind := r.http.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return nil, refuse(415, "UnsupportedMediaType", "The content media type '%s' is not supported. Only 'application/json' is supported.", kind)
	}
	var body object
	if err := json.Unmarshal(r.body, &body); err != nil {
		return nil, refuse(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized: '%s'.", err)
	}
	if foreign := of.foreign(body); foreign != "" {
		c.t.Errorf("azuretest: %s: there is no member %s in %s", r.op.name, foreign, r.body)
		name := foreign[strings.LastIndex(foreign, ".")+1:]
		return nil, refuse(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized: "+
			"'Could not find member '%s' on object of type 'ResourceDefinition'. Path '%s', line 1, position 1.'.", name, foreign)
	}
	return body, nil
}

// envelope is the members that a resource has, whatever its type, around its properties.
//
// Source: azure-rest-api-specs, common-types/resource-management/v3/types.json, and azurerm's generic resource.
func envelope(properties shape) shape {
	return leaves("id", "name", "type", "location", "tags", "kind", "etag", "managedBy", "zones", "systemData", "extendedLocation").
		with("sku", leaves("name", "tier", "size", "family", "capacity")).
		with("identity", leaves("type", "userAssignedIdentities", "principalId", "tenantId")).
		with("properties", properties)
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range s {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (r == '-') || !hyphen && !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return false
		}
	}
	return true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

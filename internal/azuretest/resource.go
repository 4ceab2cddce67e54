package azuretest

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// resource is one thing that Resource Manager knows.
type resource struct {
	id, name, kind string // kind is the type
	location       string
	tags           map[string]string
	sort           string // what a resource calls its kind
	sku, identity  object
	properties     object
	polls          int // how often it still reads as being provisioned
	state          any // what its provider keeps of it
}

func groupID(subscription, group string) string {
	return "/subscriptions/" + subscription + "/resourceGroups/" + group
}

// group is the ID of the group that a resource lies in; "" when it lies in none.
func (r *resource) group() string {
	parts := strings.SplitN(r.id, "/", 6)
	if len(parts) < 5 || !strings.EqualFold(parts[3], "resourceGroups") {
		return ""
	}
	return strings.Join(parts[:5], "/")
}

// wire is a resource as it is answered.
func (r *resource) wire() object {
	out := object{"id": r.id, "name": r.name, "type": r.kind, "properties": r.properties}
	if r.location != "" {
		out["location"] = r.location
	}
	if r.tags != nil {
		out["tags"] = r.tags
	}
	for name, value := range map[string]object{"sku": r.sku, "identity": r.identity} {
		if value != nil {
			out[name] = value
		}
	}
	if r.sort != "" {
		out["kind"] = r.sort
	}
	return out
}

// find is the resource of an ID.
func (c *Cloud) find(id string) (*resource, error) {
	if known := c.resources[lower(id)]; known != nil {
		return known, nil
	}
	at := strings.LastIndex(lower(id), "/providers/")
	if at < 0 {
		return nil, refuse(404, "ResourceGroupNotFound", "Resource group '%s' could not be found.", id[strings.LastIndex(id, "/")+1:])
	}
	what := resourceType(id) + id[strings.LastIndex(id, "/"):]
	group := id[:at]
	return nil, refuse(404, "ResourceNotFound", "The Resource '%s' under resource group '%s' was not found. For more details please go to "+
		"https://aka.ms/ARMResourceNotFoundFix", what, group[strings.LastIndex(group, "/")+1:])
}

// under lists the resources whose ID begins with a scope and that are of a type, sorted by their ID. No type is all types.
func (c *Cloud) under(scope, kind string) []*resource {
	var all []*resource
	for _, id := range sortedKeys(c.resources) {
		r := c.resources[id]
		if strings.HasPrefix(id, lower(scope)+"/") && (kind == "" || strings.EqualFold(kind, r.kind)) {
			all = append(all, r)
		}
	}
	return all
}

// put makes or replaces a resource from a body, and says whether it was not there.
func (c *Cloud) put(r *request, body object) (*resource, bool, error) {
	id := r.scope()
	known := c.resources[lower(id)]
	location := place(text(body, "location"))
	switch {
	case known == nil && location == "":
		return nil, false, refuse(400, "LocationRequired", "The location property is required for this definition.")
	case known != nil && location != "" && location != known.location:
		group := known.group()
		return nil, false, refuse(409, "InvalidResourceLocation", "The resource '%s' already exists in location '%s' in resource group '%s'. A resource "+
			"with the same name cannot be created in location '%s'. Please select a new resource name.",
			known.name, known.location, group[strings.LastIndex(group, "/")+1:], location)
	case location != "" && !slices.Contains(locations(), location):
		return nil, false, refuse(400, "LocationNotAvailableForResourceType", "The provided location '%s' is not available for resource type '%s'. "+
			"List of available regions for the resource type is '%s'.", text(body, "location"), resourceType(id), strings.Join(locations(), ","))
	}
	tags, err := tagsOf(body)
	if err != nil {
		return nil, false, err
	}
	fresh := known == nil
	if fresh {
		known = &resource{id: id, name: id[strings.LastIndex(id, "/")+1:], kind: c.canonicalType(resourceType(id)), location: location}
	}
	// A PUT replaces: who sends no tags has none afterwards (Azure/azure-dev#4313).
	known.tags = tags
	if sku, ok := body["sku"].(object); ok {
		known.sku = sku
	}
	if sort := text(body, "kind"); sort != "" {
		known.sort = sort
	}
	return known, fresh, nil
}

func (c *Cloud) canonicalType(of string) string {
	if k := c.kinds[lower(of)]; k != nil {
		return k.name
	}
	return of
}

// place is a location as Resource Manager compares it: "West Europe" is "westeurope".
func place(location string) string { return strings.ReplaceAll(lower(location), " ", "") }

// locations are the regions of this cloud.
func locations() []string {
	return []string{
		"eastus", "eastus2", "westus2", "westus3", "centralus", "northeurope", "westeurope", "swedencentral", "uksouth",
		"germanywestcentral", "francecentral", "australiaeast", "southeastasia", "japaneast",
	}
}

func tagsOf(body object) (map[string]string, error) {
	given, ok := body["tags"].(object)
	if !ok {
		return nil, nil
	}
	tags := map[string]string{}
	for name, value := range given {
		s, isText := value.(string)
		switch {
		case !isText:
			return nil, refuse(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized: the tag '%s' is no string.", name)
		case strings.ContainsAny(name, `<>%&\?/`):
			return nil, refuse(400, "InvalidTagNameCharacters", `The tag name '%s' has reserved characters '<,>,%%,&,\,?,/' or control characters.`, name)
		case len(name) > 512:
			return nil, refuse(400, "InvalidTagNameLength", "The tag name length exceeds the limit of 512 characters.")
		case len(s) > 256:
			return nil, refuse(400, "InvalidTagValueLength", "The tag value length exceeds the limit of 256 characters.")
		}
		tags[name] = s
	}
	if len(tags) > 50 {
		return nil, refuse(400, "TooManyTags", "The number of tags exceeds the limit of 50.")
	}
	return tags, nil
}

// text is a member that is a string; "" when it is none.
func text(body object, path ...string) string {
	s, _ := dig(body, path...).(string)
	return s
}

// dig is a member below others; nil when it is not there. Names are the same in any case.
func dig(body object, path ...string) any {
	var value any = body
	for _, name := range path {
		of, ok := value.(object)
		if !ok {
			return nil
		}
		value = nil
		for own, member := range of {
			if strings.EqualFold(own, name) {
				value = member
			}
		}
	}
	return value
}

// resourcesOperations are those of Microsoft.Resources: what all types have in common.
//
// Source: azure-rest-api-specs, resources/resource-manager/Microsoft.Resources, subscriptions.json and resources.json.
func resourcesOperations() []*operation {
	const group = "/subscriptions/{subscription}/resourceGroups/{group}"
	return []*operation{
		manage("Subscriptions_List", "GET /subscriptions", "", (*Cloud).listSubscriptions),
		manage("Subscriptions_Get", "GET /subscriptions/{subscription}", "Microsoft.Resources/subscriptions/read", (*Cloud).getSubscription),
		manage("Subscriptions_ListLocations", "GET /subscriptions/{subscription}/locations", "Microsoft.Resources/subscriptions/locations/read", (*Cloud).listLocations),
		manage("Tenants_List", "GET /tenants", "", func(*Cloud, *request) (any, error) {
			return object{"value": []object{{"id": "/tenants/" + Tenant, "tenantId": Tenant, "displayName": "ferry"}}}, nil
		}),
		manage("Providers_List", "GET /subscriptions/{subscription}/providers", "Microsoft.Resources/subscriptions/providers/read", (*Cloud).listProviders),
		manage("Providers_Get", "GET /subscriptions/{subscription}/providers/{provider}", "Microsoft.Resources/subscriptions/providers/read", (*Cloud).getProvider),
		manage("Providers_Register", "POST /subscriptions/{subscription}/providers/{provider}/register", "", (*Cloud).register),
		manage("ResourceGroups_List", "GET /subscriptions/{subscription}/resourceGroups", "Microsoft.Resources/subscriptions/resourceGroups/read", (*Cloud).listGroups),
		manage("ResourceGroups_CheckExistence", "HEAD "+group, "Microsoft.Resources/subscriptions/resourceGroups/read", (*Cloud).headGroup),
		manage("ResourceGroups_Get", "GET "+group, "Microsoft.Resources/subscriptions/resourceGroups/read", (*Cloud).getGroup),
		manage("ResourceGroups_CreateOrUpdate", "PUT "+group, "Microsoft.Resources/subscriptions/resourceGroups/write", (*Cloud).putGroup),
		manage("ResourceGroups_Update", "PATCH "+group, "Microsoft.Resources/subscriptions/resourceGroups/write", (*Cloud).patchGroup),
		manage("ResourceGroups_Delete", "DELETE "+group, "Microsoft.Resources/subscriptions/resourceGroups/delete", (*Cloud).deleteGroup),
		manage("Resources_ListByResourceGroup", "GET "+group+"/resources", "Microsoft.Resources/subscriptions/resourceGroups/resources/read", (*Cloud).listResources),
		manage("Resources_List", "GET /subscriptions/{subscription}/resources", "Microsoft.Resources/subscriptions/resources/read", (*Cloud).listResources),
		manage("Tags_GetAtScope", "GET /{scope}/providers/Microsoft.Resources/tags/default", "Microsoft.Resources/tags/read", (*Cloud).getTags),
		manage("Tags_CreateOrUpdateAtScope", "PUT /{scope}/providers/Microsoft.Resources/tags/default", "Microsoft.Resources/tags/write", (*Cloud).putTags),
		manage("Tags_UpdateAtScope", "PATCH /{scope}/providers/Microsoft.Resources/tags/default", "Microsoft.Resources/tags/write", (*Cloud).patchTags),
		manage("Operations_Get", "GET /subscriptions/{subscription}/providers/{provider}/locations/{location}/operationsStatus/{operation}", "", (*Cloud).pollStatus),
		manage("OperationResults_Get", "GET /subscriptions/{subscription}/providers/{provider}/locations/{location}/operationResults/{operation}", "", (*Cloud).pollResult),
		manage("OperationResults_Get", "GET /subscriptions/{subscription}/operationresults/{operation}", "", (*Cloud).pollResult),
	}
}

func resourcesKinds() []*kind {
	versions := []string{
		"2016-06-01", "2016-09-01", "2018-05-01", "2019-05-01", "2019-10-01", "2020-01-01", "2020-06-01", "2020-10-01", "2021-01-01", "2021-04-01",
		"2022-09-01", "2022-12-01", "2023-07-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01",
	}
	return []*kind{
		{name: "Microsoft.Resources/resourceGroups", versions: versions},
		{name: "Microsoft.Resources/tags", versions: versions},
		{name: "Microsoft.Authorization/locks", versions: []string{"2016-09-01", "2020-05-01"}},
		{name: "Microsoft.Authorization/roleAssignments", versions: []string{"2015-07-01", "2018-01-01-preview", "2020-04-01-preview", "2022-04-01"}},
		{name: "Microsoft.Authorization/roleDefinitions", versions: []string{"2015-07-01", "2018-01-01-preview", "2022-04-01", "2022-05-01-preview"}},
		{name: "Microsoft.Authorization/permissions", versions: []string{"2015-07-01", "2018-07-01", "2022-04-01"}},
	}
}

func (c *Cloud) listGroups(r *request) (any, error) {
	all := []object{}
	for _, id := range sortedKeys(c.resources) {
		g := c.resources[id]
		if g.kind == groupType && strings.HasPrefix(id, lower("/subscriptions/"+r.vars["subscription"]+"/")) && c.matches(r, g) {
			all = append(all, g.wire())
		}
	}
	return object{"value": all}, nil
}

const groupType = "Microsoft.Resources/resourceGroups"

func (c *Cloud) headGroup(r *request) (any, error) {
	if c.resources[lower(r.scope())] == nil {
		return standin.Reply{Status: http.StatusNotFound, Header: http.Header{}}, nil
	}
	return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
}

func (c *Cloud) getGroup(r *request) (any, error) {
	g, err := c.find(r.scope())
	if err != nil {
		return nil, err
	}
	return g.wire(), nil
}

func (c *Cloud) putGroup(r *request) (any, error) {
	name := r.vars["group"]
	if len(name) > 90 || strings.HasSuffix(name, ".") || strings.ContainsAny(name, `<>%&\?/#:`) {
		return nil, refuse(400, "InvalidResourceGroup", "The provided resource group name '%s' has these invalid characters or exceeds 90 characters.", name)
	}
	body, err := c.decode(r, envelope(leaves("provisioningState")))
	if err != nil {
		return nil, err
	}
	g, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	g.kind, g.properties = groupType, object{"provisioningState": "Succeeded"}
	c.resources[lower(g.id)] = g
	if fresh {
		return jsonReply(http.StatusCreated, g.wire()), nil
	}
	return g.wire(), nil
}

func (c *Cloud) patchGroup(r *request) (any, error) {
	body, err := c.decode(r, leaves("name", "tags", "managedBy", "properties"))
	if err != nil {
		return nil, err
	}
	g, err := c.find(r.scope())
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(body)
	if err != nil {
		return nil, err
	}
	if tags != nil {
		g.tags = tags
	}
	return g.wire(), nil
}

func (c *Cloud) deleteGroup(r *request) (any, error) {
	g, err := c.find(r.scope())
	if err != nil {
		return nil, err
	}
	for _, inside := range c.under(g.id, "") {
		c.drop(inside)
	}
	c.drop(g)
	return c.accepted(r, "Microsoft.Resources", nil), nil
}

// drop removes a resource with what lies in it and what is said of it.
func (c *Cloud) drop(gone *resource) {
	for _, inside := range c.under(gone.id, "") {
		c.forget(inside)
	}
	c.forget(gone)
}

func (c *Cloud) forget(gone *resource) {
	if ends, ok := gone.state.(interface{ end(*Cloud) }); ok {
		ends.end(c)
	}
	delete(c.resources, lower(gone.id))
	maps.DeleteFunc(c.assignments, func(_ string, a *assignment) bool { return strings.EqualFold(a.scope, gone.id) })
	maps.DeleteFunc(c.locks, func(_ string, l *lock) bool { return strings.EqualFold(l.scope, gone.id) })
}

func (c *Cloud) listResources(r *request) (any, error) {
	all := []object{}
	for _, found := range c.under(strings.TrimSuffix(r.scope(), "/resources"), "") {
		if found.kind == groupType || found.location == "" || strings.Count(found.kind, "/") > 1 || !c.matches(r, found) {
			continue
		}
		line := found.wire()
		delete(line, "properties")
		all = append(all, line)
	}
	return object{"value": all}, nil
}

// matches says whether a resource is one that the $filter of a list wants. The forms are those that a list of resources takes.
//
// Source: learn.microsoft.com/rest/api/resources/resources/list, URI parameters.
func (c *Cloud) matches(r *request, found *resource) bool {
	filter := r.query.Get("$filter")
	if filter == "" {
		return true
	}
	tag := ""
	for term := range strings.SplitSeq(filter, " and ") {
		name, value, ok := strings.Cut(strings.TrimSpace(term), " eq ")
		value = strings.Trim(value, "'")
		switch {
		case !ok:
			c.t.Errorf("azuretest: %s: the filter %q has no form that is known here", r.op.name, filter)
			return false
		case strings.EqualFold(name, "tagName"):
			tag = value
			if _, has := found.tags[value]; !has {
				return false
			}
		case strings.EqualFold(name, "tagValue"):
			if found.tags[tag] != value {
				return false
			}
		case strings.EqualFold(name, "resourceType"):
			if !strings.EqualFold(found.kind, value) {
				return false
			}
		case strings.EqualFold(name, "resourceGroup"):
			if group := found.group(); !strings.EqualFold(group[strings.LastIndex(group, "/")+1:], value) {
				return false
			}
		case strings.EqualFold(name, "name"):
			if !strings.EqualFold(found.name, value) {
				return false
			}
		default:
			c.t.Errorf("azuretest: %s: the filter %q has no form that is known here", r.op.name, filter)
			return false
		}
	}
	return true
}

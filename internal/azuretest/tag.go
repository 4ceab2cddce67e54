package azuretest

import (
	"maps"
	"strings"
)

// tagged is what the tags of a scope belong to.
func (c *Cloud) tagged(r *request) (*resource, error) { return c.find("/" + r.vars["scope"]) }

func tagsWire(of *resource) object {
	tags := of.tags
	if tags == nil {
		tags = map[string]string{}
	}
	return object{
		"id": of.id + "/providers/Microsoft.Resources/tags/default", "name": "default", "type": "Microsoft.Resources/tags",
		"properties": object{"tags": tags},
	}
}

func (c *Cloud) getTags(r *request) (any, error) {
	of, err := c.tagged(r)
	if err != nil {
		return nil, err
	}
	return tagsWire(of), nil
}

func (c *Cloud) tagBody(r *request) (object, map[string]string, error) {
	body, err := c.decode(r, leaves("id", "name", "type", "operation").with("properties", leaves("tags").with("tags", nil)))
	if err != nil {
		return nil, nil, err
	}
	properties, _ := body["properties"].(object)
	tags, err := tagsOf(properties)
	return body, tags, err
}

func (c *Cloud) putTags(r *request) (any, error) {
	of, err := c.tagged(r)
	if err != nil {
		return nil, err
	}
	_, tags, err := c.tagBody(r)
	if err != nil {
		return nil, err
	}
	of.tags = tags
	return tagsWire(of), nil
}

// patchTags merges, replaces or deletes; a value counts for a deletion too.
//
// Source: azure-rest-api-specs, resources.json, TagsPatchResource.
func (c *Cloud) patchTags(r *request) (any, error) {
	of, err := c.tagged(r)
	if err != nil {
		return nil, err
	}
	body, tags, err := c.tagBody(r)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(of.tags)
	if next == nil {
		next = map[string]string{}
	}
	switch operation := lower(text(body, "operation")); operation {
	case "replace":
		next = tags
	case "merge":
		maps.Copy(next, tags)
	case "delete":
		for name, value := range tags {
			if own, has := next[name]; has && strings.EqualFold(own, value) {
				delete(next, name)
			}
		}
	default:
		return nil, refuse(400, "InvalidTagsPatchOperation", "The tags patch operation '%s' is invalid. Supported operations are 'Replace,Merge,Delete'.", operation)
	}
	if len(next) > 50 {
		return nil, refuse(400, "TooManyTags", "The number of tags exceeds the limit of 50.")
	}
	of.tags = next
	return tagsWire(of), nil
}

// lock keeps what lies in its scope from being deleted, or changed.
type lock struct {
	id, name, scope, level, notes string
}

// Lock puts a lock on a scope, as an administrator does: "CanNotDelete" or "ReadOnly".
func (c *Cloud) Lock(scope, level string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := scope + "/providers/Microsoft.Authorization/locks/kept"
	c.locks[lower(id)] = &lock{id: id, name: "kept", scope: scope, level: level}
}

// unlocked refuses what a lock on the scope, or on what it lies in, forbids.
//
// Source: learn.microsoft.com/azure/azure-resource-manager/management/lock-resources.
func (c *Cloud) unlocked(r *request) error {
	scope, doing := r.scope(), ""
	switch r.http.Method {
	case "DELETE":
		doing = "delete"
	case "PUT", "PATCH", "POST":
		doing = "write"
	default:
		return nil
	}
	for _, id := range sortedKeys(c.locks) {
		l := c.locks[id]
		covers := within(scope, l.scope) || doing == "delete" && within(l.scope, scope)
		if !covers || doing == "write" && l.level != "ReadOnly" || strings.EqualFold(resourceType(scope), "Microsoft.Authorization/locks") {
			continue
		}
		return refuse(409, "ScopeLocked", "The scope '%s' cannot perform %s operation because following scope(s) are locked: '%s'. "+
			"Please remove the lock and try again.", scope, doing, l.scope)
	}
	return nil
}

// within says whether a scope is another or lies in it.
func within(scope, in string) bool {
	return in == "/" || strings.EqualFold(scope, in) || strings.HasPrefix(lower(scope), lower(in)+"/")
}

func (l *lock) wire() object {
	return object{"id": l.id, "name": l.name, "type": "Microsoft.Authorization/locks", "properties": object{"level": l.level, "notes": l.notes}}
}

func (c *Cloud) listLocks(r *request) (any, error) {
	all := []object{}
	scope := "/" + r.vars["scope"]
	for _, id := range sortedKeys(c.locks) {
		if l := c.locks[id]; within(scope, l.scope) || within(l.scope, scope) {
			all = append(all, l.wire())
		}
	}
	return object{"value": all}, nil
}

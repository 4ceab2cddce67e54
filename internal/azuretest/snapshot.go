package azuretest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Snapshot lists all that there is, one a line and sorted: what it is called and how it is set. It leaves out what differs between two
// runs that do the same: identifiers, keys, times, states that pass, and the content of blobs. An assignment of somebody who is no
// more says so.
func (c *Cloud) Snapshot() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	add := func(kind, name string, parts ...any) {
		line := kind + " " + name
		for _, part := range parts {
			data, err := json.Marshal(part)
			if err == nil && string(data) != "null" && string(data) != "{}" && string(data) != "[]" {
				line += " " + string(data)
			}
		}
		lines = append(lines, line+"\n")
	}
	for _, r := range c.resources {
		switch of := r.state.(type) {
		case *site:
			add(r.kind, r.short(), r.tags, c.named(r.identity), of.config, of.web, c.renamed(of.settings), of.stopped, digest(of.code))
		case *account:
			add(r.kind, r.short(), r.tags, r.sku, r.properties["allowSharedKeyAccess"])
			for _, in := range of.containers {
				for name, b := range in.blobs {
					if b.there {
						add("blob", r.name+"/"+in.name+"/"+name)
					}
				}
			}
		case *vault:
			add(r.kind, r.short(), r.tags)
			for _, s := range of.secrets {
				add("secret", r.name+"/"+s.name, len(s.versions), s.deleted)
			}
		case *subscriber:
			destination, _ := r.properties["destination"].(object)
			add(r.kind, r.short(), text(destination, "endpointType"), r.properties["filter"])
		default:
			add(r.kind, r.short(), r.tags, r.sku)
		}
	}
	for _, a := range c.assignments {
		if a.principal != Caller {
			add("role-assignment", strings.TrimPrefix(a.scope, "/subscriptions/"+Subscription), a.role.name, c.whose(a.principal))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// short is the ID of a resource within its subscription.
func (r *resource) short() string {
	short := strings.TrimPrefix(r.id, "/subscriptions/"+Subscription)
	return strings.TrimPrefix(short, "/resourceGroups/")
}

// whose is the name of a principal.
func (c *Cloud) whose(id string) string {
	p := c.principals[lower(id)]
	switch {
	case p == nil:
		return "nobody"
	case p.resource != "":
		return p.resource[strings.LastIndex(p.resource, "/")+1:]
	}
	return strings.TrimPrefix(p.secret, "secret of ")
}

func (c *Cloud) named(identity object) any {
	assigned, _ := dig(identity, "userAssignedIdentities").(object)
	return sortedKeys(assigned)
}

// renamed is settings with the names of identities instead of what differs between runs.
func (c *Cloud) renamed(settings map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range settings {
		for _, p := range c.principals {
			value = strings.ReplaceAll(value, p.client, c.whose(p.id))
		}
		if strings.HasPrefix(value, "InstrumentationKey=") {
			value = "InstrumentationKey"
		}
		out[name] = value
	}
	return out
}

func digest(code []byte) string {
	if code == nil {
		return ""
	}
	return fmt.Sprintf("%d bytes", len(code))
}

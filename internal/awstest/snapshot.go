package awstest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Snapshot lists all resources, one a line and sorted: what they are called and how they are set. It leaves out what
// differs between two runs that do the same: identifiers, times, ports, states that pass, and the content of objects.
func (c *Cloud) Snapshot() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var l lines
	for _, f := range c.functions {
		f.list(&l)
	}
	for _, m := range c.mappings {
		if m.polls > 0 && m.next == "" || deref(m.config.State) == "" {
			continue
		}
		config := m.config
		config.UUID, config.EventSourceMappingArn, config.LastModified, config.StateTransitionReason = nil, nil, nil, nil
		config.State = new(m.next)
		l.add("event-source-mapping", *config.EventSourceArn+" "+*config.FunctionArn, config, m.tags)
	}
	for name, r := range c.roles {
		l.add("role", name, r.trust, r.inline, r.attached, r.boundary, r.tags)
	}
	for name, g := range c.groups {
		l.add("log-group", name, g.retention, g.tags)
	}
	for name, b := range c.buckets {
		l.add("bucket", name, b.tags, b.accessBlock, b.versioning, b.policy, b.encryption)
		for key := range b.objects {
			l.add("object", name+"/"+key)
		}
		for _, u := range b.uploads {
			l.add("upload", name+"/"+u.key)
		}
		for _, rule := range slices.Concat(b.notification.Functions, b.notification.Queues, b.notification.Topics) {
			l.add("notification", name, rule)
		}
	}
	c.listRest(&l)
	slices.Sort(l)
	return strings.Join(l, "")
}

func (c *Cloud) listRest(l *lines) {
	for name, q := range c.queues {
		attributes := map[string]string{}
		for key, value := range q.attributes {
			if key != "CreatedTimestamp" {
				attributes[key] = value
			}
		}
		l.add("queue", name, attributes)
	}
	for name, t := range c.topics {
		l.add("topic", name)
		for _, s := range t.subscriptions {
			l.add("subscription", name+" "+s["Endpoint"], s["Protocol"], s["FilterPolicy"], s["RedrivePolicy"])
		}
	}
	for name, s := range c.schedules {
		l.add("schedule", name, s.mappedNow())
	}
	for name, s := range c.secrets {
		l.add("secret", name, s.is.Tags)
	}
	for name, p := range c.parameters {
		l.add("parameter", name, len(p.versions))
	}
}

func (f *function) list(l *lines) {
	l.add("function", f.name, json.RawMessage(f.latest.fingerprint()), f.tags, f.reserved)
	for number, v := range f.versions {
		l.add("version", fmt.Sprintf("%s:%d", f.name, number), json.RawMessage(v.fingerprint()))
	}
	for name, a := range f.aliases {
		l.add("alias", f.name+":"+name, a.FunctionVersion, a.RoutingConfig, a.Description)
	}
	for qualifier, u := range f.urls {
		l.add("url", f.name+":"+qualifier, u.config.AuthType, u.config.InvokeMode, u.config.Cors)
	}
	for qualifier, statements := range f.policies {
		for _, s := range statements {
			l.add("permission", f.name+":"+qualifier, s)
		}
	}
	for qualifier, p := range f.provisioned {
		l.add("provisioned-concurrency", f.name+":"+qualifier, p.asked)
	}
}

// mappedNow is a schedule without what differs between runs.
func (s *schedule) mappedNow() any {
	is := s.is
	is.CreationDate, is.LastModificationDate = nil, nil
	return is
}

type lines []string

func (l *lines) add(kind, name string, parts ...any) {
	line := kind + " " + name
	for _, part := range parts {
		if raw, ok := part.(json.RawMessage); ok {
			line += " " + string(raw)
		} else if v := reflect.ValueOf(part); v.IsValid() && !v.IsZero() {
			line += " " + canonical(part)
		}
	}
	*l = append(*l, line+"\n")
}

// canonical is a value as JSON, the same for the same content.
func canonical(v any) string {
	data, _ := json.Marshal(plain(reflect.ValueOf(v), upper)) // plain has only what encodes
	return string(data)
}

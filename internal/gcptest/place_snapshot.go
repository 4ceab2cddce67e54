package gcptest

import (
	"regexp"
	"slices"

	"google.golang.org/api/cloudscheduler/v1"
	"google.golang.org/api/pubsub/v1"
)

// list adds the resources of a place to a snapshot.
func (p *place) list(l *lines) {
	p.listMessages(l)
	for name, s := range p.secrets {
		var states []string
		for _, v := range s.versions {
			states = append(states, v.is.State)
		}
		l.add("secret", name, s.is.Labels, s.is.Annotations, states)
		l.addPolicy("secret "+name, s.policy)
	}
	for name, b := range p.buckets {
		if b.foreign {
			continue
		}
		l.add("bucket", name, b.is.Location, b.is.Labels, b.is.IamConfiguration)
		for key := range b.objects {
			l.add("object", name+"/"+key)
		}
		for _, n := range b.notifications {
			l.add("notification", name, n.Topic, n.EventTypes, n.ObjectNamePrefix, n.CustomAttributes)
		}
	}
	for email, a := range p.cloud.accounts {
		l.addPolicy("service-account "+email, a.policy)
	}
	l.addPolicy("project", p.policy)
}

var port = regexp.MustCompile(`:\d{4,5}\b`)

func (p *place) listMessages(l *lines) {
	for name, t := range p.topics {
		l.add("topic", name, t.is.Labels)
		l.addPolicy("topic "+name, t.policy)
	}
	for name, s := range p.subscriptions {
		is := copyOf(s.is)
		if is.PushConfig == nil {
			is.PushConfig = &pubsub.PushConfig{}
		}
		is.PushConfig.PushEndpoint = port.ReplaceAllString(is.PushConfig.PushEndpoint, "")
		l.add("subscription", name, &is)
		l.addPolicy("subscription "+name, s.policy)
	}
	for name, j := range p.jobs {
		is := copyOf(j.is)
		is.ScheduleTime, is.UserUpdateTime, is.LastAttemptTime, is.Status = "", "", "", (*cloudscheduler.Status)(nil)
		is.HttpTarget.Uri = port.ReplaceAllString(is.HttpTarget.Uri, "")
		l.add("job", name, &is)
	}
}

// addPolicy adds a line for each member of a policy.
func (l *lines) addPolicy(of string, p *policy) {
	for _, b := range p.Bindings {
		for _, m := range slices.Sorted(slices.Values(b.Members)) {
			l.add("grant", of, b.Role, m, b.Condition)
		}
	}
}

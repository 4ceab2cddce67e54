package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// eventKind is a kind of event as AWS has it: all that ferry does about it. Where a member is nil there is nothing to do.
type eventKind struct {
	name string // as the manifest names it
	// check says what cannot be honoured exactly.
	check func(fn function, field string, e manifest.Event) []providers.Issue
	// look reports what keeps an event from being bound.
	look func(ctx context.Context, r *resources, e manifest.Event)
	// rights are what the role of the function needs.
	rights func(c *connection, fn function) []statement
	// called begins the ids of the statements that let it call the alias.
	called []string
	// calling tells of each binding of the function whether it calls the alias now.
	calling func(b *binder, ctx context.Context) ([]bool, error)
	// bind makes the bindings what they shall be.
	bind func(b *binder, ctx context.Context) error
}

// eventKinds are the kinds of event, in the order in which they are bound.
func eventKinds() []eventKind {
	return []eventKind{
		{name: "http", check: checkHTTP}, // the URL is a setting of the alias, and goes live with it
		{name: "schedule", check: checkSchedule, calling: (*binder).callingSchedules, bind: (*binder).bindSchedules},
		{name: "queue", check: checkQueue, look: lookAtQueue, rights: queueRights, calling: (*binder).callingQueues, bind: (*binder).bindQueues},
		{name: "topic", look: lookAtTopic, called: []string{topicGrant, joinedGrant}, calling: (*binder).callingTopics, bind: (*binder).bindTopics},
		{name: "object", look: lookAtBucket, called: []string{bucketGrant}, calling: (*binder).callingBuckets, bind: (*binder).bindBuckets},
	}
}

// eventKindOf is the kind of an event.
func eventKindOf(e manifest.Event) eventKind {
	for _, k := range eventKinds() {
		if k.name == e.Kind() {
			return k
		}
	}
	return eventKind{}
}

// grants reports whether a statement of that id lets an event of the kind call the alias.
func (k eventKind) grants(id string) bool {
	return slices.ContainsFunc(k.called, func(prefix string) bool { return strings.HasPrefix(id, prefix) })
}

// resourceARN is the ARN of what an event names: by the target's resources, else of that name in this account.
func (c *connection) resourceARN(fn function, service, resource string) string {
	if mapped, ok := fn.own.Resources[resource]; ok {
		resource = mapped
	}
	switch {
	case strings.HasPrefix(resource, "arn:"):
		return resource
	case service == "s3":
		return "arn:" + c.partition + ":s3:::" + resource
	}
	return c.arn(service, resource)
}

// lastPart is the name at the end of the ARN of a queue, topic or bucket.
func lastPart(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

// partOf is one part of an ARN: 3 is the region, 4 the account.
func partOf(arn string, i int) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[i]
	}
	return ""
}

// checkResources reports all that keeps the spec's events from being bound: what does not exist, and queues that do
// not fit the function; and a log group whose retention is not ferry's to set.
func (c *connection) checkResources(ctx context.Context, s spec) error {
	r := &resources{c: c, fn: s.function}
	if s.function.own.LogRetention != 0 {
		if _, err := c.ownLogGroup(ctx, s.function); unlessMissing(err) != nil {
			r.failed(err)
		}
	}
	for _, e := range s.function.Events {
		if look := eventKindOf(e).look; look != nil {
			look(ctx, r, e)
		}
	}
	return errors.Join(r.problems...)
}

// resources gathers the problems of what a function's events name.
type resources struct {
	c        *connection
	fn       function
	seen     []string // ARNs
	problems []error
}

// first reports whether a resource was not looked at yet.
func (r *resources) first(arn string) bool {
	if slices.Contains(r.seen, arn) {
		return false
	}
	r.seen = append(r.seen, arn)
	return true
}

func (r *resources) problem(kind providers.Kind, hint, format string, args ...any) {
	r.problems = append(r.problems, &providers.Error{
		Kind: kind, Op: "check the events of", Provider: name, Function: r.fn.Name, Hint: hint, Err: fmt.Errorf(format, args...),
	})
}

// failed keeps an error of AWS.
func (r *resources) failed(err error) {
	r.problems = append(r.problems, r.c.classify("check the events of", r.fn.Name, err))
}

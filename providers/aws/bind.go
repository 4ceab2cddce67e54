package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// Bind converges what calls the alias: what is missing is made, what differs is changed, what is too much goes. What
// is as it shall be is not written. Everything is found at AWS, so what an earlier release bound is found too.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	fn := functionOf(s.Function)
	if err = c.admitted(ctx, fn.Name, e); err == nil {
		err = c.bind(ctx, fn, m)
	}
	return a.classify("bind", fn.Name, err)
}

// unbind takes away all that calls the function, also what an earlier spec made.
func (c *connection) unbind(ctx context.Context, fn string) error {
	return c.bind(ctx, functionOf(manifest.Function{Name: fn}), providers.BindNone)
}

// bindings is what calls the function as AWS has it: enabled when all that ferry made is. lost is what they call by and
// is gone.
func (c *connection) bindings(ctx context.Context, fn string) (mode providers.Mode, lost string, err error) {
	b := &binder{c: c, fn: functionOf(manifest.Function{Name: fn}), alias: c.aliasARN(fn)}
	var calling []bool // of each binding, whether it calls the function now
	if err := b.readGrants(ctx); err != nil {
		return "", "", err
	}
	for _, k := range eventKinds() {
		if k.calling == nil {
			continue
		}
		more, err := k.calling(b, ctx)
		if err != nil {
			return "", "", err
		}
		calling = append(calling, more...)
	}
	switch {
	case len(calling) == 0:
		return providers.BindNone, "", nil
	case slices.Contains(calling, false):
		return providers.BindPaused, b.lost, nil
	}
	return providers.BindEnabled, b.lost, nil
}

// binder converges the bindings of one function to its events.
type binder struct {
	c      *connection
	fn     function // without events when nothing shall be bound
	alias  string   // the ARN of the alias
	paused bool

	tags        map[string]string // of the function
	mayOwnRoles bool              // ferry may have made a role for the function
	wasBound    bool              // something may be bound, or left of what was
	lost        string            // what the bindings called by and have lost
	grants      map[string]grant  // of the alias, by statement id
	wrote       bool
}

func (c *connection) bind(ctx context.Context, fn function, m providers.Mode) error {
	if m == providers.BindNone {
		fn.Events = nil
	}
	fn.Events = slices.DeleteFunc(slices.Clone(fn.Events), func(e manifest.Event) bool { return e.HTTP != nil })
	b := &binder{c: c, fn: fn, alias: c.aliasARN(fn.Name), paused: m == providers.BindPaused}
	marked, err := b.mark(ctx)
	if err != nil {
		return err
	}
	b.wasBound = b.wasBound || marked
	if err := b.readGrants(ctx); err != nil {
		return err
	}
	for _, k := range eventKinds() {
		if k.bind == nil {
			continue
		}
		if err := k.bind(b, ctx); err != nil {
			return err
		}
	}
	if len(fn.Events) == 0 {
		m = providers.BindNone
	}
	if err := b.settle(ctx, m); err != nil || m != providers.BindNone || !marked {
		return err
	}
	return unlessMissing(c.untag(ctx, fn.Name, tagBound))
}

// mark tags the function before anything is bound to it, so that the tag is there whenever a binding is. It reports
// whether the function has the tag.
func (b *binder) mark(ctx context.Context) (bool, error) {
	out, err := b.c.get(ctx, b.fn.Name, "")
	b.mayOwnRoles, b.wasBound = b.c.mayOwnRoles(out), out == nil
	switch {
	case err != nil:
		return false, err
	case out == nil && len(b.fn.Events) > 0:
		return false, &providers.Error{
			Kind: providers.NotFound, Op: "bind", Provider: name, Function: b.fn.Name, Hint: "deploy it first",
			Err: fmt.Errorf("there is no Lambda function %s", b.c.functionName(b.fn.Name)),
		}
	case out == nil:
		return false, nil
	case !b.c.owns(out.Tags, b.fn.Name):
		return false, b.c.foreign("bind", b.fn.Name)
	}
	b.tags = out.Tags
	if _, marked := out.Tags[tagBound]; marked || len(b.fn.Events) == 0 {
		return marked, nil
	}
	return true, b.c.tag(ctx, b.fn.Name, map[string]string{tagBound: "true"})
}

var errUnsettled = errors.New("the bindings have not taken effect yet")

// settle waits until what was written can be read: mappings take some seconds, and lists lag behind.
func (b *binder) settle(ctx context.Context, m providers.Mode) error {
	if !b.wrote || b.paused && len(b.granted(joinedGrant)) > 0 { // which calls on, and is not ferry's to pause
		return nil
	}
	err := until.Done(ctx, func() error {
		now, _, err := b.c.bindings(ctx, b.fn.Name)
		if err == nil && now != m {
			err = fmt.Errorf("%w: they are %s and shall be %s", errUnsettled, now, m)
		}
		return err
	}, effect())
	if errors.Is(err, errUnsettled) && ctx.Err() == nil {
		return &providers.Error{
			Kind: providers.Timeout, Op: "bind", Provider: name, Function: b.fn.Name, Hint: "run the command again", Err: err,
		}
	}
	return err
}

// foreign is the failure of a binding whose place another's has.
func (b *binder) foreign(hint, format string, args ...any) error {
	return &providers.Error{
		Kind: providers.Foreign, Op: "bind", Provider: name, Function: b.fn.Name, Hint: hint, Err: fmt.Errorf(format, args...),
	}
}

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
	// service is what has a right to call a function for such an event, as AWS names it.
	service string
	// tell tells of what calls a function that somebody else made.
	tell func(o *original, ctx context.Context) error
}

// eventKinds are the kinds of event, in the order in which they are bound.
func eventKinds() []eventKind {
	return []eventKind{
		{name: "http", check: checkHTTP}, // the URL is a setting of the alias, and goes live with it
		{name: "schedule", check: checkSchedule, calling: (*binder).callingSchedules, bind: (*binder).bindSchedules, service: "scheduler", tell: (*original).tellSchedules},
		{name: "queue", check: checkQueue, look: lookAtQueue, rights: queueRights, calling: (*binder).callingQueues, bind: (*binder).bindQueues, service: "sqs", tell: (*original).tellMappings},
		{name: "topic", look: lookAtTopic, called: []string{topicGrant, joinedGrant}, calling: (*binder).callingTopics, bind: (*binder).bindTopics, service: "sns", tell: (*original).tellTopics},
		{name: "object", look: lookAtBucket, rights: objectRights, called: []string{bucketGrant}, calling: (*binder).callingBuckets, bind: (*binder).bindBuckets, service: "s3", tell: (*original).tellBuckets},
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
	resource = fn.own.resource(resource)
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

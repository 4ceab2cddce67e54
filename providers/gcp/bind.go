package gcp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// Bind converges what calls the function: what is missing is made, what differs is changed, what is too much goes. What is as it
// shall be is not written. The service notes what may be bound, before it is: so what an earlier release bound is found too.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	c, err := a.connect(ctx)
	fn := functionOf(s.Function)
	if err == nil {
		err = c.admitted(ctx, fn.Name, e)
	}
	if err == nil {
		err = c.bind(ctx, fn, m)
	}
	return a.classify("bind", fn.Name, err)
}

// binding is one thing of ferry's that calls a function: a subscription to a topic, the news of a bucket, or a job.
type binding interface {
	// note is what the service says of it, enough to find it.
	note() string
	// ensure makes it what it shall be.
	ensure(ctx context.Context, b *binder) error
	// remove takes it away, if it is ferry's.
	remove(ctx context.Context, b *binder) error
	// calls reports whether it is there and calls the function.
	calls(ctx context.Context, b *binder) (bool, error)
}

// binder converges the bindings of one function to its events.
type binder struct {
	*connection
	fn     function
	uri    string // the function's address
	caller string // the account as which Google calls it
	paused bool

	audience string // that of the tokens with which the function is called, once it is known
}

func (c *connection) bind(ctx context.Context, fn function, m providers.Mode) error {
	found, err := c.get(ctx, fn.Name)
	if err == nil {
		err = c.refuseForeign("bind", fn.Name, found)
	}
	if err != nil {
		return err
	}
	var wanted []binding
	if m != providers.BindNone {
		wanted = c.wanted(fn)
	}
	switch {
	case found == nil && len(wanted) > 0:
		return &providers.Error{
			Kind: providers.NotFound, Op: "bind", Provider: name, Function: fn.Name, Hint: "deploy it first",
			Err: fmt.Errorf("there is no Cloud Run service %s", c.serviceName(fn.Name)),
		}
	case found == nil:
		return nil
	}
	b := &binder{connection: c, fn: fn, uri: found.Uri, caller: c.account(fn), paused: m == providers.BindPaused}
	return b.converge(ctx, wanted, bound(found))
}

// converge takes away what is noted and not wanted, and ensures the rest. The function's account may call it while anything is
// bound: that is whom Google calls it as.
func (b *binder) converge(ctx context.Context, wanted, noted []binding) error {
	all := map[string]binding{}
	for _, one := range slices.Concat(noted, wanted) {
		all[one.note()] = one
	}
	if err := b.noteBound(ctx, slices.Sorted(maps.Keys(all))); err != nil {
		return err
	}
	for _, one := range noted {
		if !slices.ContainsFunc(wanted, func(w binding) bool { return w.note() == one.note() }) {
			if err := one.remove(ctx, b); err != nil {
				return err
			}
		}
	}
	if len(wanted) > 0 || len(noted) > 0 {
		if err := b.letCall(ctx, len(wanted)); err != nil {
			return err
		}
	}
	var left []string
	for _, one := range wanted {
		if err := one.ensure(ctx, b); err != nil {
			return err
		}
		left = append(left, one.note())
	}
	return b.noteBound(ctx, left)
}

// noteBound writes on the service what may be bound to it.
func (b *binder) noteBound(ctx context.Context, names []string) error {
	slices.Sort(names)
	text := strings.Join(slices.Compact(names), " ")
	_, err := b.change(ctx, b.fn.Name, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if now.Annotations[noteBound] == text {
			return nil, nil
		}
		if now.Annotations[noteBound] = text; text == "" {
			delete(now.Annotations, noteBound)
		}
		return []string{"annotations"}, nil
	})
	return err
}

// letCall lets the function's account call it as long as so many bindings do, and no account that it ran as before.
func (b *binder) letCall(ctx context.Context, bindings int) error {
	own, now := "serviceAccount:"+b.ownAccount(b.fn.Name), "serviceAccount:"+b.caller
	return b.changePolicy(ctx, b.fn.Name, func(p *run.GoogleIamV1Policy) bool {
		changed := false
		if bindings == 0 || own != now {
			changed = struck(p, own)
		}
		if bindings == 0 {
			return struck(p, now) || changed
		}
		return enrolled(p, now) || changed
	})
}

// enrolled lets a member call a service, and says whether that is a change.
func enrolled(p *run.GoogleIamV1Policy, member string) bool {
	for _, one := range p.Bindings {
		if one.Role != invoker || one.Condition != nil {
			continue
		}
		if slices.Contains(one.Members, member) {
			return false
		}
		one.Members = append(one.Members, member)
		return true
	}
	p.Bindings = append(p.Bindings, &run.GoogleIamV1Binding{Role: invoker, Members: []string{member}})
	return true
}

// struck has a member call a service no more, and says whether that is a change.
func struck(p *run.GoogleIamV1Policy, member string) bool {
	changed := false
	for _, one := range p.Bindings {
		if one.Role == invoker && one.Condition == nil && slices.Contains(one.Members, member) {
			one.Members, changed = slices.DeleteFunc(one.Members, func(m string) bool { return m == member }), true
		}
	}
	p.Bindings = slices.DeleteFunc(p.Bindings, func(one *run.GoogleIamV1Binding) bool { return len(one.Members) == 0 })
	return changed
}

// wanted are the bindings of a function's events, each once.
func (c *connection) wanted(fn function) []binding {
	var all []binding
	for _, e := range fn.Events {
		k := eventKindOf(e)
		if k.binding == nil {
			continue
		}
		one := k.binding(c, fn, e)
		if !slices.ContainsFunc(all, func(has binding) bool { return has.note() == one.note() }) {
			all = append(all, one)
		}
	}
	return all
}

// bound are the bindings that a service notes.
func bound(s *run.GoogleCloudRunV2Service) []binding {
	var all []binding
	for _, text := range strings.Fields(s.Annotations[noteBound]) {
		kind, rest, _ := strings.Cut(text, ":")
		for _, k := range eventKinds() {
			if k.noted == kind && k.parse != nil {
				all = append(all, k.parse(rest))
				break
			}
		}
	}
	return all
}

// bindings is what calls a function as Google has it: enabled when all that ferry noted does.
func (c *connection) bindings(ctx context.Context, fn string, s *run.GoogleCloudRunV2Service) (mode providers.Mode, lacks string, err error) {
	noted := bound(s)
	if len(noted) == 0 {
		return providers.BindNone, "", nil
	}
	b := &binder{connection: c, fn: functionOf(namedFunction(fn)), uri: s.Uri}
	policy, err := c.policy(ctx, fn)
	if err != nil {
		return "", "", err
	}
	if enrolled(policy, "serviceAccount:"+runsAs(s)) { // it was not
		lacks = "the right of its service account to call it"
	}
	mode = providers.BindEnabled
	for _, one := range noted {
		calls, err := one.calls(ctx, b)
		if err != nil {
			return "", "", err
		}
		if !calls {
			mode = providers.BindPaused
		}
	}
	return mode, lacks, nil
}

// runsAs is the account of a service, as Google has it.
func runsAs(s *run.GoogleCloudRunV2Service) string {
	if s.Template == nil {
		return ""
	}
	return s.Template.ServiceAccount
}

// unbind takes away all that ferry made to call a function, with the messages that it could not take. Of a service that is gone
// it is found by its labels.
func (c *connection) unbind(ctx context.Context, fn string, s *run.GoogleCloudRunV2Service) error {
	b := &binder{connection: c, fn: functionOf(namedFunction(fn))}
	var err error
	if s != nil {
		b.uri, b.caller = s.Uri, runsAs(s)
		err = b.converge(ctx, nil, bound(s))
	} else {
		err = b.removeLeft(ctx)
	}
	return errors.Join(err, unlessOff(b.removeDeadLetters(ctx)))
}

// foreign is the failure of a binding whose place another's has.
func (b *binder) foreign(hint, format string, args ...any) error {
	return &providers.Error{
		Kind: providers.Foreign, Op: "bind", Provider: name, Function: b.fn.Name, Hint: hint, Err: fmt.Errorf(format, args...),
	}
}

// eventKind is a kind of event as Google has it: all that ferry does about it. Where a member is nil there is nothing to do.
type eventKind struct {
	name string // as the manifest names it
	// check says what cannot be honoured exactly.
	check func(fn function, field string, e manifest.Event) []providers.Issue
	// look reports what keeps an event from being bound.
	look func(ctx context.Context, r *resources, e manifest.Event)
	// noted begins the note of a binding, which parse reads.
	noted string
	parse func(note string) binding
	// binding is what calls the function for an event.
	binding func(c *connection, fn function, e manifest.Event) binding
}

// The kinds of notes.
const (
	notedSubscription = "subscription"
	notedBucket       = "bucket"
	notedJob          = "job"
)

// eventKinds are the kinds of event.
func eventKinds() []eventKind {
	return []eventKind{
		{name: "http"}, // who may call is a setting of the service, and goes live with it
		{name: "schedule", noted: notedJob, parse: parseJob, binding: jobOf, check: checkSchedule},
		{name: "queue", noted: notedSubscription, parse: parseSubscription, binding: queueOf, check: checkQueue, look: lookAtQueue},
		{name: "topic", noted: notedSubscription, parse: parseSubscription, binding: topicOf, look: lookAtTopic},
		{name: "object", noted: notedBucket, parse: parseBucket, binding: bucketOf, look: lookAtBucket},
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

// topic is the full name of the topic that an event names: by the manifest's resources, else of that name in this project.
func (p *place) topic(fn function, resource string) string {
	if full := fn.own.Resources[resource]; full != "" {
		resource = full
	}
	if strings.Contains(resource, "/") {
		return resource
	}
	return p.topicPath(resource)
}

// checkResources reports all that keeps the spec's events from being bound: what does not exist, and what another has.
func (c *connection) checkResources(ctx context.Context, fn function) error {
	r := &resources{connection: c, fn: fn}
	for _, e := range fn.Events {
		if look := eventKindOf(e).look; look != nil {
			look(ctx, r, e)
		}
	}
	return errors.Join(r.problems...)
}

// resources gathers the problems of what a function's events name.
type resources struct {
	*connection
	fn       function
	problems []error
}

func (r *resources) problem(kind providers.Kind, hint, format string, args ...any) {
	r.problems = append(r.problems, &providers.Error{
		Kind: kind, Op: "check the events of", Provider: name, Function: r.fn.Name, Hint: hint, Err: fmt.Errorf(format, args...),
	})
}

// failed keeps an error of Google.
func (r *resources) failed(err error) {
	r.problems = append(r.problems, r.classify("check the events of", r.fn.Name, err))
}

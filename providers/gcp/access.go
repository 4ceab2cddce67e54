package gcp

import (
	"context"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// access is who may call a function by its address.
type access string

const (
	public   access = "public"
	private  access = "private" // whom the project lets
	nobody   access = "nobody"  // it has no HTTP event
	changing access = "changing"
)

// Who may invoke a service, in the words of IAM.
const (
	invoker  = "roles/run.invoker"
	everyone = "allUsers"
)

// accessOf is who may call a service, as was written when that held.
func accessOf(s *run.GoogleCloudRunV2Service) access { return access(s.Annotations[noteAccess]) }

// policy is who may do what with a service.
func (c *connection) policy(ctx context.Context, fn string) (*run.GoogleIamV1Policy, error) {
	return c.run.Projects.Locations.Services.GetIamPolicy(c.servicePath(fn)).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
}

// open reports whether a policy lets everybody in.
func open(p *run.GoogleIamV1Policy) bool {
	return slices.ContainsFunc(p.Bindings, func(b *run.GoogleIamV1Binding) bool {
		return b.Role == invoker && b.Condition == nil && slices.Contains(b.Members, everyone)
	})
}

// letIn has a service let everybody in. Where the organisation forbids to grant that, the service is told not to ask; ok is
// false then, and the service's own field has to say so.
func (c *connection) letIn(ctx context.Context, fn string) (ok bool, err error) {
	err = c.changePolicy(ctx, fn, func(p *run.GoogleIamV1Policy) bool {
		if open(p) {
			return false
		}
		for _, b := range p.Bindings {
			if b.Role == invoker && b.Condition == nil {
				b.Members = append(b.Members, everyone)
				return true
			}
		}
		p.Bindings = append(p.Bindings, &run.GoogleIamV1Binding{Role: invoker, Members: []string{everyone}})
		return true
	})
	if err != nil && forbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// forbidden reports whether the organisation forbids that everybody is let in.
func forbidden(err error) bool {
	message := messageOf(err)
	return codeOf(err) == "FAILED_PRECONDITION" && (strings.Contains(message, "organization policy") || strings.Contains(message, "permitted customer") || strings.Contains(message, "allowedPolicyMemberDomains"))
}

// shut has a service let in nobody but whom others let in.
func (c *connection) shut(ctx context.Context, fn string) error {
	return c.changePolicy(ctx, fn, func(p *run.GoogleIamV1Policy) bool {
		if !open(p) {
			return false
		}
		for _, b := range p.Bindings {
			if b.Role == invoker && b.Condition == nil {
				b.Members = slices.DeleteFunc(b.Members, func(m string) bool { return m == everyone })
			}
		}
		p.Bindings = slices.DeleteFunc(p.Bindings, func(b *run.GoogleIamV1Binding) bool { return len(b.Members) == 0 })
		return true
	})
}

// changePolicy reads a service's policy, changes it and writes it under its etag, again as long as somebody else did so in
// between. That there is nothing to change writes nothing.
func (c *connection) changePolicy(ctx context.Context, fn string, change func(*run.GoogleIamV1Policy) bool) error {
	return until.Done(ctx, func() error {
		p, err := c.policy(ctx, fn)
		if err != nil || !change(p) {
			return err
		}
		p.Version = 3
		_, err = c.run.Projects.Locations.Services.SetIamPolicy(c.servicePath(fn), &run.GoogleIamV1SetIamPolicyRequest{Policy: p}).Context(ctx).Do()
		return err
	}, racing())
}

// converge gives a service that serves its access: whom the live function lets in. The service says so itself, last.
func (c *connection) converge(ctx context.Context, fn function, e providers.Epoch) (*run.GoogleCloudRunV2Service, error) {
	want, granted := fn.access(), true
	var err error
	if want == public {
		granted, err = c.letIn(ctx, fn.Name)
	} else {
		err = c.shut(ctx, fn.Name)
	}
	if err != nil {
		return nil, err
	}
	now, err := c.change(ctx, fn.Name, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if err := c.admit(fn.Name, now, e); err != nil {
			return nil, err
		}
		now.InvokerIamDisabled = want == public && !granted
		now.Annotations[noteAccess] = string(want)
		return []string{"invokerIamDisabled"}, nil
	})
	if err == nil {
		err = c.entered(ctx, now, fn)
	}
	return now, err
}

package gcp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	projects "google.golang.org/api/cloudresourcemanager/v3"
	pubsub "google.golang.org/api/pubsub/v1"
	secrets "google.golang.org/api/secretmanager/v1"

	"github.com/ferryfn/ferry/providers/until"
)

// grants are a policy of IAM in the form that all of Google's services write it in. What ferry does not know of it goes back as
// it came.
type grants struct {
	Version      int64           `json:"version,omitempty"`
	Etag         string          `json:"etag,omitempty"`
	Bindings     []*granted      `json:"bindings,omitempty"`
	AuditConfigs json.RawMessage `json:"auditConfigs,omitempty"`
}

type granted struct {
	Role      string          `json:"role,omitempty"`
	Members   []string        `json:"members,omitempty"`
	Condition json.RawMessage `json:"condition,omitempty"`
}

// withConditions is the version of policies in which conditions are not lost.
const withConditions = 3

// add grants a role, and says whether that is a change.
func (g *grants) add(role, member string) bool {
	for _, b := range g.Bindings {
		if b.Role == role && b.Condition == nil {
			if slices.Contains(b.Members, member) {
				return false
			}
			b.Members = append(b.Members, member)
			return true
		}
	}
	g.Bindings = append(g.Bindings, &granted{Role: role, Members: []string{member}})
	return true
}

// remove takes a role from a member, "" all of its roles, and says whether that is a change.
func (g *grants) remove(role, member string) bool {
	changed := false
	for _, b := range g.Bindings {
		before := len(b.Members)
		if role == "" || b.Role == role {
			b.Members = slices.DeleteFunc(b.Members, func(m string) bool { return m == member })
		}
		changed = changed || len(b.Members) != before
	}
	g.Bindings = slices.DeleteFunc(g.Bindings, func(b *granted) bool { return len(b.Members) == 0 })
	return changed
}

// policyOf is where a policy is read and written.
type policyOf struct {
	get func() (any, error)
	set func(*grants) error
}

func (c *connection) secretPolicy(ctx context.Context, secret string) policyOf {
	of := c.secrets.Projects.Secrets
	return policyOf{
		get: func() (any, error) {
			return of.GetIamPolicy(secret).OptionsRequestedPolicyVersion(withConditions).Context(ctx).Do()
		},
		set: func(g *grants) error {
			p, err := policyAs[secrets.Policy](g)
			if err == nil {
				_, err = of.SetIamPolicy(secret, &secrets.SetIamPolicyRequest{Policy: p}).Context(ctx).Do()
			}
			return err
		},
	}
}

func (c *connection) topicPolicy(ctx context.Context, topic string) policyOf {
	of := c.pubsub.Projects.Topics
	return policyOf{
		get: func() (any, error) {
			return of.GetIamPolicy(topic).OptionsRequestedPolicyVersion(withConditions).Context(ctx).Do()
		},
		set: func(g *grants) error {
			p, err := policyAs[pubsub.Policy](g)
			if err == nil {
				_, err = of.SetIamPolicy(topic, &pubsub.SetIamPolicyRequest{Policy: p}).Context(ctx).Do()
			}
			return err
		},
	}
}

func (c *connection) subscriptionPolicy(ctx context.Context, subscription string) policyOf {
	of := c.pubsub.Projects.Subscriptions
	return policyOf{
		get: func() (any, error) {
			return of.GetIamPolicy(subscription).OptionsRequestedPolicyVersion(withConditions).Context(ctx).Do()
		},
		set: func(g *grants) error {
			p, err := policyAs[pubsub.Policy](g)
			if err == nil {
				_, err = of.SetIamPolicy(subscription, &pubsub.SetIamPolicyRequest{Policy: p}).Context(ctx).Do()
			}
			return err
		},
	}
}

func (c *connection) projectPolicy(ctx context.Context) policyOf {
	of, path := c.projects.Projects, "projects/"+c.target.Project
	return policyOf{
		get: func() (any, error) {
			return of.GetIamPolicy(path, &projects.GetIamPolicyRequest{
				Options: &projects.GetPolicyOptions{RequestedPolicyVersion: withConditions},
			}).Context(ctx).Do()
		},
		set: func(g *grants) error {
			p, err := policyAs[projects.Policy](g)
			if err == nil {
				_, err = of.SetIamPolicy(path, &projects.SetIamPolicyRequest{Policy: p}).Context(ctx).Do()
			}
			return err
		},
	}
}

// policyAs is a policy in the type of another service.
func policyAs[P any](from any) (*P, error) {
	data, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	into := new(P)
	return into, json.Unmarshal(data, into)
}

// grant gives a member a role, and says whether the member had it not.
func (c *connection) grant(ctx context.Context, at policyOf, role, member string) (given bool, err error) {
	err = c.changeGrants(ctx, at, func(g *grants) bool {
		added := g.add(role, member)
		given = given || added
		return added
	})
	return given, err
}

// mentioned reports whether a policy gives a member anything.
func mentioned(at policyOf, member string) (bool, error) {
	is, err := at.get()
	if err != nil {
		return false, err
	}
	g, err := policyAs[grants](is)
	return err == nil && g.remove("", member), err
}

// changeGrants reads a policy, changes it and writes it under its etag, again as long as somebody else did so in between, or
// Google does not know a new account yet. That there is nothing to change writes nothing.
func (c *connection) changeGrants(ctx context.Context, at policyOf, change func(*grants) bool) error {
	return until.Done(ctx, func() error {
		is, err := at.get()
		if err != nil {
			return err
		}
		g, err := policyAs[grants](is)
		if err != nil || !change(g) {
			return err
		}
		g.Version = withConditions
		return at.set(g)
	}, racing(), newAccount(isUnknownMember))
}

// isUnknownMember reports whether Google does not know an account yet that a policy names.
func isUnknownMember(err error) bool {
	message := messageOf(err)
	return strings.Contains(message, "does not exist") && strings.Contains(strings.ToLower(message), "service account")
}

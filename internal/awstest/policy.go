package awstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// policyDocument is an IAM policy.
type policyDocument struct {
	Version   string
	ID        string `json:"Id"`
	Statement oneOrMore[grant]
}

// grant is one statement of it.
type grant struct {
	Sid         string
	Effect      string
	Principal   any
	Action      oneOrMore[string]
	NotAction   oneOrMore[string]
	Resource    oneOrMore[string]
	NotResource oneOrMore[string]
	Condition   map[string]map[string]any
}

// oneOrMore is a list that may be written as its only item.
type oneOrMore[T any] []T

// UnmarshalJSON takes both forms.
func (l *oneOrMore[T]) UnmarshalJSON(data []byte) error {
	var one T
	if err := strict(data, &one); err == nil {
		*l = oneOrMore[T]{one}
		return nil
	}
	var more []json.RawMessage
	if err := json.Unmarshal(data, &more); err != nil {
		return fmt.Errorf("a list of a policy: %w", err)
	}
	for _, raw := range more {
		var item T
		if err := strict(raw, &item); err != nil {
			return err
		}
		*l = append(*l, item)
	}
	return nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// parsePolicy reads a document, or says in IAM's words what is wrong.
func parsePolicy(text string) (policyDocument, string) {
	var doc policyDocument
	if err := strict([]byte(text), &doc); err != nil {
		return doc, "Syntax errors in policy."
	}
	if doc.Version != "" && doc.Version != "2012-10-17" && doc.Version != "2008-10-17" {
		return doc, "The policy must contain a valid version string"
	}
	if len(doc.Statement) == 0 {
		return doc, "Syntax errors in policy."
	}
	for _, g := range doc.Statement {
		switch {
		case g.Effect != "Allow" && g.Effect != "Deny":
			return doc, "Invalid effect: " + g.Effect
		case len(g.Action)+len(g.NotAction) == 0:
			return doc, "Policy statement must contain actions."
		}
		for _, action := range slices.Concat(g.Action, g.NotAction) {
			if action != "*" && !strings.Contains(action, ":") {
				return doc, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
			}
		}
	}
	return doc, ""
}

// permissionPolicy reads the document of a role's permissions.
func permissionPolicy(text string) (policyDocument, error) {
	doc, wrong := parsePolicy(text)
	for _, g := range doc.Statement {
		switch {
		case g.Principal != nil:
			wrong = "Policy document should not specify a principal."
		case len(g.Resource)+len(g.NotResource) == 0:
			wrong = "Policy statement must contain resources."
		}
		for _, resource := range g.Resource {
			if resource != "*" && !strings.HasPrefix(resource, "arn:") {
				wrong = fmt.Sprintf("Resource %s must be in ARN format or \"*\".", resource)
			}
		}
	}
	if wrong != "" {
		return doc, refuse(400, "MalformedPolicyDocument", "%s", wrong)
	}
	return doc, nil
}

// trustPolicy reads the document that says who may assume a role.
func trustPolicy(text string) (policyDocument, error) {
	doc, wrong := parsePolicy(text)
	for _, g := range doc.Statement {
		switch {
		case g.Principal == nil:
			wrong = "Missing required field Principal"
		case len(g.Resource)+len(g.NotResource) > 0:
			wrong = "Has prohibited field Resource"
		case slices.ContainsFunc(g.Action, func(a string) bool { return a != "*" && !strings.HasPrefix(a, "sts:") }):
			wrong = "AssumeRole policy may only specify STS AssumeRole actions."
		}
	}
	if wrong != "" {
		return doc, refuse(400, "MalformedPolicyDocument", "%s", wrong)
	}
	return doc, nil
}

// trusts says whether a service may assume the role.
func (d policyDocument) trusts(service string) bool {
	return slices.ContainsFunc(d.Statement, func(g grant) bool {
		who, _ := g.Principal.(map[string]any)
		named := who["Service"] == service
		if list, ok := who["Service"].([]any); ok {
			named = slices.Contains(list, any(service))
		}
		return g.Effect == "Allow" && named && g.covers("sts:AssumeRole", "")
	})
}

// covers says whether a statement is about an action on a resource. Conditions count as met.
func (g grant) covers(action, resource string) bool {
	in := func(patterns []string, value string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return wildcard(strings.ToLower(p), strings.ToLower(value)) })
	}
	acts := in(g.Action, action) || len(g.NotAction) > 0 && !in(g.NotAction, action)
	on := resource == "" || resource == "*" || in(g.Resource, resource) || len(g.NotResource) > 0 && !in(g.NotResource, resource)
	return acts && on
}

// allows says whether the documents together allow an action: one does, and none denies it.
func allows(docs []policyDocument, action, resource string) bool {
	allowed := false
	for _, d := range docs {
		for _, g := range d.Statement {
			if !g.covers(action, resource) {
				continue
			}
			if g.Effect == "Deny" {
				return false
			}
			allowed = true
		}
	}
	return allowed
}

// wildcard matches the patterns of policies: * is any text, ? any character.
func wildcard(pattern, value string) bool {
	for pattern != "" {
		switch {
		case pattern[0] == '*':
			for i := range len(value) + 1 {
				if wildcard(pattern[1:], value[i:]) {
					return true
				}
			}
			return false
		case value == "" || pattern[0] != '?' && pattern[0] != value[0]:
			return false
		}
		pattern, value = pattern[1:], value[1:]
	}
	return value == ""
}

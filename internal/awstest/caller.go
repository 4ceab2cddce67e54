package awstest

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// caller is who signed a request: the user that tests are, or the role of a function.
type caller struct {
	arn  string
	role string // the name; "" for the user, who may do all
}

// roleKey is the access key that a function gets for its role.
func roleKey(roleARN string) string {
	return fmt.Sprintf("ASIA%X", sha256.Sum256([]byte(roleARN)))[:20]
}

// sessionARN is what who has assumed a role is called.
func sessionARN(role string) string {
	return "arn:aws:sts::" + Account + ":assumed-role/" + role + "/function"
}

// caller finds who has an access key.
func (c *Cloud) caller(key string) (caller, bool) {
	if key == AccessKey {
		return caller{arn: Caller}, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, r := range c.roles {
		if roleKey(*r.is.Arn) == key {
			return caller{arn: sessionARN(name), role: name}, true
		}
	}
	return caller{}, false
}

// authorize refuses what the role of a function may not do.
func (c *Cloud) authorize(r *request) error {
	if r.caller.role == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	resource := resourceARN(r)
	switch r.op.service.name {
	case "secretsmanager":
		if s, err := c.secret(&r.resource); err == nil {
			resource = *s.is.ARN
		}
	case "ssm":
		if p, err := c.parameter(r.resource, nil); err == nil {
			resource = *p.ARN
		}
	case "s3":
		resource = strings.TrimSuffix(resource, "/")
	}
	if role := c.roles[r.caller.role]; role != nil && role.allows(permission(r.op), resource) {
		return nil
	}
	return denied(r)
}

package awstest

import (
	"maps"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

var taggable = regexp.MustCompile(`^arn:aws:lambda:([a-z0-9-]+):(\d{12}):(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|event-source-mapping:[0-9a-f-]{36})$`)

// tagged finds the tags of a function or an event source mapping.
func (c *Cloud) tagged(resource *string) (*map[string]string, error) {
	parts := taggable.FindStringSubmatch(deref(resource))
	if parts == nil {
		return nil, constraint(deref(resource), "resource", `Member must satisfy regular expression pattern: `+
			`arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|.*)`)
	}
	if id, ok := strings.CutPrefix(parts[3], "event-source-mapping:"); ok {
		m := c.mappings[id]
		if m == nil {
			return nil, missingMapping(*resource)
		}
		return &m.tags, nil
	}
	if parts[4] != "" {
		return nil, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	f, err := c.whole(resource)
	if err != nil {
		return nil, err
	}
	return &f.tags, nil
}

func (c *Cloud) tagFunction(in *lambda.TagResourceInput) (any, error) {
	tags, err := c.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(*tags)
	if next == nil {
		next = map[string]string{}
	}
	maps.Copy(next, in.Tags)
	if len(next) > 50 {
		return nil, invalid("Number of tags exceeds resource tag limit.")
	}
	*tags = next
	return nil, nil
}

func (c *Cloud) untagFunction(in *lambda.UntagResourceInput) (any, error) {
	if in.TagKeys == nil {
		return nil, refuse(400, "ValidationException", "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null")
	}
	tags, err := c.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(*tags)
	for _, key := range in.TagKeys {
		delete(next, key)
	}
	*tags = next
	return nil, nil
}

func (c *Cloud) listFunctionTags(in *lambda.ListTagsInput) (any, error) {
	tags, err := c.tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	return &lambda.ListTagsOutput{Tags: *tags}, nil
}

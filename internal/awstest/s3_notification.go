package awstest

import (
	"net/http"
	"slices"
	"strings"
)

// notification is what a bucket tells others about its objects, in the names of the wire.
type notification struct {
	XMLName   struct{}           `xml:"NotificationConfiguration" json:"-"`
	Functions []notificationRule `xml:"CloudFunctionConfiguration" json:",omitempty"`
	Queues    []notificationRule `xml:"QueueConfiguration" json:",omitempty"`
	Topics    []notificationRule `xml:"TopicConfiguration" json:",omitempty"`
	Bridge    *struct{}          `xml:"EventBridgeConfiguration" json:",omitempty"`
	Unknown   []extra            `xml:",any" json:"-"`
}

type notificationRule struct {
	ID       string   `xml:"Id"`
	Function string   `xml:"CloudFunction,omitempty" json:",omitempty"`
	Queue    string   `xml:",omitempty" json:",omitempty"`
	Topic    string   `xml:",omitempty" json:",omitempty"`
	Events   []string `xml:"Event"`
	Filters  []struct {
		Name  string
		Value string
	} `xml:"Filter>S3Key>FilterRule" json:",omitempty"`
	Unknown []extra `xml:",any" json:"-"`
}

func (c *Cloud) getNotification(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	return xmlReply(b.notification), nil
}

// putNotification replaces the whole document, after looking at every target.
func (c *Cloud) putNotification(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	var in notification
	if err := parseXML(r.body, &in); err != nil {
		return nil, err
	}
	all := slices.Concat(in.Functions, in.Queues, in.Topics)
	ids := map[string]bool{}
	for i := range all {
		rule := &all[i]
		if err := unknown(in.Unknown, rule.Unknown); err != nil {
			return nil, err
		}
		if err := checkRule(*rule, all[:i]); err != nil {
			return nil, err
		}
		if rule.ID != "" && ids[rule.ID] {
			return nil, refuse(400, "InvalidArgument", "Same ID used for multiple configurations. IDs must be unique")
		}
		ids[rule.ID] = true
		if r.http.Header.Get("X-Amz-Skip-Destination-Validation") != "true" && !c.reachable(b, *rule) {
			return nil, refuse(400, "InvalidArgument", "Unable to validate the following destination configurations")
		}
	}
	for _, list := range [][]notificationRule{in.Functions, in.Queues, in.Topics} {
		for i := range list {
			if list[i].ID == "" {
				list[i].ID = newID()
			}
		}
	}
	b.notification = in
	return nothing(http.StatusOK), nil
}

// reachable says whether a target is there and lets the bucket in.
func (c *Cloud) reachable(b *bucket, rule notificationRule) bool {
	switch {
	case rule.Queue != "":
		return c.queueByARN(rule.Queue) != nil
	case rule.Topic != "":
		return c.topics[rule.Topic] != nil
	}
	name, qualifier, err := reference(rule.Function, "")
	if err != nil {
		return false
	}
	f := c.functions[name]
	return f != nil && f.find(qualifier) != nil && f.allowsService(qualifier, "s3.amazonaws.com", arn("s3", b.name))
}

// checkRule refuses a rule that is none, or that overlaps with one before it.
func checkRule(rule notificationRule, before []notificationRule) error {
	if len(rule.Events) == 0 {
		return refuse(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	for _, event := range rule.Events {
		if !strings.HasPrefix(event, "s3:") {
			return refuse(400, "InvalidArgument", "The event is not supported for notifications")
		}
	}
	seen := map[string]bool{}
	for _, f := range rule.Filters {
		name := strings.ToLower(f.Name)
		if name != "prefix" && name != "suffix" {
			return refuse(400, "InvalidArgument", "filter rule name must be either prefix or suffix")
		}
		if seen[name] {
			return refuse(400, "InvalidArgument", "Cannot specify more than one %s rule in a filter.", name)
		}
		seen[name] = true
	}
	for _, other := range before {
		if overlap(rule, other) {
			return refuse(400, "InvalidArgument", "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules "+
				"if the prefixes are overlapping for the same event type.")
		}
	}
	return nil
}

func overlap(a, b notificationRule) bool {
	events := slices.ContainsFunc(a.Events, func(x string) bool {
		return slices.ContainsFunc(b.Events, func(y string) bool { return wildcard(x, y) || wildcard(y, x) })
	})
	ap, bp := a.filter("prefix"), b.filter("prefix")
	as, bs := a.filter("suffix"), b.filter("suffix")
	return events && (strings.HasPrefix(ap, bp) || strings.HasPrefix(bp, ap)) && (strings.HasSuffix(as, bs) || strings.HasSuffix(bs, as))
}

func (r notificationRule) filter(name string) string {
	for _, f := range r.Filters {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

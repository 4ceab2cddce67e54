package gcptest

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/pubsub/v1"
)

// topic is a topic of Pub/Sub. Its messages lie with its subscriptions.
type topic struct {
	is     pubsub.Topic
	policy *policy
}

// pubsubAPI is https://cloud.google.com/pubsub/docs/reference/rest/v1, with the refusals of the service and,
// where only the emulator's are known, those of the emulator (0.8.20).
func pubsubAPI() *api {
	return &api{
		name: "pubsub", host: "pubsub.googleapis.com",
		versions: []version{{"pubsub/v1", map[string]handler{
			"projects.topics.create":                    in((*place).createTopic),
			"projects.topics.get":                       in((*place).getTopic),
			"projects.topics.list":                      in((*place).listTopics),
			"projects.topics.patch":                     in((*place).patchTopic),
			"projects.topics.delete":                    in((*place).deleteTopic),
			"projects.topics.publish":                   in((*place).publish),
			"projects.topics.subscriptions.list":        in((*place).listTopicSubscriptions),
			"projects.subscriptions.create":             in((*place).createSubscription),
			"projects.subscriptions.get":                in((*place).getSubscription),
			"projects.subscriptions.list":               in((*place).listSubscriptions),
			"projects.subscriptions.patch":              in((*place).patchSubscription),
			"projects.subscriptions.delete":             in((*place).deleteSubscription),
			"projects.subscriptions.modifyPushConfig":   in((*place).modifyPush),
			"projects.subscriptions.pull":               in((*place).pull),
			"projects.subscriptions.acknowledge":        in((*place).acknowledge),
			"projects.subscriptions.modifyAckDeadline":  in((*place).modifyAckDeadline),
			"projects.topics.getIamPolicy":              in(getPolicy((*place).topicPolicy)),
			"projects.topics.setIamPolicy":              in(setPolicy((*place).topicPolicy)),
			"projects.topics.testIamPermissions":        in(testPermissions((*place).topicPolicy)),
			"projects.subscriptions.getIamPolicy":       in(getPolicy((*place).subscriptionPolicy)),
			"projects.subscriptions.setIamPolicy":       in(setPolicy((*place).subscriptionPolicy)),
			"projects.subscriptions.testIamPermissions": in(testPermissions((*place).subscriptionPolicy)),
		}}},
		permissions: map[string]string{"projects.topics.subscriptions.list": "pubsub.topics.get", "projects.subscriptions.modifyPushConfig": "pubsub.subscriptions.update", "projects.subscriptions.pull": "pubsub.subscriptions.consume", "projects.subscriptions.acknowledge": "pubsub.subscriptions.consume", "projects.subscriptions.modifyAckDeadline": "pubsub.subscriptions.consume"},
	}
}

// https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
var pubsubName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$`)

func checkPubsubName(full string) error {
	name := lastOf(full)
	if !pubsubName.MatchString(name) || strings.HasPrefix(name, "goog") {
		return refuse(codeInvalidArgument, "Invalid resource name given (name=%s). Refer to https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more information.", full)
	}
	return nil
}

// checkLabelled is checkLabels for who passes the refusal on.
func checkLabelled(labels map[string]string) error {
	if fail := checkLabels(labels, "labels"); fail != nil {
		return fail
	}
	return nil
}

func noResource(name string) error {
	return refuse(codeNotFound, "Resource not found (resource=%s).", lastOf(name))
}

func taken(name string) error {
	return refuse(codeAlreadyExists, "Resource already exists in the project (resource=%s).", lastOf(name))
}

func (p *place) topicOf(c *call) (*topic, error) {
	t := p.topics[c.target()]
	if t == nil {
		return nil, noResource(c.target())
	}
	return t, nil
}

func (p *place) topicPolicy(c *call) (**policy, error) {
	t, err := p.topicOf(c)
	if err != nil {
		return nil, err
	}
	return &t.policy, nil
}

func (p *place) createTopic(c *call) (any, error) {
	in, err := decode[pubsub.Topic](c)
	if err != nil {
		return nil, err
	}
	name := c.target()
	if err := checkPubsubName(name); err != nil {
		return nil, err
	}
	if err := checkLabelled(in.Labels); err != nil {
		return nil, err
	}
	if p.topics[name] != nil {
		return nil, taken(name)
	}
	in.Name, in.State = name, "ACTIVE"
	p.topics[name] = &topic{is: *in, policy: newPolicy()}
	return in, nil
}

func (p *place) getTopic(c *call) (any, error) {
	t, err := p.topicOf(c)
	if err != nil {
		return nil, err
	}
	return &t.is, nil
}

func (p *place) listTopics(c *call) (any, error) {
	var all []*pubsub.Topic
	for _, name := range sorted(p.topics) {
		all = append(all, &p.topics[name].is)
	}
	items, next, err := page(c.query, all, 1000)
	return &pubsub.ListTopicsResponse{Topics: items, NextPageToken: next}, err
}

func (p *place) patchTopic(c *call) (any, error) {
	in, err := decode[pubsub.UpdateTopicRequest](c)
	if err != nil {
		return nil, err
	}
	t, err := p.topicOf(c)
	if err != nil {
		return nil, err
	}
	if in.UpdateMask == "" || in.Topic == nil {
		return nil, refuse(codeInvalidArgument, "The update_mask in the UpdateTopicRequest must be set, and must contain a non-empty paths list.")
	}
	next := t.is
	if _, err := patch(&next, *in.Topic, in.UpdateMask, func(path string) error {
		return refuse(codeInvalidArgument, "Invalid update_mask provided in the UpdateTopicRequest: %s is not a known Topic field.", path)
	}); err != nil {
		return nil, err
	}
	if next.Name = t.is.Name; checkLabelled(next.Labels) != nil {
		return nil, checkLabelled(next.Labels)
	}
	t.is = next
	return &t.is, nil
}

// deleteTopic leaves the subscriptions, which never get anything again.
func (p *place) deleteTopic(c *call) (any, error) {
	t, err := p.topicOf(c)
	if err != nil {
		return nil, err
	}
	delete(p.topics, t.is.Name)
	for _, s := range p.subscriptions {
		if s.is.Topic == t.is.Name {
			s.is.Topic = "_deleted-topic_"
		}
	}
	return &pubsub.Empty{}, nil
}

func (p *place) listTopicSubscriptions(c *call) (any, error) {
	t, err := p.topicOf(c)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range sorted(p.subscriptions) {
		if p.subscriptions[name].is.Topic == t.is.Name {
			all = append(all, name)
		}
	}
	items, next, err := page(c.query, all, 1000)
	return &pubsub.ListTopicSubscriptionsResponse{Subscriptions: items, NextPageToken: next}, err
}

func (p *place) publish(c *call) (any, error) {
	in, err := decode[pubsub.PublishRequest](c)
	if err != nil {
		return nil, err
	}
	t, err := p.topicOf(c)
	if err != nil {
		return nil, err
	}
	if len(in.Messages) == 0 {
		return nil, refuse(codeInvalidArgument, "The request did not contain any messages.")
	}
	out := &pubsub.PublishResponse{}
	for _, m := range in.Messages {
		if m.Data == "" && len(m.Attributes) == 0 {
			return nil, refuse(codeInvalidArgument, "One or more messages in the publish request is empty. Each message must contain either non-empty data, or at least one attribute.")
		}
		if _, err := base64.StdEncoding.DecodeString(m.Data); err != nil {
			return nil, refuse(codeInvalidArgument, "Invalid value at 'messages[0].data' (TYPE_BYTES), Base64 decoding failed for %q", m.Data)
		}
	}
	for _, m := range in.Messages {
		out.MessageIds = append(out.MessageIds, p.send(t, *m))
	}
	return out, nil
}

// send gives a message to every subscription of a topic that wants it.
func (p *place) send(t *topic, m pubsub.PubsubMessage) string {
	m.MessageId = strconv.FormatInt(10_000_000_000+p.next(), 10)
	m.PublishTime = stamp(time.Now())
	m.Attributes = maps.Clone(m.Attributes)
	for _, name := range sorted(p.subscriptions) {
		if s := p.subscriptions[name]; s.is.Topic == t.is.Name && wanted(s.is.Filter, m.Attributes) {
			s.backlog = append(s.backlog, &delivery{message: m})
			p.push(s)
		}
	}
	return m.MessageId
}

var filterTerm = regexp.MustCompile(`^(NOT )?(?:attributes\.([A-Za-z_]\w*) ?(=|!=) ?"([^"]*)"|attributes:([A-Za-z_]\w*)|hasPrefix\(attributes\.([A-Za-z_]\w*), ?"([^"]*)"\))$`)

// checkFilter refuses what is no filter. Of https://cloud.google.com/pubsub/docs/subscription-message-filter it knows terms that
// are joined by AND.
func checkFilter(filter string) error {
	if filter == "" {
		return nil
	}
	if len(filter) > 256 || slices.ContainsFunc(strings.Split(filter, " AND "), func(s string) bool { return !filterTerm.MatchString(strings.TrimSpace(s)) }) {
		return refuse(codeInvalidArgument, "The filter %q is invalid.", filter)
	}
	return nil
}

func wanted(filter string, attributes map[string]string) bool {
	if filter == "" {
		return true
	}
	for term := range strings.SplitSeq(filter, " AND ") {
		m := filterTerm.FindStringSubmatch(strings.TrimSpace(term))
		var holds bool
		switch {
		case m[3] != "":
			holds = (attributes[m[2]] == m[4]) == (m[3] == "=")
		case m[5] != "":
			_, holds = attributes[m[5]]
		default:
			holds = strings.HasPrefix(attributes[m[6]], m[7])
		}
		if holds == (m[1] != "") {
			return false
		}
	}
	return true
}

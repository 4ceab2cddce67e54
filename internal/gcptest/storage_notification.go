package gcptest

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/internal/standin"
)

// eventTypes are those of https://cloud.google.com/storage/docs/pubsub-notifications#events.
var eventTypes = []string{"OBJECT_FINALIZE", "OBJECT_METADATA_UPDATE", "OBJECT_DELETE", "OBJECT_ARCHIVE"}

func (p *place) insertNotification(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[storage.Notification](c)
	if err != nil {
		return nil, err
	}
	name, ok := strings.CutPrefix(in.Topic, "//pubsub.googleapis.com/")
	switch {
	case !ok:
		return nil, no(http.StatusBadRequest, "invalid", "Invalid Cloud Pub/Sub topic: %q", in.Topic)
	case in.PayloadFormat != "JSON_API_V1" && in.PayloadFormat != "NONE":
		return nil, no(http.StatusBadRequest, "invalid", "Invalid payload format: %q", in.PayloadFormat)
	case slices.ContainsFunc(in.EventTypes, func(kind string) bool { return !slices.Contains(eventTypes, kind) }):
		return nil, no(http.StatusBadRequest, "invalid", "Invalid event types: %v", in.EventTypes)
	case len(b.notifications) >= 100:
		return nil, no(http.StatusBadRequest, "invalid", "The bucket has too many notification configurations.")
	}
	t := p.topics[name]
	if t == nil || !p.may(storageAgent, "pubsub.topics.publish", t.policy) {
		_, email, _ := cutPrefixed(storageAgent)
		return nil, no(http.StatusBadRequest, "invalid", "The service account '%s' does not have permission to publish messages to to the Cloud Pub/Sub "+
			"topic '%s', or that topic does not exist.", email, in.Topic)
	}
	b.serial++
	in.Id, in.Kind, in.Etag = strconv.Itoa(b.serial), "storage#notification", strconv.Itoa(b.serial)
	b.notifications[in.Id] = in
	return in, nil
}

func cutPrefixed(member string) (kind, email string, ok bool) { return strings.Cut(member, ":") }

func (p *place) notificationOf(c *call) (*bucket, *storage.Notification, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, nil, err
	}
	n := b.notifications[c.vars["notification"]]
	if n == nil {
		return nil, nil, no(http.StatusNotFound, "notFound", "Notification %s does not exist.", c.vars["notification"])
	}
	return b, n, nil
}

func (p *place) getNotification(c *call) (any, error) {
	_, n, err := p.notificationOf(c)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (p *place) listNotifications(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	out := &storage.Notifications{Kind: "storage#notifications"}
	for _, id := range sorted(b.notifications) {
		out.Items = append(out.Items, b.notifications[id])
	}
	return out, nil
}

func (p *place) deleteNotification(c *call) (any, error) {
	b, n, err := p.notificationOf(c)
	if err != nil {
		return nil, err
	}
	delete(b.notifications, n.Id)
	return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
}

// notify tells the topics of a bucket of a change: https://cloud.google.com/storage/docs/pubsub-notifications#attributes.
func (p *place) notify(b *bucket, o *storage.Object, kind string, more map[string]string) {
	for _, id := range sorted(b.notifications) {
		n := b.notifications[id]
		name, _ := strings.CutPrefix(n.Topic, "//pubsub.googleapis.com/")
		t := p.topics[name]
		if t == nil || !p.may(storageAgent, "pubsub.topics.publish", t.policy) || !strings.HasPrefix(o.Name, n.ObjectNamePrefix) ||
			len(n.EventTypes) > 0 && !slices.Contains(n.EventTypes, kind) {
			continue
		}
		attributes := map[string]string{
			"notificationConfig": "projects/_/buckets/" + b.is.Name + "/notificationConfigs/" + id, "eventType": kind, "payloadFormat": n.PayloadFormat,
			"bucketId": b.is.Name, "objectId": o.Name, "objectGeneration": strconv.FormatInt(o.Generation, 10), "eventTime": stamp(time.Now()),
		}
		maps.Copy(attributes, n.CustomAttributes)
		maps.Copy(attributes, more)
		m := pubsub.PubsubMessage{Attributes: attributes}
		if n.PayloadFormat == "JSON_API_V1" {
			data, _ := json.Marshal(o) // types of the APIs always encode
			m.Data = base64.StdEncoding.EncodeToString(data)
		}
		p.send(t, m)
	}
}

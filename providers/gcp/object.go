package gcp

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	storage "google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// news is what a bucket tells a function of its objects: notifications to a topic of ferry's own, and a subscription to that.
type news struct {
	id     string // of the topic and the subscription
	bucket string
	name   string // of the bucket in the manifest
}

// bucketOf is the binding of a bucket: all events of a function that name it are one.
func bucketOf(c *connection, fn function, e manifest.Event) binding {
	bucket := bucketNamed(fn, e.Object.Bucket)
	return news{id: pubsubNaming().Of(c.prefix() + fn.Name + "-" + bucket), bucket: bucket, name: e.Object.Bucket}
}

// bucketNamed is the bucket that an event names.
func bucketNamed(fn function, bucket string) string {
	if full := fn.own.Resources[bucket]; full != "" {
		return full[strings.LastIndex(full, "/")+1:]
	}
	return bucket
}

func (n news) note() string { return notedBucket + ":" + n.id + "@" + n.bucket }

func parseBucket(note string) binding {
	id, bucket, _ := strings.Cut(note, "@")
	return news{id: id, bucket: bucket}
}

// filter leaves out what is told of an object that another one replaced: it is no deletion.
func (n news) filter() string {
	return fmt.Sprintf(`attributes.bucketId = %q AND NOT attributes:overwrittenByGeneration`, n.bucket)
}

// bucketIn is the bucket that the filter of a subscription names, "" for none.
func bucketIn(filter string) string {
	found := regexp.MustCompile(`^attributes\.bucketId = "([^"]+)"`).FindStringSubmatch(filter)
	if found == nil {
		return ""
	}
	return found[1]
}

func (n news) subscription(b *binder) subscription {
	return subscription{
		id: n.id, topic: b.topicPath(n.id), kind: "object", name: n.name, filter: n.filter(), taken: "rename the function, or delete it",
		plain: !b.fn.Shimmed(), bucket: n.bucket, wanted: wantedOf(b.fn, n.bucket),
	}
}

func (n news) calls(ctx context.Context, b *binder) (bool, error) {
	calls, err := n.subscription(b).calls(ctx, b)
	if err != nil || !calls {
		return false, err
	}
	has, err := n.notifications(ctx, b)
	return len(has) > 0, err
}

// ensure makes the topic, lets Cloud Storage write to it, and tells the bucket of it last.
func (n news) ensure(ctx context.Context, b *binder) error {
	topic, err := b.ensureTopic(ctx, n.id)
	if err != nil {
		return err
	}
	agent, err := n.agent(ctx, b)
	if err != nil {
		return err
	}
	if _, err := b.grant(ctx, b.topicPolicy(ctx, topic), publishes, "serviceAccount:"+agent); err != nil {
		return fmt.Errorf("letting Cloud Storage write to the topic %s: %w", n.id, err)
	}
	if err := n.subscription(b).ensure(ctx, b); err != nil {
		return err
	}
	return n.tell(ctx, b)
}

// agent is the account that Cloud Storage has in the bucket's project.
func (n news) agent(ctx context.Context, b *binder) (string, error) {
	bucket, err := b.storage.Buckets.Get(n.bucket).Context(ctx).Do()
	if err != nil {
		return "", err
	}
	of := strconv.FormatUint(bucket.ProjectNumber, 10)
	if of == b.number {
		of = b.target.Project
	}
	agent, err := b.storage.Projects.ServiceAccount.Get(of).Context(ctx).Do()
	if err != nil {
		return "", err
	}
	return agent.EmailAddress, nil
}

// notifications are those of the bucket that write to ferry's topic. A bucket that is gone has none.
func (n news) notifications(ctx context.Context, b *binder) ([]*storage.Notification, error) {
	list, err := b.storage.Notifications.List(n.bucket).Context(ctx).Do()
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(one *storage.Notification) bool { return idOf(one.Topic) != n.id || !n.writesTo(one, b) }), nil
}

func (n news) writesTo(one *storage.Notification, b *binder) bool {
	for _, project := range []string{b.target.Project, b.number} {
		if one.Topic == "//pubsub.googleapis.com/projects/"+project+"/topics/"+n.id {
			return true
		}
	}
	return false
}

// tell makes the notifications of the bucket those of the function's events. They cannot be changed, and one whose making was
// not answered may be there twice.
func (n news) tell(ctx context.Context, b *binder) error {
	has, err := n.notifications(ctx, b)
	if err != nil {
		return err
	}
	wanted, made := n.wanted(b), false
	for _, one := range wanted {
		if slices.ContainsFunc(has, func(h *storage.Notification) bool { return alike(h, one) }) {
			continue
		}
		if _, err := b.storage.Notifications.Insert(n.bucket, one).Context(ctx).Do(); err != nil {
			return err
		}
		made = true
	}
	if made {
		if has, err = n.notifications(ctx, b); err != nil {
			return err
		}
	}
	var kept []*storage.Notification
	for _, one := range has {
		if slices.ContainsFunc(wanted, func(w *storage.Notification) bool { return alike(w, one) }) && !slices.ContainsFunc(kept, func(k *storage.Notification) bool { return alike(k, one) }) {
			kept = append(kept, one)
			continue
		}
		if err := n.forget(ctx, b, one); err != nil {
			return err
		}
	}
	return nil
}

func alike(x, y *storage.Notification) bool {
	return x.ObjectNamePrefix == y.ObjectNamePrefix && slices.Equal(slices.Sorted(slices.Values(x.EventTypes)), slices.Sorted(slices.Values(y.EventTypes)))
}

// wanted are the notifications of the function's events on the bucket. They do not know of suffixes, which the subscription looks at.
func (n news) wanted(b *binder) []*storage.Notification {
	var all []*storage.Notification
	for _, w := range wantedOf(b.fn, n.bucket) {
		one := &storage.Notification{Topic: "//pubsub.googleapis.com/" + b.topicPath(n.id), PayloadFormat: "JSON_API_V1", ObjectNamePrefix: w.Prefix, EventTypes: w.On}
		if !slices.ContainsFunc(all, func(has *storage.Notification) bool { return alike(has, one) }) {
			all = append(all, one)
		}
	}
	return all
}

func (n news) forget(ctx context.Context, b *binder, one *storage.Notification) error {
	err := b.storage.Notifications.Delete(n.bucket, one.Id).Context(ctx).Do()
	if isNotFound(err) {
		return nil
	}
	return err
}

// remove has the bucket tell nothing more, and takes away the topic last: by it the rest is found.
func (n news) remove(ctx context.Context, b *binder) error {
	has, err := n.notifications(ctx, b)
	if err != nil {
		return err
	}
	for _, one := range has {
		if err := n.forget(ctx, b, one); err != nil {
			return err
		}
	}
	if err := n.subscription(b).remove(ctx, b); err != nil {
		return err
	}
	return b.removeTopic(ctx, n.id)
}

// lookAtBucket looks whether the bucket is there.
func lookAtBucket(ctx context.Context, r *resources, e manifest.Event) {
	bucket := bucketNamed(r.fn, e.Object.Bucket)
	_, err := r.storage.Buckets.Get(bucket).Context(ctx).Do()
	switch {
	case isNotFound(err):
		r.problem(providers.NotFound, "run `gcloud storage buckets create gs://"+bucket+" --location="+r.target.Region+" --project="+r.target.Project+"`", "there is no bucket %s", bucket)
	case err != nil:
		r.failed(err)
	}
}

package knative

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
	"github.com/ferryfn/ferry/providers/until"
)

// A queue, a topic and a bucket are brokers of Knative Eventing, to which whoever makes messages sends CloudEvents. A Trigger of the
// function's has the broker post them to its address in the cluster, so that they follow what is live.

// origin is where the events of one event of the manifest come from: a broker, and attributes that they have.
type origin struct {
	broker     string
	attributes map[string]string
}

// origin is that of an event; that of a schedule or of HTTP has no broker.
func (f function) origin(e manifest.Event) origin {
	named := ""
	switch {
	case e.Queue != nil:
		named = e.Queue.Name
	case e.Topic != nil:
		named = e.Topic.Name
	case e.Object != nil:
		named = e.Object.Bucket
	}
	broker, query, _ := strings.Cut(cmp.Or(f.own.Resources[named], named), "?")
	o := origin{broker: broker, attributes: map[string]string{}}
	values, err := url.ParseQuery(query)
	if err != nil {
		return origin{broker: broker + "?" + query} // which Check refuses
	}
	for key := range values {
		o.attributes[key] = values.Get(key)
	}
	return o
}

var attributeForm = pattern.Of(`^[a-z][a-z0-9]*$`)

// checkOrigin is about how messages are delivered.
func checkOrigin(fn function, at string, e manifest.Event) []providers.Issue {
	o := fn.origin(e)
	if o.broker == "" {
		return nil
	}
	found := slices.Concat(
		check.When(!labelForm().MatchString(o.broker)).Block(at, "name the broker: knative.resources", "%q is not the name of a broker", o.broker),
		check.When(e.Object != nil && fn.Style == manifest.StyleAzure).Block(at, "write a handler of another style, which gets the name of the object", "a blob trigger is handed the content of the object, and ferry reads none on Knative"),
		check.Forms("knative.resources", attributeForm(), "names of attributes in lower-case letters and digits", slices.Sorted(maps.Keys(o.attributes))...),
	)
	if q := e.Queue; q != nil {
		found = append(found, slices.Concat(
			check.When(q.Batch > 1).Warn(at+".batch", "", "Knative Eventing delivers messages one by one, not %d at once", q.Batch),
			check.When(q.Backoff.Std()%pauseStep != 0).Warn(at+".backoff", "", "backoff is rounded up to %s: Knative Eventing takes tenths of seconds", manifest.Duration(wholeSteps(q.Backoff.Std()))),
		)...)
	}
	return append(found, check.When(e.Object != nil).Warn(at, "see that they are sent: docs/knative.md", "Kubernetes has no buckets: whatever stores objects has to tell the broker %s of them", o.broker)...)
}

const pauseStep = 100 * time.Millisecond

func wholeSteps(d time.Duration) time.Duration { return (d + pauseStep - 1).Truncate(pauseStep) }

// period is a duration as Knative Eventing takes it (ISO 8601).
func period(d time.Duration) string {
	d = wholeSteps(d)
	return fmt.Sprintf("PT%dH%dM%sS", int(d.Hours()), int(d.Minutes())%60, strconv.FormatFloat((d%time.Minute).Seconds(), 'f', -1, 64))
}

// filters choose events by their attributes; all have to let an event through. A bucket's are those of objects with such names.
func filters(e manifest.Event, o origin) []any {
	all := []any{}
	for _, key := range slices.Sorted(maps.Keys(o.attributes)) {
		all = append(all, having("exact", key, o.attributes[key]))
	}
	if e.Object == nil {
		return all
	}
	var kinds []any
	for _, what := range e.Object.On {
		kinds = append(kinds, having("exact", "type", "dev.ferry.object."+what+".v1"))
	}
	all = append(all, map[string]any{"any": kinds})
	if e.Object.Prefix != "" {
		all = append(all, having("prefix", "subject", e.Object.Prefix))
	}
	if e.Object.Suffix != "" {
		all = append(all, having("suffix", "subject", e.Object.Suffix))
	}
	return all
}

func having(how, attribute, value string) any {
	return map[string]any{how: map[string]any{attribute: value}}
}

// nothing lets no event through: there is none of such a version.
func nothing() []any { return []any{having("exact", "specversion", "none")} }

// delivery is how often and with what pauses an event is tried, and where it goes then; nil leaves all of it to the broker. What a
// Trigger says holds in place of all that its broker says, so that the rest of that is repeated.
func (c *connection) delivery(f function, e manifest.Event, b *broker) map[string]any {
	own := map[string]any{}
	if q := e.Queue; q != nil && q.Attempts > 0 {
		own["retry"] = float64(q.Attempts - 1)
	}
	if q := e.Queue; q != nil && q.Backoff > 0 {
		own["backoffPolicy"], own["backoffDelay"] = "exponential", period(q.Backoff.Std())
	}
	if f.own.DeadLetters != "" {
		own["deadLetterSink"] = map[string]any{"ref": map[string]any{"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": f.own.DeadLetters, "namespace": c.namespace}}
	}
	if len(own) == 0 {
		return nil
	}
	all := maps.Clone(own)
	maps.Copy(all, b.Spec.Delivery)
	maps.Copy(all, own)
	return all
}

// triggers are those that a function's events ask for.
func (c *connection) triggers(ctx context.Context, fn function, m providers.Mode) ([]*caller, error) {
	var all []*caller
	for i, e := range fn.Events {
		o := fn.origin(e)
		if o.broker == "" || m == providers.BindNone {
			continue
		}
		b, err := c.broker(ctx, o.broker)
		if err != nil {
			return nil, err
		}
		word, err := c.instance(ctx, fn.Name)
		if err == nil && word == "" {
			err = fail(providers.NotFound, "bind", fn.Name, "deploy it first", "there is no secret %s", c.instanceSecret(fn.Name))
		}
		if err != nil {
			return nil, err
		}
		id := fmt.Sprintf("%s-%s-%d", c.object(fn.Name), short(o.broker)[:8], i) // as its broker cannot be changed
		t := &caller{object: of(triggers, id, c.labels(fn.Name)), Spec: map[string]any{
			"broker": o.broker, "subscriber": map[string]any{"uri": c.eventAddress(fn.Name) + "/" + delivering(word)}, "filters": filters(e, o),
		}}
		if m == providers.BindPaused {
			t.Spec["filters"] = nothing()
		}
		if d := c.delivery(fn, e, b); d != nil {
			t.Spec["delivery"] = d
		}
		all = append(all, t)
	}
	return all, nil
}

// delivering is the word by which a shim takes events from a broker, which can send no header: a digest of the one that ferry has. Who
// may read Triggers sees it, and learns no more by it.
func delivering(word string) string {
	sum := sha256.Sum256([]byte(word))
	return hex.EncodeToString(sum[:])
}

// patch is what makes a CronJob or Trigger that is there this one. A merge leaves what it does not name.
func (t *caller) patch() any {
	to, event := t.Spec["subscriber"].(map[string]any)
	if !event {
		return t.Spec
	}
	all := maps.Clone(t.Spec)
	all["delivery"] = nil
	if d, ok := t.Spec["delivery"].(map[string]any); ok {
		said := map[string]any{"retry": nil, "backoffPolicy": nil, "backoffDelay": nil, "deadLetterSink": nil, "timeout": nil, "format": nil}
		maps.Copy(said, d)
		all["delivery"] = said
	}
	all["subscriber"] = map[string]any{"ref": nil, "uri": to["uri"]}
	return all
}

// paused reports whether a CronJob or Trigger lets nothing through.
func (t *caller) paused() bool {
	return t.Spec["suspend"] == true || reflect.DeepEqual(t.Spec["filters"], any(nothing()))
}

// hears waits until Knative says that a Trigger gets events.
func (c *connection) hears(ctx context.Context, fn, id string) error {
	var now *caller
	err := until.True(ctx, answering("the trigger "+id+" to be ready"), func() (bool, error) {
		var err error
		now, err = find[caller](ctx, c, triggers, id)
		return now != nil && now.Status.ObservedGeneration >= now.Generation && now.Status.ready().Status == isTrue, err
	})
	var late *until.Late
	if errors.As(err, &late) && now != nil {
		why := now.Status.ready()
		return fail(providers.Unavailable, "bind", fn, "see what it lacks: `kubectl describe trigger "+id+"`", "the trigger %s is not ready: %s (%s)", id, why.Message, why.Reason)
	}
	return err
}

// eventing reports whether the cluster has Knative Eventing.
func (c *connection) eventing(ctx context.Context) (bool, error) {
	version, _ := triggers.parts()
	err := c.do(ctx, call{method: http.MethodGet, path: "/apis/" + version}, nil)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// broker is one of the namespace.
func (c *connection) broker(ctx context.Context, id string) (*broker, error) {
	found, err := find[broker](ctx, c, brokers, id)
	if err != nil || found != nil {
		return found, err
	}
	has, err := c.eventing(ctx)
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, fail(providers.Unsupported, "bind", "", "install it: https://knative.dev/docs/install/yaml-install/eventing/install-eventing-with-yaml/",
			"the cluster has no Knative Eventing, by which queues, topics and buckets are delivered")
	}
	return nil, fail(providers.NotFound, "bind", "", "make it: `kn broker create "+id+" --namespace "+c.namespace+"`, or name another one: knative.resources",
		"there is no broker %s in the namespace %s", id, c.namespace)
}

// compareTriggers finds what of a function's Triggers is not as its events ask for.
func (c *connection) compareTriggers(ctx context.Context, fn function, there []caller, d *providers.Differences) error {
	wanted, err := c.triggers(ctx, fn, providers.BindEnabled)
	for _, w := range wanted {
		at := slices.IndexFunc(there, func(t caller) bool { return t.Name == w.Name })
		if at < 0 {
			d.Compare("trigger "+w.Name, "is there", "")
			continue
		}
		for _, key := range []string{"broker", "filters", "delivery"} {
			d.Compare("trigger "+w.Name+" "+key, inWords(w.Spec[key]), inWords(there[at].Spec[key]))
		}
		d.CompareHidden("trigger "+w.Name+" subscriber", map[string]string{"": inWords(w.Spec["subscriber"])}, map[string]string{"": inWords(there[at].Spec["subscriber"])})
	}
	return err
}

// inWords is a value of a spec as text, "" where there is none.
func inWords(v any) string {
	if v == nil {
		return ""
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("what came as JSON has a JSON form: %v", err))
	}
	return string(data)
}

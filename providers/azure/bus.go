package azure

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/providers"
)

const (
	busVersion    = "2024-01-01"
	busNamespaces = "Microsoft.ServiceBus/namespaces"

	busConnection = "FERRY_BUS"         // what the settings of the connection begin with
	busVariable   = "FERRY_SERVICE_BUS" // what a shim is told
	busClient     = busConnection + "__clientId"
	busHost       = busConnection + "__fullyQualifiedNamespace"
	busCredential = busConnection + "__credential"

	maxBusSubscription = 50
	busAttempts        = 10              // of a subscription that ferry makes, as Azure's own default
	busLock            = 5 * time.Minute // the longest that Service Bus holds a message back for its reader; the host renews it
)

// busEntity is a queue or a topic of Service Bus that an event names.
type busEntity struct {
	queue, topic string
	function     string // which reads it, in the app
}

// buses are the queues and topics of Service Bus that call a function, in the order of its events.
func buses(fn function) []busEntity {
	if fn.own.ServiceBus == "" {
		return nil
	}
	var all []busEntity
	queues, topics := 0, 0
	for _, e := range fn.Events {
		switch {
		case e.Queue != nil:
			all = append(all, busEntity{queue: fn.own.resource(e.Queue.Name), function: "queue" + strconv.Itoa(queues)})
			queues++
		case e.Topic != nil:
			if t := fn.own.resource(e.Topic.Name); !isID(t) { // else it is one of Event Grid
				all = append(all, busEntity{topic: t, function: "topic" + strconv.Itoa(topics)})
			}
			topics++
		}
	}
	return all
}

// bus is the namespace that calls a function; "" is none.
func (f function) bus() string {
	if len(buses(f)) == 0 {
		return ""
	}
	return f.own.ServiceBus
}

func isID(name string) bool { return strings.HasPrefix(name, "/") }

// busSubscription is the name of a function's subscription of each topic that it reads.
func (p *place) busSubscription(fn string) string {
	digest := short(strings.ToLower(p.target.ResourceGroup), p.service, p.stage, p.targetName, fn)
	plain := plainly(p.service + "-" + p.stage + "-" + fn)
	return digest + "-" + strings.Trim(plain[:min(len(plain), maxBusSubscription-len(digest)-1)], "-")
}

// busTrigger is the binding of a function that an entity calls.
func (p *place) busTrigger(fn function, e busEntity) map[string]any {
	b := map[string]any{"type": "serviceBusTrigger", "direction": "in", "name": "message", "connection": busConnection}
	if e.queue != "" {
		b["queueName"] = e.queue
		return b
	}
	b["topicName"], b["subscriptionName"] = e.topic, p.busSubscription(fn.Name)
	return b
}

// busShim tells a shim that registers functions by itself which of the manifest's names are those of Service Bus.
func (p *place) busShim(fn function) string {
	if len(buses(fn)) == 0 {
		return ""
	}
	queues, topics := map[string]string{}, map[string]string{}
	for _, e := range fn.Events {
		switch {
		case e.Queue != nil:
			queues[e.Queue.Name] = fn.own.resource(e.Queue.Name)
		case e.Topic != nil && !isID(fn.own.resource(e.Topic.Name)):
			topics[e.Topic.Name] = fn.own.resource(e.Topic.Name)
		}
	}
	return string(text(map[string]any{"subscription": p.busSubscription(fn.Name), "queues": queues, "topics": topics}))
}

// busHostOptions are how the host reads: as many messages at a time as a batch has, each for as long as the function may take.
func busHostOptions(fn function) map[string]any {
	calls := 1
	for _, e := range fn.Events {
		if e.Queue != nil {
			calls = max(calls, e.Queue.Batch)
		}
	}
	return map[string]any{"maxConcurrentCalls": calls, "maxAutoLockRenewalDuration": wall(max(busLock, fn.Timeout.Std()))}
}

// busSettings are the settings of the app by which its host reads Service Bus, as the function's own identity.
func (c *connection) busSettings(fn function, own identity) map[string]string {
	if len(buses(fn)) == 0 {
		return nil
	}
	settings := map[string]string{busHost: lastPart(fn.own.ServiceBus) + "." + c.cloud.bus(), busCredential: "managedidentity"}
	if own.client != "" {
		settings[busClient] = own.client
	}
	return settings
}

// reads are the ids of what a function reads of Service Bus: queues, and subscriptions of its own of topics.
func (c *connection) reads(fn function) []string {
	var all []string
	for _, e := range buses(fn) {
		id := c.resource(busNamespaces, fn.own.ServiceBus) + "/queues/" + e.queue
		if e.topic != "" {
			id = c.resource(busNamespaces, fn.own.ServiceBus) + "/topics/" + e.topic + "/subscriptions/" + c.busSubscription(fn.Name)
		}
		all = append(all, id)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ofTopics are the subscriptions among what is read, which are ferry's own.
func ofTopics(reads []string) []string {
	return slices.DeleteFunc(slices.Clone(reads), func(id string) bool { return !strings.Contains(id, "/topics/") })
}

// reading are the roles by which a function's own identity reads Service Bus. The role on a topic alone is not enough to read a
// subscription of it.
func (c *connection) reading(fn function) []roleGrant {
	if fn.own.Identity != "" { // whose roles are not ferry's to give
		return nil
	}
	var roles []roleGrant
	for _, id := range c.reads(fn) {
		roles = append(roles, roleGrant{Role: roleIDs()["Azure Service Bus Data Receiver"], Scope: id})
	}
	return roles
}

// hear sees that the queues and topics of Service Bus are there, and makes the subscriptions: before the roles, which are given on
// them, and before the code, whose host looks for them. What the revision read whose configuration the app has is there already.
func (w *work) hear(ctx context.Context) error {
	wanted := w.reads(w.spec.function)
	if len(wanted) == 0 {
		return nil
	}
	if w.known {
		was, err := w.record(ctx, w.is.Settings)
		if err != nil {
			return err
		}
		if was != nil {
			wanted = slices.DeleteFunc(wanted, func(id string) bool { return slices.Contains(was.Reads, id) })
		}
		if err := w.alter(ctx, w.epoch, func(c *claim) bool { return c.subscribes(len(ofTopics(wanted)) > 0) }); err != nil {
			return err
		}
	}
	for _, id := range wanted {
		if err := w.exists(ctx, id); err != nil {
			return err
		}
	}
	return w.listen(ctx, ofTopics(wanted))
}

// exists refuses a queue or a topic that is not there: ferry makes neither.
func (a *app) exists(ctx context.Context, reads string) error {
	kind, found := "queue", reads
	if strings.Contains(reads, "/topics/") {
		kind, found = "topic", reads[:strings.LastIndex(reads, "/subscriptions/")]
	}
	err := a.call(ctx, http.MethodGet, found, busVersion, nil, nil)
	if !isNotFound(err) {
		return err
	}
	namespace, _, _ := strings.Cut(found, "/"+kind+"s/")
	group, _, _ := strings.Cut(after(namespace, "/resourceGroups/"), "/")
	return fail(providers.NotFound, "publish", a.function,
		fmt.Sprintf("run `az servicebus %s create --resource-group %s --namespace-name %s --name %s`, or correct the name or service_bus", kind, group, lastPart(namespace), lastPart(found)),
		"the namespace %s has no %s %s", lastPart(namespace), kind, lastPart(found))
}

func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}

// hearAgain makes subscriptions of topics that went while nothing live read them, as before a rollback, and gives the role on them
// again, which went with them.
func (a *app) hearAgain(ctx context.Context, fn function, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	if err := a.listen(ctx, missing); err != nil {
		return err
	}
	roles := slices.DeleteFunc(a.reading(fn), func(r roleGrant) bool { return !slices.Contains(missing, r.Scope) })
	if len(roles) == 0 {
		return nil
	}
	own, err := a.findIdentity(ctx, a.name)
	if err != nil {
		return err
	}
	return a.assignAll(ctx, own, roles)
}

// subscriptionKey is the blob that says that there may be a subscription of a topic.
func subscriptionKey(id string) string {
	return "subscriptions/" + short(strings.ToLower(id)) + ".json"
}

// listen makes subscriptions of topics, each noted before so that it is found whatever becomes of the deploy: a topic keeps what
// nobody reads until it is full. What was sent before is not in them.
func (a *app) listen(ctx context.Context, subscriptions []string) error {
	for _, id := range subscriptions {
		if _, err := a.box.write(ctx, subscriptionKey(id), id, condition{}); err != nil {
			return err
		}
		err := a.call(ctx, http.MethodPut, id, busVersion, map[string]any{"properties": map[string]any{
			"maxDeliveryCount": busAttempts, "lockDuration": "PT" + strconv.Itoa(int(busLock.Minutes())) + "M", "deadLetteringOnMessageExpiration": true,
		}}, nil)
		if err != nil {
			return fmt.Errorf("making the subscription %s: %w", lastPart(id), err)
		}
	}
	return nil
}

// silence takes the subscriptions of topics away that there may be, but for some.
func (a *app) silence(ctx context.Context, but []string) error {
	keys, err := a.box.list(ctx, "subscriptions/")
	if err != nil {
		return err
	}
	for _, key := range keys {
		var id string
		tag, err := a.box.read(ctx, key, &id)
		if err != nil {
			return err
		}
		if tag == "" || slices.Contains(but, id) {
			continue
		}
		if err := unlessMissing(a.call(ctx, http.MethodDelete, id, busVersion, nil, nil)); err != nil {
			return err
		}
		if err := unlessMissing(a.box.delete(ctx, key, condition{})); err != nil {
			return err
		}
	}
	return nil
}

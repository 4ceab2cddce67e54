package azuretest

import (
	"net/http"
	"strings"
	"time"
)

const namespaceType = "Microsoft.ServiceBus/namespaces"

func busKinds() []*kind {
	versions := []string{"2017-04-01", "2021-11-01", "2022-10-01-preview", "2024-01-01"}
	var all []*kind
	for _, below := range []string{"", "/queues", "/topics", "/topics/subscriptions"} {
		all = append(all, &kind{name: namespaceType + below, versions: versions})
	}
	return all
}

// busOperations are those of Microsoft.ServiceBus, of which a deployer asks whether a queue or a topic is there.
//
// Source: azure-rest-api-specs, servicebus/resource-manager/Microsoft.ServiceBus, stable/2024-01-01.
func busOperations() []*operation {
	const namespaces = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + namespaceType
	var all []*operation
	for _, one := range []struct{ name, route, kind string }{
		{"Namespaces", namespaces, namespaceType},
		{"Queues", namespaces + "/{name}/queues", namespaceType + "/queues"},
		{"Topics", namespaces + "/{name}/topics", namespaceType + "/topics"},
		{"Subscriptions", namespaces + "/{name}/topics/{queue}/subscriptions", namespaceType + "/topics/subscriptions"},
	} {
		item := one.route + "/{setting}"
		all = append(all,
			manage(one.name+"_List", "GET "+one.route, one.kind+"/read", listKind(one.kind)),
			manage(one.name+"_Get", "GET "+item, one.kind+"/read", (*Cloud).getResource),
			manage(one.name+"_CreateOrUpdate", "PUT "+item, one.kind+"/write", (*Cloud).putBus),
			manage(one.name+"_Delete", "DELETE "+item, one.kind+"/delete", (*Cloud).deleteResource),
		)
	}
	return append(all, manage("Namespaces_List", "GET /subscriptions/{subscription}/providers/"+namespaceType, namespaceType+"/read", listKind(namespaceType)))
}

// bus is what waits in a queue or a subscription of a namespace.
type bus struct {
	is      *resource
	waiting []*busMessage
	dead    []*busMessage
}

type busMessage struct {
	id, body  string
	delivered int
	enqueued  time.Time
}

func (b *bus) end(*Cloud) {}

func (c *Cloud) putBus(r *request) (any, error) {
	body, err := c.decode(r, envelope(nil))
	if err != nil {
		return nil, err
	}
	id := r.scope()
	if parent := strings.TrimSuffix(id, id[strings.LastIndex(id[:strings.LastIndex(id, "/")], "/"):]); strings.Count(resourceType(id), "/") > 1 {
		if _, err := c.find(parent); err != nil {
			return nil, err
		}
	}
	known := c.resources[lower(id)]
	if known == nil {
		known = &resource{id: id, name: id[strings.LastIndex(id, "/")+1:], kind: c.canonicalType(resourceType(id)), location: place(text(body, "location"))}
		known.state = &bus{is: known}
		c.resources[lower(id)] = known
	}
	known.properties, _ = body["properties"].(object)
	if known.properties == nil {
		known.properties = object{}
	}
	known.properties["provisioningState"], known.properties["status"] = "Succeeded", "Active"
	if known.kind == namespaceType {
		known.properties["serviceBusEndpoint"] = "https://" + known.name + ".servicebus.windows.net:443/"
	}
	if sku, ok := body["sku"].(object); ok {
		known.sku = sku
	}
	return jsonReply(http.StatusOK, known.wire()), nil
}

// SendBus sends a message to a queue, or to all subscriptions of a topic, as a program does over AMQP, which this cloud does not speak.
// It says how many got it.
func (c *Cloud) SendBus(namespace, entity, body string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, id := range sortedKeys(c.resources) {
		b, ok := c.resources[id].state.(*bus)
		if !ok {
			continue
		}
		queue := strings.HasSuffix(id, lower("/namespaces/"+namespace+"/queues/"+entity))
		if queue || strings.Contains(id, lower("/namespaces/"+namespace+"/topics/"+entity+"/subscriptions/")) {
			b.waiting = append(b.waiting, &busMessage{id: newID(), body: body, enqueued: time.Now()})
			n++
		}
	}
	c.arrived()
	return n
}

// DeadLetters are the bodies of the messages that a queue, or "topic/subscription", gave up.
func (c *Cloud) DeadLetters(namespace, entity string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	if b := c.entity(namespace, entity); b != nil {
		for _, m := range b.dead {
			all = append(all, m.body)
		}
	}
	return all
}

func (c *Cloud) entity(namespace, entity string) *bus {
	below := "/queues/" + entity
	if topic, subscription, ok := strings.Cut(entity, "/"); ok {
		below = "/topics/" + topic + "/subscriptions/" + subscription
	}
	for id, r := range c.resources {
		if b, ok := r.state.(*bus); ok && strings.HasSuffix(id, lower("/namespaces/"+namespace+below)) {
			return b
		}
	}
	return nil
}

// nextBus is the first message of Service Bus that some function waits for and whose app may take it.
func (c *Cloud) nextBus() (*site, functionInfo, *bus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range sortedKeys(c.resources) {
		s, ok := c.resources[id].state.(*site)
		if !ok {
			continue
		}
		for _, f := range s.listed {
			b := f.trigger("serviceBusTrigger")
			if b == nil || s.disabled(f.Name) {
				continue
			}
			entity := text(b, "queueName")
			if entity == "" {
				entity = text(b, "topicName") + "/" + text(b, "subscriptionName")
			}
			connection := text(b, "connection")
			namespace, _, _ := strings.Cut(s.connection(connection, "fullyQualifiedNamespace"), ".")
			from := c.entity(namespace, entity)
			if from == nil || len(from.waiting) == 0 {
				continue
			}
			if !c.permits(c.connectionIdentity(s, connection), "Microsoft.ServiceBus/namespaces/messages/receive/action", from.is.id) {
				c.background.Go(func() { c.later(100 * time.Millisecond) })
				continue
			}
			return s, f, from
		}
	}
	return nil, functionInfo{}, nil
}

// deliverBus hands one message of Service Bus over; after ten tries, or as many as its queue says, it is a dead letter.
func (c *Cloud) deliverBus() bool {
	s, f, from := c.nextBus()
	if s == nil {
		return false
	}
	c.mu.Lock()
	m := from.waiting[0]
	m.delivered++
	most, ok := dig(from.is.properties, "maxDeliveryCount").(float64)
	c.mu.Unlock()
	if !ok {
		most = 10
	}
	err := c.run(c.life, s, f, object{"string": m.body}, map[string]any{
		"MessageId": m.id, "DeliveryCount": m.delivered, "EnqueuedTimeUtc": stamp(m.enqueued.UTC()), "SequenceNumber": 1, "ContentType": "", "ApplicationProperties": object{},
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && float64(m.delivered) < most {
		return true
	}
	from.waiting = from.waiting[1:]
	if err != nil {
		from.dead = append(from.dead, m)
	}
	return true
}

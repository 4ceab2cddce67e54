package azuretest

import (
	"cmp"
	"maps"
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
			manage(one.name+"_Get", "GET "+item, one.kind+"/read", (*Cloud).getBus),
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
	taken   int64 // how many there ever were
}

// BusMessage is a message of Service Bus as it is sent.
type BusMessage struct {
	Body, ContentType string
	Properties        map[string]string
}

type busMessage struct {
	BusMessage
	id        string
	sequence  int64
	delivered int
	enqueued  time.Time
	lock      string // of whoever looks at it as a dead letter
	locked    time.Time
}

// busProperties are those that may be written, by the type of what has them.
//
// Source: azure-rest-api-specs, servicebus/resource-manager/Microsoft.ServiceBus, stable/2024-01-01.
func busProperties(kind string) shape {
	common := []string{
		"autoDeleteOnIdle", "defaultMessageTimeToLive", "status", "lockDuration", "maxDeliveryCount", "requiresSession", "enableBatchedOperations",
		"deadLetteringOnMessageExpiration", "forwardTo", "forwardDeadLetteredMessagesTo", "duplicateDetectionHistoryTimeWindow",
	}
	switch kind {
	case namespaceType:
		return leaves("alternateName", "disableLocalAuth", "encryption", "minimumTlsVersion", "premiumMessagingPartitions", "privateEndpointConnections", "publicNetworkAccess", "zoneRedundant")
	case namespaceType + "/queues":
		return leaves(append(common, "requiresDuplicateDetection", "maxSizeInMegabytes", "maxMessageSizeInKilobytes", "enablePartitioning", "enableExpress")...)
	case namespaceType + "/topics":
		return leaves("autoDeleteOnIdle", "defaultMessageTimeToLive", "status", "duplicateDetectionHistoryTimeWindow", "enableBatchedOperations", "enableExpress", "enablePartitioning",
			"maxMessageSizeInKilobytes", "maxSizeInMegabytes", "requiresDuplicateDetection", "supportOrdering")
	}
	return leaves(append(common, "clientAffineProperties", "isClientAffine", "deadLetteringOnFilterEvaluationExceptions")...)
}

// busLimits refuses what is out of range.
//
// Source: learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas, and message-transfers-locks-settlement.
func (c *Cloud) busLimits(id, kind string, properties object) error {
	name := id[strings.LastIndex(id, "/")+1:]
	below, _ := dig(properties, "maxDeliveryCount").(float64)
	switch {
	case kind == namespaceType+"/topics/subscriptions" && len(name) > 50:
		return refuse(400, "BadRequest", "The specified name '%s' is too long: the length of the name of a subscription cannot exceed 50.", name)
	case strings.HasPrefix(kind, namespaceType+"/topics") && c.resources[lower(id[:strings.Index(lower(id), "/topics/")])].basic():
		return refuse(400, "MessagingGatewayBadRequest", "SubCode=40000. Cannot operate on type Topic because the namespace is using 'Basic' tier.")
	case dig(properties, "maxDeliveryCount") != nil && (below < 1 || below > 2000):
		return refuse(400, "BadRequest", "The value supplied for MaxDeliveryCount is out of range.")
	case text(properties, "lockDuration") != "" && !busLocks()[text(properties, "lockDuration")]:
		return refuse(400, "BadRequest", "The value for the LockDuration property must be between 5 seconds and 5 minutes.")
	}
	return nil
}

// busLocks are the durations of a lock that deployers use.
func busLocks() map[string]bool {
	return map[string]bool{"PT5S": true, "PT30S": true, "PT1M": true, "PT2M": true, "PT3M": true, "PT4M": true, "PT5M": true}
}

func (r *resource) basic() bool { return r != nil && strings.EqualFold(text(r.sku, "name"), "Basic") }

func (b *bus) end(*Cloud) {}

// getBus says of a queue or a subscription how many messages it holds, too.
func (c *Cloud) getBus(r *request) (any, error) {
	is, err := c.find(r.scope())
	if err != nil {
		return nil, err
	}
	b := is.state.(*bus)
	out, properties := is.wire(), maps.Clone(is.properties)
	if b.reads() {
		properties["messageCount"] = len(b.waiting) + len(b.dead)
		properties["countDetails"] = object{"activeMessageCount": len(b.waiting), "deadLetterMessageCount": len(b.dead), "scheduledMessageCount": 0, "transferMessageCount": 0, "transferDeadLetterMessageCount": 0}
	}
	out["properties"] = properties
	return out, nil
}

// reads says whether messages are read from it: a topic only hands them on.
func (b *bus) reads() bool {
	return strings.HasSuffix(b.is.kind, "/queues") || strings.HasSuffix(b.is.kind, "/subscriptions")
}

func (c *Cloud) putBus(r *request) (any, error) {
	id := r.scope()
	kind := c.canonicalType(resourceType(id))
	body, err := c.decode(r, envelope(busProperties(kind)))
	if err != nil {
		return nil, err
	}
	if parent := strings.TrimSuffix(id, id[strings.LastIndex(id[:strings.LastIndex(id, "/")], "/"):]); strings.Count(resourceType(id), "/") > 1 {
		if _, err := c.find(parent); err != nil {
			return nil, err
		}
	}
	given, _ := body["properties"].(object)
	if err := c.busLimits(id, kind, given); err != nil {
		return nil, err
	}
	known := c.resources[lower(id)]
	if known == nil {
		known = &resource{id: id, name: id[strings.LastIndex(id, "/")+1:], kind: kind, location: place(text(body, "location"))}
		known.state = &bus{is: known}
		c.resources[lower(id)] = known
	}
	known.properties = given
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
func (c *Cloud) SendBus(namespace, entity string, m BusMessage) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.enqueueBus(namespace, entity, m, "")
}

func (c *Cloud) enqueueBus(namespace, entity string, m BusMessage, as string) int {
	n := 0
	for _, id := range sortedKeys(c.resources) {
		b, ok := c.resources[id].state.(*bus)
		if !ok {
			continue
		}
		queue := strings.HasSuffix(id, lower("/namespaces/"+namespace+"/queues/"+entity))
		if queue || strings.Contains(id, lower("/namespaces/"+namespace+"/topics/"+entity+"/subscriptions/")) {
			b.taken++
			b.waiting = append(b.waiting, &busMessage{BusMessage: m, id: cmp.Or(as, newID()), sequence: b.taken, enqueued: time.Now()})
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
			all = append(all, m.Body)
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
	for s, f := range c.triggered("serviceBusTrigger") {
		b := f.trigger("serviceBusTrigger")
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
	properties := object{}
	for name, value := range m.Properties {
		properties[name] = value
	}
	err := c.run(c.life, s, f, delivered(f.trigger("serviceBusTrigger"), m.Body), map[string]any{
		"MessageId": m.id, "DeliveryCount": m.delivered, "EnqueuedTimeUtc": stamp(m.enqueued.UTC()), "SequenceNumber": m.sequence, "ContentType": m.ContentType, "ApplicationProperties": properties,
		"UserProperties": properties, // as its name was once, by which Azure's library for Python knows a message
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

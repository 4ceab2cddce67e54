package azuretest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// busSurface is the data plane of namespaces over HTTP: what is sent, and the dead letters, which are looked at one by one under a
// lock. Messages that are not dead are read over AMQP only, which this cloud does not speak.
//
// Source: learn.microsoft.com/rest/api/servicebus: send-message-to-queue, peek-lock-message-non-destructive-read, delete-message,
// unlock-message, message-headers-and-properties.
func busSurface() *surface {
	s := &surface{
		name: "bus", word: wordBus, audiences: []string{"https://servicebus.azure.net"},
		host: func(_ *Cloud, host string) (string, bool) { return strings.CutSuffix(host, ".servicebus.windows.net") },
		ops:  []*operation{{name: "Messages_Send", route: "POST /{queue}/messages", action: "data:Microsoft.ServiceBus/namespaces/messages/send/action", run: (*Cloud).sendBus}},
	}
	const receive = "data:Microsoft.ServiceBus/namespaces/messages/receive/action"
	for _, below := range []string{"/{queue}/$DeadLetterQueue", "/{name}/subscriptions/{queue}/$DeadLetterQueue"} {
		s.ops = append(s.ops,
			&operation{name: "DeadLetters_PeekLock", route: "POST " + below + "/messages/head", action: receive, run: (*Cloud).peekDead},
			&operation{name: "DeadLetters_Delete", route: "DELETE " + below + "/messages/{setting}/{lock}", action: receive, run: (*Cloud).deleteDead},
			&operation{name: "DeadLetters_Unlock", route: "PUT " + below + "/messages/{setting}/{lock}", action: receive, run: (*Cloud).unlockDead},
		)
	}
	return s
}

// wordBus is how Service Bus words a refusal.
func wordBus(f *failure, r *request) standin.Reply {
	return standin.Reply{
		Status: f.status, Header: http.Header{"Content-Type": {"application/xml; charset=utf-8"}},
		Body: []byte("<Error><Code>" + itoa(int64(f.status)) + "</Code><Detail>" + escape(f.message) + " TrackingId:" + r.id + "</Detail></Error>"),
	}
}

// namespace is the one of a request, whose caller may do what it asks for on something in it.
func (c *Cloud) namespace(r *request, below, claim string) (*resource, error) {
	var in *resource
	for _, is := range c.resources {
		if is.kind == namespaceType && strings.EqualFold(is.name, r.place) {
			in = is
		}
	}
	if in == nil {
		panic(http.ErrAbortHandler) // a name that is of no namespace does not resolve
	}
	if r.caller == nil {
		return nil, refuse(401, "401", "MissingToken: The authorization header was not found.")
	}
	if !c.permits(r.caller, strings.TrimPrefix(r.op.action, "data:"), in.id+below) {
		return nil, refuse(401, "401", "Unauthorized access. '%s' claim(s) are required to perform this operation. Resource: 'sb://%s%s'.", claim, r.http.Host, r.http.URL.Path)
	}
	return in, nil
}

// sendBus takes a message for a queue or a topic. Its properties are headers whose text is in quotes.
func (c *Cloud) sendBus(r *request) (any, error) {
	kind := "/topics/"
	for id := range c.resources {
		if strings.HasSuffix(id, lower("/namespaces/"+r.place+"/queues/"+r.vars["queue"])) {
			kind = "/queues/"
		}
	}
	in, err := c.namespace(r, kind+r.vars["queue"], "Send")
	if err != nil {
		return nil, err
	}
	if c.resources[lower(in.id+kind+r.vars["queue"])] == nil {
		return nil, refuse(404, "404", "The messaging entity 'sb://%s/%s' could not be found.", r.http.Host, r.vars["queue"])
	}
	m := BusMessage{Body: string(r.body), ContentType: r.http.Header.Get("Content-Type"), Properties: map[string]string{}}
	var broker struct{ MessageId, SessionId string }
	if given := r.http.Header.Get("BrokerProperties"); given != "" && json.Unmarshal([]byte(given), &broker) != nil {
		return nil, refuse(400, "400", "The BrokerProperties header is malformed.")
	}
	for name, values := range r.http.Header {
		var value string
		if json.Unmarshal([]byte(values[0]), &value) == nil && strings.HasPrefix(values[0], `"`) {
			m.Properties[lower(name)] = value // the name was in lower case, which Go's server does not say any more
		}
	}
	c.enqueueBus(r.place, r.vars["queue"], m, broker.MessageId)
	return standin.Reply{Status: http.StatusCreated, Header: http.Header{}}, nil
}

// deadOf is what a request asks for the dead letters of.
func (c *Cloud) deadOf(r *request) (*bus, error) {
	name, below := r.vars["queue"], "/queues/"+r.vars["queue"]
	if topic := r.vars["name"]; topic != "" {
		name, below = topic+"/"+name, "/topics/"+topic+"/subscriptions/"+name
	}
	if _, err := c.namespace(r, below, "Listen"); err != nil {
		return nil, err
	}
	if b := c.entity(r.place, name); b != nil {
		return b, nil
	}
	return nil, refuse(404, "404", "The messaging entity 'sb://%s/%s' could not be found.", r.http.Host, name)
}

// peekDead gives the first dead letter that nobody has locked.
func (c *Cloud) peekDead(r *request) (any, error) {
	from, err := c.deadOf(r)
	if err != nil {
		return nil, err
	}
	for _, m := range from.dead {
		if time.Now().Before(m.locked) {
			continue
		}
		m.lock, m.locked = newID(), time.Now().Add(time.Minute)
		broker, err := json.Marshal(object{
			"MessageId": m.id, "SequenceNumber": m.sequence, "DeliveryCount": m.delivered, "LockToken": m.lock, "LockedUntilUtc": httpTime(m.locked.UTC()), "EnqueuedTimeUtc": httpTime(m.enqueued.UTC()), "State": "Active",
		})
		if err != nil {
			return nil, err
		}
		h := http.Header{
			"Brokerproperties": {string(broker)}, "Location": {"https://" + r.http.Host + strings.TrimSuffix(r.http.URL.Path, "head") + itoa(m.sequence) + "/" + m.lock},
			"Deadletterreason": {`"MaxDeliveryCountExceeded"`}, "Deadlettererrordescription": {`"Message could not be consumed after ` + itoa(int64(m.delivered)) + ` delivery attempts."`},
		}
		if m.ContentType != "" {
			h.Set("Content-Type", m.ContentType)
		}
		for name, value := range m.Properties {
			quoted, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			h.Set(name, string(quoted))
		}
		return standin.Reply{Status: http.StatusCreated, Header: h, Body: []byte(m.Body)}, nil
	}
	return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
}

// lockedDead is the place of a dead letter whose lock a request shows.
func (c *Cloud) lockedDead(r *request) (*bus, int, error) {
	from, err := c.deadOf(r)
	if err != nil {
		return nil, 0, err
	}
	for i, m := range from.dead {
		if m.lock == r.vars["lock"] && itoa(m.sequence) == r.vars["setting"] && time.Now().Before(m.locked) {
			return from, i, nil
		}
	}
	return nil, 0, refuse(404, "404", "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.")
}

func (c *Cloud) deleteDead(r *request) (any, error) {
	from, i, err := c.lockedDead(r)
	if err != nil {
		return nil, err
	}
	from.dead = append(from.dead[:i:i], from.dead[i+1:]...)
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

func (c *Cloud) unlockDead(r *request) (any, error) {
	from, i, err := c.lockedDead(r)
	if err != nil {
		return nil, err
	}
	from.dead[i].locked = time.Time{}
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

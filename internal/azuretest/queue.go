package azuretest

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// queue is a queue of a storage account.
type queue struct {
	name     string
	messages []*message
}

type message struct {
	id, text string
	receipt  string
	inserted time.Time
	expires  time.Time
	visible  time.Time
	dequeued int
}

func (a *account) queueID(name string) string {
	return a.is.id + "/queueServices/default/queues/" + name
}

const queueData = "data:Microsoft.Storage/storageAccounts/queueServices/queues/messages/"

// queueOperations are those of the data plane of queues.
//
// Source: azure-rest-api-specs, storage/data-plane/Microsoft.QueueStorage, queue.json; learn.microsoft.com/rest/api/storageservices/queue-service-rest-api.
func queueOperations() []*operation {
	const queues = "Microsoft.Storage/storageAccounts/queueServices/queues/"
	return []*operation{
		data("Service_ListQueuesSegment", "GET /?comp=list", queues+"read", (*Cloud).listQueues),
		data("Queue_Create", "PUT /{queue}?comp=", queues+"write", (*Cloud).createQueue),
		data("Queue_Delete", "DELETE /{queue}", queues+"delete", (*Cloud).removeQueue),
		data("Queue_GetProperties", "GET /{queue}?comp=metadata", queues+"read", (*Cloud).queueProperties),
		data("Messages_Enqueue", "POST /{queue}/messages", queueData+"write", (*Cloud).enqueue),
		data("Messages_Dequeue", "GET /{queue}/messages?peekonly=", queueData+"process/action", (*Cloud).dequeue),
		data("Messages_Peek", "GET /{queue}/messages?peekonly=true", queueData+"read", (*Cloud).dequeue),
		data("Messages_Clear", "DELETE /{queue}/messages", queueData+"delete", (*Cloud).clearQueue),
		data("MessageId_Delete", "DELETE /{queue}/messages/{name}", queueData+"delete", (*Cloud).deleteMessage),
	}
}

func (c *Cloud) putQueue(r *request) (any, error) {
	a, err := c.accountOf(r)
	if err != nil {
		return nil, err
	}
	if _, err := c.decode(r, leaves("id", "name", "type").with("properties", leaves("metadata"))); err != nil {
		return nil, err
	}
	if !containerName(r.vars["queue"]) {
		return nil, refuse(400, "InvalidResourceName", "The specified resource name contains invalid characters.")
	}
	if a.queues[r.vars["queue"]] == nil {
		c.newQueue(a, r.vars["queue"])
	}
	return c.resources[lower(a.queueID(r.vars["queue"]))].wire(), nil
}

func (c *Cloud) newQueue(a *account, name string) {
	a.queues[name] = &queue{name: name}
	id := a.queueID(name)
	c.resources[lower(id)] = &resource{id: id, name: name, kind: queueType, properties: object{"metadata": object{}}}
}

func (c *Cloud) deleteQueueResource(r *request) (any, error) {
	a, err := c.accountOf(r)
	if err != nil {
		return nil, err
	}
	delete(a.queues, r.vars["queue"])
	delete(c.resources, lower(a.queueID(r.vars["queue"])))
	return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
}

func (c *Cloud) createQueue(a *account, r *request) (any, error) {
	name := r.vars["queue"]
	if !containerName(name) {
		return nil, refuse(400, "InvalidResourceName", "The specified resource name contains invalid characters.")
	}
	if a.queues[name] != nil {
		return storageReply(r, http.StatusNoContent, nil, nil), nil
	}
	c.newQueue(a, name)
	return storageReply(r, http.StatusCreated, nil, nil), nil
}

func (a *account) queue(r *request) (*queue, error) {
	if q := a.queues[r.vars["queue"]]; q != nil {
		return q, nil
	}
	return nil, refuse(404, "QueueNotFound", "The specified queue does not exist.")
}

func (c *Cloud) removeQueue(a *account, r *request) (any, error) {
	q, err := a.queue(r)
	if err != nil {
		return nil, err
	}
	delete(a.queues, q.name)
	delete(c.resources, lower(a.queueID(q.name)))
	return storageReply(r, http.StatusNoContent, nil, nil), nil
}

func (c *Cloud) queueProperties(a *account, r *request) (any, error) {
	q, err := a.queue(r)
	if err != nil {
		return nil, err
	}
	return storageReply(r, http.StatusOK, http.Header{"X-Ms-Approximate-Messages-Count": {strconv.Itoa(len(q.messages))}}, nil), nil
}

type listedMessage struct {
	XMLName  xml.Name `xml:"QueueMessage"`
	ID       string   `xml:"MessageId"`
	Inserted string   `xml:"InsertionTime"`
	Expires  string   `xml:"ExpirationTime"`
	Receipt  string   `xml:"PopReceipt,omitempty"`
	Visible  string   `xml:"TimeNextVisible,omitempty"`
	Dequeued int      `xml:"DequeueCount"`
	Text     string   `xml:"MessageText,omitempty"`
}

type messageList struct {
	XMLName  xml.Name `xml:"QueueMessagesList"`
	Messages []listedMessage
}

func (m *message) listed() listedMessage {
	return listedMessage{
		ID: m.id, Inserted: httpTime(m.inserted), Expires: httpTime(m.expires), Receipt: m.receipt, Visible: httpTime(m.visible), Dequeued: m.dequeued, Text: m.text,
	}
}

func (c *Cloud) enqueue(a *account, r *request) (any, error) {
	q, err := a.queue(r)
	if err != nil {
		return nil, err
	}
	var given struct {
		Text string `xml:"MessageText"`
	}
	if err := xml.Unmarshal(r.body, &given); err != nil {
		return nil, refuse(400, "InvalidXmlDocument", "XML specified is not syntactically valid.")
	}
	if len(given.Text) > 64<<10 {
		return nil, refuse(413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.")
	}
	m := q.add(given.Text)
	listed := m.listed()
	listed.Text = ""
	out := xmlReply(r, messageList{Messages: []listedMessage{listed}}).(standin.Reply)
	out.Status = http.StatusCreated
	c.arrived()
	return out, nil
}

// add puts a message at the end of a queue.
func (q *queue) add(text string) *message {
	at := time.Now()
	m := &message{id: newID(), text: text, receipt: newID(), inserted: at, visible: at, expires: at.Add(7 * 24 * time.Hour)}
	q.messages = append(q.messages, m)
	return m
}

// take gives the messages that are to be seen, and hides them for a while.
func (q *queue) take(most int, hidden time.Duration) []*message {
	var taken []*message
	at := time.Now()
	for _, m := range q.messages {
		if len(taken) < most && !m.visible.After(at) {
			m.dequeued++
			m.receipt, m.visible = newID(), at.Add(hidden)
			taken = append(taken, m)
		}
	}
	return taken
}

func (q *queue) drop(id string) {
	for i, m := range q.messages {
		if m.id == id {
			q.messages = append(q.messages[:i:i], q.messages[i+1:]...)
			return
		}
	}
}

func (c *Cloud) dequeue(a *account, r *request) (any, error) {
	q, err := a.queue(r)
	if err != nil {
		return nil, err
	}
	most := 1
	if given := r.query.Get("numofmessages"); given != "" {
		if most, err = strconv.Atoi(given); err != nil || most < 1 || most > 32 {
			return nil, refuse(400, "OutOfRangeQueryParameterValue", "One of the query parameters specified in the request URI is outside the permissible range.")
		}
	}
	list := messageList{Messages: []listedMessage{}}
	if r.query.Get("peekonly") != "" {
		for _, m := range q.messages[:min(most, len(q.messages))] {
			one := m.listed()
			one.Receipt, one.Visible = "", ""
			list.Messages = append(list.Messages, one)
		}
		return xmlReply(r, list), nil
	}
	hidden := 30
	if given := r.query.Get("visibilitytimeout"); given != "" {
		if hidden, err = strconv.Atoi(given); err != nil || hidden < 1 {
			return nil, refuse(400, "OutOfRangeQueryParameterValue", "One of the query parameters specified in the request URI is outside the permissible range.")
		}
	}
	for _, m := range q.take(most, time.Duration(hidden)*time.Second) {
		list.Messages = append(list.Messages, m.listed())
	}
	return xmlReply(r, list), nil
}

func (c *Cloud) clearQueue(a *account, r *request) (any, error) {
	q, err := a.queue(r)
	if err != nil {
		return nil, err
	}
	q.messages = nil
	return storageReply(r, http.StatusNoContent, nil, nil), nil
}

func (c *Cloud) deleteMessage(a *account, r *request) (any, error) {
	q, err := a.queue(r)
	if err != nil {
		return nil, err
	}
	for _, m := range q.messages {
		if m.id != r.vars["name"] {
			continue
		}
		if m.receipt != r.query.Get("popreceipt") {
			return nil, refuse(400, "PopReceiptMismatch", "The specified pop receipt did not match the pop receipt for a dequeued message.")
		}
		q.drop(m.id)
		return storageReply(r, http.StatusNoContent, nil, nil), nil
	}
	return nil, refuse(404, "MessageNotFound", "The specified message does not exist.")
}

type queueList struct {
	XMLName    xml.Name `xml:"EnumerationResults"`
	Endpoint   string   `xml:"ServiceEndpoint,attr"`
	Queues     struct{ Queue []struct{ Name string } }
	NextMarker string
}

func (c *Cloud) listQueues(a *account, r *request) (any, error) {
	list := queueList{Endpoint: "https://" + r.http.Host + "/"}
	for _, name := range sortedKeys(a.queues) {
		if strings.HasPrefix(name, r.query.Get("prefix")) {
			list.Queues.Queue = append(list.Queues.Queue, struct{ Name string }{name})
		}
	}
	return xmlReply(r, list), nil
}

package azuretest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

const subscriptionType = "Microsoft.EventGrid/eventSubscriptions"

func eventKinds() []*kind {
	versions := []string{"2020-06-01", "2021-12-01", "2022-06-15", "2025-02-15"}
	return []*kind{
		{name: subscriptionType, versions: versions},
		{name: topicType, versions: versions},
		{name: "Microsoft.EventGrid/systemTopics", versions: versions},
		{name: "Microsoft.EventGrid/systemTopics/eventSubscriptions", versions: versions},
	}
}

// eventOperations are those of Microsoft.EventGrid.
//
// Source: azure-rest-api-specs, eventgrid/resource-manager/Microsoft.EventGrid, stable/2022-06-15, EventGrid.json.
func eventOperations() []*operation {
	const at = "/{scope}/providers/" + subscriptionType
	const topics = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.EventGrid/systemTopics"
	const topic = "Microsoft.EventGrid/systemTopics"
	return append(topicOperations(),
		manage("EventSubscriptions_ListByResource", "GET "+at, subscriptionType+"/read", (*Cloud).listSubscribers),
		manage("EventSubscriptions_Get", "GET "+at+"/{name}", subscriptionType+"/read", (*Cloud).getSubscriber),
		manage("EventSubscriptions_CreateOrUpdate", "PUT "+at+"/{name}", subscriptionType+"/write", (*Cloud).putSubscriber),
		manage("EventSubscriptions_Delete", "DELETE "+at+"/{name}", subscriptionType+"/delete", (*Cloud).deleteSubscriber),
		manage("SystemTopics_ListByResourceGroup", "GET "+topics, topic+"/read", listKind(topic)),
		manage("SystemTopics_Get", "GET "+topics+"/{name}", topic+"/read", (*Cloud).getResource),
		manage("SystemTopics_CreateOrUpdate", "PUT "+topics+"/{name}", topic+"/write", (*Cloud).putSystemTopic),
		manage("SystemTopics_Delete", "DELETE "+topics+"/{name}", topic+"/delete", (*Cloud).deleteResource),
		manage("SystemTopicEventSubscriptions_ListBySystemTopic", "GET "+topics+"/{name}/eventSubscriptions", topic+"/eventSubscriptions/read", (*Cloud).listSubscribers),
		manage("SystemTopicEventSubscriptions_Get", "GET "+topics+"/{name}/eventSubscriptions/{setting}", topic+"/eventSubscriptions/read", (*Cloud).getSubscriber),
		manage("SystemTopicEventSubscriptions_CreateOrUpdate", "PUT "+topics+"/{name}/eventSubscriptions/{setting}", topic+"/eventSubscriptions/write", (*Cloud).putSubscriber),
		manage("SystemTopicEventSubscriptions_Delete", "DELETE "+topics+"/{name}/eventSubscriptions/{setting}", topic+"/eventSubscriptions/delete", (*Cloud).deleteSubscriber),
	)
}

// subscriber is who wants the events of a source.
type subscriber struct {
	source string // the ID of the account, or of the topic
}

func (s *subscriber) end(*Cloud) {}

func (c *Cloud) putSystemTopic(r *request) (any, error) {
	body, err := c.decode(r, envelope(leaves("source", "topicType", "provisioningState", "metricResourceId")))
	if err != nil {
		return nil, err
	}
	source := text(body, "properties", "source")
	if _, err := c.find(source); err != nil {
		return nil, err
	}
	is, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	is.properties = object{"source": source, "topicType": text(body, "properties", "topicType"), "provisioningState": "Succeeded", "metricResourceId": newID()}
	c.resources[lower(is.id)] = is
	if fresh {
		return jsonReply(http.StatusCreated, is.wire()), nil
	}
	return is.wire(), nil
}

func subscriberID(r *request) string { return "/" + strings.Trim(r.http.URL.Path, "/") }

func (c *Cloud) listSubscribers(r *request) (any, error) {
	prefix := lower(subscriberID(r)) + "/"
	all := []object{}
	for _, id := range sortedKeys(c.resources) {
		if strings.HasPrefix(id, prefix) {
			all = append(all, c.resources[id].wire())
		}
	}
	return object{"value": all}, nil
}

func (c *Cloud) getSubscriber(r *request) (any, error) {
	is := c.resources[lower(subscriberID(r))]
	if is == nil {
		return nil, refuse(404, "ResourceNotFound", "The Resource '%s' was not found.", subscriberID(r))
	}
	return is.wire(), nil
}

func (c *Cloud) deleteSubscriber(r *request) (any, error) {
	is := c.resources[lower(subscriberID(r))]
	if is == nil {
		return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	c.forget(is)
	return c.accepted(r, "Microsoft.EventGrid", nil), nil
}

// putSubscriber asks a webhook whether it wants the events, and a function whether it is there, after it has answered: who did not
// want them has a subscription that failed, and only where the operation is asked for is said why.
//
// Sources: learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema; for the form of a refusal
// hashicorp/terraform-provider-azurerm's reports of "polling after CreateOrUpdate" and Azure/bicep#11656.
func (c *Cloud) putSubscriber(r *request) (any, error) {
	filter := leaves("subjectBeginsWith", "subjectEndsWith", "includedEventTypes", "isSubjectCaseSensitive", "enableAdvancedFilteringOnArrays", "advancedFilters")
	body, err := c.decode(r, leaves("id", "name", "type").with("properties", leaves("labels", "expirationTimeUtc", "eventDeliverySchema", "retryPolicy", "deadLetterDestination",
		"deliveryWithResourceIdentity", "deadLetterWithResourceIdentity", "topic", "provisioningState").with("filter", filter).with("destination", leaves("endpointType", "properties"))))
	if err != nil {
		return nil, err
	}
	source := "/" + r.vars["scope"]
	if r.vars["scope"] == "" {
		topic := c.resources[lower(subscriberID(r)[:strings.LastIndex(lower(subscriberID(r)), "/eventsubscriptions/")])]
		if topic == nil {
			return nil, refuse(404, "ResourceNotFound", "The system topic was not found.")
		}
		source = text(topic.properties, "source")
	}
	if _, err := c.find(source); err != nil {
		return nil, err
	}
	given, _ := body["properties"].(object)
	refused, err := c.validate(given)
	if err != nil {
		return nil, err
	}
	given["topic"], given["provisioningState"] = source, "Succeeded"
	if refused != nil {
		given["provisioningState"] = "Failed"
	}
	id := subscriberID(r)
	is := &resource{id: id, name: id[strings.LastIndex(id, "/")+1:], kind: subscriptionType, properties: given, state: &subscriber{source: source}}
	c.resources[lower(id)] = is
	created := is.wire()
	shown := maps.Clone(given)
	shown["provisioningState"] = "Creating"
	created["properties"] = shown
	return c.begun(r, "Microsoft.EventGrid", jsonReply(http.StatusCreated, created), refused), nil
}

// validate says who does not want the events, which is known later, or what was asked for in a wrong way.
func (c *Cloud) validate(given object) (refused *failure, err error) {
	switch kind := text(given, "destination", "endpointType"); kind {
	case "WebHook":
		address := text(given, "destination", "properties", "endpointUrl")
		code := newID()
		event := c.gridEvent("Microsoft.EventGrid.SubscriptionValidationEvent", "", "", object{"validationCode": code, "validationUrl": ""})
		var status int
		var said []byte
		c.outside(func() { status, said = c.post(address, "SubscriptionValidation", event) })
		var answer struct{ ValidationResponse string }
		if status != http.StatusOK || json.Unmarshal(said, &answer) != nil || answer.ValidationResponse != code {
			shown, _, _ := strings.Cut(address, "?")
			return &failure{code: "Url validation", message: fmt.Sprintf("Webhook validation handshake failed for %s. Http POST request failed with response code %d. For troubleshooting, visit https://aka.ms/esvalidation.", shown, status)}, nil
		}
		given["destination"] = object{"endpointType": "WebHook", "properties": object{"endpointBaseUrl": strings.SplitN(address, "?", 2)[0], "endpointUrl": address, "maxEventsPerBatch": 1}}
	case "AzureFunction":
		id := text(given, "destination", "properties", "resourceId")
		app, name, _ := strings.Cut(id, "/functions/")
		is := c.resources[lower(app)]
		var there *functionInfo
		if is != nil {
			for _, f := range is.state.(*site).listed {
				if strings.EqualFold(f.Name, name) {
					there = &f
				}
			}
		}
		late, cold := false, false
		c.set(func(k *control) {
			if late = k.gridLag > 0; late {
				k.gridLag--
			} else if cold = k.gridCold > 0; cold {
				k.gridCold--
			}
		})
		switch {
		case cold && there != nil:
			return &failure{code: "Url validation", message: "Webhook validation handshake failed for https://" + is.state.(*site).host +
				"/runtime/webhooks/EventGrid. Http POST request failed with response code Unknown. For troubleshooting, visit https://aka.ms/esvalidation."}, nil
		case there == nil || late:
			return &failure{code: "Endpoint validation", message: "Destination endpoint not found. Resource details: resourceId: " + id + ". Resource should pre-exist before attempting this operation."}, nil
		case there.trigger("eventGridTrigger") == nil:
			return &failure{code: "Unsupported Azure Function Trigger", message: "Can't add resource; Azure Event Grid supports EventGrid Trigger type only."}, nil
		}
	default:
		return nil, refuse(400, "InvalidRequest", "Destination endpoint type '%s' is not supported here.", kind)
	}
	return nil, nil
}

// outside does what calls this cloud, and so must not hold its lock.
func (c *Cloud) outside(do func()) {
	c.mu.Unlock()
	defer c.mu.Lock()
	do()
}

func (c *Cloud) gridEvent(kind, topic, subject string, data object) object {
	return object{"id": newID(), "topic": topic, "subject": subject, "eventType": kind, "eventTime": stamp(now()), "data": data, "dataVersion": "1", "metadataVersion": "1"}
}

func (c *Cloud) post(address, kind string, event object) (int, []byte) {
	data, err := json.Marshal([]object{event})
	if err != nil {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(c.life, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(data))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Aeg-Event-Type", kind)
	res, err := c.Client().Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = res.Body.Close() }()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, said
}

// written tells who wants to know that a blob was written.
func (c *Cloud) written(a *account, in, name string, b *blob) {
	c.raise(a, "Microsoft.Storage.BlobCreated", in, name, object{
		"api": "PutBlob", "clientRequestId": newID(), "requestId": newID(), "eTag": strings.Trim(b.etag, `"`), "contentType": b.header.Get("Content-Type"), "contentLength": len(b.data), "blobType": "BlockBlob",
	})
}

// removed tells who wants to know that a blob was removed.
func (c *Cloud) removed(a *account, in, name string) {
	c.raise(a, "Microsoft.Storage.BlobDeleted", in, name, object{"api": "DeleteBlob", "clientRequestId": newID(), "requestId": newID(), "blobType": "BlockBlob"})
}

func (c *Cloud) raise(a *account, kind, in, name string, data object) {
	subject := "/blobServices/default/containers/" + in + "/blobs/" + name
	data["url"] = text(a.is.properties, "primaryEndpoints", "blob") + in + "/" + name
	c.tell(a.is.id, c.gridEvent(kind, a.is.id, subject, data))
}

// tell pushes an event of a source to all who want it.
func (c *Cloud) tell(source string, event object) {
	for _, id := range sortedKeys(c.resources) {
		is := c.resources[id]
		sub, ok := is.state.(*subscriber)
		if ok && strings.EqualFold(sub.source, source) && text(is.properties, "provisioningState") == "Succeeded" && wants(is.properties, text(event, "eventType"), text(event, "subject")) {
			c.background.Go(func() { c.push(is, event) })
		}
	}
}

func wants(properties object, kind, subject string) bool {
	kinds, _ := dig(properties, "filter", "includedEventTypes").([]any)
	known := len(kinds) == 0 || slices.ContainsFunc(kinds, func(k any) bool { return k == kind })
	return known && strings.HasPrefix(lower(subject), lower(text(properties, "filter", "subjectBeginsWith"))) && strings.HasSuffix(lower(subject), lower(text(properties, "filter", "subjectEndsWith")))
}

// push delivers an event until it is taken, as often as its subscription says: 30 times, in the field over a day.
func (c *Cloud) push(to *resource, event object) {
	most, ok := dig(to.properties, "retryPolicy", "maxDeliveryAttempts").(float64)
	if !ok {
		most = 30
	}
	for n := 1.0; n <= most && c.life.Err() == nil; n++ {
		if c.pushed(to, event) {
			return
		}
		select {
		case <-c.life.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (c *Cloud) pushed(to *resource, event object) bool {
	if address := text(to.properties, "destination", "properties", "endpointUrl"); address != "" {
		status, _ := c.post(address, "Notification", event)
		return status >= 200 && status < 300
	}
	app, name, _ := strings.Cut(text(to.properties, "destination", "properties", "resourceId"), "/functions/")
	c.mu.Lock()
	is := c.resources[lower(app)]
	c.mu.Unlock()
	if is == nil {
		return false
	}
	data, err := json.Marshal(event)
	if err != nil {
		return false
	}
	s := is.state.(*site)
	f, ok := c.firing(s, name)
	return ok && c.run(c.life, s, f, object{"json": string(data)}, nil) == nil
}

// firing is a function whose trigger is known and not disabled.
func (c *Cloud) firing(s *site, name string) (functionInfo, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range s.listed {
		if strings.EqualFold(f.Name, name) && !s.disabled(f.Name) {
			return f, true
		}
	}
	return functionInfo{}, false
}

// blobWebhook takes the events of blobs for the blob triggers of an app.
//
// Source: learn.microsoft.com/azure/azure-functions/functions-event-grid-blob-trigger.
func (c *Cloud) blobWebhook(w http.ResponseWriter, r *http.Request, s *site) {
	c.mu.Lock()
	key := s.systemKeys["blobs_extension"]
	c.mu.Unlock()
	if key == "" || r.URL.Query().Get("code") != key {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var events []object
	if err := json.NewDecoder(r.Body).Decode(&events); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	name := strings.TrimPrefix(r.URL.Query().Get("functionName"), "Host.Functions.")
	for _, event := range events {
		if text(event, "eventType") == "Microsoft.EventGrid.SubscriptionValidationEvent" {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(object{"validationResponse": text(event, "data", "validationCode")})
			return
		}
		c.background.Go(func() { c.blobEvent(s, name, event) })
	}
	w.WriteHeader(http.StatusAccepted)
}

// blobEvent runs a blob trigger, five times at most; then the event lies in a queue for the poisoned.
func (c *Cloud) blobEvent(s *site, name string, event object) {
	_, path, _ := strings.Cut(text(event, "subject"), "/containers/")
	in, blobName, _ := strings.Cut(path, "/blobs/")
	for n := 0; n < 5 && c.life.Err() == nil; n++ {
		f, ok := c.firing(s, name)
		if !ok {
			return
		}
		content, ok := c.content(text(event, "data", "url"), in, blobName)
		if !ok {
			return // it has been removed since
		}
		metadata := map[string]any{"BlobTrigger": in + "/" + blobName, "Uri": text(event, "data", "url"), "Name": blobName}
		if c.run(c.life, s, f, object{"bytes": base64.StdEncoding.EncodeToString(content)}, metadata) == nil {
			return
		}
	}
	data, err := json.Marshal(object{"Type": "BlobTrigger", "FunctionId": "Host.Functions." + name, "ContainerName": in, "BlobName": blobName})
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.hostAccount(s, "AzureWebJobsStorage"); a != nil {
		c.poison(a, "webjobs-blobtrigger-poison", base64.StdEncoding.EncodeToString(data))
	}
}

func (c *Cloud) content(url, in, name string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "https://"), ".")
	a := c.account(host)
	if a == nil || a.containers[in] == nil {
		return nil, false
	}
	b, err := a.containers[in].find(name)
	if err != nil {
		return nil, false
	}
	return b.data, true
}

func (c *Cloud) poison(a *account, queue, text string) {
	if a.queues[queue] == nil {
		c.newQueue(a, queue)
	}
	a.queues[queue].add(text)
}

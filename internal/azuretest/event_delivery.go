package azuretest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

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

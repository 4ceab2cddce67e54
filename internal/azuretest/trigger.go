package azuretest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// bindTriggers makes what the host makes when it learns of triggers: the key for the events of blobs.
func (c *Cloud) bindTriggers(s *site) {
	for _, f := range s.listed {
		if b := f.trigger("blobTrigger"); b != nil && s.systemKeys["blobs_extension"] == "" {
			s.systemKeys["blobs_extension"] = newHostKey()
		}
	}
	c.arrived()
}

// arrived tells that there may be messages for triggers.
func (c *Cloud) arrived() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// deliver hands the messages of queues to the functions that wait for them, until the cloud ends.
func (c *Cloud) deliver() {
	for {
		select {
		case <-c.life.Done():
			return
		case <-c.wake:
		}
		for c.life.Err() == nil && (c.deliverOne() || c.deliverBus()) {
		}
	}
}

// waiting is a message and the function that gets it.
type waiting struct {
	site     *site
	function functionInfo
	account  *account
	queue    *queue
	message  *message
}

// deliverOne hands one message over, and says whether there was one. Triggers of an app that is stopped go on
// (Azure/azure-functions-durable-extension#2860); those of a function that a setting disables do not.
func (c *Cloud) deliverOne() bool {
	next := c.next()
	if next == nil {
		return false
	}
	m, raw := next.message, next.message.text
	host := readHost(next.site.code)
	if host.Extensions.Queues.Encoding != "none" {
		if decoded, err := base64.StdEncoding.DecodeString(raw); err == nil {
			raw = string(decoded)
		}
	}
	err := c.run(c.life, next.site, next.function, delivered(next.function.trigger("queueTrigger"), raw), map[string]any{
		"Id": m.id, "DequeueCount": m.dequeued, "InsertionTime": m.inserted.UTC().Format(time.RFC3339), "ExpirationTime": m.expires.UTC().Format(time.RFC3339),
		"NextVisibleTime": m.visible.UTC().Format(time.RFC3339), "PopReceipt": m.receipt, "QueueTrigger": raw,
	})
	most := host.Extensions.Queues.MaxDequeueCount
	if most == 0 {
		most = 5
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		next.queue.drop(m.id)
	case m.dequeued >= most:
		next.queue.drop(m.id)
		c.poison(next.account, next.queue.name+"-poison", m.text)
	default:
		m.visible = time.Now()
	}
	return true
}

// delivered is a message as the host hands it over: as text, unless the binding asks for bytes.
func delivered(b object, raw string) object {
	if strings.EqualFold(text(b, "dataType"), "binary") {
		return object{"bytes": base64.StdEncoding.EncodeToString([]byte(raw))}
	}
	return object{"string": raw}
}

// triggered are the functions of all apps that have a trigger of a kind and are not disabled.
func (c *Cloud) triggered(kind string) iter.Seq2[*site, functionInfo] {
	return func(yield func(*site, functionInfo) bool) {
		for _, id := range sortedKeys(c.resources) {
			s, ok := c.resources[id].state.(*site)
			if !ok {
				continue
			}
			for _, f := range s.listed {
				if f.trigger(kind) != nil && !s.disabled(f.Name) && !yield(s, f) {
					return
				}
			}
		}
	}
}

// next is the first message that some function waits for and whose app may take it.
func (c *Cloud) next() *waiting {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s, f := range c.triggered("queueTrigger") {
		b := f.trigger("queueTrigger")
		a := c.hostAccount(s, text(b, "connection"))
		if a == nil || a.queues[text(b, "queueName")] == nil {
			continue
		}
		q := a.queues[text(b, "queueName")]
		if len(q.messages) == 0 {
			continue
		}
		if !c.permits(c.connectionIdentity(s, text(b, "connection")), "Microsoft.Storage/storageAccounts/queueServices/queues/messages/process/action", a.queueID(q.name)) && !c.byKey(s, a, text(b, "connection")) {
			c.background.Go(func() { c.later(100 * time.Millisecond) })
			continue
		}
		if taken := q.take(1, 10*time.Minute); len(taken) == 1 {
			return &waiting{s, f, a, q, taken[0]}
		}
	}
	return nil
}

// later looks for messages once more after a while.
func (c *Cloud) later(d time.Duration) {
	select {
	case <-c.life.Done():
	case <-time.After(d):
		c.arrived()
	}
}

// connection is a setting of a connection: "NAME__part".
func (s *site) connection(name, part string) string {
	for own, value := range s.settings {
		if strings.EqualFold(own, name+"__"+part) {
			return value
		}
	}
	return ""
}

// hostAccount is the storage account of a connection.
//
// Source: learn.microsoft.com/azure/azure-functions/functions-reference, "Connections".
func (c *Cloud) hostAccount(s *site, connection string) *account {
	if connection == "" {
		connection = "AzureWebJobsStorage"
	}
	if name := s.connection(connection, "accountName"); name != "" {
		return c.account(name)
	}
	for _, part := range []string{"queueServiceUri", "blobServiceUri", "serviceUri"} {
		if uri := s.connection(connection, part); uri != "" {
			name, _, _ := strings.Cut(strings.TrimPrefix(uri, "https://"), ".")
			return c.account(name)
		}
	}
	for pair := range strings.SplitSeq(s.settings[connection], ";") {
		if name, ok := strings.CutPrefix(pair, "AccountName="); ok {
			return c.account(name)
		}
	}
	return nil
}

// byKey says whether a connection shows one of the account's keys.
func (c *Cloud) byKey(s *site, a *account, connection string) bool {
	if connection == "" {
		connection = "AzureWebJobsStorage"
	}
	value := s.settings[connection]
	allowed, given := a.is.properties["allowSharedKeyAccess"].(bool)
	return (!given || allowed) && (strings.Contains(value, a.keys[0]) || strings.Contains(value, a.keys[1]))
}

// connectionIdentity is who a connection is in the name of.
func (c *Cloud) connectionIdentity(s *site, connection string) *principal {
	if connection == "" {
		connection = "AzureWebJobsStorage"
	}
	client := s.connection(connection, "clientId")
	if client == "" {
		return c.principals[text(s.is.identity, "principalId")]
	}
	assigned, _ := dig(s.is.identity, "userAssignedIdentities").(object)
	for _, one := range assigned {
		of, _ := one.(object)
		if strings.EqualFold(text(of, "clientId"), client) {
			return c.principals[text(of, "principalId")]
		}
	}
	return nil
}

// Fire runs the timer of a function now, if Azure's scaler knows of it and nothing disables it.
func (c *Cloud) Fire(ctx context.Context, app, function string) error {
	c.mu.Lock()
	s := c.site(app)
	c.mu.Unlock()
	if s == nil {
		return fmt.Errorf("there is no app %s", app)
	}
	f, ok := c.firing(s, function)
	if !ok || f.trigger("timerTrigger") == nil {
		return errors.New("no timer of " + function + " is known: it was not synced, or is disabled")
	}
	data := `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"` + stamp(now().Add(-time.Hour)) + `","Next":"` + stamp(now()) + `","LastUpdated":"` + stamp(now().Add(-time.Hour)) + `"},"IsPastDue":false}`
	return c.run(ctx, s, f, object{"json": data}, nil)
}

// Triggers names the triggers that the scaler knows of an app and that nothing disables: "name type".
func (c *Cloud) Triggers(app string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	if s := c.site(app); s != nil {
		for _, f := range s.listed {
			for _, b := range f.Bindings {
				if kind := text(b, "type"); strings.HasSuffix(lower(kind), "trigger") && !s.disabled(f.Name) {
					all = append(all, f.Name+" "+kind)
				}
			}
		}
	}
	return all
}

package azuretest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
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

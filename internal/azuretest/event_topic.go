package azuretest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

const topicType = "Microsoft.EventGrid/topics"

// topic is one of Event Grid that programs publish to.
type topic struct {
	is   *resource
	keys [2]string
}

func (t *topic) end(*Cloud) {}

// topicOperations are those of topics of somebody's own.
//
// Source: azure-rest-api-specs, eventgrid/resource-manager/Microsoft.EventGrid, stable/2022-06-15, EventGrid.json.
func topicOperations() []*operation {
	const topics = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + topicType
	return []*operation{
		manage("Topics_ListByResourceGroup", "GET "+topics, topicType+"/read", listKind(topicType)),
		manage("Topics_Get", "GET "+topics+"/{name}", topicType+"/read", (*Cloud).getResource),
		manage("Topics_CreateOrUpdate", "PUT "+topics+"/{name}", topicType+"/write", (*Cloud).putTopic),
		manage("Topics_Delete", "DELETE "+topics+"/{name}", topicType+"/delete", (*Cloud).deleteTopic),
		manage("Topics_ListSharedAccessKeys", "POST "+topics+"/{name}/listKeys", topicType+"/listKeys/action", (*Cloud).listTopicKeys),
	}
}

func (c *Cloud) putTopic(r *request) (any, error) {
	body, err := c.decode(r, envelope(leaves("inputSchema", "inputSchemaMapping", "publicNetworkAccess", "inboundIpRules", "disableLocalAuth", "dataResidencyBoundary",
		"privateEndpointConnections", "provisioningState", "endpoint", "metricResourceId")))
	if err != nil {
		return nil, err
	}
	if name := r.vars["name"]; len(name) < 3 || len(name) > 50 || strings.Trim(lower(name), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return nil, refuse(400, "InvalidRequest", "The specified topic name is invalid. It should be 3 to 50 characters, letters, digits and '-'.")
	}
	schema := text(body, "properties", "inputSchema")
	if schema == "" {
		schema = "EventGridSchema"
	}
	is, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	is.properties = object{
		"inputSchema": schema, "provisioningState": "Succeeded", "publicNetworkAccess": "Enabled", "disableLocalAuth": dig(body, "properties", "disableLocalAuth") == true,
		"endpoint": "https://" + lower(is.name) + "." + is.location + "-1.eventgrid.azure.net/api/events", "metricResourceId": newID(),
	}
	if fresh {
		is.state = &topic{is: is, keys: [2]string{newKey(), newKey()}}
	}
	c.resources[lower(is.id)] = is
	return c.begun(r, "Microsoft.EventGrid", jsonReply(http.StatusCreated, is.wire()), nil), nil
}

// deleteTopic takes a topic away with its subscriptions.
func (c *Cloud) deleteTopic(r *request) (any, error) {
	is := c.resources[lower(r.scope())]
	if is == nil {
		return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	c.drop(is)
	return c.accepted(r, "Microsoft.EventGrid", nil), nil
}

func (c *Cloud) listTopicKeys(r *request) (any, error) {
	is, err := c.find(strings.TrimSuffix(r.scope(), "/listKeys"))
	if err != nil {
		return nil, err
	}
	t := is.state.(*topic)
	return object{"key1": t.keys[0], "key2": t.keys[1]}, nil
}

// topicSurface is where events are published to topics.
//
// Source: azure-rest-api-specs, eventgrid/data-plane/Microsoft.EventGrid, stable/2018-01-01, EventGrid.json;
// learn.microsoft.com/azure/event-grid/post-to-custom-topic.
func topicSurface() *surface {
	return &surface{
		name: "topic", word: wordTopic, audiences: []string{"https://eventgrid.azure.net"},
		host: func(_ *Cloud, host string) (string, bool) {
			name, region, _ := strings.Cut(host, ".")
			return name, strings.HasSuffix(region, "-1.eventgrid.azure.net")
		},
		ops: []*operation{{name: "PublishEvents", route: "POST /api/events", action: "data:Microsoft.EventGrid/events/send/action", run: (*Cloud).publishEvents}},
	}
}

// wordTopic is how the service that takes events words a refusal.
func wordTopic(f *failure, _ *request) standin.Reply {
	return jsonReply(f.status, object{"error": object{"code": f.code, "message": f.message, "details": []object{{"code": f.code, "message": f.message}}}})
}

// publishEvents takes all events of a request, or none. An event names no topic: Event Grid does.
func (c *Cloud) publishEvents(r *request) (any, error) {
	var to *topic
	for _, is := range c.resources {
		if t, ok := is.state.(*topic); ok && strings.HasPrefix(text(is.properties, "endpoint"), "https://"+r.http.Host+"/") {
			to = t
		}
	}
	if to == nil {
		panic(http.ErrAbortHandler) // a name that is of no topic does not resolve
	}
	key := r.http.Header.Get("Aeg-Sas-Key")
	keyed := key != "" && slices.Contains(to.keys[:], key) && to.is.properties["disableLocalAuth"] != true
	if !keyed && !c.permits(r.caller, "Microsoft.EventGrid/events/send/action", to.is.id) {
		return nil, refuse(401, "Unauthorized", "The principal does not have authorization to perform action 'Microsoft.EventGrid/events/send/action' over scope '%s'.", to.is.id)
	}
	var events []object
	if err := json.Unmarshal(r.body, &events); err != nil || text(to.is.properties, "inputSchema") != "EventGridSchema" {
		return nil, refuse(400, "BadRequest", "This resource is configured for '%s' schema and requires the request to be an array of such events.", text(to.is.properties, "inputSchema"))
	}
	for _, event := range events {
		for _, member := range []string{"id", "subject", "eventType", "eventTime", "dataVersion"} {
			if text(event, member) == "" {
				return nil, refuse(400, "BadRequest", "This resource is configured to receive event in 'EventGridEvent' schema. The JSON received does not conform to the expected schema. Property '%s' is required.", member)
			}
		}
		if text(event, "topic") != "" {
			return nil, refuse(400, "BadRequest", "The 'topic' property of an event must be empty, or the topic that it is sent to.")
		}
	}
	for _, event := range events {
		event["topic"], event["metadataVersion"] = to.is.id, "1"
		c.tell(to.is.id, event)
	}
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

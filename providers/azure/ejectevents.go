package azure

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// hear adds what tells a function of events beside what its package registers by itself.
func (e *ejection) hear(s spec, app string) {
	fn := s.function
	for _, read := range ofTopics(e.reads(fn)) {
		_, entity, _ := strings.Cut(read, "/topics/")
		topic, name, _ := strings.Cut(entity, "/subscriptions/")
		e.Steps = append(e.Steps, fmt.Sprintf("az servicebus topic subscription create --resource-group %s --namespace-name %s --topic-name %s --name %s --max-delivery-count %d",
			e.target.ResourceGroup, lastPart(fn.own.ServiceBus), topic, name, busAttempts))
	}
	wanted := e.gridOf(fn)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		b := wanted[name]
		source := "'" + b.Source + "'"
		if rest, own := strings.CutPrefix(b.Source, e.groupID()+"/providers/"); own {
			kind, of := rest[:strings.LastIndex(rest, "/")], lastPart(rest)
			source = idOf(kind, "'"+of+"'")
			if of == e.storageName() && e.target.StorageAccount == "" {
				source = accountID
			}
		}
		filter := object{}
		if len(b.Types) > 0 {
			filter["includedEventTypes"] = b.Types
		}
		if b.Begins != "" {
			filter["subjectBeginsWith"] = b.Begins
		}
		if b.Ends != "" {
			filter["subjectEndsWith"] = b.Ends
		}
		e.heard = append(e.heard, object{
			"type": "Microsoft.EventGrid/eventSubscriptions", "apiVersion": gridVersion, "scope": bracketed(source), "name": name + "-arm",
			"properties": object{
				"destination": object{"endpointType": "AzureFunction", "properties": object{"resourceId": bracketed(fmt.Sprintf("resourceId('Microsoft.Web/sites/functions', %s, '%s')", app, pushedFunction))}},
				"filter":      filter, "eventDeliverySchema": "EventGridSchema",
			},
		})
	}
}

// whereabouts are where each setting stands.
func whereabouts() []providers.Said {
	to := func(setting, to string) providers.Said { return providers.Said{Setting: setting, To: to} }
	const packed = "the package"
	return []providers.Said{
		to("runtime", "functionAppConfig.runtime"),
		{Setting: "architecture", Reason: "Azure Functions runs on amd64 only"},
		to("memory", "functionAppConfig.scaleAndConcurrency"), to("timeout", packed), to("env", packed), to("secrets", "siteConfig.appSettings, as references to the key vault"),
		to("scaling.min", "scaleAndConcurrency.alwaysReady"), to("scaling.max", "scaleAndConcurrency.maximumInstanceCount"), to("scaling.concurrency", "scaleAndConcurrency.triggers"),
		to("events[].http", packed), to("events[].schedule.cron", packed),
		{Setting: "events[].schedule.timezone", Reason: "on Flex Consumption schedules are in UTC"},
		to("events[].queue", packed), to("events[].topic", packed+" and events.json"), to("events[].object", "events.json"),
		to("config.always_ready", "scaleAndConcurrency.alwaysReady"), to("config.roles", "README.md, as commands"), to("config.identity", "identity"),
		to("config.service_bus", "siteConfig.appSettings"), to("config.resources", packed+" and events.json"), to("config.tags", "tags"),
		to("target.location", "parameters.location"), to("target.resource_group", "README.md"), to("target.storage_account", "parameters.storageAccount"), to("target.log_retention", "retentionInDays"),
		to("target.key_vault", "siteConfig.appSettings, as references to the key vault"),
		{Setting: "target.subscription", Reason: "az deploys to the one that it has chosen"},
		{Setting: "target.metadata_host", Reason: "az has a cloud chosen"},
		{Setting: "target.apps", Reason: "the files make apps of their own"},
	}
}

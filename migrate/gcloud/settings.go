package gcloud

import (
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// service reads what a function of the second generation has of its service.
func (r *reader) service(n *foreign.Node) {
	foreign.Keys{
		"availableMemory": r.memory,
		"availableCpu": func(n *foreign.Node) {
			if text, ok := n.Text(); ok && (text == "1" || text == "2" || text == "4" || text == "6" || text == "8") {
				r.own(n, "cpu", text)
				return
			}
			n.Drop("as much comes with the memory")
		},
		"timeoutSeconds":      r.timeout,
		"minInstanceCount":    func(n *foreign.Node) { r.bound(n, "min", &r.fn.Bounds().Min) },
		"maxInstanceCount":    func(n *foreign.Node) { r.bound(n, "max", &r.fn.Bounds().Max) },
		"serviceAccountEmail": r.account, "ingressSettings": r.ingress, "vpcConnector": r.connector, "vpcConnectorEgressSettings": r.egress,
		"maxInstanceRequestConcurrency": func(n *foreign.Node) { r.bound(n, "concurrency", &r.fn.Bounds().Concurrency) },
		"environmentVariables":          r.variables, "secretEnvironmentVariables": r.secrets,
		"secretVolumes":              foreign.Lost("ferry hands secrets over as variables"),
		"allTrafficOnLatestRevision": foreign.Dropped("ferry says which revision serves"),
		"revision":                   foreign.Dropped(itsOwn), "service": foreign.Dropped(itsOwn), "uri": foreign.Dropped("`ferry url` tells the address"),
		"binaryAuthorizationPolicy": foreign.Lost("keep the policy with its own tool"),
		"securityLevel":             foreign.Dropped("Google's addresses answer HTTPS"),
	}.Read(n)
}

// own is a setting of the provider alone.
func (r *reader) own(n *foreign.Node, key string, value any) {
	r.fn.Block("gcp").Set(key, value)
	n.Map(r.at + ".gcp." + key)
}

func (r *reader) memory(n *foreign.Node) {
	text, _ := n.Text()
	if r.fn.Memory = draft.Memory(text); r.fn.Memory == "" {
		n.Lose("an amount of memory is expected here, such as 256M")
		return
	}
	n.Map(r.at + ".memory")
}

func (r *reader) megabytes(n *foreign.Node) {
	if mb, ok := n.Text(); ok {
		r.fn.Memory = mb + "MB"
		n.Map(r.at + ".memory")
	}
}

func (r *reader) timeout(n *foreign.Node) {
	if seconds, ok := n.Text(); ok {
		r.fn.Timeout = strings.TrimSuffix(seconds, "s") + "s"
		n.Map(r.at + ".timeout")
	}
}

func (r *reader) bound(n *foreign.Node, key string, to *int) {
	if number, ok := n.Number(); ok {
		*to = number
		n.Map(r.at + ".scaling." + key)
	}
}

func (r *reader) account(n *foreign.Node) {
	text, ok := n.Text()
	switch {
	case !ok:
	case strings.HasSuffix(text, "-compute@developer.gserviceaccount.com"), strings.HasSuffix(text, "@appspot.gserviceaccount.com"):
		n.Drop("it is the project's default account: ferry makes one of its own, and gcp.roles gives it what the code needs")
	default:
		r.own(n, "service_account", text)
	}
}

func (r *reader) ingress(n *foreign.Node) {
	switch n.Raw() {
	case "ALLOW_ALL":
		n.Map(r.at + ".events")
	case "ALLOW_INTERNAL_ONLY":
		r.own(n, "ingress", "internal")
	case "ALLOW_INTERNAL_AND_GCLB":
		r.own(n, "ingress", "internal-and-load-balancer")
	}
}

func (r *reader) connector(n *foreign.Node) {
	if text, ok := n.Text(); ok && text != "" {
		r.own(n, "vpc_connector", text[strings.LastIndex(text, "/")+1:])
	}
}

func (r *reader) egress(n *foreign.Node) {
	switch n.Raw() {
	case "PRIVATE_RANGES_ONLY":
		n.Drop("it is the default")
	case "ALL_TRAFFIC":
		r.own(n, "egress", "all-traffic")
	}
}

func (r *reader) labels(n *foreign.Node) {
	kept := map[string]any{}
	for _, e := range n.Entries() {
		if text, ok := e.Value.Text(); ok && !strings.HasPrefix(e.Key, "deployment-") && !strings.HasPrefix(e.Key, "goog-") {
			kept[e.Key] = text
			e.Value.Map(r.at + ".gcp.labels")
			continue
		}
		e.Value.Drop("the tool that deployed it set it")
	}
	if len(kept) > 0 {
		r.fn.Block("gcp").Set("labels", kept)
	}
}

func (r *reader) variables(n *foreign.Node) {
	for _, e := range n.Entries() {
		if e.Key == "LOG_EXECUTION_ID" {
			e.Value.Drop("Cloud Functions sets it")
			continue
		}
		lambda.Variable(&r.made, r.fn, e.Key, e.Value)
	}
}

func (r *reader) secrets(n *foreign.Node) {
	for _, item := range n.Items() {
		name, ok := item.Get("key").Text()
		secret, there := item.Get("secret").Text()
		if !ok || !there {
			item.Lose("a name and a secret are expected here")
			continue
		}
		item.Get("projectId").Drop("a target's secrets are in its own project")
		item.Get("version").Drop("each deploy takes the version that is current, and a release keeps it")
		item.Get("key").Map(r.at + ".secrets")
		lambda.SecretVariable(&r.fn.Function, r.at, name, secret, item.Get("secret"))
	}
}

// event reads what calls a function that answers no requests.
func (r *reader) event(n *foreign.Node) {
	kind := n.Get("eventType").Raw()
	foreign.Keys{
		"trigger": foreign.Dropped("ferry makes it"), "triggerRegion": foreign.Dropped("ferry delivers in the function's region"),
		"serviceAccountEmail": foreign.Dropped("ferry delivers as an account of its own"), "service": foreign.Dropped("it follows from the type"),
		"channel": foreign.Lost("channels of other makers are not delivered"),
		"retryPolicy": func(n *foreign.Node) {
			if n.Raw() == "RETRY_POLICY_RETRY" {
				n.Map(r.at + ".events")
				return
			}
			n.Drop("every target tries an event again that failed")
		},
		"failurePolicy": func(n *foreign.Node) { n.Map(r.at + ".events") },
	}.Read(n)
	switch kind {
	case "google.cloud.pubsub.topic.v1.messagePublished", "google.pubsub.topic.publish", "providers/cloud.pubsub/eventTypes/topic.publish":
		r.topic(n)
	case "google.cloud.storage.object.v1.finalized", "google.storage.object.finalize":
		r.object(n, "created")
	case "google.cloud.storage.object.v1.deleted", "google.storage.object.delete":
		r.object(n, "deleted")
	default:
		n.Lose("events of the type " + foreign.Plain(kind) + " are not delivered: have them sent to a topic")
	}
}

func (r *reader) topic(n *foreign.Node) {
	from := n.Get("pubsubTopic")
	if from == nil {
		from = n.Get("resource")
	}
	name, ok := from.Text()
	if !ok {
		n.Lose("the topic is not told")
		return
	}
	r.fn.Events = append(r.fn.Events, draft.Event{Topic: &draft.Topic{Name: name[strings.LastIndex(name, "/")+1:]}})
	from.Map(r.at + ".events")
	n.Get("eventType").Map(r.at + ".events")
	n.Get("eventFilters").Drop("the topic is named")
}

func (r *reader) object(n *foreign.Node, on string) {
	bucket := n.Get("resource").Raw()
	n.Get("resource").Map(r.at + ".events")
	for _, filter := range n.Get("eventFilters").Items() {
		if filter.Get("attribute").Raw() != "bucket" {
			filter.Lose("events are chosen by their bucket alone")
			continue
		}
		bucket = filter.Get("value").Raw()
		filter.Map(r.at + ".events")
	}
	if bucket == "" {
		n.Lose("the bucket is not told")
		return
	}
	r.fn.Events = append(r.fn.Events, draft.Event{Object: &draft.Object{Bucket: bucket[strings.LastIndex(bucket, "/")+1:], On: []string{on}}})
	n.Get("eventType").Map(r.at + ".events")
}

// jobs are those of Cloud Scheduler that send requests to a live function, which are no events to it.
func (r *reader) jobs(n *foreign.Node) {
	n.Drop("there are none")
	for _, job := range n.Items() {
		if job.Get("state").Raw() == "PAUSED" {
			job.Drop("it is paused")
			continue
		}
		job.Lose("a job of Cloud Scheduler sends it requests at " + foreign.Plain(job.Get("schedule").Raw()) + " (" + foreign.Plain(job.Get("timeZone").Raw()) +
			"): write a function of style gcf-event with a schedule, or send the job's requests to the new address")
	}
}

// subscriptions are those that push messages to a live function as requests.
func (r *reader) subscriptions(n *foreign.Node) {
	n.Drop("there are none")
	for _, s := range n.Items() {
		topic := s.Get("topic").Raw()
		s.Lose("a subscription pushes the messages of the topic " + foreign.Plain(topic[strings.LastIndex(topic, "/")+1:]) +
			" to it as requests: write a function of style gcf-event with that topic, or push them to the new address")
	}
}

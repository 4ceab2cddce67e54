package serverless

import (
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// events reads what calls the function.
func (f *one) events(list *foreign.Node) {
	for _, item := range list.Items() {
		if item.Is(foreign.Scalar) {
			item.Lose("ferry does not know events of the kind " + foreign.Plain(item.Raw()))
			continue
		}
		for _, e := range item.Entries() {
			f.event(e.Key, e.Value)
		}
	}
}

// event reads one of the kinds that the manifest has.
func (f *one) event(kind string, n *foreign.Node) {
	off := n.Get("enabled").False()
	switch kind {
	case "httpApi", "http", "alb", "schedule", "sqs", "sns", "s3":
		if off {
			n.Drop("it is switched off")
			return
		}
	default:
		n.Lose(foreignKind(kind))
		return
	}
	switch kind {
	case "httpApi":
		f.http(n, f.defaults.payload, "2.0")
	case "http":
		f.http(n, "1.0", "1.0")
	case "alb":
		f.balancer(n)
	case "schedule":
		f.schedule(n)
	case "sqs":
		f.queue(n)
	case "sns":
		f.topic(n)
	case "s3":
		f.object(n)
	}
}

// foreignKind is why the manifest has no events of a kind.
func foreignKind(kind string) string {
	switch kind {
	case "websocket":
		return "functions answer requests: WebSockets of API Gateway cannot be carried"
	case "stream":
		return "streams of DynamoDB and Kinesis are read on AWS alone"
	case "kinesis":
		return "streams of Kinesis are read on AWS alone"
	case "msk", "kafka":
		return "ferry reads no Kafka"
	case "activemq":
		return "ferry reads no ActiveMQ"
	case "rabbitmq":
		return "ferry reads no RabbitMQ"
	case "eventBridge", "cloudwatchEvent":
		return "patterns of EventBridge cannot be carried: let a rule send to a queue or topic, which ferry reads"
	case "cloudwatchLog":
		return "log groups call functions on AWS alone"
	case "cognitoUserPool":
		return "Cognito calls functions on AWS alone"
	case "cloudFront":
		return "Lambda@Edge runs on AWS alone"
	case "iot":
		return "IoT rules call functions on AWS alone"
	case "iotFleetProvisioning":
		return "IoT calls functions on AWS alone"
	case "alexaSkill", "alexaSmartHome":
		return "Alexa calls functions on AWS alone"
	}
	return "ferry does not know events of the kind " + foreign.Plain(kind)
}

// schedule reads rates and cron expressions; one event may have several.
func (f *one) schedule(n *foreign.Node) {
	expressions := []*foreign.Node{n}
	zone := ""
	if n.Is(foreign.Map) {
		expressions = n.Get("rate").Items()
		if text := n.Get("timezone"); text != nil {
			zone, _ = text.Text()
			text.Map(f.at + ".events.schedule.timezone")
		}
		for _, e := range n.Entries() {
			switch e.Key {
			case "rate", "timezone":
			case "input", "inputPath", "inputTransformer":
				e.Value.Lose("a schedule calls with no input of its own: write it into the function")
			case "enabled":
				e.Value.Drop("schedules are on")
			default:
				e.Value.Drop("ferry names and makes schedules itself")
			}
		}
	}
	if len(expressions) == 0 {
		n.Lose("the schedule has no rate")
	}
	for _, x := range expressions {
		text, ok := x.Text()
		if !ok {
			continue
		}
		cron, reason := lambda.Schedule(text)
		if reason != "" {
			x.Lose(reason)
			continue
		}
		f.fn.Events = append(f.fn.Events, draft.Event{Schedule: &draft.Schedule{Cron: cron, Timezone: zone}})
		x.Map(f.at + ".events.schedule.cron")
	}
}

// resource is the name of what an event reads, said to be mapped to a key, or lost.
func (f *one) resource(n *foreign.Node, service, to string) (string, bool) {
	name, exact, found := f.template.Resource(service, n)
	switch {
	case n != nil && n.Unresolved() != "" && (!found || strings.Contains(name, "${")):
		n.Lose(n.Unresolved())
		return "", false
	case !found:
		n.Lose("it does not say which: write its name")
		return "", false
	case !exact:
		f.note("CloudFormation chooses the name of " + name + ": say it in targets.aws.resources." + name)
	}
	n.Map(to)
	return name, true
}

func (f *one) queue(n *foreign.Node) {
	arn := n
	if n.Get("arn") != nil {
		arn = n.Get("arn")
	}
	name, ok := f.resource(arn, "sqs", f.at+".events.queue.name")
	if !ok {
		return
	}
	q := &draft.Queue{Name: name, Batch: 10}
	f.fn.Events = append(f.fn.Events, draft.Event{Queue: q})
	if arn == n {
		return
	}
	for _, e := range n.Entries() {
		switch e.Key {
		case "arn":
		case "batchSize":
			if i, ok := e.Value.Number(); ok {
				q.Batch = i
				e.Value.Map(f.at + ".events.queue.batch")
			}
		case "functionResponseType":
			e.Value.Map(f.at + ".style") // a handler of style lambda may always report single failures
		case "filterPatterns":
			e.Value.Lose("a queue hands over all its messages: filter in the function")
		case "maximumBatchingWindow":
			e.Value.Drop("messages are handed over as they come")
		case "maximumConcurrency":
			e.Value.Drop("scaling.max bounds all calls of the function")
		default:
			e.Value.Drop("it is a setting of the mapping, which ferry makes")
		}
	}
}

func (f *one) topic(n *foreign.Node) {
	which := n
	for _, key := range []string{"arn", "topicName"} {
		if n.Is(foreign.Map) && n.Get(key) != nil {
			which = n.Get(key)
			break
		}
	}
	name, ok := f.resource(which, "sns", f.at+".events.topic.name")
	if !ok {
		return
	}
	f.fn.Events = append(f.fn.Events, draft.Event{Topic: &draft.Topic{Name: name}})
	for _, e := range n.Entries() {
		switch e.Key {
		case "filterPolicy", "filterPolicyScope":
			e.Value.Lose("a topic hands over all its messages: filter in the function")
		case "redrivePolicy":
			e.Value.Lose("where messages go that failed is aws.dead_letter")
		case "topicName":
			e.Value.Map(f.at + ".events.topic.name")
		case "displayName":
			e.Value.Drop("ferry makes no topics")
		}
	}
	if !strings.HasPrefix(which.Raw(), "arn:") && which.Is(foreign.Scalar) {
		f.note("the topic " + name + " must exist: Serverless made it, and ferry makes no topics")
	}
}

func (f *one) object(n *foreign.Node) {
	which := n
	if n.Is(foreign.Map) && n.Get("bucket") != nil {
		which = n.Get("bucket")
	}
	name, ok := f.resource(which, "s3", f.at+".events.object.bucket")
	if !ok {
		return
	}
	o := &draft.Object{Bucket: name}
	f.fn.Events = append(f.fn.Events, draft.Event{Object: o})
	if event := n.Get("event"); event != nil {
		f.objectEvent(o, event)
	}
	for _, rule := range n.Get("rules").Items() {
		for _, e := range rule.Entries() {
			text, _ := e.Value.Text()
			switch e.Key {
			case "prefix":
				o.Prefix = text
				e.Value.Map(f.at + ".events.object.prefix")
			case "suffix":
				o.Suffix = text
				e.Value.Map(f.at + ".events.object.suffix")
			}
		}
	}
	if existing := n.Get("existing"); existing.True() {
		existing.Map(f.at + ".events.object.bucket")
	} else {
		f.note("the bucket " + name + " must exist: Serverless made it, and ferry makes no buckets")
		existing.Drop("ferry makes no buckets")
	}
	if force := n.Get("forceDeploy"); force != nil {
		force.Drop("ferry writes notifications when they change")
	}
}

func (f *one) objectEvent(o *draft.Object, event *foreign.Node) {
	text, ok := event.Text()
	switch {
	case !ok:
	case text == "s3:ObjectCreated:*":
		event.Map(f.at + ".events.object.on")
	case text == "s3:ObjectRemoved:*", text == "s3:ObjectRemoved:Delete":
		o.On = []string{"deleted"}
		event.Map(f.at + ".events.object.on")
	case strings.HasPrefix(text, "s3:ObjectCreated:"):
		event.Lose("objects call however they were created: " + foreign.Plain(text) + " alone cannot be said")
	default:
		event.Lose("objects call when they are created or deleted, not on " + foreign.Plain(text))
	}
}

// finish puts what was collected into the function.
func (f *one) finish() {
	h := f.routes.Join(&f.made, f.fn)
	if h != nil && h.CORS == nil && f.fn.Payload == "2.0" {
		h.CORS = f.defaults.cors
	}
	if h == nil || f.fn.Payload == "2.0" || f.fn.Style != "lambda" {
		f.fn.Payload = ""
	}
}

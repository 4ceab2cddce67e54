package cloudformation

import (
	"cmp"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// events reads what calls the function in a template of SAM.
func (f *one) events(n *foreign.Node) {
	for _, e := range n.Entries() {
		if e.Value.Is(foreign.Scalar) { // of a live function: why what calls it could not be seen
			e.Value.Lose(foreign.Plain(e.Value.Raw()))
			continue
		}
		properties := e.Value.Get("Properties")
		kind := e.Value.Get("Type")
		switch kind.Raw() {
		case "Api":
			f.routed(e.Value, properties, "1.0")
		case "HttpApi":
			f.routed(e.Value, properties, cmp.Or(properties.Get("PayloadFormatVersion").Raw(), "2.0"))
		case "Schedule", "ScheduleV2":
			f.schedule(properties)
		case "SQS":
			f.queue(properties, "Queue")
		case "SNS":
			f.topic(properties, "Topic")
		case "S3":
			f.object(properties)
		case "apigateway":
			e.Value.Lose("an API of API Gateway calls it, whose routes are not read here: add an http event with its path and methods, and payload: \"1.0\" where it is a REST API")
			continue
		case "s3", "sns":
			e.Value.Lose("the function's policy does not say which buckets or topics may call it: add an object or a topic event for each that does")
			continue
		case "events":
			e.Value.Lose("a rule of EventBridge calls it: write its times as a schedule event, or let it send to a queue or topic")
			continue
		default:
			e.Value.Lose("the manifest has no events of the kind " + foreign.Plain(kind.Raw()))
			continue
		}
		if !e.Value.Told() {
			kind.Map(f.at + ".events")
		}
	}
}

// routed reads a route of API Gateway; without a path it is every one.
func (f *one) routed(event, n *foreign.Node, format string) {
	if !lambda.Payload(f.fn, event, format) {
		return
	}
	f.routes.Add(lambda.Path(cmp.Or(n.Get("Path").Raw(), "*")), lambda.Method(n.Get("Method").Raw()))
	api, named := n.Get("ApiId"), event.Get("Type").Raw()
	if named == "Api" {
		api = n.Get("RestApiId")
	}
	private := f.gateway(api, named)
	for _, e := range n.Entries() {
		switch e.Key {
		case "Path":
			e.Value.Map(f.at + ".events.http.path")
		case "Method":
			e.Value.Map(f.at + ".events.http.methods")
		case "PayloadFormatVersion":
			e.Value.Map(f.at + ".payload")
		case "RestApiId", "ApiId":
			e.Value.Drop(ownAddress)
		case "Auth":
			by := e.Value.Get("Authorizer").Raw()
			if by != "" {
				private = by == "AWS_IAM"
			}
			e.Value.Map(f.at + ".events.http.auth")
			if by != "AWS_IAM" && by != "NONE" {
				e.Value.Lose(authorizers)
			}
		case "CorsConfiguration":
			f.routes.Share(f.cors(e.Value))
			e.Value.Map(f.at + ".events.http.cors")
		case "Integration":
			e.Value.Lose(ownEvent)
		case "RequestModel", "RequestParameters":
			e.Value.Lose("API Gateway checks it: do so in the function")
		default:
			e.Value.Drop("it is a setting of API Gateway")
		}
	}
	f.routes.Guard(private)
}

// url reads a function URL, as a property or as a resource.
func (f *one) url(n *foreign.Node) {
	if !lambda.Payload(f.fn, n, "2.0") {
		return
	}
	f.routes.Add("", "")
	for _, e := range n.Entries() {
		switch e.Key {
		case "AuthType":
			f.routes.Guard(e.Value.Raw() == "AWS_IAM")
			e.Value.Map(f.at + ".events.http.auth")
		case "Cors":
			f.routes.Share(f.cors(e.Value))
			e.Value.Map(f.at + ".events.http.cors")
		case "InvokeMode":
			if e.Value.Raw() == "RESPONSE_STREAM" {
				f.fn.Block("aws").Set("response_stream", true)
			}
			e.Value.Map(f.at + ".aws.response_stream")
		case "TargetFunctionArn", "Qualifier":
			e.Value.Map(f.at + ".events.http")
		}
	}
}

const switchedOff = "it is switched off"

func off(n *foreign.Node) bool { return n.Get("Enabled").False() || n.Get("State").Raw() == "DISABLED" }

func (f *one) schedule(n *foreign.Node) {
	if off(n) {
		n.Drop(switchedOff)
		return
	}
	zone := n.Get("ScheduleExpressionTimezone").Raw()
	expression := n.Get("Schedule")
	if expression == nil {
		expression = n.Get("ScheduleExpression")
	}
	for _, e := range n.Entries() {
		switch e.Key {
		case "Input":
			f.input(e.Value)
		case "StartDate", "EndDate":
			e.Value.Lose("a schedule has no first and no last day")
		case "ScheduleExpressionTimezone":
			e.Value.Map(f.at + ".events.schedule.timezone")
		case "RetryPolicy", "DeadLetterConfig":
			e.Value.Drop("how often an event is tried again is the target's to say")
		default:
			e.Value.Drop("ferry names and makes schedules itself")
		}
	}
	text, ok := f.text(expression)
	if !ok {
		return
	}
	cron, reason := lambda.Schedule(text)
	if reason != "" {
		expression.Lose(reason)
		return
	}
	expression.Map(f.at + ".events.schedule.cron")
	f.fn.Events = append(f.fn.Events, draft.Event{Schedule: &draft.Schedule{Cron: cron, Timezone: zone}})
}

// input is what a schedule calls with.
func (f *one) input(n *foreign.Node) {
	if strings.Contains(n.Raw(), `"dev.ferry.event"`) {
		n.Drop("ferry calls with its own event by itself")
		return
	}
	n.Lose("a schedule calls with no input of its own: write it into the function")
}

// resource is the name of what an event reads, said to be mapped to a key, or lost.
func (f *one) resource(n *foreign.Node, service, to string) (string, bool) {
	name, exact, found := f.template.Resource(service, n)
	if !found {
		n.Lose("it does not say which: write its name")
		return "", false
	}
	if !exact {
		f.chosen(name)
	}
	n.Map(to)
	return name, true
}

// chosen notes a name that only CloudFormation knows.
func (r *reader) chosen(name string) {
	r.note("CloudFormation chooses the name of " + name + ": say it in targets.aws.resources." + name)
}

// queue reads a queue's event of SAM, or a mapping.
func (f *one) queue(n *foreign.Node, key string) {
	name, ok := f.resource(n.Get(key), "sqs", f.at+".events.queue.name")
	if !ok {
		return
	}
	if off(n) {
		n.Drop(switchedOff)
		return
	}
	q := &draft.Queue{Name: name, Batch: 10}
	f.fn.Events = append(f.fn.Events, draft.Event{Queue: q})
	for _, e := range n.Entries() {
		switch e.Key {
		case key:
		case "BatchSize":
			if i, ok := f.settings.Number(e.Value); ok {
				q.Batch = i
				e.Value.Map(f.at + ".events.queue.batch")
			}
		case "FunctionResponseTypes":
			e.Value.Map(f.at + ".style") // a handler of style lambda may always report single failures
		case "FilterCriteria":
			e.Value.Lose("a queue hands over all its messages: filter in the function")
		case "Enabled":
			e.Value.Map(f.at + ".events.queue")
		default:
			e.Value.Drop("it is a setting of the mapping, which ferry makes")
		}
	}
}

// topic reads a topic's event of SAM, or a subscription.
func (f *one) topic(n *foreign.Node, key string) {
	which := n.Get(key)
	name, ok := f.template.Ref(which)
	if ok {
		which.Map(f.at + ".events.topic.name")
	} else if name, ok = f.resource(which, "sns", f.at+".events.topic.name"); !ok {
		return
	}
	f.fn.Events = append(f.fn.Events, draft.Event{Topic: &draft.Topic{Name: name}})
	for _, e := range n.Entries() {
		switch e.Key {
		case key:
		case "FilterPolicy", "FilterPolicyScope":
			e.Value.Lose("a topic hands over all its messages: filter in the function")
		case "RedrivePolicy":
			e.Value.Lose("where messages go that failed is aws.dead_letter")
		case "SqsSubscription":
			if !e.Value.False() {
				e.Value.Lose("the function gets the topic's messages without a queue between")
			}
		default:
			e.Value.Drop("it is a setting of the subscription, which ferry makes")
		}
	}
}

func (f *one) object(n *foreign.Node) {
	name, ok := f.resource(n.Get("Bucket"), "s3", f.at+".events.object.bucket")
	if !ok {
		return
	}
	f.objects(name, n.Get("Events"), n.Get("Filter"))
}

// objects are those of a bucket, of which some events and some names call.
func (f *one) objects(bucket string, events, filter *foreign.Node) {
	o := &draft.Object{Bucket: bucket}
	f.fn.Events = append(f.fn.Events, draft.Event{Object: o})
	for _, event := range events.Items() {
		switch text, _ := f.text(event); {
		case text == "s3:ObjectCreated:*":
			o.On = append(o.On, "created")
			event.Map(f.at + ".events.object.on")
		case strings.HasPrefix(text, "s3:ObjectRemoved:"):
			o.On = append(o.On, "deleted")
			event.Map(f.at + ".events.object.on")
		default:
			event.Lose("objects call when they are created or deleted, however that came")
		}
	}
	filter.Map(f.at + ".events.object")
	for _, rule := range filter.At("S3Key", "Rules").Items() {
		value := rule.Get("Value").Raw()
		switch strings.ToLower(rule.Get("Name").Raw()) {
		case "prefix":
			o.Prefix = value
		case "suffix":
			o.Suffix = value
		}
		rule.Map(f.at + ".events.object")
	}
	if len(o.On) == 1 && o.On[0] == "created" {
		o.On = nil
	}
}

// finish puts what was collected into the function.
func (f *one) finish() {
	f.policies(f.granted)
	if h := f.routes.Join(&f.made, f.fn); h == nil || f.fn.Payload == "2.0" {
		f.fn.Payload = ""
	}
}

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
			f.route(e.Value, properties, "1.0")
		case "HttpApi":
			f.route(e.Value, properties, cmp.Or(properties.Get("PayloadFormatVersion").Raw(), "2.0"))
		case "Schedule", "ScheduleV2":
			f.schedule(properties)
		case "SQS":
			f.queue(properties, "Queue")
		case "SNS":
			f.topic(properties)
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

// route reads a route of API Gateway; without a path it is every one.
func (f *one) route(event, n *foreign.Node, format string) {
	if !lambda.Payload(f.fn, event, format) {
		return
	}
	f.routes.Add(lambda.Path(cmp.Or(n.Get("Path").Raw(), "*")), lambda.Method(n.Get("Method").Raw()))
	private := false
	for _, e := range n.Entries() {
		switch e.Key {
		case "Path":
			e.Value.Map(f.at + ".events.http.path")
		case "Method":
			e.Value.Map(f.at + ".events.http.methods")
		case "PayloadFormatVersion":
			e.Value.Map(f.at + ".payload")
		case "RestApiId", "ApiId":
			e.Value.Drop("each function answers at an address of its own")
		case "Auth":
			private = e.Value.Get("Authorizer").Raw() == "AWS_IAM"
			if private {
				e.Value.Map(f.at + ".events.http.auth")
			} else {
				e.Value.Lose("an authorizer of API Gateway cannot be carried: check the caller in the function, or set auth: private")
			}
		case "CorsConfiguration":
			f.routes.Share(f.cors(e.Value))
			e.Value.Map(f.at + ".events.http.cors")
		case "Integration":
			e.Value.Lose("API Gateway makes an event of its own of the request: make it a proxy integration, or read the request in the function")
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

func (f *one) cors(n *foreign.Node) *draft.CORS {
	texts := func(key string) (found []string) {
		for _, item := range n.Get(key).Items() {
			if text, ok := f.text(item); ok && text != "*" || key == "AllowOrigins" {
				found = append(found, text)
			}
		}
		return found
	}
	c := &draft.CORS{Origins: texts("AllowOrigins"), Methods: texts("AllowMethods"), Headers: texts("AllowHeaders")}
	c.Credentials = n.Get("AllowCredentials").True()
	if age := n.Get("MaxAge").Raw(); age != "" {
		c.MaxAge = age + "s"
	}
	return c
}

func (f *one) schedule(n *foreign.Node) {
	if state := n.Get("Enabled"); state.False() || n.Get("State").Raw() == "DISABLED" {
		n.Drop("it is switched off")
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
			if strings.Contains(e.Value.Raw(), `"dev.ferry.event"`) {
				e.Value.Drop("ferry calls with its own event by itself")
				continue
			}
			e.Value.Lose("a schedule calls with no input of its own: write it into the function")
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

// resource is the name of what an event reads, said to be mapped to a key, or lost.
func (f *one) resource(n *foreign.Node, service, to string) (string, bool) {
	name, exact, found := f.template.Resource(service, n)
	if !found {
		n.Lose("it does not say which: write its name")
		return "", false
	}
	if !exact {
		f.note("CloudFormation chooses the name of " + name + ": say it in targets.aws.resources." + name)
	}
	n.Map(to)
	return name, true
}

// queue reads a queue's event of SAM, or a mapping.
func (f *one) queue(n *foreign.Node, key string) {
	name, ok := f.resource(n.Get(key), "sqs", f.at+".events.queue.name")
	if !ok {
		return
	}
	if n.Get("Enabled").False() {
		n.Drop("it is switched off")
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

// mapping reads a mapping that is a resource of its own.
func (r *reader) mapping(n *foreign.Node) {
	properties := n.Get("Properties")
	f := r.refers(properties.Get("FunctionName"))
	if f == nil {
		n.Lose("its function is not in the template, or not carried")
		return
	}
	if _, _, found := r.template.Resource("sqs", properties.Get("EventSourceArn")); !found || r.isStream(properties.Get("EventSourceArn")) {
		n.Lose("streams and Kafka are read on AWS alone")
		return
	}
	n.Get("Type").Map(f.at + ".events")
	f.queue(properties, "EventSourceArn")
	properties.Get("FunctionName").Map(f.at)
}

// isStream is whether a reference is to something that is no queue.
func (r *reader) isStream(n *foreign.Node) bool {
	id := referred(n)
	kind := r.template.Resources.At(id, "Type").Raw()
	return id != "" && kind != "" && kind != "AWS::SQS::Queue"
}

// url reads a function URL that is a resource of its own.
func (r *reader) url(n *foreign.Node) {
	f := r.refers(n.At("Properties", "TargetFunctionArn"))
	if f == nil {
		n.Lose("its function is not in the template, or not carried")
		return
	}
	n.Get("Type").Map(f.at + ".events.http")
	f.url(n.Get("Properties"))
}

// refers is the function that a Ref or GetAtt is to.
func (r *reader) refers(n *foreign.Node) *one { return r.byID[referred(n)] }

// referred is the id in a Ref or GetAtt.
func referred(n *foreign.Node) string {
	switch {
	case n.Tag() == "!Ref" || n.Tag() == "!GetAtt":
		id, _, _ := strings.Cut(n.Raw(), ".")
		return id
	case n.Get("Ref") != nil:
		return n.Get("Ref").Raw()
	}
	if items := n.Get("Fn::GetAtt").Items(); len(items) > 0 {
		id, _, _ := strings.Cut(items[0].Raw(), ".")
		return id
	}
	return ""
}

func (f *one) topic(n *foreign.Node) {
	which := n.Get("Topic")
	name, ok := f.template.Ref(which)
	if ok {
		which.Map(f.at + ".events.topic.name")
	} else if name, ok = f.resource(which, "sns", f.at+".events.topic.name"); !ok {
		return
	}
	f.fn.Events = append(f.fn.Events, draft.Event{Topic: &draft.Topic{Name: name}})
	for _, e := range n.Entries() {
		switch e.Key {
		case "Topic":
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
	o := &draft.Object{Bucket: name}
	f.fn.Events = append(f.fn.Events, draft.Event{Object: o})
	for _, event := range n.Get("Events").Items() {
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
	n.Get("Filter").Map(f.at + ".events.object")
	for _, rule := range n.At("Filter", "S3Key", "Rules").Items() {
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
	if h := f.routes.Join(&f.made, f.fn); h == nil || f.fn.Payload == "2.0" {
		f.fn.Payload = ""
	}
}

package serverless

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// events reads what calls the function.
func (f *one) events(list *foreign.Node) {
	kinds := f.kinds()
	for _, item := range list.Items() {
		if item.Is(foreign.Scalar) {
			item.Lose("ferry does not know events of the kind " + foreign.Plain(item.Raw()))
			continue
		}
		for _, e := range item.Entries() {
			switch read := kinds[e.Key]; {
			case read == nil:
				e.Value.Lose(foreignKind(e.Key))
			case e.Value.Get("enabled").False():
				e.Value.Drop("it is switched off")
			default:
				read(e.Value)
			}
		}
	}
}

// kinds are the kinds of event that the manifest has.
func (f *one) kinds() map[string]func(*foreign.Node) {
	return map[string]func(*foreign.Node){
		"httpApi":  func(n *foreign.Node) { f.http(n, f.defaults.payload, "2.0") },
		"http":     func(n *foreign.Node) { f.http(n, "1.0", "1.0") },
		"alb":      f.balancer,
		"schedule": f.schedule,
		"sqs":      f.queue,
		"sns":      f.topic,
		"s3":       f.object,
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

// http reads a route of API Gateway. Its short form is "GET /path".
func (f *one) http(n *foreign.Node, format, standard string) {
	route, method := n.Get("path"), n.Get("method")
	if n.Is(foreign.Scalar) {
		text, ok := n.Text()
		if !ok {
			return
		}
		verb, at, both := strings.Cut(strings.TrimSpace(text), " ")
		if !both {
			verb, at = "", text
		}
		if f.requests(n, cmp.Or(format, standard)) {
			f.route(n, strings.TrimSpace(at), verb)
		}
		return
	}
	at, ok := route.Text()
	switch {
	case !ok:
		n.Lose("the route has no path")
	case f.requests(n, cmp.Or(format, standard)):
		f.route(n, at, method.Raw())
		f.routeKeys(n)
	}
}

func (f *one) route(n *foreign.Node, at, verb string) {
	f.routes.Add(lambda.Path(at), lambda.Method(verb))
	if n.Is(foreign.Map) {
		n.Get("path").Map(f.at + ".events.http.path")
		n.Get("method").Map(f.at + ".events.http.methods")
		return
	}
	n.Map(f.at + ".events.http")
}

// routeKeys reads what a route says beside its path and method.
func (f *one) routeKeys(n *foreign.Node) {
	private := false
	for _, e := range n.Entries() {
		switch e.Key {
		case "path", "method":
		case "cors":
			if c := f.cors(e.Value); c != nil {
				f.routes.Share(c)
			}
			e.Value.Map(f.at + ".events.http.cors")
		case "authorizer":
			kind := cmp.Or(e.Value.Get("type").Raw(), e.Value.Raw())
			if private = strings.EqualFold(kind, "aws_iam"); private {
				e.Value.Map(f.at + ".events.http.auth")
			} else if !e.Value.Is(foreign.Null) {
				e.Value.Lose("an authorizer of API Gateway cannot be carried: check the caller in the function, or set auth: private")
			}
		case "private":
			if e.Value.True() {
				e.Value.Lose("API keys are a feature of API Gateway: check the key in the function")
			}
		case "integration":
			if text := strings.ToLower(e.Value.Raw()); text == "lambda" || text == "aws" {
				e.Value.Lose("a Lambda integration with mapping templates cannot be carried: the handler gets proxy events")
			} else {
				e.Value.Drop("a proxy integration is what a handler gets")
			}
		case "request", "response":
			e.Value.Lose("API Gateway checks and rewrites it: do so in the function")
		case "timeout", "operationId", "async":
			e.Value.Drop("it is a setting of API Gateway")
		}
	}
	f.routes.Guard(private)
}

// requests sets in which format the handler gets requests. One function gets one: it is false for another.
func (f *one) requests(n *foreign.Node, format string) bool {
	if f.fn.Payload != "" && f.fn.Payload != format {
		n.Lose("another event of this function is in the other format of requests: make a function for each")
		return false
	}
	f.fn.Payload = format
	return true
}

// url reads a function URL.
func (f *one) url(n *foreign.Node) {
	if n.False() {
		n.Drop("it is switched off")
		return
	}
	if !f.requests(n, "2.0") {
		return
	}
	f.routes.Add("", "")
	private := false
	for _, e := range n.Entries() {
		switch e.Key {
		case "cors":
			f.routes.Share(f.cors(e.Value))
			e.Value.Map(f.at + ".events.http.cors")
		case "authorizer":
			private = strings.EqualFold(e.Value.Raw(), "aws_iam")
			e.Value.Map(f.at + ".events.http.auth")
		case "invokeMode":
			if e.Value.Raw() == "RESPONSE_STREAM" {
				f.fn.Block("aws").Set("response_stream", true)
			}
			e.Value.Map(f.at + ".aws.response_stream")
		}
	}
	if n.Is(foreign.Scalar) {
		n.Map(f.at + ".events.http")
	}
	f.routes.Guard(private)
}

// balancer reads a rule of a load balancer: the function answers at an address of its own, which gets the same requests.
func (f *one) balancer(n *foreign.Node) {
	if !f.requests(n, "1.0") {
		return
	}
	conditions := n.Get("conditions")
	paths := conditions.Get("path").Items()
	for _, p := range paths {
		at := p.Raw()
		if strings.Contains(at, "*") {
			at = ""
		}
		f.routes.Add(lambda.Path(cmp.Or(at, "*")), "")
		p.Map(f.at + ".events.http.path")
	}
	if len(paths) == 0 {
		f.routes.Add("", "")
	}
	for _, e := range conditions.Entries() {
		switch e.Key {
		case "path":
		case "method":
			e.Value.Drop("the function answers every method")
		default:
			e.Value.Lose("a load balancer decides by it: decide in the function")
		}
	}
	for _, e := range n.Entries() {
		if e.Key != "conditions" {
			e.Value.Drop("it is a setting of the load balancer, and the function answers at an address of its own")
		}
	}
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

// cors is a cross-origin policy, nil where there is none.
func (r *reader) cors(n *foreign.Node) *draft.CORS {
	all := &draft.CORS{Origins: []string{"*"}, Headers: []string{
		"Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key", "X-Amz-Security-Token", "X-Amz-User-Agent", "X-Amzn-Trace-Id",
	}}
	if n.True() {
		return all
	}
	if !n.Is(foreign.Map) {
		return nil
	}
	c := &draft.CORS{}
	texts := func(keys ...string) (found []string) {
		for _, key := range keys {
			for _, item := range n.Get(key).Items() {
				if text, ok := r.text(item); ok {
					found = append(found, text)
				}
			}
		}
		return found
	}
	c.Origins, c.Headers = texts("origin", "origins", "allowedOrigins"), texts("headers", "allowedHeaders")
	c.Methods = texts("methods", "allowedMethods")
	c.Credentials = n.Get("allowCredentials").True()
	if age := n.Get("maxAge").Raw(); age != "" {
		c.MaxAge = age + "s"
	}
	if len(c.Origins) == 0 {
		c.Origins = all.Origins
	}
	if slices.Contains(c.Methods, "*") {
		c.Methods = nil
	}
	if exposed := n.Get("exposedResponseHeaders"); exposed != nil {
		exposed.Lose("the policy exposes no further headers: set Access-Control-Expose-Headers in the function")
	}
	return c
}

// finish puts what was collected into the function.
func (f *one) finish() {
	h, exact := f.routes.Event()
	if h == nil {
		f.fn.Payload = ""
		return
	}
	if h.CORS == nil && f.fn.Payload == "2.0" {
		h.CORS = f.defaults.cors
	}
	if f.fn.Payload == "2.0" {
		f.fn.Payload = ""
	}
	f.fn.Events = append([]draft.Event{{HTTP: h}}, f.fn.Events...)
	if !exact {
		f.note("the function " + f.fn.Name + " has routes for everybody and routes for callers with rights: all of it is private now")
	}
}

package cloudformation

import (
	"slices"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

const (
	uncarried = "its function is not in the template, or not carried"
	elsewhere = "ferry makes no resources but its functions: keep it with CloudFormation"
)

// connections are the resources that have to do with how a function is called, by their type.
func (r *reader) connections() foreign.Keys {
	return foreign.Keys{
		"AWS::Lambda::EventSourceMapping": r.mapping, "AWS::Lambda::Url": r.url, "AWS::Lambda::Permission": r.permission,
		"AWS::Lambda::EventInvokeConfig": foreign.Lost(unsent),
		"AWS::Lambda::Alias":             r.alias, "AWS::Logs::LogGroup": r.logs,
		"AWS::Events::Rule": r.rule, "AWS::Scheduler::Schedule": r.scheduled,
		"AWS::SNS::Subscription": r.subscription, "AWS::SNS::Topic": r.subscriptions, "AWS::S3::Bucket": r.notifications,
		"AWS::ApiGatewayV2::Route": r.route, "AWS::ApiGateway::Method": r.method,
		"AWS::Serverless::Api": r.api, "AWS::Serverless::HttpApi": r.api, "AWS::ApiGateway::RestApi": r.api, "AWS::ApiGatewayV2::Api": r.api,
		"AWS::IAM::Policy": r.policy, "AWS::IAM::RolePolicy": r.policy, "AWS::IAM::ManagedPolicy": r.policy,
		"AWS::Serverless::Connector": foreign.Lost(connectors),
	}
}

// called is the function that a value refers to, or an alias or a version of which it does; nil is one that is not carried. It
// is false where the value refers to none.
func (r *reader) called(n *foreign.Node) (f *one, is bool) {
	for _, id := range lambda.References(n) {
		all := []string{id}
		switch r.template.Resources.At(id, "Type").Raw() {
		case "AWS::Lambda::Alias", "AWS::Lambda::Version":
			all = lambda.References(r.template.Resources.At(id, "Properties", "FunctionName"))
		}
		for _, id := range all {
			if r.byID[id] != nil {
				return r.byID[id], true
			}
			is = is || isFunction(r.template.Resources.Get(id))
		}
	}
	return nil, is
}

// of is the function that a value of a resource refers to. The resource is lost where that is not carried, and left out where
// it has nothing to do with functions.
func (r *reader) of(n, value *foreign.Node) *one {
	f, is := r.called(value)
	switch {
	case f != nil:
		n.Get("Type").Map(f.at + ".events")
		value.Map(f.at)
	case is:
		n.Lose(uncarried)
	default:
		n.Drop(elsewhere)
	}
	return f
}

// mapping reads a mapping that is a resource of its own.
func (r *reader) mapping(n *foreign.Node) {
	properties := n.Get("Properties")
	f, _ := r.called(properties.Get("FunctionName"))
	if f == nil {
		n.Lose(uncarried)
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
	return slices.ContainsFunc(lambda.References(n), func(id string) bool {
		kind := r.template.Resources.At(id, "Type").Raw()
		return kind != "" && kind != "AWS::SQS::Queue"
	})
}

// url reads a function URL that is a resource of its own.
func (r *reader) url(n *foreign.Node) {
	f, _ := r.called(n.At("Properties", "TargetFunctionArn"))
	if f == nil {
		n.Lose(uncarried)
		return
	}
	n.Get("Type").Map(f.at + ".events.http")
	f.url(n.Get("Properties"))
}

// permission lets a service call a function. Of those whose events there are, what calls is a resource of its own.
func (r *reader) permission(n *foreign.Node) {
	n.Drop("ferry makes it for each function by itself")
	principal := n.At("Properties", "Principal")
	service, is := strings.CutSuffix(principal.Raw(), ".amazonaws.com")
	if !is || slices.Contains([]string{"apigateway", "events", "s3", "sns", "sqs", "scheduler"}, service) {
		return
	}
	if f, _ := r.called(n.At("Properties", "FunctionName")); f != nil {
		principal.Lose("the manifest has no events of " + foreign.Plain(service) + ", which may call the function")
	}
}

// alias is one of a function, for which instances may be kept.
func (r *reader) alias(n *foreign.Node) {
	n.Drop("ferry makes it for each function by itself")
	if f, _ := r.called(n.At("Properties", "FunctionName")); f != nil {
		f.bound(n.At("Properties", "ProvisionedConcurrencyConfig", "ProvisionedConcurrentExecutions"), "min")
	}
}

// logs is the group of a function's logs, which may be kept for some days.
func (r *reader) logs(n *foreign.Node) {
	n.Drop("ferry makes it for each function by itself")
	days := n.At("Properties", "RetentionInDays")
	if f, _ := r.called(n.At("Properties", "LogGroupName")); f != nil {
		if i, ok := f.settings.Number(days); ok {
			f.fn.Block("aws").Set("log_retention", i)
			days.Map(f.at + ".aws.log_retention")
		}
	}
}

// rule is one of EventBridge, which may call several functions.
func (r *reader) rule(n *foreign.Node) {
	properties := n.Get("Properties")
	targets := properties.Get("Targets")
	n.Drop(elsewhere)
	f, is := r.called(targets)
	switch {
	case !is:
		return
	case off(properties):
		n.Drop(switchedOff)
		return
	case properties.Get("ScheduleExpression") == nil:
		n.Lose("patterns of EventBridge cannot be carried: let the rule send to a queue or topic, which ferry reads")
		return
	case f == nil:
		n.Lose(uncarried)
		return
	}
	for _, target := range targets.Items() {
		if f, is := r.called(target.Get("Arn")); f != nil {
			n.Get("Type").Map(f.at + ".events")
			f.schedule(properties)
			f.target(target)
		} else if is {
			target.Lose(uncarried)
		}
	}
}

// scheduled is a schedule of EventBridge Scheduler, which calls one function.
func (r *reader) scheduled(n *foreign.Node) {
	properties := n.Get("Properties")
	target := properties.Get("Target")
	f := r.of(n, target.Get("Arn"))
	switch {
	case f == nil:
	case off(properties):
		n.Drop(switchedOff)
		n.Get("Type").Drop(switchedOff)
		target.Get("Arn").Drop(switchedOff)
	default:
		f.schedule(properties)
		f.target(target)
	}
}

// target is what a rule or a schedule calls, and with what.
func (f *one) target(n *foreign.Node) {
	for _, e := range n.Entries() {
		switch e.Key {
		case "Arn":
			e.Value.Map(f.at + ".events.schedule")
		case "Input", "InputPath", "InputTransformer":
			f.input(e.Value)
		case "RetryPolicy", "DeadLetterConfig":
			e.Value.Drop("how often an event is tried again is the target's to say")
		default:
			e.Value.Drop("ferry names and makes schedules itself")
		}
	}
}

// subscription is one of a topic that is a resource of its own.
func (r *reader) subscription(n *foreign.Node) {
	properties := n.Get("Properties")
	if f := r.of(n, properties.Get("Endpoint")); f != nil {
		f.topic(properties, "TopicArn")
		properties.Get("Endpoint").Map(f.at)
	}
}

// subscriptions are those that stand in their topic.
func (r *reader) subscriptions(n *foreign.Node) {
	n.Drop(elsewhere)
	for _, s := range n.At("Properties", "Subscription").Items() {
		f, is := r.called(s.Get("Endpoint"))
		switch {
		case f != nil:
			f.fn.Events = append(f.fn.Events, draft.Event{Topic: &draft.Topic{Name: f.named(n)}})
			s.Map(f.at + ".events.topic")
		case is:
			s.Lose(uncarried)
		}
	}
}

// notifications are those of a bucket.
func (r *reader) notifications(n *foreign.Node) {
	n.Drop(elsewhere)
	for _, c := range n.At("Properties", "NotificationConfiguration", "LambdaConfigurations").Items() {
		f, is := r.called(c.Get("Function"))
		switch {
		case f != nil:
			c.Get("Function").Map(f.at)
			f.objects(f.named(n), c.Get("Event"), c.Get("Filter"))
		case is:
			c.Lose(uncarried)
		}
	}
}

// named is the name of a resource of the template, which CloudFormation may choose.
func (r *reader) named(n *foreign.Node) string {
	for _, e := range r.template.Resources.Entries() {
		if e.Value == n {
			name, exact := r.template.Own(e.Key)
			if !exact {
				r.chosen(name)
			}
			return name
		}
	}
	return ""
}

// unconnected says what becomes of a resource of which ferry knows nothing.
func (r *reader) unconnected(kind string, n *foreign.Node) {
	n.Drop(elsewhere)
	if !lambda.Calls(kind) {
		return
	}
	if f, is := r.called(n.Get("Properties")); f != nil {
		n.Lose("it refers to the function " + f.fn.Name + ", which is at another address here, and has no events of this kind")
	} else if is {
		n.Lose(uncarried)
	}
}

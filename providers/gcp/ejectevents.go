package gcp

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// events add what calls a function besides HTTP.
func (e *ejection) events(fn function, id string, uri expression) {
	audience := uri
	if packager.Guarded(fn.Function) {
		audience = expression("random_password." + label(id, "events") + ".result")
	}
	token := attribute{"oidc_token", terms{{"service_account_email", expression("google_service_account.events.email")}, {"audience", audience}}}
	b := &binder{connection: e.connection, fn: fn}
	var seen []string
	for i, ev := range fn.Events {
		kind := eventKindOf(ev)
		if kind.binding == nil {
			continue
		}
		of := kind.binding(e.connection, fn, ev)
		if slices.Contains(seen, of.note()) { // events on one bucket are one
			continue
		}
		seen = append(seen, of.note())
		name := label(id, fmt.Sprint(i))
		switch w := of.(type) {
		case job:
			e.job(name, w, b, uri, token)
		case subscription:
			e.subscription(name, w, b, w.topic, uri, token)
		case news:
			e.bucket(name, w, b, uri, token)
		}
	}
}

// at is an address of a function, as Terraform joins it.
func at(uri expression, path string) expression {
	return expression(fmt.Sprintf(`"${%s}%s"`, uri, strings.Trim(hclText(path), `"`)))
}

func (e *ejection) job(name string, j job, b *binder, uri expression, token attribute) {
	deadline := seconds(max(15*time.Second, min(30*time.Minute, b.fn.Timeout.Std())))
	e.add("google_cloud_scheduler_job", name, terms{
		{"name", j.id + "-tf"},
		{"region", e.target.Region},
		{"schedule", j.cron},
		{"time_zone", j.zone},
		{"attempt_deadline", deadline},
		{"retry_config", terms{{"retry_count", scheduleRetries}}},
		{"http_target", terms{{"http_method", "POST"}, {"uri", at(uri, packager.EventPath("schedule", b.fn.Name))}, token}},
	})
}

func (e *ejection) subscription(name string, s subscription, b *binder, topic any, uri expression, token attribute) {
	want := s.as(b, "")
	push := terms{{"push_endpoint", at(uri, packager.EventPath(s.kind, s.name))}, token}
	if s.plain {
		push = terms{{"push_endpoint", at(uri, "/")}, token, {"no_wrapper", terms{{"write_metadata", true}}}}
	}
	of := terms{
		{"name", pubsubNaming().Of(e.prefix() + b.fn.Name + "-" + idOf(s.topic) + "-tf")},
		{"topic", topic},
		{"ack_deadline_seconds", number(want.AckDeadlineSeconds)},
		{"retry_policy", terms{{"minimum_backoff", want.RetryPolicy.MinimumBackoff}, {"maximum_backoff", want.RetryPolicy.MaximumBackoff}}},
		{"dead_letter_policy", terms{{"dead_letter_topic", expression("google_pubsub_topic.dead.id")}, {"max_delivery_attempts", number(want.DeadLetterPolicy.MaxDeliveryAttempts)}}},
		{"expiration_policy", terms{{"ttl", ""}}},
		{"push_config", push},
	}
	if want.Filter != "" {
		of = append(of, attribute{"filter", want.Filter})
	}
	for _, t := range want.MessageTransforms {
		of = append(of, attribute{"message_transforms", terms{{"javascript_udf", terms{{"function_name", t.JavascriptUdf.FunctionName}, {"code", t.JavascriptUdf.Code}}}}})
	}
	e.add("google_pubsub_subscription", name, of)
	e.add("google_pubsub_subscription_iam_member", name, terms{{"subscription", expression("google_pubsub_subscription." + name + ".name")}, {"role", subscribes}, {"member", pubsubMember}})
}

func (e *ejection) bucket(name string, n news, b *binder, uri expression, token attribute) {
	topic := expression("google_pubsub_topic." + name + ".id")
	e.add("google_pubsub_topic", name, terms{{"name", pubsubNaming().Of(n.id + "-tf")}})
	resource(&e.text, terms{}, "data", "google_storage_project_service_account", name)
	e.add("google_pubsub_topic_iam_member", name, terms{{"topic", topic}, {"role", publishes}, {"member", expression("data.google_storage_project_service_account." + name + ".member")}})
	for i, one := range n.wanted(b) {
		notification := terms{{"bucket", n.bucket}, {"payload_format", one.PayloadFormat}, {"topic", topic}, {"event_types", one.EventTypes}}
		if one.ObjectNamePrefix != "" {
			notification = append(notification, attribute{"object_name_prefix", one.ObjectNamePrefix})
		}
		notification = append(notification, attribute{"depends_on", []expression{expression("google_pubsub_topic_iam_member." + name)}})
		e.add("google_storage_notification", label(name, fmt.Sprint(i)), notification)
	}
	e.subscription(name, n.subscription(b), b, topic, uri, token)
}

// said is where each setting stands.
func said() []providers.Said {
	const batch = "Pub/Sub pushes messages one by one"
	to := func(setting, to string) providers.Said { return providers.Said{Setting: setting, To: to} }
	return []providers.Said{
		to("runtime", "the image, or runtime"),
		{Setting: "architecture", Reason: "Google offers amd64 only"},
		to("memory", "limits or available_memory"), to("timeout", "timeout"), to("env", "env"), to("secrets", "secret_key_ref"),
		to("scaling.min", "min_instance_count"), to("scaling.max", "max_instance_count"), to("scaling.concurrency", "max_instance_request_concurrency"),
		to("events[].http", "google_cloud_run_v2_service_iam_member"), to("events[].http.path", "the package, which refuses other paths"),
		to("events[].http.methods", "the package, which refuses other methods"), to("events[].http.cors", "the package, which answers it"),
		to("events[].schedule", "google_cloud_scheduler_job"), to("events[].queue", "google_pubsub_subscription"),
		{Setting: "events[].queue.batch", Reason: batch},
		to("events[].topic", "google_pubsub_subscription"), to("events[].object", "google_storage_notification and google_pubsub_subscription"),
		to("config.via", "google_cloudfunctions2_function or google_cloud_run_v2_service"), to("config.service_account", "service_account"),
		to("config.build_service_account", "build_config.service_account, where Cloud Functions builds it"), to("config.roles", "google_project_iam_member"), to("config.base_image", "images/"),
		to("config.cpu", "limits or available_cpu"), to("config.ingress", "ingress"), to("config.vpc_connector", "vpc_access"), to("config.network", "vpc_access"),
		to("config.subnet", "vpc_access"), to("config.egress", "vpc_access"), to("config.labels", "labels"), to("config.resources", "google_pubsub_subscription and google_storage_notification"),
		to("target.project", "provider"), to("target.region", "provider"),
		{Setting: "target.repository", Reason: "it holds ferry's images: the files make a repository of their own"},
		{Setting: "target.bucket", Reason: "it holds ferry's releases"},
		{Setting: "target.quota_project", Reason: "Terraform takes it from the environment"},
		{Setting: "target.impersonate", Reason: "Terraform takes it from the environment"},
	}
}

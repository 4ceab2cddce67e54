package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

var _ providers.Ejector = (*Adapter)(nil)

// Eject writes a template of AWS SAM. Nothing in it is named but what exists already, so that the stack stands beside what
// ferry deployed.
func (a *Adapter) Eject(specs []providers.Spec) (providers.Ejection, error) {
	out := &ejection{connection: a.unasked(), resources: block{}, Ejection: providers.Ejection{Format: "AWS SAM", Files: map[string][]byte{}, Said: said()}}
	for _, s := range specs {
		if err := out.function(specOf(s)); err != nil {
			return providers.Ejection{}, err
		}
	}
	template, err := block{
		{"AWSTemplateFormatVersion", "2010-09-09"},
		{"Transform", "AWS::Serverless-2016-10-31"},
		{"Description", fmt.Sprintf("%s, stage %s", a.service, a.stage)},
		{"Resources", out.resources},
		{"Outputs", out.outputs},
	}.yaml()
	if err != nil {
		return providers.Ejection{}, err
	}
	out.Files["template.yaml"], out.Files["samconfig.toml"] = template, a.samConfig()
	out.Steps = append([]string{"sam deploy"}, out.Steps...)
	return out.Ejection, nil
}

// unasked is a connection to an account that nobody asked for its number: ownAccount stands for it.
func (a *Adapter) unasked() *connection {
	c := &connection{place: &a.place, partition: "aws", region: a.target.Region, account: ownAccount}
	switch {
	case strings.HasPrefix(c.region, "cn-"):
		c.partition = "aws-cn"
	case strings.HasPrefix(c.region, "us-gov-"):
		c.partition = "aws-us-gov"
	}
	return c
}

// samConfig is what sam deploy takes its flags from.
func (a *Adapter) samConfig() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "version = 0.1\n\n[default.deploy.parameters]\nstack_name = %q\nregion = %q\ncapabilities = \"CAPABILITY_IAM\"\nresolve_s3 = true\n", a.prefix()+"functions", a.target.Region)
	if a.target.Profile != "" {
		fmt.Fprintf(&b, "profile = %q\n", a.target.Profile)
	}
	return []byte(b.String())
}

// ejection is a template that is being written.
type ejection struct {
	*connection
	resources, outputs block
	providers.Ejection
}

// function adds a function with all that it needs.
func (e *ejection) function(s spec) error {
	fn, id := s.function, logicalID(s.function.Name)
	pkg := providers.EjectedPackage{
		Function: fn.Name, Path: "functions/" + fn.Name, Unpacked: true,
		Open: func() (io.ReadCloser, error) { return s.artifact.Open() },
	}
	e.Packages = append(e.Packages, pkg)
	properties := append(e.runs(s, pkg.Path), e.mayDo(s)...)
	properties = append(properties, e.called(fn)...)
	properties = append(properties, entry{"LoggingConfig", block{{"LogGroup", refer("Ref", id+"Logs")}}})
	if len(fn.own.Tags) > 0 {
		properties = append(properties, entry{"Tags", fn.own.Tags})
	}
	e.resources = append(
		e.resources,
		entry{id, block{{"Type", "AWS::Serverless::Function"}, {"Metadata", block{{"SkipBuild", true}}}, {"Properties", properties}}},
		entry{id + "Logs", block{{"Type", "AWS::Logs::LogGroup"}, {"Properties", block{{"RetentionInDays", fn.own.retention()}}}}},
	)
	if h := fn.HTTP(); h != nil {
		e.outputs = append(e.outputs, entry{id + "Address", block{{"Value", refer("Fn::GetAtt", id+"Url.FunctionUrl")}}})
	}
	e.outputs = append(e.outputs, entry{id + "Arn", block{{"Value", refer("Ref", id+".Alias")}}})
	return e.hears(fn, id)
}

// runs is what a function is started with.
func (e *ejection) runs(s spec, path string) block {
	fn, own := s.function, s.function.own
	env := e.environment(s)
	delete(env, "FERRY_DIGEST") // by which ferry knows its own revisions
	all := block{
		{"CodeUri", path},
		{"Handler", handler(s.artifact.Entry)},
		{"Runtime", runtimes()[fn.Runtime].ID},
		{"Architectures", []any{string(architecture(fn)[0])}},
		{"MemorySize", fn.Memory.MB()},
		{"Timeout", int(fn.Timeout.Std().Seconds())},
		{"Environment", block{{"Variables", env}}},
	}
	if own.EphemeralStorage != 0 {
		all = append(all, entry{"EphemeralStorage", block{{"Size", own.storage().MB()}}})
	}
	if len(own.Layers) > 0 {
		all = append(all, entry{"Layers", own.Layers})
	}
	if own.traced() {
		all = append(all, entry{"Tracing", "Active"})
	}
	if own.VPC != nil {
		all = append(all, entry{"VpcConfig", block{{"SecurityGroupIds", own.VPC.SecurityGroups}, {"SubnetIds", own.VPC.Subnets}}})
	}
	if own.DeadLetter != "" {
		kind := "SNS"
		if strings.Contains(own.DeadLetter, ":sqs:") {
			kind = "SQS"
		}
		all = append(all, entry{"DeadLetterQueue", block{{"Type", kind}, {"TargetArn", own.DeadLetter}}})
	}
	return all
}

// mayDo are the rights of a function. SAM adds those for logs, tracing, networks, queues and dead letters by itself.
func (e *ejection) mayDo(s spec) block {
	fn := s.function
	if fn.own.Role != "" {
		return block{{"Role", fn.own.Role}}
	}
	var all block
	var policies []any
	for _, arn := range managed(fn) {
		policies = append(policies, arn)
	}
	if granted := append(e.secretRights(s.secrets), objectRights(e.connection, fn)...); len(granted) > 0 {
		var statements []any
		for _, g := range granted {
			statements = append(statements, block{{"Effect", g.Effect}, {"Action", g.Action}, {"Resource", g.Resource}})
		}
		policies = append(policies, block{{"Version", "2012-10-17"}, {"Statement", statements}})
	}
	if len(policies) > 0 {
		all = append(all, entry{"Policies", policies})
	}
	if fn.own.PermissionsBoundary != "" {
		all = append(all, entry{"PermissionsBoundary", fn.own.PermissionsBoundary})
	}
	return all
}

// called is who calls a function, and how many of its instances there are.
func (e *ejection) called(fn function) block {
	all := block{{"AutoPublishAlias", live}}
	if fn.Scaling.Max > 0 {
		all = append(all, entry{"ReservedConcurrentExecutions", fn.Scaling.Max})
	}
	if fn.Scaling.Min > 0 {
		all = append(all, entry{"ProvisionedConcurrencyConfig", block{{"ProvisionedConcurrentExecutions", fn.Scaling.Min}}})
	}
	if url, answers := exposure(fn); answers {
		config := block{{"AuthType", string(url.auth)}, {"InvokeMode", string(url.mode)}}
		if c := url.cors; c != nil {
			config = append(config, entry{"Cors", block{
				{"AllowOrigins", c.AllowOrigins},
				{"AllowMethods", c.AllowMethods},
				{"AllowHeaders", c.AllowHeaders},
				{"AllowCredentials", *c.AllowCredentials},
				{"MaxAge", int(*c.MaxAge)},
			}})
		}
		all = append(all, entry{"FunctionUrlConfig", config})
	}
	if events := e.events(fn); len(events) > 0 {
		all = append(all, entry{"Events", events})
	}
	return all
}

// events are what SAM binds to a function.
func (e *ejection) events(fn function) block {
	var all block
	schedules := 0
	for i, ev := range fn.Events {
		id := "Event" + strconv.Itoa(i)
		event := func(kind string, properties block) {
			all = append(all, entry{id, block{{"Type", kind}, {"Properties", properties}}})
		}
		switch {
		case ev.Schedule != nil:
			event("ScheduleV2", e.schedule(fn, ev.Schedule, schedules))
			schedules++
		case ev.Queue != nil:
			batch := int32(max(1, ev.Queue.Batch)) //nolint:gosec // Check bounds it
			queue := block{{"Queue", e.resourceARN(fn, "sqs", ev.Queue.Name)}, {"BatchSize", int(batch)}, {"FunctionResponseTypes", []any{string(itemFailures[0])}}}
			if w := window(batch); w > 0 {
				queue = append(queue, entry{"MaximumBatchingWindowInSeconds", int(w)})
			}
			event("SQS", queue)
		case ev.Topic != nil:
			event("SNS", block{{"Topic", e.resourceARN(fn, "sns", ev.Topic.Name)}})
		}
	}
	return all
}

func (e *ejection) schedule(fn function, ev *manifest.ScheduleEvent, n int) block {
	expression, _ := awsCron(ev.Cron) // Check refuses what it cannot say
	all := block{
		{"ScheduleExpression", expression},
		{"ScheduleExpressionTimezone", ev.Timezone},
		{"OmitName", true},
		{"Input", scheduleInput(e.schedulePrefix(fn.Name) + strconv.Itoa(n))},
		{"RetryPolicy", block{{"MaximumEventAgeInSeconds", scheduleAge}, {"MaximumRetryAttempts", scheduleRetries}}},
	}
	if fn.own.SchedulerRole != "" {
		return append(all, entry{"RoleArn", fn.own.SchedulerRole})
	}
	if fn.own.PermissionsBoundary != "" {
		all = append(all, entry{"PermissionsBoundary", fn.own.PermissionsBoundary})
	}
	return all
}

// hears lets buckets call a function. CloudFormation sets the notifications of buckets that it makes and of no others, so
// that those stand in a file of their own.
func (e *ejection) hears(fn function, id string) error {
	b := &binder{c: e.connection, fn: fn, alias: "${" + id + "Arn}"}
	wanted := b.wantedNotifications()
	for _, arn := range slices.Sorted(maps.Keys(wanted)) {
		bucket := lastPart(arn)
		e.resources = append(e.resources, entry{id + logicalID(bucket) + "Permission", block{
			{"Type", "AWS::Lambda::Permission"},
			{"Properties", block{
				{"Action", "lambda:InvokeFunction"},
				{"FunctionName", refer("Ref", id+".Alias")},
				{"Principal", "s3.amazonaws.com"},
				{"SourceArn", arn},
				{"SourceAccount", refer("Ref", "AWS::AccountId")},
			}},
		}})
		type notification struct {
			Arn    string `json:"LambdaFunctionArn"`
			Events any
			Filter any `json:",omitempty"`
		}
		var list []notification
		for _, n := range wanted[arn] {
			one := notification{Arn: *n.LambdaFunctionArn, Events: n.Events}
			if n.Filter != nil {
				one.Filter = map[string]any{"Key": map[string]any{"FilterRules": n.Filter.Key.FilterRules}}
			}
			list = append(list, one)
		}
		text, err := json.MarshalIndent(map[string]any{"LambdaFunctionConfigurations": list}, "", "  ")
		if err != nil {
			return fmt.Errorf("writing the notifications of the bucket %s: %w", bucket, err)
		}
		file := "notifications/" + bucket + "-" + fn.Name + ".json"
		e.Files[file] = append(text, '\n')
		e.Steps = append(e.Steps, fmt.Sprintf(
			"write the stack's output %sArn into %s, add that to what `aws s3api get-bucket-notification-configuration --bucket %s` prints, and put it back with `aws s3api put-bucket-notification-configuration`",
			id, file, bucket,
		))
	}
	return nil
}

// said is where each setting stands in the template.
func said() []providers.Said {
	const queue = "it is the queue's own: set its redrive policy and visibility timeout"
	to := func(setting, to string) providers.Said { return providers.Said{Setting: setting, To: to} }
	return []providers.Said{
		to("handler", "CodeUri and Handler"), to("runtime", "Runtime"), to("architecture", "Architectures"), to("memory", "MemorySize"), to("timeout", "Timeout"),
		to("env", "Environment.Variables"), to("secrets", "Environment.Variables.FERRY_SECRETS, which the package resolves when it starts"),
		to("scaling.min", "ProvisionedConcurrencyConfig"), to("scaling.max", "ReservedConcurrentExecutions"),
		{Setting: "scaling.concurrency", Reason: "an instance of Lambda serves one request at a time"},
		to("events[].http", "FunctionUrlConfig"), to("events[].http.auth", "FunctionUrlConfig.AuthType"), to("events[].http.cors", "FunctionUrlConfig.Cors"),
		to("events[].http.path", "the package, which refuses other paths"), to("events[].http.methods", "the package, which refuses other methods"),
		to("events[].schedule.cron", "Events.ScheduleExpression"), to("events[].schedule.timezone", "Events.ScheduleExpressionTimezone"),
		to("events[].queue.name", "Events.Queue"), to("events[].queue.batch", "Events.BatchSize"),
		{Setting: "events[].queue.attempts", Reason: queue},
		{Setting: "events[].queue.backoff", Reason: queue},
		to("events[].topic.name", "Events.Topic"), to("events[].object", "AWS::Lambda::Permission and notifications/"),
		to("config.role", "Role"), to("config.scheduler_role", "Events.RoleArn"), to("config.permissions_boundary", "PermissionsBoundary"),
		to("config.policies", "Policies"), to("config.layers", "Layers"), to("config.ephemeral_storage", "EphemeralStorage"), to("config.tracing", "Tracing"),
		to("config.dead_letter", "DeadLetterQueue"), to("config.vpc", "VpcConfig"), to("config.response_stream", "FunctionUrlConfig.InvokeMode"),
		to("config.log_retention", "AWS::Logs::LogGroup.RetentionInDays"), to("config.tags", "Tags"), to("config.resources", "Events"),
		to("target.region", "samconfig.toml"), to("target.profile", "samconfig.toml"),
		{Setting: "target.account", Reason: "sam deploys to the account of its credentials"},
		{Setting: "target.assume_role", Reason: "sam deploys with the credentials that it is given"},
		{Setting: "target.bucket", Reason: "it holds ferry's releases: sam has a bucket of its own"},
		{Setting: "target.endpoint", Reason: "sam takes it from the environment"},
	}
}

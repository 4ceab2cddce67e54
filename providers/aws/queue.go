package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
	"github.com/ferryfn/ferry/providers/until"
)

// mapping is what an event source mapping shall be.
type mapping struct {
	queue         string // ARN
	batch, window int32
}

// The states of a mapping; in the others it is on its way to one of these, or going.
const (
	mappingEnabled  = "Enabled"
	mappingDisabled = "Disabled"
)

// itemFailures is what the shims answer with. Without it a failed message would be taken for done.
var itemFailures = []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}

// checkQueue reports batches that SQS does not hand out, and what only the queue itself can say.
func checkQueue(fn function, field string, e manifest.Event) []providers.Issue {
	most := maxBatch
	if inOrder(fn.own.resource(e.Queue.Name)) {
		most = maxBatchFIFO
	}
	const hint = "set the queue's redrive policy and visibility timeout, which decide on AWS"
	return slices.Concat(
		check.When(e.Queue.Attempts > 0).Warn(field+".attempts", hint, "how often a message is tried is a setting of the queue itself"),
		check.When(e.Queue.Backoff > 0).Warn(field+".backoff", hint, "the pause before a message is tried again is a setting of the queue itself"),
		check.When(e.Queue.Batch > most).Block(field+".batch", fmt.Sprintf("choose at most %d", most), "SQS does not deliver %d messages in one batch", e.Queue.Batch),
	)
}

// inOrder reports whether a queue or topic is first-in-first-out, which its name says.
func inOrder(name string) bool { return strings.HasSuffix(name, ".fifo") }

// window is for how many seconds messages are gathered: AWS wants one for a batch of more than ten.
func window(batch int32) int32 {
	if batch > 10 {
		return 1
	}
	return 0
}

// queueRights let the function's role read its queues.
func queueRights(c *connection, fn function) []statement {
	queues := c.queueARNs(fn)
	if len(queues) == 0 {
		return nil
	}
	return []statement{allow(queues, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")}
}

// queueARNs are the queues that call the function, sorted.
func (c *connection) queueARNs(fn function) []string {
	var arns []string
	for _, m := range c.wantedMappings(fn) {
		arns = append(arns, m.queue)
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// wantedMappings are the mappings of the function's events.
func (c *connection) wantedMappings(fn function) []mapping {
	var all []mapping
	for _, e := range fn.Events {
		if e.Queue == nil {
			continue
		}
		batch := int32(max(1, e.Queue.Batch)) //nolint:gosec // Check bounds it
		all = append(all, mapping{queue: c.resourceARN(fn, "sqs", e.Queue.Name), batch: batch, window: window(batch)})
	}
	return all
}

// mappings are the function's mappings of queues, of others too.
func (b *binder) mappings(ctx context.Context) ([]types.EventSourceMappingConfiguration, error) {
	var all []types.EventSourceMappingConfiguration
	pages := lambda.NewListEventSourceMappingsPaginator(b.c.lambda, &lambda.ListEventSourceMappingsInput{FunctionName: &b.alias})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, unlessMissing(err)
		}
		for _, m := range page.EventSourceMappings {
			if strings.Contains(aws.ToString(m.EventSourceArn), ":sqs:") {
				all = append(all, m)
			}
		}
	}
	return all, nil
}

// made reports whether ferry made a mapping, by its tags. One that is gone it did not.
func (b *binder) made(ctx context.Context, m types.EventSourceMappingConfiguration) (made bool, tags map[string]string, err error) {
	out, err := b.c.lambda.ListTags(ctx, &lambda.ListTagsInput{Resource: m.EventSourceMappingArn})
	if err != nil {
		return false, nil, unlessMissing(err)
	}
	return b.c.owns(out.Tags, b.fn.Name), out.Tags, nil
}

// retag gives a mapping its tags, and takes away those that the manifest asked for before.
func (b *binder) retag(ctx context.Context, m types.EventSourceMappingConfiguration, has map[string]string) error {
	gone, left := retagging(b.c.tags(b.fn), has)
	if len(gone) > 0 {
		_, err := b.c.lambda.UntagResource(ctx, &lambda.UntagResourceInput{Resource: m.EventSourceMappingArn, TagKeys: gone})
		if err != nil {
			return err
		}
	}
	if len(left) > 0 {
		_, err := b.c.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: m.EventSourceMappingArn, Tags: left})
		return err
	}
	return nil
}

func (b *binder) callingQueues(ctx context.Context) ([]bool, error) {
	found, err := b.mappings(ctx)
	var calling []bool
	for _, m := range found {
		made, _, err := b.made(ctx, m)
		if err != nil {
			return nil, err
		}
		if made {
			calling = append(calling, aws.ToString(m.State) == mappingEnabled)
		}
	}
	return calling, err
}

func (b *binder) bindQueues(ctx context.Context) error {
	found, err := b.mappings(ctx)
	if err != nil {
		return err
	}
	wanted := b.c.wantedMappings(b.fn)
	for _, m := range found {
		made, tags, err := b.made(ctx, m)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(wanted, func(w mapping) bool { return w.queue == aws.ToString(m.EventSourceArn) })
		switch {
		case !made && i >= 0:
			return b.foreignMapping(m)
		case !made:
			continue
		case i < 0:
			if err := b.unmap(ctx, m); err != nil {
				return err
			}
			continue
		}
		stays, err := b.converge(ctx, m, wanted[i])
		if err != nil {
			return err
		}
		if !stays {
			continue
		}
		if err := b.retag(ctx, m, tags); err != nil {
			return err
		}
		wanted = slices.Delete(wanted, i, i+1)
	}
	for _, w := range wanted {
		if err := b.mapQueue(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (b *binder) foreignMapping(m types.EventSourceMappingConfiguration) error {
	uuid := aws.ToString(m.UUID)
	return b.foreign("delete it with `aws lambda delete-event-source-mapping --uuid "+uuid+"`",
		"there is already a mapping %s from the queue %s that ferry did not make", uuid, aws.ToString(m.EventSourceArn))
}

// converge makes a mapping what it shall be, and reports whether it is there.
func (b *binder) converge(ctx context.Context, m types.EventSourceMappingConfiguration, want mapping) (stays bool, err error) {
	err = b.change(ctx, m, func(now types.EventSourceMappingConfiguration) error {
		stays = true
		if aws.ToInt32(now.BatchSize) == want.batch && aws.ToInt32(now.MaximumBatchingWindowInSeconds) == want.window &&
			slices.Equal(now.FunctionResponseTypes, itemFailures) && (aws.ToString(now.State) == mappingEnabled) == !b.paused {
			return nil
		}
		b.wrote = true
		_, err := b.c.lambda.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{
			UUID: m.UUID, BatchSize: &want.batch, MaximumBatchingWindowInSeconds: &want.window,
			FunctionResponseTypes: itemFailures, Enabled: aws.Bool(!b.paused),
		})
		if isNotFound(err) { // it was on its way out
			stays, err = false, nil
		}
		return err
	})
	return stays, err
}

func (b *binder) unmap(ctx context.Context, m types.EventSourceMappingConfiguration) error {
	b.wrote = true
	return b.change(ctx, m, func(types.EventSourceMappingConfiguration) error {
		_, err := b.c.lambda.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: m.UUID})
		return unlessMissing(err)
	})
}

// change does something to a mapping that is there and at rest.
func (b *binder) change(
	ctx context.Context, m types.EventSourceMappingConfiguration, do func(types.EventSourceMappingConfiguration) error,
) error {
	now, err := b.resting(ctx, m)
	if err != nil || now == nil {
		return err
	}
	return do(*now)
}

// resting is a mapping once it changes no more, nil when it is gone.
func (b *binder) resting(ctx context.Context, m types.EventSourceMappingConfiguration) (*types.EventSourceMappingConfiguration, error) {
	rests := func(state *string) bool {
		return aws.ToString(state) == mappingEnabled || aws.ToString(state) == mappingDisabled
	}
	if rests(m.State) {
		return &m, nil
	}
	var now *types.EventSourceMappingConfiguration
	moving := errors.New("it is being changed")
	err := until.Done(ctx, func() error {
		out, err := b.c.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: m.UUID})
		switch {
		case err != nil:
			return unlessMissing(err)
		case !rests(out.State):
			return fmt.Errorf("the mapping of the queue %s is %s: %w", lastPart(aws.ToString(m.EventSourceArn)), aws.ToString(out.State), moving)
		}
		now = &types.EventSourceMappingConfiguration{
			State: out.State, BatchSize: out.BatchSize, MaximumBatchingWindowInSeconds: out.MaximumBatchingWindowInSeconds,
			FunctionResponseTypes: out.FunctionResponseTypes,
		}
		return nil
	}, rest(moving))
	return now, err
}

// mapQueue makes a mapping.
func (b *binder) mapQueue(ctx context.Context, w mapping) error {
	b.wrote = true
	_, err := b.c.lambda.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: &b.alias, EventSourceArn: &w.queue, BatchSize: &w.batch, MaximumBatchingWindowInSeconds: &w.window,
		FunctionResponseTypes: itemFailures, Enabled: aws.Bool(!b.paused), Tags: b.c.tags(b.fn),
	})
	if !isAlreadyExists(err) {
		return err
	}
	return b.adoptOwn(ctx, w) // made by a call whose reply was lost
}

// adoptOwn accepts a mapping that is there already if ferry made it.
func (b *binder) adoptOwn(ctx context.Context, w mapping) error {
	found, err := b.mappings(ctx)
	if err != nil {
		return err
	}
	for _, m := range found {
		if aws.ToString(m.EventSourceArn) != w.queue {
			continue
		}
		made, _, err := b.made(ctx, m)
		if err == nil && !made {
			err = b.foreignMapping(m)
		}
		return err
	}
	return b.foreign("run the command again", "the queue %s is already mapped to the function", w.queue)
}

// lookAtQueue looks whether the queue is there and fits the function.
func lookAtQueue(ctx context.Context, r *resources, event manifest.Event) {
	e := event.Queue
	arn := r.c.resourceARN(r.fn, "sqs", e.Name)
	queue, region := lastPart(arn), partOf(arn, 3)
	switch {
	case !r.first(arn):
		r.problem(providers.Invalid, "remove one of the two events", "the queue %s calls the function twice", queue)
		return
	case region != r.c.region:
		r.problem(providers.Invalid, "use a queue in "+r.c.region, "the queue %s is in %s: Lambda only reads queues in its own region", queue, region)
		return
	}
	in := &sqs.GetQueueUrlInput{QueueName: &queue}
	if owner := partOf(arn, 4); owner != r.c.account {
		in.QueueOwnerAWSAccountId = &owner
	}
	found, err := r.c.sqs.GetQueueUrl(ctx, in)
	if isNotFound(err) {
		create := "aws sqs create-queue --region " + r.c.region + " --queue-name " + queue
		visibility := strconv.Itoa(r.visibility(e))
		if inOrder(queue) {
			create += " --attributes FifoQueue=true,VisibilityTimeout=" + visibility
		} else {
			create += " --attributes VisibilityTimeout=" + visibility
		}
		r.problem(providers.NotFound, "run `"+create+"`", "there is no queue %s", queue)
		return
	}
	if err != nil {
		r.failed(err)
		return
	}
	r.fits(ctx, e, queue, aws.ToString(found.QueueUrl))
}

// visibility is how long a message should be hidden while the function works on it: six times its time limit, as AWS
// recommends, and the time in which a batch is gathered.
func (r *resources) visibility(e *manifest.QueueEvent) int {
	return min(6*r.limit()+int(window(int32(e.Batch))), 12*60*60)
}

// limit is the function's time limit in seconds.
func (r *resources) limit() int { return int(r.fn.Timeout.Std().Seconds()) }

// fits compares the queue's time limit with the function's.
func (r *resources) fits(ctx context.Context, e *manifest.QueueEvent, queue, url string) {
	out, err := r.c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameVisibilityTimeout},
	})
	if err != nil {
		r.failed(err)
		return
	}
	hidden, err := strconv.Atoi(out.Attributes[string(sqstypes.QueueAttributeNameVisibilityTimeout)])
	if err != nil || hidden >= r.limit() {
		return
	}
	r.problem(providers.Invalid,
		fmt.Sprintf("run `aws sqs set-queue-attributes --region %s --queue-url %s --attributes VisibilityTimeout=%d`", r.c.region, url, r.visibility(e)),
		"the queue %s delivers a message again after %ds, but the function may work on it for %ds", queue, hidden, r.limit())
}

// tellMappings tells of what Lambda reads for a function, whoever said so: queues, and streams.
func (o *original) tellMappings(ctx context.Context) error {
	pages := lambda.NewListEventSourceMappingsPaginator(o.lambda, &lambda.ListEventSourceMappingsInput{FunctionName: &o.arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return o.unlessDenied(err, "lambda:ListEventSourceMappings: queues and streams that it reads")
		}
		for _, m := range page.EventSourceMappings {
			if aws.ToString(m.FunctionArn) != o.arn {
				continue
			}
			if service := partOf(aws.ToString(m.EventSourceArn), 2); service != "sqs" {
				o.calls(cmp.Or(service, "kafka"), map[string]any{"Stream": m.EventSourceArn, "Topics": m.Topics, "BatchSize": m.BatchSize})
				continue
			}
			o.calls("SQS", map[string]any{
				"Queue": m.EventSourceArn, "BatchSize": m.BatchSize, "Enabled": aws.ToString(m.State) != "Disabled", "FilterCriteria": m.FilterCriteria,
				"FunctionResponseTypes": m.FunctionResponseTypes, "MaximumBatchingWindowInSeconds": m.MaximumBatchingWindowInSeconds, "ScalingConfig": m.ScalingConfig,
			})
		}
	}
	return nil
}

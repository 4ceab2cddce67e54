package awstest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// mapping sends the messages of a queue to a function.
type mapping struct {
	config types.EventSourceMappingConfiguration
	polls  int    // until it is what it becomes
	next   string // the state it becomes; "" is gone
	tags   map[string]string
}

func (m *mapping) begin(state, next string, polls int) {
	m.config.State, m.next, m.polls = &state, next, polls+1
	m.config.LastModified, m.config.StateTransitionReason = new(now()), new("USER_INITIATED")
}

func (c *Cloud) createMapping(in *lambda.CreateEventSourceMappingInput) (any, error) {
	f, qualifier, err := c.mapped(in.FunctionName)
	if err != nil {
		return nil, err
	}
	source := deref(in.EventSourceArn)
	if !strings.HasPrefix(source, "arn:aws:sqs:") || in.StartingPosition != "" {
		return nil, invalid("Unrecognized event source.")
	}
	m := &mapping{tags: in.Tags, config: types.EventSourceMappingConfiguration{
		UUID: new(newID()), EventSourceArn: &source, FunctionArn: new(f.arn(qualifier)), BatchSize: or(in.BatchSize, 10),
		MaximumBatchingWindowInSeconds: or(in.MaximumBatchingWindowInSeconds, 0), FunctionResponseTypes: in.FunctionResponseTypes,
		ScalingConfig: in.ScalingConfig, FilterCriteria: in.FilterCriteria,
	}}
	m.config.EventSourceMappingArn = new(arn("lambda", "event-source-mapping:"+*m.config.UUID))
	if err := c.checkMapping(f, qualifier, &m.config); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(c.mappings)) {
		if other := c.mappings[id].config; *other.EventSourceArn == source && *other.FunctionArn == *m.config.FunctionArn {
			return nil, refuse(409, "ResourceConflictException", "An event source mapping with SQS arn (\" %s \") and function (\" %s \") already exists. "+
				"Please update or delete the existing mapping with UUID %s", source, f.name, id)
		}
	}
	m.begin("Creating", enabledState(in.Enabled), c.polls(updating))
	c.mappings[*m.config.UUID] = m
	return m.config, nil
}

func enabledState(enabled *bool) string {
	if enabled != nil && !*enabled {
		return "Disabled"
	}
	return "Enabled"
}

// mapped finds the function of a mapping.
func (c *Cloud) mapped(name *string) (*function, string, error) {
	base, qualifier, err := reference(deref(name), "")
	if err != nil {
		return nil, "", err
	}
	f := c.functions[base]
	if f == nil {
		return nil, "", invalid("Function does not exist")
	}
	if f.find(qualifier) == nil {
		return nil, "", missingFunction(f.arn(qualifier))
	}
	return f, qualifier, nil
}

// checkMapping refuses what a queue cannot be read with.
func (c *Cloud) checkMapping(f *function, qualifier string, m *types.EventSourceMappingConfiguration) error {
	fifo := strings.HasSuffix(*m.EventSourceArn, ".fifo")
	if err := within("batchSize", *m.BatchSize, 1, 10000); err != nil {
		return err
	}
	if err := within("maximumBatchingWindowInSeconds", *m.MaximumBatchingWindowInSeconds, 0, 300); err != nil {
		return err
	}
	if s := m.ScalingConfig; s != nil && s.MaximumConcurrency != nil {
		if err := within("scalingConfig.maximumConcurrency", *s.MaximumConcurrency, 2, 1000); err != nil {
			return err
		}
	}
	switch {
	case fifo && *m.MaximumBatchingWindowInSeconds > 0:
		return invalid("Batching window is not supported for FIFO queues")
	case fifo && *m.BatchSize > 10:
		return invalid("Batch size must be less than or equal to 10 for FIFO queues")
	case *m.BatchSize > 10 && *m.MaximumBatchingWindowInSeconds == 0:
		return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	q := c.queueByARN(*m.EventSourceArn)
	if q == nil {
		return invalid("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. " +
			"SQS Error Message: The specified queue does not exist for this wsdl version.")
	}
	v := f.find(qualifier)
	r := c.roleByARN(*v.config.Role)
	for _, action := range []string{"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"} {
		if r == nil || !r.allows("sqs:"+action, *m.EventSourceArn) {
			return invalid("The provided execution role does not have permissions to call %s on SQS", action)
		}
	}
	visible, _ := strconv.Atoi(q.attributes["VisibilityTimeout"])
	if visible < int(*v.config.Timeout) {
		return invalid("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds", visible, *v.config.Timeout)
	}
	return nil
}

// settle lets one poll pass, and says whether the mapping is still there.
func (m *mapping) settle() bool {
	if m.polls > 0 {
		m.polls--
		if m.polls == 0 {
			m.config.State = new(m.next)
		}
	}
	return m.polls > 0 || *m.config.State != ""
}

func missingMapping(arn string) error {
	return refuse(404, "ResourceNotFoundException", "Event source mapping not found: %s", arn)
}

// findMapping gives a mapping after a poll.
func (c *Cloud) findMapping(id *string) (*mapping, error) {
	m := c.mappings[deref(id)]
	if m == nil {
		return nil, missingMapping(arn("lambda", "event-source-mapping:"+deref(id)))
	}
	if !m.settle() {
		delete(c.mappings, deref(id))
		return nil, missingMapping(*m.config.EventSourceMappingArn)
	}
	return m, nil
}

func (c *Cloud) getMapping(in *lambda.GetEventSourceMappingInput) (any, error) {
	m, err := c.findMapping(in.UUID)
	if err != nil {
		return nil, err
	}
	return m.config, nil
}

// idleMapping finds a mapping that nothing happens to. Each refusal lets a poll pass, as time does.
func (c *Cloud) idleMapping(id *string, verb string) (*mapping, error) {
	m := c.mappings[deref(id)]
	if m == nil {
		return nil, missingMapping(arn("lambda", "event-source-mapping:"+deref(id)))
	}
	if m.polls > 0 {
		if !m.settle() {
			delete(c.mappings, deref(id))
		}
		return nil, refuse(400, "ResourceInUseException", "Cannot %s the event source mapping because it is in use.", verb)
	}
	return m, nil
}

func (c *Cloud) updateMapping(in *lambda.UpdateEventSourceMappingInput) (any, error) {
	m, err := c.idleMapping(in.UUID, "update")
	if err != nil {
		return nil, err
	}
	next := m.config
	next.BatchSize = or(in.BatchSize, *next.BatchSize)
	next.MaximumBatchingWindowInSeconds = or(in.MaximumBatchingWindowInSeconds, *next.MaximumBatchingWindowInSeconds)
	if in.FunctionName != nil {
		f, qualifier, err := c.mapped(in.FunctionName)
		if err != nil {
			return nil, err
		}
		next.FunctionArn = new(f.arn(qualifier))
	}
	if in.FunctionResponseTypes != nil {
		next.FunctionResponseTypes = in.FunctionResponseTypes
	}
	if in.ScalingConfig != nil {
		next.ScalingConfig = in.ScalingConfig
	}
	if in.FilterCriteria != nil {
		next.FilterCriteria = in.FilterCriteria
	}
	f, qualifier, err := c.mapped(next.FunctionArn)
	if err != nil {
		return nil, err
	}
	if err := c.checkMapping(f, qualifier, &next); err != nil {
		return nil, err
	}
	under, becomes := "Updating", *m.config.State
	if in.Enabled != nil && enabledState(in.Enabled) != becomes {
		becomes = enabledState(in.Enabled)
		under = strings.TrimSuffix(becomes, "ed") + "ing"
	}
	m.config = next
	m.begin(under, becomes, c.polls(updating))
	return m.config, nil
}

func (c *Cloud) deleteMapping(in *lambda.DeleteEventSourceMappingInput) (any, error) {
	m, err := c.idleMapping(in.UUID, "delete")
	if err != nil {
		return nil, err
	}
	m.begin("Deleting", "", c.polls(updating))
	return m.config, nil
}

func (c *Cloud) listMappings(in *lambda.ListEventSourceMappingsInput) (any, error) {
	var wanted string
	if in.FunctionName != nil {
		base, qualifier, err := reference(*in.FunctionName, "")
		if err != nil {
			return nil, err
		}
		wanted = (&function{name: base}).arn(qualifier)
	}
	var all []types.EventSourceMappingConfiguration
	for _, id := range slices.SortedFunc(maps.Keys(c.mappings), c.older) {
		m, err := c.findMapping(&id)
		if err != nil || in.EventSourceArn != nil && *in.EventSourceArn != *m.config.EventSourceArn ||
			wanted != "" && wanted != *m.config.FunctionArn {
			continue
		}
		all = append(all, m.config)
	}
	items, next := page(all, in.Marker, limit(in.MaxItems, 100))
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: items, NextMarker: next}, nil
}

func (c *Cloud) older(a, b string) int {
	at := func(id string) time.Time { return *c.mappings[id].config.LastModified }
	if d := at(a).Compare(at(b)); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

package awstest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

func logsService() *service {
	return &service{name: "logs", protocol: json11, casing: lower, ops: []*operation{
		{name: "CreateLogGroup", run: typed((*Cloud).createLogGroup)},
		{name: "DescribeLogGroups", run: typed((*Cloud).describeLogGroups)},
		{name: "PutRetentionPolicy", run: typed((*Cloud).putRetention)},
		{name: "DeleteRetentionPolicy", run: typed((*Cloud).deleteRetention)},
		{name: "DeleteLogGroup", run: typed((*Cloud).deleteLogGroup)},
		{name: "TagResource", run: typed((*Cloud).tagLogGroup)},
		{name: "UntagResource", run: typed((*Cloud).untagLogGroup)},
		{name: "ListTagsForResource", run: typed((*Cloud).listLogTags)},
		{name: "FilterLogEvents", run: typed((*Cloud).filterEvents)},
		{name: "DescribeLogStreams", run: typed((*Cloud).describeStreams)},
	}}
}

// logGroup holds what functions print, in the order in which it came.
type logGroup struct {
	name      string
	created   int64
	retention *int32
	tags      map[string]string
	events    []types.FilteredLogEvent
	streams   map[string]int64 // when they began
}

var (
	groupName  = regexp.MustCompile(`^[\.\-_/#A-Za-z0-9]{1,512}$`)
	retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)

func (c *Cloud) group(name *string) (*logGroup, error) {
	g := c.groups[deref(name)]
	if g == nil {
		return nil, refuse(400, "ResourceNotFoundException", "The specified log group does not exist.")
	}
	return g, nil
}

func logsInvalid(format string, args ...any) error {
	return refuse(400, "InvalidParameterException", format, args...)
}

func (c *Cloud) createLogGroup(in *cloudwatchlogs.CreateLogGroupInput) (any, error) {
	name := deref(in.LogGroupName)
	if !groupName.MatchString(name) {
		return nil, logsInvalid("1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: "+
			`Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`, name)
	}
	if len(in.Tags) > 50 {
		return nil, refuse(400, "TooManyTagsException", "A resource can have no more than 50 tags.")
	}
	if c.groups[name] != nil {
		return nil, refuse(400, "ResourceAlreadyExistsException", "The specified log group already exists")
	}
	c.newGroup(name).tags = maps.Clone(in.Tags)
	return nil, nil
}

func (c *Cloud) newGroup(name string) *logGroup {
	g := &logGroup{name: name, created: now().UnixMilli(), streams: map[string]int64{}}
	c.groups[name] = g
	return g
}

func (c *Cloud) describeLogGroups(in *cloudwatchlogs.DescribeLogGroupsInput) (any, error) {
	if in.LogGroupNamePattern != nil && in.LogGroupNamePrefix != nil {
		return nil, logsInvalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	var all []types.LogGroup
	for _, name := range slices.Sorted(maps.Keys(c.groups)) {
		if !strings.HasPrefix(name, deref(in.LogGroupNamePrefix)) || !strings.Contains(name, deref(in.LogGroupNamePattern)) {
			continue
		}
		g := c.groups[name]
		bare := arn("logs", "log-group:"+name)
		all = append(all, types.LogGroup{
			LogGroupName: &g.name, CreationTime: &g.created, RetentionInDays: g.retention, Arn: new(bare + ":*"), LogGroupArn: &bare,
			LogGroupClass: types.LogGroupClassStandard, StoredBytes: new(int64(0)), MetricFilterCount: new(int32(0)),
		})
	}
	items, next := page(all, in.NextToken, limit(in.Limit, 50))
	return &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: items, NextToken: next}, nil
}

func (c *Cloud) putRetention(in *cloudwatchlogs.PutRetentionPolicyInput) (any, error) {
	g, err := c.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if in.RetentionInDays == nil || !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, logsInvalid("1 validation error detected: Value '%v' at 'retentionInDays' failed to satisfy constraint: "+
			"Member must satisfy enum value set: %v", shown(in.RetentionInDays), retentions)
	}
	g.retention = in.RetentionInDays
	return nil, nil
}

func shown(n *int32) string {
	if n == nil {
		return "null"
	}
	return fmt.Sprint(*n)
}

func (c *Cloud) deleteRetention(in *cloudwatchlogs.DeleteRetentionPolicyInput) (any, error) {
	g, err := c.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	g.retention = nil
	return nil, nil
}

func (c *Cloud) deleteLogGroup(in *cloudwatchlogs.DeleteLogGroupInput) (any, error) {
	if _, err := c.group(in.LogGroupName); err != nil {
		return nil, err
	}
	delete(c.groups, *in.LogGroupName)
	return nil, nil
}

// groupByARN takes the ARN without the star at its end, as the tagging calls want it.
func (c *Cloud) groupByARN(resource *string) (*logGroup, error) {
	name, ok := strings.CutPrefix(deref(resource), arn("logs", "log-group:"))
	if !ok || strings.HasSuffix(name, ":*") {
		return nil, logsInvalid("Invalid resource ARN: %s", deref(resource))
	}
	return c.group(&name)
}

func (c *Cloud) tagLogGroup(in *cloudwatchlogs.TagResourceInput) (any, error) {
	g, err := c.groupByARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(g.tags)
	if next == nil {
		next = map[string]string{}
	}
	maps.Copy(next, in.Tags)
	if len(next) > 50 {
		return nil, refuse(400, "TooManyTagsException", "A resource can have no more than 50 tags.")
	}
	g.tags = next
	return nil, nil
}

func (c *Cloud) untagLogGroup(in *cloudwatchlogs.UntagResourceInput) (any, error) {
	g, err := c.groupByARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(g.tags, key)
	}
	return nil, nil
}

func (c *Cloud) listLogTags(in *cloudwatchlogs.ListTagsForResourceInput) (any, error) {
	g, err := c.groupByARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.ListTagsForResourceOutput{Tags: g.tags}, nil
}

// events gives what was printed; patterns are plain text that a message must contain.
func (c *Cloud) filterEvents(in *cloudwatchlogs.FilterLogEventsInput) (any, error) {
	g, err := c.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if in.LogStreamNames != nil && in.LogStreamNamePrefix != nil {
		return nil, logsInvalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	}
	var all []types.FilteredLogEvent
	for _, e := range g.events {
		at := *e.Timestamp
		switch {
		case in.StartTime != nil && at < *in.StartTime, in.EndTime != nil && at >= *in.EndTime,
			in.LogStreamNames != nil && !slices.Contains(in.LogStreamNames, *e.LogStreamName),
			!strings.HasPrefix(*e.LogStreamName, deref(in.LogStreamNamePrefix)),
			!strings.Contains(*e.Message, strings.Trim(deref(in.FilterPattern), `"`)):
			continue
		}
		all = append(all, e)
	}
	items, next := page(all, in.NextToken, limit(in.Limit, 10000))
	return &cloudwatchlogs.FilterLogEventsOutput{Events: items, NextToken: next}, nil
}

func (c *Cloud) describeStreams(in *cloudwatchlogs.DescribeLogStreamsInput) (any, error) {
	g, err := c.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	var all []types.LogStream
	for _, name := range slices.Sorted(maps.Keys(g.streams)) {
		if strings.HasPrefix(name, deref(in.LogStreamNamePrefix)) {
			all = append(all, types.LogStream{LogStreamName: &name, CreationTime: new(g.streams[name]), Arn: new(arn("logs", "log-group:"+g.name+":log-stream:"+name))})
		}
	}
	items, next := page(all, in.NextToken, limit(in.Limit, 50))
	return &cloudwatchlogs.DescribeLogStreamsOutput{LogStreams: items, NextToken: next}, nil
}

// print adds what a function printed, line by line.
func (g *logGroup) print(stream, text string) {
	at := now().UnixMilli()
	if _, ok := g.streams[stream]; !ok {
		g.streams[stream] = at
	}
	for line := range strings.Lines(text) {
		g.events = append(g.events, types.FilteredLogEvent{
			EventId: new(fmt.Sprintf("%056d", len(g.events))), LogStreamName: &stream, Message: &line, Timestamp: &at, IngestionTime: &at,
		})
	}
}

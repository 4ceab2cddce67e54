package aws

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/tail"
)

var _ providers.LogTailer = (*Adapter)(nil)

// ensureLogGroup makes the function's log group, which Lambda would make without an end to what is kept. One that was
// there stays as it is: its logs are not ferry's to end, be it that Lambda made it, without tags, or somebody else.
func (c *connection) ensureLogGroup(ctx context.Context, fn function) error {
	group, tags := c.logGroupName(fn.Name), c.tags(fn)
	_, err := c.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group, Tags: tags})
	if isAlreadyExists(err) {
		var has map[string]string
		if has, err = c.ownLogGroup(ctx, fn); err == nil && has == nil {
			return nil
		}
		if err == nil {
			err = c.tagLogGroup(ctx, fn, has)
		}
	}
	if err != nil {
		return fmt.Errorf("making the log group %s: %w", group, err)
	}
	days := int32(fn.own.retention())
	_, err = c.logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &group, RetentionInDays: &days})
	if err != nil {
		return fmt.Errorf("setting how long %s keeps logs: %w", group, err)
	}
	return nil
}

// ownLogGroup returns the tags of the group that exists, nil when ferry did not make it. Then a retention cannot be set.
func (c *connection) ownLogGroup(ctx context.Context, fn function) (map[string]string, error) {
	there, err := c.logGroupTags(ctx, fn.Name)
	if err != nil {
		return nil, err
	}
	group := c.logGroupName(fn.Name)
	switch {
	case c.owns(there, fn.Name):
		return there, nil
	case fn.own.LogRetention == 0:
		return nil, nil
	}
	tags := strings.Join([]string{tagService + "=" + c.service, tagStage + "=" + c.stage, tagFunction + "=" + fn.Name}, ",")
	return nil, &providers.Error{
		Kind: providers.Foreign, Op: "make the log group", Provider: name, Function: fn.Name,
		Hint: "remove log_retention from the manifest, or hand the group and its logs over to ferry: `aws logs tag-resource --resource-arn " +
			c.logGroupARN(fn.Name) + " --tags " + tags + "`",
		Err: fmt.Errorf("the log group %s already existed, and ferry sets log_retention only on those that it made", group),
	}
}

// tagLogGroup gives a group its tags, and takes away those that the manifest asked for before.
func (c *connection) tagLogGroup(ctx context.Context, fn function, has map[string]string) error {
	arn := c.logGroupARN(fn.Name)
	gone, left := retagging(c.tags(fn), has)
	if len(gone) > 0 {
		if _, err := c.logs.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: &arn, TagKeys: gone}); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		_, err := c.logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: left})
		return err
	}
	return nil
}

// removeLogGroup deletes the function's log group if it is ferry's.
func (c *connection) removeLogGroup(ctx context.Context, fn string) error {
	tags, err := c.logGroupTags(ctx, fn)
	if err == nil && c.owns(tags, fn) {
		_, err = c.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String(c.logGroupName(fn))})
	}
	if err == nil || isNotFound(err) {
		return nil
	}
	return fmt.Errorf("deleting the log group %s: %w", c.logGroupName(fn), err)
}

func (c *connection) logGroupTags(ctx context.Context, fn string) (map[string]string, error) {
	arn := c.logGroupARN(fn)
	out, err := c.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return nil, err
	}
	return out.Tags, nil
}

func (c *connection) logGroupARN(fn string) string {
	return c.arn("logs", "log-group:"+c.logGroupName(fn))
}

// Tail reads the function's log group. A group that is not there yet is an empty one.
func (a *Adapter) Tail(ctx context.Context, fn string, o providers.TailOptions, emit func(providers.LogLine) error) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	group := tail.Log{Late: time.Minute, Every: time.Second, Read: func(ctx context.Context, from, to time.Time, each func(tail.Entry) error) error {
		return c.readLog(ctx, fn, from, to, each)
	}}
	return group.Tail(ctx, o, emit)
}

// readLog hands on the events of a time.
func (c *connection) readLog(ctx context.Context, fn string, from, to time.Time, each func(tail.Entry) error) error {
	group := c.logGroupName(fn)
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, StartTime: aws.Int64(from.UnixMilli()),
		Interleaved: aws.Bool(true), //nolint:staticcheck // AWS ignores it, as it always does so; what stands in for AWS may not
	}
	if !to.IsZero() {
		in.EndTime = aws.Int64(to.UnixMilli() - 1) // which AWS counts in
	}
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(c.logs, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isNotFound(err) {
			return nil
		}
		if err != nil {
			return c.classify("logs", fn, err)
		}
		for _, e := range page.Events {
			entry := tail.Entry{ID: aws.ToString(e.EventId), At: time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC(), Lines: linesOf(fn, e)}
			if err := each(entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// linesOf are the lines of an event: a program that writes several at once makes one event of them.
func linesOf(fn string, e types.FilteredLogEvent) []providers.LogLine {
	l := providers.LogLine{Time: time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC(), Function: fn, Stream: "stdout"}
	l.Revision, l.Instance = instanceOf(aws.ToString(e.LogStreamName))
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(aws.ToString(e.Message))
	if byPlatform(text) {
		l.Stream = "platform"
	}
	var lines []providers.LogLine
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		l.Text = line
		lines = append(lines, l)
	}
	return lines
}

// byPlatform reports whether Lambda wrote an event, as text or as JSON.
func byPlatform(text string) bool {
	return regexp.MustCompile(`^(?:(?:START|END|REPORT) RequestId: |(?:INIT|RESTORE)_(?:START|REPORT) |XRAY TraceId: |EXTENSION\t|\{"time":"[^"]+","type":"platform\.)`).MatchString(text)
}

// instanceOf reads the name of a log stream, as in 2026/11/23/[12]0a1b.
func instanceOf(stream string) (revision, instance string) {
	found := regexp.MustCompile(`\[([^\[\]]+)\](?:\[[^\[\]]*\])?([0-9a-f]+)$`).FindStringSubmatch(stream)
	if found == nil {
		return "", stream
	}
	return found[1], found[2]
}

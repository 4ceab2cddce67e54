package aws

import (
	"crypto/md5" //nolint:gosec // what SQS sends beside a message
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// native is an event as the service of AWS sends it that it comes from.
func (c *connection) native(r providers.Request, now time.Time) ([]byte, error) {
	fn := functionOf(r.Event.Function)
	id := fmt.Sprintf("ferry-%d", now.UnixNano())
	var record map[string]any
	switch e := r.Event; {
	case e.Queue != nil:
		record = c.message(r, id, c.resourceARN(fn, "sqs", e.Queue.Name), now)
	case e.Topic != nil:
		record = c.notification(r, id, c.resourceARN(fn, "sns", e.Topic.Name), now)
	case e.Object != nil:
		record = c.change(r, id, c.resourceARN(fn, "s3", e.Object.Bucket), now)
	default:
		schedule := c.schedulePrefix(fn.Name) + "0"
		return []byte(strings.NewReplacer(
			"<aws.scheduler.scheduled-time>", now.Format(time.RFC3339), "<aws.scheduler.attempt-number>", "1",
			"<aws.scheduler.schedule-arn>", c.arn("scheduler", "schedule/default/"+schedule),
		).Replace(scheduleInput(schedule))), nil
	}
	return json.Marshal(map[string]any{"Records": []any{record}})
}

// message is a record of SQS. A message is text, unless an attribute says otherwise.
func (c *connection) message(r providers.Request, id, arn string, now time.Time) map[string]any {
	sent := strconv.FormatInt(now.UnixMilli(), 10)
	sum := md5.Sum(r.Body) //nolint:gosec // as above
	attributes := map[string]any{}
	if r.Header["Content-Type"] != nil {
		attributes["content-type"] = map[string]any{"stringValue": r.ContentType(), "dataType": "String", "stringListValues": []string{}, "binaryListValues": []string{}}
	}
	system := map[string]string{
		"ApproximateReceiveCount": "1", "SentTimestamp": sent, "SenderId": c.account, "ApproximateFirstReceiveTimestamp": sent,
	}
	if strings.HasSuffix(arn, ".fifo") {
		system["MessageGroupId"], system["MessageDeduplicationId"], system["SequenceNumber"] = "ferry", id, "1"
	}
	return map[string]any{
		"messageId": id, "receiptHandle": id, "body": string(r.Body), "attributes": system, "messageAttributes": attributes,
		"md5OfBody": hex.EncodeToString(sum[:]), "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": c.region,
	}
}

// notification is a record of SNS.
func (c *connection) notification(r providers.Request, id, arn string, now time.Time) map[string]any {
	attributes := map[string]any{}
	if r.Header["Content-Type"] != nil {
		attributes["content-type"] = map[string]string{"Type": "String", "Value": r.ContentType()}
	}
	return map[string]any{
		"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": arn + ":" + id,
		"Sns": map[string]any{
			"Type": "Notification", "MessageId": id, "TopicArn": arn, "Subject": nil, "Message": string(r.Body),
			"Timestamp": now.Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": "1", "Signature": "", "SigningCertUrl": "", "UnsubscribeUrl": "",
			"MessageAttributes": attributes,
		},
	}
}

// change is a record of S3, which encodes keys as forms do.
func (c *connection) change(r providers.Request, id, arn string, now time.Time) map[string]any {
	o := r.Object()
	what := map[string]string{"created": "ObjectCreated:Put", "deleted": "ObjectRemoved:Delete"}[r.Event.Object.On[0]]
	item := map[string]any{"key": strings.ReplaceAll(url.QueryEscape(o.Key), "%2F", "/"), "sequencer": fmt.Sprintf("%016X", now.UnixNano())}
	if what == "ObjectCreated:Put" {
		item["size"], item["eTag"] = o.Size, o.ETag
	}
	return map[string]any{
		"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": c.region, "eventTime": now.Format("2006-01-02T15:04:05.000Z"), "eventName": what,
		"userIdentity": map[string]string{"principalId": c.account}, "requestParameters": map[string]string{"sourceIPAddress": "127.0.0.1"},
		"responseElements": map[string]string{"x-amz-request-id": id, "x-amz-id-2": id},
		"s3": map[string]any{
			"s3SchemaVersion": "1.0", "configurationId": "ferry", "object": item,
			"bucket": map[string]any{"name": lastPart(arn), "ownerIdentity": map[string]string{"principalId": c.account}, "arn": arn},
		},
	}
}

package aws

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what SQS sends beside a message
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/internal/masking"
	"github.com/ferryfn/ferry/providers"
)

// Probe calls the version itself, before the alias points at it. Its shim answers with the digest of its
// configuration; that its code is the right one was seen when it was published.
func (a *Adapter) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	const op = "probe"
	fn := s.Function.Name
	if !s.Function.Shimmed() || s.Function.Runtime == "" { // what was adopted has no shim: its handler would get the probe
		return nil
	}
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	payload, _, err := c.call(ctx, op, fn, r.ID, []byte(`{"dev.ferry.probe":true}`))
	var crashed *providers.Error
	if errors.As(err, &crashed) && crashed.Log != "" { // which may show the environment
		hide := masking.Of(providers.Concealed(s.Function)...).Hide
		crashed.Log, crashed.Err = hide(crashed.Log), errors.New(hide(crashed.Err.Error()))
	}
	var answer struct{ Digest string }
	if err == nil {
		_ = json.Unmarshal(payload, &answer) // else it has no digest
	}
	if answer.Digest == "" && c.emulated() && !explained(err) {
		return &providers.Error{
			Kind: providers.Unsupported, Op: op, Provider: name, Function: fn,
			Err: errors.New("the endpoint that stands in for AWS does not run functions"),
		}
	}
	if err != nil {
		return err
	}
	if answer.Digest != providers.ConfigDigest(s.Function, s.Secrets) {
		return &providers.Error{
			Kind: providers.Unhealthy, Op: op, Provider: name, Function: fn, Hint: "deploy again",
			Err: fmt.Errorf("version %s answered the probe with %.200s", r.ID, payload),
		}
	}
	return nil
}

// emulated reports whether something stands in for AWS.
func (c *connection) emulated() bool { return c.lambda.Options().BaseEndpoint != nil }

// explained reports whether a call failed as functions fail, or as the service does.
func explained(err error) bool {
	var e *providers.Error
	return errors.As(err, &e) && (e.Kind != providers.Crashed || !strings.HasPrefix(e.Err.Error(), ": "))
}

// call invokes a version or alias and returns what it answered, with the end of its log.
func (c *connection) call(ctx context.Context, op, fn, qualifier string, payload []byte) (answer []byte, log string, err error) {
	out, err := c.lambda.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(c.functionName(fn)), Qualifier: aws.String(qualifier), LogType: types.LogTypeTail, Payload: payload,
	})
	if err != nil {
		return nil, "", c.classify(op, fn, err)
	}
	if tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult)); err == nil {
		log = string(tail)
	}
	if out.FunctionError == nil {
		return out.Payload, log, nil
	}
	var thrown struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(out.Payload, &thrown) // else the payload has no form that is known
	shown := log
	if thrown.ErrorMessage == "" || !strings.Contains(log, thrown.ErrorMessage) {
		shown += "\n" + string(out.Payload) // it says what the log does not
	}
	return nil, log, &providers.Error{
		Kind: providers.Crashed, Op: op, Provider: name, Function: fn, Hint: providers.CrashHint(shown), Log: strings.TrimSpace(shown),
		Err: fmt.Errorf("%s: %s", thrown.ErrorType, thrown.ErrorMessage),
	}
}

// Invoke calls the alias with the caller's own rights. A request with a method goes in as a Function URL would hand
// it on, any other one as an event for the shim.
func (a *Adapter) Invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	const op = "invoke"
	c, err := a.connect(ctx)
	if err != nil {
		return providers.Response{}, err
	}
	payload, err := c.payload(fn, r)
	if err != nil {
		return providers.Response{}, a.classify(op, fn, err)
	}
	began := time.Now()
	answer, log, err := c.call(ctx, op, fn, live, payload)
	res := providers.Response{Log: log, Seconds: time.Since(began).Seconds(), Cold: strings.Contains(log, "Init Duration")}
	var crashed *providers.Error
	switch {
	case errors.As(err, &crashed) && crashed.Kind == providers.Crashed && r.Method == "":
		res.Status = http.StatusInternalServerError
		res.Header = map[string][]string{"Content-Type": {"application/json"}}
		res.Body, _ = json.Marshal(map[string]string{"error": crashed.Err.Error()}) // text always has a JSON form
		return res, nil
	case err != nil:
		return res, err
	case r.Method == "":
		acknowledged(&res, r.Event, answer)
		return res, nil
	}
	return res, a.classify(op, fn, fill(&res, answer))
}

// acknowledged is the response to an event. What a queue is told of messages that failed is a failure.
func acknowledged(res *providers.Response, event *providers.BoundEvent, answer []byte) {
	res.Status, res.Body = http.StatusOK, answer
	var batch struct{ BatchItemFailures []json.RawMessage }
	isBatch := event != nil && event.Queue != nil && json.Unmarshal(answer, &batch) == nil
	switch {
	case isBatch && len(batch.BatchItemFailures) > 0:
		res.Status = http.StatusInternalServerError
	case isBatch || bytes.Equal(bytes.TrimSpace(answer), []byte("null")):
		res.Status, res.Body = http.StatusNoContent, nil
		return
	}
	res.Header = map[string][]string{"Content-Type": {"application/json"}}
}

// payload is the event for a request.
func (c *connection) payload(fn string, r providers.Request) ([]byte, error) {
	now := time.Now().UTC()
	if r.Event != nil {
		return c.native(r, now)
	}
	if r.Method == "" {
		event, err := r.Structured(fmt.Sprintf("%s-%d", fn, now.UnixNano()), "/ferry/"+c.service+"/"+c.stage+"/"+fn, now)
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]any{"dev.ferry.event": json.RawMessage(event)})
	}
	return json.Marshal(c.functionURL(fn, r, now))
}

// functionURL is a request as a Function URL hands it over.
func (c *connection) functionURL(fn string, r providers.Request, now time.Time) map[string]any {
	path, query, _ := strings.Cut(r.Path, "?")
	headers, cookies := map[string]string{}, []string{}
	for key, values := range r.Header {
		key = strings.ToLower(key)
		headers[key] = strings.Join(values, ",")
		if key == "cookie" {
			headers[key] = strings.Join(values, "; ")
			for _, pair := range strings.Split(headers[key], ";") {
				cookies = append(cookies, strings.TrimSpace(pair))
			}
		}
	}
	if _, named := headers["host"]; !named {
		headers["host"] = fn + ".lambda-url." + c.region + ".on.aws"
	}
	decoded, err := url.PathUnescape(path)
	if err != nil {
		decoded = path
	}
	event := map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
		"requestContext": map[string]any{
			"accountId": c.account, "apiId": "ferry", "domainName": headers["host"], "domainPrefix": fn, "requestId": fmt.Sprintf("ferry-%d", now.UnixNano()),
			"routeKey": "$default", "stage": "$default", "time": now.Format("02/Jan/2006:15:04:05 +0000"), "timeEpoch": now.UnixMilli(),
			"http": map[string]any{"method": r.Method, "path": decoded, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": headers["user-agent"]},
		},
		"isBase64Encoded": false,
	}
	if parameters := parametersOf(query); len(parameters) > 0 {
		event["queryStringParameters"] = parameters
	}
	if len(cookies) > 0 {
		event["cookies"] = cookies
	}
	switch {
	case len(r.Body) == 0:
	case utf8.Valid(r.Body) && textual(headers["content-type"]):
		event["body"] = string(r.Body)
	default:
		event["body"], event["isBase64Encoded"] = base64.StdEncoding.EncodeToString(r.Body), true
	}
	return event
}

// parametersOf are the values of a query by name, decoded, those of one name joined.
func parametersOf(query string) map[string]string {
	out := map[string]string{}
	values, _ := url.ParseQuery(query) // what cannot be parsed is left out
	for name, all := range values {
		out[name] = strings.Join(all, ",")
	}
	return out
}

// textual is whether Lambda hands a body of the type over as text. One without a type is taken for one.
func textual(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); kind {
	case "", "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

// fill reads a response from what was returned, buffered or as a stream that was collected. What has no status is the
// body of one, as a Function URL takes it: handlers of Lambda's own style may return that.
func fill(res *providers.Response, answer []byte) error {
	var a struct {
		StatusCode      int
		Headers         map[string]string
		Cookies         []string
		Body            string
		IsBase64Encoded bool
	}
	prelude, rest, streamed := bytes.Cut(answer, make([]byte, 8))
	err := json.Unmarshal(prelude, &a)
	if !streamed && json.Valid(answer) && a.StatusCode == 0 {
		res.Status, res.Header, res.Body = http.StatusOK, map[string][]string{"Content-Type": {"application/json"}}, answer
		return nil
	}
	if err != nil || a.StatusCode == 0 {
		return &providers.Error{Kind: providers.Unhealthy, Op: "invoke", Provider: name, Err: fmt.Errorf("the function did not return a response: %.200s", answer)}
	}
	res.Status, res.Header, res.Body = a.StatusCode, map[string][]string{}, []byte(a.Body)
	for key, value := range a.Headers {
		res.Header[http.CanonicalHeaderKey(key)] = []string{value}
	}
	if len(a.Cookies) > 0 {
		res.Header["Set-Cookie"] = a.Cookies
	}
	if streamed {
		res.Body = rest
		return nil
	}
	if a.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(a.Body)
		if err != nil {
			return fmt.Errorf("decoding the answer's body: %w", err)
		}
		res.Body = body
	}
	return nil
}

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

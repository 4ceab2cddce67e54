// A function as people have it for AWS Lambda: one program for requests and for events.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing/iotest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/golambda/sub"
)

var calls int // one at a time, as on Lambda

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	calls++
	var kind struct {
		RequestContext struct{ HTTP *struct{ Method string } }
		HTTPMethod     string
		Records        []struct{ EventSource string }
		DetailType     string `json:"detail-type"`
	}
	if err := json.Unmarshal(event, &kind); err != nil {
		return nil, err
	}
	switch {
	case kind.RequestContext.HTTP != nil:
		return serve(ctx, event)
	case kind.HTTPMethod != "":
		return serveOld(event)
	case len(kind.Records) > 0 && kind.Records[0].EventSource == "aws:sqs":
		return work(event)
	case len(kind.Records) > 0 || kind.DetailType != "":
		fmt.Printf("EVENT %s\n", event)
		return nil, nil
	default:
		return map[string]any{"got": event}, nil
	}
}

func serve(ctx context.Context, event []byte) (any, error) {
	var r events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(event, &r); err != nil {
		return nil, err
	}
	switch r.RawPath {
	case "/plain":
		return map[string]any{"hello": r.QueryStringParameters["name"]}, nil
	case "/fail":
		return nil, errors.New("failed on purpose")
	case "/panic":
		panic("panicked on purpose")
	case "/exit":
		os.Exit(3)
	case "/slow":
		time.Sleep(time.Second)
	case "/hang":
		time.Sleep(time.Hour)
	case "/cookies":
		return events.APIGatewayV2HTTPResponse{StatusCode: 201, Headers: map[string]string{"X-One": "1"}, Cookies: []string{"a=1; Path=/", "b=2"}, Body: "ok"}, nil
	case "/binary":
		return events.APIGatewayV2HTTPResponse{StatusCode: 200, Headers: map[string]string{"Content-Type": "image/png"}, Body: "AP8=", IsBase64Encoded: true}, nil
	case "/stream":
		return &events.LambdaFunctionURLStreamingResponse{StatusCode: 202, Headers: map[string]string{"Content-Type": "text/plain"}, Body: strings.NewReader("streamed")}, nil
	case "/stream-fail":
		part := io.MultiReader(strings.NewReader("part"), iotest.ErrReader(errors.New("late on purpose")))
		return &events.LambdaFunctionURLStreamingResponse{StatusCode: 202, Body: part}, nil
	case "/bad":
		return map[string]any{"statusCode": 0}, nil
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	said, err := json.Marshal(map[string]any{
		"method": r.RequestContext.HTTP.Method, "path": r.RawPath, "query": r.RawQueryString, "headers": r.Headers, "cookies": r.Cookies,
		"body": r.Body, "encoded": r.IsBase64Encoded, "ip": r.RequestContext.HTTP.SourceIP, "calls": calls, "id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn,
		"left": time.Until(deadline) > 0, "name": os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), "region": os.Getenv("AWS_REGION"), "token": sub.Token,
	})
	return events.APIGatewayV2HTTPResponse{StatusCode: 200, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(said)}, err
}

func serveOld(event []byte) (any, error) {
	var r events.APIGatewayProxyRequest
	if err := json.Unmarshal(event, &r); err != nil {
		return nil, err
	}
	switch r.Path {
	case "/bad":
		return "no object", nil
	case "/fail":
		return nil, errors.New("failed on purpose")
	case "/", "/event":
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: string(event)}, nil
	case "/many":
		return map[string]any{
			"statusCode": 201, "body": r.Body, "isBase64Encoded": r.IsBase64Encoded,
			"headers":           map[string]any{"content-type": "image/png", "set-cookie": "c=3", "x-multi": "a", "x-number": 1234567, "x-none": nil},
			"multiValueHeaders": map[string]any{"Set-Cookie": []string{"a=1; Path=/", "b=2"}, "X-Multi": []string{"a", "b"}},
		}, nil
	case "/stream":
		return &events.LambdaFunctionURLStreamingResponse{StatusCode: 202, Headers: map[string]string{"Content-Type": "text/plain"}, Body: strings.NewReader("streamed")}, nil
	}
	return events.APIGatewayProxyResponse{
		StatusCode: 200, Body: r.HTTPMethod + " " + r.Path + " " + strings.Join(r.MultiValueQueryStringParameters["a"], "+"),
		MultiValueHeaders: map[string][]string{"Set-Cookie": {"a=1", "b=2"}, "Content-Type": {"text/plain"}},
	}, nil
}

func work(event []byte) (any, error) {
	var e events.SQSEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	out := events.SQSEventResponse{}
	for _, m := range e.Records {
		fmt.Printf("MESSAGE %s %s %s\n", m.MessageId, m.Body, m.EventSourceARN)
		if color, ok := m.MessageAttributes["color"]; ok {
			fmt.Printf("COLOR %s %s\n", m.MessageId, *color.StringValue)
		}
		if strings.Contains(m.Body, "fail") {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return out, nil
}

func main() {
	if os.Getenv("BROKEN") != "" {
		fmt.Println("broken on purpose")
		os.Exit(1)
	}
	lambda.Start(handle)
}

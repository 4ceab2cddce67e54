// Command lambda answers events of API Gateway.
package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func handle(_ context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	if r.RequestContext.HTTP.Method == http.MethodDelete {
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusNoContent}, nil
	}
	body, err := json.Marshal(map[string]any{"method": r.RequestContext.HTTP.Method, "path": r.RawPath, "name": r.QueryStringParameters["name"], "body": r.Body})
	return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(body)}, err
}

func main() { lambda.Start(handle) }

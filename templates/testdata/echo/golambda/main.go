// The echo handler as a program of Lambda.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(serve) }

// serve says what arrived in payload format 2.0, or answers as it is asked to.
func serve(_ context.Context, e events.APIGatewayV2HTTPRequest) (any, error) {
	if wanted := e.Headers["x-answer"]; wanted != "" {
		return answer(wanted)
	}
	headers := map[string][]string{}
	for name, value := range e.Headers {
		headers[name] = []string{latin1(value)}
	}
	if len(e.Cookies) > 0 {
		headers["cookie"] = []string{latin1(strings.Join(e.Cookies, "; "))}
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		body, _ = base64.StdEncoding.DecodeString(e.Body)
	}
	return map[string]any{"method": e.RequestContext.HTTP.Method, "path": e.RawPath, "query": e.RawQueryString, "headers": headers, "body": body}, nil
}

func answer(text string) (any, error) {
	wanted := struct {
		Status  int
		Headers [][2]string
		Chunks  [][]byte
		Repeat  int
		Fail    string
	}{Repeat: 1}
	data, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &wanted)
	}
	if err != nil || wanted.Fail == "before" || wanted.Fail == "during" {
		return nil, errors.New("thrown on purpose")
	}
	r := events.APIGatewayV2HTTPResponse{StatusCode: wanted.Status, Headers: map[string]string{}, IsBase64Encoded: true}
	for _, h := range wanted.Headers {
		value := string(unlatin1(h[1]))
		before, twice := r.Headers[h[0]]
		switch {
		case h[0] == "set-cookie":
			r.Cookies = append(r.Cookies, value)
		case twice:
			r.Headers[h[0]] = before + ", " + value
		default:
			r.Headers[h[0]] = value
		}
	}
	var body []byte
	for _, piece := range wanted.Chunks {
		body = append(body, bytes.Repeat(piece, wanted.Repeat)...)
	}
	r.Body = base64.StdEncoding.EncodeToString(body)
	return r, nil
}

// latin1 is text with one character for each byte.
func latin1(value string) string {
	out := make([]rune, len(value))
	for i := range len(value) {
		out[i] = rune(value[i])
	}
	return string(out)
}

func unlatin1(text string) (out []byte) {
	for _, r := range text {
		out = append(out, byte(r))
	}
	return out
}

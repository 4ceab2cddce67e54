package gcptest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"unicode/utf8"

	"google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/internal/lambdatest"
)

// maxTransform is the longest code of a function that transforms messages, in bytes.
// https://cloud.google.com/pubsub/docs/smts/udfs-overview#limitations
const maxTransform = 20 << 10

func checkTransforms(all []*pubsub.MessageTransform) error {
	if len(all) > 5 {
		return refuse(codeInvalidArgument, "Too many message transforms: at most 5 are allowed.")
	}
	for _, one := range all {
		udf := one.JavascriptUdf
		switch {
		case udf == nil:
			return refuse(codeInvalidArgument, "A message transform must have one of its kinds set.")
		case udf.FunctionName == "" || !strings.Contains(udf.Code, "function "+udf.FunctionName+"("):
			return refuse(codeInvalidArgument, "The JavaScript UDF must contain a function named %q.", udf.FunctionName)
		case len(udf.Code) > maxTransform:
			return refuse(codeInvalidArgument, "The JavaScript UDF is larger than %d bytes.", maxTransform)
		}
	}
	return nil
}

// transforming runs a function over a message in an empty context, and prints what it makes of it.
const transforming = `
let text = "";
process.stdin.on("data", (part) => (text += part)).on("end", () => {
  const { code, name, message, metadata } = JSON.parse(text);
  const context = require("vm").createContext({ message, metadata });
  const made = require("vm").runInContext(code + "\n;" + name + "(message, metadata)", context, { timeout: 500 });
  process.stdout.write(JSON.stringify(made ?? null));
});`

// transformed is a message as the functions of its subscription make it; nil is that they drop it.
func (p *place) transformed(ctx context.Context, s pubsub.Subscription, m pubsub.PubsubMessage) (*pubsub.PubsubMessage, error) {
	for _, one := range s.MessageTransforms {
		if one.Disabled {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(m.Data)
		if err == nil && !utf8.Valid(data) {
			err = fmt.Errorf("the data of the message %s is no UTF-8", m.MessageId)
		}
		if err != nil {
			return nil, err
		}
		made, err := p.transform(ctx, one.JavascriptUdf, string(data), m)
		if err != nil || made == nil {
			return nil, err
		}
		m.Data, m.Attributes = base64.StdEncoding.EncodeToString([]byte(made.Data)), made.Attributes
	}
	return &m, nil
}

// made is what a function makes of a message.
type made struct {
	Data       string            `json:"data"`
	Attributes map[string]string `json:"attributes"`
}

func (p *place) transform(ctx context.Context, udf *pubsub.JavaScriptUDF, data string, m pubsub.PubsubMessage) (*made, error) {
	attributes := m.Attributes
	if attributes == nil {
		attributes = map[string]string{}
	}
	metadata := map[string]string{"message_id": m.MessageId, "publish_time": m.PublishTime}
	if m.OrderingKey != "" {
		metadata["ordering_key"] = m.OrderingKey
	}
	in, err := json.Marshal(map[string]any{"code": udf.Code, "name": udf.FunctionName, "message": made{data, attributes}, "metadata": metadata})
	if err != nil {
		return nil, err
	}
	node, err := lambdatest.Interpreter(ctx, "nodejs")
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, node, "-e", transforming)
	c.Stdin = bytes.NewReader(in)
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("transforming a message: %w", err)
	}
	var result *made
	return result, json.Unmarshal(out, &result)
}

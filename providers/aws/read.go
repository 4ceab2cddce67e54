package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/providers"
)

func (c *connection) read(ctx context.Context, fn string, code io.Writer) ([]byte, error) {
	described, address, err := c.original(ctx, fn)
	if err != nil {
		return nil, err
	}
	return described, c.download(ctx, address, code)
}

// original describes a function, and says where its code is.
func (c *connection) original(ctx context.Context, fn string) (described []byte, code string, err error) {
	function, qualifier, err := c.named(fn)
	if err != nil {
		return nil, "", err
	}
	o := original{connection: c, function: &function, events: map[string]any{}, permitted: map[string][]string{}}
	if qualifier != "" {
		o.qualifier = &qualifier
	}
	out, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: o.function, Qualifier: o.qualifier})
	if err == nil {
		err = readable(fn, out)
	}
	if err != nil {
		return nil, "", err
	}
	o.arn = aws.ToString(out.Configuration.FunctionArn)
	properties, err := o.properties(ctx, out)
	if err == nil {
		err = o.callers(ctx)
	}
	if err != nil {
		return nil, "", err
	}
	properties["Events"] = o.events
	described, err = o.described(properties)
	return described, aws.ToString(out.Code.Location), err
}

// readable refuses a function whose code, or part of it, is none that a manifest can be made of.
func readable(fn string, out *lambda.GetFunctionOutput) error {
	refuse := func(kind providers.Kind, hint, format string, args ...any) error {
		return &providers.Error{Kind: kind, Op: "read", Provider: name, Function: fn, Hint: hint, Err: fmt.Errorf(format, args...)}
	}
	env := out.Configuration.Environment
	switch {
	case out.Tags[tagService] != "":
		return refuse(providers.Unsupported, "deploy it from the manifest that it came from",
			"ferry deployed it, as the function %s of the service %s", out.Tags[tagFunction], out.Tags[tagService])
	case out.Configuration.PackageType == types.PackageTypeImage:
		return refuse(providers.Unsupported, "write a manifest for the code that the image is built of", "its code is an image, which cannot be turned back into sources")
	case env != nil && env.Error != nil:
		return refuse(providers.Denied, "let the caller decrypt with the function's key (kms:Decrypt)", "its variables cannot be read: %s", aws.ToString(env.Error.Message))
	}
	return nil
}

// original is a function as its account has it.
type original struct {
	*connection
	function, qualifier *string
	arn                 string              // of the alias or version, where one was asked for
	events              map[string]any      // of SAM, by their names
	permitted           map[string][]string // the ARNs of what may call it, by their service
}

// unlessDenied is an error, but where the caller has no right to look at something that calls the function: then a text in the
// place of an event says so.
func (o *original) unlessDenied(err error, right string) error {
	if !isDenied(err) {
		return err
	}
	o.unread(right)
	return nil
}

// unread says in the place of an event what could not be seen without a right.
func (o *original) unread(right string) {
	o.events["Unread"+strconv.Itoa(len(o.events)+1)] = providers.Unread(right)
}

// calls adds what calls the function, as an event of SAM.
func (o *original) calls(kind string, properties map[string]any) {
	o.events[kind+strconv.Itoa(len(o.events)+1)] = map[string]any{"Type": kind, "Properties": properties}
}

// callers are what calls the function. Of a service that may do so, and of whose events ferry knows nothing, the right is told.
func (o *original) callers(ctx context.Context) error {
	if err := o.policy(ctx); err != nil {
		return err
	}
	for _, k := range eventKinds() {
		if k.tell == nil {
			continue
		}
		if err := k.tell(o, ctx); err != nil {
			return err
		}
	}
	if err := errors.Join(o.tellGateways(ctx), o.tellRules(ctx)); err != nil {
		return err
	}
	delete(o.permitted, "apigateway")
	delete(o.permitted, "events")
	for _, service := range slices.Sorted(maps.Keys(o.permitted)) {
		if slices.ContainsFunc(eventKinds(), func(k eventKind) bool { return k.service == service }) {
			continue
		}
		for _, source := range o.permitted[service] {
			o.calls(service, map[string]any{"SourceArn": source})
		}
	}
	return nil
}

// unnamed is whether a right to call is anything's of a service.
func unnamed(source string) bool { return source == "" || strings.ContainsAny(source, "*?") }

// policy reads which services may call the function, and for what.
func (o *original) policy(ctx context.Context) error {
	out, err := o.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: o.function, Qualifier: o.qualifier})
	if err != nil {
		return o.unlessDenied(unlessMissing(err), "lambda:GetPolicy: topics, buckets, rules and APIs that call it")
	}
	var policy struct {
		Statement []struct {
			Principal any // of an account or of everybody it is a text
			Condition map[string]map[string]any
		}
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.Policy)), &policy); err != nil {
		return fmt.Errorf("reading the policy: %w", err)
	}
	for _, s := range policy.Statement {
		who, _ := s.Principal.(map[string]any)
		text, _ := who["Service"].(string)
		service, is := strings.CutSuffix(text, ".amazonaws.com")
		if !is {
			continue
		}
		source := ""
		for _, condition := range s.Condition {
			for key, value := range condition {
				if text, ok := value.(string); ok && strings.EqualFold(key, "aws:SourceArn") {
					source = text
				}
			}
		}
		o.permitted[service] = append(o.permitted[service], source)
	}
	return nil
}

// properties are the function's own, in the words of its configuration, which are those of the template but for some.
func (o *original) properties(ctx context.Context, out *lambda.GetFunctionOutput) (map[string]any, error) {
	properties, err := wordsOf(out.Configuration)
	if err != nil {
		return nil, err
	}
	var layers []string
	for _, l := range out.Configuration.Layers {
		layers = append(layers, aws.ToString(l.Arn))
	}
	properties["Layers"], properties["Tags"] = layers, out.Tags
	if out.TagsError != nil {
		properties["Tags"] = providers.Unread("lambda:ListTags")
	}
	if out.Concurrency != nil {
		properties["ReservedConcurrentExecutions"] = out.Concurrency.ReservedConcurrentExecutions
	}
	if properties["EventInvokeConfig"], err = o.asynchronous(ctx); err != nil {
		return nil, err
	}
	if properties["ProvisionedConcurrencyConfig"], err = o.warm(ctx); err != nil {
		return nil, err
	}
	urls := lambda.NewListFunctionUrlConfigsPaginator(o.lambda, &lambda.ListFunctionUrlConfigsInput{FunctionName: o.function})
	for urls.HasMorePages() {
		page, err := urls.NextPage(ctx)
		if isDenied(err) {
			properties["FunctionUrlConfig"] = providers.Unread("lambda:ListFunctionUrlConfigs")
			break
		}
		if err != nil {
			return nil, err
		}
		for _, u := range page.FunctionUrlConfigs {
			if aws.ToString(u.FunctionArn) == o.arn {
				properties["FunctionUrlConfig"] = map[string]any{"AuthType": u.AuthType, "Cors": u.Cors, "InvokeMode": u.InvokeMode}
			}
		}
	}
	return properties, nil
}

// asynchronous is what becomes of events that the function is not waited for, nil where nothing is said of them. To a caller
// without the right to see it, it is a text that says so.
func (o *original) asynchronous(ctx context.Context) (any, error) {
	is, err := o.lambda.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: o.function, Qualifier: o.qualifier})
	switch {
	case isNotFound(err):
		return nil, nil
	case isDenied(err):
		return providers.Unread("lambda:GetFunctionEventInvokeConfig"), nil
	case err != nil:
		return nil, err
	}
	return map[string]any{
		"MaximumEventAgeInSeconds": is.MaximumEventAgeInSeconds, "MaximumRetryAttempts": is.MaximumRetryAttempts, "DestinationConfig": is.DestinationConfig,
	}, nil
}

// warm is how many instances of a version or an alias are kept, nil where none is. To a caller without the right to see it, it
// is a text that says so.
func (o *original) warm(ctx context.Context) (any, error) {
	if o.qualifier == nil {
		return nil, nil
	}
	is, err := o.lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: o.function, Qualifier: o.qualifier})
	switch {
	case isNotFound(err):
		return nil, nil
	case isDenied(err):
		return providers.Unread("lambda:GetProvisionedConcurrencyConfig"), nil
	case err != nil:
		return nil, err
	}
	return map[string]any{"ProvisionedConcurrentExecutions": is.RequestedProvisionedConcurrentExecutions}, nil
}

// described is a template of the function, without what is not set.
func (o *original) described(properties map[string]any) ([]byte, error) {
	template, err := wordsOf(map[string]any{"Resources": map[string]any{
		*o.function: map[string]any{"Type": "AWS::Serverless::Function", "Properties": properties},
	}})
	if err != nil {
		return nil, err
	}
	return json.Marshal(bare(template))
}

// download copies the code, whose address has the right to it.
func (c *connection) download(ctx context.Context, address string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("downloading the code: AWS gave no address of it")
	}
	res, err := c.lambda.Options().HTTPClient.Do(req)
	if err != nil {
		return fmt.Errorf("downloading the code: %w", reason(err)) // without the address
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("downloading the code: AWS answers %s", res.Status)
	}
	_, err = io.Copy(to, res.Body)
	return err
}

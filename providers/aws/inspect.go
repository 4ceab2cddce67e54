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

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// Inspect compares field by field what is live with its spec: the version's configuration, and all that is not
// versioned and can be changed by hand.
func (a *Adapter) Inspect(ctx context.Context, s providers.Spec) ([]providers.Difference, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	diff, err := c.inspect(ctx, specOf(s))
	return diff, a.classify("inspect", s.Function.Name, err)
}

func (c *connection) inspect(ctx context.Context, s spec) ([]providers.Difference, error) {
	fn := s.function
	out, err := c.get(ctx, fn.Name, live)
	if err != nil || out == nil || fn.Runtime == "" {
		return nil, err
	}
	role := executor{arn: fn.own.Role}
	if role.arn == "" { // that it is the one which the version was made with is for Status to tell
		role = executor{arn: c.roleARN(c.roleName(fn.Name)), id: labelOf(out.Configuration).role}
	}
	d := configurationDiff(c.configuration(s, role), out.Configuration)
	if !sameCode(s, out.Configuration) {
		d = append(d, providers.Difference{Path: "code", Spec: codeDigest(s.artifact.ZipDigest), Actual: aws.ToString(out.Configuration.CodeSha256)})
	}
	reserved := 0
	if out.Concurrency != nil {
		reserved = int(aws.ToInt32(out.Concurrency.ReservedConcurrentExecutions))
	}
	d.Compare("scaling.max", fmt.Sprint(fn.Scaling.Max), fmt.Sprint(reserved))
	want := c.tags(fn)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		d.Compare("aws.tags."+key, want[key], out.Tags[key])
	}
	bound := providers.BindNone
	if slices.ContainsFunc(fn.Events, func(e manifest.Event) bool { return e.HTTP == nil }) {
		bound = providers.BindEnabled
	}
	mode, _, err := c.bindings(ctx, fn.Name)
	if err != nil {
		return nil, err
	}
	d.Compare("events", string(bound), string(mode))
	reached, err := c.inspectURL(ctx, s)
	return append(d, reached...), err
}

// inspectURL compares the URL and who may call it.
func (c *connection) inspectURL(ctx context.Context, s spec) ([]providers.Difference, error) {
	fn := s.function
	have, err := c.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: aws.String(c.functionName(fn.Name)), Qualifier: aws.String(live)})
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	exists := err == nil
	want, answered := exposure(fn)
	switch {
	case answered && !exists:
		return providers.Differences{{Path: "url", Spec: "a Function URL"}}, nil
	case !answered && exists:
		return providers.Differences{{Path: "url", Actual: aws.ToString(have.FunctionUrl)}}, nil
	case !answered:
		return nil, nil
	}
	d := want.diff(have)
	statements, _, err := c.policy(ctx, fn.Name)
	if err != nil {
		return nil, err
	}
	caller := map[bool]string{true: "anybody"}
	for _, id := range []string{statementURL, statementInvoke} {
		_, there := statements[id]
		d.Compare("url.permissions."+id, caller[!fn.HTTP().Private()], caller[there])
	}
	return d, nil
}

// sameCode reports whether a version holds the spec's package, for its architecture.
func sameCode(s spec, have *types.FunctionConfiguration) bool {
	return aws.ToString(have.CodeSha256) == codeDigest(s.artifact.ZipDigest) &&
		(len(have.Architectures) == 0 || slices.Equal(have.Architectures, architecture(s.function)))
}

// same reports whether a version's configuration is as it is wanted.
func same(want *lambda.UpdateFunctionConfigurationInput, have *types.FunctionConfiguration) bool {
	return len(configurationDiff(want, have)) == 0
}

// configurationDiff names the fields of a configuration that are not as they are wanted.
func configurationDiff(want *lambda.UpdateFunctionConfigurationInput, have *types.FunctionConfiguration) providers.Differences {
	var d providers.Differences
	d.Compare("description", aws.ToString(want.Description), aws.ToString(have.Description))
	d.Compare("role", aws.ToString(want.Role), aws.ToString(have.Role))
	d.Compare("runtime", string(want.Runtime), string(have.Runtime))
	d.Compare("handler", aws.ToString(want.Handler), aws.ToString(have.Handler))
	d.Compare("memory", fmt.Sprint(aws.ToInt32(want.MemorySize)), fmt.Sprint(aws.ToInt32(have.MemorySize)))
	d.Compare("timeout", fmt.Sprint(aws.ToInt32(want.Timeout)), fmt.Sprint(aws.ToInt32(have.Timeout)))
	var env map[string]string
	if have.Environment != nil {
		env = have.Environment.Variables
	}
	d.CompareHidden("env", want.Environment.Variables, env)
	var layers []string
	for _, l := range have.Layers {
		layers = append(layers, aws.ToString(l.Arn))
	}
	d.Compare("aws.layers", fmt.Sprint(want.Layers), fmt.Sprint(layers))
	storage := int32(minStorage.MB())
	if have.EphemeralStorage != nil {
		storage = aws.ToInt32(have.EphemeralStorage.Size)
	}
	d.Compare("aws.ephemeral_storage", fmt.Sprint(aws.ToInt32(want.EphemeralStorage.Size)), fmt.Sprint(storage))
	tracing := types.TracingModePassThrough
	if have.TracingConfig != nil {
		tracing = have.TracingConfig.Mode
	}
	d.Compare("aws.tracing", string(want.TracingConfig.Mode), string(tracing))
	d.Compare("aws.dead_letter", aws.ToString(want.DeadLetterConfig.TargetArn), deadLetter(have))
	var subnets, groups []string
	if have.VpcConfig != nil {
		subnets, groups = have.VpcConfig.SubnetIds, have.VpcConfig.SecurityGroupIds
	}
	d.Compare("aws.vpc", fmt.Sprint(ordered(want.VpcConfig.SubnetIds), ordered(want.VpcConfig.SecurityGroupIds)), fmt.Sprint(ordered(subnets), ordered(groups)))
	return d
}

func ordered(list []string) []string { return slices.Sorted(slices.Values(list)) }

// Read writes a template of AWS SAM of the function and of what calls it, and takes the code from where Lambda lets it be
// downloaded. The name may have an alias or a version after a colon, and may be an ARN.
func (a *Adapter) Read(ctx context.Context, fn string, code io.Writer) ([]byte, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	described, err := c.read(ctx, fn, code)
	return described, a.classify("read", fn, err)
}

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

// policy reads which services may call the function, and for what.
func (o *original) policy(ctx context.Context) error {
	out, err := o.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: o.function, Qualifier: o.qualifier})
	if err != nil {
		return unlessMissing(err)
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
		return unread("lambda:GetFunctionEventInvokeConfig"), nil
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
		return unread("lambda:GetProvisionedConcurrencyConfig"), nil
	case err != nil:
		return nil, err
	}
	return map[string]any{"ProvisionedConcurrentExecutions": is.RequestedProvisionedConcurrentExecutions}, nil
}

// unread stands for a property that the caller has no right to see.
func unread(right string) string { return "not read without the right " + right }

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

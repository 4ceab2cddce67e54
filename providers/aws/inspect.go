package aws

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

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

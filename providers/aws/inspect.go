package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

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
		d.Compare("url.permissions."+id, caller[fn.HTTP().Auth != "private"], caller[there])
	}
	return d, nil
}

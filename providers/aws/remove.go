package aws

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ferryfn/ferry/providers"
)

// Remove takes away exactly what ferry made for the function. The function itself goes last: what is left of an
// interrupted removal is found by it.
func (a *Adapter) Remove(ctx context.Context, fn string, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err == nil {
		err = c.admitted(ctx, fn, e)
	}
	if err == nil {
		err = c.remove(ctx, fn)
	}
	return a.classify("remove", fn, err)
}

func (c *connection) remove(ctx context.Context, fn string) error {
	out, err := c.get(ctx, fn, "")
	if err != nil {
		return err
	}
	if out != nil && !c.owns(out.Tags, fn) {
		return nil // not ferry's
	}
	if out == nil || out.Tags[tagBound] != "" {
		if err := c.unbind(ctx, fn); err != nil {
			return err
		}
	}
	if out != nil {
		if err := c.takeDown(ctx, fn); err != nil {
			return err
		}
	}
	if c.mayOwnRoles(out) {
		if err := c.removeRole(ctx, fn); err != nil {
			return err
		}
	}
	if err := c.removeLogGroup(ctx, fn); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	_, err = c.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(c.functionName(fn))})
	if isNotFound(err) {
		return nil
	}
	return err
}

// Functions lists those of the account whose names begin as ferry's do and whose tags say that they are.
func (a *Adapter) Functions(ctx context.Context) ([]string, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	common := naming().Beginning(a.prefix())
	var names []string
	pages := lambda.NewListFunctionsPaginator(c.lambda, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.classify("list functions", "", err)
		}
		for _, f := range page.Functions {
			if !strings.HasPrefix(aws.ToString(f.FunctionName), common) {
				continue
			}
			out, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: f.FunctionName})
			if isNotFound(err) {
				continue
			}
			if err != nil {
				return nil, a.classify("list functions", "", err)
			}
			if fn := out.Tags[tagFunction]; a.owns(out.Tags, fn) {
				names = append(names, fn)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// Adopt tags a function as ferry's, publishes what its $LATEST is, and points the alias there. Whatever calls the
// function without the alias goes on calling $LATEST, which ferry's next release changes.
func (a *Adapter) Adopt(ctx context.Context, fn string, e providers.Epoch) (providers.State, error) {
	const op = "adopt"
	c, err := a.connect(ctx)
	if err != nil {
		return providers.State{Function: fn}, err
	}
	if err := c.adopt(ctx, fn, e); err != nil {
		return providers.State{Function: fn}, a.classify(op, fn, err)
	}
	st, err := c.status(ctx, fn)
	return st, a.classify(op, fn, err)
}

func (c *connection) adopt(ctx context.Context, fn string, e providers.Epoch) error {
	latest, err := c.await(ctx, fn, "")
	if err != nil {
		return err
	}
	serving, err := c.get(ctx, fn, live)
	if err != nil {
		return err
	}
	if serving == nil { // an alias of that name is what serves already
		version, err := c.lambda.PublishVersion(ctx, &lambda.PublishVersionInput{
			FunctionName: aws.String(c.functionName(fn)), CodeSha256: latest.CodeSha256, RevisionId: latest.RevisionId,
		})
		if err != nil {
			return err
		}
		if _, err := c.await(ctx, fn, aws.ToString(version.Version)); err != nil {
			return err
		}
		if _, err := c.createAlias(ctx, fn, aws.ToString(version.Version), e); err != nil {
			return err
		}
	}
	return c.tag(ctx, fn, map[string]string{tagService: c.service, tagStage: c.stage, tagFunction: fn})
}

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
		err = a.admitted(ctx, c, fn, e)
	}
	if err == nil {
		err = a.remove(ctx, c, fn)
	}
	return a.classify("remove", fn, err)
}

func (a *Adapter) remove(ctx context.Context, c *cloud, fn string) error {
	out, err := a.get(ctx, c, fn, "")
	if err != nil {
		return err
	}
	if out != nil && !a.owns(out.Tags, fn) {
		return nil // not ferry's
	}
	if out == nil || out.Tags[tagBound] != "" {
		if err := a.unbind(ctx, c, fn); err != nil {
			return err
		}
	}
	if out != nil {
		if err := a.takeDown(ctx, c, fn); err != nil {
			return err
		}
	}
	if a.mayOwnRoles(out) {
		if err := a.removeRole(ctx, c, fn); err != nil {
			return err
		}
	}
	if err := a.removeLogGroup(ctx, c, fn); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	_, err = c.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(a.functionName(fn))})
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
	common := a.prefix()
	common = common[:min(len(common), maxName-shortened)]
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
	if err := a.adopt(ctx, c, fn, e); err != nil {
		return providers.State{Function: fn}, a.classify(op, fn, err)
	}
	st, err := a.status(ctx, c, fn)
	return st, a.classify(op, fn, err)
}

func (a *Adapter) adopt(ctx context.Context, c *cloud, fn string, e providers.Epoch) error {
	latest, err := a.await(ctx, c, fn, "")
	if err != nil {
		return err
	}
	serving, err := a.get(ctx, c, fn, live)
	if err != nil {
		return err
	}
	if serving == nil { // an alias of that name is what serves already
		version, err := c.lambda.PublishVersion(ctx, &lambda.PublishVersionInput{
			FunctionName: aws.String(a.functionName(fn)), CodeSha256: latest.CodeSha256, RevisionId: latest.RevisionId,
		})
		if err != nil {
			return err
		}
		if _, err := a.await(ctx, c, fn, aws.ToString(version.Version)); err != nil {
			return err
		}
		if _, err := a.createAlias(ctx, c, fn, aws.ToString(version.Version), e); err != nil {
			return err
		}
	}
	return a.tag(ctx, c, fn, map[string]string{tagService: a.service, tagStage: a.stage, tagFunction: fn})
}

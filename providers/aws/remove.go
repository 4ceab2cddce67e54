package aws

import (
	"context"
	"fmt"

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

// Prune deletes a version that the alias does not point at; AWS refuses to delete one that it does, so that no epoch is
// needed.
func (a *Adapter) Prune(ctx context.Context, fn string, r providers.Revision, _ providers.Epoch) error {
	const op = "prune"
	st, err := a.Status(ctx, fn)
	if err != nil {
		return err
	}
	if st.Serves(&r) || st.Canary != nil && st.Canary.Revision.ID == r.ID {
		return &providers.Error{Kind: providers.Conflict, Op: op, Provider: name, Function: fn, Err: fmt.Errorf("version %s gets requests", r.ID)}
	}
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	_, err = c.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(a.functionName(fn)), Qualifier: aws.String(r.ID)})
	if isNotFound(err) {
		return nil
	}
	return a.classify(op, fn, err)
}

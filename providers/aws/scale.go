package aws

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// scale sets how many instances a function has at least and at most. AWS refuses a most that is below the least, for a
// moment too: where the least falls it goes first, else the most does.
func (c *connection) scale(ctx context.Context, fn function, to *lambda.GetFunctionOutput) error {
	least := fn.Scaling.Min
	if least == 0 && to.Tags[tagWarm] == "" {
		return c.reserve(ctx, fn, to.Concurrency)
	}
	if least > 0 && to.Tags[tagWarm] == "" {
		if err := c.tag(ctx, fn.Name, map[string]string{tagWarm: "true"}); err != nil {
			return err
		}
	}
	warm, _, err := c.warm(ctx, fn.Name)
	if err != nil {
		return err
	}
	if least >= warm {
		if err := c.reserve(ctx, fn, to.Concurrency); err != nil {
			return err
		}
		return c.provision(ctx, fn.Name, warm, least)
	}
	if err := c.provision(ctx, fn.Name, warm, least); err != nil {
		return err
	}
	return c.reserve(ctx, fn, to.Concurrency)
}

// reserve caps the instances of a function at scaling.max, which takes them from the account's.
func (c *connection) reserve(ctx context.Context, fn function, have *types.Concurrency) error {
	function := aws.String(c.functionName(fn.Name))
	reserved := 0
	if have != nil {
		reserved = int(aws.ToInt32(have.ReservedConcurrentExecutions))
	}
	var err error
	switch {
	case fn.Scaling.Max == 0 && have != nil:
		_, err = c.lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: function})
	case fn.Scaling.Max > 0 && reserved != fn.Scaling.Max:
		_, err = c.lambda.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{
			FunctionName: function, ReservedConcurrentExecutions: aws.Int32(int32(fn.Scaling.Max)),
		})
	}
	return err
}

// warm is how many instances of the alias are asked for, and whether they are still being made or ended.
func (c *connection) warm(ctx context.Context, fn string) (instances int, changing bool, err error) {
	out, err := c.lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{
		FunctionName: aws.String(c.functionName(fn)), Qualifier: aws.String(live),
	})
	switch {
	case isNotFound(err):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	}
	return int(aws.ToInt32(out.RequestedProvisionedConcurrentExecutions)), out.Status == types.ProvisionedConcurrencyStatusEnumInProgress, nil
}

// provision keeps so many instances of the alias warm. Those that are ended count until they have: that is waited for.
func (c *connection) provision(ctx context.Context, fn string, has, instances int) error {
	function, qualifier := aws.String(c.functionName(fn)), aws.String(live)
	var err error
	switch {
	case has == instances:
		return nil
	case instances == 0:
		_, err = c.lambda.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: function, Qualifier: qualifier})
	default:
		if err = c.unmoving(ctx, fn); err == nil {
			_, err = c.lambda.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
				FunctionName: function, Qualifier: qualifier, ProvisionedConcurrentExecutions: aws.Int32(int32(instances)),
			})
		}
	}
	if err != nil || instances > has {
		return unlessMissing(err)
	}
	ending := errors.New("instances that were kept warm have not ended yet")
	return waitWhile(ctx, ending, func() error {
		_, changing, err := c.warm(ctx, fn)
		if changing {
			return ending
		}
		return err
	})
}

// unmoving waits until the alias points at one version alone. While it moves AWS itself gives it weights, and refuses to
// change how many instances are kept warm.
func (c *connection) unmoving(ctx context.Context, fn string) error {
	moving := errors.New("the alias still moves")
	return waitWhile(ctx, moving, func() error {
		now, err := c.alias(ctx, fn)
		if err == nil && now.weighted() {
			return moving
		}
		return err
	})
}

// waitWhile looks again as long as a look says that what is waited for is still under way.
func waitWhile(ctx context.Context, underWay error, look func() error) error {
	limit := func(err error) time.Duration {
		if errors.Is(err, underWay) {
			return settleTime
		}
		return 0
	}
	return retryWithin(ctx, busyPause, limit, look)
}

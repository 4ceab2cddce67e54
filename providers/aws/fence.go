package aws

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/fence"
)

// Fence writes the epoch into the description of each live alias, which also gives the alias another revision id. What
// was read before is then refused by AWS, and what is read after shows the epoch. A function without an alias has nothing
// to fence.
func (a *Adapter) Fence(ctx context.Context, functions []string, e providers.Epoch) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	return a.classify("fence", "", fence.Each(ctx, functions, func(ctx context.Context, fn string) error {
		at, err := c.get(ctx, fn, live)
		if err != nil || at == nil || !a.owns(at.Tags, fn) {
			return err
		}
		return c.fence(ctx, fn, e)
	}))
}

func (c *connection) fence(ctx context.Context, fn string, e providers.Epoch) error {
	var err error
	for range changes {
		now, reading := c.alias(ctx, fn)
		if reading != nil {
			return unlessMissing(reading)
		}
		if err := c.admit(fn, now, e); err != nil {
			return err
		}
		_, err = c.lambda.UpdateAlias(ctx, &lambda.UpdateAliasInput{
			FunctionName: aws.String(c.functionName(fn)), Name: aws.String(live), Description: c.mark(e), RevisionId: now.RevisionId,
		})
		if !isPreconditionFailed(err) {
			return unlessMissing(err)
		}
	}
	return err
}

// Epoch is the highest that the aliases show.
func (a *Adapter) Epoch(ctx context.Context, functions []string) (providers.Epoch, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return 0, err
	}
	highest, err := fence.Highest(ctx, functions, func(ctx context.Context, fn string) (providers.Epoch, error) {
		now, err := c.alias(ctx, fn)
		if err != nil {
			return 0, unlessMissing(err)
		}
		return a.epochOf(now), nil
	})
	return highest, a.classify("read the epoch", "", err)
}

// mark is the description of an alias that was written under this epoch.
func (p *place) mark(e providers.Epoch) *string {
	return aws.String(fmt.Sprintf("ferry target=%s epoch=%d", p.targetName, e))
}

// epochOf is the epoch that the alias was written under; 0 is none, or one of another target's ledger.
func (p *place) epochOf(now pointer) providers.Epoch {
	number, ours := strings.CutPrefix(aws.ToString(now.Description), "ferry target="+p.targetName+" epoch=")
	e, err := strconv.ParseInt(number, 10, 64)
	if !ours || err != nil {
		return 0
	}
	return providers.Epoch(e)
}

// admit refuses to change an alias that a later lock was at. Every look at an alias that precedes a write asks it.
func (p *place) admit(fn string, now pointer, e providers.Epoch) error {
	return fence.Admit(name, fn, "alias", p.epochOf(now), e)
}

// admitted refuses to go on with a function whose alias a later lock was at.
func (c *connection) admitted(ctx context.Context, fn string, e providers.Epoch) error {
	now, err := c.alias(ctx, fn)
	if err != nil {
		return unlessMissing(err)
	}
	return c.admit(fn, now, e)
}

package aws

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/providers"
)

// Activate points the alias at a version in one write, which the alias' revision id makes conditional. Settings that
// AWS does not version follow, when they differ; until they hold, the state is Unsettled.
func (a *Adapter) Activate(ctx context.Context, ch providers.Change) (providers.State, error) {
	const op = "activate"
	fn := ch.Spec.Function.Name
	c, err := a.connect(ctx)
	if err != nil {
		return ch.From, err
	}
	var st providers.State
	if ch.To == nil {
		err = c.deactivate(ctx, ch)
		st = providers.State{Function: fn, Bindings: ch.From.Bindings}
	} else {
		st, err = c.activate(ctx, ch)
	}
	if err != nil {
		err = a.classify(op, fn, err)
		now, reading := c.status(ctx, fn)
		if reading != nil {
			return ch.From, errors.Join(err, a.classify(op, fn, reading))
		}
		return now, err
	}
	return st, nil
}

func (c *connection) activate(ctx context.Context, ch providers.Change) (providers.State, error) {
	s := specOf(ch.Spec)
	fn := s.function.Name
	to, err := c.get(ctx, fn, ch.To.ID)
	if err != nil {
		return providers.State{}, err
	}
	if to == nil {
		return providers.State{}, noVersion(fn, ch.To.ID)
	}
	if _, set := to.Tags[tagSettings]; set && ch.From.Unsettled {
		to.Tags[tagSettings] = unsettled // whatever the tag says, the caller saw other settings
	}
	if s.function.Runtime != "" && to.Tags[tagSettings] != labelOf(to.Configuration).settings {
		if err := c.claimRoles(ctx, s.function, to.Tags); err != nil {
			return providers.State{}, err
		}
		if _, err := c.widenRole(ctx, s); err != nil {
			return providers.State{}, err
		}
	}
	var fence string
	if ch.From.Revision == nil {
		fence, err = c.createAlias(ctx, fn, ch.To.ID, ch.Epoch)
	} else {
		fence, err = c.moveAlias(ctx, ch, types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}})
	}
	if err != nil {
		return providers.State{}, err
	}
	url, err := c.settle(ctx, s, to)
	if to.Tags[tagSettings] != labelOf(to.Configuration).settings {
		fence = "" // the statements of the alias' policy share its revision id, and may have changed
	}
	r := revisionOf(to.Configuration)
	return providers.State{Function: fn, Revision: &r, URL: url, Bindings: ch.From.Bindings, Fence: fence}, err
}

func noVersion(fn, id string) error {
	return &providers.Error{
		Kind: providers.NotFound, Op: "activate", Provider: name, Function: fn, Err: fmt.Errorf("there is no version %s", id),
	}
}

// createAlias makes the alias, which nobody may have made meanwhile, and returns its revision id.
func (c *connection) createAlias(ctx context.Context, fn, version string, e providers.Epoch) (string, error) {
	out, err := c.lambda.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: aws.String(c.functionName(fn)), Name: aws.String(live), FunctionVersion: aws.String(version), Description: c.mark(e),
	})
	if err == nil {
		return aws.ToString(out.RevisionId), nil
	}
	if !isAlreadyExists(err) {
		return "", err
	}
	now, err := c.alias(ctx, fn)
	if err == nil {
		err = c.admit(fn, now, e)
	}
	if err != nil {
		return "", err
	}
	if aws.ToString(now.FunctionVersion) != version || now.weighted() { // else it is our own, and the reply was lost
		return "", stale(fn, aws.ToString(now.FunctionVersion))
	}
	return aws.ToString(now.RevisionId), nil
}

// pointer is what the alias says.
type pointer struct{ *lambda.GetAliasOutput }

// weighted reports whether requests are split.
func (p pointer) weighted() bool {
	return p.RoutingConfig != nil && len(p.RoutingConfig.AdditionalVersionWeights) > 0
}

func (c *connection) alias(ctx context.Context, fn string) (pointer, error) {
	out, err := c.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String(c.functionName(fn)), Name: aws.String(live)})
	return pointer{out}, err
}

// moveAlias points the alias, which must still be at From, at To with that routing, or with To as the additional
// version of it. A fence that is not current any more is looked into: the alias may be as it was all the same, or
// already as it is wanted, when a reply was lost.
func (c *connection) moveAlias(ctx context.Context, ch providers.Change, routing types.AliasRoutingConfiguration) (string, error) {
	fn, version, fence := ch.Spec.Function.Name, ch.To.ID, ch.From.Fence
	if len(routing.AdditionalVersionWeights) > 0 {
		version = ch.From.Revision.ID
	}
	for again := range 2 {
		if fence == "" {
			now, err := c.alias(ctx, fn)
			switch {
			case isNotFound(err):
				return "", stale(fn, "")
			case err != nil:
				return "", err
			}
			if err := c.admit(fn, now, ch.Epoch); err != nil {
				return "", err
			}
			switch {
			case again > 0 && aws.ToString(now.FunctionVersion) == version && now.routes(routing):
				return aws.ToString(now.RevisionId), nil
			case aws.ToString(now.FunctionVersion) != ch.From.Revision.ID:
				return "", stale(fn, aws.ToString(now.FunctionVersion))
			}
			fence = aws.ToString(now.RevisionId)
		}
		out, err := c.lambda.UpdateAlias(ctx, &lambda.UpdateAliasInput{
			FunctionName: aws.String(c.functionName(fn)), Name: aws.String(live), FunctionVersion: aws.String(version),
			RoutingConfig: &routing, Description: c.mark(ch.Epoch), RevisionId: aws.String(fence),
		})
		if err == nil {
			return aws.ToString(out.RevisionId), nil
		}
		if !isPreconditionFailed(err) {
			return "", err
		}
		fence = ""
	}
	return "", stale(fn, "")
}

// routes reports whether the alias shares requests just so.
func (p pointer) routes(want types.AliasRoutingConfiguration) bool {
	if len(want.AdditionalVersionWeights) == 0 || p.RoutingConfig == nil {
		return !p.weighted() && len(want.AdditionalVersionWeights) == 0
	}
	for version, weight := range want.AdditionalVersionWeights {
		if p.RoutingConfig.AdditionalVersionWeights[version] != weight {
			return false
		}
	}
	return len(p.RoutingConfig.AdditionalVersionWeights) == len(want.AdditionalVersionWeights)
}

func stale(fn, version string) error {
	what := "nothing is live"
	if version != "" {
		what = "version " + version + " is live"
	}
	return &providers.Error{
		Kind: providers.Conflict, Op: "activate", Provider: name, Function: fn, Hint: "run `ferry status` to see what serves",
		Err: fmt.Errorf("what is live changed in the meantime: %s", what),
	}
}

// deactivate takes the function out of reach: its URL, then the alias. Versions stay.
func (c *connection) deactivate(ctx context.Context, ch providers.Change) error {
	fn := ch.Spec.Function.Name
	now, err := c.alias(ctx, fn)
	switch {
	case isNotFound(err) && ch.From.Revision == nil:
		return nil
	case isNotFound(err):
		return stale(fn, "")
	case err != nil:
		return err
	}
	if err := c.admit(fn, now, ch.Epoch); err != nil {
		return err
	}
	if ch.From.Revision == nil || aws.ToString(now.FunctionVersion) != ch.From.Revision.ID {
		return stale(fn, aws.ToString(now.FunctionVersion))
	}
	return c.takeDown(ctx, fn)
}

// takeDown deletes the alias and what hangs on it, the alias last: while it is there, the work is not done.
func (c *connection) takeDown(ctx context.Context, fn string) error {
	at, err := c.get(ctx, fn, live)
	if err != nil || at == nil {
		return err
	}
	function := aws.String(c.functionName(fn))
	_, err = c.lambda.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigInput{FunctionName: function, Qualifier: aws.String(live)})
	if err != nil && !isNotFound(err) {
		return err
	}
	if at.Tags[tagWarm] != "" {
		warm, _, err := c.warm(ctx, fn)
		if err == nil {
			err = c.provision(ctx, fn, warm, 0)
		}
		if err != nil {
			return err
		}
	}
	if at.Concurrency != nil {
		_, err := c.lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: function})
		if err != nil && !isNotFound(err) {
			return err
		}
	}
	for _, id := range []string{statementURL, statementInvoke} {
		_, err := c.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: function, Qualifier: aws.String(live), StatementId: aws.String(id)})
		if err != nil && !isNotFound(err) {
			return err
		}
	}
	if err := c.untag(ctx, fn, tagURL, tagSettings, tagWarm, tagCanary); err != nil {
		return err
	}
	_, err = c.lambda.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: function, Name: aws.String(live)})
	if isNotFound(err) {
		return nil
	}
	return err
}

// Split gives the new versions a weight. One alias after the other changes, so all are looked at first.
func (a *Adapter) Split(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
	const op = "split"
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, ch := range changes {
		if err := c.splittable(ctx, ch, percent); err != nil {
			return nil, a.classify(op, ch.Spec.Function.Name, err)
		}
	}
	states := make([]providers.State, len(changes))
	var errs []error
	for i, ch := range changes {
		fn := ch.Spec.Function.Name
		err := c.tag(ctx, fn, map[string]string{tagCanary: ch.To.ID})
		if err == nil {
			_, err = c.moveAlias(ctx, ch, types.AliasRoutingConfiguration{
				AdditionalVersionWeights: map[string]float64{ch.To.ID: float64(percent) / 100},
			})
		}
		errs = append(errs, a.classify(op, fn, err))
		var reading error
		states[i], reading = c.status(ctx, fn)
		errs = append(errs, a.classify(op, fn, reading))
	}
	return states, errors.Join(errs...)
}

// splittable refuses what an alias cannot share: its versions must have the same role and dead letter queue.
func (c *connection) splittable(ctx context.Context, ch providers.Change, percent int) error {
	fn := ch.Spec.Function.Name
	refuse := func(k providers.Kind, hint, format string, args ...any) error {
		return &providers.Error{Kind: k, Op: "split", Provider: name, Function: fn, Hint: hint, Err: fmt.Errorf(format, args...)}
	}
	if ch.From.Revision == nil || ch.To == nil || percent < 1 || percent > 99 {
		return refuse(providers.Invalid, "", "%d%% of nothing cannot be split off", percent)
	}
	from, err := c.get(ctx, fn, live)
	if err != nil {
		return err
	}
	to, err := c.get(ctx, fn, ch.To.ID)
	switch {
	case err != nil:
		return err
	case to == nil:
		return noVersion(fn, ch.To.ID)
	case from == nil || aws.ToString(from.Configuration.Version) != ch.From.Revision.ID:
		return stale(fn, "")
	case aws.ToString(from.Configuration.Role) != aws.ToString(to.Configuration.Role),
		deadLetter(from.Configuration) != deadLetter(to.Configuration):
		return refuse(providers.Unsupported, "deploy without --traffic", "an alias cannot split requests between versions with different roles or dead letter queues")
	}
	return nil
}

func deadLetter(c *types.FunctionConfiguration) string {
	if c.DeadLetterConfig == nil {
		return ""
	}
	return aws.ToString(c.DeadLetterConfig.TargetArn)
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
	return c.tag(ctx, fn, tagged().Of(c.owner(fn)))
}

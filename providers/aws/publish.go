package aws

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// Publish makes a version. $LATEST is only the draft of it: nothing calls it, so that its being half changed harms
// nobody. What it holds is compared, not remembered: after a rollback it is newer than what serves. A write that was
// overtaken meets another revision id of $LATEST, so that no epoch is needed.
func (a *Adapter) Publish(ctx context.Context, s providers.Spec, _ providers.Epoch) (providers.Revision, error) {
	var r providers.Revision
	c, err := a.connect(ctx)
	if err == nil {
		r, err = c.publish(ctx, specOf(s))
	}
	return r, a.classify("publish", s.Function.Name, err)
}

func (c *connection) publish(ctx context.Context, s spec) (providers.Revision, error) {
	fn := s.function.Name
	if err := c.checkResources(ctx, s); err != nil {
		return providers.Revision{}, err
	}
	latest, err := c.draft(ctx, fn)
	if err != nil {
		return providers.Revision{}, err
	}
	if latest == nil {
		err = c.ensureLogGroup(ctx, s.function)
	} else {
		err = c.claimRoles(ctx, s.function, latest.Tags)
	}
	if err != nil {
		return providers.Revision{}, err
	}
	role, err := c.role(ctx, s)
	if err != nil {
		return providers.Revision{}, err
	}
	w := &work{connection: c, spec: s, want: c.configuration(s, role)}
	var version *types.FunctionConfiguration
	if latest == nil {
		version, err = w.create(ctx)
	} else {
		version, err = w.update(ctx, latest.Configuration)
	}
	if err != nil {
		return providers.Revision{}, err
	}
	version, err = c.await(ctx, fn, aws.ToString(version.Version))
	if err != nil {
		return providers.Revision{}, err
	}
	r, differs := revisionOf(version), configurationDiff(w.want, version).Paths()
	if r.Digest == s.digest && len(differs) == 0 {
		return r, nil
	}
	if !sameCode(s, version) {
		differs = append(differs, "code")
	}
	return providers.Revision{}, &providers.Error{
		Kind: providers.Conflict, Op: "publish", Provider: name, Function: fn, Hint: "deploy again",
		Err: fmt.Errorf("version %s is not what was published: $LATEST was changed at the same time (%s)", aws.ToString(version.Version), strings.Join(differs, ", ")),
	}
}

// draft is $LATEST, nil when there is no function. One that ferry did not make is Foreign.
func (c *connection) draft(ctx context.Context, fn string) (*lambda.GetFunctionOutput, error) {
	out, err := c.get(ctx, fn, "")
	if err != nil || out == nil {
		return nil, err
	}
	if !c.owns(out.Tags, fn) {
		return nil, c.foreign("publish", fn)
	}
	return out, nil
}

// get asks for a function or one of its versions or aliases; nil is that there is none.
func (c *connection) get(ctx context.Context, fn, qualifier string) (*lambda.GetFunctionOutput, error) {
	in := &lambda.GetFunctionInput{FunctionName: aws.String(c.functionName(fn))}
	if qualifier != "" {
		in.Qualifier = aws.String(qualifier)
	}
	out, err := c.lambda.GetFunction(ctx, in)
	switch {
	case isNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case out.TagsError != nil:
		return nil, &providers.Error{
			Kind: providers.Denied, Op: "read the tags", Provider: name, Function: fn, Hint: "allow lambda:ListTags",
			Err: errors.New(aws.ToString(out.TagsError.Message)),
		}
	}
	return out, nil
}

func (p *place) foreign(op, fn string) error {
	return &providers.Error{
		Kind: providers.Foreign, Op: op, Provider: name, Function: fn,
		Hint: "run `ferry deploy --adopt` to take it over, or rename the function",
		Err:  fmt.Errorf("the Lambda function %s exists, and ferry did not make it", p.functionName(fn)),
	}
}

// role is what the version will run as, with the rights that it needs. Where what serves needs the same rights, its
// role has them.
func (c *connection) role(ctx context.Context, s spec) (executor, error) {
	serving, err := c.get(ctx, s.function.Name, live)
	if err != nil {
		return executor{}, err
	}
	if serving != nil && settled(serving) && labelOf(serving.Configuration).settings == c.settingsDigest(s) {
		lost, err := c.lacks(ctx, s.function.Name, serving.Configuration)
		if err != nil {
			return executor{}, err
		}
		if lost == "" {
			return executor{arn: aws.ToString(serving.Configuration.Role), id: labelOf(serving.Configuration).role}, nil
		}
	}
	return c.widenRole(ctx, s)
}

// work is the making of one version.
type work struct {
	*connection
	spec spec
	want *lambda.UpdateFunctionConfigurationInput
}

// create makes the function. A lost reply and a retry meet the function that exists already: what it holds decides.
func (w *work) create(ctx context.Context) (*types.FunctionConfiguration, error) {
	in := w.creation(w.want, w.spec)
	code, err := w.code(ctx)
	if err != nil {
		return nil, err
	}
	in.Code = &types.FunctionCode{ZipFile: code.zip, S3Bucket: code.bucket, S3Key: code.key}
	made, err := w.lambda.CreateFunction(ctx, in)
	switch {
	case err == nil:
		return &types.FunctionConfiguration{Version: made.Version}, nil
	case !isAlreadyExists(err):
		return nil, err
	}
	latest, err := w.draft(ctx, w.spec.function.Name)
	if err != nil {
		return nil, err
	}
	if latest == nil {
		return nil, &providers.Error{
			Kind: providers.Unavailable, Op: "publish", Provider: name, Function: w.spec.function.Name, Hint: "deploy again",
			Err: errors.New("the function is still being deleted"),
		}
	}
	return w.update(ctx, latest.Configuration)
}

// update brings $LATEST to the spec, configuration first, so that publishing the code makes one version of both.
func (w *work) update(ctx context.Context, latest *types.FunctionConfiguration) (*types.FunctionConfiguration, error) {
	var err error
	if !settledState(latest) {
		if latest, err = w.await(ctx, w.spec.function.Name, ""); err != nil {
			return nil, err
		}
	}
	if !same(w.want, latest) {
		if latest, err = w.configure(ctx, latest); err != nil {
			return nil, err
		}
	}
	if sameCode(w.spec, latest) {
		return w.version(ctx, latest)
	}
	return w.upload(ctx, latest)
}

// configure changes $LATEST's configuration.
func (w *work) configure(ctx context.Context, latest *types.FunctionConfiguration) (*types.FunctionConfiguration, error) {
	in := *w.want
	if deadLetter(latest) == "" && aws.ToString(in.DeadLetterConfig.TargetArn) == "" {
		in.DeadLetterConfig = nil // an empty one is for taking one away
	}
	if latest.VpcConfig == nil && len(in.VpcConfig.SubnetIds) == 0 {
		in.VpcConfig = nil
	}
	_, now, err := w.change(ctx, latest, func(now *types.FunctionConfiguration) bool { return same(w.want, now) }, func(revision *string) (*string, error) {
		in.RevisionId = revision
		_, err := w.lambda.UpdateFunctionConfiguration(ctx, &in)
		return nil, err
	})
	return now, err
}

// upload changes $LATEST's code and publishes it.
func (w *work) upload(ctx context.Context, latest *types.FunctionConfiguration) (*types.FunctionConfiguration, error) {
	code, err := w.code(ctx)
	if err != nil {
		return nil, err
	}
	version, now, err := w.change(ctx, latest, func(now *types.FunctionConfiguration) bool { return sameCode(w.spec, now) }, func(revision *string) (*string, error) {
		out, err := w.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName: w.want.FunctionName, Architectures: architecture(w.spec.function), Publish: true,
			RevisionId: revision, ZipFile: code.zip, S3Bucket: code.bucket, S3Key: code.key,
		})
		if err != nil {
			return nil, err
		}
		return out.Version, nil
	})
	if err != nil || version != nil {
		return &types.FunctionConfiguration{Version: version}, err
	}
	return w.version(ctx, now)
}

// version publishes $LATEST as it is. It is the last version itself when nothing changed since.
func (w *work) version(ctx context.Context, latest *types.FunctionConfiguration) (*types.FunctionConfiguration, error) {
	never := func(*types.FunctionConfiguration) bool { return false } // that it was published is not to be seen from $LATEST
	version, _, err := w.change(ctx, latest, never, func(revision *string) (*string, error) {
		out, err := w.lambda.PublishVersion(ctx, &lambda.PublishVersionInput{
			FunctionName: w.want.FunctionName, CodeSha256: latest.CodeSha256, RevisionId: revision,
		})
		if err != nil {
			return nil, err
		}
		return out.Version, nil
	})
	return &types.FunctionConfiguration{Version: version}, err
}

// changes is how often a change is sent that meets another one under way.
const changes = 5

// change sends a write of $LATEST under its revision id. It returns the version that the write named, or $LATEST once it
// is settled with what is wanted. A precondition that does not hold is looked into: a write whose reply was lost, and a
// change of AWS's own, leave $LATEST as it was or as it is wanted; anything else is somebody's work at the same time.
func (w *work) change(
	ctx context.Context, latest *types.FunctionConfiguration, done func(*types.FunctionConfiguration) bool, send func(revision *string) (*string, error),
) (version *string, now *types.FunctionConfiguration, err error) {
	for range changes {
		version, err = send(latest.RevisionId)
		if version != nil || err != nil && !isPreconditionFailed(err) {
			return version, nil, err
		}
		now, reading := w.await(ctx, w.spec.function.Name, "")
		switch {
		case reading != nil:
			return nil, nil, reading
		case done(now):
			return nil, now, nil
		case err == nil:
			err = errors.New("the change was acknowledged, but something else is there")
		}
		if fields := altered(latest, now); len(fields) > 0 {
			err = fmt.Errorf("its %s differs: %w", strings.Join(fields, ", "), err)
			break
		}
		latest = now
	}
	return nil, nil, &providers.Error{
		Kind: providers.Conflict, Op: "publish", Provider: name, Function: w.spec.function.Name,
		Hint: "make sure that nothing else changes the function, and deploy again", Err: fmt.Errorf("$LATEST was changed at the same time: %w", err),
	}
}

// altered names what of $LATEST's code and configuration is not as before, as AWS calls it.
func altered(before, now *types.FunctionConfiguration) []string {
	content := func(c types.FunctionConfiguration) reflect.Value {
		c.RevisionId, c.LastModified = nil, nil
		c.State, c.StateReason, c.StateReasonCode = "", nil, ""
		c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "", nil, ""
		return reflect.ValueOf(c)
	}
	was, is := content(*before), content(*now)
	var fields []string
	for i := range was.NumField() {
		if f := was.Type().Field(i); f.IsExported() && !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
			fields = append(fields, f.Name)
		}
	}
	return fields
}

// code is a package: its bytes, or where in the bucket it is.
type code struct {
	zip         []byte
	bucket, key *string
}

func (w *work) code(ctx context.Context) (code, error) {
	if w.spec.artifact.Size <= maxDirect {
		zip, err := w.spec.artifact.Bytes()
		if err == nil && len(zip) <= maxDirect {
			return code{zip: zip}, nil
		}
		if err != nil {
			return code{}, fmt.Errorf("reading the package: %w", err)
		}
	}
	store, key := w.storeIn(), providers.PackageKey(providers.LedgerPrefix(w.service, w.stage, w.targetName), w.spec.artifact.ZipDigest)
	stored := code{bucket: &store.Name, key: &key}
	if store.Has(ctx, key) { // a release keeps its packages there first
		return stored, nil
	}
	content, err := w.spec.artifact.Open()
	if err != nil {
		return code{}, err
	}
	defer content.Close()
	if _, err := store.Put(ctx, key, content, providers.IfAbsent()); err != nil && !errors.Is(err, providers.Conflict) {
		return code{}, err // a Conflict is that it is there
	}
	return stored, nil
}

// await waits until a function or version is ready to be changed and called, and says why it cannot be. A function
// may be unknown for a moment after it was made.
func (c *connection) await(ctx context.Context, fn, qualifier string) (*types.FunctionConfiguration, error) {
	function := c.functionName(fn)
	changing := fmt.Errorf("%s is not ready after %s", function, settleTime)
	absent := &providers.Error{
		Kind: providers.NotFound, Op: "wait for", Provider: name, Function: fn, Err: fmt.Errorf("%s %s does not exist", function, qualifier),
	}
	var found *types.FunctionConfiguration
	err := until.Done(ctx, func() error {
		out, err := c.get(ctx, fn, qualifier)
		if err != nil {
			return err
		}
		if out == nil {
			return absent
		}
		found = out.Configuration
		if err := broken(fn, found); err != nil || settledState(found) {
			return err
		}
		return changing
	}, made(function, absent), ready(function, changing))
	if err != nil {
		return nil, err
	}
	return found, nil
}

// settledState reports whether no change is under way.
func settledState(c *types.FunctionConfiguration) bool {
	return (c.State == types.StateActive || c.State == types.StateInactive || c.State == "") &&
		c.LastUpdateStatus != types.LastUpdateStatusInProgress
}

// broken explains a function that AWS could not make or change.
func broken(fn string, c *types.FunctionConfiguration) error {
	code, reason := string(c.StateReasonCode), aws.ToString(c.StateReason)
	switch {
	case c.State == types.StateFailed:
	case c.LastUpdateStatus == types.LastUpdateStatusFailed:
		code, reason = string(c.LastUpdateStatusReasonCode), aws.ToString(c.LastUpdateStatusReason)
	default:
		return nil
	}
	kind, hint := explain(code, reason)
	return &providers.Error{Kind: kind, Op: "publish", Provider: name, Function: fn, Hint: hint, Err: fmt.Errorf("%s: %s", code, reason)}
}

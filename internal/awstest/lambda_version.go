package awstest

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func (c *Cloud) publishVersion(in *lambda.PublishVersionInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := c.updatable(f, in.RevisionId); err != nil {
		return nil, err
	}
	if in.CodeSha256 != nil && *in.CodeSha256 != "" && *in.CodeSha256 != f.latest.code.sha {
		return nil, invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.",
			*in.CodeSha256, f.latest.code.sha)
	}
	if len(deref(in.Description)) > 256 {
		return nil, constraint(*in.Description, "description", "Member must have length less than or equal to 256")
	}
	return c.publish(f, in.Description).config, nil
}

// publish makes a version of $LATEST, or finds the last one when nothing has changed since.
func (c *Cloud) publish(f *function, description *string) *version {
	mark := f.latest.fingerprint()
	if last := f.versions[f.last]; last != nil && last.print == mark {
		return last
	}
	f.last++
	number := strconv.Itoa(f.last)
	v := &version{config: f.latest.config, code: f.latest.code, polls: c.polls(pending), print: mark, grant: f.latest.grant}
	v.config.Version, v.config.FunctionArn = &number, new(f.arn(number))
	if description != nil && *description != "" {
		v.config.Description = description
	}
	v.config.State, v.config.StateReason = types.StatePending, new("The function is being created.")
	v.config.StateReasonCode = types.StateReasonCodeCreating
	v.config.LastUpdateStatus, v.config.LastUpdateStatusReason = types.LastUpdateStatusSuccessful, nil
	v.config.LastUpdateStatusReasonCode = ""
	v.config.RevisionId = new(newID())
	f.latest.config.RevisionId = new(newID())
	f.versions[f.last] = v
	return v
}

func (c *Cloud) listVersions(in *lambda.ListVersionsByFunctionInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	all := []types.FunctionConfiguration{listed(f, f.latest)}
	for _, n := range f.numbers() {
		all = append(all, listed(f, f.versions[n]))
	}
	items, next := page(all, in.Marker, limit(in.MaxItems, pageSize))
	return &lambda.ListVersionsByFunctionOutput{Versions: items, NextMarker: next}, nil
}

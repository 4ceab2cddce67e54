package aws

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/providers"
)

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

package awstest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const (
	runtimeNotFound = "Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN"
	runtimeTooOld   = "The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. " +
		"We recommend you use a supported runtime while creating or updating functions."
	envTooLarge = "Lambda was unable to configure your environment variables because the environment variables you have " +
		"provided exceeded the 4KB limit. String measured: %s"
	envReserved = "Lambda was unable to configure your environment variables because the environment variables you have " +
		"provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s"
	rolePattern = `arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`
)

var (
	envName     = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)
	handler     = regexp.MustCompile(`^[^\s]+$`)
	roleARN     = regexp.MustCompile("^" + rolePattern + "$")
	layerARN    = regexp.MustCompile(`^(arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):layer:[a-zA-Z0-9-_]+):([0-9]+)$`)
	subnetID    = regexp.MustCompile(`^subnet-[0-9a-z]*$`)
	groupID     = regexp.MustCompile(`^sg-[0-9a-zA-Z]*$`)
	statementID = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
)

// What Lambda sets itself, and lets nobody set.
var reservedNames = []string{
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
	"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
	"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY",
	"AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER", "_X_AMZN_TRACE_ID",
}

// deprecatedRuntimes are those that the API knows and takes no more.
func deprecatedRuntimes() map[string]bool {
	old := map[string]bool{}
	for _, id := range []string{
		"nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x",
		"python2.7", "python3.6", "python3.7", "java8", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1",
		"go1.x", "ruby2.5", "ruby2.7", "provided",
	} {
		old[id] = true
	}
	return old
}

// supported refuses a runtime that functions can be made or updated with no more, or never could.
func (c *Cloud) supported(runtime types.Runtime) error {
	known := types.Runtime("").Values()
	switch {
	case c.deprecated[string(runtime)]:
		return invalid(runtimeTooOld, runtime)
	case slices.Contains(known, runtime):
		return nil
	}
	var names []string
	for _, r := range known {
		if !c.deprecated[string(r)] {
			names = append(names, string(r))
		}
	}
	return invalid(runtimeNotFound, runtime, strings.Join(names, ", "))
}

// check refuses what a function cannot be configured with.
func (c *Cloud) check(fc *types.FunctionConfiguration) error {
	for _, rule := range []func(*types.FunctionConfiguration) error{
		checkNumbers, checkTexts, checkEnvironment, c.checkLayers, checkNetwork,
		func(fc *types.FunctionConfiguration) error { return c.supported(fc.Runtime) },
		c.checkRole,
	} {
		if err := rule(fc); err != nil {
			return err
		}
	}
	return nil
}

func checkNumbers(fc *types.FunctionConfiguration) error {
	for _, r := range []struct {
		member   string
		value    int32
		min, max int32
	}{
		{"memorySize", *fc.MemorySize, 128, 32768},
		{"timeout", *fc.Timeout, 1, 900},
		{"ephemeralStorage.size", *fc.EphemeralStorage.Size, 512, 10240},
	} {
		if err := within(r.member, r.value, r.min, r.max); err != nil {
			return err
		}
	}
	if *fc.MemorySize > 10240 {
		return invalid("'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240")
	}
	return nil
}

func within(member string, value, low, high int32) error {
	if value < low {
		return constraint(strconv.Itoa(int(value)), member, "Member must have value greater than or equal to "+strconv.Itoa(int(low)))
	}
	if value > high {
		return constraint(strconv.Itoa(int(value)), member, "Member must have value less than or equal to "+strconv.Itoa(int(high)))
	}
	return nil
}

func checkTexts(fc *types.FunctionConfiguration) error {
	for _, r := range []struct {
		member, value string
		most          int
	}{{"description", deref(fc.Description), 256}, {"handler", deref(fc.Handler), 128}} {
		if len(r.value) > r.most {
			return constraint(r.value, r.member, "Member must have length less than or equal to "+strconv.Itoa(r.most))
		}
	}
	switch h := deref(fc.Handler); {
	case h == "":
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case !handler.MatchString(h):
		return constraint(h, "handler", `Member must satisfy regular expression pattern: [^\s]+`)
	case len(fc.Architectures) > 1:
		return constraint("["+joined(fc.Architectures)+"]", "architectures", "Member must have length less than or equal to 1")
	case !slices.Contains(types.Architecture("").Values(), fc.Architectures[0]):
		return constraint("["+joined(fc.Architectures)+"]", "architectures",
			"Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")
	}
	return nil
}

func joined[T ~string](items []T) string {
	var b strings.Builder
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(item))
	}
	return b.String()
}

func checkEnvironment(fc *types.FunctionConfiguration) error {
	if fc.Environment == nil {
		return nil
	}
	vars := fc.Environment.Variables
	var reserved []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if slices.Contains(reservedNames, name) {
			reserved = append(reserved, name)
		} else if !envName.MatchString(name) {
			return constraint("{"+name+"="+vars[name]+"}", "environment.variables",
				"Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		}
	}
	if reserved != nil {
		return invalid(envReserved, strings.Join(reserved, ", "))
	}
	data, _ := json.Marshal(vars) // strings always encode
	if len(data) > 4096 {
		return invalid(envTooLarge, data)
	}
	return nil
}

// checkLayers takes the layers of other accounts on trust; the account itself has none.
func (c *Cloud) checkLayers(fc *types.FunctionConfiguration) error {
	if len(fc.Layers) > 5 {
		return invalid("Cannot reference more than 5 layers.")
	}
	seen := map[string]string{}
	for _, layer := range fc.Layers {
		parts := layerARN.FindStringSubmatch(*layer.Arn)
		switch {
		case parts == nil:
			return constraint("["+*layer.Arn+"]", "layers", "Member must satisfy constraint: [Member must have length less than or equal to 2048, "+
				"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: arn:[a-zA-Z0-9-]+:lambda:.+:layer:.+]")
		case parts[2] != Region:
			return invalid("Layers are not in the same region as the function. Layers are expected to be in region %s.", Region)
		case parts[3] == Account:
			return invalid("Layer version %s does not exist.", *layer.Arn)
		case seen[parts[1]] != "":
			return invalid("Two different versions of the same layer are not allowed to be referenced in the same function. "+
				"%s and %s are versions of the same layer.", seen[parts[1]], *layer.Arn)
		}
		seen[parts[1]] = *layer.Arn
	}
	return nil
}

func checkNetwork(fc *types.FunctionConfiguration) error {
	const rule = "Member must satisfy constraint: [Member must have length less than or equal to 1024, " +
		"Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: %s]"
	if fc.VpcConfig == nil {
		return nil
	}
	for _, id := range fc.VpcConfig.SubnetIds {
		if !subnetID.MatchString(id) {
			return constraint("["+id+"]", "vpcConfig.subnetIds", strings.Replace(rule, "%s", "subnet-[0-9a-z]*", 1))
		}
	}
	for _, id := range fc.VpcConfig.SecurityGroupIds {
		if !groupID.MatchString(id) {
			return constraint("["+id+"]", "vpcConfig.securityGroupIds", strings.Replace(rule, "%s", "sg-[0-9a-zA-Z]*", 1))
		}
	}
	if len(fc.VpcConfig.SubnetIds) > 0 != (len(fc.VpcConfig.SecurityGroupIds) > 0) {
		return invalid("SecurityGroupIds and SubnetIds must both be set or both be empty.")
	}
	return nil
}

// checkRole refuses a role that Lambda cannot assume, or that lacks what the configuration needs at runtime.
func (c *Cloud) checkRole(fc *types.FunctionConfiguration) error {
	if !roleARN.MatchString(deref(fc.Role)) {
		return constraint(deref(fc.Role), "role", "Member must satisfy regular expression pattern: "+rolePattern)
	}
	r := c.roleByARN(*fc.Role)
	if r == nil || !r.trusts("lambda.amazonaws.com") || c.take(func(k *control) *int { return &k.unassumable }) {
		return invalid("The role defined for the function cannot be assumed by Lambda.")
	}
	const lacks = "The provided execution role does not have permissions to call %s on %s"
	if fc.VpcConfig != nil && len(fc.VpcConfig.SubnetIds) > 0 && !r.allows("ec2:CreateNetworkInterface", "*") {
		return invalid(lacks, "CreateNetworkInterface", "EC2")
	}
	if fc.TracingConfig.Mode == types.TracingModeActive && !r.allows("xray:PutTraceSegments", "*") {
		return invalid(lacks, "PutTraceSegments", "XRAY")
	}
	if fc.DeadLetterConfig == nil || deref(fc.DeadLetterConfig.TargetArn) == "" {
		return nil
	}
	target := *fc.DeadLetterConfig.TargetArn
	if strings.HasPrefix(target, "arn:aws:sns:") && !r.allows("sns:Publish", target) {
		return invalid(lacks, "Publish", "SNS")
	}
	if strings.HasPrefix(target, "arn:aws:sqs:") && !r.allows("sqs:SendMessage", target) {
		return invalid(lacks, "SendMessage", "SQS")
	}
	return nil
}

package awstest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func (c *Cloud) createFunction(in *lambda.CreateFunctionInput) (any, error) {
	name, qualifier, err := reference(deref(in.FunctionName), "")
	if err != nil {
		return nil, err
	}
	if qualifier != "" || in.Code == nil {
		return nil, constraint(deref(in.FunctionName), "functionName", "Member must satisfy regular expression pattern: "+functionPattern)
	}
	if in.PackageType == types.PackageTypeImage || in.CapacityProviderConfig != nil || in.DurableConfig != nil || in.TenancyConfig != nil {
		return nil, invalid("An error occurred and the request cannot be processed.")
	}
	if len(in.Tags) > 50 {
		return nil, invalid("Number of tags exceeds resource tag limit.")
	}
	config := types.FunctionConfiguration{
		FunctionName: &name, FunctionArn: new(arn("lambda", "function:"+name)), Version: new(latest), PackageType: types.PackageTypeZip,
		Runtime: in.Runtime, Handler: in.Handler, Role: in.Role, Description: new(deref(in.Description)),
		MemorySize: or(in.MemorySize, 128), Timeout: or(in.Timeout, 3), KMSKeyArn: in.KMSKeyArn,
		EphemeralStorage: &types.EphemeralStorage{Size: new(int32(512))}, TracingConfig: &types.TracingConfigResponse{Mode: types.TracingModePassThrough},
		Architectures: in.Architectures, DeadLetterConfig: in.DeadLetterConfig, FileSystemConfigs: in.FileSystemConfigs,
		SnapStart:     &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnNone, OptimizationStatus: types.SnapStartOptimizationStatusOff},
		LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: new("/aws/lambda/" + name)},
		State:         types.StatePending, StateReason: new("The function is being created."), StateReasonCode: types.StateReasonCodeCreating,
	}
	if len(config.Architectures) == 0 {
		config.Architectures = []types.Architecture{types.ArchitectureX8664}
	}
	configure(&config, &lambda.UpdateFunctionConfigurationInput{
		Environment: in.Environment, EphemeralStorage: in.EphemeralStorage, TracingConfig: in.TracingConfig, VpcConfig: in.VpcConfig,
		Layers: in.Layers, LoggingConfig: in.LoggingConfig, SnapStart: in.SnapStart,
	})
	if c.functions[name] != nil {
		return nil, refuse(409, "ResourceConflictException", "Function already exist: %s", name)
	}
	if err := c.check(&config); err != nil {
		return nil, err
	}
	loaded, err := c.load(*in.Code)
	if err != nil {
		return nil, err
	}
	f := &function{
		name: name, latest: &version{config: config, polls: c.polls(pending)}, versions: map[int]*version{},
		aliases: map[string]*types.AliasConfiguration{}, rollovers: map[string]int{}, policies: map[string][]policyStatement{},
		urls: map[string]*functionURL{}, provisioned: map[string]*provisioned{}, tags: maps.Clone(in.Tags),
	}
	f.latest.put(loaded)
	f.latest.touch()
	f.latest.grant = c.granted(&config)
	c.functions[name] = f
	if !in.Publish {
		return f.latest.config, nil
	}
	published := c.publish(f, nil).config
	published.FunctionArn, published.LastUpdateStatus = f.latest.config.FunctionArn, ""
	return published, nil
}

func or(value *int32, otherwise int32) *int32 {
	if value == nil {
		return &otherwise
	}
	return value
}

func (v *version) put(loaded code) {
	v.code = loaded
	v.config.CodeSha256, v.config.CodeSize = new(loaded.sha), int64(len(loaded.zip))
}

func (v *version) touch() {
	v.config.RevisionId, v.config.LastModified = new(newID()), new(lambdaTime())
}

// configure applies what an update names and keeps the rest.
func configure(fc *types.FunctionConfiguration, in *lambda.UpdateFunctionConfigurationInput) {
	fc.Description = cmp.Or(in.Description, fc.Description)
	fc.Handler = cmp.Or(in.Handler, fc.Handler)
	fc.Role = cmp.Or(in.Role, fc.Role)
	fc.Runtime = cmp.Or(in.Runtime, fc.Runtime)
	fc.MemorySize = cmp.Or(in.MemorySize, fc.MemorySize)
	fc.Timeout = cmp.Or(in.Timeout, fc.Timeout)
	fc.KMSKeyArn = cmp.Or(in.KMSKeyArn, fc.KMSKeyArn)
	fc.EphemeralStorage = cmp.Or(in.EphemeralStorage, fc.EphemeralStorage)
	if fc.DeadLetterConfig = cmp.Or(in.DeadLetterConfig, fc.DeadLetterConfig); fc.DeadLetterConfig != nil && deref(fc.DeadLetterConfig.TargetArn) == "" {
		fc.DeadLetterConfig = nil // an empty target takes it away
	}
	if in.Environment != nil {
		fc.Environment = &types.EnvironmentResponse{Variables: in.Environment.Variables}
		if len(in.Environment.Variables) == 0 {
			fc.Environment = nil
		}
	}
	if in.FileSystemConfigs != nil {
		fc.FileSystemConfigs = in.FileSystemConfigs
	}
	if in.TracingConfig != nil {
		fc.TracingConfig = &types.TracingConfigResponse{Mode: in.TracingConfig.Mode}
	}
	if in.VpcConfig != nil {
		fc.VpcConfig = &types.VpcConfigResponse{
			SubnetIds: in.VpcConfig.SubnetIds, SecurityGroupIds: in.VpcConfig.SecurityGroupIds,
			Ipv6AllowedForDualStack: new(in.VpcConfig.Ipv6AllowedForDualStack != nil && *in.VpcConfig.Ipv6AllowedForDualStack), VpcId: new(""),
		}
	}
	if in.SnapStart != nil {
		fc.SnapStart = &types.SnapStartResponse{ApplyOn: in.SnapStart.ApplyOn, OptimizationStatus: types.SnapStartOptimizationStatusOff}
	}
	if in.LoggingConfig != nil {
		merged := *in.LoggingConfig
		merged.LogGroup = cmp.Or(merged.LogGroup, fc.LoggingConfig.LogGroup)
		merged.LogFormat = cmp.Or(merged.LogFormat, fc.LoggingConfig.LogFormat)
		fc.LoggingConfig = &merged
	}
	if in.Layers == nil {
		return
	}
	fc.Layers = nil
	for _, layer := range in.Layers {
		fc.Layers = append(fc.Layers, types.Layer{Arn: new(layer), CodeSize: 1})
	}
}

// updating refuses an update that cannot begin now, or was meant for another revision.
func (c *Cloud) updatable(f *function, revision *string) error {
	if err := f.idle(); err != nil {
		return err
	}
	return unchanged(revision, f.latest.config.RevisionId, "GetFunction/GetAlias")
}

// begin puts a version in the state of being updated.
func (v *version) begin(polls int) {
	v.polls = polls
	v.config.LastUpdateStatus = types.LastUpdateStatusInProgress
	v.config.LastUpdateStatusReason = new("The function is being created.")
	v.config.LastUpdateStatusReasonCode = types.LastUpdateStatusReasonCode("Creating")
	v.touch()
}

func (c *Cloud) updateFunctionConfiguration(in *lambda.UpdateFunctionConfigurationInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := c.updatable(f, in.RevisionId); err != nil {
		return nil, err
	}
	config := f.latest.config
	configure(&config, in)
	if err := c.check(&config); err != nil {
		return nil, err
	}
	f.latest.config, f.latest.grant = config, c.granted(&config)
	f.latest.begin(c.polls(updating))
	return f.latest.config, nil
}

// granted is the id of the role that Lambda lets use a function's variables. Only a change of the configuration renews it.
func (c *Cloud) granted(fc *types.FunctionConfiguration) string {
	return *c.roleByARN(*fc.Role).is.RoleId
}

func (c *Cloud) updateFunctionCode(in *lambda.UpdateFunctionCodeInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := c.updatable(f, in.RevisionId); err != nil {
		return nil, err
	}
	if err := c.supported(f.latest.config.Runtime); err != nil {
		return nil, err
	}
	next := f.latest.config
	if len(in.Architectures) > 0 {
		next.Architectures = in.Architectures
	}
	if err := checkTexts(&next); err != nil {
		return nil, err
	}
	loaded, err := c.load(types.FunctionCode{
		ZipFile: in.ZipFile, S3Bucket: in.S3Bucket, S3Key: in.S3Key, S3ObjectVersion: in.S3ObjectVersion, ImageUri: in.ImageUri,
	})
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		preview := version{config: next}
		preview.put(loaded)
		return preview.config, nil
	}
	f.latest.config = next
	f.latest.put(loaded)
	c.environments.end(f.arn(latest))
	f.latest.begin(c.polls(updating))
	if in.Publish {
		return c.publish(f, nil).config, nil
	}
	return f.latest.config, nil
}

func (c *Cloud) getFunction(in *lambda.GetFunctionInput) (any, error) {
	f, v, arn, err := c.read(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	config := v.config
	config.FunctionArn = &arn
	out := &lambda.GetFunctionOutput{Configuration: &config, Code: c.location(v), Tags: f.tags}
	if f.reserved != nil {
		out.Concurrency = &types.Concurrency{ReservedConcurrentExecutions: f.reserved}
	}
	return out, nil
}

func (c *Cloud) getFunctionConfiguration(in *lambda.GetFunctionConfigurationInput) (any, error) {
	_, v, arn, err := c.read(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	config := v.config
	config.FunctionArn = &arn
	return config, nil
}

// read finds a version and lets one of its polls pass. The ARN has the qualifier that was asked for.
func (c *Cloud) read(name, qualifier *string) (*function, *version, string, error) {
	f, q, err := c.lookup(name, qualifier)
	if err != nil {
		return nil, nil, "", err
	}
	v := f.find(q)
	if v == nil {
		return nil, nil, "", missingFunction(f.arn(q))
	}
	v.settle()
	return f, v, f.arn(q), nil
}

func (c *Cloud) listFunctions(in *lambda.ListFunctionsInput) (any, error) {
	if in.FunctionVersion != "" && in.FunctionVersion != types.FunctionVersionAll {
		return nil, constraint(string(in.FunctionVersion), "functionVersion", "Member must satisfy enum value set: [ALL]")
	}
	var all []types.FunctionConfiguration
	for _, name := range slices.Sorted(maps.Keys(c.functions)) {
		f := c.functions[name]
		all = append(all, listed(f, f.latest))
		if in.FunctionVersion == types.FunctionVersionAll {
			for _, n := range f.numbers() {
				all = append(all, listed(f, f.versions[n]))
			}
		}
	}
	items, next := page(all, in.Marker, limit(in.MaxItems, pageSize))
	return &lambda.ListFunctionsOutput{Functions: items, NextMarker: next}, nil
}

// listed is a configuration as lists have it: without the state.
func listed(f *function, v *version) types.FunctionConfiguration {
	config := v.config
	config.State, config.StateReason, config.StateReasonCode = "", nil, ""
	config.LastUpdateStatus, config.LastUpdateStatusReason, config.LastUpdateStatusReasonCode = "", nil, ""
	config.FunctionArn = new(f.arn(*config.Version))
	return config
}

func (c *Cloud) deleteFunction(in *lambda.DeleteFunctionInput) (any, error) {
	f, qualifier, err := c.lookup(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	switch {
	case qualifier == latest:
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	case qualifier == "":
		f.closeURLs()
		c.environments.end(f.arn(""))
		delete(c.functions, f.name)
		return nil, nil
	case !onlyDigits.MatchString(qualifier):
		return nil, invalid("Deletion of aliases is not currently supported.")
	}
	n, _ := strconv.Atoi(qualifier)
	if users := f.users(qualifier); len(users) > 0 {
		return nil, refuse(409, "ResourceConflictException", "Unable to delete version because the following aliases reference it: [%s]", joined(users))
	}
	c.environments.end(f.arn(qualifier))
	delete(f.versions, n) // a version that is not there is no error
	delete(f.policies, qualifier)
	delete(f.provisioned, qualifier)
	return nil, nil
}

// fingerprint covers what makes a new version: code and configuration.
func (v *version) fingerprint() string {
	config := v.config
	config.RevisionId, config.LastModified, config.Version, config.FunctionArn = nil, nil, nil, nil
	config.State, config.StateReason, config.StateReasonCode = "", nil, ""
	config.LastUpdateStatus, config.LastUpdateStatusReason, config.LastUpdateStatusReasonCode = "", nil, ""
	data, _ := json.Marshal(config) // a structure of texts and numbers
	return string(data)
}

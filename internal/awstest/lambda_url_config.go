package awstest

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func (c *Cloud) createURL(in *lambda.CreateFunctionUrlConfigInput) (any, error) {
	f, qualifier, err := c.urlTarget(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if qualifier != "" && f.aliases[qualifier] == nil {
		return nil, refuse(404, "ResourceNotFoundException", "Function does not exist")
	}
	if err := checkURL(in.AuthType, in.InvokeMode); err != nil {
		return nil, err
	}
	if f.urls[qualifier] != nil {
		return nil, refuse(409, "ResourceConflictException", "Failed to create function url config for [functionArn = %s]. "+
			"Error message:  FunctionUrlConfig exists for this Lambda function", f.arn(qualifier))
	}
	at := new(lambdaTime())
	u := &functionURL{cloud: c, function: f.name, qualifier: qualifier, config: types.FunctionUrlConfig{
		AuthType: in.AuthType, Cors: in.Cors, InvokeMode: in.InvokeMode, FunctionArn: new(f.arn(qualifier)), CreationTime: at, LastModifiedTime: at,
	}}
	if u.config.InvokeMode == "" {
		u.config.InvokeMode = types.InvokeModeBuffered
	}
	u.listen()
	f.urls[qualifier] = u
	return u.config, nil
}

func (c *Cloud) urlTarget(name, qualifier *string) (*function, string, error) {
	if q := deref(qualifier); qualifier != nil && (!urlAliasName.MatchString(q) || onlyDigits.MatchString(q)) {
		return nil, "", constraint(q, "qualifier", "Member must satisfy regular expression pattern: "+urlAliasSyntax)
	}
	base, q, err := reference(deref(name), deref(qualifier))
	if err != nil {
		return nil, "", err
	}
	f := c.functions[base]
	if f == nil {
		return nil, "", refuse(404, "ResourceNotFoundException", "Function does not exist")
	}
	return f, q, nil
}

func checkURL(auth types.FunctionUrlAuthType, mode types.InvokeMode) error {
	if !slices.Contains(auth.Values(), auth) {
		return constraint(string(auth), "authType", "Member must satisfy enum value set: [NONE, AWS_IAM]")
	}
	if mode != "" && !slices.Contains(mode.Values(), mode) {
		return constraint(string(mode), "invokeMode", "Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]")
	}
	return nil
}

func (c *Cloud) findURL(name, qualifier *string) (*function, *functionURL, error) {
	f, q, err := c.urlTarget(name, qualifier)
	if err != nil {
		return nil, nil, err
	}
	if f.urls[q] == nil {
		return nil, nil, refuse(404, "ResourceNotFoundException", "The resource you requested does not exist.")
	}
	return f, f.urls[q], nil
}

func (c *Cloud) getURL(in *lambda.GetFunctionUrlConfigInput) (any, error) {
	_, u, err := c.findURL(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return u.config, nil
}

func (c *Cloud) updateURL(in *lambda.UpdateFunctionUrlConfigInput) (any, error) {
	_, u, err := c.findURL(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	next := u.config
	if in.AuthType != "" {
		next.AuthType = in.AuthType
	}
	if in.InvokeMode != "" {
		next.InvokeMode = in.InvokeMode
	}
	if in.Cors != nil {
		next.Cors = in.Cors
	}
	if err := checkURL(next.AuthType, next.InvokeMode); err != nil {
		return nil, err
	}
	next.LastModifiedTime = new(lambdaTime())
	u.config = next
	return u.config, nil
}

func (c *Cloud) deleteURL(in *lambda.DeleteFunctionUrlConfigInput) (any, error) {
	f, u, err := c.findURL(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	u.close()
	delete(f.urls, u.qualifier)
	return nil, nil
}

func (c *Cloud) listURLs(in *lambda.ListFunctionUrlConfigsInput) (any, error) {
	f, _, err := c.urlTarget(in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var all []types.FunctionUrlConfig
	for _, qualifier := range slices.Sorted(maps.Keys(f.urls)) {
		all = append(all, f.urls[qualifier].config)
	}
	items, next := page(all, in.Marker, limit(in.MaxItems, pageSize))
	return &lambda.ListFunctionUrlConfigsOutput{FunctionUrlConfigs: items, NextMarker: next}, nil
}

func (f *function) closeURLs() {
	for _, u := range f.urls {
		u.close()
	}
}

package awstest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func parametersService() *service {
	return &service{name: "ssm", protocol: json11, ops: []*operation{
		{name: "PutParameter", run: typed((*Cloud).putParameter)},
		{name: "GetParameter", run: typed((*Cloud).getParameter)},
		{name: "GetParameters", run: typed((*Cloud).getParameters)},
	}}
}

// parameter is a parameter of Systems Manager: its versions, the first at 0.
type parameter struct {
	versions []types.Parameter
}

var parameterName = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

func (c *Cloud) putParameter(in *ssm.PutParameterInput) (any, error) {
	name := deref(in.Name)
	if !parameterName.MatchString(name) || strings.Contains(name, "/") && !strings.HasPrefix(name, "/") {
		return nil, refuse(400, "ValidationException", "Parameter name must be a fully qualified name.")
	}
	p := c.parameters[name]
	switch {
	case p == nil && in.Type == "":
		return nil, refuse(400, "ValidationException", "A parameter type is required when you create a parameter.")
	case p == nil:
		p = &parameter{}
	case in.Overwrite == nil || !*in.Overwrite:
		return nil, refuse(400, "ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	case in.Tags != nil:
		return nil, refuse(400, "ValidationException", "Invalid request: tags and overwrite can't be used together.")
	}
	if in.Type != "" && !slices.Contains(in.Type.Values(), in.Type) {
		return nil, refuse(400, "UnsupportedParameterType", "The parameter type %s is not supported.", in.Type)
	}
	if len(deref(in.Value)) > 4096 {
		return nil, refuse(400, "ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters.")
	}
	kind := in.Type
	if kind == "" {
		kind = p.versions[0].Type
	}
	p.versions = append(p.versions, types.Parameter{
		Name: &name, ARN: new(arn("ssm", "parameter/"+strings.TrimPrefix(name, "/"))), Type: kind, Value: in.Value,
		Version: int64(len(p.versions) + 1), LastModifiedDate: new(now()), DataType: new("text"),
	})
	c.parameters[name] = p
	return &ssm.PutParameterOutput{Version: int64(len(p.versions)), Tier: types.ParameterTierStandard}, nil
}

// parameter finds a version: NAME or NAME:VERSION, where the name may be an ARN.
func (c *Cloud) parameter(id string, decrypt *bool) (*types.Parameter, error) {
	name := id
	if short, ok := strings.CutPrefix(id, arn("ssm", "parameter/")); ok {
		name = short
		if strings.Contains(short, "/") {
			name = "/" + short
		}
	}
	name, selector, versioned := strings.Cut(name, ":")
	p := c.parameters[name]
	if p == nil && c.parameters["/"+name] != nil && strings.HasPrefix(id, "arn:") {
		p = c.parameters["/"+name]
	}
	if p == nil {
		return nil, refuse(400, "ParameterNotFound", "Parameter %s not found.", id)
	}
	found := p.versions[len(p.versions)-1]
	if versioned {
		n, err := strconv.Atoi(selector)
		if err != nil || n < 1 || n > len(p.versions) {
			return nil, refuse(400, "ParameterVersionNotFound", "Systems Manager could not find version %s of %s.", selector, name)
		}
		found = p.versions[n-1]
		found.Selector = new(":" + selector)
	}
	if found.Type == types.ParameterTypeSecureString && (decrypt == nil || !*decrypt) {
		found.Value = new("AQICAHencrypted")
	}
	return &found, nil
}

func (c *Cloud) getParameter(in *ssm.GetParameterInput) (any, error) {
	p, err := c.parameter(deref(in.Name), in.WithDecryption)
	if err != nil {
		return nil, err
	}
	return &ssm.GetParameterOutput{Parameter: p}, nil
}

func (c *Cloud) getParameters(in *ssm.GetParametersInput) (any, error) {
	if len(in.Names) > 10 {
		return nil, refuse(400, "ValidationException", "1 validation error detected: Value at 'names' failed to satisfy constraint: "+
			"Member must have length less than or equal to 10")
	}
	out := &ssm.GetParametersOutput{}
	for _, name := range in.Names {
		p, err := c.parameter(name, in.WithDecryption)
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		out.Parameters = append(out.Parameters, *p)
	}
	return out, nil
}

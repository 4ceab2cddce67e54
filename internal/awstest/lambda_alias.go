package awstest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func (c *Cloud) createAlias(in *lambda.CreateAliasInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	name := deref(in.Name)
	switch {
	case !aliasName.MatchString(name) || onlyDigits.MatchString(name):
		return nil, constraint(name, "name", "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)")
	case len(name) > 128:
		return nil, constraint(name, "name", "Member must have length less than or equal to 128")
	case f.aliases[name] != nil:
		return nil, refuse(409, "ResourceConflictException", "Alias already exists: %s", f.arn(name))
	}
	a := types.AliasConfiguration{
		Name: &name, AliasArn: new(f.arn(name)), Description: new(deref(in.Description)), FunctionVersion: in.FunctionVersion,
		RoutingConfig: routing(in.RoutingConfig),
	}
	if err := f.routable(&a); err != nil {
		return nil, err
	}
	a.RevisionId = new(newID())
	f.aliases[name] = &a
	return a, nil
}

func routing(in *types.AliasRoutingConfiguration) *types.AliasRoutingConfiguration {
	if in == nil || len(in.AdditionalVersionWeights) == 0 {
		return nil
	}
	return in
}

// routable refuses an alias that points where it must not.
func (f *function) routable(a *types.AliasConfiguration) error {
	main := f.find(deref(a.FunctionVersion))
	if main == nil || f.aliases[*a.FunctionVersion] != nil {
		return missingFunction(f.arn(deref(a.FunctionVersion)))
	}
	if a.RoutingConfig == nil {
		return nil
	}
	const member = "routingConfig.additionalVersionWeights"
	weights := a.RoutingConfig.AdditionalVersionWeights
	for _, number := range slices.Sorted(maps.Keys(weights)) {
		shown := fmt.Sprintf("{%s=%.1f}", number, weights[number])
		switch {
		case !onlyDigits.MatchString(number):
			return constraint(shown, member, "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "+
				"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]")
		case weights[number] < 0 || weights[number] > 1:
			return constraint(shown, member, "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "+
				"Member must have value greater than or equal to 0.0, Member must not be null]")
		case len(weights) > 1:
			return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
		case *a.FunctionVersion == latest:
			return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
		case number == *a.FunctionVersion:
			return invalid("Invalid function version %s. Function version %s is already included in routing configuration.", number, number)
		}
		other := f.find(number)
		if other == nil {
			return missingFunction(f.arn(number))
		}
		if err := alike(main, other); err != nil {
			return err
		}
	}
	if f.provisioned[deref(a.Name)] != nil {
		return invalid("Alias with weights can not be used with Provisioned Concurrency")
	}
	return nil
}

// deadLetter is where events go that a version failed on, "" when nowhere.
func deadLetter(v *version) string {
	if v.config.DeadLetterConfig == nil {
		return ""
	}
	return deref(v.config.DeadLetterConfig.TargetArn)
}

// alike refuses two versions that one alias cannot split requests between.
func alike(a, b *version) error {
	if *a.config.Role != *b.config.Role {
		return invalid("Specified versions must be associated with the same execution role")
	}
	if deadLetter(a) != deadLetter(b) {
		return invalid("Specified versions must be associated with the same dead letter queue configuration")
	}
	return nil
}

func (c *Cloud) getAlias(in *lambda.GetAliasInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	a := f.aliases[deref(in.Name)]
	if a == nil {
		return nil, missingAlias(f.arn(deref(in.Name)))
	}
	f.roll(*a.Name)
	return *a, nil
}

func missingAlias(arn string) error {
	return refuse(404, "ResourceNotFoundException", "Cannot find alias arn: %s", arn)
}

func (c *Cloud) updateAlias(in *lambda.UpdateAliasInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	name := deref(in.Name)
	a := f.aliases[name]
	if a == nil {
		return nil, refuse(404, "ResourceNotFoundException", "Alias not found: %s", f.arn(name))
	}
	if err := unchanged(in.RevisionId, a.RevisionId, "GetFunction/GetAlias"); err != nil {
		return nil, err
	}
	next := *a
	if in.Description != nil {
		next.Description = in.Description
	}
	if in.FunctionVersion != nil {
		next.FunctionVersion = in.FunctionVersion
	}
	if in.RoutingConfig != nil {
		next.RoutingConfig = routing(in.RoutingConfig)
	}
	if err := f.routable(&next); err != nil {
		return nil, err
	}
	next.RevisionId = new(newID())
	if f.provisioned[name] != nil && *next.FunctionVersion != *a.FunctionVersion {
		c.beginRoll(f, &next, *a.FunctionVersion)
	}
	*a = next
	return next, nil
}

func (c *Cloud) deleteAlias(in *lambda.DeleteAliasInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	name := deref(in.Name)
	if u := f.urls[name]; u != nil {
		u.close()
	}
	delete(f.urls, name)
	delete(f.aliases, name)
	delete(f.rollovers, name)
	delete(f.policies, name)
	delete(f.provisioned, name)
	return nil, nil
}

func (c *Cloud) listAliases(in *lambda.ListAliasesInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	var all []types.AliasConfiguration
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		a := f.aliases[name]
		if in.FunctionVersion != nil && *in.FunctionVersion != *a.FunctionVersion && !weighted(a, *in.FunctionVersion) {
			continue
		}
		all = append(all, *a)
	}
	items, next := page(all, in.Marker, limit(in.MaxItems, pageSize))
	return &lambda.ListAliasesOutput{Aliases: items, NextMarker: next}, nil
}

func weighted(a *types.AliasConfiguration, number string) bool {
	if a.RoutingConfig == nil {
		return false
	}
	_, ok := a.RoutingConfig.AdditionalVersionWeights[number]
	return ok
}

// users are the aliases that send requests to a version.
func (f *function) users(number string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		if a := f.aliases[name]; *a.FunctionVersion == number || weighted(a, number) {
			names = append(names, name)
		}
	}
	return names
}

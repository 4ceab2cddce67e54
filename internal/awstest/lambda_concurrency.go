package awstest

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const (
	accountConcurrency = 1000
	minUnreserved      = 100
)

// unreserved is what the functions of the account share, not counting what one of them has reserved.
func (c *Cloud) unreserved(except string) int32 {
	left := int32(accountConcurrency)
	for name, f := range c.functions {
		if f.reserved != nil && name != except {
			left -= *f.reserved
		}
	}
	return left
}

func (c *Cloud) putConcurrency(in *lambda.PutFunctionConcurrencyInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := f.idle(); err != nil {
		return nil, err
	}
	if in.ReservedConcurrentExecutions == nil || *in.ReservedConcurrentExecutions < 0 {
		return nil, constraint("null", "reservedConcurrentExecutions", "Member must have value greater than or equal to 0")
	}
	n := *in.ReservedConcurrentExecutions
	switch left := c.unreserved(f.name); {
	case n > left:
		return nil, invalid("Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", left)
	case left-n < minUnreserved:
		return nil, invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "+
			"below its minimum value of [%d].", minUnreserved)
	}
	if sum := f.warm(""); n < sum {
		return nil, invalid(" ReservedConcurrentExecutions  %d should not be lower than function's total provisioned concurrency [%d].", n, sum)
	}
	f.reserved = &n
	return &lambda.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: &n}, nil
}

// warm sums the provisioned concurrency of a function, without that of one qualifier. What is being lowered still counts.
func (f *function) warm(except string) int32 {
	var sum int32
	for qualifier, p := range f.provisioned {
		switch {
		case qualifier == except:
		case p.polls > 0:
			sum += max(p.asked, p.had)
		default:
			sum += p.asked
		}
	}
	return sum
}

func (c *Cloud) getConcurrency(in *lambda.GetFunctionConcurrencyInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.reserved}, nil
}

func (c *Cloud) deleteConcurrency(in *lambda.DeleteFunctionConcurrencyInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := f.idle(); err != nil {
		return nil, err
	}
	f.reserved = nil
	return nil, nil
}

// provisioned is how many environments of an alias or a version are kept ready.
type provisioned struct {
	asked int32
	had   int32 // how many there were when so many were asked for
	at    string
	polls int // until they are ready
}

func (p *provisioned) item(f *function, qualifier string) types.ProvisionedConcurrencyConfigListItem {
	item := types.ProvisionedConcurrencyConfigListItem{
		RequestedProvisionedConcurrentExecutions: new(p.asked), AllocatedProvisionedConcurrentExecutions: new(int32(0)),
		AvailableProvisionedConcurrentExecutions: new(int32(0)), FunctionArn: new(f.arn(qualifier)), LastModified: new(p.at),
		Status: types.ProvisionedConcurrencyStatusEnumInProgress,
	}
	if p.polls == 0 {
		item.Status = types.ProvisionedConcurrencyStatusEnumReady
		item.AllocatedProvisionedConcurrentExecutions = new(p.asked)
		item.AvailableProvisionedConcurrentExecutions = new(p.asked)
	}
	return item
}

func (p *provisioned) output(f *function, qualifier string) *lambda.GetProvisionedConcurrencyConfigOutput {
	item := p.item(f, qualifier)
	return &lambda.GetProvisionedConcurrencyConfigOutput{
		AllocatedProvisionedConcurrentExecutions: item.AllocatedProvisionedConcurrentExecutions,
		AvailableProvisionedConcurrentExecutions: item.AvailableProvisionedConcurrentExecutions,
		RequestedProvisionedConcurrentExecutions: item.RequestedProvisionedConcurrentExecutions,
		LastModified:                             item.LastModified, Status: item.Status,
	}
}

func (c *Cloud) putProvisioned(in *lambda.PutProvisionedConcurrencyConfigInput) (any, error) {
	f, q, err := c.provisionable(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := f.idle(); err != nil {
		return nil, err
	}
	if in.ProvisionedConcurrentExecutions == nil || *in.ProvisionedConcurrentExecutions < 1 {
		return nil, constraint("0", "provisionedConcurrentExecutions", "Member must have value greater than or equal to 1")
	}
	n := *in.ProvisionedConcurrentExecutions
	a := f.aliases[q]
	switch {
	case f.find(q) == f.latest:
		return nil, invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	case a != nil && a.RoutingConfig != nil:
		return nil, invalid("Alias with weights can not be used with Provisioned Concurrency")
	case a != nil && f.provisioned[*a.FunctionVersion] != nil:
		return nil, refuse(409, "ResourceConflictException", "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
	case a == nil && slices.ContainsFunc(f.users(q), func(name string) bool { return f.provisioned[name] != nil }):
		return nil, refuse(409, "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias")
	case f.reserved != nil && n+f.warm(q) > *f.reserved:
		return nil, invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
	case f.reserved == nil && c.unreserved("")-n-f.warm(q) < minUnreserved:
		return nil, invalid("Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "+
			"below its minimum value of [%d].", minUnreserved)
	}
	p := &provisioned{asked: n, at: lambdaTime(), polls: c.polls(updating) + 1}
	if before := f.provisioned[q]; before != nil {
		p.had = before.asked
	}
	f.provisioned[q] = p
	return p.output(f, q), nil
}

// provisionable finds what environments can be kept ready for.
func (c *Cloud) provisionable(name, qualifier *string) (*function, string, error) {
	f, q, err := c.lookup(name, qualifier)
	switch {
	case err != nil:
		return nil, "", err
	case q == "" || q == latest:
		return nil, "", invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	case f.find(q) == nil && onlyDigits.MatchString(q):
		return nil, "", missingFunction(f.arn(q))
	case f.find(q) == nil:
		return nil, "", missingAlias(f.arn(q))
	}
	return f, q, nil
}

func (c *Cloud) getProvisioned(in *lambda.GetProvisionedConcurrencyConfigInput) (any, error) {
	f, q, err := c.provisionable(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p := f.provisioned[q]
	if p == nil {
		return nil, refuse(404, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
	}
	p.polls = max(0, p.polls-1)
	return p.output(f, q), nil
}

// getEventInvoke finds none: nothing here is called without somebody who waits.
func (c *Cloud) getEventInvoke(in *lambda.GetFunctionEventInvokeConfigInput) (any, error) {
	if _, _, err := c.permitted(in.FunctionName, in.Qualifier); err != nil {
		return nil, err
	}
	return nil, refuse(404, "ResourceNotFoundException", "The function %s doesn't have an EventInvokeConfig", *in.FunctionName)
}

func (c *Cloud) deleteProvisioned(in *lambda.DeleteProvisionedConcurrencyConfigInput) (any, error) {
	f, q, err := c.provisionable(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := f.idle(); err != nil {
		return nil, err
	}
	delete(f.provisioned, q)
	return nil, nil
}

func (c *Cloud) listProvisioned(in *lambda.ListProvisionedConcurrencyConfigsInput) (any, error) {
	f, err := c.whole(in.FunctionName)
	if err != nil {
		return nil, err
	}
	var all []types.ProvisionedConcurrencyConfigListItem
	for _, q := range slices.Sorted(maps.Keys(f.provisioned)) {
		all = append(all, f.provisioned[q].item(f, q))
	}
	items, next := page(all, in.Marker, limit(in.MaxItems, pageSize))
	return &lambda.ListProvisionedConcurrencyConfigsOutput{ProvisionedConcurrencyConfigs: items, NextMarker: next}, nil
}

// beginRoll makes Lambda shift an alias with provisioned concurrency in steps: it shows weights until that is done.
func (c *Cloud) beginRoll(f *function, a *types.AliasConfiguration, from string) {
	a.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{from: 0.5}}
	f.rollovers[*a.Name] = c.polls(updating) + 1
	f.provisioned[*a.Name].polls = c.polls(updating) + 1
}

// roll lets one poll of a shifting alias pass.
func (f *function) roll(name string) {
	if f.rollovers[name] == 0 {
		return
	}
	if f.rollovers[name]--; f.rollovers[name] == 0 {
		f.aliases[name].RoutingConfig = nil
		f.aliases[name].RevisionId = new(newID())
	}
}

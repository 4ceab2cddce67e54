package awstest

import (
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const latest = "$LATEST"

// pageSize is how many functions or versions Lambda lists at once.
const pageSize = 50

func lambdaService() *service {
	const (
		functions = "/2015-03-31/functions"
		one       = functions + "/{FunctionName}"
		urls      = "/2021-10-31/functions/{FunctionName}/url"
		reserved  = "/2017-10-31/functions/{FunctionName}/concurrency"
		warm      = "/2019-09-30/functions/{FunctionName}/provisioned-concurrency"
		sources   = "/2015-03-31/event-source-mappings"
		tags      = "/2017-03-31/tags/{Resource}"
	)
	return &service{name: "lambda", protocol: restJSON, ops: []*operation{
		{name: "CreateFunction", route: "POST " + functions, status: 201, run: sized("CreateFunction", typed((*Cloud).createFunction))},
		{name: "GetFunction", route: "GET " + one, run: typed((*Cloud).getFunction)},
		{name: "GetFunctionConfiguration", route: "GET " + one + "/configuration", run: typed((*Cloud).getFunctionConfiguration)},
		{name: "UpdateFunctionCode", route: "PUT " + one + "/code", run: sized("UpdateFunctionCode", typed((*Cloud).updateFunctionCode))},
		{name: "UpdateFunctionConfiguration", route: "PUT " + one + "/configuration", run: typed((*Cloud).updateFunctionConfiguration)},
		{name: "PublishVersion", route: "POST " + one + "/versions", status: 201, run: typed((*Cloud).publishVersion)},
		{name: "ListVersionsByFunction", route: "GET " + one + "/versions", run: typed((*Cloud).listVersions)},
		{name: "ListFunctions", route: "GET " + functions, run: typed((*Cloud).listFunctions)},
		{name: "DeleteFunction", route: "DELETE " + one, status: 204, run: typed((*Cloud).deleteFunction)},
		{name: "CreateAlias", route: "POST " + one + "/aliases", status: 201, run: typed((*Cloud).createAlias)},
		{name: "GetAlias", route: "GET " + one + "/aliases/{Name}", run: typed((*Cloud).getAlias)},
		{name: "UpdateAlias", route: "PUT " + one + "/aliases/{Name}", run: typed((*Cloud).updateAlias)},
		{name: "DeleteAlias", route: "DELETE " + one + "/aliases/{Name}", status: 204, run: typed((*Cloud).deleteAlias)},
		{name: "ListAliases", route: "GET " + one + "/aliases", run: typed((*Cloud).listAliases)},
		{name: "AddPermission", route: "POST " + one + "/policy", status: 201, run: typed((*Cloud).addPermission)},
		{name: "RemovePermission", route: "DELETE " + one + "/policy/{StatementId}", status: 204, run: typed((*Cloud).removePermission)},
		{name: "GetPolicy", route: "GET " + one + "/policy", run: typed((*Cloud).getPolicy)},
		{name: "CreateFunctionUrlConfig", route: "POST " + urls, status: 201, run: typed((*Cloud).createURL)},
		{name: "GetFunctionUrlConfig", route: "GET " + urls, run: typed((*Cloud).getURL)},
		{name: "UpdateFunctionUrlConfig", route: "PUT " + urls, run: typed((*Cloud).updateURL)},
		{name: "DeleteFunctionUrlConfig", route: "DELETE " + urls, status: 204, run: typed((*Cloud).deleteURL)},
		{name: "ListFunctionUrlConfigs", route: "GET " + urls + "s", run: typed((*Cloud).listURLs)},
		{name: "PutFunctionConcurrency", route: "PUT " + reserved, run: typed((*Cloud).putConcurrency)},
		{name: "GetFunctionConcurrency", route: "GET /2019-09-30/functions/{FunctionName}/concurrency", run: typed((*Cloud).getConcurrency)},
		{name: "DeleteFunctionConcurrency", route: "DELETE " + reserved, status: 204, run: typed((*Cloud).deleteConcurrency)},
		{name: "PutProvisionedConcurrencyConfig", route: "PUT " + warm, status: 202, run: typed((*Cloud).putProvisioned)},
		{name: "ListProvisionedConcurrencyConfigs", route: "GET " + warm + "?List=ALL", run: typed((*Cloud).listProvisioned)},
		{name: "GetProvisionedConcurrencyConfig", route: "GET " + warm, run: typed((*Cloud).getProvisioned)},
		{name: "DeleteProvisionedConcurrencyConfig", route: "DELETE " + warm, status: 204, run: typed((*Cloud).deleteProvisioned)},
		{name: "GetFunctionEventInvokeConfig", route: "GET /2019-09-25/functions/{FunctionName}/event-invoke-config", run: typed((*Cloud).getEventInvoke)},
		{name: "CreateEventSourceMapping", route: "POST " + sources, status: 202, run: typed((*Cloud).createMapping)},
		{name: "GetEventSourceMapping", route: "GET " + sources + "/{UUID}", run: typed((*Cloud).getMapping)},
		{name: "UpdateEventSourceMapping", route: "PUT " + sources + "/{UUID}", status: 202, run: typed((*Cloud).updateMapping)},
		{name: "DeleteEventSourceMapping", route: "DELETE " + sources + "/{UUID}", status: 202, run: typed((*Cloud).deleteMapping)},
		{name: "ListEventSourceMappings", route: "GET " + sources, run: typed((*Cloud).listMappings)},
		{name: "TagResource", route: "POST " + tags, status: 204, run: typed((*Cloud).tagFunction)},
		{name: "UntagResource", route: "DELETE " + tags, status: 204, run: typed((*Cloud).untagFunction)},
		{name: "ListTags", route: "GET " + tags, run: typed((*Cloud).listFunctionTags)},
		{name: "GetAccountSettings", route: "GET /2016-08-19/account-settings", run: typed((*Cloud).accountSettings)},
		{name: "Invoke", route: "POST " + one + "/invocations", run: (*Cloud).invoke, free: true},
	}}
}

// function is a Lambda function with all that hangs on it.
type function struct {
	name        string
	latest      *version
	versions    map[int]*version
	last        int // the number of the last published version, also when it is gone
	aliases     map[string]*types.AliasConfiguration
	rollovers   map[string]int               // by alias: polls until provisioned concurrency has moved to its version
	policies    map[string][]policyStatement // by qualifier; "" is the function itself
	urls        map[string]*functionURL
	reserved    *int32
	provisioned map[string]*provisioned // by qualifier
	tags        map[string]string
}

// version is $LATEST or a published version.
type version struct {
	config types.FunctionConfiguration
	code   code
	polls  int    // how often it still reads as it is now
	print  string // of what it was published from
	grant  string // the id of the role that it was last configured with: one made again under its name is another
}

func (f *function) arn(qualifier string) string {
	if qualifier == "" {
		return arn("lambda", "function:"+f.name)
	}
	return arn("lambda", "function:"+f.name+":"+qualifier)
}

// numbers are the published versions in order.
func (f *function) numbers() []int { return slices.Sorted(maps.Keys(f.versions)) }

// find is the version that a qualifier stands for: "", $LATEST, a number or an alias.
func (f *function) find(qualifier string) *version {
	if a := f.aliases[qualifier]; a != nil {
		qualifier = *a.FunctionVersion
	}
	if qualifier == "" || qualifier == latest {
		return f.latest
	}
	n, _ := strconv.Atoi(qualifier)
	return f.versions[n]
}

// settle lets one poll of a version pass: what is under way ends after as many as the tests ask for.
func (v *version) settle() {
	if v.config.State != types.StatePending && v.config.LastUpdateStatus != types.LastUpdateStatusInProgress {
		return
	}
	if v.polls > 0 {
		v.polls--
		return
	}
	v.config.State, v.config.StateReason, v.config.StateReasonCode = types.StateActive, nil, ""
	v.config.LastUpdateStatus = types.LastUpdateStatusSuccessful
	v.config.LastUpdateStatusReason, v.config.LastUpdateStatusReasonCode = nil, ""
	v.config.RevisionId = new(newID())
}

// idle refuses what must not happen while a function is made or updated. Each refusal lets a poll pass, as time does.
func (f *function) idle() error {
	defer f.latest.settle()
	switch {
	case f.latest.config.State == types.StatePending:
		return refuse(409, "ResourceConflictException",
			"The operation cannot be performed at this time. The function is currently in the following state: Pending")
	case f.latest.config.LastUpdateStatus == types.LastUpdateStatusInProgress:
		return refuse(409, "ResourceConflictException",
			"The operation cannot be performed at this time. An update is in progress for resource: %s", f.arn(""))
	}
	return nil
}

// unchanged refuses a call that was meant for another revision.
func unchanged(asked, is *string, source string) error {
	if asked == nil || *asked == aws.ToString(is) {
		return nil
	}
	return refuse(412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. "+
		"Call the %s API to retrieve the latest Revision Id", source)
}

func (c *Cloud) accountSettings(*lambda.GetAccountSettingsInput) (any, error) {
	var size int64
	for _, f := range c.functions {
		size += f.latest.code.unzipped
		for _, v := range f.versions {
			size += v.code.unzipped
		}
	}
	return &lambda.GetAccountSettingsOutput{
		AccountLimit: &types.AccountLimit{
			CodeSizeUnzipped: maxUnzipped, CodeSizeZipped: maxZipped, ConcurrentExecutions: accountConcurrency,
			TotalCodeSize: 300 << 30, UnreservedConcurrentExecutions: new(c.unreserved("")),
		},
		AccountUsage: &types.AccountUsage{FunctionCount: int64(len(c.functions)), TotalCodeSize: size},
	}, nil
}

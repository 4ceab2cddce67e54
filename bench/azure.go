package main

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/standin"
)

// How many writes Resource Manager takes from one caller: 200 at once, and then 10 in a second; and how many reads.
const (
	managerRate, managerBurst         = 10, 200
	managerReadRate, managerReadBurst = 25, 250
)

// The calls that must follow one another on Azure, by the same rules as those on AWS.
var (
	lookAzure   = []string{"metadata", "discovery", "token", "storageAccounts.get", "token of storage", "read lock", "read head", "read record"} // each app's own beside these
	storeAzure  = []string{"read claim", "read revision", "write package", "write revision"}
	switchAzure = []string{
		"read claim", "sites.get", "package's tag", "read revision", "take lease", "write claim", "publish", "poll", "host.sync", "functions.list", "host.listKeys", "ask the address",
		"package's tag", "write claim", "free lease",
	}
	groundAzure = []string{
		"groups.get", "groups.put", "storageAccounts.put", "operation", "roleAssignments.put", "containers.put", "write record", "workspaces.put", "components.put", "roleAssignments.put",
		"write package", "write revision", "serverfarms.put", "sites.put", "appsettings.list", "write claim",
	}
)

// azureSteps are what is done once, and what is repeated.
func azureSteps() (once, round []step) {
	changed := slices.Concat(lookAzure, begin, storeAzure, []string{"write record"}, switchAzure, finish)
	once = []step{{"first deploy", []string{"deploy"}, (*sources).stay, 4, slices.Concat(lookAzure[:4], groundAzure, switchAzure, finish)}}
	return once, []step{
		{"env of all changed", []string{"deploy"}, (*sources).changeEnv, 1, changed},
		{"code of all changed", []string{"deploy"}, (*sources).changeCode, 1, slices.Concat(changed, []string{"write package"})},
		{"no change", []string{"deploy"}, (*sources).stay, 0, lookAzure},
		{"rollback", []string{"rollback", "--yes"}, (*sources).changeBack, 1, slices.Concat(lookAzure, begin, []string{"read record", "read claim", "read revision"}, switchAzure, finish)},
	}
}

// onAzure is a subscription.
func onAzure(b *bed) (stand, error) {
	cloud := azuretest.Start(b)
	cloud.Polls(0)
	cloud.RoleLag(0)
	cloud.SyncLag(0)
	cloud.Answer(func(string, []string) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	})
	once, round := azureSteps()
	looks := map[string]int{once[0].name: 5, round[0].name: 4, round[1].name: 4, round[2].name: 1, round[3].name: 4}
	return stand{
		sources: sources{target: "azure: {provider: azure, resource_group: many, location: westeurope}", program: true},
		looks:   looks,
		env:     cloud.Environ(), control: &cloud.Control, once: once, round: round, rate: managerRate, burst: managerBurst,
		tally: tally{"Resource Manager", func(c standin.Call) bool { return strings.HasPrefix(c.Service, "Microsoft.") }},
	}, nil
}

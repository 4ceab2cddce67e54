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

// The calls that must follow one another on Azure, by the same rules as those on AWS. Who has the lock looks at it before it writes
// anything to the place, which keeps no locks of its own, and before it says what is live: nothing is sent before the answer. The
// token of the blobs is fetched while the account is looked for, and the state of the apps is asked for beside the ledger.
var (
	lookAzure   = []string{"metadata", "discovery", "token", "storageAccounts.get", "read lock", "read head", "read record"}
	storeAzure  = []string{"look at the lock", "read claim", "write package", "write revision"}
	beforeAzure = []string{"sites.get", "look at the lock", "write record"}
	// The revision that is to be live, and then its package's tag, are asked for beside what says which revision the app has; the package
	// is fetched while the claim is written; the host's keys and then the address are asked beside the triggers.
	switchAzure = []string{
		"look at the lock", "read claim", "read revision", "take lease", "write claim", "publish", "poll", "host.sync", "functions.list", "write claim", "free lease",
	}
	finishAzure = []string{"sites.get", "look at the lock", "write head", "free lock"}
	// What all functions share is the longest part of what an app stands on: its plan, its container and its package are made beside.
	groundAzure = []string{
		"groups.get", "groups.put", "storageAccounts.put", "operation", "roleAssignments.put", "take lock", "write package", "write record", "look at the lock", "read claim", "sites.get",
		"components.get", "workspaces.put", "workspaces.get", "components.put", "roleAssignments.put", "sites.put", "appsettings.list", "write claim",
	}
)

// The calls of Resource Manager that each function needs: the writes, and the reads, which have a rate of their own. An app is looked at
// when what is live is compared with what is wanted, before that is changed, and after it; a new one also before it is made, so that it
// is nobody else's, and its settings when it is there, since Azure adds some.
var (
	makeApp   = []string{"containers.put", "serverfarms.put", "sites.put", "host.sync"}
	changeApp = []string{"host.sync"}
	readApp   = []string{"sites.get"}
	readTwice = []string{"sites.get", "sites.get before", "functions.list", "host.listKeys", "sites.get after"}
	readNew   = slices.Concat(readTwice, []string{"sites.get before it is made", "appsettings.list"})
)

// azureSteps are what is done once, and what is repeated.
func azureSteps() (once, round []step) {
	changed := slices.Concat(lookAzure, begin, storeAzure, beforeAzure, switchAzure, finishAzure)
	back := slices.Concat(lookAzure, begin, []string{"read record", "read revision", "package's tag"}, beforeAzure, switchAzure, finishAzure)
	once = []step{{"first deploy", []string{"deploy"}, (*sources).stay, len(makeApp), slices.Concat(lookAzure[:4], groundAzure, beforeAzure, switchAzure, finishAzure)}}
	return once, []step{
		{"env of all changed", []string{"deploy"}, (*sources).changeEnv, len(changeApp), changed},
		{"code of all changed", []string{"deploy"}, (*sources).changeCode, len(changeApp), slices.Concat(changed, []string{"write package"})},
		{"no change", []string{"deploy"}, (*sources).stay, 0, lookAzure},
		{"rollback", []string{"rollback", "--yes"}, (*sources).changeBack, len(changeApp), back},
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
	looks := map[string]int{once[0].name: len(readNew), round[0].name: len(readTwice), round[1].name: len(readTwice), round[2].name: len(readApp), round[3].name: len(readTwice)}
	return stand{
		sources: sources{target: "azure: {provider: azure, resource_group: many, location: westeurope}", program: true},
		looks:   looks,
		env:     cloud.Environ(), control: &cloud.Control, once: once, round: round, rate: managerRate, burst: managerBurst,
		tally: tally{"Resource Manager", func(c standin.Call) bool { return strings.HasPrefix(c.Service, "Microsoft.") }},
	}, nil
}

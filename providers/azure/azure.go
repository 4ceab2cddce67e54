// Package azure deploys to Azure Functions on the plan Flex Consumption. A function is an app of its own; a revision is a
// package and a configuration in the app's container, of which the app runs one. The facts behind the order of calls are in
// docs/azure.md.
package azure

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

const name = "azure"

// Provider is the registration of Azure.
func Provider() providers.Provider {
	return providers.Provider{
		Name: name,
		Blocks: manifest.Blocks{
			Target: &target{}, Function: &settings{},
			Example: "{provider: azure, resource_group: shop, location: westeurope}",
		},
		Facts: providers.Facts{Runtimes: check.Facts(runtimes()), Limits: limits()},
		Reads: true,
		New:   New,
	}
}

// place is the service and stage that an adapter deploys, and where it deploys them to.
type place struct {
	service, stage string
	targetName     string
	target         target
	env            func(name string) (string, bool)
	addID          string // how the subscription is given
}

// Adapter deploys one service and stage to one resource group.
type Adapter struct {
	place
	pace pace

	mu         sync.Mutex
	connection *connection // once it is made
}

// New makes an adapter. It touches neither network nor disk.
func New(c providers.Config) (providers.Adapter, error) {
	a := &Adapter{place: place{service: c.Service, stage: c.Stage, targetName: c.Target, env: c.Env, addID: c.Add("subscription", "its id")}, pace: newPace()}
	if problems := c.Block.Decode(&a.target); len(problems) > 0 {
		return nil, problems
	}
	a.target.Subscription = cmp.Or(a.target.Subscription, a.variable("AZURE_SUBSCRIPTION_ID"), a.variable("ARM_SUBSCRIPTION_ID"))
	a.target.Location = normal(a.target.Location)
	switch t := a.target; {
	case t.ResourceGroup == "":
		return nil, c.Refuse(name, "resource_group", c.Add("resource_group", c.Service), "no resource group is chosen")
	case t.Location == "":
		return nil, c.Refuse(name, "location", c.Add("location", "westeurope"), "no location is chosen")
	case !regexp.MustCompile(`^[A-Za-z0-9_().-]{0,89}[A-Za-z0-9_()-]$`).MatchString(t.ResourceGroup):
		return nil, c.Refuse(name, "resource_group", "use at most 90 letters, digits, _, -, . and parentheses", "%q is not the name of a resource group", t.ResourceGroup)
	case t.Subscription != "" && !guid().MatchString(t.Subscription):
		return nil, c.Refuse(name, "subscription", "write its id, as `az account show` prints it", "%q is not the id of a subscription", t.Subscription)
	case t.StorageAccount != "" && !regexp.MustCompile(`^[a-z0-9]{3,24}$`).MatchString(t.StorageAccount):
		return nil, c.Refuse(name, "storage_account", "use 3 to 24 lower-case letters and digits", "%q is not the name of a storage account", t.StorageAccount)
	case t.LogRetention != 0 && (t.LogRetention < leastRetention || t.LogRetention > maxRetention):
		return nil, c.Refuse(name, "log_retention", fmt.Sprintf("choose %d to %d", leastRetention, maxRetention), "logs cannot be kept for %d days", t.LogRetention)
	}
	appName := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,30}[A-Za-z0-9]$`) // longer ones are not told apart by their hosts
	for _, fn := range slices.Sorted(maps.Keys(a.target.Apps)) {
		if !appName.MatchString(a.target.Apps[fn]) {
			return nil, c.Refuse(name, "apps."+fn, "use 2 to 32 letters, digits and hyphens", "%q is not the name of an app that ferry can take", a.target.Apps[fn])
		}
	}
	return a, nil
}

// variable is an environment variable, "" where it is not set.
func (p *place) variable(name string) string {
	value, _ := p.env(name)
	return value
}

// Platform is the image of Flex Consumption.
func (a *Adapter) Platform(fn manifest.Function) packager.Platform {
	return packager.Platform{
		Shim: functionOf(fn).shim(), OS: "linux", Arch: "amd64", Libc: "glibc", Runtime: fn.Runtime, Scripts: true, MaxUnzipped: maxUnzipped,
	}
}

// Capabilities are those of a place where code and configuration go live one after the other. What makes a change the only one
// is a blob of the app, which is written and leased on conditions.
func (a *Adapter) Capabilities() providers.Capabilities {
	return providers.Capabilities{
		Fenced: true, BindsOnActivate: true,
		Memory:   providers.Steps[manifest.Size]{Values: memories()},
		Timeout:  timeouts().Steps(),
		Settling: settling,
	}
}

// settling is how long an app may take to come back: a site update, a deployment, its triggers, and its instances.
const settling = 15 * time.Minute

var (
	_ providers.Adapter   = (*Adapter)(nil)
	_ providers.Stepwise  = (*Adapter)(nil)
	_ providers.Invoker   = (*Adapter)(nil)
	_ providers.Keyholder = (*Adapter)(nil)
	_ providers.LogTailer = (*Adapter)(nil)
	_ providers.Pruner    = (*Adapter)(nil)
	_ providers.Lister    = (*Adapter)(nil)
	_ providers.Vault     = (*Adapter)(nil)
	_ providers.Pinner    = (*Adapter)(nil)
	_ providers.Inspector = (*Adapter)(nil)
	_ providers.Adopter   = (*Adapter)(nil)
	_ providers.Reader    = (*Adapter)(nil)
	_ providers.Fencer    = (*Adapter)(nil)
	_ providers.Purger    = (*Adapter)(nil)
	_ providers.Readier   = (*Adapter)(nil)
	_ providers.Doctor    = (*Adapter)(nil)
)

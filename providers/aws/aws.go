// Package aws deploys to AWS Lambda. A revision is a published version; what serves is what the alias "live"
// points to, and nothing ever calls $LATEST. The facts behind the order of calls are in docs/aws.md.
package aws

import (
	"cmp"
	"regexp"
	"sync"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

const name = "aws"

// live is the alias that everything calls.
const live = "live"

// Provider is the registration of AWS.
func Provider() providers.Provider {
	return providers.Provider{
		Name:   name,
		Blocks: manifest.Blocks{Target: &target{}, Function: &settings{}, Example: "{provider: aws, region: eu-west-1}"},
		Facts:  providers.Facts{Runtimes: check.Facts(runtimes()), Limits: limits()},
		Reads:  true,
		New:    New,
	}
}

// place is the service and stage that an adapter deploys, and where it deploys them to.
type place struct {
	service, stage string
	targetName     string
	target         target
	env            func(name string) (string, bool)
}

// Adapter deploys one service and stage to one account and region.
type Adapter struct {
	place
	pace  *pace
	reach reach

	mu         sync.Mutex
	connection *connection // once it is made
}

// New makes an adapter. It touches neither network nor disk.
func New(c providers.Config) (providers.Adapter, error) {
	a := &Adapter{place: place{service: c.Service, stage: c.Stage, targetName: c.Target, env: c.Env}, pace: newPace()}
	if problems := c.Block.Decode(&a.target); len(problems) > 0 {
		return nil, problems
	}
	if region, ok := c.Env("AWS_REGION"); ok {
		a.target.Region = cmp.Or(a.target.Region, region)
	}
	if region, ok := c.Env("AWS_DEFAULT_REGION"); ok {
		a.target.Region = cmp.Or(a.target.Region, region)
	}
	switch t := a.target; {
	case t.Region == "":
		return nil, c.Refuse(name, "region", c.Add("region", "eu-west-1")+", or set AWS_REGION", "no region is chosen")
	case !regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`).MatchString(t.Region):
		return nil, c.Refuse(name, "region", "write it like eu-west-1", "%q is not a region", t.Region)
	case t.Account != "" && !regexp.MustCompile(`^\d{12}$`).MatchString(t.Account):
		return nil, c.Refuse(name, "account", "write its twelve digits in quotes", "%q is not an account", t.Account)
	case t.AssumeRole != "" && !roleARN.MatchString(t.AssumeRole):
		return nil, c.Refuse(name, "assume_role", "write it like arn:aws:iam::123456789012:role/deploy", "%q is not the ARN of a role", t.AssumeRole)
	}
	return a, nil
}

// Platform is the Amazon Linux of the runtime, on the architecture that the function asks for.
func (a *Adapter) Platform(fn manifest.Function) packager.Platform {
	return packager.Platform{
		Shim: name, OS: "linux", Arch: cmp.Or(fn.Architecture, "amd64"), Libc: "glibc", Glibc: glibc(fn.Runtime), Runtime: fn.Runtime,
		MaxUnzipped: maxUnzipped, AnswersCORS: true,
	}
}

// Capabilities are all but holding events back: an event source needs the alias, which a first release has not.
func (a *Adapter) Capabilities() providers.Capabilities {
	return providers.Capabilities{
		Fenced: true, Probes: true, Splits: true,
		Memory: memories().Steps(), Timeout: timeouts().Steps(),
		Settling: 5 * time.Minute, // mappings and provisioned instances take the longest
	}
}

var (
	_ providers.Adapter   = (*Adapter)(nil)
	_ providers.Prober    = (*Adapter)(nil)
	_ providers.Splitter  = (*Adapter)(nil)
	_ providers.Invoker   = (*Adapter)(nil)
	_ providers.LogTailer = (*Adapter)(nil)
	_ providers.Pruner    = (*Adapter)(nil)
	_ providers.Lister    = (*Adapter)(nil)
	_ providers.Vault     = (*Adapter)(nil)
	_ providers.Pinner    = (*Adapter)(nil)
	_ providers.Inspector = (*Adapter)(nil)
	_ providers.Adopter   = (*Adapter)(nil)
	_ providers.Reader    = (*Adapter)(nil)
	_ providers.Fencer    = (*Adapter)(nil)
)

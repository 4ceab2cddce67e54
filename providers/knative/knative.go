// Package knative deploys to any Kubernetes with Knative Serving. A function is a Configuration, which makes revisions, and a
// Route, which sends requests to them by name: without a Route nothing is live. All it needs of Kubernetes are six verbs over
// HTTP. The facts behind the order of calls are in docs/knative.md.
package knative

import (
	"cmp"
	"sync"
	"time"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
	"github.com/ferryfn/ferry/providers/kubeconfig"
)

const name = "knative"

// Provider is the registration of Knative.
func Provider() providers.Provider {
	return providers.Provider{
		Name:   name,
		Blocks: manifest.Blocks{Target: &target{}, Function: &settings{}, Example: "{provider: knative, registry: registry.example.com/shop}"},
		Facts:  providers.Facts{Runtimes: check.Facts(runtimes()), Limits: limits()},
		New:    New,
	}
}

// place is the service and stage that an adapter deploys, and where it deploys them to.
type place struct {
	service, stage string
	targetName     string
	target         target
	env            func(name string) (string, bool)
	mounted        string // the folder of a pod's credentials
}

// Adapter deploys one service and stage to one namespace of a cluster.
type Adapter struct {
	place

	mu         sync.Mutex
	connection *connection // once it is made
}

// New makes an adapter. It touches neither network nor disk.
func New(c providers.Config) (providers.Adapter, error) {
	a := &Adapter{place: place{service: c.Service, stage: c.Stage, targetName: c.Target, env: c.Env, mounted: kubeconfig.Mounted}}
	if problems := c.Block.Decode(&a.target); len(problems) > 0 {
		return nil, problems
	}
	t := &a.target
	t.Architecture = cmp.Or(t.Architecture, "amd64")
	switch {
	case t.Registry == "":
		return nil, c.Refuse(name, "registry", c.Add("registry", "registry.example.com/shop")+", which the cluster can pull from", "no registry for images is chosen")
	case !registryForm().MatchString(t.Registry):
		return nil, c.Refuse(name, "registry", "write it like registry.example.com/shop", "%q is not a repository of images", t.Registry)
	case t.Namespace != "" && !labelForm().MatchString(t.Namespace):
		return nil, c.Refuse(name, "namespace", "write it as `kubectl get namespaces` shows it", "%q is not a namespace", t.Namespace)
	case t.Store != nil && t.Store.Bucket == "":
		return nil, c.Refuse(name, "store", "add store.bucket", "no bucket for releases is named")
	case t.Architecture != "amd64" && t.Architecture != "arm64":
		return nil, c.Refuse(name, "architecture", "write amd64 or arm64, as the nodes of the cluster are", "%q is not an architecture", t.Architecture)
	}
	return a, nil
}

var (
	registryForm = pattern.Of(`^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+$`)
	labelForm    = pattern.Of(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
)

// variable is an environment variable, "" when it is not set.
func (p *place) variable(name string) string {
	value, _ := p.env(name)
	return value
}

// Platform is that of the local platform in a container: the same shim, and so the same bytes where the machine is alike.
func (a *Adapter) Platform(fn manifest.Function) packager.Platform {
	return packager.Platform{Shim: "local", OS: "linux", Arch: a.target.Architecture, Libc: "glibc", Runtime: fn.Runtime, Scripts: true}
}

// Capabilities are all: a schedule is made suspended.
func (a *Adapter) Capabilities() providers.Capabilities {
	return providers.Capabilities{
		Fenced: true, PausesEvents: true, Probes: true, Splits: true, Unresolved: a.target.Ingress != "",
		Memory: memories().Steps(), Timeout: timeouts().Steps(), Settling: settleTime,
	}
}

// settleTime is the longest that one function is waited for.
const settleTime = 5 * time.Minute

var (
	_ providers.Adapter   = (*Adapter)(nil)
	_ providers.Prober    = (*Adapter)(nil)
	_ providers.Splitter  = (*Adapter)(nil)
	_ providers.Pruner    = (*Adapter)(nil)
	_ providers.Lister    = (*Adapter)(nil)
	_ providers.Inspector = (*Adapter)(nil)
	_ providers.Adopter   = (*Adapter)(nil)
	_ providers.Fencer    = (*Adapter)(nil)
	_ providers.Invoker   = (*Adapter)(nil)
	_ providers.LogTailer = (*Adapter)(nil)
	_ providers.Pinner    = (*Adapter)(nil)
	_ providers.Vault     = (*Adapter)(nil)
	_ providers.Purger    = (*Adapter)(nil)
	_ providers.Readier   = (*Adapter)(nil)
	_ providers.Doctor    = (*Adapter)(nil)
)

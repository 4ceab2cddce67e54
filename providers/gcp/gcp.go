// Package gcp deploys to Google Cloud. A function is a Cloud Run service and a revision one of its revisions, whichever of
// Google's two APIs made it; which revision serves is the service's traffic, by name, under its etag. The facts behind the
// order of calls are in docs/gcp.md.
package gcp

import (
	"cmp"
	"regexp"
	"sync"
	"time"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

const name = "gcp"

// Provider is the registration of Google Cloud.
func Provider() providers.Provider {
	return providers.Provider{
		Name:   name,
		Blocks: manifest.Blocks{Target: &target{}, Function: &settings{}, Example: "{provider: gcp, project: my-project, region: europe-west1}"},
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

// Adapter deploys one service and stage to one project and region.
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
	t := &a.target
	t.Project = cmp.Or(t.Project, a.variable("GOOGLE_CLOUD_PROJECT"), a.variable("CLOUDSDK_CORE_PROJECT"))
	t.Region = cmp.Or(t.Region, a.variable("GOOGLE_CLOUD_REGION"), a.variable("CLOUDSDK_RUN_REGION"))
	t.QuotaProject = cmp.Or(t.QuotaProject, a.variable("GOOGLE_CLOUD_QUOTA_PROJECT"))
	t.Impersonate = cmp.Or(t.Impersonate, a.variable("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT"))
	switch {
	case t.Project == "":
		return nil, c.Refuse(name, "project", c.Add("project", "my-project")+", or set GOOGLE_CLOUD_PROJECT", "no project is chosen")
	case !projectForm().MatchString(t.Project):
		return nil, c.Refuse(name, "project", "write the project's id, as `gcloud projects list` shows it", "%q is not the id of a project", t.Project)
	case t.Region == "":
		return nil, c.Refuse(name, "region", c.Add("region", "europe-west1")+", or set GOOGLE_CLOUD_REGION", "no region is chosen")
	case !regexp.MustCompile(`^[a-z]+(-[a-z]+)+\d+$`).MatchString(t.Region):
		return nil, c.Refuse(name, "region", "write it like europe-west1", "%q is not a region", t.Region)
	case t.Impersonate != "" && !accountForm().MatchString(t.Impersonate):
		return nil, c.Refuse(name, "impersonate", "write it like deploy@my-project.iam.gserviceaccount.com", "%q is not a service account", t.Impersonate)
	case t.Repository != "" && !repositoryForm().MatchString(t.Repository):
		return nil, c.Refuse(name, "repository", "write it like europe-west1-docker.pkg.dev/my-project/ferry", "%q is not a repository of images", t.Repository)
	}
	return a, nil
}

var (
	projectForm    = pattern.Of(`^([a-z0-9.]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	accountForm    = pattern.Of(`^[^@\s]+@[^@\s]+\.gserviceaccount\.com$`)
	repositoryForm = pattern.Of(`^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+$`)
)

// variable is an environment variable, "" when it is not set.
func (p *place) variable(name string) string {
	value, _ := p.env(name)
	return value
}

// onRun is the target of templates that a package of this adapter is for.
const onRun = "run"

// builtShim is that of a package which Cloud Functions builds.
const builtShim = "gcf"

// Platform is the Ubuntu of Google's runtime images. A package is started as a process, as locally, and gets its events by HTTP.
func (a *Adapter) Platform(fn manifest.Function) packager.Platform {
	pl := packager.Platform{Shim: onRun, OS: "linux", Arch: "amd64", Libc: "glibc", Runtime: fn.Runtime, Scripts: true}
	if functionOf(fn).viaFunctions() {
		pl.Shim, pl.Source = builtShim, fn.Runtime.Language() == "go" // which the builder compiles
	}
	return pl
}

// Capabilities are all: a subscription is made paused, and a schedule when it is enabled.
func (a *Adapter) Capabilities() providers.Capabilities {
	return providers.Capabilities{
		Fenced: true, PausesEvents: true, Probes: true, Splits: true,
		Memory: memories().Steps(), Timeout: timeouts().Steps(),
		Settling: settleTime,
	}
}

// settleTime is the longest that one function is waited for, a second for each look: rights take the longest to spread.
const settleTime = 5 * time.Minute

var (
	_ providers.Adapter   = (*Adapter)(nil)
	_ providers.Prober    = (*Adapter)(nil)
	_ providers.Splitter  = (*Adapter)(nil)
	_ providers.Pruner    = (*Adapter)(nil)
	_ providers.Lister    = (*Adapter)(nil)
	_ providers.Inspector = (*Adapter)(nil)
	_ providers.Adopter   = (*Adapter)(nil)
	_ providers.Reader    = (*Adapter)(nil)
	_ providers.Fencer    = (*Adapter)(nil)
	_ providers.Invoker   = (*Adapter)(nil)
	_ providers.Paced     = (*Adapter)(nil)
	_ providers.Turner    = (*Adapter)(nil)
)

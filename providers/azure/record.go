package azure

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// record is a revision as it lies in the app's container, beside its package: all that Activate needs to make it live again.
type record struct {
	ID       string                 `json:"id"`
	Digest   string                 `json:"digest"`
	Package  string                 `json:"package"` // the digest of its package's bytes
	Scale    scaleConfig            `json:"scale"`
	Runtime  runtimeConfig          `json:"runtime"`
	Settings map[string]string      `json:"settings"` // of the app; references of secrets, never their values
	Tags     map[string]string      `json:"tags"`
	Own      string                 `json:"identity,omitempty"` // the id of the identity that the function runs as
	Roles    []roleGrant            `json:"roles,omitempty"`    // of that identity, where it is ferry's
	Names    []string               `json:"functions"`          // that the app has; none is that only the package knows
	Triggers []string               `json:"triggers,omitempty"` // those of them that events call
	Grid     map[string]gridBinding `json:"grid,omitempty"`
	Reads    []string               `json:"reads,omitempty"` // of Service Bus: queues, and subscriptions of topics
	Carriers []carrier              `json:"carriers,omitempty"`
	HTTP     string                 `json:"http,omitempty"`   // public or private
	Probed   bool                   `json:"probed"`           // its shim says which revision it is
	Marker   string                 `json:"marker,omitempty"` // the function by which a package is known that does not
	Adopted  bool                   `json:"adopted,omitempty"`
	Timeout  string                 `json:"timeout,omitempty"`
}

// recordOf is the record of a spec.
func (c *connection) recordOf(s spec, own identity, roles []roleGrant, digest string) record {
	fn := s.function
	r := record{
		ID: s.revision(), Digest: s.digest, Package: digest, Scale: c.scaleOf(fn), Runtime: runtimeOf(fn), Settings: fixed(s), Tags: c.tags(fn),
		Own: own.id, Roles: roles, Names: c.functionNames(s), Marker: s.marker(), Grid: c.gridOf(fn), Reads: c.reads(fn), Carriers: c.carriersOf(fn), Timeout: wall(fn.Timeout.Std()),
	}
	maps.Copy(r.Settings, c.busSettings(fn, own))
	for name := range c.bindingsOf(fn) {
		if name != httpFunction {
			r.Triggers = append(r.Triggers, name)
		}
	}
	slices.Sort(r.Triggers)
	if e := fn.HTTP(); e != nil {
		r.HTTP, r.Probed = "public", fn.Shimmed() && !fn.native()
		if e.Private() {
			r.HTTP = "private"
		}
	}
	return r
}

// scaleOf is how the app of a function scales.
func (p *place) scaleOf(fn function) scaleConfig {
	s := scaleConfig{MaximumInstanceCount: fn.Scaling.Max, InstanceMemoryMB: fn.Memory.MB(), AlwaysReady: []alwaysReady{}}
	if s.MaximumInstanceCount == 0 {
		s.MaximumInstanceCount = 100
	}
	warm := fn.own.AlwaysReady
	if warm == nil && fn.Scaling.Min > 0 {
		warm = map[string]int{}
		for name := range p.bindingsOf(fn) {
			if name == httpFunction {
				warm["http"] = fn.Scaling.Min
			} else {
				warm["function:"+name] = fn.Scaling.Min
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(warm)) {
		s.AlwaysReady = append(s.AlwaysReady, alwaysReady{Name: name, InstanceCount: warm[name]})
	}
	if fn.Scaling.Concurrency > 0 && fn.HTTP() != nil {
		s.Triggers = &triggers{HTTP: &httpTrigger{PerInstanceConcurrency: fn.Scaling.Concurrency}}
	}
	return s
}

// revision is the record as the contract has it.
func (r record) revision() providers.Revision { return providers.Revision{ID: r.ID, Digest: r.Digest} }

// configured reports whether two revisions need the same of the app itself, so that going from one to the other is one step.
func (r record) configured(as record) bool {
	return r.Own == as.Own && r.Runtime == as.Runtime && maps.Equal(r.Settings, as.Settings) && maps.Equal(r.Tags, as.Tags) && sameScale(r.Scale, as.Scale)
}

func sameScale(a, b scaleConfig) bool {
	if a.MaximumInstanceCount != b.MaximumInstanceCount || a.InstanceMemoryMB != b.InstanceMemoryMB || len(a.AlwaysReady) != len(b.AlwaysReady) {
		return false
	}
	for _, one := range a.AlwaysReady {
		if !slices.Contains(b.AlwaysReady, one) {
			return false
		}
	}
	return a.concurrency() == b.concurrency()
}

func (s scaleConfig) concurrency() int {
	if s.Triggers == nil || s.Triggers.HTTP == nil {
		return 0
	}
	return s.Triggers.HTTP.PerInstanceConcurrency
}

// app is the app of a function, with its container.
type app struct {
	*connection
	function string
	name     string
	box      *box
	packages *box // that the app's own package is in: of an app that ferry did not make, another one
}

// app opens the container of a function's app. It asks nothing.
func (c *connection) app(fn string) (*app, error) {
	name := c.appName(fn)
	b, err := c.box(plainly(name))
	return &app{connection: c, function: fn, name: name, box: b, packages: b}, err
}

func recordKey(id string) string      { return "revisions/" + id + ".json" }
func packageKey(digest string) string { return "packages/" + digest + ".zip" }

// claimKey is the blob of an app that says what is live. It is what makes a change the only one.
const claimKey = "ferry.json"

// record reads a revision; nil is that there is none.
func (a *app) record(ctx context.Context, id string) (*record, error) {
	if id == "" || strings.ContainsAny(id, "/.") {
		return nil, nil
	}
	var r record
	tag, err := a.box.read(ctx, recordKey(id), &r)
	if err != nil || tag == "" {
		return nil, err
	}
	return &r, nil
}

// stored reports whether a revision has all that it needs.
func (a *app) stored(ctx context.Context, id string) (*record, error) {
	r, err := a.record(ctx, id)
	if err != nil || r == nil {
		return nil, err
	}
	tag, err := a.box.tag(ctx, packageKey(r.Package))
	if err != nil || tag == "" {
		return nil, err
	}
	return r, nil
}

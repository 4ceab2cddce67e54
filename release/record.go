package release

import (
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// Kind is why a release was made.
type Kind string

// The kinds.
const (
	KindDeploy   Kind = "deploy"
	KindRollback Kind = "rollback"
	KindAdopt    Kind = "adopt"   // what served unknown to the ledger was written down
	KindMigrate  Kind = "migrate" // one side of a migration changed
	KindRemove   Kind = "remove"  // the service was taken off the target: an attempt like any other, and no release
)

// State is how far a release came.
type State string

// The states. Publishing, activating and removing are unfinished, canary waits for a person; the others are final.
const (
	StatePublishing State = "publishing"
	StateActivating State = "activating"
	StateLive       State = "live"     // it was committed; live.json says whether it still is what serves
	StateFailed     State = "failed"   // it ended before anything was activated
	StateRestored   State = "restored" // it ended after, and what served before was put back
	StateCanary     State = "canary"   // it gets a share of the requests, until it is promoted or rolled back
	StateRemoving   State = "removing" // functions are being taken away
	StateRemoved    State = "removed"  // it was committed that nothing is live
)

// Record is one release, or one attempt at one.
type Record struct {
	Format    int                       `json:"format"`
	Number    int                       `json:"number"`
	Source    int                       `json:"source"` // the release whose content it has; itself for a deploy, 0 for a removal
	Kind      Kind                      `json:"kind"`
	State     State                     `json:"state"`
	Service   string                    `json:"service"`
	Stage     string                    `json:"stage"`
	Target    string                    `json:"target"`
	Created   time.Time                 `json:"created"`
	Updated   time.Time                 `json:"updated"`
	Actor     string                    `json:"actor"`
	Message   string                    `json:"message,omitempty"`
	Commit    string                    `json:"commit,omitempty"` // that the packages were made from
	Dirty     bool                      `json:"dirty,omitempty"`
	Ferry     string                    `json:"ferry"`              // the version that made them
	Packaged  time.Time                 `json:"packaged,omitzero"`  // when, if that was before
	Checkout  *packager.Provenance      `json:"checkout,omitempty"` // what was deployed from, if they were made elsewhere
	Path      string                    `json:"path,omitempty"`     // the project's folder in its repository, "" outside one
	Manifest  string                    `json:"manifest"`           // the manifest's digest
	Keep      int                       `json:"keep"`
	Archive   int                       `json:"archive,omitempty"` // 0 is of a ferry that kept all packages
	Epoch     int64                     `json:"epoch"`             // of the lock that wrote it
	Functions map[string]FunctionRecord `json:"functions"`
	Previous  int                       `json:"previous"` // what was live when it began; 0 is nothing
	// Before is what was observed to be live, written before activation begins; restoring restores it.
	Before map[string]providers.State `json:"before,omitempty"`
	// Interrupted is an unfinished attempt that this one takes the place of when it is committed; until then that one
	// is what has to be finished or undone next. 0 is none.
	Interrupted int    `json:"interrupted,omitempty"`
	Percent     int    `json:"percent,omitempty"` // that it got as a canary, also once it is promoted
	Failure     string `json:"failure,omitempty"`
}

// FunctionRecord is one function of a release: all that is needed to publish and activate it again.
type FunctionRecord struct {
	Function manifest.Function    `json:"function"`
	Secrets  map[string]string    `json:"secrets,omitempty"` // pinned references
	Base     string               `json:"base,omitempty"`    // the edition of the image below the package, where the provider has one
	Artifact packager.Description `json:"artifact"`          // the package in the store
	Digest   string               `json:"digest"`            // of the spec
	Revision providers.Revision   `json:"revision"`
	// Made is what the package was made from, if that is not what the release says.
	Made *packager.Provenance `json:"made,omitempty"`
}

// spec is what the provider is given for the function.
func (f FunctionRecord) spec() providers.Spec {
	return providers.Spec{Function: f.Function, Secrets: f.Secrets, Base: f.Base, Digest: f.Digest, Artifact: packager.Artifact{Description: f.Artifact}}
}

// unfinished reports whether the attempt was left half way. A committed attempt has no final state of its
// own: live.json has it.
func (r *Record) unfinished(h head) bool {
	return (r.State == StatePublishing || r.begun()) && !h.committed(r.Number)
}

// begun reports whether the attempt may have changed what serves. Then Before says what that was.
func (r *Record) begun() bool {
	return r.State == StateActivating || r.State == StateCanary || r.State == StateRemoving
}

// ended reports whether the attempt came to nothing: what served before it is what the ledger goes on from.
func (r *Record) ended() bool { return r.State == StateFailed || r.State == StateRestored }

// state is how far the attempt came, the commit included.
func (r *Record) state(h head) State {
	switch {
	case r.State == StateActivating && h.committed(r.Number):
		return StateLive
	case r.State == StateRemoving && h.committed(r.Number):
		return StateRemoved
	}
	return r.State
}

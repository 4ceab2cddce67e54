// Package release deploys and rolls back whole releases: the order of work and its safety, written once
// for all providers.
package release

import (
	"context"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// Engine releases one service and stage to one target. Its methods may be called one after another; each takes the lock by
// itself.
type Engine struct {
	Manifest *manifest.Manifest
	Adapter  providers.Adapter
	Packager *packager.Packager
	Origin   Origin
	// Path is the project's folder from the root of its repository, as "services/shop" or "."; "" is of no repository.
	Path string
	// Now is the clock for records and issue dates.
	Now func() time.Time
	// Progress is called as work begins and ends, from several goroutines; nil is silence.
	Progress func(Event)
	// LockTTL is how long a lock must stay unchanged before it counts as abandoned; 0 is 30 s.
	LockTTL time.Duration
	// Wait is how long a command waits for others that are at work; 0 is not at all.
	Wait time.Duration
	// RefreshBase takes the newest edition of what packages are laid over.
	RefreshBase bool

	turn   *turn // of the command that is at work
	fitted *fitted
	part   *Part // in a migration; nil is none
}

// Origin says who makes a release and from what.
type Origin struct {
	Actor   string // user@host, or the CI job
	Commit  string // git commit of the sources, "" outside a repository
	Dirty   bool   // the tree differs from the commit
	Version string // of ferry
	// Precedes reports whether a commit is an ancestor of another, and not that one itself. An error is that it
	// cannot be told; nil never can.
	Precedes func(ctx context.Context, older, newer string) (bool, error)
}

// Step is a part of the work, in this order.
type Step string

// The steps.
const (
	StepWait     Step = "wait" // for others that are at work
	StepBuild    Step = "build"
	StepPublish  Step = "publish"
	StepProbe    Step = "probe"
	StepActivate Step = "activate"
	StepVerify   Step = "verify" // read back what serves
	StepHealth   Step = "health"
	StepCommit   Step = "commit"
	StepClean    Step = "clean"
	StepRestore  Step = "restore"
	StepRemove   Step = "remove"
)

// Event says that a step began, reached a stage or ended, for a function or, if Function is "", for the whole release.
type Event struct {
	Step     Step
	Function string
	Stage    string // what the provider is at, in its words; "" when the step begins or ends
	Done     bool
	Cached   bool    // a build that found its package
	Err      error   // of a step that failed
	Total    int     // functions that take this step
	Holder   *Holder // of the lock, with StepWait
}

// DeployOptions change a deploy.
type DeployOptions struct {
	Functions []string // a subset; the others stay as the live release has them
	Message   string
	NoVerify  bool // skip the health calls; what serves is read back all the same
	Force     bool // overwrite drift and take the lock from a living holder
	Adopt     bool // record what serves unknown to the ledger as a release of its own first
	OneWay    bool // also do what cannot be taken back
	// Again names releases that were rolled away from and that may be deployed again all the same.
	Again []int
	// Traffic is the percentage of requests that the release gets, 1 to 99, until it is promoted or rolled
	// back; 0 is all of them.
	Traffic int
}

// PromoteOptions change a promotion.
type PromoteOptions struct {
	NoVerify bool
	Force    bool
}

// RollbackOptions change a rollback.
type RollbackOptions struct {
	To       int // 0 is the last good release
	Message  string
	NoVerify bool
	Force    bool
	// Announce is told what will be restored, before anything is changed: the release whose content that is, and the
	// changes. An interrupted attempt is undone first: then the number is what served before it. nil is silence.
	Announce func(number int, p *Plan)
}

// RemoveOptions change a removal.
type RemoveOptions struct {
	Purge bool // also the release records and artifacts
	Force bool
}

// Action is what happens to a function.
type Action string

// The actions.
const (
	ActionCreate Action = "create"
	ActionUpdate Action = "update"
	ActionRemove Action = "remove"
	ActionNone   Action = "none"
)

// Plan is what a deploy would do.
type Plan struct {
	Changes []Change          `json:"changes"` // sorted by function, unchanged ones left out
	Drift   []Drift           `json:"drift"`
	Empty   bool              `json:"empty"`
	Release int               `json:"release"` // what is live now; 0 is nothing
	Issues  []providers.Issue `json:"-"`       // warnings
	// Migration is under way between this target and another one; nil is none.
	Migration *Move `json:"migration,omitempty"`
	// Moved is the one that took the service from here, if nothing was released here since; nil is none.
	Moved *Move `json:"moved,omitempty"`
	// Unfinished names an attempt that was interrupted; 0 is none. Removing says that it is a removal.
	Unfinished int  `json:"unfinished,omitempty"`
	Removing   bool `json:"removing,omitempty"`
	// Canary is the release that gets Percent of the requests beside the live one; 0 is none.
	Canary  int `json:"canary,omitempty"`
	Percent int `json:"percent,omitempty"`
	// Held is what stands against it: content that was rolled away from.
	Held []Hold `json:"held"`
	// Floor says how long publishing it takes at the least, and why; "" is not long.
	Floor string `json:"floor,omitempty"`
	// Obstacles are what keeps the functions from being reached or started as things are.
	Obstacles []Obstacle `json:"obstacles,omitempty"`
}

// Change is one function's part of a plan.
type Change struct {
	Function string        `json:"function"`
	Action   Action        `json:"action"`
	Fields   []FieldChange `json:"fields"`
}

// FieldChange is one difference. Values that must not be shown are "•••".
type FieldChange struct {
	Path string `json:"path"`
	From any    `json:"from"`
	To   any    `json:"to"`
}

// Drift is a difference between what the ledger says and what serves.
type Drift struct {
	Function string `json:"function"`
	Expected string `json:"expected"` // revision id, "" is nothing
	Actual   string `json:"actual"`
	// Lacks is what the revision ran with and has lost, "" when it serves as it should or something else does. A deploy
	// mends it, as it overwrites nobody's work.
	Lacks string `json:"lacks,omitempty"`
}

// Result is what a deploy, rollback or resume did.
type Result struct {
	Service   string                    `json:"service"`
	Stage     string                    `json:"stage"`
	Target    string                    `json:"target"`
	Release   int                       `json:"release"` // what is live after
	Source    int                       `json:"source"`  // the release whose content that is
	Commit    string                    `json:"commit"`  // that its packages were made from
	Dirty     bool                      `json:"dirty"`   // the tree differed from it
	State     State                     `json:"state"`
	Outcome   Outcome                   `json:"outcome"`
	Changed   []string                  `json:"changed"`
	Unchanged []string                  `json:"unchanged"`
	Removed   []string                  `json:"removed"`
	Functions map[string]FunctionResult `json:"functions"`
	Seconds   float64                   `json:"seconds"`
	Issues    []providers.Issue         `json:"-"` // warnings
	// Attempt is the record of this run, also of a failed one; 0 is none.
	Attempt int `json:"attempt,omitempty"`
}

// FunctionResult is one function of a Result.
type FunctionResult struct {
	Action   Action `json:"action"`
	Revision string `json:"revision"`
	URL      string `json:"url"`
	Digest   string `json:"digest"`
	Size     int64  `json:"size"`
}

// Outcome says in a word how things stand after a command.
type Outcome string

// The outcomes.
const (
	OutcomeDone      Outcome = "done"
	OutcomeUnchanged Outcome = "unchanged"
	OutcomeRestored  Outcome = "restored"
	OutcomePartial   Outcome = "partial"
)

// History is what was released, newest first.
type History struct {
	Releases []Summary `json:"releases"`
	// NextRollback is the release that a rollback would make serve again now; 0 is none.
	NextRollback int `json:"next_rollback"`
	// Held is what is not deployed again unasked, oldest first.
	Held []Hold `json:"held"`
	// Migration is under way between this target and another one; nil is none.
	Migration *Move `json:"migration,omitempty"`
}

// Summary is one line of the ledger.
type Summary struct {
	Number  int       `json:"number"`
	Source  int       `json:"source"`
	Kind    Kind      `json:"kind"`
	State   State     `json:"state"`
	Live    bool      `json:"live"`
	Created time.Time `json:"created"`
	Actor   string    `json:"actor"`
	Message string    `json:"message"`
	Commit  string    `json:"commit"` // that the packages were made from
	Dirty   bool      `json:"dirty"`  // the tree differed from it
	// Made are the functions whose packages were made from something else.
	Made map[string]packager.Provenance `json:"made,omitempty"`
	// Checkout is what the release was deployed from, if its packages were made elsewhere.
	Checkout *packager.Provenance `json:"checkout,omitempty"`
	// Restorable is whether a rollback can come back to it: it served, and its packages are still there.
	Restorable bool     `json:"restorable"`
	Functions  []string `json:"functions"`
	// RolledBack says that somebody rolled away from it, and nobody went back to it since.
	RolledBack bool `json:"rolled_back"`
	Held       bool `json:"held"` // its content is not deployed again unasked
}

// Status is what serves now beside what the ledger says.
type Status struct {
	Service   string                    `json:"service"`
	Stage     string                    `json:"stage"`
	Target    string                    `json:"target"`
	Release   int                       `json:"release"` // 0 is nothing
	Source    int                       `json:"source"`
	Functions map[string]FunctionStatus `json:"functions"`
	// Migration is under way between this target and another one; nil is none.
	Migration *Move `json:"migration,omitempty"`
	// Moved is the one that took the service from here, if nothing was released here since; nil is none.
	Moved *Move `json:"moved,omitempty"`
	// Unfinished names an attempt that was interrupted; 0 is none. Removing says that it is a removal.
	Unfinished int  `json:"unfinished,omitempty"`
	Removing   bool `json:"removing,omitempty"`
	// Canary is the release that gets Percent of the requests beside the live one; 0 is none.
	Canary  int `json:"canary,omitempty"`
	Percent int `json:"percent,omitempty"`
	// Held is what is not deployed again unasked, oldest first.
	Held []Hold `json:"held"`
	// Obstacles are what keeps what is live from being reached or started.
	Obstacles []Obstacle `json:"obstacles,omitempty"`
}

// FunctionStatus is one function of a Status.
type FunctionStatus struct {
	Live  string `json:"live"` // revision id
	URL   string `json:"url"`
	State string `json:"state"` // serving, stopped, missing, foreign
	Drift string `json:"drift"` // "" is none, else what differs
	// AsWritten means that Live is what ferry wrote there last, and that nothing looked at what serves.
	AsWritten bool `json:"as_written,omitempty"`
	// Differences are the settings that are not as the live release says.
	Differences []providers.Difference `json:"differences,omitempty"`
}

// Removal is what a removal took away.
type Removal struct {
	Removed []string `json:"removed"`
	Purged  bool     `json:"purged"`
	Attempt int      `json:"attempt,omitempty"` // the record of the removal; 0 is none
}

// Error is a failed deploy, rollback, resume or removal.
type Error struct {
	Outcome Outcome // unchanged, restored or partial
	Attempt int     // the record that holds the failure; 0 is none
	Release int     // what is live after, as far as this command knows; 0 is nothing
	Kind    Kind    // KindRemove for a removal
	// Overtaken means that another command took the lock, or that somebody changed what serves: what serves is theirs to say.
	Overtaken bool
	Err       error // what failed; several are joined
	// Partial says, for OutcomePartial, what serves where.
	Partial []Drift
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Blocked are the issues that keep a service from a target.
type Blocked []providers.Issue

func (b Blocked) Error() string {
	s := "the target cannot honour the manifest"
	for _, i := range b {
		s += "\n" + i.Function + "." + i.Field + ": " + i.Message
	}
	return s
}

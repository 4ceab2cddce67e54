// Package providers is the contract between ferry and the places it deploys to.
package providers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
)

// Adapter deploys functions to one configured place of one provider: one service, stage and target.
// A published revision is immutable: code and versioned configuration together. All methods may be
// called from several goroutines. Errors are *Error.
type Adapter interface {
	// Check reports what this provider cannot honour exactly. Pure: no network, no clock. Its caller is Fit.
	Check(fn manifest.Function) []Issue
	// Platform is what the packager must build for. Pure.
	Platform(fn manifest.Function) packager.Platform
	// Capabilities says what a caller may rely on.
	Capabilities() Capabilities
	// Publish stores a revision. What serves is unaffected, also when Publish fails half way.
	// What was published last from the same digest is found again, so a retry is safe; an older revision of that
	// digest may be, too.
	Publish(ctx context.Context, s Spec, e Epoch) (Revision, error)
	// Activate makes c.To serve if c.From is still live, else fails with Conflict, also where c.To serves already, and
	// converges the settings that the provider does not version. A revision that is not stored is NotFound. A nil To deactivates: nobody outside reaches the function, and its
	// State has no revision. On error the State is the truth.
	Activate(ctx context.Context, c Change) (State, error)
	// Bind converges the function's event bindings.
	Bind(ctx context.Context, s Spec, m Mode, e Epoch) error
	// Status is what is live now, as observed, never as remembered. A function that does not exist has
	// a State without a revision and no error.
	Status(ctx context.Context, function string) (State, error)
	// Remove takes away exactly what ferry made for the function. Removing nothing is no error. Of a function that ferry
	// did not make it takes nothing, with an error of kind Foreign or none.
	Remove(ctx context.Context, function string, e Epoch) error
	// Store is where this account keeps releases and artifacts. Reading creates nothing.
	Store(ctx context.Context) (Store, error)
}

// Epoch counts how often the lock of a ledger changed hands. Every write carries the epoch of the lock that it is made
// under, so that one whose holder was overtaken has no effect, however late it arrives.
type Epoch int64

// Fencer keeps out whoever was overtaken: once it was shown an epoch, a lower one is stale. What it keeps belongs to one
// ledger: another service, stage or target has epochs of its own.
type Fencer interface {
	// Fence shows the place an epoch. From its return on a change, a split and, where the place can tell, any other
	// write of a lower epoch to these functions is a Conflict and changes nothing. What serves stays.
	Fence(ctx context.Context, functions []string, e Epoch) error
	// Epoch is the highest that the place was shown for its ledger, as far as these functions, which are live, tell of
	// it; 0 is none.
	Epoch(ctx context.Context, functions []string) (Epoch, error)
}

// Prober starts a revision that is not live and has its shim answer with its digest. The error of a
// handler that does not start is of kind Crashed and holds the end of its log. Unsupported means that nothing can be
// started at this place: that is a warning.
type Prober interface {
	Probe(ctx context.Context, s Spec, r Revision) error
}

// Switcher does several Activates as one: after an error or a kill all of them serve, or none does.
// The states are in the order of the changes.
type Switcher interface {
	Switch(ctx context.Context, changes []Change) ([]State, error)
}

// Stepwise makes code and configuration of some changes live one after the other, so that for a while the code of one revision
// runs with the configuration of the other. An adapter that is none makes every change in one step.
type Stepwise interface {
	// Apart reports whether that holds for a change from what serves to another spec of the same function. Pure.
	Apart(from, to Spec) bool
}

// Splitter sends a share of the requests to a revision that is not live. percent is 1 to 99, of each
// function's requests, each chosen by itself; what c.From says is live goes on serving the rest. Without a
// revision on both sides it is Invalid, and with a stale From nothing changes. Activating either revision ends it,
// and so do deactivating and Remove. After an error or a kill all changes hold, or none does, where the adapter
// is a Switcher, too; else some may hold, and activating what is live ends those.
type Splitter interface {
	Split(ctx context.Context, changes []Change, percent int) ([]State, error)
}

// Starter makes sure that what is live can be reached and started, as far as that is in its hands (a Readier says what is
// not); it changes nothing that is.
type Starter interface {
	Start(ctx context.Context) error
}

// Readier says whether functions can be reached and started at a place, before they are deployed there and while they are
// live. It looks, and changes nothing.
type Readier interface {
	// Obstacles are what keeps the functions of the specs from being reached or started, as things are. A spec needs
	// its function and secrets only.
	Obstacles(ctx context.Context, specs []Spec) ([]Obstacle, error)
}

// Restarter replaces all instances of what is live: requests that they serve finish, and new ones meet new instances.
type Restarter interface {
	Restart(ctx context.Context) error
}

// Pager has a page that shows a person what is live, how it does, and what waits.
type Pager interface {
	// Page is its URL. Who knows it may see all that is there.
	Page(ctx context.Context) (string, error)
}

// Invoker calls what is live with the caller's own rights, also a function that is private or has no HTTP event.
type Invoker interface {
	Invoke(ctx context.Context, function string, r Request) (Response, error)
}

// LogTailer hands a function's log lines to emit, oldest first, until the end or, with Follow, until ctx ends.
type LogTailer interface {
	Tail(ctx context.Context, function string, o TailOptions, emit func(LogLine) error) error
}

// Pruner lists and deletes stored revisions. Pruning one that gets requests is a Conflict, one that is gone no error.
type Pruner interface {
	Revisions(ctx context.Context, function string) ([]Revision, error)
	// Stored reports whether this revision is still there with all that it needs to run, such as its image: one that is not
	// is published again. It costs less than to list them.
	Stored(ctx context.Context, function string, r Revision) (bool, error)
	Prune(ctx context.Context, function string, r Revision, e Epoch) error
}

// Vault keeps the values of secrets for one service and stage. A request that begins after SetSecret returned
// meets the new value; with a Pinner, a revision that is published after it does. Values are never returned and part
// of no error.
type Vault interface {
	// SetSecret keeps a value, in place of an earlier one. An empty one is Invalid.
	SetSecret(ctx context.Context, name string, value []byte) error
	// Secrets names those that have a value, sorted.
	Secrets(ctx context.Context) ([]string, error)
	// RemoveSecret forgets a value; what runs keeps it. Removing nothing is no error.
	RemoveSecret(ctx context.Context, name string) error
}

// Pinner resolves the names under a function's secrets to references that give the same value for ever: the name of
// the environment variable to the reference. It never reads a value. All that is missing is reported at once.
type Pinner interface {
	Pin(ctx context.Context, fn manifest.Function) (map[string]string, error)
}

// Adopter takes over a function that ferry did not make: it is ferry's from then on, and what it serves becomes a
// revision, whose digest may be "", since it was made from no spec. What it answers stays as it was. Adopting nothing is
// NotFound.
type Adopter interface {
	Adopt(ctx context.Context, function string, e Epoch) (State, error)
}

// Inspector compares all that the provider keeps for a live function with the spec that it was made from, also what
// Status does not look at because it costs calls: also which revision serves, where Status says what was written last. A value that must not be shown is "•••".
type Inspector interface {
	Inspect(ctx context.Context, s Spec) ([]Difference, error)
}

// Lister names the functions that ferry made at this place, live or not, sorted.
type Lister interface {
	Functions(ctx context.Context) ([]string, error)
}

// Purger forgets what a place keeps for the service and stage beside its functions and its store, such as the values of
// secrets that only ferry can read. It is asked when the service is removed for good. Purging nothing is no error.
type Purger interface {
	Purge(ctx context.Context) error
}

// Spec is all that a revision is made from.
type Spec struct {
	Function manifest.Function
	Artifact packager.Artifact
	Secrets  map[string]string // environment name -> pinned reference, never a value
	Digest   string            // SpecDigest of the others
}

// ConfigDigest identifies what a revision does beside its code: the canonical function and the pinned secrets.
func ConfigDigest(fn manifest.Function, secrets map[string]string) string {
	fn.Varying = nil
	data, err := json.Marshal(struct {
		Function manifest.Function `json:"function"`
		Secrets  map[string]string `json:"secrets,omitempty"`
	}{fn, secrets})
	if err != nil {
		panic(fmt.Sprintf("a function always has a JSON form: %v", err))
	}
	return digest(data)
}

// SpecDigest identifies a revision's content: its configuration's digest and its zip's. The two are told apart, so
// that an adapter can keep each where the provider keeps what it is of, and change one without the other.
func SpecDigest(config, zip string) string { return digest([]byte(config + "\n" + zip)) }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Revision is one stored, immutable version of a function.
type Revision struct {
	ID     string `json:"id"`     // the provider's name for it
	Digest string `json:"digest"` // the digest of the spec it was published from
}

// Change is one activation.
type Change struct {
	Spec  Spec      // the spec of To; of From when To is nil
	From  State     // what must still be live
	To    *Revision // nil deactivates
	Epoch Epoch     // of the lock that it is made under; of one call all changes have the same
}

// State is what was observed of one function.
type State struct {
	Function string    `json:"function"`
	Revision *Revision `json:"revision,omitempty"` // what serves; nil is nothing
	URL      string    `json:"url,omitempty"`
	Canary   *Canary   `json:"canary,omitempty"` // what gets a share of the requests beside Revision
	Bindings Mode      `json:"bindings"`
	// Fence is what Activate got to make the next change of this state conditional; "" where that is asked for when
	// it is needed. Status leaves it empty where it would cost a call.
	Fence string `json:"fence,omitempty"`
	// Unsettled means that what the provider does not version is not as the live revision needs it: activating that
	// revision again mends it.
	Unsettled bool `json:"unsettled,omitempty"`
	// Lacks names what the live revision ran with and has lost, such as its role, "" when it has all: publishing and
	// activating its spec again mends it, and overwrites nobody's work.
	Lacks string `json:"lacks,omitempty"`
	// AsWritten means that Revision is what ferry wrote down there last, as in a tag: what serves cannot be seen by a look. Such
	// an adapter is an Inspector, which sees it.
	AsWritten bool `json:"as_written,omitempty"`
	// Foreign means that a function of that name exists which ferry did not make. Nothing else is said of it.
	Foreign bool `json:"foreign,omitempty"`
}

// Canary is a revision that gets a share of a function's requests.
type Canary struct {
	Revision Revision `json:"revision"`
	Percent  int      `json:"percent"` // 1 to 99
}

// Serves reports whether that revision is live.
func (s State) Serves(r *Revision) bool {
	if s.Revision == nil || r == nil {
		return s.Revision == nil && r == nil
	}
	return s.Revision.ID == r.ID
}

// Holds reports whether that revision alone is live, and all that it needs with it.
func (s State) Holds(r *Revision) bool { return s.Serves(r) && s.Canary == nil && !s.Unsettled }

// Mode is the state of a function's event bindings.
type Mode string

// The modes of bindings.
const (
	BindNone    Mode = "none"
	BindPaused  Mode = "paused"
	BindEnabled Mode = "enabled"
)

// Capabilities says what a caller may rely on.
type Capabilities struct {
	Fenced       bool // Activate compares and writes in one step
	PausesEvents bool // Bind can hold events back
	// BindsOnActivate means that a revision's events reach it from its activation on, whatever Bind does: triggers
	// are part of the package.
	BindsOnActivate bool
	Probes          bool // is a Prober
	Splits          bool // can send a share of the traffic to a revision
	// Memory and Timeout are offered in these steps. See Fit.
	Memory  Steps[manifest.Size]
	Timeout Steps[manifest.Duration]
	// Settling is how long it may take to put one function back: the longest that an Activate waits, with what it is bound to.
	// What goes on after an interruption gets that much for each.
	Settling time.Duration
}

// Severity of an Issue.
type Severity string

// A blocker stops plan and deploy; a warning is shown.
const (
	Blocker Severity = "blocker"
	Warning Severity = "warning"
)

// Issue is one thing that a provider cannot honour exactly.
type Issue struct {
	Function string
	Field    string // as in "memory" or "events[0].schedule.cron"
	Severity Severity
	Message  string
	Hint     string    // one imperative line
	From     time.Time // when set, it holds from that date only; the caller compares
}

// Request is one call of a function. An empty Method calls the function's event handler: with Body as the data of a
// dev.ferry.invoke.v1 event, or with Event in the form in which such an event comes on the provider, Body being the
// message or the object's key.
type Request struct {
	Method string
	Path   string // with the query, as it goes over the wire
	Header map[string][]string
	Body   []byte
	Event  *BoundEvent
}

// Response is what a function answered.
type Response struct {
	Status  int
	Header  map[string][]string
	Body    []byte
	Cold    bool // an instance had to be started for it
	Seconds float64
	// ColdSeconds are what the start took of them, where the provider tells.
	ColdSeconds float64
	Log         string // the end of the log, where the provider hands it out with the answer
}

// TailOptions choose log lines.
type TailOptions struct {
	Lines  int       // at most so many of the past; 0 is all
	Since  time.Time // no older ones
	Follow bool
	// Past is called once, when all of the past was handed on; nil is nobody.
	Past func()
}

// Reached tells whoever asked that all of the past was handed on.
func (o TailOptions) Reached() {
	if o.Past != nil {
		o.Past()
	}
}

// LogLine is one line that a function wrote.
type LogLine struct {
	Time     time.Time `json:"time"`
	Function string    `json:"function"`
	Revision string    `json:"revision"`
	Instance string    `json:"instance"`
	Stream   string    `json:"stream"` // stdout, stderr, or platform
	Text     string    `json:"text"`
}

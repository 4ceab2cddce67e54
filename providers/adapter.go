// Package providers is the contract between ferry and the places it deploys to.
package providers

import (
	"context"
	"io"
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
	// If the spec that was published last has the same digest, its revision is returned, so a retry is safe. An older
	// revision of that digest may be returned as well.
	Publish(ctx context.Context, s Spec, e Epoch) (Revision, error)
	// Activate makes c.To serve, and converges the settings that the provider does not version. If c.From is no longer live
	// it fails with Conflict, even if c.To serves already. A revision that is not stored is NotFound. A nil To deactivates:
	// nobody outside can reach the function, and its State has no revision. Also on error, the State says what is so.
	Activate(ctx context.Context, c Change) (State, error)
	// Bind converges the function's event bindings.
	Bind(ctx context.Context, s Spec, m Mode, e Epoch) error
	// Status is what is live now, as observed, never as remembered. A function that does not exist has
	// a State without a revision and no error.
	Status(ctx context.Context, function string) (State, error)
	// Remove takes away exactly what ferry made for the function. Removing nothing is no error. If ferry did not make the
	// function, it takes nothing away, and may say so with an error of kind Foreign.
	Remove(ctx context.Context, function string, e Epoch) error
	// Store is where this account keeps releases and artifacts. Reading creates nothing.
	Store(ctx context.Context) (Store, error)
}

// Epoch counts how often the lock of a ledger changed hands. Every write carries the epoch of the lock under which it is
// made. So a write whose holder was overtaken has no effect, however late it arrives.
type Epoch int64

// Fencer keeps out whoever was overtaken: once it has been shown an epoch, every lower one is stale. Each ledger, that is
// each service, stage and target, has epochs of its own.
type Fencer interface {
	// Fence shows an epoch to the place. From its return on, a change or a split of these functions with a lower epoch is a
	// Conflict and changes nothing; so is any other write that the place can compare. What serves stays.
	Fence(ctx context.Context, functions []string, e Epoch) error
	// Epoch is the highest epoch that these functions, which are live, remember for the ledger; 0 is none.
	Epoch(ctx context.Context, functions []string) (Epoch, error)
}

// Prober starts a revision that is not live, and has its shim answer with its digest. If the handler does not start, the
// error is of kind Crashed and holds the end of the log. Unsupported means that this place cannot start anything, which is
// only a warning.
type Prober interface {
	Probe(ctx context.Context, s Spec, r Revision) error
}

// Switcher does several Activates as one: after an error or a kill, all of them serve or none does. The states are in the
// order of the changes.
type Switcher interface {
	Switch(ctx context.Context, changes []Change) ([]State, error)
}

// Stepwise is for a provider where the code and the configuration of some changes go live one after the other. For a while
// the code of one revision then runs with the configuration of the other. All other adapters make every change in one step.
type Stepwise interface {
	// Apart reports whether a change from one spec of a function to another one goes live in two steps. Pure.
	Apart(from, to Spec) bool
}

// Paced is for a provider that takes only so many changes in a time.
type Paced interface {
	// Floor says how long it takes at the least to publish these, and why, where none of them is there yet; "" is not worth a
	// word. Pure.
	Floor(specs []Spec) string
}

// Turner is for a provider that makes functions in several ways, where a function that was made in one cannot always be made in
// another one, or never again in the first.
type Turner interface {
	// Turn says what cannot be taken back when a function that is there, also a foreign one, is made as the spec wants it; "" is
	// nothing. That there is no way is an error. Pure.
	Turn(now State, to Spec) (string, error)
}

// Splitter sends a share of the requests to a revision that is not live. percent is 1 to 99 of each function's requests, and
// each request is chosen by itself. What c.From says is live goes on serving the rest. Without a revision on both sides the
// split is Invalid. With a stale From nothing changes. Activating either revision ends the split, and so do deactivating and
// Remove. If the adapter is also a Switcher, all changes hold after an error or a kill, or none does. Else some may hold, and
// activating what is live ends them.
type Splitter interface {
	Split(ctx context.Context, changes []Change, percent int) ([]State, error)
}

// Starter makes sure that what is live can be reached and started, as far as it can do something about it; a Readier says
// what is left. It changes nothing that is live.
type Starter interface {
	Start(ctx context.Context) error
}

// Readier says whether functions can be reached and started at a place, both before they are deployed and while they are
// live. It only looks.
type Readier interface {
	// Obstacles are what keeps the functions from being reached or started, as things are now. Of the specs only functions
	// and secrets are set.
	Obstacles(ctx context.Context, specs []Spec) ([]Obstacle, error)
}

// Warmer gets a revision ready ahead of its release: it is stored, and started beside what serves, so that Publish and Probe find it at
// that. Nobody's lock is needed for it; what no release takes up ends by itself, and is pruned as the revision of an attempt that failed.
type Warmer interface {
	Warm(ctx context.Context, s Spec) error
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

// Announcer shows people a text in place of the pages of what is live, until ctx ends. All other requests are answered as ever.
type Announcer interface {
	Announce(ctx context.Context, text string) error
}

// Recorder hands over each request that comes to what is live over HTTP, with its answer, until ctx ends. The values of
// secrets are not in it.
type Recorder interface {
	Record(ctx context.Context, each func(Exchange) error) error
}

// Invoker calls what is live with the caller's own rights. That works for a function that is private or has no HTTP event, too.
type Invoker interface {
	Invoke(ctx context.Context, function string, r Request) (Response, error)
}

// Keyholder has private functions that let a request in, wherever it comes from, for a key in one of its headers.
type Keyholder interface {
	// KeyHeader is the header, in lower case. Pure.
	KeyHeader() string
	// Key is the key of a function that is live. It is a secret: it is neither printed nor kept but in a vault.
	Key(ctx context.Context, function string) (string, error)
}

// LogTailer hands the lines of a function's log to emit, oldest first. It stops at the end, or with Follow when ctx ends.
type LogTailer interface {
	Tail(ctx context.Context, function string, o TailOptions, emit func(LogLine) error) error
}

// Pruner lists and deletes stored revisions, which it lists in any order. Pruning a revision that gets requests is a Conflict.
// Pruning one that is gone is no error. What serves stays, also when that is nothing.
type Pruner interface {
	Revisions(ctx context.Context, function string) ([]Revision, error)
	// Stored reports whether this revision is still there, with all that it needs to run, such as its image. If not, it is
	// published again. It is cheaper than a list.
	Stored(ctx context.Context, function string, r Revision) (bool, error)
	Prune(ctx context.Context, function string, r Revision, e Epoch) error
}

// Baser is for a provider whose packages are laid over an image of somebody else, which has a newer edition from time to time. Which
// edition a function has stands in its release, so that nothing changes unasked.
type Baser interface {
	// Over reports whether an edition is one of the image that the function is laid over; "" is one where there is no such image. Pure.
	Over(fn manifest.Function, base string) bool
	// Base is the edition that the place has chosen for the function's image, else the newest. It only looks.
	Base(ctx context.Context, fn manifest.Function) (string, error)
	// FreshBase is the newest edition. It only looks.
	FreshBase(ctx context.Context, fn manifest.Function) (string, error)
}

// Vault keeps the values of secrets for one service and stage. A request that begins after SetSecret returned gets the new
// value. With a Pinner, a revision that is published after it does. Values are never returned, and no error holds one.
type Vault interface {
	// SetSecret keeps a value in place of any earlier one. An empty value is Invalid.
	SetSecret(ctx context.Context, name string, value []byte) error
	// Secrets names those that have a value, sorted.
	Secrets(ctx context.Context) ([]string, error)
	// RemoveSecret forgets a value. What runs already keeps it. Removing nothing is no error.
	RemoveSecret(ctx context.Context, name string) error
}

// Pinner resolves the names under a function's secrets to references that give the same value for ever. It returns a
// reference for each environment variable, and never reads a value. It reports all missing secrets at once.
type Pinner interface {
	Pin(ctx context.Context, fn manifest.Function) (map[string]string, error)
}

// Adopter takes over a function that ferry did not make. From then on it is ferry's, and what it serves is a revision. The
// digest may be "", because that revision was made from no spec. The function answers as before. Adopting nothing is NotFound.
type Adopter interface {
	Adopt(ctx context.Context, function string, e Epoch) (State, error)
}

// Reader reads a function that is there, whoever made it, so that a manifest can be made of it. It only looks.
type Reader interface {
	// Read writes the function's code, as a zip, and is the description of everything else: JSON in the form of one of the
	// provider's own tools, of which `ferry import` makes a manifest. name is what the provider calls the function. One that is not
	// there is NotFound. One whose code cannot be had is Unsupported, and so is one that ferry deployed.
	// What the caller has no right to see is Unread in its place, except for the code.
	Read(ctx context.Context, name string, code io.Writer) ([]byte, error)
}

// Unread is the text that stands in a Reader's description for what cannot be seen without a right, as "lambda:GetPolicy".
func Unread(right string) string { return "not read without the right " + right }

// Inspector compares everything that the provider keeps for a live function with the spec that it was made from. That
// includes what Status leaves out because it costs calls, and which revision serves if Status only says what was written
// last. A value that must not be shown is "•••".
type Inspector interface {
	Inspect(ctx context.Context, s Spec) ([]Difference, error)
}

// Lister names the functions that ferry made at this place, live or not, sorted.
type Lister interface {
	Functions(ctx context.Context) ([]string, error)
}

// Purger forgets what a place keeps for the service and stage besides functions and store, such as the values of secrets that
// only ferry can read. It is called when the service is removed for good. Purging nothing is no error.
type Purger interface {
	Purge(ctx context.Context) error
}

// Capabilities says what a caller may rely on.
type Capabilities struct {
	Fenced       bool // Activate compares and writes in one step
	PausesEvents bool // Bind can hold events back
	// BindsOnActivate means that events reach a revision from its activation on, whatever Bind does, because triggers are part
	// of the package.
	BindsOnActivate bool
	Probes          bool // is a Prober
	Splits          bool // can send a share of the traffic to a revision
	Unresolved      bool // the names of functions are known to no DNS here: who wants to reach one from here calls Invoke
	// Memory and Timeout are the steps in which they are offered; see Fit.
	Memory  Steps[manifest.Size]
	Timeout Steps[manifest.Duration]
	// Settling is how long it may take to put one function back: the longest that an Activate and a Bind wait together. After
	// an interruption ferry allows that much time for each function.
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

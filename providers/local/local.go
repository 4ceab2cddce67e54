// Package local deploys to the platform embedded in ferry: this machine, without an account.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// target is the block of a target.
type target struct {
	Port  int      `json:"port,omitempty" jsonschema:"The port of the service and stage. Default: a free one, which is kept."`
	Hosts []string `json:"hosts,omitempty" jsonschema:"Names that requests may be for, besides those of this machine."`
}

func (t target) address() platform.Address { return platform.Address(t) }

// hostName is what a name under hosts may be: no port, no wildcard.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// check says what the block asks for and cannot be.
func (t target) check(name string) error {
	refused := &providers.Error{Kind: providers.Invalid, Op: "configure", Provider: "local"}
	if t.Port < 0 || t.Port > 65535 {
		refused.Hint = "choose a port between 1024 and 65535"
		refused.Err = fmt.Errorf("targets.%s.port: %d is no port", name, t.Port)
		return refused
	}
	for i, h := range t.Hosts {
		if !hostName.MatchString(h) {
			refused.Hint = "write the bare name, as in shop.test"
			refused.Err = fmt.Errorf("targets.%s.hosts[%d]: %q is no host name", name, i, h)
			return refused
		}
	}
	return nil
}

// function is the block `functions.<name>.local`; there is nothing to set.
type function struct{}

// Provider is the local platform's registration.
func Provider() providers.Provider {
	return providers.Provider{
		Name:   name,
		Blocks: manifest.Blocks{Target: &target{}, Function: &function{}},
		New:    New,
		Host:   func(h providers.Home, version string) providers.Host { return newHost(h, version) },
	}
}

const name = "local"

// Adapter deploys one service and stage to the platform of one home.
type Adapter struct {
	scope        platform.Scope
	ledger       string // the target's name
	target       target
	home         platform.Home
	client       *platform.Client
	interpreters *interpreters
	table        snapshot
}

var (
	_ providers.Adapter   = (*Adapter)(nil)
	_ providers.Prober    = (*Adapter)(nil)
	_ providers.Switcher  = (*Adapter)(nil)
	_ providers.Splitter  = (*Adapter)(nil)
	_ providers.Starter   = (*Adapter)(nil)
	_ providers.Invoker   = (*Adapter)(nil)
	_ providers.LogTailer = (*Adapter)(nil)
	_ providers.Pruner    = (*Adapter)(nil)
	_ providers.Lister    = (*Adapter)(nil)
	_ providers.Vault     = (*Adapter)(nil)
	_ providers.Fencer    = (*Adapter)(nil)
	_ providers.Purger    = (*Adapter)(nil)
)

// New makes an adapter. It touches no disk.
func New(c providers.Config) (providers.Adapter, error) {
	a := &Adapter{
		scope:        platform.Scope{Service: c.Service, Stage: c.Stage},
		ledger:       c.Target,
		home:         platform.Home(c.Home.State),
		client:       newHost(c.Home, "").client,
		interpreters: newInterpreters(c),
	}
	if problems := c.Block.Decode(&a.target); len(problems) > 0 {
		return nil, problems
	}
	if err := a.target.check(c.Target); err != nil {
		return nil, err
	}
	return a, nil
}

// Platform is this machine, with the interpreter that it has.
func (a *Adapter) Platform(fn manifest.Function) packager.Platform {
	return hostPlatform(a.interpreters.runtime(fn.Runtime))
}

// Capabilities are all.
func (a *Adapter) Capabilities() providers.Capabilities {
	return providers.Capabilities{
		Fenced: true, PausesEvents: true, Probes: true, Splits: true, Settling: time.Minute,
	}
}

// Publish unpacks the package into a folder of its own. It needs no running platform.
func (a *Adapter) Publish(ctx context.Context, s providers.Spec, e providers.Epoch) (providers.Revision, error) {
	const op = "publish"
	fn := s.Function.Name
	r, err := a.revision(s)
	var set []string
	if err == nil {
		set, err = a.home.Secrets(a.scope)
	}
	if err == nil {
		err = secretsExist(fn, s.Secrets, set)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = a.home.Admit(a.scope, a.writer(e))
	}
	if err == nil {
		providers.Stage(ctx, "unpacking the package")
		err = s.Artifact.Lend(func(path string) error { return a.home.PutRevision(ctx, a.scope, fn, r, path) })
	}
	if err != nil {
		return providers.Revision{}, a.classify(op, fn, err)
	}
	return providers.Revision{ID: r.ID, Digest: r.Digest}, nil
}

// Activate is a Switch of one.
func (a *Adapter) Activate(ctx context.Context, c providers.Change) (providers.State, error) {
	states, err := a.change(ctx, "activate", []providers.Change{c}, a.makeLive)
	return states[0], err
}

// Switch changes what is live by one write of one file.
func (a *Adapter) Switch(ctx context.Context, changes []providers.Change) ([]providers.State, error) {
	return a.change(ctx, "switch", changes, a.makeLive)
}

// Split gives the new revisions their share by one write of the same file.
func (a *Adapter) Split(ctx context.Context, changes []providers.Change, percent int) ([]providers.State, error) {
	return a.change(ctx, "split", changes, func(ctx context.Context, q platform.SwitchRequest) error {
		_, err := a.client.Split(ctx, platform.SplitRequest{SwitchRequest: q, Percent: percent})
		return err
	})
}

func (a *Adapter) makeLive(ctx context.Context, q platform.SwitchRequest) error {
	_, err := a.client.Switch(ctx, q)
	return err
}

// change has the platform do the changes, and observes what is live after.
func (a *Adapter) change(
	ctx context.Context, op string, changes []providers.Change, do func(context.Context, platform.SwitchRequest) error,
) ([]providers.State, error) {
	q := platform.SwitchRequest{Scope: a.scope, Writer: a.writer(changes[0].Epoch), Address: a.target.address()}
	for _, c := range changes {
		one := platform.Change{Function: c.Spec.Function.Name}
		if c.From.Revision != nil {
			one.From = c.From.Revision.ID
		}
		if c.To != nil {
			one.To = c.To.ID
		}
		q.Changes = append(q.Changes, one)
	}
	err := a.start(ctx)
	if err == nil {
		err = do(ctx, q)
	}
	states := make([]providers.State, len(changes))
	for i, c := range changes {
		st, reading := a.state(c.Spec.Function.Name)
		states[i], err = st, errors.Join(err, reading)
	}
	about := ""
	if len(changes) == 1 {
		about = changes[0].Spec.Function.Name
	}
	return states, a.classify(op, about, err)
}

func (a *Adapter) writer(e providers.Epoch) platform.Writer {
	return platform.Writer{Ledger: a.ledger, Epoch: int64(e)}
}

// Fence shows the platform an epoch.
func (a *Adapter) Fence(ctx context.Context, _ []string, e providers.Epoch) error {
	err := a.start(ctx)
	if err == nil {
		err = a.client.Fence(ctx, platform.FenceRequest{Scope: a.scope, Writer: a.writer(e)})
	}
	return a.classify("fence", "", err)
}

// Epoch is what the platform was shown; it need not run.
func (a *Adapter) Epoch(ctx context.Context, _ []string) (providers.Epoch, error) {
	e, err := a.home.Epoch(a.scope, a.ledger)
	return providers.Epoch(e), a.classify("read the epoch", "", errors.Join(err, ctx.Err()))
}

// Bind keeps the mode of the function's bindings in the table.
func (a *Adapter) Bind(ctx context.Context, s providers.Spec, m providers.Mode, e providers.Epoch) error {
	fn := s.Function.Name
	st, err := a.Status(ctx, fn)
	if err != nil || st.Bindings == m {
		return err
	}
	q := platform.BindRequest{Scope: a.scope, Writer: a.writer(e), Function: fn, Bindings: string(m)}
	if m == providers.BindNone {
		q.Bindings = ""
	}
	if err = a.start(ctx); err == nil {
		err = a.client.Bind(ctx, q)
	}
	return a.classify("bind", fn, err)
}

// Status reads the table; it needs no running platform.
func (a *Adapter) Status(ctx context.Context, fn string) (providers.State, error) {
	st, err := a.state(fn)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return st, a.classify("status", fn, err)
}

func (a *Adapter) state(fn string) (providers.State, error) {
	t, err := a.table.read(a.home, a.scope)
	e := t.Functions[fn]
	st := providers.State{Function: fn, Bindings: providers.Mode(cmp.Or(e.Bindings, string(providers.BindNone)))}
	if e.Revision == "" {
		return st, err
	}
	st.Revision = &providers.Revision{ID: e.Revision, Digest: e.Digest}
	if c := e.Canary; c != nil {
		st.Canary = &providers.Canary{Revision: providers.Revision{ID: c.Revision, Digest: c.Digest}, Percent: c.Percent}
	}
	if e.HTTP {
		st.URL = platform.URL(t.Port, fn)
	}
	return st, err
}

// Remove takes away the function's revisions, its log and its place in the table.
func (a *Adapter) Remove(ctx context.Context, fn string, e providers.Epoch) error {
	err := ctx.Err()
	if err == nil {
		var there bool
		if there, err = a.home.Has(a.scope, fn); err == nil && !there {
			return nil
		}
	}
	if err == nil {
		err = a.start(ctx)
	}
	if err == nil {
		err = a.client.Remove(ctx, platform.FunctionRequest{Scope: a.scope, Writer: a.writer(e), Function: fn})
	}
	return a.classify("remove", fn, err)
}

// Store is a folder beside the platform's.
func (a *Adapter) Store(context.Context) (providers.Store, error) {
	return newStore(string(a.home)), nil
}

// Start starts the platform, has it listen for what is live, and looks for interpreters that moved.
func (a *Adapter) Start(ctx context.Context) error {
	err := a.start(ctx)
	if err == nil {
		var t platform.Table
		if t, err = a.table.read(a.home, a.scope); err == nil {
			err = a.follow(t)
		}
		if err == nil && t.Port != 0 {
			_, err = a.client.Open(ctx, platform.OpenRequest{Scope: a.scope, Address: a.target.address()})
		}
	}
	return a.classify("start", "", err)
}

func (a *Adapter) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !a.home.Running() {
		providers.Stage(ctx, "starting the local platform")
	}
	return a.client.Ensure(ctx)
}

// Probe starts an instance of the revision beside what serves.
func (a *Adapter) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	err := a.start(ctx)
	if err == nil {
		err = a.client.Probe(ctx, platform.FunctionRequest{Scope: a.scope, Function: s.Function.Name, Revision: r.ID})
	}
	return a.classify("probe", s.Function.Name, err)
}

// Invoke calls what is live, through the platform's own connection.
func (a *Adapter) Invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	const op = "invoke"
	st, err := a.Status(ctx, fn)
	if err != nil {
		return providers.Response{}, err
	}
	if st.Revision == nil {
		return providers.Response{}, a.classify(op, fn, &platform.Error{Code: platform.CodeNotFound, Message: "nothing is live as " + fn})
	}
	var res platform.InvokeResponse
	if err = a.start(ctx); err == nil {
		res, err = a.client.Invoke(ctx, platform.InvokeRequest{
			Scope: a.scope, Function: fn, Method: r.Method, Path: r.Path, Header: r.Header, Body: r.Body,
		})
	}
	return providers.Response{
		Status: res.Status, Header: res.Header, Body: res.Body, Cold: res.Cold, Seconds: res.Took.Seconds(),
	}, a.classify(op, fn, err)
}

// Tail reads the function's log; it needs no running platform.
func (a *Adapter) Tail(ctx context.Context, fn string, o providers.TailOptions, emit func(providers.LogLine) error) error {
	var refused error
	options := platform.TailOptions{Lines: o.Lines, Since: o.Since, Follow: o.Follow, Past: o.Reached}
	err := a.home.Tail(ctx, a.scope, fn, options, func(l platform.Line) error {
		refused = emit(providers.LogLine{
			Time: l.Time, Function: fn, Revision: l.Revision, Instance: l.Instance, Stream: l.Stream, Text: l.Text,
		})
		return refused
	})
	if refused != nil {
		return refused
	}
	return a.classify("logs", fn, err)
}

// Functions are those of which the platform keeps anything, live or not.
func (a *Adapter) Functions(ctx context.Context) ([]string, error) {
	names, err := a.home.Functions(a.scope)
	return names, a.classify("list functions", "", errors.Join(err, ctx.Err()))
}

// Revisions are those that are stored, oldest first.
func (a *Adapter) Revisions(_ context.Context, fn string) ([]providers.Revision, error) {
	stored, err := a.home.Revisions(a.scope, fn)
	list := make([]providers.Revision, len(stored))
	for i, r := range stored {
		list[i] = providers.Revision{ID: r.ID, Digest: r.Digest}
	}
	return list, a.classify("revisions", fn, err)
}

// Stored reports whether a revision is there, its files and its interpreter, too.
func (a *Adapter) Stored(ctx context.Context, fn string, r providers.Revision) (bool, error) {
	stored, err := a.home.Revisions(a.scope, fn)
	whole := slices.ContainsFunc(stored, func(s platform.Revision) bool {
		return s.ID == r.ID && s.Digest == r.Digest && a.home.Unpacked(a.scope, fn, s) && !programGone(s)
	})
	return whole, a.classify("look for a revision", fn, errors.Join(err, ctx.Err()))
}

// Prune deletes a revision that gets no requests.
func (a *Adapter) Prune(ctx context.Context, fn string, r providers.Revision, e providers.Epoch) error {
	stored, err := a.home.Revisions(a.scope, fn)
	if err == nil && !slices.ContainsFunc(stored, func(s platform.Revision) bool { return s.ID == r.ID }) {
		return nil
	}
	if err == nil {
		err = a.start(ctx)
	}
	if err == nil {
		err = a.client.Prune(ctx, platform.FunctionRequest{Scope: a.scope, Writer: a.writer(e), Function: fn, Revision: r.ID})
	}
	return a.classify("prune", fn, err)
}

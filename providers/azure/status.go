package azure

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
)

// Status asks Azure for the app, and the app's container for what it was changed to last and for the tag of the package that it
// runs: another tag than then is that somebody deployed something else, which is looked into.
func (a *Adapter) Status(ctx context.Context, fn string) (providers.State, error) {
	st := providers.State{Function: fn, Bindings: providers.BindNone}
	c, err := a.connect(ctx)
	if err != nil {
		return st, err
	}
	at, err := c.app(fn)
	if err == nil {
		st, err = at.status(ctx)
	}
	return st, a.classify("status", fn, err)
}

func (a *app) status(ctx context.Context) (providers.State, error) {
	st := providers.State{Function: a.function, Bindings: providers.BindNone}
	s, is, tag, packaged, err := a.seen(ctx)
	if err != nil {
		return st, err
	}
	a.sights.keep(a.name, s)
	if s != nil && !a.owns(s.Tags, a.function) {
		st.Foreign = true
		return st, nil
	}
	if tag == "" {
		return st, nil
	}
	if s == nil {
		if st.Revision = is.revision(); st.Revision != nil {
			st.Lacks = "its app " + a.name
		}
		a.gone.Store(a.name, true)
		return st, nil
	}
	return a.stateOf(ctx, is, s, packaged)
}

// seen is the app, what its blob says and the tag of its package, asked for at once: nil and an empty tag are that there is none. Of an
// app of others nothing else is known.
func (a *app) seen(ctx context.Context) (s *site, is claim, tag, packaged azcore.ETag, err error) {
	g, part := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s, err = a.site(part, a.name)
		return err
	})
	g.Go(func() error {
		there, err := a.hasStorage(part)
		if err != nil || !there {
			return err
		}
		g.Go(func() (err error) {
			packaged, err = a.packageTag(part)
			return err
		})
		is, tag, err = a.claim(part)
		return err
	})
	err = g.Wait()
	return s, is, tag, packaged, err
}

// stateOf is the state of an app that is there, by what its blob says.
func (a *app) stateOf(ctx context.Context, is claim, s *site, packaged azcore.ETag) (providers.State, error) {
	live, half, err := a.serving(ctx, is, s, packaged)
	if err != nil || live == nil {
		return providers.State{Function: a.function, Bindings: providers.BindNone}, err
	}
	return a.live(is, s, live, half), nil
}

// live is the state of an app whose revision is known.
func (a *app) live(is claim, s *site, r *providers.Revision, half string) providers.State {
	st := providers.State{Function: a.function, Revision: r, Bindings: is.mode(), Unsettled: is.Next != "", Lacks: half}
	if is.HTTP {
		st.URL = "https://" + s.Properties.DefaultHostName
	}
	return st
}

// revision is what is live; nil is nothing.
func (c claim) revision() *providers.Revision {
	if c.Live == "" {
		return nil
	}
	return &providers.Revision{ID: c.Live, Digest: c.Digest}
}

// serving is the revision whose package the app runs, which has this tag in the app's own container; nil is that nobody reaches it.
// Between the two steps of a change half says whose configuration it runs with.
func (a *app) serving(ctx context.Context, is claim, s *site, tag azcore.ETag) (live *providers.Revision, half string, err error) {
	stopped := strings.EqualFold(s.Properties.State, "Stopped")
	if is.Live == "" && (is.Next == "" || stopped) || is.Next == nothing && stopped {
		return nil, "", nil
	}
	if err := a.lookAt(s); err != nil {
		return nil, "", err
	}
	if a.packages != a.box {
		if tag, err = a.packageTag(ctx); err != nil {
			return nil, "", err
		}
	}
	switch {
	case tag == "":
		return nil, "", nil // the app has no package yet
	case string(tag) == is.Package:
		live = is.revision()
	default:
		live, err = a.found(ctx, tag)
	}
	if err != nil || live == nil || is.Next == "" {
		return live, "", err
	}
	if is.Settings != "" && is.Settings != live.ID {
		half = fmt.Sprintf("its configuration: the code of revision %s runs with that of %s", live.ID, is.Settings)
	}
	return live, half, nil
}

// lookAt finds the container that the app's package is in.
func (a *app) lookAt(s *site) error {
	where := strings.TrimSuffix(s.packages(), "/")
	if where == "" || strings.EqualFold(where, a.box.client.URL()) {
		return nil
	}
	other, err := a.boxAt(where)
	if err == nil {
		a.packages = other
	}
	return err
}

// found is the revision that a package says it is; another's package is a revision that no spec gives.
func (a *app) found(ctx context.Context, tag azcore.ETag) (*providers.Revision, error) {
	out, err := a.packages.get(ctx, packageBlob)
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, err
	}
	r := &providers.Revision{ID: "package " + strings.Trim(string(tag), `"`)}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return r, nil //nolint:nilerr // it is of nobody that ferry knows
	}
	f, err := z.Open(revisionFile)
	if err != nil {
		return r, nil //nolint:nilerr // likewise
	}
	defer f.Close()
	var says struct{ ID, Digest string }
	if json.NewDecoder(f).Decode(&says) == nil && says.ID != "" {
		r.ID, r.Digest = says.ID, says.Digest
	}
	return r, nil
}

// Revisions are those in the app's container, by their names.
func (a *Adapter) Revisions(ctx context.Context, fn string) ([]providers.Revision, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	list, err := c.revisions(ctx, fn)
	return list, a.classify("revisions", fn, err)
}

func (c *connection) revisions(ctx context.Context, fn string) ([]providers.Revision, error) {
	if there, err := c.hasStorage(ctx); err != nil || !there {
		return nil, err
	}
	at, err := c.app(fn)
	if err != nil {
		return nil, err
	}
	keys, err := at.box.list(ctx, "revisions/")
	if err != nil {
		return nil, err
	}
	var list []providers.Revision
	for _, key := range keys {
		r, err := at.record(ctx, strings.TrimSuffix(lastPart(key), ".json"))
		if err != nil {
			return nil, err
		}
		if r != nil {
			list = append(list, r.revision())
		}
	}
	return list, nil
}

// Stored asks for the record and for the package.
func (a *Adapter) Stored(ctx context.Context, fn string, r providers.Revision) (bool, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return false, err
	}
	stored, err := c.keeps(ctx, fn, r)
	return stored, a.classify("revisions", fn, err)
}

func (c *connection) keeps(ctx context.Context, fn string, r providers.Revision) (bool, error) {
	if there, err := c.hasStorage(ctx); err != nil || !there {
		return false, err
	}
	at, err := c.app(fn)
	if err != nil {
		return false, err
	}
	is, tag, found, err := at.claimed(ctx, r.ID)
	return tag != "" && found != nil && found.revision() == r && is.holds(found.Roles), err
}

// claimed is what an app's container says, and a revision where it has all that it needs, asked for at once.
func (a *app) claimed(ctx context.Context, revision string) (is claim, tag azcore.ETag, r *record, err error) {
	g, part := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		is, tag, err = a.claim(part)
		return err
	})
	g.Go(func() (err error) {
		r, err = a.stored(part, revision)
		return err
	})
	err = g.Wait()
	return is, tag, r, err
}

// Functions are those of the resource group's apps whose tags say that they are.
func (a *Adapter) Functions(ctx context.Context) ([]string, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	all, err := c.sites(ctx)
	if err != nil {
		return nil, a.classify("list functions", "", err)
	}
	var names []string
	for _, s := range all {
		if fn := s.Tags[tagged().Key("function")]; fn != "" && a.owns(s.Tags, fn) {
			names = append(names, fn)
		}
	}
	slices.Sort(names)
	return names, nil
}

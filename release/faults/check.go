package faults

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// ledger reads the ledger and checks that its files agree with each other.
func (c *trial) ledger() *Ledger {
	c.Helper()
	e := c.Engine(before)
	s, err := e.Adapter.Store(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	l, err := ReadLedger(c.Context(), s, e.Manifest.Service+"/"+e.Manifest.Stage+"/"+e.Manifest.Target.Name+"/")
	if err != nil {
		c.Fatal(err)
	}
	for _, problem := range l.Problems() {
		c.Error(problem)
	}
	return l
}

// judge checks where the work left things, given what it said.
func (c *trial) judge(w work, p *Process, err error) {
	c.Helper()
	l := c.ledger()
	freeing := p.Hit() != nil && strings.HasSuffix(p.Hit().About, "/lock.json")
	if errors.Is(err, Dead) || freeing && errors.Is(err, providers.Conflict) {
		c.afterDeath(w, l) // one that believes that its lock is another's stops as if it were dead
		return
	}
	var failed *release.Error
	switch {
	case err == nil:
		c.serves(w.now)
		c.says(l, w.now)
	case !errors.As(err, &failed) || failed.Outcome != release.OutcomePartial:
		c.stands(w, w.old)
		c.says(l, w.old)
	case failed.Release != l.Live.Number:
		c.Errorf("the error says that release %d is live, live.json says %d: %v", failed.Release, l.Live.Number, err)
	case l.Pending() == nil:
		c.servesBeside(w.now)
		c.says(l, w.now)
	case c.asOne:
		c.stands(w, w.now)
	}
	if l.Lock.Holder != nil && l.Lock.Epoch != c.start.Lock.Epoch && !freeing {
		c.Errorf("the lock is left after %v: %+v", err, l.Lock)
	}
}

// afterDeath checks where a process that died left things. A place that activates singly may serve a mix
// once activation began.
func (c *trial) afterDeath(w work, l *Ledger) {
	c.Helper()
	switch r := l.Pending(); {
	case r == nil && l.Live.Number != c.start.Live.Number:
		c.servesBeside(l.Message())
	case r == nil || r.State == release.StatePublishing:
		c.stands(w, w.old)
	case c.asOne:
		c.stands(w, w.now)
	}
}

// stands expects what served when the work began, or the other version whole.
func (c *trial) stands(w work, or string) {
	c.Helper()
	switch {
	case w.removes:
		c.servesSome(before)
	case w.shared || w.begun != "" && !c.asOne:
	case w.begun != "":
		c.servesEither(w.old, w.begun)
	case or == w.old:
		c.servesBeside(w.old)
	default:
		c.servesEither(w.old, or)
	}
}

// end resumes or rolls back, which must succeed and leave one version, whole.
func (c *trial) end(w work, e ending) {
	c.Helper()
	l := c.ledger()
	want, pending := l.Message(), l.Pending()
	switch {
	case pending != nil && !e.undoes && pending.Kind == release.KindRemove:
		want = ""
	case pending != nil && !e.undoes:
		want = l.Records[pending.Source].Message
	case pending == nil && e.undoes && l.LastGood() == 0:
		want = ""
	case pending == nil && e.undoes:
		want = l.Records[l.LastGood()].Message
	}
	engine := c.engine(w.from, &Process{})
	_, err := e.do(c.Context(), engine)
	if pending != nil && pending.State == release.StateCanary && errors.Is(err, providers.Conflict) {
		_, err = engine.Promote(c.Context(), release.PromoteOptions{}) // a canary is not resumed but decided on
	}
	if want == "" && errors.Is(err, providers.NotFound) {
		c.serves(l.Message())
		return
	}
	if err != nil {
		c.Fatalf("%s: %v", e.name, err)
	}
	c.serves(want)
	l = c.ledger()
	c.says(l, want)
	if pending != nil || e.undoes {
		c.settled(l) // with nothing to resume, a lock is left to expire
	}
}

// afterOvertaking expects that the process which was stopped changed nothing that serves or that is committed.
// Had it not taken the lock when it was stopped, it finds what it was overtaken by, and may build on that.
func (c *trial) afterOvertaking(err error, p *Process, want string) {
	c.Helper()
	parted := errors.Is(err, context.Canceled) // it was frozen for longer than it has for what the next command can do as well
	if err != nil && !parted && !errors.Is(err, providers.Conflict) && !errors.Is(err, providers.NotFound) && !errors.Is(err, Dead) {
		c.Errorf("the overtaken process ended with %v", err)
	}
	l := c.ledger()
	held := slices.ContainsFunc(p.Calls()[:p.Hit().Number-1], func(call Call) bool {
		return call.Op == "store put" && strings.HasSuffix(call.About, "/lock.json")
	})
	if held || err != nil {
		c.says(l, want)
	}
	c.serves(l.Message())
	c.settled(l)
}

// whole is what functions say when one version serves.
func (c *trial) whole(version string) map[string]string {
	want := map[string]string{}
	if version != "" {
		for _, name := range c.Functions(version) {
			want[name] = version
		}
	}
	return want
}

func (c *trial) serves(version string) {
	c.Helper()
	if got := c.Serving(); !maps.Equal(got, c.whole(version)) {
		c.Errorf("want all of %q to serve, got %v", version, got)
	}
}

// servesBeside is serves, while functions of the version before that left the service may still serve: they
// stop after the commit.
func (c *trial) servesBeside(version string) {
	c.Helper()
	if got := c.Serving(); !maps.Equal(c.without(version, got), c.whole(version)) {
		c.Errorf("want all of %q to serve, got %v", version, got)
	}
}

// without leaves out the functions of the version before that this one does not have.
func (c *trial) without(version string, got map[string]string) map[string]string {
	stays := c.whole(version)
	got = maps.Clone(got)
	maps.DeleteFunc(got, func(name, v string) bool { return v == before && stays[name] == "" })
	return got
}

// servesSome expects that nothing but functions of a version serves.
func (c *trial) servesSome(version string) {
	c.Helper()
	got, want := c.Serving(), c.whole(version)
	for name, v := range got {
		if want[name] != v {
			c.Errorf("want nothing but %q to serve, got %v", version, got)
		}
	}
}

// servesEither expects one version, never a mix.
func (c *trial) servesEither(old, now string) {
	c.Helper()
	got := c.Serving()
	if !maps.Equal(got, c.whole(old)) && !maps.Equal(c.without(now, got), c.whole(now)) {
		c.Errorf("want all of %q or all of %q to serve, got %v", old, now, got)
	}
}

// says expects live.json to name that version.
func (c *trial) says(l *Ledger, version string) {
	c.Helper()
	if l.Message() != version {
		c.Errorf("live.json names release %d, which is %q, not %q", l.Live.Number, l.Message(), version)
	}
}

// settled expects no lock and nothing unfinished.
func (c *trial) settled(l *Ledger) {
	c.Helper()
	if l.Lock.Holder != nil || l.Lock.Unfinished != 0 {
		c.Errorf("the lock is left: %+v", l.Lock)
	}
}

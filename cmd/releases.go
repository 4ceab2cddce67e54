package cmd

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/release"
)

// releasesResult is the history, newest first.
type releasesResult struct {
	*release.History
	place string
}

func newReleases(a *app, out *outcome) *cobra.Command {
	limit := 0
	c := a.command(out, &cobra.Command{
		Use:   "releases",
		Short: "List the releases, newest first",
		Long: `List the releases, newest first: which one is live, which ones were rolled back, and which one the next rollback
would restore.`,
		Args: noArgs(),
	}, func(ctx context.Context, _ []string) (result, error) {
		if limit < 0 {
			return nil, usagef("use 0 to list all", "--limit %d is negative", limit)
		}
		p, err := a.deployed()
		if err != nil {
			return nil, err
		}
		history, err := a.engine(p).Releases(ctx, limit)
		if err != nil {
			return nil, err
		}
		return releasesResult{history, p.place()}, nil
	})
	c.AddCommand(newAllow(a, out))
	c.Flags().IntVarP(&limit, "limit", "n", 20, "list this `number`; 0 lists all")
	return c
}

func (r releasesResult) text(p *printer) {
	if len(r.Releases) == 0 {
		p.linef("no releases yet  %s", p.style.dim.Render(r.place))
		return
	}
	p.linef("%s", p.style.bold.Render(r.place))
	p.linef("")
	var rows [][]string
	for _, s := range r.Releases {
		rows = append(rows, p.summary(s, s.Number == r.NextRollback))
	}
	p.table([]string{"", "release", "state", "when", "who", "message", "commit"}, rows)
	if r.NextRollback > 0 || len(r.Held) > 0 {
		p.linef("")
	}
	if r.NextRollback > 0 {
		p.linef("`%s` restores release %d", p.command("rollback"), r.NextRollback)
	}
	p.moving(r.Migration)
	p.held(r.Held)
}

func (p *printer) summary(s release.Summary, next bool) []string {
	mark, number := " ", strconv.Itoa(s.Number)
	state := p.style.dim.Render(string(s.State))
	switch {
	case s.Live:
		mark, state = p.style.good.Render("●"), p.style.good.Render("serves")
	case s.State == release.StateLive && !s.Restorable:
		state = p.style.dim.Render("not restorable")
	case s.RolledBack:
		state = p.style.warn.Render("rolled back")
	case next:
		mark, state = p.style.dim.Render("↩"), p.style.dim.Render("served")
	case s.State == release.StateLive:
		state = p.style.dim.Render("served")
	case s.State == release.StateFailed, s.State == release.StateRestored:
		state = p.style.remove.Render(string(s.State))
	case s.State == release.StatePublishing, s.State == release.StateActivating, s.State == release.StateCanary, s.State == release.StateRemoving:
		state = p.style.warn.Render(string(s.State))
	}
	message := s.Message
	if s.Kind == release.KindRemove {
		message = "removal"
	}
	if s.Kind == release.KindRollback {
		back := fmt.Sprintf("rollback to %d", s.Source)
		if message != "" {
			back += ": " + message
		}
		message = back
	}
	return []string{
		mark, number, state, p.moment(s.Created), s.Actor, message,
		p.commit(packager.Provenance{Commit: s.Commit, Dirty: s.Dirty}),
	}
}

// commit is a git commit with a word when the tree differed from it.
func (p *printer) commit(made packager.Provenance) string {
	text := p.style.dim.Render(short(made.Commit))
	if made.Dirty {
		text += p.style.warn.Render(" dirty")
	}
	return text
}

func (p *printer) moment(t time.Time) string {
	return t.In(p.zone).Format("2006-01-02 15:04")
}

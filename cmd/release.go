package cmd

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/release"
)

// releaseResult is what a deploy, rollback, promotion or resume did.
type releaseResult struct {
	*release.Result
	Percent int `json:"percent,omitempty"` // of the requests that a canary gets
}

// manyFunctions is from where on functions to which nothing new happened are counted, not listed.
const manyFunctions = 12

func (r releaseResult) text(p *printer) {
	place := p.style.dim.Render(where(r.Service, r.Stage, r.Target))
	switch {
	case r.State == release.StateCanary:
		p.linef("%s release %d gets %d%% of the requests; release %d serves the rest  %s  %s", p.style.good.Render("✓"), r.Attempt,
			r.Percent, r.Release, place, p.style.dim.Render(seconds(r.Seconds)))
		p.decide()
	case r.State == release.StateRemoved:
		p.removed(r.Removed, where(r.Service, r.Stage, r.Target))
		return
	case r.State != release.StateLive && r.Outcome == release.OutcomeDone:
		p.linef("%s release %d was undone: %s  %s", p.style.good.Render("✓"), r.Attempt, serves(r.Release), place)
		return
	case r.State != release.StateLive:
		return // the error says how things stand
	case r.Outcome == release.OutcomeUnchanged:
		p.linef("nothing to do: release %d is live  %s", r.Release, place)
	default:
		same := ""
		if r.Source != r.Release {
			same = fmt.Sprintf(", with the content of release %d", r.Source)
			if r.Commit != "" {
				same += " (commit " + p.commit(packager.Provenance{Commit: r.Commit, Dirty: r.Dirty}) + ")"
			}
		}
		p.linef("%s release %d is live%s  %s  %s", p.style.good.Render("✓"), r.Release, same, place,
			p.style.dim.Render(seconds(r.Seconds)))
	}
	p.linef("")
	p.released(r)
}

// canary says that a release gets a share of the requests.
func (p *printer) canary(number, percent int) {
	p.linef("%s release %d gets %d%% of the requests", p.style.warn.Render("◐"), number, percent)
	p.decide()
}

// moving says that the service is on the way to another target.
func (p *printer) moving(m *release.Move) {
	if m == nil {
		return
	}
	share := ""
	if m.Percent > 0 {
		share = fmt.Sprintf(", which gets %d%% of the requests", m.Percent)
	}
	p.linef("%s the service is being moved from %s to %s%s  %s", p.style.warn.Render("◐"), m.From, m.To, share, p.style.dim.Render("by "+m.Actor))
	p.linef("  %s see `ferry migrate status --from %s --to %s`; until `commit` or `abort` no other release is made", p.style.good.Render("hint:"), m.From, m.To)
}

// ended says who ended a migration, and when.
func (p *printer) ended(m *release.Move) {
	if m != nil {
		p.linef("  the move to %s was %s %s  %s", m.To, m.State, p.moment(m.Since), p.style.dim.Render("by "+m.Actor))
	}
}

// movedAway says that what serves on a target forwards to another one.
func (p *printer) movedAway(m *release.Move) {
	if m == nil {
		return
	}
	p.linef("%s the service was moved to %s %s: what serves here forwards to it  %s", p.style.good.Render("→"), m.To, p.moment(m.Since), p.style.dim.Render("by "+m.Actor))
	p.linef("  %s a deploy here has %s answer by itself again; `ferry remove` ends the forwarding", p.style.good.Render("hint:"), m.From)
}

// decide says how a canary ends.
func (p *printer) decide() {
	p.linef("  %s run `ferry promote` to give it all of them, or `ferry rollback` to end it", p.style.good.Render("hint:"))
}

func serves(number int) string {
	if number == 0 {
		return "nothing serves"
	}
	return fmt.Sprintf("release %d serves", number)
}

// released lists the functions: what happened to each, and where it answers.
func (p *printer) released(r releaseResult) {
	var rows [][]string
	hidden := 0
	for _, name := range slices.Sorted(maps.Keys(r.Functions)) {
		fn := r.Functions[name]
		if fn.Action == release.ActionNone && len(r.Functions) > manyFunctions {
			hidden++
			continue
		}
		rows = append(rows, []string{p.symbol(fn.Action) + " " + p.style.bold.Render(name), string(fn.Action), p.style.link.Render(fn.URL)})
	}
	for _, name := range r.Removed {
		if _, listed := r.Functions[name]; !listed {
			rows = append(rows, []string{p.symbol(release.ActionRemove) + " " + p.style.bold.Render(name), string(release.ActionRemove), ""})
		}
	}
	for i := range rows {
		if rows[i][1] == string(release.ActionNone) {
			rows[i][1] = p.style.dim.Render("unchanged")
		}
	}
	if len(rows) > 0 {
		p.table(nil, rows)
	}
	if hidden > 0 {
		p.linef("  %s", p.style.dim.Render(fmt.Sprintf("%d unchanged", hidden)))
	}
}

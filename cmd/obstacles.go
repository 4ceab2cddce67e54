package cmd

import (
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// obstacles prints what keeps functions from being reached or started, and the next steps.
func (p *printer) obstacles(all []release.Obstacle) {
	reports := make([]report, len(all))
	for i, o := range all {
		reports[i] = report{Function: o.Function, Message: o.Message, Hint: o.Hint}
	}
	for _, g := range alike(reports, func(r *report) *string { return &r.Function }) {
		who := ""
		if len(g.functions) > 0 {
			who = p.style.bold.Render(few(g.functions)) + ": "
		}
		p.linef("%s %s%s", p.style.warn.Render("!"), who, g.first.Message)
		if g.first.Hint != "" {
			p.linef("  %s %s", p.style.good.Render("hint:"), g.first.Hint)
		}
	}
}

// findings are the obstacles that a deploy does not take away by itself, as a doctor tells them.
func findings(all []release.Obstacle) []providers.Finding {
	var found []providers.Finding
	for _, o := range all {
		if o.Passing {
			continue
		}
		f := providers.Finding{Subject: o.Function, Level: providers.LevelFailed, Message: o.Message, Hint: o.Hint, Kind: o.Kind}
		if f.Subject == "" {
			f.Subject = "functions"
		}
		found = append(found, f)
	}
	return found
}

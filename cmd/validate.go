package cmd

import (
	"context"

	"github.com/spf13/cobra"
)

// validateResult is a manifest without errors.
type validateResult struct {
	Service   string   `json:"service"`
	Stage     string   `json:"stage"`
	Target    string   `json:"target"`
	Functions []string `json:"functions"`
}

func newValidate(a *app, out *outcome) *cobra.Command {
	return a.command(out, &cobra.Command{
		Use:   "validate",
		Short: "Check the manifest, and that the target can run it",
		Long:  "Check the manifest, and that the target can run it. It uses neither network nor credentials.",
		Args:  noArgs(),
	}, func(context.Context, []string) (result, error) {
		p, err := a.project()
		if err != nil {
			return nil, err
		}
		if err := a.check(a.engine(p)); err != nil {
			return nil, err
		}
		r := validateResult{Service: p.manifest.Service, Stage: p.manifest.Stage, Target: p.manifest.Target.Name}
		for _, fn := range p.manifest.Functions {
			r.Functions = append(r.Functions, fn.Name)
		}
		return r, nil
	})
}

func (r validateResult) text(p *printer) {
	p.linef("%s the manifest is valid  %s", p.style.good.Render("✓"),
		p.style.dim.Render(where(r.Service, r.Stage, r.Target)+" · "+count(len(r.Functions), "function")))
}

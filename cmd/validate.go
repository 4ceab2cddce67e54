package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
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
		Long:  "Check the manifest, that the target can run it, and what the handlers show to be written for. It uses neither network nor credentials.",
		Args:  noArgs(),
	}, func(context.Context, []string) (result, error) {
		p, err := a.project()
		if err != nil {
			return nil, err
		}
		if err := a.check(a.engine(p)); err != nil {
			return nil, err
		}
		if err := a.foresee(p); err != nil {
			return nil, err
		}
		r := validateResult{Service: p.manifest.Service, Stage: p.manifest.Stage, Target: p.manifest.Target.Name}
		for _, fn := range p.manifest.Functions {
			r.Functions = append(r.Functions, fn.Name)
		}
		return r, nil
	})
}

// foresee looks at what the sources show by themselves, of all functions at once.
func (a *app) foresee(p *project) error {
	var errs []error
	pk := p.packager()
	for _, fn := range p.manifest.Functions {
		warnings, err := pk.Foresee(fn, p.adapter.Platform(fn))
		for _, w := range warnings {
			a.warn(providers.Issue{Function: fn.Name, Severity: providers.Warning, Message: w.Message, Hint: w.Hint})
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r validateResult) text(p *printer) {
	p.linef("%s the manifest is valid  %s", p.style.good.Render("✓"),
		p.style.dim.Render(where(r.Service, r.Stage, r.Target)+" · "+count(len(r.Functions), "function")))
}

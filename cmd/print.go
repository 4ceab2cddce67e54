package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release"
)

// printResult is the manifest as ferry understands it.
type printResult struct {
	Service  string         `json:"service"`
	Stage    string         `json:"stage"`
	Target   string         `json:"target"`
	File     string         `json:"file"`
	Manifest *manifest.Node `json:"manifest"`
	yaml     []byte
}

func newPrint(a *app, out *outcome) *cobra.Command {
	return a.command(out, &cobra.Command{
		Use:   "print [function...]",
		Short: "Print the resolved manifest for a stage and a target",
		Long: `Print the manifest as ferry understands it for the stage and the target, with overlays merged, interpolations
replaced and defaults filled in. Values from ` + "`${env:…}`" + ` are shown as •••, and secrets by name. It makes no network calls.`,
		Example: `  ferry print
  ferry print api --stage prod --target aws
  diff <(ferry print) <(ferry print -s prod)`,
		Args:              between(0, -1, ""),
		ValidArgsFunction: a.completeFunctions,
	}, func(_ context.Context, args []string) (result, error) {
		p, err := a.project()
		if err != nil {
			return nil, err
		}
		if _, err := release.Choose(p.manifest, args); err != nil {
			return nil, err
		}
		resolved := p.manifest.Resolved(args...)
		text, err := resolved.YAML()
		m := p.manifest
		return printResult{Service: m.Service, Stage: m.Stage, Target: m.Target.Name, File: m.File, Manifest: resolved, yaml: text}, err
	})
}

func (r printResult) text(p *printer) {
	p.linef("%s", p.style.dim.Render("# "+where(r.Service, r.Stage, r.Target)))
	p.raw(r.yaml)
}

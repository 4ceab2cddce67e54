package cmd

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/migrate/eject"
	"github.com/ferryfn/ferry/providers"
)

type ejectOptions struct {
	app    *app
	output string
}

// ejectResult is what became of the service.
type ejectResult struct {
	Folder string `json:"folder"`
	eject.Report
}

func newEject(a *app, out *outcome) *cobra.Command {
	o := &ejectOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "eject",
		Short: "Write the service as files of the provider's own tools",
		Long: `Write the service as files of the provider's own tools, with the packages as they are built: a template of AWS SAM,
Terraform for Google, an ARM template for Azure. They deploy it without ferry. What is deployed already stays as it is:
the files make functions beside it.

Of every setting of the manifest, the report says where it stands, or why it does not. Secrets are references, never
values; their versions are asked of the target, and nothing else is.`,
		Example: `  ferry eject --target aws -o native && cd native && sam deploy
  ferry eject --target gcp -o native --json`,
		Args: noArgs(),
	}, o.run)
	c.Flags().StringVarP(&o.output, "output", "o", "", "the `folder` to write, which is not there or empty (default: ejected-TARGET)")
	return c
}

func (o *ejectOptions) run(ctx context.Context, _ []string) (result, error) {
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	ejector, ok := providers.As[providers.Ejector](p.adapter)
	if !ok {
		return nil, &failure{kind: providers.Unsupported, message: "the target " + p.manifest.Target.Name + " has no tools of its own to deploy with", hint: "name another with --target"}
	}
	folder := o.app.inDir(o.output)
	if o.output == "" {
		folder = filepath.Join(p.manifest.Dir, "ejected-"+p.manifest.Target.Name)
	}
	if err := vacant(folder, "name another folder with --output, or empty it"); err != nil {
		return nil, err
	}
	e := o.app.engine(p)
	if err := o.app.check(e); err != nil {
		return nil, err
	}
	shown := o.app.startProgress()
	defer shown.close()
	e.Progress = shown.event
	specs, issues, err := e.Specs(ctx)
	if err != nil {
		return nil, err
	}
	o.app.warn(issues...)
	r := ejectResult{Folder: folder}
	err = whole(folder, func(dir string) (err error) {
		r.Report, err = eject.Write(dir, p.manifest, ejector, specs)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r ejectResult) text(p *printer) {
	p.linef("%s %s  %s", p.style.good.Render("✓"), p.file(r.Folder), p.style.dim.Render("files of "+r.Format))
	p.linef("")
	p.linef("%d of %s stand in them", len(r.Mapped), count(r.Settings, "setting"))
	if len(r.Unmapped) > 0 {
		p.linef("")
		p.linef("not said there:")
	}
	for _, u := range r.Unmapped {
		p.linef("  %s", u.Path)
		p.linef("    %s", u.Reason)
	}
	p.linef("")
	p.linef("to deploy, in that folder:")
	for _, step := range r.Steps {
		p.linef("  %s", step)
	}
}

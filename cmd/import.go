package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/templates"
)

type importOptions struct {
	app    *app
	dryRun bool
	set    map[string]string // settings of the target that a live function is at
}

// importResult is the manifest that was made, and what became of every value that came in.
type importResult struct {
	Source   string             `json:"source"`
	Format   string             `json:"format"`
	File     string             `json:"file"` // what was written; "" with --dry-run
	Manifest string             `json:"manifest"`
	Mapped   []foreign.Mapped   `json:"mapped"`
	Unmapped []foreign.Unmapped `json:"unmapped"`
	Keys     int                `json:"keys"`
	Coverage float64            `json:"coverage"` // the share of the values that the manifest holds
	Notes    []string           `json:"notes"`
	Sources  []string           `json:"sources"` // the files of code that stood in what was imported
	lost     bool
}

func newImport(a *app, out *outcome) *cobra.Command {
	o := &importOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "import SOURCE",
		Short: "Make a manifest of another tool's",
		Long: `Make a ferry.yaml of a serverless.yml, a template of AWS SAM or CloudFormation, an app of Azure Functions (host.json,
function.json), what "gcloud functions describe" prints, or a manifest of a Knative Service, beside that file. The code stays as
it is: its handlers get what they got. Of every value that comes in, the report says where it is in the manifest, or
why it is not; ferry exits with 3 when something that serves is not carried.

A function that is live is named with its provider, as aws:NAME, aws:NAME:ALIAS, gcp:NAME or azure:APP. Its code and its
configuration are read with your own rights, and are put into a new folder of its name; nothing is changed there. Where it is, the
provider's own variables say (as AWS_REGION), or --set.

Variables are resolved for the stage (--stage). Secrets that stand in the open become references, without their values.
It runs no code, and for files it makes no network calls.`,
		Example: `  ferry import serverless.yml
  ferry import ../shop --dry-run --stage prod
  ferry import template.yaml --json
  ferry import host.json
  ferry import aws:hello:live --set region=eu-west-1
  ferry import gcp:projects/my-project/locations/europe-west1/functions/hello
  gcloud functions describe hello --format yaml > function.yaml && ferry import function.yaml`,
		Args: between(1, 1, "the file, or its folder, or a live function"),
	}, o.run)
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print the manifest and write nothing")
	c.Flags().StringToStringVar(&o.set, "set", map[string]string{}, "a `setting` of the target that a live function is at, such as region=eu-west-1")
	return c
}

func (o *importOptions) run(ctx context.Context, args []string) (result, error) {
	source := args[0]
	if of, is := o.live(source); is {
		return o.runLive(ctx, of)
	}
	if !filepath.IsAbs(source) {
		source = filepath.Join(o.app.dir(), source)
	}
	stage := o.app.global.stage
	if stage == "" {
		stage = "dev"
	}
	made, err := migrate.Import(source, stage, "./"+templates.SchemaFile)
	if err != nil {
		return nil, foreignly(err)
	}
	r := resultOf(made)
	if o.dryRun {
		return r, nil
	}
	dir := filepath.Dir(made.File)
	for _, f := range made.Files {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.Name))); err == nil {
			return nil, usagef("move it away, or look with --dry-run", "%s exists already, and code that stands in %s is to be put there", f.Name, made.File)
		}
	}
	if r.File, err = o.write(dir, made.Text); err == nil {
		err = writeSources(dir, made)
	}
	return r, err
}

// writeSources puts code that stood in a file beside it. It replaces none.
func writeSources(dir string, made migrate.Imported) error {
	for _, f := range made.Files {
		file := filepath.Join(dir, filepath.FromSlash(f.Name))
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err == nil {
			err = create(file, []byte(f.Text))
		}
		if err != nil {
			return fmt.Errorf("writing code that stood in the template: %w", err)
		}
	}
	return nil
}

// create writes a file that is not there yet.
func create(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func resultOf(made migrate.Imported) importResult {
	sources := []string{}
	for _, f := range made.Files {
		sources = append(sources, f.Name)
	}
	return importResult{
		Sources: sources, Source: made.File, Format: made.Format, Manifest: string(made.Text), Mapped: made.Mapped, Unmapped: made.Unmapped,
		Keys: made.Keys, Coverage: made.Coverage(), Notes: append([]string{}, made.Notes...), lost: made.Lost(),
	}
}

// manifestFile is the name of the manifest that is written into a folder.
func (o *importOptions) manifestFile(dir string) string {
	if o.app.global.file != "" {
		return filepath.Join(dir, o.app.global.file)
	}
	return filepath.Join(dir, manifest.FileName)
}

// write puts the manifest and its schema beside the file that it was made of. It replaces no manifest.
func (o *importOptions) write(dir string, text []byte) (string, error) {
	file := o.manifestFile(dir)
	err := create(file, text)
	if errors.Is(err, fs.ErrExist) {
		return "", usagef("remove it, name another with --file, or look with --dry-run", "%s exists already", file)
	}
	if err != nil {
		return "", fmt.Errorf("writing the manifest: %w", err)
	}
	schema, err := manifest.Schema(o.app.blocks())
	if err != nil {
		return "", err
	}
	name := filepath.Join(filepath.Dir(file), templates.SchemaFile)
	if _, err := os.Lstat(name); err == nil {
		return file, nil
	}
	if err := os.WriteFile(name, schema, 0o644); err != nil {
		return "", fmt.Errorf("writing the schema: %w", err)
	}
	return file, nil
}

func (r importResult) exitCode() int {
	if r.lost {
		return exitDiffers
	}
	return exitDone
}

func (r importResult) text(p *printer) {
	if r.File == "" {
		for line := range strings.Lines(r.Manifest) {
			p.verbatim(strings.TrimSuffix(line, "\n"))
		}
	} else {
		from := p.file(r.Source)
		if r.Format != filepath.Base(r.Source) {
			from = "the " + r.Format + " " + from
		}
		p.linef("%s %s  %s", p.style.good.Render("✓"), p.file(r.File), p.style.dim.Render("from "+from))
	}
	p.linef("")
	p.linef("%d of %s carried", r.carried(), count(r.Keys, "value"))
	p.left("lost, though something that serves depends on it:", r.left(func(u foreign.Unmapped) bool { return u.Serves }))
	p.left("left out, and not needed to serve:", r.left(func(u foreign.Unmapped) bool { return !u.Serves }))
	if len(r.Notes) > 0 {
		p.linef("")
		p.linef("before the first deploy:")
		for _, note := range r.Notes {
			p.linef("  %s", note)
		}
	}
}

// carried is how many values the manifest holds.
func (r importResult) carried() int {
	n := 0
	for _, m := range r.Mapped {
		n += m.Keys
	}
	return n
}

// left are the rows of what is not carried, and of that kind.
func (r importResult) left(of func(foreign.Unmapped) bool) (rows [][]string) {
	for _, u := range r.Unmapped {
		if of(u) {
			rows = append(rows, []string{"  " + u.Path, u.Reason})
		}
	}
	return rows
}

func (p *printer) left(title string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	p.linef("")
	p.linef("%s", title)
	p.table(nil, rows)
}

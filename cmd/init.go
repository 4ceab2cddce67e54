package cmd

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

type initOptions struct {
	app      *app
	template string
	style    string
}

// initResult is what was written.
type initResult struct {
	Service  string   `json:"service"`
	Template string   `json:"template"`
	Dir      string   `json:"dir"`
	Files    []string `json:"files"`
	here     bool
}

func newInit(a *app, out *outcome) *cobra.Command {
	o := &initOptions{app: a}
	var list []string
	for _, s := range templates.Starters() {
		list = append(list, "  "+pad(s.Name, 13)+"  "+s.Summary)
	}
	c := a.command(out, &cobra.Command{
		Use:   "init [dir]",
		Short: "Create a new service from a template",
		Long: `Create a new service from a template, in a folder of its own, with the JSON Schema that editors use to check and
complete the manifest. Existing files are never overwritten.

With --style the template is one whose handler is called so, which is where to put code that exists.

Templates:
` + strings.Join(list, "\n"),
		Example: `  ferry init shop --template go-http
  cd shop && ferry deploy
  ferry init shop --style asgi`,
		Args: between(0, 1, "one folder"),
	}, o.run)
	c.Flags().StringVar(&o.template, "template", "", "the `name` of the template")
	c.Flags().StringVar(&o.style, "style", "", "how the handler is called: a `style` of which there is a template")
	names := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return starterNames(o.offered()), cobra.ShellCompDirectiveNoFileComp
	}
	offer(c, "template", names)
	offer(c, "style", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return starterStyles(), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

func starterNames(starters []templates.Starter) []string {
	var names []string
	for _, s := range starters {
		names = append(names, s.Name)
	}
	return names
}

// starterStyles are the styles that there are templates of.
func starterStyles() []string {
	var styles []string
	for _, s := range templates.Starters() {
		if s.Style != "" {
			styles = append(styles, string(s.Style))
		}
	}
	slices.Sort(styles)
	return slices.Compact(styles)
}

// offered are the templates that --style leaves.
func (o *initOptions) offered() []templates.Starter {
	return slices.DeleteFunc(templates.Starters(), func(s templates.Starter) bool { return o.style != "" && string(s.Style) != o.style })
}

func (o *initOptions) run(_ context.Context, args []string) (result, error) {
	starter, err := o.starter()
	if err != nil {
		return nil, err
	}
	dir := o.app.dir()
	if len(args) > 0 {
		dir = filepath.Join(dir, args[0])
		if filepath.IsAbs(args[0]) {
			dir = filepath.Clean(args[0])
		}
	}
	service := serviceName(filepath.Base(dir))
	schema, err := manifest.Schema(o.app.blocks())
	if err != nil {
		return nil, err
	}
	files, err := starter.Write(dir, service, schema)
	if errors.Is(err, fs.ErrExist) {
		return nil, usagef("choose another folder: ferry init NAME", "%s", err)
	}
	if err != nil {
		return nil, err
	}
	return initResult{Service: service, Template: starter.Name, Dir: dir, Files: files, here: dir == o.app.dir()}, nil
}

func (o *initOptions) starter() (templates.Starter, error) {
	all := o.offered()
	names := starterNames(all)
	switch {
	case len(all) == 0:
		return templates.Starter{}, usagef(suggest(o.style, starterStyles()), "there is no template of style %q", o.style)
	case len(all) == 1 && o.template == "":
		return all[0], nil
	}
	if o.template == "" && o.app.interactive() {
		answer, err := o.app.ask("Start from which template (" + strings.Join(names, ", ") + ")?")
		if err != nil {
			return templates.Starter{}, err
		}
		o.template = answer
	}
	at := slices.IndexFunc(all, func(s templates.Starter) bool { return s.Name == o.template })
	switch {
	case at >= 0:
		return all[at], nil
	case o.template == "":
		return templates.Starter{}, usagef(suggest("", names), "say which template to start from with --template")
	case o.style != "":
		return templates.Starter{}, usagef(suggest(o.template, names), "there is no template %q of style %s", o.template, o.style)
	}
	return templates.Starter{}, usagef(suggest(o.template, names), "unknown template %q", o.template)
}

// serviceName makes a folder's name a service's: lower case letters, digits and dashes, a letter first, at
// most 32 of them.
func serviceName(folder string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(folder) {
		letter := r >= 'a' && r <= 'z'
		switch {
		case letter, b.Len() > 0 && r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := b.String()
	name = strings.TrimRight(name[:min(len(name), 32)], "-")
	if name == "" {
		return "service"
	}
	return name
}

func (r initResult) text(p *printer) {
	p.linef("%s %s is ready  %s", p.style.good.Render("✓"), p.style.bold.Render(r.Service), p.style.dim.Render("from the template "+r.Template))
	p.linef("")
	for _, f := range r.Files {
		p.linef("  %s %s", p.style.add.Render("+"), p.file(filepath.Join(r.Dir, f)))
	}
	p.linef("")
	next := "ferry deploy"
	if !r.here {
		next = "cd " + p.file(r.Dir) + " && " + next
	}
	p.verbatim("Next:  " + p.style.bold.Render(next))
}

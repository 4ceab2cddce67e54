package cmd

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ferryfn/ferry/manifest"
)

// completionResult is a shell's completion script.
type completionResult struct {
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

func newCompletion(a *app, out *outcome) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	c := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion script of a shell",
		Long: `Print the completion script of a shell: for commands and flags, and for the names of functions, stages, targets,
secrets, queues, topics and releases.

bash needs 4.2 or newer and the package bash-completion, version 2, which most systems have; macOS comes with an old
bash and without it: brew install bash bash-completion@2.`,
		Example: `  source <(ferry completion bash)
  ferry completion zsh > "${fpath[1]}/_ferry"
  ferry completion fish > ~/.config/fish/completions/ferry.fish
  ferry completion powershell | Out-String | Invoke-Expression`,
		Args:      between(1, 1, "the name of a shell"),
		ValidArgs: shells,
	}
	return a.command(out, c, func(_ context.Context, args []string) (result, error) {
		var script bytes.Buffer
		generate := map[string]func() error{
			"bash":       func() error { return c.Root().GenBashCompletionV2(&script, true) },
			"zsh":        func() error { return c.Root().GenZshCompletion(&script) },
			"fish":       func() error { return c.Root().GenFishCompletion(&script, true) },
			"powershell": func() error { return c.Root().GenPowerShellCompletionWithDesc(&script) },
		}[args[0]]
		if generate == nil {
			return nil, usagef(suggest(args[0], shells), "unknown shell %q", args[0])
		}
		err := generate()
		return completionResult{Shell: args[0], Script: script.String()}, err
	})
}

// withoutQuotes takes the quotes out of what flags say of themselves, which name their values in the help and stand for themselves where a
// shell shows it.
func withoutQuotes(c *cobra.Command) {
	c.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	for _, sub := range c.Commands() {
		withoutQuotes(sub)
	}
}

// completeNames offers what the manifest has of something to the shell.
func (a *app) completeNames(of func(manifest.Choices) []string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		_ = a.prepare(c.Flags()) // a shell shows no errors
		return of(manifest.Names(a.manifestOptions())), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeManifest offers what the resolved manifest has of something as the argument after so many others.
func (a *app) completeManifest(after int, of func(*manifest.Manifest) []string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		_ = a.prepare(c.Flags()) // a shell shows no errors
		m, err := manifest.Load(a.manifestOptions())
		if err != nil || len(args) != after {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := of(m)
		slices.Sort(names)
		return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
	}
}

// eventSources are the names of what events of these kinds come from.
func eventSources(m *manifest.Manifest, kinds ...string) []string {
	var names []string
	for _, fn := range m.Functions {
		for _, e := range fn.Events {
			switch kind := e.Kind(); {
			case !slices.Contains(kinds, kind):
			case e.Queue != nil:
				names = append(names, e.Queue.Name)
			case e.Topic != nil:
				names = append(names, e.Topic.Name)
			case e.Object != nil:
				names = append(names, e.Object.Bucket)
			case e.Schedule != nil:
				names = append(names, fn.Name)
			}
		}
	}
	return names
}

// completionTime is how long a shell is kept waiting for what a place has.
const completionTime = 3 * time.Second

// completeReleases offers the numbers of the releases to the shell, with what was said of each.
func (a *app) completeReleases(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	_ = a.prepare(c.Flags()) // a shell shows no errors
	p, err := a.deployed()
	if err != nil {
		return nil, directive
	}
	ctx, cancel := context.WithTimeout(c.Context(), completionTime)
	defer cancel()
	history, err := a.engine(p).Releases(ctx, 20)
	if err != nil {
		return nil, directive
	}
	var numbers []string
	for _, s := range history.Releases {
		numbers = append(numbers, cobra.CompletionWithDesc(strconv.Itoa(s.Number), strings.TrimSpace(string(s.State)+" "+s.Message)))
	}
	return numbers, directive
}

// offer has a flag complete its values.
func offer(c *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag is defined before
	}
}

func (r completionResult) text(p *printer) { p.raw([]byte(r.Script)) }

package cmd

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
secrets and releases.

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

// completeNames offers what the manifest has of something to the shell.
func (a *app) completeNames(of func(manifest.Choices) []string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		_ = a.prepare(c.Flags()) // a shell shows no errors
		return of(manifest.Names(a.manifestOptions())), cobra.ShellCompDirectiveNoFileComp
	}
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

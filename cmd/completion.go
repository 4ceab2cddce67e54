package cmd

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"
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

func (r completionResult) text(p *printer) { p.raw([]byte(r.Script)) }

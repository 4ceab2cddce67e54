package cmd

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
)

func TestTheReferenceIsUpToDate(t *testing.T) {
	root := newRoot(&app{}, &outcome{})
	root.InitDefaultHelpCmd()
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Command line\n\nGenerated from the commands themselves by `go test ./cmd -update`; do not edit.\n\n```\n%s\n```\n", root.Long)
	fmt.Fprintf(&b, "\n## Global flags\n\n```\n%s```\n", root.PersistentFlags().FlagUsagesWrapped(100))
	describe(&b, root)
	golden(t, filepath.Join("..", "docs", "cli.md"), b.Bytes())
}

// describe writes a section for each command below c.
func describe(b *bytes.Buffer, c *cobra.Command) {
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		about := sub.Long
		if about == "" {
			about = sub.Short + "."
		}
		fmt.Fprintf(b, "\n## %s\n\n%s\n", sub.CommandPath(), about)
		if sub.Runnable() && (!sub.HasSubCommands() || sub.HasAvailableLocalFlags()) {
			fmt.Fprintf(b, "\n```\n%s\n```\n", sub.UseLine())
		}
		if sub.Example != "" {
			fmt.Fprintf(b, "\n```\n%s\n```\n", sub.Example)
		}
		if flags := sub.NonInheritedFlags(); flags.HasAvailableFlags() {
			fmt.Fprintf(b, "\n```\n%s```\n", flags.FlagUsagesWrapped(100))
		}
		describe(b, sub)
	}
}

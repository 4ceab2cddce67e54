package cmd

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
)

// schemaResult is a JSON Schema, as it is.
type schemaResult struct {
	json.RawMessage
}

func newSchema(a *app, out *outcome) *cobra.Command {
	return a.command(out, &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of ferry.yaml",
		Example: "  ferry schema > ferry.schema.json",
		Args:    noArgs(),
	}, func(context.Context, []string) (result, error) {
		schema, err := manifest.Schema(a.blocks())
		if err != nil {
			return nil, err
		}
		return schemaResult{schema}, nil
	})
}

func (r schemaResult) text(p *printer) {
	p.raw(r.RawMessage)
	if n := len(r.RawMessage); n > 0 && r.RawMessage[n-1] != '\n' {
		p.raw([]byte("\n"))
	}
}

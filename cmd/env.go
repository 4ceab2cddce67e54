package cmd

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release"
)

// envResult are the variables that functions get.
type envResult struct {
	Functions map[string]variables `json:"functions"`
	place     string
}

// variables are those of one function.
type variables struct {
	Env     map[string]string `json:"env"`     // values that came from ${env:…} are hidden
	Secrets map[string]string `json:"secrets"` // variable to the name of the secret
}

func newEnv(a *app, out *outcome) *cobra.Command {
	return a.command(out, &cobra.Command{
		Use:   "env [function...]",
		Short: "Print the environment variables that functions get",
		Long: `Print the environment variables that functions get at this stage and target, and where each comes from. Values
from ` + "`${env:…}`" + ` and values of secrets are not shown. It makes no network calls.`,
		Example: `  ferry env api
  ferry env --stage prod --target aws`,
		Args:              between(0, -1, ""),
		ValidArgsFunction: a.completeFunctions,
	}, func(_ context.Context, args []string) (result, error) {
		p, err := a.project()
		if err != nil {
			return nil, err
		}
		functions, err := release.Choose(p.manifest, args)
		if err != nil {
			return nil, err
		}
		r := envResult{Functions: map[string]variables{}, place: p.place()}
		for _, fn := range functions {
			r.Functions[fn.Name] = variablesOf(fn)
		}
		return r, nil
	})
}

func variablesOf(fn manifest.Function) variables {
	v := variables{Env: map[string]string{}, Secrets: map[string]string{}}
	maps.Copy(v.Env, fn.Env)
	maps.Copy(v.Secrets, fn.Secrets)
	for _, name := range fn.Masked {
		v.Env[name] = manifest.Hidden
	}
	return v
}

func (r envResult) text(p *printer) {
	p.linef("%s", p.style.dim.Render(r.place))
	for _, name := range slices.Sorted(maps.Keys(r.Functions)) {
		v := r.Functions[name]
		p.linef("")
		p.linef("%s", p.style.bold.Render(name))
		var rows [][]string
		for _, key := range slices.Sorted(maps.Keys(v.Env)) {
			rows = append(rows, []string{key, oneLine(v.Env[key])})
		}
		for _, key := range slices.Sorted(maps.Keys(v.Secrets)) {
			rows = append(rows, []string{key, p.style.dim.Render("secret " + v.Secrets[key])})
		}
		if len(rows) == 0 {
			rows = [][]string{{p.style.dim.Render("none")}}
		}
		p.table(nil, rows)
	}
}

// oneLine is a value as it is, or quoted when it would not stay on its line.
func oneLine(value string) string {
	if strings.ContainsFunc(value, unicode.IsControl) || strings.TrimSpace(value) != value || value == "" {
		return strconv.Quote(value)
	}
	return value
}

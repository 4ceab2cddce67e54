package cmd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// allowResult is a hold that was lifted.
type allowResult struct {
	Service string         `json:"service"`
	Stage   string         `json:"stage"`
	Target  string         `json:"target"`
	Release int            `json:"release"`
	Held    []release.Hold `json:"held"` // what is held still
}

func newAllow(a *app, out *outcome) *cobra.Command {
	return a.command(out, &cobra.Command{
		Use:               "allow number",
		ValidArgsFunction: a.completeReleases,
		Short:             "Allow what was rolled back to be deployed again",
		Long: `Allow the content of a release that was rolled back to be deployed again. This deploys nothing by itself: the next
deploy of that content, by a repeated CI job for instance, goes ahead.`,
		Example: "  ferry releases allow 12",
		Args:    between(1, 1, "the number of a release"),
	}, func(ctx context.Context, args []string) (result, error) {
		number, err := strconv.Atoi(args[0])
		if err != nil || number < 1 {
			return nil, usagef("see `ferry releases` for their numbers", "%q is not the number of a release", args[0])
		}
		p, err := a.deployed()
		if err != nil {
			return nil, err
		}
		held, err := a.engine(p).Allow(ctx, number)
		if err != nil {
			return nil, err
		}
		m := p.manifest
		return allowResult{Service: m.Service, Stage: m.Stage, Target: m.Target.Name, Release: number, Held: held}, nil
	})
}

func (r allowResult) text(p *printer) {
	p.linef("%s release %d may be deployed again  %s", p.style.good.Render("✓"), r.Release, p.style.dim.Render(where(r.Service, r.Stage, r.Target)))
	p.held(r.Held)
}

// held prints what is not deployed again unasked, the newest first. What was taken back long ago is counted only.
func (p *printer) held(all []release.Hold) {
	const most = 3
	for i, h := range slices.Backward(all) {
		if len(all)-i > most {
			p.linef("  %s", p.style.dim.Render(fmt.Sprintf("%d more are held, see `ferry releases --json`", i+1)))
			return
		}
		why := ""
		if h.Message != "" {
			why = fmt.Sprintf(" (%q)", h.Message)
		}
		p.linef("%s release %d is held: %s rolled it back on %s%s", p.style.warn.Render("!"), h.Release, h.Actor, p.moment(h.At), why)
		p.linef("  %s run `%s` to let it be deployed again", p.style.good.Render("hint:"), p.command("releases", "allow", strconv.Itoa(h.Release)))
	}
}

// held adds to the refusal of what was rolled back the command that deploys it all the same: the one that was run, which
// asks for it.
func (a *app) held(err error, again []int) error {
	var refused *release.HeldError
	if !errors.As(err, &refused) {
		return err
	}
	var numbers, functions []string
	for _, n := range again {
		numbers = append(numbers, strconv.Itoa(n))
	}
	for _, h := range refused.Holds {
		numbers = append(numbers, strconv.Itoa(h.Release))
		for name := range h.Functions {
			functions = append(functions, name)
		}
	}
	slices.Sort(functions)
	return &failure{
		kind: providers.Held, message: refused.Error(),
		hint: fmt.Sprintf("fix it in %s, or run `%s --again=%s` to deploy it anyway",
			few(slices.Compact(functions)), commandLine(a.Args), strings.Join(numbers, ",")),
	}
}

// command is a further run of ferry for the manifest, stage and target of this one.
func (p *printer) command(words ...string) string { return commandLine(slices.Concat(words, p.chosen)) }

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// commandLine is a run of ferry as a person would type it into a shell.
func commandLine(args []string) string {
	words := []string{"ferry"}
	for _, arg := range args {
		if !plainWord.MatchString(arg) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

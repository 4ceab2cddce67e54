package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// doctorResult is what was found on this machine and at the target.
type doctorResult struct {
	Machine []providers.Finding `json:"machine"`
	Target  *doctorTarget       `json:"target,omitempty"` // missing without a manifest
	place   string
}

type doctorTarget struct {
	Name     string              `json:"name"`
	Provider string              `json:"provider"`
	Findings []providers.Finding `json:"findings"`
}

func newDoctor(a *app, out *outcome) *cobra.Command {
	return a.command(out, &cobra.Command{
		Use:   "doctor",
		Short: "Check that a deploy has what it needs: tools, credentials, permissions",
		Long: `Check that a deploy has what it needs: the tools that build the manifest's functions, a home that can be written
to, and a target that can be reached; with whose credentials, and what they may read. It changes nothing there. For
anything missing it says how to get it, and for a permission, which statement to add to a policy.

It exits with 1 when something is missing, and with 7 when that is credentials or permissions.`,
		Example: `  ferry doctor
  ferry doctor --target aws`,
		Args: noArgs(),
	}, func(ctx context.Context, _ []string) (result, error) {
		r := a.diagnose(ctx)
		if err := ctx.Err(); err != nil { // what was not looked at is not missing
			return nil, err
		}
		return r, r.failed()
	})
}

func (a *app) diagnose(ctx context.Context) doctorResult {
	r := doctorResult{Machine: []providers.Finding{a.diagnoseHome()}} // the home stays the first
	languages := []string{"nodejs", "python", "go"}
	m, err := manifest.Load(a.manifestOptions())
	if err == nil {
		languages = nil
		for _, fn := range m.Functions {
			languages = append(languages, fn.Runtime.Language())
		}
	}
	r.Machine = append(r.Machine, diagnoseTools(ctx, languages)...)
	p, failed := a.deployed()
	if err == nil && failed == nil {
		p.manifest = m
	}
	if failed != nil {
		r.Machine = append(r.Machine, finding("manifest", providers.LevelFailed, failed))
		return r
	}
	if err != nil { // the target can be looked at all the same
		f := finding("manifest", providers.LevelWarning, err)
		f.Hint = "run `ferry validate` to see everything that is wrong"
		r.Machine = append(r.Machine, f)
	}
	r.place = p.place()
	r.Target = &doctorTarget{Name: p.manifest.Target.Name, Provider: p.manifest.Target.Provider, Findings: []providers.Finding{}}
	if d, ok := providers.As[providers.Doctor](p.adapter); ok {
		r.Target.Findings = append(r.Target.Findings, d.Diagnose(ctx, p.manifest.Functions)...)
	}
	if r.Machine[0].Level != providers.LevelFailed && !slices.ContainsFunc(r.Target.Findings, unreachable) {
		for _, f := range a.diagnoseFunctions(ctx, p) {
			if !slices.ContainsFunc(r.Target.Findings, func(had providers.Finding) bool { return had.Message == f.Message }) {
				r.Target.Findings = append(r.Target.Findings, f)
			}
		}
	}
	return r
}

// unreachable holds for what keeps ferry from asking a place anything more.
func unreachable(f providers.Finding) bool {
	return f.Level == providers.LevelFailed &&
		slices.Contains([]providers.Kind{providers.Unauthenticated, providers.Denied, providers.Unavailable, providers.Timeout}, f.Kind)
}

// diagnoseFunctions looks whether the manifest's functions could be reached and started.
func (a *app) diagnoseFunctions(ctx context.Context, p *project) []providers.Finding {
	obstacles, err := a.engine(p).Obstacles(ctx)
	if err == nil {
		return findings(obstacles)
	}
	var found []providers.Finding
	for _, r := range reports(err) {
		found = append(found, providers.Finding{
			Subject: cmp.Or(r.Function, "functions"), Level: providers.LevelFailed, Message: r.Message, Hint: r.Hint, Kind: providers.Kind(r.Kind),
		})
	}
	return found
}

// finding is what an error says first.
func finding(subject string, level providers.Level, err error) providers.Finding {
	first := reports(err)[0]
	return providers.Finding{Subject: subject, Level: level, Message: plainly(first.Message), Hint: first.Hint, Kind: providers.Kind(first.Kind)}
}

// diagnoseHome tries to write where ferry keeps things, or where their folders will be made.
func (a *app) diagnoseHome() providers.Finding {
	home, err := a.home()
	if err != nil {
		return finding("home", providers.LevelFailed, err)
	}
	for _, dir := range []string{home.State, home.Cache} {
		if err := writable(dir); err != nil {
			f := finding("home", providers.LevelFailed, err)
			f.Hint = "make " + dir + " writable, or set FERRY_HOME to a folder that is"
			return f
		}
	}
	return providers.Finding{Subject: "home", Level: providers.LevelOK, Message: home.State}
}

// writable leaves nothing behind.
func writable(dir string) error {
	for {
		_, err := os.Stat(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return err
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".ferry-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// aid is a program that ferry runs.
type aid struct {
	names   []string // any of these will do, the best first
	version []string // arguments that make it print its version
	level   providers.Level
	without string // what cannot be done
	hint    string
}

// aidsFor are the programs for functions in these languages.
func aidsFor(languages []string) []aid {
	flag := []string{"--version"}
	aids := []aid{{[]string{"git"}, flag, providers.LevelWarning, "releases will not record the commit they were made from", "install git"}}
	if slices.Contains(languages, "nodejs") {
		aids = append(aids,
			aid{[]string{"npm"}, flag, providers.LevelWarning, "packages with native code cannot be installed", "install Node.js with npm from https://nodejs.org"})
	}
	if slices.Contains(languages, "python") {
		aids = append(aids, aid{
			[]string{"uv", "python3", "python"},
			flag, providers.LevelWarning,
			"functions with requirements cannot be packaged", "install uv from https://docs.astral.sh/uv",
		})
	}
	if slices.Contains(languages, "go") {
		aids = append(aids, aid{[]string{"go"}, []string{"version"}, providers.LevelFailed, "functions in Go cannot be built", "install Go from https://go.dev/dl"})
	}
	return aids
}

func diagnoseTools(ctx context.Context, languages []string) []providers.Finding {
	aids := aidsFor(languages)
	found := make([]providers.Finding, len(aids))
	var all sync.WaitGroup
	for i, t := range aids {
		all.Go(func() { found[i] = t.find(ctx) })
	}
	all.Wait()
	return found
}

// find takes the first program that says its version: a wrapper of a version manager may have nothing behind it.
func (t aid) find(ctx context.Context) providers.Finding {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, name := range t.names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		said, err := exec.CommandContext(ctx, path, t.version...).Output()
		if version := regexp.MustCompile(`\d+\.\d+[.\w]*`).Find(said); err == nil && version != nil {
			return providers.Finding{Subject: name, Level: providers.LevelOK, Message: string(version) + ", " + path}
		}
	}
	return providers.Finding{
		Subject: t.names[0], Level: t.level, Hint: t.hint, Kind: providers.NotFound,
		Message: strings.Join(t.names, " or ") + " was not found: " + t.without,
	}
}

func (r doctorResult) findings() []providers.Finding {
	if r.Target == nil {
		return r.Machine
	}
	return slices.Concat(r.Machine, r.Target.Findings)
}

// failed is an error when a deploy would fail. Credentials outrank what else is missing.
func (r doctorResult) failed() error {
	var missing []string
	kind := providers.Failed
	for _, f := range r.findings() {
		if f.Level != providers.LevelFailed {
			continue
		}
		missing = append(missing, f.Subject)
		if f.Kind == providers.Unauthenticated || f.Kind == providers.Denied {
			kind = f.Kind
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &failure{kind: kind, message: "a deploy would fail for " + strings.Join(missing, ", "), hint: "follow the hints, then run `ferry doctor` again"}
}

func (r doctorResult) text(p *printer) {
	p.linef("%s", p.style.bold.Render("this machine"))
	p.findings(r.Machine)
	if r.Target == nil {
		return
	}
	p.linef("")
	p.linef("%s", p.style.bold.Render(r.place))
	if len(r.Target.Findings) == 0 {
		p.linef("  %s", p.style.dim.Render(fmt.Sprintf("the provider %s has nothing to check", r.Target.Provider)))
	}
	p.findings(r.Target.Findings)
}

// findings prints one line for each, with the hint below it.
func (p *printer) findings(all []providers.Finding) {
	width := 0
	for _, f := range all {
		width = max(width, len(f.Subject))
	}
	for _, f := range all {
		sign := p.style.good.Render("✓")
		switch f.Level {
		case providers.LevelWarning:
			sign = p.style.warn.Render("!")
		case providers.LevelFailed:
			sign = p.style.bad.Render("✗")
		}
		p.hanging(width+6, fmt.Sprintf("  %s %-*s  %s", sign, width, f.Subject, cmp.Or(f.Message, string(f.Kind))))
		if f.Hint != "" {
			p.linef("    %s %s", p.style.good.Render("hint:"), f.Hint)
		}
	}
}

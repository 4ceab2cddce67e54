package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// secretSize is more than any place takes for a secret's value.
const secretSize = 1 << 20

// secret is one name, and who uses it. No result holds a value.
type secret struct {
	Name      string   `json:"name"`
	Set       bool     `json:"set"`       // it has a value
	Functions []string `json:"functions"` // of the manifest that get it, sorted
}

// secretsResult lists what has a value and what needs one.
type secretsResult struct {
	Secrets []secret `json:"secrets"`
	place   string
}

// secretResult is a secret that was set or removed.
type secretResult struct {
	secret
	place  string
	known  bool // which functions use it: not when the manifest has errors
	pinned bool // what runs keeps the value that it was deployed with
}

func newSecrets(a *app, out *outcome) *cobra.Command {
	c := &cobra.Command{
		Use:   "secrets",
		Short: "Manage the values of secrets",
		Long: `Manage the values that the manifest names under "secrets", for one service, stage and target. ferry never prints
a value, and never writes it into a package, a release, a plan or a log.`,
		Args: unknownCommand,
		RunE: a.needsSubcommand,
	}
	set := a.command(out, &cobra.Command{
		Use:   "set name",
		Short: "Set the value of a secret, from stdin or a hidden prompt",
		Long: `Set the value of a secret. It is read from stdin or from a hidden prompt, never from an argument, which other
programs could see. One trailing newline is not part of it.

On the local platform the next request sees the new value, without a deploy: instances that started with an earlier
one finish what they are serving and get no new requests. On a cloud a release keeps the versions that it was deployed
with, so that a rollback restores them; run ` + "`ferry deploy`" + ` to use the new value.`,
		Example: `  ferry secrets set stripe-key
  ferry secrets set stripe-key < key.txt
  pass show shop/stripe | ferry secrets set stripe-key --stage prod`,
		Args:              between(1, 1, "the name of a secret"),
		ValidArgsFunction: a.completeManifest(0, secretNames),
	}, a.setSecret)
	list := a.command(out, &cobra.Command{
		Use:   "list",
		Short: "Show which secrets have a value, and which functions use them",
		Args:  noArgs(),
	}, a.listSecrets)
	remove := a.command(out, &cobra.Command{
		Use:               "rm name",
		Short:             "Delete the value of a secret",
		Long:              `Delete the value of a secret. Running instances keep it until they end; functions that need it no longer start.`,
		Args:              between(1, 1, "the name of a secret"),
		ValidArgsFunction: a.completeManifest(0, secretNames),
	}, a.removeSecret)
	c.AddCommand(set, list, remove)
	return c
}

// vaultOf is where a project's target keeps secrets.
func vaultOf(p *project, err error) (*project, providers.Vault, error) {
	if err != nil {
		return nil, nil, err
	}
	if v, ok := providers.As[providers.Vault](p.adapter); ok {
		return p, v, nil
	}
	return nil, nil, &failure{
		kind: providers.Unsupported, message: "ferry keeps no secrets for the provider " + p.manifest.Target.Provider,
		hint: "set them with the provider's own tools",
	}
}

func (a *app) setSecret(ctx context.Context, args []string) (result, error) {
	p, v, err := vaultOf(a.deployed())
	if err != nil {
		return nil, err
	}
	name := args[0]
	value, err := a.secretValue(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := v.SetSecret(ctx, name, value); err != nil {
		return nil, err
	}
	r := a.aboutSecret(name, p)
	r.Set = true
	_, r.pinned = providers.As[providers.Pinner](p.adapter)
	return r, nil
}

// secretValue asks for the value at the terminal, or reads it from stdin.
func (a *app) secretValue(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	var err error
	switch {
	case !a.Streams.InTerminal:
		value, err = io.ReadAll(io.LimitReader(a.Streams.In, secretSize+1))
		if line, ended := bytes.CutSuffix(value, []byte("\n")); ended {
			value = bytes.TrimSuffix(line, []byte("\r"))
		}
	case a.interactive() && a.Streams.Hidden != nil:
		ask := a.errors()
		ask.write([]byte("Value of " + ask.style.bold.Render(name) + " (not shown): "))
		value, err = a.Streams.Hidden(ctx)
		ask.linef("")
	default:
		return nil, usagef("pipe the value in: ferry secrets set "+name+" < FILE", "there is no terminal to ask for the value of %s", name)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the value of %s: %w", name, err)
	case len(value) == 0:
		return nil, usagef("`ferry secrets rm "+name+"` deletes a value", "the value of %s is empty: nothing was set", name)
	case len(value) > secretSize:
		return nil, usagef("a secret is a key or a password: keep files elsewhere", "the value of %s is longer than %s", name, size(secretSize))
	}
	return value, nil
}

func (a *app) listSecrets(ctx context.Context, _ []string) (result, error) {
	p, v, err := vaultOf(a.project())
	if err != nil {
		return nil, err
	}
	there, err := v.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	names := slices.Concat(there, secretNames(p.manifest))
	slices.Sort(names)
	r := secretsResult{Secrets: []secret{}, place: p.place()}
	for _, name := range slices.Compact(names) {
		set := slices.Contains(there, name)
		if !set {
			if set, err = p.hasSecret(ctx, name); err != nil {
				return nil, err
			}
		}
		r.Secrets = append(r.Secrets, secret{Name: name, Set: set, Functions: secretUsers(p.manifest, name)})
	}
	return r, nil
}

// hasSecret reports whether functions can read a secret that ferry does not keep.
func (p *project) hasSecret(ctx context.Context, name string) (bool, error) {
	pinner, ok := providers.As[providers.Pinner](p.adapter)
	if !ok {
		return false, nil
	}
	_, err := pinner.Pin(ctx, manifest.Function{Secrets: map[string]string{"VALUE": name}})
	if errors.Is(err, providers.NotFound) {
		return false, nil
	}
	return err == nil, err
}

func (a *app) removeSecret(ctx context.Context, args []string) (result, error) {
	p, v, err := vaultOf(a.deployed())
	if err != nil {
		return nil, err
	}
	there, err := v.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	name := args[0]
	if !slices.Contains(there, name) {
		hint := "nothing is set: `ferry secrets list` shows what the manifest needs"
		if len(there) > 0 {
			hint = suggest(name, there)
		}
		return nil, &failure{kind: providers.NotFound, message: "the secret " + name + " has no value", hint: hint}
	}
	r := a.aboutSecret(name, p)
	if err := a.confirmForgetting(r); err != nil {
		return nil, err
	}
	return r, v.RemoveSecret(ctx, name)
}

func (a *app) confirmForgetting(r secretResult) error {
	says := fmt.Sprintf("This deletes the value of %s at %s.", a.errors().style.bold.Render(r.Name), r.place)
	if len(r.Functions) > 0 {
		says += fmt.Sprintf("\nWithout it %s cannot start.", strings.Join(r.Functions, ", "))
	}
	return a.confirm(question{
		kind: "secret", name: r.Name, says: says, does: fmt.Sprintf("deleting the value of %s cannot be undone", r.Name), spared: "removed",
	})
}

// aboutSecret says who uses a secret, as far as the manifest's errors let it.
func (a *app) aboutSecret(name string, p *project) secretResult {
	r := secretResult{secret: secret{Name: name, Functions: []string{}}, place: p.place()}
	if m, err := manifest.Load(a.manifestOptions()); err == nil {
		r.Functions, r.known = secretUsers(m, name), true
	}
	return r
}

func secretUsers(m *manifest.Manifest, name string) []string {
	users := []string{}
	for _, fn := range m.Functions {
		for _, used := range fn.Secrets {
			if used == name && !slices.Contains(users, fn.Name) {
				users = append(users, fn.Name)
			}
		}
	}
	slices.Sort(users)
	return users
}

// secretNames are those that the manifest names; some may come twice.
func secretNames(m *manifest.Manifest) []string {
	var names []string
	for _, fn := range m.Functions {
		for _, name := range fn.Secrets {
			names = append(names, name)
		}
	}
	return names
}

func (r secretResult) text(p *printer) {
	done := "is set"
	if !r.Set {
		done = "is forgotten"
	}
	p.linef("%s the secret %s %s  %s", p.style.good.Render("✓"), p.style.bold.Render(r.Name), done, p.style.dim.Render(r.place))
	switch {
	case !r.known:
	case len(r.Functions) == 0:
		p.linef("  %s", p.style.dim.Render("no function of the manifest uses it"))
	case r.Set:
		p.linef("  used by %s", strings.Join(r.Functions, ", "))
		if r.pinned {
			p.linef("  %s `ferry deploy` makes what is running use it", p.style.good.Render("hint:"))
		}
	default:
		p.linef("  %s %s cannot start without it", p.style.warn.Render("!"), strings.Join(r.Functions, ", "))
	}
}

func (r secretsResult) text(p *printer) {
	if len(r.Secrets) == 0 {
		p.linef("no secrets  %s", p.style.dim.Render(r.place))
		return
	}
	p.linef("%s", p.style.bold.Render(r.place))
	p.linef("")
	var rows [][]string
	missing := ""
	for _, s := range r.Secrets {
		state, users := p.style.good.Render("set"), strings.Join(s.Functions, ", ")
		if !s.Set {
			state, missing = p.style.bad.Render("missing"), s.Name
		}
		if users == "" {
			users = p.style.dim.Render("no function")
		}
		rows = append(rows, []string{p.style.bold.Render(s.Name), state, users})
	}
	p.table([]string{"secret", "value", "used by"}, rows)
	if missing != "" {
		p.linef("")
		p.linef("  %s `ferry secrets set %s` sets it", p.style.good.Render("hint:"), missing)
	}
}

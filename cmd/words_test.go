package cmd

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestWhatPeopleTypeByMeaningGetsTheRightCommandNamed(t *testing.T) {
	for typed, want := range map[string]string{
		"destroy":                     "`ferry remove`",
		"delete":                      "`ferry remove`",
		"undeploy":                    "`ferry remove`",
		"destroy --purge --wat":       "`ferry remove`",
		"diff":                        "`ferry plan`",
		"preview -q":                  "`ferry plan`",
		"deploy --dry-run":            "`ferry plan`",
		"remove --dry-run":            "`ferry plan`",
		"history":                     "`ferry releases`",
		"tail api":                    "`ferry logs`",
		"rollback 3":                  "`ferry rollback --to 3`",
		"rollback api":                "choose the release with --to",
		"remove api":                  "to take api alone away, delete it from ferry.yaml and run `ferry deploy`",
		"remove api --yes":            "to take api alone away, delete it from ferry.yaml and run `ferry deploy`",
		"local restart":               "`ferry local stop`, then `ferry local start`",
		"secrets delete stripe-key":   "`ferry secrets rm`",
		"deploy --version":            "`ferry version`",
		"deploy --function=api":       "`ferry deploy api`",
		"plan -o json":                "--json",
		"deploy --environment prod":   "--stage",
		"rollback --release 3":        "`ferry rollback --to 3`",
		"deploy --canary 10 --force":  "`ferry deploy --traffic 10`",
		"-s prod destroy":             "`ferry remove`",
		"local stop now":              "usage: ferry local stop",
		"depoly":                      "did you mean deploy?",
		"deploy --mesage x":           "did you mean --message?",
		"send queue orders":           "after --data",
		"help destroy":                "`ferry remove`",
		"help local startt":           "did you mean start?",
		"nothing-that-anybody-types":  "choose one of: ",
		"plan --nothing-that-anybody": "`ferry plan --help`",
	} {
		got := ferry(t, nil, strings.Fields(typed)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("ferry %s exits with %d and does not say %q:\n%s%s", typed, got.code, want, got.out, got.err)
		}
	}
}

// find is the command of the longest part of a line, with what is left.
func find(t *testing.T, line string) (*cobra.Command, []string) {
	t.Helper()
	root := newRoot(&app{}, &outcome{})
	c, rest := root, strings.Fields(line)
	for len(rest) > 0 {
		next, _, err := c.Find(rest[:1])
		if err != nil || next == c {
			break
		}
		c, rest = next, rest[1:]
	}
	return c, rest
}

func TestNoWordIsACommandOrTypedTwice(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range words() {
		for _, typed := range w.typed {
			if seen[typed] {
				t.Errorf("%q is in the table twice", typed)
			}
			seen[typed] = true
			c, rest := find(t, typed)
			switch {
			case len(rest) == 0:
				t.Errorf("%q is a command of ferry: nothing is to be explained", typed)
			case len(rest) > 1:
				t.Errorf("%q: there is no command %q, so the word is never met", typed, rest[0])
			case strings.HasPrefix(rest[0], "--") && c.HasParent() && c.Flags().Lookup(rest[0][2:]) != nil:
				t.Errorf("%q is a flag of ferry: nothing is to be explained", typed)
			}
		}
	}
}

func TestEveryHintOfAWordCanBeRun(t *testing.T) {
	quoted := regexp.MustCompile("`ferry ([^`]*)`")
	flags := regexp.MustCompile(`--[a-z-]+`)
	for _, w := range words() {
		for _, m := range quoted.FindAllStringSubmatch(w.hint, -1) {
			c, rest := find(t, strings.ReplaceAll(m[1], anyNumber, "3"))
			if !c.HasParent() {
				t.Errorf("the hint %q names no command", w.hint)
				continue
			}
			if err := c.ParseFlags(rest); err != nil {
				t.Errorf("the hint %q: %v", w.hint, err)
			} else if args := c.Flags().Args(); len(args) > 0 && c.ValidateArgs(args) != nil {
				t.Errorf("the hint %q: %v", w.hint, c.ValidateArgs(args))
			}
		}
		for _, name := range flags.FindAllString(w.hint, -1) {
			if !known(name[2:]) {
				t.Errorf("the hint %q names %s, which no command has", w.hint, name)
			}
		}
	}
}

// known reports whether any command has a flag of that name.
func known(flag string) bool {
	found := false
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) { found = found || f.Name == flag })
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { found = found || f.Name == flag })
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&app{}, &outcome{}))
	return found
}

func TestTheVersionIsAlsoAFlag(t *testing.T) {
	got, want := ferry(t, nil, "--version"), ferry(t, nil, "version")
	if got != want {
		t.Errorf("ferry --version is %+v, ferry version %+v", got, want)
	}
	if got, want := ferry(t, nil, "--version", "--json"), ferry(t, nil, "version", "--json"); got != want {
		t.Errorf("as JSON %+v, want %+v", got, want)
	}
}

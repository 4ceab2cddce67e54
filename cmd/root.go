package cmd

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ferryfn/ferry/manifest"
)

const rootHelp = `ferry deploys the functions of a manifest, all of them or none, to any provider it supports, and rolls
them back, code and configuration together. The target "local" needs no account: ferry serves it on this machine.

Start with:  ferry init shop --template go-http && cd shop && ferry deploy

Every global flag can be set in the environment: --target is FERRY_TARGET, and so on; the flag wins.
FERRY_HOME is where ferry keeps its cache and the local platform.

` + exitHelp

// globals are the flags that every command has.
type globals struct {
	dir      string
	file     string
	target   string
	stage    string
	json     bool
	yes      bool
	quiet    bool
	verbose  bool
	noColor  bool
	progress string
	timeout  time.Duration
}

func (g *globals) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&g.dir, "dir", "C", "", "run as if started in this `folder`, and look for the manifest only there")
	f.StringVarP(&g.file, "file", "f", "", "the manifest `file` (default: ferry.yaml here or in a folder above)")
	f.StringVarP(&g.target, "target", "t", "", "the `name` of the target (default: the manifest's default_target, else local)")
	f.StringVarP(&g.stage, "stage", "s", "", "the `name` of the stage (default: dev)")
	f.BoolVar(&g.json, "json", g.json, "print the result as one JSON document")
	f.BoolVarP(&g.yes, "yes", "y", false, "do not ask for confirmation")
	f.BoolVarP(&g.quiet, "quiet", "q", false, "print only the result and errors")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "print every step as it happens")
	f.BoolVar(&g.noColor, "no-color", false, "print without colours")
	f.StringVar(&g.progress, "progress", progressAuto, "the `form` of progress: auto, plain or json")
	f.DurationVar(&g.timeout, "timeout", 0, "interrupt the command after this `time`, such as 90s or 10m; if a restore is then needed, it still runs")
	f.Lookup("json").DefValue = "false"
}

// chosen are the flags that choose the manifest, its stage and its target as this run did.
func (g *globals) chosen() []string {
	var flags []string
	for _, f := range [][2]string{{"-C", g.dir}, {"-f", g.file}, {"-s", g.stage}, {"-t", g.target}} {
		if f[1] != "" {
			flags = append(flags, f[0], f[1])
		}
	}
	return flags
}

// The groups of commands in the help.
const (
	groupWork    = "work"
	groupObserve = "observe"
	groupOther   = "other"
)

// newRoot builds the tree of commands. Building it does no work.
func newRoot(a *app, out *outcome) *cobra.Command {
	root := &cobra.Command{
		Use:           "ferry",
		Short:         "Deploy functions to any cloud from one manifest, and roll them back",
		Long:          rootHelp,
		Args:          unknownCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	a.global.addFlags(root.PersistentFlags())
	a.alone(root, out)
	offer(root, "stage", a.completeNames(func(c manifest.Choices) []string { return c.Stages }))
	offer(root, "target", a.completeNames(func(c manifest.Choices) []string { return c.Targets }))
	offer(root, "progress", cobra.FixedCompletions([]string{progressAuto, progressPlain, progressJSON}, cobra.ShellCompDirectiveNoFileComp))
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		return errors.Join(a.prepare(c.Flags()), a.bound(c))
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: groupWork, Title: "Deploy:"},
		&cobra.Group{ID: groupObserve, Title: "Observe:"},
		&cobra.Group{ID: groupOther, Title: "More:"},
	)
	root.SetHelpCommandGroupID(groupOther)
	defer knownTopics(root)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupWork, newInit(a, out), newImport(a, out), newValidate(a, out), newPackage(a, out), newCheck(a, out), newPlan(a, out), newDeploy(a, out), newDev(a, out), newMigrate(a, out),
		newPromote(a, out), newRollback(a, out), newResume(a, out), newRemove(a, out))
	add(groupObserve, newStatus(a, out), newReleases(a, out), newInvoke(a, out), newCompare(a, out), newSend(a, out), newQueues(a, out), newLogs(a, out), newOpen(a, out),
		newURL(a, out))
	add(groupOther, newLocal(a, out), newSecrets(a, out), newDoctor(a, out), newPrint(a, out), newEnv(a, out),
		newBench(a, out), newCost(a, out), newCI(a, out), newEject(a, out), newSchema(a, out), newCompletion(a, out), newVersion(a, out))
	return root
}

// knownTopics has `ferry help` refuse what is no command. The commands are there already.
func knownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Args = func(_ *cobra.Command, words []string) error {
				about, unknown, err := root.Find(words)
				if err == nil && about.HasSubCommands() {
					err = unknownCommand(about, unknown)
				}
				return err
			}
		}
	}
}

// alone says what ferry does without a command: it shows its version when asked for it, else its help.
func (a *app) alone(root *cobra.Command, out *outcome) {
	version := root.Flags().Bool("version", false, "print the version of ferry")
	root.RunE = func(c *cobra.Command, args []string) error {
		if !*version {
			return a.needsSubcommand(c, args)
		}
		out.command, out.result = "version", a.version()
		return nil
	}
}

// needsSubcommand shows the help of a command that does nothing by itself.
func (a *app) needsSubcommand(c *cobra.Command, _ []string) error {
	if a.global.json {
		return usagef("run `"+c.CommandPath()+" --help`", "%s needs a command", c.CommandPath())
	}
	return c.Help()
}

// prepare takes the global flags that were not given from the environment, and checks them.
func (a *app) prepare(flags *pflag.FlagSet) error {
	var errs []error
	global := &pflag.FlagSet{}
	(&globals{}).addFlags(global)
	global.VisitAll(func(f *pflag.Flag) {
		errs = append(errs, a.fromEnvironment(flags, f.Name, wanted(f)+", or unset it"))
	})
	if flags.Lookup(waitFlag) != nil {
		errs = append(errs, a.fromEnvironment(flags, waitFlag, "set it to a duration such as 10m, or unset it"))
	}
	if info, err := os.Stat(a.dir()); a.global.dir != "" && (err != nil || !info.IsDir()) {
		hint := "set FERRY_DIR to a folder that exists, or unset it"
		if flags.Changed("dir") {
			hint = "name a folder that exists after --dir (-C)"
		}
		errs = append(errs, a.noFolder(err, hint))
	}
	switch a.global.progress {
	case progressAuto, progressPlain, progressJSON:
	default:
		errs = append(errs, usagef("choose one of: auto, plain, json", "unknown form of progress %q", a.global.progress))
	}
	return errors.Join(errs...)
}

// fromEnvironment gives a flag that was not given the value of its twin in the environment.
func (a *app) fromEnvironment(flags *pflag.FlagSet, flag, hint string) error {
	name := "FERRY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	value, given := a.env[name], flags.Lookup(flag)
	if value == "" || given.Changed {
		return nil
	}
	if err := given.Value.Set(value); err != nil {
		return usagef(hint, "%s is %q, which is not valid for --%s", name, value, flag)
	}
	return nil
}

// wanted is how the value of a flag is written.
func wanted(f *pflag.Flag) string {
	if f.Value.Type() == "duration" {
		return "set it to a duration such as 90s or 10m"
	}
	return "set it to true or false"
}

// noFolder says why ferry cannot run in the folder that was chosen, with what to do.
func (a *app) noFolder(err error, hint string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usagef(hint, "the folder %s does not exist", a.global.dir)
	case err != nil:
		return usagef(hint, "the folder %s cannot be read: %v", a.global.dir, err)
	}
	return usagef(hint, "%s is not a folder", a.global.dir)
}

func truthy(s string) bool {
	v, err := strconv.ParseBool(s)
	return err == nil && v
}

// unknownCommand refuses arguments of a command that has only subcommands.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return usagef(cmp.Or(meant(c, args[0]), suggest(args[0], names)), "unknown command %q for %s", args[0], c.CommandPath())
}

// flagError makes an error of the flags a usage error that says what could have been meant.
func flagError(c *cobra.Command, err error) error {
	if c.HasSubCommands() && c.Flags().NArg() > 0 {
		return unknownCommand(c, c.Flags().Args()) // whose flag it would have been
	}
	hint := "run `" + c.CommandPath() + " --help` for its flags"
	var (
		unknown *pflag.NotExistError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		hint = cmp.Or(knownFlag(c, unknown), hint)
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return usagef("give it a "+flagForms(f.Value.Type()), "invalid argument %q for --%s", invalid.GetValue(), f.Name)
	}
	return usagef(hint, "%s", err)
}

// flagForms says what a flag of that type takes.
func flagForms(kind string) string {
	switch kind {
	case "int":
		return "whole number"
	case "bool":
		return "value of true or false, or none"
	case "duration":
		return "duration such as 30s or 10m"
	case "float64":
		return "number such as 10 or 0.5"
	case "stringToString":
		return "name and a value, such as region=eu-west-1"
	}
	return kind
}

// knownFlag is a hint towards the flag that was probably meant, "" when there is none.
func knownFlag(c *cobra.Command, unknown *pflag.NotExistError) string {
	name := unknown.GetSpecifiedName()
	if unknown.GetSpecifiedShortnames() != "" {
		return meant(c, "-"+name)
	}
	if hint := meant(c, "--"+name); hint != "" {
		return hint
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := nearest(name, names); len(near) > 0 {
		return "did you mean --" + strings.Join(near, " or --") + "?"
	}
	return ""
}

// between accepts that many arguments; max -1 is any number.
func between(low, high int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		hint := "usage: " + c.UseLine()
		switch {
		case len(args) < low:
			return usagef(hint, "%s needs %s", c.CommandPath(), what)
		case high == 0 && len(args) > 0:
			return usagef(cmp.Or(meantArgument(c, args[0]), hint), "%s takes no arguments, but got %q", c.CommandPath(), args[0])
		case high > 0 && len(args) > high:
			return usagef(hint, "%s takes %s, but also got %q", c.CommandPath(), what, args[high])
		}
		return nil
	}
}

func noArgs() cobra.PositionalArgs { return between(0, 0, "nothing") }

// completeFunctions offers the manifest's functions to the shell.
func (a *app) completeFunctions(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return a.completeNames(func(c manifest.Choices) []string { return c.Functions })(c, args, word)
}

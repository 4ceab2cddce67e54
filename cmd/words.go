package cmd

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// word is what people type who know other tools, and the next step that ferry names instead. It is no alias: nothing
// runs under two names.
type word struct {
	// typed are command lines without the program: a command, or one with a flag ("deploy --dry-run"; "--dry-run" is
	// of every command) or with an argument that it does not take ("rollback NUMBER", "remove NAME").
	typed []string
	hint  string // NUMBER and NAME are what was typed
}

// The arguments that a word may stand for.
const (
	anyNumber = "NUMBER"
	anyName   = "NAME"
)

func words() []word {
	return []word{
		{[]string{"up", "push", "publish", "apply", "ship"}, "run `ferry deploy`"},
		{[]string{"destroy", "delete", "undeploy", "teardown", "uninstall", "down", "rm"}, "run `ferry remove`"},
		{[]string{"diff", "preview", "changes", "dry-run", "dryrun"}, "run `ferry plan`"},
		{[]string{"history", "deployments"}, "run `ferry releases`"},
		{[]string{"list", "ls"}, "run `ferry status` for the functions, or `ferry releases` for the releases"},
		{[]string{"tail", "log"}, "run `ferry logs`, with --follow to keep going"},
		{[]string{"undo", "revert", "restore"}, "run `ferry rollback`"},
		{[]string{"continue", "retry"}, "run `ferry resume`"},
		{[]string{"call", "run", "exec", "curl"}, "run `ferry invoke`"},
		{[]string{"build", "pack", "bundle", "zip"}, "run `ferry package`"},
		{[]string{"new", "create", "scaffold", "generate"}, "run `ferry init`"},
		{[]string{"show", "info", "ps", "state", "describe"}, "run `ferry status`"},
		{[]string{"lint", "verify"}, "run `ferry validate`"},
		{[]string{"watch", "start", "serve", "offline"}, "run `ferry dev` to serve on this machine as you edit, or `ferry deploy` to leave it running"},
		{[]string{"stop", "kill"}, "run `ferry local stop` to stop the local platform, or `ferry remove` to remove a service"},
		{[]string{"config", "resolve", "render"}, "run `ferry print`"},
		{[]string{"environment", "variables", "vars"}, "run `ferry env`"},
		{[]string{"browse", "browser"}, "run `ferry open`"},
		{[]string{"endpoint", "endpoints", "urls"}, "run `ferry url` for one function, or `ferry status` for all"},
		{[]string{"secret"}, "run `ferry secrets`"},
		{[]string{"queue", "dlq", "messages", "deadletters", "dead-letters"}, "run `ferry queues`"},
		{[]string{"enqueue", "emit", "trigger", "event"}, "run `ferry send` for a message, or `ferry invoke` with --event to call one function"},
		{[]string{"queues retry", "queues replay", "queues resend"}, "run `ferry queues redrive`"},
		{[]string{"login", "configure", "whoami"}, "run `ferry doctor`: ferry has no account of its own and uses the cloud's credentials"},
		{[]string{"local up", "local run"}, "run `ferry local start`"},
		{[]string{"local down", "local kill"}, "run `ferry local stop`"},
		{[]string{"local restart"}, "run `ferry local stop`, then `ferry local start`"},
		{[]string{"local ps", "local info"}, "run `ferry local status`"},
		{[]string{"secrets add", "secrets put", "secrets create", "secrets update"}, "run `ferry secrets set`"},
		{[]string{"secrets remove", "secrets delete", "secrets unset"}, "run `ferry secrets rm`"},
		{[]string{"secrets ls", "secrets show"}, "run `ferry secrets list`"},
		{[]string{"secrets get"}, "run `ferry secrets list`: it shows which secrets are set, and never their values"},

		{[]string{"--version"}, "run `ferry version`"},
		{[]string{"--dry-run", "--dryrun", "--diff", "--preview"}, "run `ferry plan`"},
		{[]string{"deploy --rollback"}, "run `ferry rollback`"},
		{[]string{"deploy --canary", "deploy --percent", "deploy --weight"}, "run `ferry deploy --traffic 10` for a tenth of the requests"},
		{[]string{"--function", "--functions", "--only"}, "name the functions without a flag, as in `ferry deploy api`"},
		{[]string{"--env", "--environment"}, "choose a stage with --stage; variables stand under env: in ferry.yaml"},
		{[]string{"--region", "--account", "--project"}, "set it under the target in ferry.yaml, and choose the target with --target"},
		{[]string{"--config", "--manifest"}, "name the manifest with --file"},
		{[]string{"--cwd", "--chdir", "--path"}, "name the folder with --dir"},
		{[]string{"--output", "--format", "-o"}, "use --json to print the result as JSON"},
		{[]string{"--debug", "--trace"}, "use --verbose to see every step"},
		{[]string{"--no-input", "--non-interactive", "--auto-approve"}, "use --yes to skip the confirmation"},
		{[]string{"logs --tail"}, "use --follow to keep printing, or --lines for only the last lines"},
		{[]string{"invoke --body", "invoke --payload"}, "give the body with --data"},
		{[]string{"rollback --version", "rollback --release", "rollback --number"}, "name the release with --to, as in `ferry rollback --to 3`"},

		{[]string{"rollback NUMBER"}, "run `ferry rollback --to NUMBER`"},
		{[]string{"rollback NAME"}, "a rollback restores a whole release: run `ferry rollback`, or choose the release with --to"},
		{[]string{"releases NUMBER"}, "run `ferry releases --limit NUMBER`"},
		{[]string{"promote NUMBER"}, "run `ferry promote`: it gives the release all requests"},
		{[]string{"status NAME"}, "run `ferry status`: it shows all functions"},
		{
			[]string{"remove NAME"},
			"remove takes the whole service down; to take NAME alone away, delete it from ferry.yaml and run `ferry deploy`",
		},
	}
}

// meant is the hint for something that c does not have, "" when no word says what was meant.
func meant(c *cobra.Command, typed string) string {
	_, path, _ := strings.Cut(c.CommandPath(), " ")
	for _, w := range words() {
		if slices.Contains(w.typed, strings.TrimSpace(path+" "+typed)) || strings.HasPrefix(typed, "-") && slices.Contains(w.typed, typed) {
			return w.hint
		}
	}
	return ""
}

// meantArgument is the hint for an argument that c does not take, "" when no word says what was meant.
func meantArgument(c *cobra.Command, arg string) string {
	kinds := []string{anyName}
	if _, err := strconv.Atoi(arg); err == nil {
		kinds = []string{anyNumber, anyName}
	}
	for _, kind := range kinds {
		if hint := meant(c, kind); hint != "" {
			return strings.ReplaceAll(hint, kind, arg)
		}
	}
	return ""
}

package cmd

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

var update = flag.Bool("update", false, "write the golden files and the reference anew")

// golden compares got with a file, or writes it.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the tests with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is stale or the output is wrong (-update writes it anew):\n%s", file, diff)
	}
}

func TestResultsLookAsTheyShould(t *testing.T) {
	shows := map[string]func(p *printer){}
	for name, r := range results() {
		shows[name] = r.text
	}
	for name, err := range failed() {
		shows[name] = func(p *printer) {
			p.failures(reports(err))
			p.standing(err)
		}
	}
	shows["rollback-announced"] = func(p *printer) { p.restoring(2, plan().Plan, kept(nil)) }
	shows["rollback-removal-announced"] = func(p *printer) {
		p.restoring(7, &release.Plan{Release: 7, Unfinished: 8, Removing: true}, kept(nil))
	}
	shows["invoke-answered"] = func(p *printer) { p.answered(providers.Response{Status: 503, Cold: true, Seconds: 0.0341}) }
	shows["warnings"] = func(p *printer) {
		p.warnings([]warning{
			{Function: "api", Message: "python 3.12 will run it", Hint: "install python 3.13"},
			{Message: "old"},
			{Function: "web", Message: "python 3.12 will run it", Hint: "install python 3.13"},
			{Function: "web", Message: "slow"},
		})
	}
	for name, show := range shows {
		for _, look := range []struct {
			suffix  string
			profile colorprofile.Profile
			width   int
		}{{".txt", colorprofile.NoTTY, 0}, {".color.txt", colorprofile.ANSI, 80}} {
			t.Run(name+look.suffix, func(t *testing.T) {
				var out bytes.Buffer
				show(&printer{
					w: &colorprofile.Writer{Forward: &out, Profile: look.profile}, width: look.width,
					terminal: look.width > 0, dir: "/src/shop", zone: time.UTC, style: newStyles(), chosen: []string{"-s", "prod"},
				})
				golden(t, filepath.Join("testdata", "golden", name+look.suffix), out.Bytes())
			})
		}
	}
}

func plan() planResult {
	return planResult{place: "shop · prod · local", functions: 4, detailed: updates(), Plan: &release.Plan{
		Release: 3,
		Changes: []release.Change{
			{Function: "api", Action: release.ActionUpdate, Fields: []release.FieldChange{
				{Path: "code", From: "9f86d081884c", To: "2c26b46b68ff"},
				{Path: "env.LOG_LEVEL", From: nil, To: "debug"},
				{Path: "env.TOKEN", From: "•••", To: "•••"},
				{Path: "memory", From: "128MB", To: "256MB"},
				{Path: "scaling.max", From: 20.0, To: nil},
			}},
			{Function: "nightly", Action: release.ActionRemove},
			{Function: "worker", Action: release.ActionCreate, Fields: []release.FieldChange{
				{Path: "handler", To: "src/worker.js"}, {Path: "memory", To: "256MB"}, {Path: "runtime", To: "nodejs24"},
			}},
		},
		Drift: []release.Drift{{Function: "mailer", Expected: "r4", Actual: ""}},
	}}
}

func deployed() *release.Result {
	return &release.Result{
		Service: "shop", Stage: "prod", Target: "local", Release: 4, Source: 4, State: release.StateLive,
		Outcome: release.OutcomeDone, Changed: []string{"api", "worker"}, Unchanged: []string{"mailer"},
		Removed: []string{"nightly"}, Seconds: 1.234,
		Functions: map[string]release.FunctionResult{
			"api":    {Action: release.ActionUpdate, URL: "http://127.0.0.1:8123/api"},
			"mailer": {Action: release.ActionNone, URL: "http://127.0.0.1:8123/mailer"},
			"worker": {Action: release.ActionCreate},
		},
	}
}

func results() map[string]result {
	unchanged, rolledBack := deployed(), deployed()
	unchanged.Outcome, unchanged.Removed = release.OutcomeUnchanged, nil
	rolledBack.Release, rolledBack.Source = 5, 3
	canary, undone := deployed(), deployed()
	canary.State, canary.Attempt, canary.Removed = release.StateCanary, 5, nil
	undone.State, undone.Attempt = release.StateRestored, 5
	created := time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)
	return map[string]result{
		"plan":           plan(),
		"plan-empty":     planResult{Plan: &release.Plan{Empty: true, Release: 3}, place: "shop · dev · local"},
		"plan-first":     planResult{Plan: &release.Plan{Changes: plan().Changes[2:], Unfinished: 1, Floor: "100 builds take at least 95s: the place takes 60 a minute"}, place: "shop · dev · local", functions: 1},
		"deploy":         releaseResult{Result: deployed()},
		"deploy-nothing": releaseResult{Result: unchanged},
		"deploy-canary":  releaseResult{Result: canary, Percent: 10},
		"rollback":       releaseResult{Result: rolledBack},
		"rollback-undo":  releaseResult{Result: undone},
		"releases": releasesResult{place: "shop · prod · local", History: &release.History{Releases: []release.Summary{
			{Number: 5, Source: 3, Kind: release.KindRollback, State: release.StateLive, Live: true, Created: created, Actor: "ada@lab"},
			{Number: 4, Source: 4, Kind: release.KindDeploy, State: release.StateRestored, Created: created, Actor: "ada@lab", Message: "new prices"},
			{Number: 3, Source: 3, Kind: release.KindDeploy, State: release.StateLive, Created: created, Actor: "octocat (github run 7)", Commit: "2c26b46b68ffc68ff99b453c1d30413413422d70", Restorable: true},
			{Number: 2, Source: 2, Kind: release.KindDeploy, State: release.StatePublishing, Created: created},
			{Number: 1, Source: 1, Kind: release.KindDeploy, State: release.StateLive, Created: created, Commit: "fcde2b2edba56bf408601fb721fe9b5c338d10ee", Dirty: true},
		}}},
		"releases-rolled-back": releasesResult{place: "shop · prod · local", History: &release.History{NextRollback: 1, Held: holds(), Releases: []release.Summary{
			{Number: 4, Source: 2, Kind: release.KindRollback, State: release.StateLive, Live: true, Created: created, Actor: "ada@lab", Message: "prices are wrong"},
			{Number: 3, Source: 3, Kind: release.KindDeploy, State: release.StateLive, Created: created, Actor: "ada@lab", RolledBack: true, Held: true, Restorable: true},
			{Number: 2, Source: 2, Kind: release.KindDeploy, State: release.StateLive, Created: created, Actor: "ada@lab", Restorable: true},
			{Number: 1, Source: 1, Kind: release.KindDeploy, State: release.StateLive, Created: created, Actor: "ada@lab", Restorable: true},
		}}},
		"releases-none": releasesResult{place: "shop · dev · local", History: &release.History{}},
		"status": statusResult{&release.Status{
			Service: "shop", Stage: "prod", Target: "local", Release: 5, Source: 3, Unfinished: 6,
			Functions: map[string]release.FunctionStatus{
				"api":    {Live: "r1", URL: "http://127.0.0.1:8123/api", State: "serving"},
				"mailer": {State: "missing", Drift: "serves nothing, release 5 has r4"},
				"worker": {Live: "r3", State: "stopped"},
			},
		}},
		"status-canary": statusResult{&release.Status{
			Service: "shop", Stage: "prod", Target: "local", Release: 7, Source: 7, Canary: 8, Percent: 10,
			Functions: map[string]release.FunctionStatus{"api": {Live: "r1", URL: "http://127.0.0.1:8123/api", State: "serving"}},
		}},
		"status-held": statusResult{&release.Status{
			Service: "shop", Stage: "prod", Target: "local", Release: 4, Source: 2, Held: holds(),
			Functions: map[string]release.FunctionStatus{"api": {Live: "r1", URL: "http://127.0.0.1:8123/api", State: "serving"}},
		}},
		"plan-held": planResult{place: "shop · prod · local", functions: 2, detailed: updates(), Plan: &release.Plan{
			Release: 4, Held: holds(), Changes: []release.Change{{
				Function: "api", Action: release.ActionUpdate, Fields: []release.FieldChange{{Path: "code", From: "9f86d081884c", To: "2c26b46b68ff"}},
			}},
		}},
		"plan-canary": planResult{place: "shop · prod · local", functions: 1, Plan: &release.Plan{Empty: true, Release: 7, Canary: 8, Percent: 10}},
		"releases-many-held": releasesResult{place: "shop · prod · local", History: &release.History{
			Held: slices.Repeat(holds(), 5), Releases: []release.Summary{{Number: 9, Source: 9, State: release.StateLive, Live: true, Created: created, Actor: "ada@lab"}},
		}},
		"allow": allowResult{Service: "shop", Stage: "prod", Target: "local", Release: 2, Held: holds()},
		"status-removing": statusResult{&release.Status{
			Service: "shop", Stage: "prod", Target: "local", Release: 7, Source: 7, Unfinished: 8, Removing: true,
			Functions: map[string]release.FunctionStatus{
				"api": {Live: "r1", URL: "http://127.0.0.1:8123/api", State: "serving"}, "worker": {State: "missing"},
			},
		}},
		"plan-removing": planResult{Plan: &release.Plan{Release: 7, Unfinished: 8, Removing: true}, place: "shop · prod · local", functions: 2},
		"resume-removed": releaseResult{Result: &release.Result{
			Service: "shop", Stage: "prod", Target: "local", State: release.StateRemoved, Outcome: release.OutcomeDone, Attempt: 8, Removed: []string{"api", "worker"},
		}},
		"releases-removed": releasesResult{place: "shop · prod · local", History: &release.History{Releases: []release.Summary{
			{Number: 9, Kind: release.KindRemove, State: release.StateRemoving, Created: created, Actor: "ada@lab"},
			{Number: 8, Source: 7, Kind: release.KindRollback, State: release.StateLive, Live: true, Created: created, Actor: "ada@lab"},
			{Number: 7, Kind: release.KindRemove, State: release.StateRemoved, Created: created, Actor: "ada@lab"},
		}}},
		"secrets": secretsResult{place: "shop · dev · local", Secrets: []secret{
			{Name: "old-key", Set: true},
			{Name: "stripe-key", Set: true, Functions: []string{"api", "worker"}},
			{Name: "webhook", Functions: []string{"api"}},
		}},
		"queues": queuesResult{place: "shop · dev · local", Queues: []queueResult{
			{Kind: "queue", Name: "orders", Depth: 12, Age: new(3.2), Dead: []deadResult{
				{ID: "a1", Attempts: 5, Reason: "ValueError: on purpose", Body: "{\"order\": 7}", Died: created},
			}},
			{Kind: "topic", Name: "signups", Function: "mailer"},
		}},
		"queues-none":    queuesResult{place: "shop · dev · local"},
		"queues-redrive": redriveResult{Name: "orders", Messages: 2},
		"send":           sendResult{ID: "a1", Kind: "queue", Name: "orders", Functions: []string{"worker"}},
		"secrets-none":   secretsResult{place: "shop · dev · local"},
		"secret-set":     secretResult{secret{Name: "stripe-key", Set: true, Functions: []string{"api"}}, "shop · dev · local", true, false},
		"secret-pinned":  secretResult{secret{Name: "stripe-key", Set: true, Functions: []string{"api"}}, "shop · dev · aws", true, true},
		"secret-removed": secretResult{secret{Name: "stripe-key", Functions: []string{"api"}}, "shop · dev · local", true, false},
		"status-none":    statusResult{&release.Status{Service: "shop", Stage: "dev", Target: "local"}},
		"remove":         removeResult{Removal: &release.Removal{Removed: []string{"api", "worker"}}, place: "shop · dev · local"},
		"validate":       validateResult{Service: "shop", Stage: "dev", Target: "local", Functions: []string{"api"}},
		"package": packageResult{Artifacts: map[string]packager.Artifact{
			"api":    {Path: "/src/shop/out/api.zip", Description: packager.Description{Digest: "sha256:2c26b46b68ffc68ff99b", Size: 3 << 20, Files: 12}},
			"worker": {Path: "/cache/worker.zip", Description: packager.Description{Digest: "sha256:9f86d081884c7d659a2f", Size: 2300, Files: 1}, Cached: true},
		}},
		"local": localResult{HostInfo: providers.HostInfo{
			Running: true, PID: 4711, Version: "v1.2.3", Home: "/home/ada/.local/state/ferry", Uptime: 3723.4, LogFile: "/home/ada/.local/state/ferry/local.log",
			Services: []providers.HostService{
				{Service: "shop", Stage: "dev", URL: "http://127.0.0.1:8123", Functions: 3, Canaries: 1, Instances: 1},
				{Service: "blog", Stage: "dev", URL: "http://127.0.0.1:8124", Functions: 1, Problem: "port 8124 is taken"},
			},
		}},
		"local-stopped": localResult{},
		"doctor": doctorResult{
			place: "shop · prod · aws",
			Machine: []providers.Finding{
				{Subject: "home", Level: providers.LevelOK, Message: "/home/ada/.local/state/ferry"},
				{Subject: "npm", Level: providers.LevelWarning, Message: "npm was not found: packages with native code cannot be installed", Hint: "install Node.js"},
			},
			Target: &doctorTarget{Name: "aws", Provider: "aws", Findings: []providers.Finding{
				{Subject: "identity", Level: providers.LevelOK, Message: "arn:aws:iam::123456789012:user/ada, of the account 123456789012"},
				{Subject: "lambda", Level: providers.LevelFailed, Message: "not authorized", Hint: "add the permission", Kind: providers.Denied},
			}},
		},
		"doctor-nothing": doctorResult{
			place: "shop · dev · world", Machine: []providers.Finding{{Subject: "home", Level: providers.LevelOK, Message: "/home/ada"}},
			Target: &doctorTarget{Name: "world", Provider: "world"},
		},
		"logs": logsResult{Lines: []providers.LogLine{
			{Time: created, Stream: "stdout", Text: "listening"},
			{Time: created, Stream: "stderr", Text: "boom"},
			{Time: created, Stream: "platform", Text: "exited with 1"},
		}, look: logLook{today: created}},
		"logs-several": logsResult{Lines: []providers.LogLine{
			{Time: created.AddDate(0, 0, -1), Function: "api", Stream: "stdout", Text: "up"},
			{Time: created, Function: "web", Stream: "stderr", Text: "boom"},
		}, look: logLook{today: created, name: 3}},
	}
}

func holds() []release.Hold {
	return []release.Hold{{
		Release: 3, Actor: "ada@lab", At: time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC), Message: "prices are wrong",
		Functions: map[string]release.Content{"api": {Package: "sha256:2c", Config: "sha256:9f"}, "nightly": {}},
	}}
}

func failed() map[string]error {
	crashed := &providers.Error{
		Kind: providers.Crashed, Op: "probe", Provider: "local", Function: "api", Hint: "mend the import in app.py",
		Log: "Traceback (most recent call last):\n  File \"app.py\", line 1\nModuleNotFoundError: No module named 'flask'\n",
		Err: errors.New("the handler exited with 1"),
	}
	unhealthy := &providers.Error{
		Kind: providers.Unhealthy, Op: "health", Provider: "local", Function: "api", Err: errors.New("GET /healthz answered 500, not 200"),
	}
	unpackaged := packager.Errors{{Function: "mailer", File: "mail.ts", Line: 3, Message: `mail.ts:3: Could not resolve "mjml"`}}
	for i := range 9 {
		unpackaged = append(unpackaged, &packager.Error{
			Function: fmt.Sprint("f", i), File: "lib/pipe", Message: "lib/pipe is a named pipe, not a file", Hint: "remove it",
		})
	}
	return map[string]error{
		"error-package": unpackaged,
		"error-manifest": manifest.Problems{
			{
				Position: manifest.Position{File: "/src/shop/ferry.yaml", Line: 7, Column: 5, Source: "    memroy: 256MB"},
				Message:  `unknown key "memroy"`, Hint: "did you mean memory?",
			},
			{Position: manifest.Position{File: "/elsewhere/ferry.yaml"}, Message: "no functions"},
		},
		"error-crashed":  &release.Error{Outcome: release.OutcomeUnchanged, Attempt: 4, Release: 3, Err: crashed},
		"error-restored": &release.Error{Outcome: release.OutcomeRestored, Attempt: 4, Release: 3, Err: unhealthy},
		"error-partial": &release.Error{
			Outcome: release.OutcomePartial, Attempt: 4, Release: 3, Err: errors.New("the connection was lost"),
			Partial: []release.Drift{{Function: "api", Expected: "r3", Actual: "r4"}, {Function: "web", Expected: "r1"}},
		},
		"error-removal": &release.Error{
			Outcome: release.OutcomePartial, Kind: release.KindRemove, Attempt: 4, Release: 3, Err: errors.New("the connection was lost"),
			Partial: []release.Drift{{Function: "web", Actual: "r1"}},
		},
		"error-purge": &release.Error{
			Outcome: release.OutcomePartial, Kind: release.KindRemove,
			Err: errors.New("the service is removed, but not all of its releases were deleted (run `ferry remove --purge` again to finish): the connection was lost"),
		},
		"error-interrupted":       &release.Error{Outcome: release.OutcomeUnchanged, Release: 3, Err: context.Canceled},
		"error-interrupted-early": context.Canceled,
		"error-held":              (&app{Invocation: Invocation{Args: []string{"deploy", "-s", "prod", "-m", "it's fine"}}}).held(&release.HeldError{Holds: holds()}, nil),
		"error-usage":             usagef("did you mean deploy?", "unknown command %q for ferry", "depoly"),
	}
}

package cmd

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// functionURL is as long as the longest that Lambda makes.
const functionURL = "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.ap-southeast-1.on.aws/"

// onAWS are results with names, URLs and messages as long as they are on AWS.
func onAWS() map[string]func(p *printer) {
	const api, worker = "checkout-notifications-api", "reconcile-abandoned-carts"
	created := time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)
	done := &release.Result{
		Service: "storefront-checkout", Stage: "production", Target: "aws", Release: 128, Source: 128,
		State: release.StateLive, Outcome: release.OutcomeDone, Seconds: 23.4, Removed: []string{"legacy-webhooks"},
		Functions: map[string]release.FunctionResult{
			api:    {Action: release.ActionUpdate, URL: functionURL},
			worker: {Action: release.ActionCreate},
			"web":  {Action: release.ActionNone, URL: functionURL},
		},
	}
	back := *done
	back.Release, back.Source, back.Removed = 129, 127, nil
	change := &release.Plan{
		Release: 128, Unfinished: 129,
		Changes: []release.Change{
			{Function: api, Action: release.ActionUpdate, Fields: []release.FieldChange{
				{Path: "code", From: "9f86d081884c", To: "2c26b46b68ff"},
				{
					Path: "env.ORDERS_TOPIC_ARN", From: "arn:aws:sns:ap-southeast-1:123456789012:storefront-orders-production",
					To: "arn:aws:sns:ap-southeast-1:123456789012:storefront-orders-production-v2",
				},
				{Path: "health.path", To: "/internal/healthz"},
			}},
			{Function: worker, Action: release.ActionCreate, Fields: []release.FieldChange{
				{Path: "handler", To: "src/reconcile/handler.py:app"}, {Path: "memory", To: "1024MB"}, {Path: "runtime", To: "python3.13"},
			}},
		},
		Drift: []release.Drift{{Function: api, Expected: "41", Actual: "43"}},
	}
	shows := map[string]func(p *printer){
		"deploy":   releaseResult{Result: done}.text,
		"plan":     planResult{place: "storefront-checkout · production · aws", functions: 3, detailed: updates(), Plan: change}.text,
		"rollback": func(p *printer) { p.restoring(127, change, kept(nil)); releaseResult{Result: &back}.text(p) },
		"status": statusResult{&release.Status{
			Service: "storefront-checkout", Stage: "production", Target: "aws", Release: 129, Source: 127,
			Functions: map[string]release.FunctionStatus{
				api: {
					Live: "43", URL: functionURL, State: "serving", Drift: "serves 43, release 129 has 41",
					Differences: []providers.Difference{{
						Path: "aws.role", Spec: "arn:aws:iam::123456789012:role/storefront-checkout-production-checkout-notifications-api",
						Actual: "arn:aws:iam::123456789012:role/somebody-elses-role-with-a-long-name-that-was-set-by-hand",
					}},
				},
				worker: {State: "missing", Drift: "serves nothing, release 129 has 7"},
				"web":  {Live: "12", URL: functionURL, State: "serving"},
			},
		}}.text,
		"releases": releasesResult{place: "storefront-checkout · production · aws", History: &release.History{NextRollback: 126, Held: []release.Hold{{
			Release: 128, Actor: "ada@ada-macbook-pro.local", At: created, Message: "checkout answers 500 for carts with a voucher, see the incident",
		}}, Releases: []release.Summary{
			{Number: 129, Source: 127, Kind: release.KindRollback, State: release.StateLive, Live: true, Created: created, Actor: "ada@ada-macbook-pro.local", Message: "checkout answers 500 for carts with a voucher, see the incident"},
			{Number: 128, Source: 128, State: release.StateRestored, Created: created, Actor: "octocat (github run 19283746551)", Message: "new prices", Commit: "2c26b46b68ffc68ff99b453c1d30413413422d70"},
			{Number: 127, Source: 127, State: release.StateLive, Created: created, Actor: "octocat (github run 19283746550)", Commit: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", Restorable: true},
		}}}.text,
		"local-status": localResult{HostInfo: providers.HostInfo{
			Running: true, PID: 4711, Version: "v1.2.3", Home: "/home/ada/.local/state/ferry", Uptime: 3723.4, LogFile: "/home/ada/.local/state/ferry/local.log",
			Services: []providers.HostService{
				{Service: "storefront-checkout", Stage: "production", URL: "http://127.0.0.1:8123", Functions: 12, Canaries: 1, Instances: 3},
				{
					Service: "blog", Stage: "dev", URL: "http://127.0.0.1:8124", Functions: 1,
					Problem: "listening on 127.0.0.1:8124 for blog: the port is taken by another program; end it, then run `ferry deploy`",
				},
			},
		}}.text,
	}
	for name, show := range troubleOnAWS() {
		shows[name] = show
	}
	return shows
}

func troubleOnAWS() map[string]func(p *printer) {
	const role = "arn:aws:iam::123456789012:role/storefront-checkout-production-checkout-notifications-api"
	denied := &providers.Error{
		Kind: providers.Denied, Op: "publish", Provider: "aws", Function: "checkout-notifications-api",
		Hint: "add to the policy of arn:aws:sts::123456789012:assumed-role/deployer/ci: " +
			`{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "` + role + `"}`,
		Err: fmt.Errorf("not authorized to perform iam:PassRole on resource %s", role),
	}
	return map[string]func(p *printer){
		"doctor": doctorResult{
			place: "storefront-checkout · production · aws",
			Machine: []providers.Finding{
				{Subject: "home", Level: providers.LevelOK, Message: "/home/ada/.local/state/ferry"},
				{Subject: "npm", Level: providers.LevelWarning, Message: "npm was not found: packages with native code cannot be installed", Hint: "install Node.js with npm from https://nodejs.org"},
			},
			Target: &doctorTarget{Name: "aws", Provider: "aws", Findings: []providers.Finding{
				{Subject: "identity", Level: providers.LevelOK, Message: "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_PowerUserAccess_0123456789abcdef/ada@example.com, of the account 123456789012"},
				{Subject: "lambda", Level: providers.LevelFailed, Message: denied.Err.Error(), Hint: denied.Hint, Kind: providers.Denied},
			}},
		}.text,
		"error": func(p *printer) {
			err := &release.Error{Outcome: release.OutcomePartial, Attempt: 129, Release: 128, Err: denied, Partial: []release.Drift{
				{Function: "checkout-notifications-api", Expected: "41", Actual: "43"},
			}}
			p.failures(reports(err))
			p.standing(err)
		},
		"warnings": func(p *printer) {
			p.warnings([]warning{{
				Function: "checkout-notifications-api", Message: "nodejs18 is past its end of support on AWS Lambda, which blocks updates from 2027-03-09",
				Hint: "set `runtime: nodejs24`, see https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html#runtimes-deprecated",
			}})
		},
	}
}

// printed is what show prints on a terminal of so many columns; 0 is no terminal.
func printed(width int, show func(p *printer)) string {
	var out bytes.Buffer
	show(&printer{
		w: &colorprofile.Writer{Forward: &out, Profile: colorprofile.NoTTY}, width: width, terminal: width > 0,
		dir: "/src/shop", zone: time.UTC, style: newStyles(),
	})
	return out.String()
}

func TestResultsOnAWSLookAsTheyShouldAtEveryWidth(t *testing.T) {
	for name, show := range onAWS() {
		for _, width := range []int{60, 80, 120} {
			file := fmt.Sprintf("%s.%d.txt", name, width)
			t.Run(file, func(t *testing.T) {
				golden(t, filepath.Join("testdata", "golden", "aws", file), []byte(printed(width, show)))
			})
		}
	}
}

// everything is all that the goldens show, but for excerpts of sources.
func everything() map[string]func(p *printer) {
	shows := map[string]func(p *printer){
		"init":            initResult{Service: "shop", Template: "go-http", Dir: "/src/shop/services/new", Files: []string{"ferry.yaml"}}.text,
		"invoke-answered": func(p *printer) { p.answered(providers.Response{Status: 503, Cold: true, Seconds: 0.0341}) },
	}
	for name, r := range results() {
		shows[name] = r.text
	}
	for name, show := range onAWS() {
		shows["aws-"+name] = show
	}
	for name, err := range failed() {
		all := reports(err)
		for i := range all {
			all[i].source = ""
		}
		shows[name] = func(p *printer) { p.failures(all); p.standing(err) }
	}
	return shows
}

func TestNothingIsCutAtAnyWidth(t *testing.T) {
	copied := regexp.MustCompile("https?://[^\\s`]+|`[^`]+`|cd \\S+ && ferry deploy")
	for name, show := range everything() {
		whole := printed(0, show)
		for width := 40; width <= 200; width++ {
			got := printed(width, show)
			if diff := cmp.Diff(strings.Fields(whole), strings.Fields(got)); diff != "" {
				t.Fatalf("%s at %d columns says something else than without a limit:\n%s\n%s", name, width, diff, got)
			}
			for _, part := range copied.FindAllString(whole, -1) {
				if strings.Count(got, part) != strings.Count(whole, part) {
					t.Errorf("%s at %d columns breaks %s:\n%s", name, width, part, got)
				}
			}
			for line := range strings.Lines(got) {
				if line = strings.TrimRight(line, "\n"); ansi.StringWidth(line) > width && ansi.StringWidth(lastWord(line)) < width/2 && !strings.Contains(line, "│") {
					t.Errorf("%s at %d columns does not wrap %q", name, width, line)
				}
			}
		}
	}
}

// lastWord is what a line ends with that does not break.
func lastWord(line string) string {
	for {
		line = line[leading(line):]
		n := wordEnd(line)
		if n == len(line) {
			return line
		}
		line = line[n:]
	}
}

func TestTheCaretStaysUnderItsWordAtEveryWidth(t *testing.T) {
	for _, source := range []string{
		"    memroy: 256MB", `defaults: {runtime: nodejs24, memory: 256MB, timeout: 30s, env: {GREETING: "händewaschen 世界"}, memroy: 256MB, handler: src/a.js}`,
		strings.Repeat("界 ", 90) + "memroy: 256MB" + strings.Repeat(" x", 90),
	} {
		before, _, _ := strings.Cut(source, "memroy")
		column := len([]rune(before)) + 1
		problem := manifest.Problem{Position: manifest.Position{File: "ferry.yaml", Line: 7, Column: column, Source: source}, Message: "no"}
		for width := 40; width <= 200; width++ {
			lines := strings.Split(printed(width, func(p *printer) { p.source(ofProblem(problem)) }), "\n")
			word, _, found := strings.Cut(lines[0], "memroy")
			caret, _, _ := strings.Cut(lines[1], "^")
			if !found || ansi.StringWidth(word) != ansi.StringWidth(caret) || ansi.StringWidth(lines[0]) > width {
				t.Fatalf("at %d columns:\n%s", width, strings.Join(lines, "\n"))
			}
		}
	}
}

func TestWrappingKeepsWhatIsCopied(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"  run `ferry secrets set stripe-key` now", "  run\n    `ferry secrets set stripe-key`\n    now"},
		{"look at https://docs.example.com/a-long-way", "look at\n    https://docs.example.com/a-long-way"},
		{"release 5 is live  shop · prod · aws", "release 5 is live\n    shop · prod · aws"},
		{"it`s a single backtick here", "it`s a single\n    backtick here"},
		{"\x1b[1mbold words are\x1b[m as big", "\x1b[1mbold words are\x1b[m as big"},
	} {
		if got := wrap(c.line, 21, 4); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.line, got, c.want)
		}
	}
}

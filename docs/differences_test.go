package docs_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/all"
)

// The page of all providers says what differs between targets for one manifest, as the adapters themselves have it.
func TestThePageOfAllProvidersSaysWhatDiffersBetweenTargets(t *testing.T) {
	page, err := os.ReadFile("providers.md")
	if err != nil {
		t.Fatal(err)
	}
	want := string(page)
	for _, one := range []part{{"What each target can do", abilities(t)}, {"What each target makes of a setting", judgements(t)}} {
		want = one.into(want)
	}
	if *update {
		if err := os.WriteFile("providers.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(page), want); diff != "" {
		t.Errorf("docs/providers.md is stale (`go test ./docs -update` writes it anew):\n%s", diff)
	}
}

// adapters are one of each provider, for the target of its example.
func adapters(t *testing.T) (names []string, made []providers.Adapter) {
	t.Helper()
	for _, p := range all.Providers() {
		a, err := p.New(providers.Config{Service: "shop", Stage: "dev", Target: p.Name, Block: target(t, p), Env: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if has[providers.Reader](a) != p.Reads {
			t.Errorf("%s says that it reads functions (%v), and its adapter does not", p.Name, p.Reads)
		}
		names, made = append(names, p.Name), append(made, a)
	}
	return names, made
}

// target is the block of the provider's example.
func target(t *testing.T, p providers.Provider) *manifest.Node {
	t.Helper()
	keys := map[string]any{}
	err := yaml.Unmarshal([]byte(p.Blocks.Example), &keys)
	delete(keys, "provider")
	text, coding := json.Marshal(keys)
	block := new(manifest.Node)
	if err := errors.Join(err, coding, json.Unmarshal(text, block)); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	return block
}

func heading(first string, names []string) string {
	return "| " + first + " | " + strings.Join(names, " | ") + " |\n|---|" + strings.Repeat("---|", len(names)) + "\n"
}

func has[T any](a providers.Adapter) bool { _, ok := providers.As[T](a); return ok }

// abilities is a row for each thing that not all targets can do.
func abilities(t *testing.T) string {
	t.Helper()
	names, made := adapters(t)
	rows := []struct {
		what string
		can  func(providers.Adapter) bool
	}{
		{"start a revision before it is live", has[providers.Prober]},
		{"`--traffic`: a share of the requests", has[providers.Splitter]},
		{"all functions go live in one step", has[providers.Switcher]},
		{"code and settings always go live in one step", func(a providers.Adapter) bool { return !has[providers.Stepwise](a) }},
		{"events are held back until the release is live", func(a providers.Adapter) bool { return a.Capabilities().PausesEvents }},
		{"a rollback brings back the values of secrets", has[providers.Pinner]},
		{"`ferry send`", has[providers.Sender]},
		{"`ferry queues`", has[providers.Messenger]},
		{"`--adopt`", has[providers.Adopter]},
		{"`ferry import` of what is live", has[providers.Reader]},
		{"drift by setting", has[providers.Inspector]},
	}
	text := heading("", names)
	for _, row := range rows {
		text += "| " + row.what
		for _, a := range made {
			text += " | " + map[bool]string{true: "yes", false: "no"}[row.can(a)]
		}
		text += " |\n"
	}
	return text
}

// ordinary is a function that every target takes as it is.
func ordinary() manifest.Function {
	return manifest.Function{
		Name: "api", Source: ".", Handler: "app.js", Runtime: "nodejs22", Style: manifest.StyleFetch, Memory: 512 * manifest.MB, Timeout: manifest.Duration(30 * time.Second),
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
}

// judgements is a row for each setting that not all targets honour as it is written, in the words of their checks.
func judgements(t *testing.T) string {
	t.Helper()
	names, made := adapters(t)
	at := slices.Index(names, "local") // whose judgements are about the machine that it runs on
	names, made = slices.Delete(names, at, at+1), slices.Delete(made, at, at+1)
	event := func(e manifest.Event) func(*manifest.Function) {
		return func(fn *manifest.Function) { fn.Events = append(fn.Events, e) }
	}
	rows := []struct {
		setting string
		change  func(*manifest.Function)
	}{
		{"`architecture: arm64`", func(fn *manifest.Function) { fn.Architecture = "arm64" }},
		{"`memory: 700MB`", func(fn *manifest.Function) { fn.Memory = 700 * manifest.MB }},
		{"`memory: 16GB`", func(fn *manifest.Function) { fn.Memory = 16 * manifest.GB }},
		{"`timeout: 30m`", func(fn *manifest.Function) { fn.Timeout = manifest.Duration(30 * time.Minute) }},
		{"`scaling: {concurrency: 10}`", func(fn *manifest.Function) { fn.Scaling.Concurrency = 10 }},
		{"`scaling: {min: 1}`", func(fn *manifest.Function) { fn.Scaling.Min = 1 }},
		{"`runtime: nodejs24`", func(fn *manifest.Function) { fn.Runtime = "nodejs24" }},
		{"`runtime: custom`", func(fn *manifest.Function) { fn.Runtime, fn.Style, fn.Handler = "custom", manifest.StyleServer, "run" }},
		{"`style: server` in Node", func(fn *manifest.Function) { fn.Style = manifest.StyleServer }},
		{"`schedule` with a time zone", event(manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "Europe/Berlin"}})},
		{"`schedule` with both days", event(manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 1 * 1", Timezone: "UTC"}})},
		{"`queue: {batch: 10}`", event(manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 10}})},
		{"`queue: {attempts: 3}`", event(manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1, Attempts: 3}})},
		{"`queue: {backoff: 20s}`", event(manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1, Backoff: manifest.Duration(20 * time.Second)}})},
		{"`topic`", event(manifest.Event{Topic: &manifest.TopicEvent{Name: "signups"}})},
		{"`object: {suffix: .csv}`", event(manifest.Event{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created"}, Suffix: ".csv"}})},
	}
	text := heading("setting", names)
	for _, row := range rows {
		cells := make([]string, len(made))
		for i, a := range made {
			fn := ordinary()
			row.change(&fn)
			cells[i] = judged(a, fn)
		}
		if slices.ContainsFunc(cells, func(cell string) bool { return cell != honoured }) {
			text += "| " + row.setting + " | " + strings.Join(cells, " | ") + " |\n"
		}
	}
	return text
}

const honoured = "as written"

// judged is what an adapter says of a function, in one cell.
func judged(a providers.Adapter, fn manifest.Function) string {
	var all []string
	_, issues := providers.Fit(a, fn)
	for _, issue := range issues {
		if issue.From.IsZero() { // not what ends with time
			all = append(all, map[providers.Severity]string{providers.Blocker: "refused: ", providers.Warning: "a warning: "}[issue.Severity]+strings.ReplaceAll(issue.Message, "|", "\\|"))
		}
	}
	if len(all) == 0 {
		return honoured
	}
	return strings.Join(all, "; ")
}

package azure

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// plain is a function of which Check has nothing to say today.
func plain() manifest.Function {
	return manifest.Function{
		Name: "api", Source: ".", Handler: "app.py:app", Runtime: "python3.13", Style: manifest.StyleWSGI,
		Memory: 512 * manifest.MB, Timeout: manifest.Duration(30 * time.Second), Env: map[string]string{"WORD": "a"},
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
}

// checked is a value that Check has something to say about.
type checked struct {
	name     string
	set      func(*manifest.Function)
	block    string // of the provider
	field    string
	message  string // a part of it
	severity providers.Severity
}

func badValues() []checked {
	const block, warn, bus = providers.Blocker, providers.Warning, `{"service_bus": "shopbus"}`
	env := func(name string) func(*manifest.Function) {
		return func(fn *manifest.Function) { fn.Env[name] = "a" }
	}
	event := func(e manifest.Event) func(*manifest.Function) {
		return func(fn *manifest.Function) { fn.Events = append(fn.Events, e) }
	}
	schedule := func(cron, zone string) func(*manifest.Function) {
		return event(manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: cron, Timezone: zone}})
	}
	queue := func(q manifest.QueueEvent) func(*manifest.Function) { return event(manifest.Event{Queue: &q}) }
	program := func(fn *manifest.Function) { fn.Runtime, fn.Style = "custom", manifest.StyleServer }
	return []checked{
		{"too much memory", func(fn *manifest.Function) { fn.Memory = 4097 * manifest.MB }, "", "memory", "not offer 4097MB of memory", block},
		{"no time", func(fn *manifest.Function) { fn.Timeout = 0 }, "", "timeout", "not offer a timeout", block},
		{"a long answer", func(fn *manifest.Function) { fn.Timeout = manifest.Duration(231 * time.Second) }, "", "timeout", "waits 3m50s for an answer", block},
		{"an arm", func(fn *manifest.Function) { fn.Architecture = "arm64" }, "", "architecture", "amd64 only", block},
		{"an unknown version", func(fn *manifest.Function) { fn.Runtime = "python3.9" }, "", "runtime", "no runtime for python3.9", block},
		{"a language without a shim", func(fn *manifest.Function) { fn.Runtime = "java21" }, "", "runtime", "no shim for java", block},
		{"a setting of the host", env("FUNCTIONS_WORKER_RUNTIME"), "", "env.FUNCTIONS_WORKER_RUNTIME", "Azure sets", block},
		{"a package by address", env("WEBSITE_RUN_FROM_PACKAGE"), "", "env.WEBSITE_RUN_FROM_PACKAGE", "Azure sets", block},
		{"a build", env("SCM_DO_BUILD_DURING_DEPLOYMENT"), "", "env.SCM_DO_BUILD_DURING_DEPLOYMENT", "Azure sets", block},
		{"storage", env("AzureWebJobsStorage"), "", "env.AzureWebJobsStorage", "Azure sets", block},
		{"a variable with a dot", env("A.B"), "", "env.A.B", "not accept a variable named A.B", block},
		{"many instances", func(fn *manifest.Function) { fn.Scaling.Max = 1001 }, "", "scaling.max", "not start 1001 instances", block},
		{"a limit that is none", func(fn *manifest.Function) { fn.Scaling.Max = 5 }, "", "scaling.max", "not a hard limit", warn},
		{"many requests", func(fn *manifest.Function) { fn.Scaling.Concurrency = 1001 }, "", "scaling.concurrency", "not take 1001 requests", block},
		{"no identity", nil, `{"identity": "me"}`, "azure.identity", "not the id of a user-assigned identity", block},
		{"a role of nothing", nil, `{"roles": [{"role": "Reader", "scope": "shop"}]}`, "azure.roles", "needs a name and a scope", block},
		{"a group of instances", nil, `{"always_ready": {"https": 1}}`, "azure.always_ready", "is not http, blob", block},
		{"a handler of Azure's own model", func(fn *manifest.Function) { fn.Style = manifest.StyleAzure }, `{"custom_handler": true}`, "azure.custom_handler", "only Python of another style than azure", block},
		{"a handler of Node", func(fn *manifest.Function) { fn.Runtime, fn.Style = "nodejs24", manifest.StyleFetch }, `{"custom_handler": true}`, "azure.custom_handler", "only Python", block},
		{"a tag of ferry's", nil, `{"tags": {"ferry:service": "a"}}`, "azure.tags", "is not valid", block},
		{"both day fields", schedule("0 0 1 * 1", "UTC"), "", "events[1].schedule.cron", "cannot express", block},
		{"a seventh day", schedule("0 0 * * 7", "UTC"), "", "events[1].schedule.cron", "does not read", block},
		{"a time zone", schedule("0 0 * * *", "Europe/Berlin"), "", "events[1].schedule.timezone", "in UTC", block},
		{"a large batch", queue(manifest.QueueEvent{Name: "orders", Batch: 33}), "", "events[1].queue.batch", "not hand out 33 messages", block},
		{"a queue of another form", queue(manifest.QueueEvent{Name: "Orders"}), "", "events[1].queue.name", "is not 3 to 63", block},
		{"a pause", queue(manifest.QueueEvent{Name: "orders", Backoff: manifest.Duration(time.Second)}), "", "events[1].queue.backoff", "does not double", warn},
		{"unlike queues", func(fn *manifest.Function) {
			queue(manifest.QueueEvent{Name: "orders", Batch: 1})(fn)
			queue(manifest.QueueEvent{Name: "mails", Batch: 2})(fn)
		}, "", "events[1].queue", "one batch", block},
		{"tries of a queue of Service Bus", queue(manifest.QueueEvent{Name: "Orders", Attempts: 3}), bus, "events[1].queue.attempts", "property of the queue", block},
		{"a pause of Service Bus", queue(manifest.QueueEvent{Name: "Orders", Backoff: manifest.Duration(time.Second)}), bus, "events[1].queue.backoff", "again at once", block},
		{"a queue of no form in Service Bus", queue(manifest.QueueEvent{Name: "a b"}), bus, "events[1].queue.name", "is not at most 260", block},
		{"a topic of no form in Service Bus", event(manifest.Event{Topic: &manifest.TopicEvent{Name: "-a"}}), bus, "events[1].topic.name", "is not at most 260", block},
		{"no namespace", nil, `{"service_bus": "a b"}`, "azure.service_bus", "is not the name of a Service Bus namespace", block},
		{"an event of a program", func(fn *manifest.Function) { program(fn); schedule("0 0 * * *", "UTC")(fn) }, "", "events[1].schedule", "as Azure's host sends it", warn},
		{"origins of a program", func(fn *manifest.Function) { program(fn); fn.Events[0].HTTP.CORS = &manifest.CORS{} }, "", "events[0].http.cors", "does not stand between", block},
		{"secrets without a vault", func(fn *manifest.Function) { fn.Secrets = map[string]string{"KEY": "key"} }, "", "secrets", "the target names none", block},
	}
}

func TestCheckRefusesWhatFlexConsumptionCannotDo(t *testing.T) {
	a := nowhere(t)
	for _, bad := range badValues() {
		fn := plain()
		if bad.set != nil {
			bad.set(&fn)
		}
		if bad.block != "" {
			fn.Config = new(manifest.Node)
			if err := json.Unmarshal([]byte(bad.block), fn.Config); err != nil {
				t.Fatal(err)
			}
		}
		found := a.Check(fn)
		if !slices.ContainsFunc(found, func(i providers.Issue) bool {
			return i.Field == bad.field && i.Severity == bad.severity && i.From.IsZero() && strings.Contains(i.Message, bad.message)
		}) {
			t.Errorf("%s: want %s of %s: %q, got %+v", bad.name, bad.severity, bad.field, bad.message, found)
		}
	}
}

func TestCheckHasNothingToSayOfAPlainFunction(t *testing.T) {
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for _, i := range nowhere(t).Check(plain()) {
		if i.From.IsZero() || i.From.Before(now) {
			t.Errorf("%+v", i)
		}
	}
}

func TestMemoryIsRoundedUpWithAWarning(t *testing.T) {
	for asked, want := range map[manifest.Size]manifest.Size{
		128 * manifest.MB: 512 * manifest.MB, 512 * manifest.MB: 512 * manifest.MB, 513 * manifest.MB: 2048 * manifest.MB, 3 * manifest.GB: 4 * manifest.GB,
	} {
		fn := plain()
		fn.Memory = asked
		fit, issues := providers.Fit(nowhere(t), fn)
		if fit.Memory != want {
			t.Errorf("%s became %s, want %s", asked, fit.Memory, want)
		}
		warned := slices.ContainsFunc(issues, func(i providers.Issue) bool { return i.Field == "memory" && i.Severity == providers.Warning })
		if warned != (asked != want) {
			t.Errorf("%s: %+v", asked, issues)
		}
	}
}

func TestTrap27NamesAreShortAndToldApartByHowTheyBegin(t *testing.T) {
	a := nowhere(t)
	c := &connection{place: &a.place, subscription: "s"}
	long := strings.Repeat("a", 31)
	names := map[string]string{}
	for _, fn := range []string{"api", "api-", "a--pi", long + "b", long + "c"} {
		name := c.appName(fn)
		if len(name) > maxName || strings.Contains(name, "--") || strings.HasSuffix(name, "-") || name != strings.ToLower(name) {
			t.Errorf("%s is called %s", fn, name)
		}
		if other, taken := names[name[:8]]; taken {
			t.Errorf("%s and %s begin alike", fn, other)
		}
		names[name[:8]] = fn
	}
	elsewhere := &connection{place: &a.place, subscription: "t"}
	if c.appName("api") == elsewhere.appName("api") || c.storageName() == elsewhere.storageName() {
		t.Error("two subscriptions have one name, which Azure gives once in the world")
	}
	if len(c.storageName()) > 24 {
		t.Errorf("%s is too long for a storage account", c.storageName())
	}
}

func TestTheTargetsBlockIsCheckedBeforeAnythingIsAsked(t *testing.T) {
	for block, want := range map[string]string{
		`{"location": "westeurope"}`:                                                                      "no resource group",
		`{"resource_group": "shop"}`:                                                                      "no location",
		`{"resource_group": "shop.", "location": "westeurope"}`:                                           "is not the name of a resource group",
		`{"resource_group": "shop", "location": "x", "subscription": "mine"}`:                             "is not the id of a subscription",
		`{"resource_group": "shop", "location": "x", "storage_account": "my-account"}`:                    "is not the name of a storage account",
		`{"resource_group": "shop", "location": "x", "log_retention": 7}`:                                 "for 7 days",
		`{"resource_group": "shop", "location": "x", "apps": {"api": "` + strings.Repeat("a", 33) + `"}}`: "is not the name of an app",
	} {
		node := new(manifest.Node)
		if err := json.Unmarshal([]byte(block), node); err != nil {
			t.Fatal(err)
		}
		_, err := New(providers.Config{Service: "shop", Stage: "dev", Target: "here", Block: node, Env: func(string) (string, bool) { return "", false }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", block, want, err)
		}
	}
	if diff := cmp.Diff("westeurope", nowhere(t).target.Location); diff != "" {
		t.Error(diff)
	}
}

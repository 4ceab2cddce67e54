package aws

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// plain is a function of which Check has nothing to say today.
func plain() manifest.Function {
	return manifest.Function{
		Name: "api", Source: ".", Handler: "app.mjs", Runtime: "nodejs24", Style: manifest.StyleFetch,
		Memory: 256 * manifest.MB, Timeout: manifest.Duration(30 * time.Second), Env: map[string]string{"WORD": "a"},
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
}

func seconds(n float64) manifest.Duration { return manifest.Duration(n * float64(time.Second)) }

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
	const block, warn = providers.Blocker, providers.Warning
	env := func(name, value string) func(*manifest.Function) {
		return func(fn *manifest.Function) { fn.Env[name] = value }
	}
	event := func(e manifest.Event) func(*manifest.Function) {
		return func(fn *manifest.Function) { fn.Events = append(fn.Events, e) }
	}
	cors := func(c manifest.CORS) func(*manifest.Function) {
		return func(fn *manifest.Function) { fn.Events[0].HTTP.CORS = &c }
	}
	program := func(fn *manifest.Function) { fn.Runtime, fn.Style = "custom", manifest.StyleServer }
	const adapterLayer = `{"layers": ["arn:aws:lambda:eu-west-1:753240598075:layer:LambdaAdapterLayerX86:25"]}`
	const layer = `"arn:aws:lambda:eu-west-1:580247275435:layer:L%d:1"`
	return []checked{
		{"too little memory", func(fn *manifest.Function) { fn.Memory = 127 * manifest.MB }, "", "memory", "not offer 127MB of memory", block},
		{"too much memory", func(fn *manifest.Function) { fn.Memory = 10241 * manifest.MB }, "", "memory", "not offer 10241MB of memory", block},
		{"broken megabytes", func(fn *manifest.Function) { fn.Memory = 256*manifest.MB + 1 }, "", "memory", "of memory", block},
		{"no time", func(fn *manifest.Function) { fn.Timeout = 0 }, "", "timeout", "not offer a timeout", block},
		{"too much time", func(fn *manifest.Function) { fn.Timeout = seconds(901) }, "", "timeout", "not offer a timeout of 15m1s", block},
		{"broken seconds", func(fn *manifest.Function) { fn.Timeout = seconds(1.5) }, "", "timeout", "not offer a timeout of 1.5s", block},
		{"an unknown version", func(fn *manifest.Function) { fn.Runtime = "nodejs16" }, "", "runtime", "no runtime for nodejs16", block},
		{"a language without a shim", func(fn *manifest.Function) { fn.Runtime = "java21" }, "", "runtime", "no shim for java", block},
		{"another one", func(fn *manifest.Function) { fn.Runtime = "dotnet10" }, "", "runtime", "no shim for dotnet", block},
		{"a preview", func(fn *manifest.Function) { fn.Runtime = "nodejs26" }, "", "runtime", "nodejs26.x as a preview", warn},
		{"a program on a port", program, "", "style", "does not send requests to a port", block},
		{"a program behind the adapter", program, adapterLayer, "style", "cannot probe", warn},
		{"a program that asks Lambda itself", func(fn *manifest.Function) { fn.Runtime, fn.Style = "custom", manifest.StyleLambda }, "", "style", "cannot probe", warn},
		{"a program of Node behind the adapter", func(fn *manifest.Function) { fn.Style = manifest.StyleServer }, adapterLayer, "style", "needs a start script", block},
		{"a variable of Lambda's", env("AWS_REGION", "a"), "", "env.AWS_REGION", "Lambda sets", block},
		{"a short variable", env("A", "a"), "", "env.A", "not accept a variable named A", block},
		{"a variable that begins so", env("_A", "a"), "", "env._A", "not accept a variable named _A", block},
		{"a large environment", env("BIG", strings.Repeat("x", 4096)), "", "env", "Lambda allows 4096", block},
		{"a secret named so", func(fn *manifest.Function) { fn.Secrets = map[string]string{"AWS_SESSION_TOKEN": "a"} }, "", "secrets.AWS_SESSION_TOKEN", "Lambda sets", block},
		{"secrets of a program", func(fn *manifest.Function) { program(fn); fn.Secrets = map[string]string{"KEY": "a"} }, adapterLayer, "secrets", "secrets are not resolved", block},
		{"requests at once", func(fn *manifest.Function) { fn.Scaling.Concurrency = 2 }, "", "scaling.concurrency", "one request at a time, not 2", warn},
		{"too small a disk", nil, `{"ephemeral_storage": "511MB"}`, "aws.ephemeral_storage", "not offer 511MB of ephemeral storage", block},
		{"too large a disk", nil, `{"ephemeral_storage": "10241MB"}`, "aws.ephemeral_storage", "not offer 10241MB of ephemeral storage", block},
		{"no layer", nil, `{"layers": ["numpy"]}`, "aws.layers", `"numpy" is not the ARN of a layer version`, block},
		{"a layer from elsewhere", nil, `{"layers": ["arn:aws:lambda:us-east-1:580247275435:layer:L:1"]}`, "aws.layers", "in eu-west-1", block},
		{"too many layers", nil, `{"layers": [` + fmt.Sprintf(layer+","+layer+","+layer+","+layer+","+layer+","+layer, 1, 2, 3, 4, 5, 6) + `]}`, "aws.layers", "6 layers are more than the 5", block},
		{"no policy", nil, `{"policies": ["ReadOnly"]}`, "aws.policies", "not the ARN of a policy", block},
		{"no role", nil, `{"role": "mine"}`, "aws.role", "not the ARN of a role", block},
		{"policies of another's role", nil, `{"role": "arn:aws:iam::123456789012:role/mine", "policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}`, "aws.policies", "aws.role names another", block},
		{"no dead letter queue", nil, `{"dead_letter": "dead"}`, "aws.dead_letter", "not the ARN of a queue or topic", block},
		{"a dead letter queue elsewhere", nil, `{"dead_letter": "arn:aws:sqs:us-east-1:123456789012:dead"}`, "aws.dead_letter", "in eu-west-1", block},
		{"tracing", nil, `{"tracing": "on"}`, "aws.tracing", `"on" is not a tracing mode`, block},
		{"half a network", nil, `{"vpc": {"subnets": ["subnet-1"], "security_groups": []}}`, "aws.vpc", "at least one subnet and one security group", block},
		{"days", nil, `{"log_retention": 31}`, "aws.log_retention", "31 days", block},
		{"a stream of Python", func(fn *manifest.Function) { fn.Runtime, fn.Style = "python3.14", manifest.StyleWSGI }, `{"response_stream": true}`, "aws.response_stream", "Python runtime cannot stream", block},
		{"a stream for nobody", func(fn *manifest.Function) { fn.Events = nil }, `{"response_stream": true}`, "aws.response_stream", "nothing calls the function over HTTP", block},
		{"a tag of AWS's", nil, `{"tags": {"aws:team": "a"}}`, "aws.tags", `"aws:team" is not valid`, block},
		{"a tag of ferry's", nil, `{"tags": {"ferry:stage": "a"}}`, "aws.tags", `"ferry:stage" is not valid`, block},
		{"a long tag", nil, `{"tags": {"` + strings.Repeat("k", 129) + `": "a"}}`, "aws.tags", "is not valid", block},
		{"a long value", nil, `{"tags": {"team": "` + strings.Repeat("v", 257) + `"}}`, "aws.tags", `"team" is not valid`, block},
		{"many tags", nil, `{"tags": {` + manyTags(42) + `}}`, "aws.tags", "42 tags", block},
		{"two days in a schedule", event(at("0 3 1 * 1")), "", "events[1].schedule.cron", "both the day of the month and the day of the week", block},
		{"too many messages", event(messages("orders", 10001)), "", "events[1].queue.batch", "not deliver 10001 messages", block},
		{"too many messages in order", event(messages("orders.fifo", 11)), "", "events[1].queue.batch", "not deliver 11 messages", block},
		{"too many of a queue by another name", event(messages("orders", 11)), `{"resources": {"orders": "arn:aws:sqs:eu-west-1:123456789012:orders.fifo"}}`, "events[1].queue.batch", "not deliver 11 messages", block},
		{"an event for a program", func(fn *manifest.Function) { program(fn); fn.Events = append(fn.Events, published("signups")) }, adapterLayer, "events[1]", "as AWS sends it", warn},
		{"OPTIONS across origins", cors(manifest.CORS{Methods: []string{"OPTIONS"}}), "", "events[0].http.cors.methods", "no method OPTIONS", block},
		{"a long age", cors(manifest.CORS{MaxAge: seconds(86401)}), "", "events[0].http.cors.max_age", "max_age of 24h0m1s", block},
		{"a broken age", cors(manifest.CORS{MaxAge: seconds(1.5)}), "", "events[0].http.cors.max_age", "max_age of 1.5s", block},
	}
}

func manyTags(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"t%d": "a"`, i))
	}
	return strings.Join(all, ",")
}

// checks are the issues that hold already, and those that will.
func checks(t *testing.T, fn manifest.Function) (now, later []providers.Issue) {
	t.Helper()
	a := newTestAdapter(t, func(string) (string, bool) { return "", false }, `{"region": "eu-west-1"}`)
	for _, i := range a.Check(fn) {
		if i.Function != fn.Name || i.Message == "" {
			t.Errorf("an issue says too little: %+v", i)
		}
		if i.From.IsZero() {
			now = append(now, i)
		} else {
			later = append(later, i)
		}
	}
	return now, later
}

func TestCheckNamesTheFieldOfWhatLambdaCannotHonour(t *testing.T) {
	if now, _ := checks(t, plain()); len(now) > 0 {
		t.Fatalf("a plain function has the issues %+v", now)
	}
	for _, bad := range badValues() {
		t.Run(bad.name, func(t *testing.T) {
			fn := plain()
			if bad.set != nil {
				bad.set(&fn)
			}
			if bad.block != "" {
				fn.Config = node(t, bad.block)
			}
			now, _ := checks(t, fn)
			i := slices.IndexFunc(now, func(i providers.Issue) bool { return i.Field == bad.field && strings.Contains(i.Message, bad.message) })
			if i < 0 || now[i].Severity != bad.severity {
				t.Fatalf("there is no %s of %s with %q: %+v", bad.severity, bad.field, bad.message, now)
			}
			if now[i].Severity == providers.Blocker && (now[i].Hint == "" || strings.Contains(now[i].Hint, "\n")) {
				t.Errorf("it says no next step: %+v", now[i])
			}
			if bad.severity == providers.Blocker && slices.ContainsFunc(now, func(i providers.Issue) bool { return i.Severity == providers.Blocker && i.Field != bad.field }) {
				t.Errorf("it blocks more than that: %+v", now)
			}
		})
	}
}

func TestCheckTakesWhatIsJustAtALimit(t *testing.T) {
	fn := plain()
	fn.Events = append(fn.Events, at("*/5 * * * *"), messages("orders", 10000), messages("orders.fifo", 10))
	fn.Events[0].HTTP.CORS = &manifest.CORS{Methods: []string{"DELETE"}, MaxAge: seconds(86400)}
	fn.Scaling = manifest.Scaling{Min: 5, Max: 5, Concurrency: 1}
	for _, limit := range []struct {
		memory  manifest.Size
		timeout float64
		block   string
	}{
		{128 * manifest.MB, 1, `{"ephemeral_storage": "512MB", "log_retention": 1, "tracing": "active"}`},
		{10240 * manifest.MB, 900, `{"ephemeral_storage": "10240MB", "log_retention": 3653, "tags": {` + manyTags(41) + `}}`},
	} {
		fn.Memory, fn.Timeout, fn.Config = limit.memory, seconds(limit.timeout), node(t, limit.block)
		if now, _ := checks(t, fn); len(now) > 0 {
			t.Errorf("it has the issues %+v", now)
		}
	}
}

func TestTheEnvironmentIsMeasuredWithAllThatFerryAdds(t *testing.T) {
	size := func(n int) int {
		fn := plain()
		fn.Env = map[string]string{"BIG": strings.Repeat("x", n)}
		now, _ := checks(t, fn)
		return len(now)
	}
	most := 0
	for n := 4096; n > 0 && most == 0; n-- {
		if size(n) == 0 {
			most = n
		}
	}
	if most < 3500 || most > 4000 {
		t.Fatalf("a value may have %d bytes", most)
	}
	s := newTenant(t).imitated()
	a := newTestAdapter(t, s.Env, s.block)
	a.service = "shop"
	fn := plain()
	fn.Env = map[string]string{"BIG": ""}
	for n := 4096; n > 0; n-- {
		fn.Env["BIG"] = strings.Repeat("x", n)
		if !slices.ContainsFunc(a.Check(fn), func(i providers.Issue) bool { return i.Severity == providers.Blocker && i.From.IsZero() }) {
			break
		}
	}
	s.write("big/app.mjs", "export default { fetch() { return new Response('ok') } }\n")
	fn.Name, fn.Source = "api", "big"
	s.add(fn)
	s.deploy() // the account refuses one byte too many
	fn.Env["BIG"] += "x"
	s.add(fn)
	var blocked release.Blocked
	if _, err := s.engine().Deploy(t.Context(), release.DeployOptions{}); !errors.As(err, &blocked) {
		t.Errorf("with one byte more the deploy says %v", err)
	}
}

func TestARuntimeIsWarnedOfBeforeItsEndAndRefusedFromIt(t *testing.T) {
	ends := map[manifest.Runtime]string{
		"nodejs24": "2028-04-30", "nodejs22": "2027-04-30", "nodejs20": "2026-04-30", "nodejs18": "2025-09-01",
		"python3.14": "2029-06-30", "python3.13": "2029-06-30", "python3.12": "2028-10-31", "python3.11": "2027-06-30",
		"python3.10": "2026-10-31", "python3.9": "2025-12-15", "go": "2029-06-30", "custom": "2029-06-30",
	}
	for runtime, end := range ends {
		fn := plain()
		fn.Runtime = runtime
		day, err := time.Parse(time.DateOnly, end)
		if err != nil {
			t.Fatal(err)
		}
		_, later := checks(t, fn)
		type dated struct {
			Severity providers.Severity
			From     time.Time
		}
		var got []dated
		for _, i := range later {
			got = append(got, dated{i.Severity, i.From})
			if i.Field != "runtime" || !strings.Contains(i.Message, end) || i.Hint == "" {
				t.Errorf("%s: %+v", runtime, i)
			}
		}
		want := []dated{{providers.Warning, day.AddDate(0, 0, -180)}, {providers.Blocker, day}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", runtime, diff)
		}
	}
}

func TestCheckRefusesEveryScheduleThatAWSWouldTakeOtherwise(t *testing.T) {
	for _, cron := range []string{"0 3 1 * 1", "0 3 1-7 * MON", "0 3 */2 * 1", "0 3 * * 1#2", "0 3 L * *", "0 3 * *", "0 0 3 * * *", "@daily", "61 3 * * *"} {
		fn := plain()
		fn.Events = append(fn.Events, at(cron))
		now, _ := checks(t, fn)
		if len(now) != 1 || now[0].Field != "events[1].schedule.cron" || now[0].Severity != providers.Blocker || !strings.Contains(now[0].Message, cron) {
			t.Errorf("%q: %+v", cron, now)
		}
	}
}

func TestAPackageIsForTheAmazonLinuxOfItsRuntime(t *testing.T) {
	for runtime, glibc := range map[manifest.Runtime]int{
		"python3.9": 26, "python3.11": 26, "python3.12": 34, "python3.14": 34, "nodejs18": 26, "nodejs20": 34, "nodejs26": 34, "go": 34, "custom": 34,
	} {
		if got := (&Adapter{}).Platform(manifest.Function{Runtime: runtime}).Glibc; got != glibc {
			t.Errorf("%s has glibc 2.%d, not 2.%d", runtime, got, glibc)
		}
	}
}

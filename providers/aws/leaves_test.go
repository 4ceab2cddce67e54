package aws

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// everyLeaf is a function of which every setting is set, with its block of the provider under config.
const everyLeaf = `{
	"name": "all", "source": "a", "handler": "app.mjs", "runtime": "nodejs22", "style": "fetch", "architecture": "amd64",
	"memory": "256MB", "timeout": "10s", "env": {"WORD": "a"}, "secrets": {"KEY": "shop/one"}, "masked": ["WORD"], "varying": ["env.WORD"],
	"events": [
		{"http": {
			"path": "/items/{id}", "methods": ["GET"], "auth": "public",
			"cors": {"origins": ["https://a.example"], "methods": ["GET"], "headers": ["x-a"], "max_age": "10m", "credentials": true}
		}},
		{"schedule": {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}},
		{"queue": {"name": "orders", "batch": 1, "attempts": 0, "backoff": "0s"}},
		{"topic": {"name": "signups"}},
		{"object": {"bucket": "uploads", "on": ["created"], "prefix": "raw/", "suffix": ".jpg"}}
	],
	"scaling": {"min": 1, "max": 5, "concurrency": 1},
	"health": {"path": "/healthz", "status": 200, "timeout": "5s"},
	"build": {"command": "true", "bundle": true, "source_maps": false, "external": ["dep"], "include": ["views/*"], "exclude": ["views/draft.txt"]},
	"config": {
		"role": "", "scheduler_role": "", "permissions_boundary": "", "policies": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"],
		"layers": ["arn:aws:lambda:eu-west-1:580247275435:layer:Insights:1"], "ephemeral_storage": "512MB", "tracing": "passthrough",
		"dead_letter": "arn:aws:sqs:eu-west-1:123456789012:dead", "vpc": {"subnets": ["subnet-1"], "security_groups": ["sg-1"]},
		"response_stream": false, "log_retention": 30, "tags": {"team": "a"}, "resources": {"orders": "orders"}
	}
}`

// otherLeaves has for each leaf another value that is legal.
func otherLeaves() map[string]string {
	return map[string]string{
		"source": `"b"`, "handler": `"other.mjs"`, "runtime": `"nodejs24"`, "style": `"node"`, "architecture": `"arm64"`,
		"memory": `"512MB"`, "timeout": `"11s"`, "env": `{"WORD": "b"}`, "secrets": `{"KEY": "shop/two"}`,
		"events[0].http.path": `"/things/{id}"`, "events[0].http.methods": `["GET", "POST"]`, "events[0].http.auth": `"private"`,
		"events[0].http.cors.origins": `["https://b.example"]`, "events[0].http.cors.methods": `["GET", "PUT"]`,
		"events[0].http.cors.headers": `["x-b"]`, "events[0].http.cors.max_age": `"11m"`, "events[0].http.cors.credentials": `false`,
		"events[1].schedule.cron": `"0 4 * * *"`, "events[1].schedule.timezone": `"Europe/Paris"`,
		"events[2].queue.name": `"others"`, "events[2].queue.batch": `2`, "events[2].queue.attempts": `3`, "events[2].queue.backoff": `"2s"`, "events[3].topic.name": `"others"`,
		"events[4].object.bucket": `"others"`, "events[4].object.on": `["created", "deleted"]`,
		"events[4].object.prefix": `"cooked/"`, "events[4].object.suffix": `".png"`,
		"scaling.min": `2`, "scaling.max": `6`, "scaling.concurrency": `40`, "health.path": `"/ready"`,
		"build.command": `"echo made > views/made.txt"`, "build.bundle": `false`, "build.source_maps": `true`, "build.external": `[]`,
		"build.include": `["views/*", "notes/*"]`, "build.exclude": `[]`,
		"config.role": `"arn:aws:iam::123456789012:role/given"`, "config.policies": `["arn:aws:iam::aws:policy/AmazonSQSFullAccess"]`,
		"config.scheduler_role": `"arn:aws:iam::123456789012:role/calling"`, "config.permissions_boundary": `"arn:aws:iam::aws:policy/AdministratorAccess"`,
		"config.layers": `["arn:aws:lambda:eu-west-1:580247275435:layer:Insights:2"]`, "config.ephemeral_storage": `"1GB"`,
		"config.tracing": `"active"`, "config.dead_letter": `"arn:aws:sns:eu-west-1:123456789012:failed"`,
		"config.vpc.subnets": `["subnet-1", "subnet-2"]`, "config.vpc.security_groups": `["sg-2"]`, "config.response_stream": `true`,
		"config.log_retention": `90`, "config.tags": `{"owner": "b", "cost": "1"}`, "config.resources": `{"orders": "others"}`,
	}
}

// elsewhere are the leaves that AWS need not know, and who reads them.
func elsewhere() map[string]string {
	return map[string]string{
		"name":           "it is what everything is named after",
		"masked":         "plan, which hides these values",
		"varying":        "the engine, which recognises what was rolled back",
		"payload":        "the other targets: on Lambda its own handlers get its own events",
		"health.status":  "the engine, which makes the check",
		"health.timeout": "the engine, which makes the check",
	}
}

// besides are the values that other leaves must have for one to be changed legally.
func besides(leaf string) map[string]string {
	switch leaf {
	case "config.role":
		return map[string]string{"config.policies": `[]`}
	case "build.bundle":
		return map[string]string{"build.external": `[]`}
	}
	return nil
}

// leavesOf are the paths of all settings of a type. A list or map of values is one.
func leavesOf(t reflect.Type, path string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[manifest.Node]():
		return leavesOf(reflect.TypeFor[settings](), path)
	case t == reflect.TypeFor[[]manifest.Event]():
		var all []string
		for i := range reflect.TypeFor[manifest.Event]().NumField() {
			f := reflect.TypeFor[manifest.Event]().Field(i)
			all = append(all, leavesOf(f.Type, fmt.Sprintf("%s[%d].%s", path, i, nameOf(f)))...)
		}
		return all
	case t.Kind() != reflect.Struct, reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return []string{path}
	}
	var all []string
	for i := range t.NumField() {
		all = append(all, leavesOf(t.Field(i).Type, strings.TrimPrefix(path+"."+nameOf(t.Field(i)), "."))...)
	}
	return all
}

func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// with is everyLeaf with some leaves changed.
func with(t *testing.T, changes map[string]string) manifest.Function {
	t.Helper()
	var tree any
	if err := json.Unmarshal([]byte(everyLeaf), &tree); err != nil {
		t.Fatal(err)
	}
	for path, value := range changes {
		at, steps := tree, strings.Split(regexp.MustCompile(`\[(\d)\]`).ReplaceAllString(path, ".$1"), ".")
		for _, step := range steps[:len(steps)-1] {
			if list, ok := at.([]any); ok {
				i, _ := strconv.Atoi(step)
				at = list[i]
			} else {
				at = at.(map[string]any)[step]
			}
		}
		leaf := steps[len(steps)-1]
		if _, known := at.(map[string]any)[leaf]; !known {
			t.Fatalf("everyLeaf does not set %s", path)
		}
		at.(map[string]any)[leaf] = json.RawMessage(value)
	}
	data, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	var fn manifest.Function
	if err := json.Unmarshal(data, &fn); err != nil {
		t.Fatal(err)
	}
	return fn
}

// leafAccount is an account with all that everyLeaf and its changes name.
func leafAccount(t *testing.T) *account {
	t.Helper()
	acc := newAccount(t)
	acc.bucket("others")
	for _, queue := range []string{"others", "dead"} {
		_, err := acc.c.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &queue, Attributes: map[string]string{"VisibilityTimeout": "60"}})
		acc.must(err)
	}
	for _, topic := range []string{"others", "failed"} {
		_, err := acc.c.sns.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &topic})
		acc.must(err)
	}
	for _, secret := range []string{"shop/one", "shop/two"} {
		_, err := acc.c.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
			Name: &secret, SecretString: aws.String("hidden"), ClientRequestToken: aws.String(strings.Repeat(secret[5:], 12)),
		})
		acc.must(err)
	}
	for role, service := range map[string]string{"given": "lambda.amazonaws.com", "calling": "scheduler.amazonaws.com"} {
		_, err := acc.c.iam.CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: &role, AssumeRolePolicyDocument: aws.String(trust(service, nil)),
		})
		acc.must(err)
	}
	_, err := acc.c.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
		RoleName: aws.String("given"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
	})
	acc.must(err)
	return acc
}

// release packs a function, publishes it, and makes it live in place of what is live.
func (acc *account) release(fn manifest.Function) providers.Change {
	acc.t.Helper()
	ctx, root := acc.context(), acc.t.TempDir()
	const app = "import dep from 'dep'\nexport default { fetch() { return new Response(%q + dep) } }\nexport const %s = 1\n"
	for name, text := range map[string]string{
		"app.mjs": fmt.Sprintf(app, "one", "a"), "other.mjs": fmt.Sprintf(app, "two", "b"), "package.json": `{"dependencies": {"dep": "1.0.0"}}`,
		"node_modules/dep/package.json": `{"name": "dep", "version": "1.0.0", "main": "index.js"}`, "node_modules/dep/index.js": "module.exports = 'dep'\n",
		"views/page.txt": "page", "views/draft.txt": "draft", "notes/note.txt": "note",
	} {
		for _, source := range []string{"a", "b"} {
			path := filepath.Join(root, source, filepath.FromSlash(name))
			acc.must(os.MkdirAll(filepath.Dir(path), 0o755))
			acc.must(os.WriteFile(path, []byte(strings.ReplaceAll(text, "one", source)), 0o600))
		}
	}
	artifact, err := (&packager.Packager{Root: root, Cache: acc.t.TempDir()}).Build(ctx, fn, acc.a.Platform(fn))
	acc.must(err)
	pinned, err := acc.a.Pin(ctx, fn)
	acc.must(err)
	s := providers.Spec{Function: fn, Artifact: artifact, Secrets: pinned}
	s.Digest = providers.SpecDigest(providers.ConfigDigest(fn, pinned), artifact.ZipDigest)
	r, err := acc.a.Publish(ctx, s, 0)
	acc.must(err)
	from, err := acc.a.Status(ctx, fn.Name)
	acc.must(err)
	ch := providers.Change{Spec: s, From: from, To: &r}
	acc.activate(ch)
	return ch
}

func (acc *account) activate(ch providers.Change) {
	acc.t.Helper()
	_, err := acc.a.Activate(acc.context(), ch)
	acc.must(err)
	acc.must(acc.a.Bind(acc.context(), ch.Spec, providers.BindEnabled, 0))
}

// effect is what serves in an account: the version that is live and all that hangs on the function. What only says
// what it was made of is left out, and what is new in each account.
func (acc *account) effect(fn string) string {
	acc.t.Helper()
	a, err := acc.c.alias(acc.context(), fn)
	acc.must(err)
	physical := acc.a.functionName(fn)
	var all []string
	for line := range strings.Lines(acc.Snapshot()) {
		switch kind, rest, _ := strings.Cut(line, " "); {
		case kind == "version" && strings.HasPrefix(rest, physical+":"+*a.FunctionVersion+" "):
			all = append(all, "what serves"+strings.TrimPrefix(rest, physical+":"+*a.FunctionVersion))
		case kind == "version", kind == "alias":
		case kind == "function":
			draft := json.NewDecoder(strings.NewReader(strings.TrimPrefix(rest, physical+" ")))
			acc.must(draft.Decode(new(json.RawMessage)))
			all = append(all, "around it"+strings.TrimPrefix(rest, physical+" ")[draft.InputOffset():])
		default:
			all = append(all, line)
		}
	}
	text := strings.NewReplacer( // both mean the same
		`"VpcConfig":{"Ipv6AllowedForDualStack":false,"SecurityGroupIds":[],"SubnetIds":[],"VpcId":""}`, `"VpcConfig":null`, `"} [] {`, `"} {`, `STREAM" {}`, `STREAM"`, `BUFFERED" {}`, `BUFFERED"`,
		`"VpcConfig":{"Ipv6AllowedForDualStack":false,"SecurityGroupIds":null,"SubnetIds":null,"VpcId":""}`, `"VpcConfig":null`,
	).Replace(strings.Join(all, ""))
	labels := regexp.MustCompile(`ferry sha256:\w+ settings=\w+(?: role=\w+)?|sha256:[0-9a-f]{64}|"ferry:settings":"\w+"|made by ferry for [^"]*|:secret:shop/one-\w{6}|` +
		`:secret:shop/two-\w{6}|127\.0\.0\.1:\d+`)
	return labels.ReplaceAllStringFunc(text, func(found string) string {
		if name, _, isSecret := strings.Cut(found, "-"); isSecret && strings.HasPrefix(found, ":secret:") {
			return name
		}
		return "•"
	})
}

// says reports whether Check says something about a leaf that it did not say before.
func says(a *Adapter, before, after manifest.Function, leaf string) bool {
	field := strings.Replace(leaf, "config.", "aws.", 1)
	known := a.Check(before)
	return slices.ContainsFunc(a.Check(after), func(i providers.Issue) bool {
		about := i.Field == field || strings.HasPrefix(i.Field, field+".") || strings.HasPrefix(field, i.Field+".")
		return about && i.From.IsZero() && !slices.Contains(known, i)
	})
}

func TestEveryLeafOfTheManifestHasAnEffectOrAnIssueAndComesBackWithARollback(t *testing.T) {
	t.Parallel()
	needs(t)
	leaves, others := leavesOf(reflect.TypeFor[manifest.Function](), ""), otherLeaves()
	known := slices.Concat(slices.Collect(maps.Keys(others)), slices.Collect(maps.Keys(elsewhere())))
	slices.Sort(known)
	slices.Sort(leaves)
	equal(t, "the leaves that are tried", known, leaves)
	for _, i := range leafAccount(t).a.Check(with(t, nil)) {
		if i.From.IsZero() {
			t.Fatalf("everyLeaf is not legal: %+v", i)
		}
	}
	for _, leaf := range leaves {
		if _, silent := elsewhere()[leaf]; silent {
			continue
		}
		t.Run(leaf, func(t *testing.T) {
			change := map[string]string{leaf: others[leaf]}
			maps.Copy(change, besides(leaf))
			takesEffect(t, leaf, with(t, besides(leaf)), with(t, change))
		})
	}
}

// takesEffect checks that a change of a leaf shows at AWS, or in an Issue; that changing it ends as beginning with it
// does; and that a rollback brings back what was.
func takesEffect(t *testing.T, leaf string, before, after manifest.Function) {
	t.Helper()
	acc := leafAccount(t)
	if says(acc.a, before, after, leaf) {
		return
	}
	acc.changes(leaf, before, after)
}

// slowly is takesEffect at an AWS that takes its time over every change.
func slowly(t *testing.T, leaf string, before, after manifest.Function) {
	t.Helper()
	acc := leafAccount(t)
	acc.PendingPolls(2)
	acc.UpdatingPolls(2)
	acc.changes(leaf, before, after)
}

func (acc *account) changes(leaf string, before, after manifest.Function) {
	t := acc.t
	t.Helper()
	fresh := leafAccount(t)
	fresh.a.service = acc.a.service
	first := acc.release(before)
	was := acc.effect("all")
	acc.release(after)
	is := acc.effect("all")
	if was == is {
		t.Fatalf("it changes nothing:\n%s", is)
	}
	fresh.release(after)
	want := fresh.effect("all")
	if leaf == "config.role" { // a rollback needs the one that ferry made
		made := regexp.MustCompile(`(?m)^role ` + acc.a.roleName("all") + ` .*\n`)
		is = made.ReplaceAllString(is, "")
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(is, "\n")); diff != "" {
		t.Errorf("changing it is not the same as beginning with it (-new +changed):\n%s", diff)
	}
	now, err := acc.a.Status(t.Context(), "all")
	acc.must(err)
	first.From = now
	acc.activate(first)
	if diff := cmp.Diff(strings.Split(was, "\n"), strings.Split(acc.effect("all"), "\n")); diff != "" {
		t.Errorf("a rollback does not bring it back (-was +is):\n%s", diff)
	}
}

// eventsWithout are the events of everyLeaf but one.
func eventsWithout(t *testing.T, changes map[string]string, i int) string {
	t.Helper()
	data, err := json.Marshal(slices.Delete(with(t, changes).Events, i, i+1))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestASettingThatIsTakenAwayIsGoneAtAWS(t *testing.T) {
	t.Parallel()
	needs(t)
	full := otherLeaves()
	for leaf := range full {
		if strings.HasPrefix(leaf, "build.") || leaf == "config.role" {
			delete(full, leaf)
		}
	}
	gone := map[string]string{
		"config": "null", "events": "null", "scaling.min": "0", "scaling.max": "0",
		"events[4]": eventsWithout(t, full, 4), "events[3]": eventsWithout(t, full, 3), "events[2]": eventsWithout(t, full, 2),
		"events[1]": eventsWithout(t, full, 1), "events[0]": eventsWithout(t, full, 0),
	}
	for _, leaf := range []string{
		"architecture", "env", "secrets", "events[0].http.cors", "events[0].http.cors.origins", "events[0].http.cors.headers",
		"events[0].http.cors.methods", "events[0].http.cors.max_age", "events[0].http.methods", "events[4].object.prefix", "events[4].object.suffix",
		"config.policies", "config.layers", "config.ephemeral_storage", "config.tracing", "config.dead_letter", "config.vpc",
		"config.response_stream", "config.log_retention", "config.tags", "config.scheduler_role", "config.permissions_boundary",
	} {
		gone[leaf] = "null"
	}
	for _, leaf := range slices.Sorted(maps.Keys(gone)) {
		t.Run(leaf, func(t *testing.T) {
			change := maps.Clone(full)
			path := regexp.MustCompile(`^events\[\d\]$`).ReplaceAllString(leaf, "events")
			maps.DeleteFunc(change, func(other, _ string) bool {
				return strings.HasPrefix(other, path+".") || path == "events" && strings.HasPrefix(other, path)
			})
			change[path] = gone[leaf]
			takesEffect(t, leaf, with(t, full), with(t, change))
		})
	}
}

func TestWhatOnlyOthersReadChangesNothingAtAWS(t *testing.T) {
	others := map[string]string{"masked": `[]`, "varying": `[]`, "health.status": `201`, "health.timeout": `"6s"`}
	acc := leafAccount(t)
	acc.release(with(t, nil))
	was := acc.effect("all")
	for _, leaf := range slices.Sorted(maps.Keys(others)) {
		acc.release(with(t, map[string]string{leaf: others[leaf]}))
		if diff := cmp.Diff(strings.Split(was, "\n"), strings.Split(acc.effect("all"), "\n")); diff != "" {
			t.Errorf("%s (-was +is):\n%s", leaf, diff)
		}
	}
}

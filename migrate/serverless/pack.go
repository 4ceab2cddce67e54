package serverless

import (
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
)

// pack reads what goes into packages. ferry packs what the code needs, so that patterns only add or leave out.
func (r *reader) pack(n *foreign.Node, d *draft.Function, at string) {
	b := &draft.Build{}
	if d.Build != nil {
		b = d.Build
	}
	for _, e := range n.Entries() {
		switch e.Key {
		case "patterns", "include":
			for _, item := range e.Value.Items() {
				r.pattern(item, b, at)
			}
		case "exclude":
			for _, item := range e.Value.Items() {
				if text, ok := item.Text(); ok {
					b.Exclude = append(b.Exclude, text)
					item.Map(at + ".build.exclude")
				}
			}
		case "artifact":
			e.Value.Lose("a ready archive is deployed by ferry deploy --from, and made by ferry package")
		default:
			e.Value.Drop("ferry packs each function by itself, with what its code needs")
		}
	}
	if len(b.Include) > 0 || len(b.Exclude) > 0 {
		d.Build = b
	}
}

func (r *reader) pattern(n *foreign.Node, b *draft.Build, at string) {
	text, ok := n.Text()
	if !ok {
		return
	}
	text = strings.TrimPrefix(text, "./")
	rest, out := strings.CutPrefix(text, "!")
	rest = strings.TrimPrefix(rest, "./")
	switch {
	case strings.HasPrefix(rest, "../"):
		n.Lose("it lies outside the service's folder")
	case strings.Contains(rest, "node_modules"), rest == "**", rest == "**/*":
		n.Drop("ferry packs what the code needs by itself")
	case out:
		b.Exclude = append(b.Exclude, rest)
		n.Map(at + ".build.exclude")
	default:
		b.Include = append(b.Include, rest)
		n.Map(at + ".build.include")
	}
}

// plugins says what becomes of each plugin.
func (r *reader) plugins(n *foreign.Node) {
	list := n
	if n.Is(foreign.Map) {
		list = n.Get("modules")
		if local := n.Get("localPath"); local != nil {
			local.Drop("ferry runs no plugins")
		}
	}
	for _, item := range list.Items() {
		name, ok := item.Text()
		switch reason, serves := plugin(name); {
		case !ok:
		case serves:
			item.Lose(reason)
		default:
			item.Drop(reason)
		}
	}
}

// plugin is what ferry does instead of a plugin, and whether something that serves is lost with it.
func plugin(name string) (reason string, serves bool) {
	switch name {
	case "serverless-esbuild", "serverless-webpack", "serverless-plugin-typescript", "serverless-bundle",
		"serverless-plugin-optimize", "serverless-jetpack", "serverless-plugin-include-dependencies", "serverless-rspack",
		"serverless-package-typescript":
		return "ferry bundles by itself", false
	case "serverless-offline", "serverless-offline-sqs", "serverless-offline-sns", "serverless-s3-local",
		"serverless-dynamodb-local", "serverless-localstack", "serverless-offline-scheduler", "serverless-dynamodb":
		return "the target local runs the functions on this machine", false
	case "serverless-python-requirements", "serverless-go-plugin", "serverless-plugin-common-excludes", "serverless-prune-plugin",
		"serverless-prune-versions", "serverless-plugin-split-stacks", "serverless-deployment-bucket", "serverless-s3-cleaner":
		return "ferry does this by itself", false
	case "serverless-wsgi":
		return "the style wsgi calls the application", false
	case "serverless-dotenv-plugin":
		return "ferry reads no .env file: set the variables that ${env:NAME} names", false
	case "serverless-domain-manager":
		return "ferry makes no domains: point the name at the function's address", true
	case "serverless-iam-roles-per-function":
		return "ferry makes a role for each function; its rights are named in aws.policies", false
	case "serverless-step-functions":
		return "state machines are deployed with another tool", true
	case "serverless-plugin-warmup":
		return "scaling.min keeps instances warm", false
	case "serverless-google-cloudfunctions", "serverless-azure-functions":
		return "the target's provider says where functions run", false
	}
	return "ferry runs no plugins: what " + foreign.Plain(name) + " adds is not carried", true
}

package cloudformation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// shared are the properties that globals have for all functions, and each function for itself.
func (r *reader) shared(d *draft.Function, at string) map[string]func(*foreign.Node) {
	in := func(read func(n *foreign.Node, d *draft.Function, at string)) func(*foreign.Node) {
		return func(n *foreign.Node) { read(n, d, at) }
	}
	return map[string]func(*foreign.Node){
		"MemorySize":  in(r.settings.Memory),
		"Timeout":     in(r.settings.Timeout),
		"Environment": func(n *foreign.Node) { r.environment(n.Get("Variables"), d, at) },
		"Layers":      func(n *foreign.Node) { r.settings.List(n, d.Block("aws"), "layers", at+".aws.layers") },
		"VpcConfig":   func(n *foreign.Node) { r.vpc(n, d, at) },
		"Tags":        foreign.Seen(in(r.settings.Tags)),
		"Tracing": func(n *foreign.Node) {
			if text, ok := r.text(n); ok && text == "Active" {
				d.Block("aws").Set("tracing", "active")
			}
			n.Map(at + ".aws.tracing")
		},
		"TracingConfig": func(n *foreign.Node) {
			if n.Get("Mode").Raw() == "Active" {
				d.Block("aws").Set("tracing", "active")
			}
			n.Map(at + ".aws.tracing")
		},
		"Architectures":    in(r.settings.Architecture),
		"EphemeralStorage": func(n *foreign.Node) { r.settings.Storage(n.Get("Size"), d, at) },
		"Runtime":          in(r.settings.Runtime),
	}
}

// environment reads variables. A secret in the open becomes a reference, and its value is left behind.
func (r *reader) environment(n *foreign.Node, d *draft.Function, at string) {
	for _, e := range n.Entries() {
		if strings.HasPrefix(e.Key, "FERRY_") { // of a template that ferry wrote
			r.ours(e.Key, e.Value, d, at)
			continue
		}
		text, ok := r.text(e.Value)
		switch {
		case e.Value.Is(foreign.Null):
			e.Value.Drop("it has no value")
		case !ok && strings.Contains(text, "{{resolve:"), ok && strings.HasPrefix(text, "{{resolve:"), ok && lambda.Secret(e.Key, text):
			name := lambda.SecretName(e.Key)
			lambda.SecretVariable(d, at, e.Key, name, e.Value)
			r.note(fmt.Sprintf("set the secret %s with `ferry secrets set %s`: its value is not copied", name, name))
		case ok:
			lambda.PlainVariable(d, at, e.Key, text, e.Value)
		}
	}
}

// ours reads a variable that ferry sets by itself: the references of secrets are secrets again.
func (r *reader) ours(name string, n *foreign.Node, d *draft.Function, at string) {
	var references map[string]string
	if name != "FERRY_SECRETS" || json.Unmarshal([]byte(n.Raw()), &references) != nil {
		n.Drop("ferry sets it by itself")
		return
	}
	for _, variable := range slices.Sorted(maps.Keys(references)) {
		_, secret, _ := strings.Cut(references[variable], ":")
		secret, _, _ = strings.Cut(secret, "#")
		lambda.SecretVariable(d, at, variable, secret, n)
	}
	n.Map(at + ".secrets")
}

func (r *reader) vpc(n *foreign.Node, d *draft.Function, at string) {
	n.Get("VpcId").Drop("it follows from the subnets")
	n.Get("Ipv6AllowedForDualStack").Drop("it is a setting of AWS that ferry leaves as it is")
	r.settings.Network(n.Get("SubnetIds"), n.Get("SecurityGroupIds"), d, at)
}

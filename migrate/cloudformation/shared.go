package cloudformation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// shared are the properties that globals have for all functions, and each function for itself.
func (r *reader) shared(d *draft.Function, at string) map[string]func(*foreign.Node) {
	whole := func(field *string, key, suffix string) func(*foreign.Node) {
		return func(n *foreign.Node) {
			if i, ok := r.number(n); ok {
				*field = strconv.Itoa(i) + suffix
				n.Map(at + "." + key)
			}
		}
	}
	return map[string]func(*foreign.Node){
		"MemorySize":  whole(&d.Memory, "memory", "MB"),
		"Timeout":     whole(&d.Timeout, "timeout", "s"),
		"Environment": func(n *foreign.Node) { r.environment(n.Get("Variables"), d, at) },
		"Layers":      func(n *foreign.Node) { r.list(n, d.Block("aws"), "layers", at+".aws.layers") },
		"VpcConfig":   func(n *foreign.Node) { r.vpc(n, d, at) },
		"Tags":        foreign.Seen(func(n *foreign.Node) { r.tags(n, d, at) }),
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
		"Architectures": func(n *foreign.Node) {
			for _, item := range n.Items() {
				text, ok := r.text(item)
				if d.Architecture = lambda.Architecture(text); d.Architecture != "" {
					item.Map(at + ".architecture")
				} else if ok {
					item.Lose("ferry does not know this architecture")
				}
			}
		},
		"EphemeralStorage": func(n *foreign.Node) {
			if i, ok := r.number(n.Get("Size")); ok {
				d.Block("aws").Set("ephemeral_storage", fmt.Sprintf("%dMB", i))
				n.Map(at + ".aws.ephemeral_storage")
			}
		},
		"Runtime": func(n *foreign.Node) {
			text, ok := r.text(n)
			if !ok {
				return
			}
			runtime, reason := lambda.Runtime(text, r.dir)
			if reason != "" {
				n.Lose(reason)
				return
			}
			d.Runtime = runtime
			n.Map(at + ".runtime")
		},
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

// list puts a list of texts into a block. An item that is not known is lost.
func (r *reader) list(n *foreign.Node, block *draft.Settings, key, to string) {
	var texts []string
	for _, item := range n.Items() {
		if text, ok := r.text(item); ok {
			texts = append(texts, text)
			item.Map(to)
		}
	}
	if len(texts) > 0 {
		block.Set(key, texts)
	}
}

func (r *reader) vpc(n *foreign.Node, d *draft.Function, at string) {
	var network draft.Settings
	n.Get("VpcId").Drop("it follows from the subnets")
	n.Get("Ipv6AllowedForDualStack").Drop("it is a setting of AWS that ferry leaves as it is")
	r.list(n.Get("SubnetIds"), &network, "subnets", at+".aws.vpc.subnets")
	r.list(n.Get("SecurityGroupIds"), &network, "security_groups", at+".aws.vpc.security_groups")
	if len(network) == 2 {
		d.Block("aws").Set("vpc", network.Map())
		return
	}
	if len(n.Get("SubnetIds").Items())+len(n.Get("SecurityGroupIds").Items()) == 0 {
		return
	}
	n.Get("SubnetIds").Lose("a network is subnets and security groups by their ids: write them in aws.vpc")
	n.Get("SecurityGroupIds").Lose("a network is subnets and security groups by their ids: write them in aws.vpc")
}

func (r *reader) tags(n *foreign.Node, d *draft.Function, at string) {
	tags := map[string]string{}
	for _, e := range n.Entries() {
		if text, ok := r.text(e.Value); ok {
			tags[e.Key] = text
			e.Value.Map(at + ".aws.tags")
		}
	}
	if n.Is(foreign.List) {
		n.Lose("write the tags in aws.tags")
	}
	if len(tags) > 0 {
		d.Block("aws").Set("tags", tags)
	}
}

// number is a whole number that is known here.
func (r *reader) number(n *foreign.Node) (int, bool) {
	if n == nil {
		return 0, false
	}
	text, ok := r.text(n)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(text)
	if err != nil {
		n.Lose("a whole number is expected here")
	}
	return i, err == nil
}

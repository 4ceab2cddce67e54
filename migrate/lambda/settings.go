package lambda

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
)

// Settings reads what a function has, or all have, in every tool of AWS. Where it is in the manifest is said by at.
type Settings struct {
	Dir  string                             // where the code lies
	Text func(*foreign.Node) (string, bool) // a text that is known here; else it says that it is lost
}

// Runtime is what runs the code.
func (s Settings) Runtime(n *foreign.Node, d *draft.Function, at string) {
	text, ok := s.Text(n)
	if !ok {
		return
	}
	runtime, reason := Runtime(text, s.Dir)
	if reason != "" {
		n.Lose(reason)
		return
	}
	d.Runtime = runtime
	n.Map(at + ".runtime")
}

// Memory is in megabytes.
func (s Settings) Memory(n *foreign.Node, d *draft.Function, at string) {
	if i, ok := s.Number(n); ok {
		d.Memory = strconv.Itoa(i) + "MB"
		n.Map(at + ".memory")
	}
}

// Timeout is in seconds.
func (s Settings) Timeout(n *foreign.Node, d *draft.Function, at string) {
	if i, ok := s.Number(n); ok {
		d.Timeout = strconv.Itoa(i) + "s"
		n.Map(at + ".timeout")
	}
}

// Storage is the size of the temporary folder in megabytes.
func (s Settings) Storage(n *foreign.Node, d *draft.Function, at string) {
	if i, ok := s.Number(n); ok {
		d.Block("aws").Set("ephemeral_storage", fmt.Sprintf("%dMB", i))
		n.Map(at + ".aws.ephemeral_storage")
	}
}

// Architecture is an instruction set, or a list with one.
func (s Settings) Architecture(n *foreign.Node, d *draft.Function, at string) {
	for _, item := range n.Items() {
		text, ok := s.Text(item)
		if d.Architecture = Architecture(text); d.Architecture != "" {
			item.Map(at + ".architecture")
		} else if ok {
			item.Lose("ferry does not know this architecture")
		}
	}
}

// Network is where the function is in a VPC.
func (s Settings) Network(subnets, groups *foreign.Node, d *draft.Function, at string) {
	var network draft.Settings
	s.List(subnets, &network, "subnets", at+".aws.vpc.subnets")
	s.List(groups, &network, "security_groups", at+".aws.vpc.security_groups")
	switch {
	case len(network) == 2:
		d.Block("aws").Set("vpc", network.Map())
	case len(subnets.Items())+len(groups.Items()) > 0:
		const reason = "a network is subnets and security groups by their ids: write them in aws.vpc"
		subnets.Lose(reason)
		groups.Lose(reason)
	}
}

// Tags are a map, which a list in the form of CloudFormation is not.
func (s Settings) Tags(n *foreign.Node, d *draft.Function, at string) {
	tags := map[string]string{}
	for _, e := range n.Entries() {
		if text, ok := s.Text(e.Value); ok {
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

// List puts a list of texts into a block. An item that is not known is lost.
func (s Settings) List(n *foreign.Node, block *draft.Settings, key, to string) {
	var texts []string
	for _, item := range n.Items() {
		if text, ok := s.Text(item); ok {
			texts = append(texts, text)
			item.Map(to)
		}
	}
	if len(texts) > 0 {
		block.Set(key, texts)
	}
}

// Number is a whole number that is known here.
func (s Settings) Number(n *foreign.Node) (int, bool) {
	if n == nil {
		return 0, false
	}
	text, ok := s.Text(n)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		n.Lose("a whole number is expected here")
	}
	return i, err == nil
}

package aws

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// ownAccount stands for the account's number in texts of a template. No text of a user holds it.
const ownAccount = "\x00"

// block is a map of a template, whose order stays.
type block []entry

type entry struct {
	key   string
	value any
}

// reference is an intrinsic function of CloudFormation with its argument.
type reference struct{ function, of string }

func refer(function, of string) reference { return reference{function, of} }

// logicalID is a name as ids in templates are written.
func logicalID(name string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// yaml is the block as a file.
func (b block) yaml() ([]byte, error) {
	root, err := nodeOf(b)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	dumper, err := yaml.NewDumper(&text, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, err
	}
	if err := dumper.Dump(root); err != nil {
		return nil, err
	}
	return text.Bytes(), dumper.Close()
}

// nodeOf is a value of a template.
func nodeOf(value any) (*yaml.Node, error) {
	switch v := value.(type) {
	case block:
		return v.node()
	case reference:
		tag := "!" + strings.TrimPrefix(v.function, "Fn::")
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v.of}, nil
	case map[string]string:
		var sorted block
		for _, key := range slices.Sorted(maps.Keys(v)) {
			sorted = append(sorted, entry{key, v[key]})
		}
		return sorted.node()
	case []string:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return nodeOf(list)
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range v {
			one, err := nodeOf(item)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, one)
		}
		return n, nil
	case string:
		return textNode(v)
	}
	var n yaml.Node
	return &n, n.Encode(value)
}

func (b block) node() (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, e := range b {
		key, err := textNode(e.key)
		if err != nil {
			return nil, err
		}
		value, err := nodeOf(e.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.key, err)
		}
		n.Content = append(n.Content, key, value)
	}
	return n, nil
}

// textNode is a text, in which CloudFormation puts the account's number where that stands.
func textNode(text string) (*yaml.Node, error) {
	if strings.Contains(text, ownAccount) {
		text = strings.NewReplacer("${", "${!", ownAccount, "${AWS::AccountId}").Replace(text)
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!Sub", Value: text}, nil
	}
	var n yaml.Node
	return &n, n.Encode(text)
}

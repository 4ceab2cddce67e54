package gcp

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// terms is what stands between the braces of a block of Terraform, in its order.
type terms []attribute

// attribute is a value, or a block where the value is a terms.
type attribute struct {
	name  string
	value any // a string, an int, a bool, an expression, a map or list of strings, or a terms
}

// expression is written as it is.
type expression string

// resource is a block of the top with its labels, such as resource "google_service_account" "api".
func resource(b *strings.Builder, of terms, labels ...string) {
	b.WriteString(labels[0])
	for _, l := range labels[1:] {
		fmt.Fprintf(b, " %q", l)
	}
	b.WriteString(" {\n")
	of.write(b, "  ")
	b.WriteString("}\n\n")
}

func (of terms) write(b *strings.Builder, indent string) {
	for _, a := range of {
		if inner, block := a.value.(terms); block {
			fmt.Fprintf(b, "%s%s {\n", indent, a.name)
			inner.write(b, indent+"  ")
			fmt.Fprintf(b, "%s}\n", indent)
			continue
		}
		fmt.Fprintf(b, "%s%s = %s\n", indent, a.name, written(a.value, indent))
	}
}

func written(value any, indent string) string {
	switch v := value.(type) {
	case expression:
		return string(v)
	case string:
		return hclText(v)
	case []string:
		all := make([]string, len(v))
		for i := range v {
			all[i] = hclText(v[i])
		}
		return "[" + strings.Join(all, ", ") + "]"
	case []expression:
		all := make([]string, len(v))
		for i := range v {
			all[i] = string(v[i])
		}
		return "[" + strings.Join(all, ", ") + "]"
	case map[string]string:
		var b strings.Builder
		b.WriteString("{\n")
		for _, key := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "%s  %s = %s\n", indent, hclText(key), hclText(v[key]))
		}
		return b.String() + indent + "}"
	}
	return fmt.Sprint(value)
}

// hclText is a text of which Terraform takes nothing for a template.
func hclText(text string) string {
	text = strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch r {
		case '"', '\\':
			b.WriteString(`\` + string(r))
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			if r < ' ' {
				fmt.Fprintf(&b, `\u%04x`, r)
				continue
			}
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// label is a name as labels of Terraform are written.
func label(words ...string) string {
	text := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(strings.Join(words, "_")))
	return text
}

func number[N int | int64](n N) expression { return expression(strconv.FormatInt(int64(n), 10)) }

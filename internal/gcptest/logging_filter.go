package gcptest

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// filter says whether an entry is wanted.
type filter func(fields map[string]any) bool

// parseFilter reads the part of Logging's query language that tools write: comparisons that are joined by AND, OR, NOT, line
// breaks and parentheses. https://cloud.google.com/logging/docs/view/logging-query-language
func parseFilter(text string) (filter, error) {
	p := &filterParser{tokens: filterToken.FindAllString(text, -1)}
	if strings.TrimSpace(text) == "" {
		return func(map[string]any) bool { return true }, nil
	}
	f, err := p.either()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("syntax error at token %q", p.tokens[0])
	}
	if err != nil {
		return nil, refuse(codeInvalidArgument, "Unparseable filter: %v", err)
	}
	return f, nil
}

var filterToken = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[()]|!=|>=|<=|=~|!~|[=<>:]|[^\s()=<>:!"]+(?:"[^"]*")?|\S`)

type filterParser struct{ tokens []string }

func (p *filterParser) take(token string) bool {
	if len(p.tokens) > 0 && p.tokens[0] == token {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *filterParser) either() (filter, error) {
	left, err := p.all()
	for err == nil && p.take("OR") {
		var right filter
		one := left
		right, err = p.all()
		left = func(e map[string]any) bool { return one(e) || right(e) }
	}
	return left, err
}

// all reads terms that stand one after the other, with AND between them or nothing.
func (p *filterParser) all() (filter, error) {
	left, err := p.term()
	for err == nil && (p.take("AND") || len(p.tokens) > 0 && p.tokens[0] != "OR" && p.tokens[0] != ")") {
		var right filter
		one := left
		right, err = p.term()
		left = func(e map[string]any) bool { return one(e) && right(e) }
	}
	return left, err
}

func (p *filterParser) term() (filter, error) {
	switch {
	case p.take("NOT") || p.take("-"):
		f, err := p.term()
		return func(e map[string]any) bool { return !f(e) }, err
	case p.take("("):
		f, err := p.either()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return f, err
	case len(p.tokens) > 3 && p.tokens[0] == "log_id" && p.tokens[1] == "(" && p.tokens[3] == ")":
		id := unquote(p.tokens[2])
		p.tokens = p.tokens[4:]
		return func(e map[string]any) bool {
			_, is, _ := strings.Cut(lookUp(e, []string{"logName"}), "/logs/")
			return is == url.PathEscape(id)
		}, nil
	case len(p.tokens) < 3:
		return nil, fmt.Errorf("syntax error at the end")
	}
	field, op, value := p.tokens[0], p.tokens[1], unquote(p.tokens[2])
	p.tokens = p.tokens[3:]
	if !slices.Contains([]string{"=", "!=", ">", ">=", "<", "<=", ":", "=~", "!~"}, op) {
		return nil, fmt.Errorf("syntax error at token %q", op)
	}
	if field == "timestamp" || field == "receiveTimestamp" {
		if _, err := time.Parse(time.RFC3339Nano, value); err != nil {
			return nil, fmt.Errorf("invalid timestamp %q", value)
		}
	}
	path := pathOf(field)
	return func(e map[string]any) bool { return compare(lookUp(e, path), path[0], op, value) }, nil
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' {
		return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
	}
	return s
}

var pathPart = regexp.MustCompile(`"[^"]*"|[^."]+`)

func pathOf(field string) []string {
	parts := pathPart.FindAllString(field, -1)
	for i := range parts {
		parts[i] = unquote(parts[i])
		if i == 0 {
			parts[i] = camel(parts[i])
		}
	}
	return parts
}

func lookUp(fields map[string]any, path []string) string {
	var at any = fields
	for _, part := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return ""
		}
		at = m[part]
	}
	if at == nil {
		return ""
	}
	return fmt.Sprint(at)
}

func compare(is, field, op, value string) bool {
	var order int
	switch field {
	case "timestamp", "receiveTimestamp":
		order = compareTimes(is, value)
	case "severity":
		order = slices.Index(severities, cmp.Or(is, "DEFAULT")) - slices.Index(severities, strings.ToUpper(value))
	default:
		order = strings.Compare(is, value)
	}
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ":":
		return strings.Contains(strings.ToLower(is), strings.ToLower(value))
	}
	matched, err := regexp.MatchString(value, is)
	return err == nil && matched == (op == "=~")
}

package azuretest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// columns are those of the tables, in the order in which a query without a projection gives them.
func columns() []string {
	return []string{
		"TenantId", "TimeGenerated", "Message", "OuterMessage", "SeverityLevel", "Properties", "Name", "Url", "ResultCode", "Success", "DurationMs", "OperationName", "OperationId", "AppRoleName", "AppRoleInstance",
		"Type", "_ItemId", "_ResourceId",
	}
}

// runKQL runs a query of the forms that a reader of logs needs: tables or a union of them, where, order by, project, extend of a column, take.
//
// Source: learn.microsoft.com/kusto/query, each operator's page.
func runKQL(query string, rows []object) ([]string, []object, error) {
	parts := split(query, "|")
	tables, ok := strings.CutPrefix(strings.TrimSpace(parts[0]), "union ")
	if !ok {
		tables = strings.TrimSpace(parts[0])
	}
	var found []object
	for table := range strings.SplitSeq(tables, ",") {
		name := strings.TrimSpace(table)
		if !slices.Contains([]string{"AppTraces", "AppRequests", "AppExceptions"}, name) {
			return nil, nil, fmt.Errorf("'%s' is no table", name)
		}
		for _, row := range rows {
			if row["Type"] == name {
				found = append(found, row)
			}
		}
	}
	shown := columns()
	for _, part := range parts[1:] {
		var err error
		if shown, found, err = step(strings.TrimSpace(part), shown, found); err != nil {
			return nil, nil, err
		}
	}
	return shown, found, nil
}

func step(part string, shown []string, rows []object) ([]string, []object, error) {
	word, rest, _ := strings.Cut(part, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "where":
		p := &predicate{tokens: tokens.FindAllString(rest, -1)}
		keep, err := p.either()
		if err == nil && len(p.tokens) > 0 {
			err = fmt.Errorf("cannot read %q", strings.Join(p.tokens, " "))
		}
		if err != nil {
			return nil, nil, err
		}
		return shown, slices.DeleteFunc(slices.Clone(rows), func(row object) bool { return !keep(row) }), nil
	case "order", "sort":
		return shown, ordered(strings.TrimSpace(strings.TrimPrefix(rest, "by")), rows), nil
	case "take", "limit":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return nil, nil, err
		}
		return shown, rows[:min(n, len(rows))], nil
	case "project", "extend":
		return project(word, rest, shown, rows)
	}
	return nil, nil, fmt.Errorf("the operator %q is not known here", word)
}

func ordered(by string, rows []object) []object {
	out := slices.Clone(rows)
	slices.SortStableFunc(out, func(a, b object) int {
		for term := range strings.SplitSeq(by, ",") {
			name, way, _ := strings.Cut(strings.TrimSpace(term), " ")
			n := compare(a[name], b[name])
			if strings.TrimSpace(way) != "asc" {
				n = -n // the default of Kusto is descending
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	return out
}

func project(word, rest string, shown []string, rows []object) ([]string, []object, error) {
	names := []string{}
	if word == "extend" {
		names = slices.Clone(shown)
	}
	from := map[string][]string{}
	for _, term := range split(rest, ",") {
		name, source, renamed := strings.Cut(strings.TrimSpace(term), "=")
		name, source = strings.TrimSpace(name), strings.TrimSpace(source)
		if !renamed {
			source = name
		}
		for _, of := range []string{"tostring(", "coalesce("} {
			if inner, called := strings.CutPrefix(source, of); called {
				source = strings.TrimSuffix(inner, ")")
			}
		}
		from[name] = nil
		for one := range strings.SplitSeq(source, ",") {
			one = strings.TrimSpace(one)
			if !slices.Contains(shown, one) {
				return nil, nil, fmt.Errorf("there is no column '%s'", one)
			}
			from[name] = append(from[name], one)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var out []object
	for _, row := range rows {
		line := object{}
		for _, name := range names {
			sources, ok := from[name]
			if !ok {
				sources = []string{name}
			}
			for _, source := range sources { // the first that says something
				if value := row[source]; value != nil && value != "" {
					line[name] = value
					break
				}
			}
		}
		out = append(out, line)
	}
	return names, out, nil
}

// split cuts at a separator that stands in no string and no parentheses.
func split(s, at string) []string {
	var parts []string
	depth, begin := 0, 0
	quote := rune(0)
	for i, r := range s {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '(':
			depth++
		case r == ')':
			depth--
		case depth == 0 && string(r) == at:
			parts = append(parts, s[begin:i])
			begin = i + 1
		}
	}
	return append(parts, s[begin:])
}

var tokens = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|datetime\([^)]*\)|ago\([^)]*\)|isnotempty|isempty|!=|=~|!~|==|>=|<=|in~|!has|[()<>,]|[A-Za-z_][A-Za-z0-9_]*|-?\d+(?:\.\d+)?`)

// predicate reads a condition.
type predicate struct{ tokens []string }

type condition func(object) bool

func (p *predicate) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *predicate) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *predicate) either() (condition, error) {
	left, err := p.all()
	for err == nil && p.peek() == "or" {
		p.next()
		var right condition
		first := left
		right, err = p.all()
		left = func(row object) bool { return first(row) || right(row) }
	}
	return left, err
}

func (p *predicate) all() (condition, error) {
	left, err := p.one()
	for err == nil && p.peek() == "and" {
		p.next()
		var right condition
		first := left
		right, err = p.one()
		left = func(row object) bool { return first(row) && right(row) }
	}
	return left, err
}

func (p *predicate) one() (condition, error) {
	word := p.next()
	switch word {
	case "(":
		inner, err := p.either()
		if err == nil && p.next() != ")" {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return inner, err
	case "isnotempty", "isempty":
		p.next()
		name := p.next()
		p.next()
		return func(row object) bool {
			return (row[name] == nil || row[name] == "") == (word == "isempty")
		}, nil
	}
	if !slices.Contains(columns(), word) {
		return nil, fmt.Errorf("there is no column '%s'", word)
	}
	operator := p.next()
	if operator == "in" || operator == "in~" {
		return p.oneOf(word, operator)
	}
	want, err := value(p.next())
	if err != nil {
		return nil, err
	}
	test, ok := comparisons()[operator]
	if !ok {
		return nil, fmt.Errorf("the operator %q is not known here", operator)
	}
	return func(row object) bool { return test(row[word], want) }, nil
}

func (p *predicate) oneOf(name, operator string) (condition, error) {
	var wanted []any
	for t := p.next(); t != ")"; t = p.next() {
		if t == "" {
			return nil, fmt.Errorf("a parenthesis is not closed")
		}
		if t == "(" || t == "," {
			continue
		}
		want, err := value(t)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, want)
	}
	same := comparisons()[map[string]string{"in": "==", "in~": "=~"}[operator]]
	return func(row object) bool {
		return slices.ContainsFunc(wanted, func(want any) bool { return same(row[name], want) })
	}, nil
}

func comparisons() map[string]func(a, b any) bool {
	words := func(a, b any) (string, string) { return lower(fmt.Sprint(a)), lower(fmt.Sprint(b)) }
	return map[string]func(a, b any) bool{
		"==": func(a, b any) bool { return compare(a, b) == 0 }, "!=": func(a, b any) bool { return compare(a, b) != 0 },
		"=~": func(a, b any) bool { x, y := words(a, b); return x == y }, "!~": func(a, b any) bool { x, y := words(a, b); return x != y },
		">": func(a, b any) bool { return compare(a, b) > 0 }, ">=": func(a, b any) bool { return compare(a, b) >= 0 },
		"<": func(a, b any) bool { return compare(a, b) < 0 }, "<=": func(a, b any) bool { return compare(a, b) <= 0 },
		"contains": func(a, b any) bool { x, y := words(a, b); return strings.Contains(x, y) },
		"has":      func(a, b any) bool { x, y := words(a, b); return strings.Contains(x, y) },
		"startswith": func(a, b any) bool {
			x, y := words(a, b)
			return strings.HasPrefix(x, y)
		},
	}
}

func value(token string) (any, error) {
	switch {
	case strings.HasPrefix(token, `"`) || strings.HasPrefix(token, "'"):
		return strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\\`, `\`).Replace(token[1 : len(token)-1]), nil
	case strings.HasPrefix(token, "datetime("):
		return time.Parse(time.RFC3339Nano, strings.Trim(token[len("datetime("):len(token)-1], `"' `))
	case strings.HasPrefix(token, "ago("):
		text := token[len("ago(") : len(token)-1]
		if days, ok := strings.CutSuffix(text, "d"); ok {
			n, err := strconv.Atoi(days)
			return time.Now().AddDate(0, 0, -n), err
		}
		d, err := time.ParseDuration(text)
		return time.Now().Add(-d), err
	case token == "true" || token == "false":
		return token == "true", nil
	}
	n, err := strconv.ParseFloat(token, 64)
	return n, err
}

func compare(a, b any) int {
	if x, ok := a.(time.Time); ok {
		if y, ok := b.(time.Time); ok {
			return x.Compare(y)
		}
	}
	number := func(v any) (float64, bool) {
		switch v := v.(type) {
		case int:
			return float64(v), true
		case float64:
			return v, true
		}
		return 0, false
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return cmp.Compare(x, y)
		}
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

package serverless

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/migrate/foreign"
)

// The bounds of variables that stand for one another.
const (
	maxNesting = 40
	maxCopied  = 300_000
)

// variables resolves ${…} in a serverless.yml, as Serverless 3 and 4 do: what can be told from files is put in place, what
// is looked up in a cloud or by a program is marked with the reason.
type variables struct {
	root   *foreign.Node
	dir    string
	stage  string
	files  map[string]*foreign.Node
	within []string
	copied int                    // how much may still be copied, by foreign.Weight
	done   map[*foreign.Node]bool // what variables stand for and is resolved
}

// value is what a variable stands for: a node, or a text. Unknown says why neither can be told.
type value struct {
	node    *foreign.Node
	text    string
	absent  bool // there is nothing: the fallback holds
	unknown string
	env     string // the variable of the environment whose value it is
}

// all resolves a tree in place.
func (v *variables) all(n *foreign.Node) {
	if len(v.within) > maxNesting {
		n.Unknown("its variables stand for one another without an end")
		return
	}
	switch n.Kind() {
	case foreign.Scalar:
		if strings.Contains(n.Raw(), "${") && !strings.HasPrefix(n.Tag(), "!Sub") {
			v.scalar(n)
		}
	case foreign.List:
		for _, item := range n.Items() {
			v.all(item)
		}
	case foreign.Map:
		if n.Get("Fn::Sub") != nil {
			return
		}
		for _, e := range n.Entries() {
			v.all(e.Value)
		}
	}
}

// scalar resolves a text. A variable that is all of it may stand for a map or a list.
func (v *variables) scalar(n *foreign.Node) {
	text := n.Raw()
	if inner, ok := whole(text); ok {
		found := v.evaluate(inner)
		switch {
		case found.unknown != "":
			n.Unknown(found.unknown)
		case found.absent:
			n.Unknown("the variable " + foreign.Plain(text) + " stands for nothing")
		case found.env != "":
			n.Write(found.env)
		case found.node != nil:
			if !n.Become(found.node, &v.copied) {
				n.Unknown(tooLong)
			}
		default:
			n.Write(found.text)
		}
		return
	}
	made, unknown := v.text(text)
	if unknown != "" {
		n.Unknown(unknown)
	}
	n.Write(made)
}

// whole is the inside of a text that is one variable.
func whole(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "${") {
		return "", false
	}
	end := closing(text, 2)
	return text[2:max(end, 2)], end == len(text)-1
}

// closing is where the brace closes that was opened before from, -1 when it does not.
func closing(text string, from int) int {
	depth := 1
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// text resolves the variables within a text. ${env:NAME} and ${stage} stay as the manifest writes them.
func (v *variables) text(text string) (made, unknown string) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		if foreign.Weight(b.String()) > v.copied {
			return "", tooLong
		}
		end := closing(text, i+2)
		if end < 0 {
			break
		}
		b.WriteString(text[:i])
		inner := text[i+2 : end]
		text = text[end+1:]
		if strings.HasPrefix(inner, "AWS::") {
			unknown = "CloudFormation knows ${" + foreign.Plain(inner) + "} only in Fn::Sub"
			b.WriteString("${" + inner + "}")
			continue
		}
		switch found := v.evaluate(inner); {
		case found.unknown != "":
			unknown = found.unknown
			b.WriteString(strings.ToUpper(strings.SplitN(inner, ":", 2)[0]))
		case found.absent:
			unknown = "the variable ${" + foreign.Plain(inner) + "} stands for nothing"
		case found.env != "":
			b.WriteString(found.env)
		case found.node != nil && !found.node.Is(foreign.Scalar):
			unknown = "the variable ${" + foreign.Plain(inner) + "} stands for more than a text"
		case found.node != nil:
			b.WriteString(found.node.Raw())
		default:
			b.WriteString(found.text)
		}
	}
	b.WriteString(text)
	v.copied -= foreign.Weight(b.String())
	return b.String(), unknown
}

const tooLong = "its variables grow without bounds"

// evaluate finds what stands inside of ${…}: an address and its fallbacks, parted by commas.
func (v *variables) evaluate(expression string) value {
	expression, unknown := v.nested(expression)
	if unknown != "" {
		return value{unknown: unknown}
	}
	found := value{absent: true}
	alternatives := commas(expression)
	for i, a := range alternatives {
		if found = v.address(strings.TrimSpace(a)); found.env != "" && i+1 < len(alternatives) {
			if next := v.address(strings.TrimSpace(alternatives[i+1])); next.node == nil && next.unknown == "" && !next.absent && next.env == "" && !strings.ContainsAny(next.text, "}") {
				found.env = strings.TrimSuffix(found.env, "}") + ":-" + next.text + "}"
			}
		}
		if !found.absent {
			return found
		}
	}
	return found
}

// nested resolves the variables within a variable, whose values must be told here.
func (v *variables) nested(expression string) (made, unknown string) {
	if !strings.Contains(expression, "${") {
		return expression, ""
	}
	made, unknown = v.text(expression)
	if unknown == "" && strings.Contains(made, "${env:") {
		unknown = "it is looked up by a name from the environment: write what it stands for"
	}
	return strings.ReplaceAll(made, "${stage}", v.stage), unknown
}

// commas parts a text at the commas outside of quotes and brackets.
func commas(text string) []string {
	var parts []string
	depth, quote, from := 0, byte(0), 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}

// address finds what one address stands for.
func (v *variables) address(a string) value {
	if literal, ok := unquote(a); ok {
		return value{text: literal}
	}
	kind, rest, found := strings.Cut(a, ":")
	switch {
	case a == "null":
		return value{node: foreign.Nothing()}
	case a == "stage":
		return value{text: "${stage}"} // as it was resolved before
	case strings.HasPrefix(a, "file("):
		return v.file(a)
	case strings.HasPrefix(a, "strToBool(") && strings.HasSuffix(a, ")"):
		return v.evaluate(a[len("strToBool(") : len(a)-1])
	case !found:
		return value{absent: true}
	}
	switch kind {
	case "self":
		return v.lookUp(v.root, "self", rest)
	case "opt", "sls":
		if rest == "stage" {
			return value{text: "${stage}"}
		}
		if kind == "opt" {
			return value{absent: true}
		}
		return value{unknown: "it is made anew by each deployment of the Serverless Framework"}
	case "param":
		return v.param(rest)
	case "env":
		return value{env: "${env:" + rest + "}"}
	case "aws":
		if rest == "region" && v.root.At("provider", "region") == nil {
			return value{text: defaultRegion}
		}
		if rest == "region" {
			return v.lookUp(v.root, "self", "provider.region")
		}
		return value{unknown: "the account is known only to AWS"}
	case "ssm":
		return value{unknown: fmt.Sprintf("%s%s is looked up in AWS: make it a secret", ssmPrefix, rest)}
	case "cf", "s3", "terraform", "doppler", "vault", "git", "output":
		return value{unknown: "${" + foreign.Plain(a) + "} is looked up elsewhere: write what it stands for, or ${env:NAME}"}
	}
	return value{unknown: "ferry does not know the variable ${" + foreign.Plain(a) + "}"}
}

// ssmPrefix begins the reason of what is a parameter of AWS Systems Manager.
const ssmPrefix = "the parameter "

func unquote(a string) (string, bool) {
	if n := len(a); n >= 2 && (a[0] == '\'' || a[0] == '"') && a[n-1] == a[0] {
		return a[1 : n-1], true
	}
	if _, err := strconv.ParseFloat(a, 64); err == nil || a == "true" || a == "false" {
		return a, true
	}
	return "", false
}

// lookUp follows a path in a tree. What it finds is resolved first, and is said to be used where it is a setting of
// nobody's own.
func (v *variables) lookUp(tree *foreign.Node, name, at string) value {
	key := name + ":" + at
	if slices.Contains(v.within, key) {
		return value{unknown: "the variable ${" + foreign.Plain(key) + "} contains itself"}
	}
	n := tree
	var custom bool
	for i, part := range strings.FieldsFunc(at, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		custom = custom || i == 0 && (part == "custom" || part == "params" || part == "stages")
		n = step(v, n, name, part)
	}
	if n == nil || n.Is(foreign.Null) {
		return value{absent: true}
	}
	if !v.done[n] {
		v.within = append(v.within, key)
		v.all(n)
		v.within = v.within[:len(v.within)-1]
		v.done[n] = true
	}
	if custom || name != "self" {
		n.Map("where it is used")
	}
	if n.Is(foreign.Scalar) && n.Unresolved() != "" {
		return value{unknown: n.Unresolved()}
	}
	return value{node: n}
}

// step goes one key down, through a variable if there is one.
func step(v *variables, n *foreign.Node, name, part string) *foreign.Node {
	if n.Is(foreign.Scalar) && strings.Contains(n.Raw(), "${") {
		v.within = append(v.within, name+"/"+part)
		v.all(n)
		v.within = v.within[:len(v.within)-1]
	}
	if n.Is(foreign.List) {
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.Items()) {
			return n.Items()[i]
		}
		return nil
	}
	return n.Get(part)
}

// param is a parameter of the stage, or of all stages.
func (v *variables) param(name string) value {
	for _, at := range []string{"params." + v.stage, "stages." + v.stage + ".params", "params.default", "stages.default.params"} {
		if found := v.lookUp(v.root, "self", at+"."+name); !found.absent {
			return found
		}
	}
	return value{absent: true}
}

// file reads file(path):key. Only files below the service's folder are opened.
func (v *variables) file(a string) value {
	end := strings.IndexByte(a, ')')
	if end < 0 {
		return value{unknown: "the variable ${" + foreign.Plain(a) + "} has no end"}
	}
	name := filepath.FromSlash(strings.TrimPrefix(strings.TrimSpace(a[len("file("):end]), "./"))
	key := strings.TrimPrefix(strings.TrimPrefix(a[end+1:], ":"), ".")
	switch ext := filepath.Ext(name); {
	case !filepath.IsLocal(name):
		return value{unknown: "the file " + foreign.Plain(name) + " lies outside the service's folder"}
	case ext != ".yml" && ext != ".yaml" && ext != ".json":
		return value{unknown: "the file " + foreign.Plain(name) + " is a program: write what it says"}
	}
	tree, read := v.files[name]
	if !read {
		made, err := foreign.Below(v.dir, name)
		switch {
		case foreign.Missing(err):
			return value{absent: true}
		case err != nil:
			return value{unknown: foreign.Plain(err.Error())}
		}
		tree = made
		v.files[name] = tree
	}
	return v.lookUp(tree, "file("+name+")", key)
}

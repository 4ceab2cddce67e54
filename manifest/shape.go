package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	layerPrefix = regexp.MustCompile(`^(stages\.[^.]+\.)?((functions\.[^.]+|defaults)\.|targets\.[^.]+$)?`)
	listIndex   = regexp.MustCompile(`\[\d+\]`)
	plainText   = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./-]*$`)
	requestLine = regexp.MustCompile(`^([A-Za-z]+)\s+(/\S*)$`)
)

// shape is the right form of a value of the wrong kind, written with that value. What it holds of the value is cut.
func shape(path string, n *Node, want string) string {
	field := listIndex.ReplaceAllString(layerPrefix.ReplaceAllString(path, ""), "[]")
	if field == "" && strings.Contains(path, "targets.") {
		field = "targets[]"
	}
	if right := n.intended(field); right != "" {
		return "write " + right
	}
	key := leaf(listIndex.ReplaceAllString(path, ""))
	value := n.written()
	switch {
	case n.kind == kindNull:
		return "give it a value, or remove the key"
	case want == kindText.String() && n.scalar():
		return fmt.Sprintf("quote it: %q", cut(n.text, 60))
	case want == kindText.String() && n.kind == kindList && len(n.items) == 1 && n.items[0].scalar():
		return "write " + key + ": " + n.items[0].written()
	case want == kindList.String() && n.kind == kindText:
		return "write [" + cut(n.text, 60) + "]"
	case want == kindList.String() && n.scalar():
		return "write " + key + ": [" + value + "]"
	case want == kindList.String():
		return "write " + key + ": [" + n.flow() + "]"
	case want == kindMap.String():
		return "write it as key: value, one to a line below " + key + ":"
	case want == kindBool.String():
		return "write true or false"
	case want == kindText.String():
		return "write one value behind " + key + ":"
	}
	if _, err := strconv.ParseFloat(n.text, 64); err == nil {
		return "write it without quotes: " + n.text
	}
	return "write a number, without a unit"
}

// intended is the right form of a key whose usual shorthand in other tools is known, "" when there is none.
func (n *Node) intended(field string) string {
	switch n.kind {
	case kindNull:
		return ""
	case kindList, kindMap:
		return n.intendedParts(field)
	}
	value := n.written()
	if kind, ok := strings.CutPrefix(field, "events[]."); ok {
		if k, known := eventKinds()[kind]; known {
			return kind + ": " + k.shorthand(n)
		}
	}
	switch field {
	case "events[].http.cors":
		if n.kind == kindBool {
			return `cors: {origins: ["*"]}`
		}
		return "cors: {origins: [" + strconv.Quote(cut(n.text, 60)) + "]}"
	case "events":
		return "events: [{" + value + ": {}}]"
	case "events[]":
		return value + ": {}"
	case "health":
		if n.kind == kindBool {
			return "health: {path: /healthz}"
		}
		if m := requestLine.FindStringSubmatch(n.text); m != nil {
			value = quoted(m[2])
		}
		return "health: {path: " + value + "}"
	case "scaling":
		return "scaling: {max: " + value + "}"
	case "build":
		return "build: {command: " + value + "}"
	case "releases":
		return "releases: {keep: " + value + "}"
	case "targets[]":
		return "{provider: " + value + "}"
	case "payload":
		if f, err := strconv.ParseFloat(n.text, 64); err == nil && (f == 1 || f == 2) {
			return fmt.Sprintf("payload: %q", strconv.FormatFloat(f, 'f', 1, 64))
		}
	}
	return ""
}

// intendedParts is the same of a list or a map.
func (n *Node) intendedParts(field string) string {
	switch {
	case field == "events" && n.kind == kindMap:
		return "events: [" + n.flow() + "]"
	case (field == "env" || field == "secrets") && n.kind == kindList:
		if name, value, ok := strings.Cut(n.first(), "="); ok {
			return field + ": {" + name + ": " + (&Node{kind: kindText, text: value}).written() + "}"
		}
		return field + ": {NAME: value}, without dashes"
	case (field == "functions" || field == "targets" || field == "stages") && n.kind == kindList:
		return "each one under its name, without dashes: " + field + ": {NAME: {…}}"
	}
	return ""
}

// route is what a request line such as "GET /x" means.
func (n *Node) route() string {
	m := requestLine.FindStringSubmatch(n.text)
	switch {
	case n.kind == kindText && m != nil:
		return "{path: " + quoted(m[2]) + ", methods: [" + strings.ToUpper(m[1]) + "]}"
	case n.kind == kindText && strings.HasPrefix(n.text, "/"):
		return "{path: " + n.written() + "}"
	}
	return "{}"
}

// first is the first item of a list of text, "" when there is none.
func (n *Node) first() string {
	if len(n.items) > 0 && n.items[0].kind == kindText {
		return n.items[0].text
	}
	return ""
}

// maxFlow bounds the nodes of a value that a hint repeats.
const maxFlow = 12

// flow is the value in one line, "…" when it is long.
func (n *Node) flow() string {
	var parts []string
	switch {
	case n.size > maxFlow:
		return "…"
	case n.kind == kindNull:
		return "null"
	case n.kind == kindMap:
		for _, e := range n.entries {
			parts = append(parts, quoted(e.key)+": "+e.value.flow())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n.kind == kindList:
		for _, item := range n.items {
			parts = append(parts, item.flow())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return n.written()
}

// written is a scalar as a manifest would have it inside {…}.
func (n *Node) written() string {
	if n.kind != kindText {
		return cut(n.text, 60)
	}
	return quoted(n.text)
}

func quoted(text string) string {
	if plainText.MatchString(text) && len(text) <= 60 {
		return text
	}
	return strconv.Quote(cut(text, 60))
}

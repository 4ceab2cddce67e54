package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Answer is what one place answered.
type Answer struct {
	Status  int
	Header  map[string][]string
	Body    []byte
	Seconds float64
	Err     error // there is no answer
}

// Difference is one thing in which two answers are not the same.
type Difference struct {
	At   string `json:"at"` // "status", "header x-a", "cookie session", "body", or "body $.items[0].id"
	From string `json:"from"`
	To   string `json:"to"`
}

// absent is what is said of what one side does not have.
const absent = "(absent)"

// Differences are all of them, in a fixed order.
func (r Rules) Differences(from, to Answer) []Difference {
	if from.Err != nil || to.Err != nil {
		return answered(from, to)
	}
	var all []Difference
	if from.Status != to.Status {
		all = append(all, Difference{"status", fmt.Sprint(from.Status), fmt.Sprint(to.Status)})
	}
	all = append(all, r.headerDifferences(from.Header, to.Header)...)
	all = append(all, cookies(from.Header, to.Header)...)
	return append(all, r.bodies(from, to)...)
}

// answered compares answers of which at least one is missing. Two that are missing are no proof of anything.
func answered(from, to Answer) []Difference {
	text := func(a Answer) string {
		if a.Err != nil {
			return "no answer: " + a.Err.Error()
		}
		return fmt.Sprint(a.Status)
	}
	return []Difference{{"answer", text(from), text(to)}}
}

// lower has the names in lower case.
func lower(h map[string][]string) map[string][]string {
	made := map[string][]string{}
	for name, values := range h {
		name = strings.ToLower(name)
		made[name] = append(made[name], values...)
	}
	return made
}

func (r Rules) headerDifferences(from, to map[string][]string) []Difference {
	a, b := lower(from), lower(to)
	names := slices.Sorted(maps.Keys(a))
	for name := range maps.Keys(b) {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all []Difference
	for _, name := range names {
		if name == "set-cookie" || r.ignoresHeader(name) {
			continue
		}
		x, y := value(name, a[name]), value(name, b[name])
		if x != y && !r.tolerates(x, y) {
			all = append(all, Difference{"header " + name, x, y})
		}
	}
	return all
}

// value is a header's value as it is compared: lists in one line, a content type in its plain form.
func value(name string, values []string) string {
	if len(values) == 0 {
		return absent
	}
	text := strings.Join(values, ", ")
	if name == "content-type" {
		if kind, params, err := mime.ParseMediaType(text); err == nil {
			if set := params["charset"]; set != "" {
				params["charset"] = strings.ToLower(set)
			}
			return mime.FormatMediaType(kind, params)
		}
	}
	return text
}

// cookies compares cookies by name, with all of their attributes.
func cookies(from, to map[string][]string) []Difference {
	a, b := cookiesOf(from), cookiesOf(to)
	names := slices.Sorted(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all []Difference
	for _, name := range names {
		x, y := a[name], b[name]
		if x == "" {
			x = absent
		}
		if y == "" {
			y = absent
		}
		if x != y {
			all = append(all, Difference{"cookie " + name, x, y})
		}
	}
	return all
}

func cookiesOf(h map[string][]string) map[string]string {
	made := map[string]string{}
	for _, text := range lower(h)["set-cookie"] {
		c, err := http.ParseSetCookie(text)
		if err != nil {
			made[text] = text
			continue
		}
		parts := strings.Split(text, ";")[1:]
		for i := range parts {
			key, rest, _ := strings.Cut(strings.TrimSpace(parts[i]), "=")
			parts[i] = strings.ToLower(key) + "=" + rest
		}
		slices.Sort(parts)
		made[c.Name] = strings.Join(append([]string{c.Value}, parts...), "; ")
	}
	return made
}

// bodies compares JSON by its values, and all else byte by byte.
func (r Rules) bodies(from, to Answer) []Difference {
	if bytes.Equal(from.Body, to.Body) {
		return nil
	}
	x, okX := decode(from.Body)
	y, okY := decode(to.Body)
	if okX && okY {
		return r.values("$", x, y)
	}
	if r.tolerates(string(from.Body), string(to.Body)) {
		return nil
	}
	return []Difference{{"body", short(from.Body), short(to.Body)}}
}

func decode(body []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, false
	}
	switch v.(type) {
	case map[string]any, []any:
		return v, true
	}
	return nil, false
}

// values compares two values of JSON.
func (r Rules) values(at string, from, to any) []Difference {
	if r.ignoresPath(at) {
		return nil
	}
	switch x := from.(type) {
	case map[string]any:
		if y, ok := to.(map[string]any); ok {
			return r.maps(at, x, y)
		}
	case []any:
		if y, ok := to.([]any); ok {
			return r.lists(at, x, y)
		}
	case json.Number:
		if y, ok := to.(json.Number); ok && equalNumbers(x, y) {
			return nil
		}
	case string:
		if y, ok := to.(string); ok && (x == y || r.tolerates(x, y)) {
			return nil
		}
	default:
		if from == to {
			return nil
		}
	}
	return []Difference{{"body " + at, text(from), text(to)}}
}

func (r Rules) maps(at string, x, y map[string]any) []Difference {
	var all []Difference
	keys := slices.Sorted(maps.Keys(x))
	for key := range y {
		if _, both := x[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		a, inX := x[key]
		b, inY := y[key]
		below := at + "." + key
		switch {
		case inX && inY:
			all = append(all, r.values(below, a, b)...)
		case r.ignoresPath(below):
		case inX:
			all = append(all, Difference{"body " + below, text(a), absent})
		default:
			all = append(all, Difference{"body " + below, absent, text(b)})
		}
	}
	return all
}

func (r Rules) lists(at string, x, y []any) []Difference {
	if len(x) != len(y) {
		return []Difference{{"body " + at, fmt.Sprintf("%d items", len(x)), fmt.Sprintf("%d items", len(y))}}
	}
	var all []Difference
	for i := range x {
		all = append(all, r.values(fmt.Sprintf("%s[%d]", at, i), x[i], y[i])...)
	}
	return all
}

// maxNumber is how long a number may be to be read: an exponent can make a short one huge.
const maxNumber = 40

// equalNumbers is whether two numbers are the same however they are written: 1, 1.0 and 1e0.
func equalNumbers(x, y json.Number) bool {
	if x == y {
		return true
	}
	if len(x) > maxNumber || len(y) > maxNumber || strings.ContainsAny(string(x+y), "eE") {
		a, errA := x.Float64()
		b, errB := y.Float64()
		return errA == nil && errB == nil && a == b
	}
	a, okA := new(big.Rat).SetString(string(x))
	b, okB := new(big.Rat).SetString(string(y))
	return okA && okB && a.Cmp(b) == 0
}

func text(v any) string {
	made, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return short(made)
}

// maxShown is how much of a body a report shows.
const maxShown = 200

func short(body []byte) string {
	if !utf8.Valid(body) {
		return fmt.Sprintf("%d bytes", len(body))
	}
	if len(body) > maxShown {
		return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(string(body[:maxShown]), ""), len(body))
	}
	return string(body)
}

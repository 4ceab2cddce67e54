package draft

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writer writes YAML of the few shapes that a manifest has. The library's writer takes longer for one than the library takes to
// read the file that it is made of.
type writer struct{ text []byte }

func (w *writer) put(text string) { w.text = append(w.text, text...) }

// line begins a line.
func (w *writer) line(indent int) {
	const spaces = "                "
	for ; indent > len(spaces); indent -= len(spaces) {
		w.put(spaces)
	}
	w.put(spaces[:indent])
}

func (w *writer) entries(s Settings, indent int) {
	for _, x := range s {
		w.entry(x.Key, x.Value, indent)
	}
}

// longKey is the length from which YAML wants to be told that something is a key.
const longKey = 128

// entry writes a key and its value on lines of their own.
func (w *writer) entry(key string, value any, indent int) {
	w.line(indent)
	if len(key) < longKey {
		w.scalar(key, "")
	} else {
		w.put("? ")
		w.scalar(key, "")
		w.put("\n")
		w.line(indent)
	}
	w.put(":")
	switch v := shaped(value).(type) {
	case Settings:
		w.put("\n")
		w.entries(v, indent+2)
	case []any:
		w.put("\n")
		w.items(v, indent)
	default:
		w.put(" ")
		w.inline(v, "")
		w.put("\n")
	}
}

// items writes a list. A map in it begins behind the dash.
func (w *writer) items(list []any, indent int) {
	for _, item := range list {
		w.line(indent)
		w.put("- ")
		if v, ok := item.(Settings); ok && len(v) > 0 {
			from := len(w.text)
			w.entries(v, indent+2)
			w.text = slices.Delete(w.text, from, from+indent+2)
			continue
		}
		w.inline(item, "")
		w.put("\n")
	}
}

// shaped is a map as settings in the order of its keys, and a list as one of anything; what has nothing in it stays as it is.
func shaped(value any) any {
	switch v := value.(type) {
	case map[string]string:
		return sorted(v)
	case map[string]any:
		return sorted(v)
	case []string:
		if len(v) == 0 {
			return flow{v}
		}
		all := make([]any, len(v))
		for i, text := range v {
			all[i] = text
		}
		return all
	case Settings:
		if len(v) == 0 {
			return flow{v}
		}
	}
	return value
}

func sorted[V any](m map[string]V) any {
	s := make(Settings, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		s.add(key, m[key])
	}
	return shaped(s)
}

// flowEnds are what ends a text without quotes in a map or list of one line.
const flowEnds = ",?[]{}:"

// inline writes a value within a line.
func (w *writer) inline(value any, ends string) {
	switch v := value.(type) {
	case string:
		w.scalar(v, ends)
	case int:
		w.text = strconv.AppendInt(w.text, int64(v), 10)
	case bool:
		w.text = strconv.AppendBool(w.text, v)
	case flow:
		w.inline(v.value, flowEnds)
	case []string:
		w.put("[")
		for i, text := range v {
			if i > 0 {
				w.put(", ")
			}
			w.scalar(text, flowEnds)
		}
		w.put("]")
	case Settings:
		w.put("{")
		for i, x := range v {
			if i > 0 {
				w.put(", ")
			}
			w.scalar(x.Key, flowEnds)
			w.put(": ")
			w.inline(x.Value, flowEnds)
		}
		w.put("}")
	default:
		panic(fmt.Sprintf("a manifest has no values of the type %T", value)) // a reader gave one: a fault of the program
	}
}

// scalar writes a text so that it is read as that, without quotes where it needs none. ends are what would end it then.
func (w *writer) scalar(text, ends string) {
	switch {
	case !printable(text):
		w.escaped(text)
	case ambiguous(text):
		w.put(`"` + text + `"`)
	case !strings.ContainsAny(text, ends) && plain(text):
		w.put(text)
	default:
		w.put("'" + strings.ReplaceAll(text, "'", "''") + "'")
	}
}

// printable is whether a text needs no escapes.
func printable(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == 0x7f || c >= utf8.RuneSelf {
			return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
		}
	}
	return true
}

// escaped writes a text between double quotes; what is no text in UTF-8 is replaced.
func (w *writer) escaped(text string) {
	w.put(`"`)
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			w.put(`\` + string(r))
		case r == '\n':
			w.put(`\n`)
		case r == '\t':
			w.put(`\t`)
		case unicode.IsPrint(r):
			w.put(string(r))
		default:
			w.put(fmt.Sprintf(`\U%08X`, r))
		}
	}
	w.put(`"`)
}

// ambiguous is whether a text could be read as something else in YAML 1.1 or 1.2: nothing, yes or no, a number or a time. Such a
// text has no character that has to be escaped.
func ambiguous(text string) bool {
	switch len(text) {
	case 0:
		return true
	case 1, 2, 3, 4, 5:
		switch strings.ToLower(text) {
		case "<<", "~", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
			return true
		}
	}
	if c := text[0]; (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
		return false
	}
	const digits = "0123456789"
	if !strings.ContainsAny(text, digits) {
		end := strings.ToLower(text[max(0, len(text)-4):])
		return end == ".inf" || end == ".nan"
	}
	return strings.Trim(text, digits+"abcdefABCDEFxXoO_.+-: tTzZ") == ""
}

// plain is whether a text can stand without quotes.
func plain(text string) bool {
	first := text[0]
	if strings.IndexByte("#,[]{}&*!|>'\"%@`= ", first) >= 0 || text[len(text)-1] == ' ' || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "...") {
		return false
	}
	if (first == '-' || first == '?' || first == ':') && (len(text) == 1 || text[1] == ' ') {
		return false
	}
	for i := range len(text) {
		switch text[i] {
		case ':':
			if i+1 == len(text) || text[i+1] == ' ' {
				return false
			}
		case '#':
			if i > 0 && text[i-1] == ' ' {
				return false
			}
		}
	}
	return true
}

package providers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
)

const (
	hidden = "•••"
	// hiddenFrom is how long a line of a value is at least, in bytes, to be hidden: a shorter one is part of much else.
	hiddenFrom = 6
)

// Concealed are the values of a function's environment that are never printed.
func Concealed(fn manifest.Function) []string {
	var values []string
	for _, name := range fn.Masked {
		if value := fn.Env[name]; value != "" {
			values = append(values, value)
		}
	}
	return values
}

// Mask returns what hides the values in a text: each line of a value as it is, escaped for JSON, percent- and Base64-encoded.
func Mask(values []string) func(string) string {
	var forms []string
	for _, value := range values {
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); len(line) >= hiddenFrom {
				forms = append(forms, formsOf(line)...)
			}
		}
	}
	// The longest first: a replacer takes, of those that begin at one place, the one that was named first.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, hidden)
	}
	return strings.NewReplacer(pairs...).Replace
}

// formsOf are the ways in which a text stands in a log.
func formsOf(text string) []string {
	query, path := url.QueryEscape(text), url.PathEscape(text)
	forms := []string{text, query, path, strings.ReplaceAll(query, "+", "%20"), lowerHex(query), lowerHex(path)}
	for _, html := range []bool{true, false} {
		var escaped bytes.Buffer
		e := json.NewEncoder(&escaped)
		e.SetEscapeHTML(html)
		if e.Encode(text) == nil {
			forms = append(forms, strings.Trim(strings.TrimSpace(escaped.String()), `"`))
		}
	}
	for before := range 3 { // a longer text may hold it from any of three bits of a character on
		code := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + text + "\x00\x00"))
		core := code[(8*before+5)/6 : 8*(before+len(text))/6]
		forms = append(forms, core, strings.NewReplacer("+", "-", "/", "_").Replace(core))
	}
	return forms
}

// lowerHex writes percent-encoded bytes as some do.
func lowerHex(text string) string {
	out := []byte(text)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' {
			copy(out[i+1:i+3], bytes.ToLower(out[i+1:i+3]))
		}
	}
	return string(out)
}

package masking

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"
)

// encodings are the forms in which programs write a value.
func encodings() map[string]func(string) string {
	plain := func(v string) string {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(v)
		return strings.TrimSpace(b.String())
	}
	return map[string]func(string) string{
		"raw":               func(v string) string { return v },
		"JSON of Go":        func(v string) string { data, _ := json.Marshal(v); return string(data) },
		"JSON of Node":      plain,
		"JSON of Python":    pythonJSON,
		"JSON with slashes": func(v string) string { return strings.ReplaceAll(plain(v), "/", `\/`) },
		"JSON in JSON":      func(v string) string { return plain(plain(v)) },
		"a query":           url.QueryEscape,
		"a path":            url.PathEscape,
		"a query in lower":  func(v string) string { return lowerPercent(url.QueryEscape(v)) },
		"Base64":            func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) },
		"Base64 for URLs":   func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) },
		"Base64 in a query": func(v string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(v))) },
	}
}

func pythonJSON(v string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(v)) {
		switch {
		case unit == '"' || unit == '\\':
			b.WriteString(`\` + string(rune(unit)))
		case unit < 0x20 || unit > 0x7e:
			fmt.Fprintf(&b, `\u%04x`, unit)
		default:
			b.WriteByte(byte(unit))
		}
	}
	return `"` + b.String() + `"`
}

func lowerPercent(v string) string {
	for i := 0; i+2 < len(v); i++ {
		if v[i] == '%' {
			v = v[:i] + strings.ToLower(v[i:i+3]) + v[i+3:]
		}
	}
	return v
}

func TestAValueIsHiddenInEveryForm(t *testing.T) {
	for _, value := range []string{
		"hunter", "hunter22", "a b/c+d=%e", `back\slash\\"quotes"'`, "\\\ttabs", "pässwörd", "p😀ss wörd", "<tag>&amp;", "100%25%", "%%%%%%", `\\\\\\`,
		"u0041u", `\u0041x`, "postgres://me:p%40ss@db/x?y=1", "+ + + +",
	} {
		m := &Mask{}
		m.Add(value)
		for name, encode := range encodings() {
			form := encode(value)
			got := m.Hide("before " + form + " after")
			if !strings.Contains(got, Hidden) || strings.Contains(got, strings.Trim(form, `"`)) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
				t.Errorf("%q as %s, %s, became %s", value, name, form, got)
			}
		}
		for before := range 5 {
			form := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + value + "yz"))
			got := m.Hide(form)
			kept := len(got) - len(Hidden)
			if !strings.Contains(got, Hidden) || kept > before*4/3+3+8 {
				t.Errorf("%q after %d bytes in Base64, %s, became %s", value, before, form, got)
			}
		}
	}
}

func TestEachLineOfAValueIsHiddenFromSixBytesOn(t *testing.T) {
	m := &Mask{}
	m.Add("-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7\r\n  indented \nshort\n      \nlast-line")
	for text, want := range map[string]string{
		"-----BEGIN KEY-----":       Hidden,
		"key=MIIEpAIBAAKCAQEA7;":    "key=" + Hidden + ";",
		"[indented]":                "[" + Hidden + "]",
		"short":                     "short",
		"      x":                   "      x",
		`"MIIEpAIBAAKCAQEA7\r\n  "`: `"` + Hidden + `\r\n  "`,
		"the last-line is hidden":   "the " + Hidden + " is hidden",
		"last-lin and ast-line":     "last-lin and ast-line",
		"last-linelast-line":        Hidden + Hidden,
	} {
		if got := m.Hide(text); got != want {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestTheLongestOfSeveralValuesIsHidden(t *testing.T) {
	m := &Mask{}
	m.Add("secret")
	m.Add("secret-and-more")
	m.Add("re-and-less")
	if got := m.Hide("secret secret-and-more secre-and-less"); got != Hidden+" "+Hidden+" sec"+Hidden {
		t.Error(got)
	}
}

// TestNoFormOfARandomValueIsLeft is for values that nobody thinks of.
func TestNoFormOfARandomValueIsLeft(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune(`ab %+\/"'<&u0é😀` + "\t")
	for range 3000 {
		v := make([]rune, 6+random.IntN(8))
		for i := range v {
			v[i] = letters[random.IntN(len(letters))]
		}
		value := string(v)
		if strings.TrimSpace(value) == "" {
			continue
		}
		m := &Mask{}
		m.Add(value)
		for name, encode := range encodings() {
			if name == "raw" || len(strings.TrimSpace(value)) == len(value) {
				form := encode(value)
				if got := m.Hide(form); !strings.Contains(got, Hidden) || len(got) > len(Hidden)+8 {
					t.Fatalf("%q as %s, %s, became %s", value, name, form, got)
				}
			}
		}
	}
}

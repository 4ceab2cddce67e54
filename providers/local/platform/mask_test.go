//go:build unix

package platform

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
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

func hidden(m *mask, text string) string {
	got, _ := m.hide(text, len(text))
	return got
}

func TestAValueIsHiddenInEveryForm(t *testing.T) {
	for _, value := range []string{
		"hunter", "hunter22", "a b/c+d=%e", `back\slash\\"quotes"'`, "\\\ttabs", "pässwörd", "p😀ss wörd", "<tag>&amp;", "100%25%", "%%%%%%", `\\\\\\`,
		"u0041u", `\u0041x`, "postgres://me:p%40ss@db/x?y=1", "+ + + +",
	} {
		m := &mask{}
		m.add(value)
		for name, encode := range encodings() {
			form := encode(value)
			got := hidden(m, "before "+form+" after")
			if !strings.Contains(got, masked) || strings.Contains(got, strings.Trim(form, `"`)) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
				t.Errorf("%q as %s, %s, became %s", value, name, form, got)
			}
		}
		for before := range 5 {
			form := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + value + "yz"))
			got := hidden(m, form)
			kept := len(got) - len(masked)
			if !strings.Contains(got, masked) || kept > before*4/3+3+8 {
				t.Errorf("%q after %d bytes in Base64, %s, became %s", value, before, form, got)
			}
		}
	}
}

func TestEachLineOfAValueIsHiddenFromSixBytesOn(t *testing.T) {
	m := &mask{}
	m.add("-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7\r\n  indented \nshort\n      \nlast-line")
	for text, want := range map[string]string{
		"-----BEGIN KEY-----":       masked,
		"key=MIIEpAIBAAKCAQEA7;":    "key=" + masked + ";",
		"[indented]":                "[" + masked + "]",
		"short":                     "short",
		"      x":                   "      x",
		`"MIIEpAIBAAKCAQEA7\r\n  "`: `"` + masked + `\r\n  "`,
		"the last-line is hidden":   "the " + masked + " is hidden",
		"last-lin and ast-line":     "last-lin and ast-line",
		"last-linelast-line":        masked + masked,
	} {
		if got := hidden(m, text); got != want {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestTheLongestOfSeveralValuesIsHidden(t *testing.T) {
	m := &mask{}
	m.add("secret")
	m.add("secret-and-more")
	m.add("re-and-less")
	if got := hidden(m, "secret secret-and-more secre-and-less"); got != masked+" "+masked+" sec"+masked {
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
		m := &mask{}
		m.add(value)
		for name, encode := range encodings() {
			if name == "raw" || len(strings.TrimSpace(value)) == len(value) {
				form := encode(value)
				if got := hidden(m, form); !strings.Contains(got, masked) || len(got) > len(masked)+8 {
					t.Fatalf("%q as %s, %s, became %s", value, name, form, got)
				}
			}
		}
	}
}

func TestAValueIsHiddenWhereALongLineIsCut(t *testing.T) {
	value := strings.Repeat("s3cret/", 300)
	m := &mask{}
	m.add(value)
	for _, before := range []int{maxLine - 10, maxLine, 2*maxLine - 1000, 3*maxLine + 5} {
		line := strings.Repeat("x", before) + url.QueryEscape(value) + strings.Repeat("y", 3*maxLine)
		var got []string
		eachLine(strings.NewReader(line+"\nnext"), m, func(l string) { got = append(got, l) })
		whole := strings.Join(got[:len(got)-1], "")
		if want := strings.Repeat("x", before) + masked + strings.Repeat("y", 3*maxLine); whole != want || got[len(got)-1] != "next" {
			t.Errorf("after %d bytes it became %d bytes instead of %d, then %q", before, len(whole), len(want), got[len(got)-1])
		}
		if slices.ContainsFunc(got, func(l string) bool { return len(l) > maxLine }) {
			t.Error("a piece is too long")
		}
	}
}

func TestWhatAFunctionLogsHoldsNoSecret(t *testing.T) {
	p := serve(t, Options{})
	set := func(value string) {
		if err := p.home.SetSecret(shop, "key", []byte(value)); err != nil {
			t.Fatal(err)
		}
		if err := p.client.Renew(t.Context(), SecretRequest{Scope: shop, Secret: "key"}); err != nil {
			t.Fatal(err)
		}
	}
	say := func(text string) { p.get("api/log?line=" + url.QueryEscape(text)) }
	set("hunter2/first")
	p.live("api", revision("one", func(r *Revision) { r.Secrets = map[string]string{"KEY": "key"} }))
	slow := make(chan error, 1)
	go func() {
		_, _, err := get(p.url("api/sleep?for=300ms"))
		slow <- err
	}()
	say("the key is hunter2/first, as Base64 " + base64.StdEncoding.EncodeToString([]byte("token hunter2/first")))
	set("sesame/second")
	say("now it is sesame/second, it was hunter2/first")
	if err := <-slow; err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(p.home.functionLog(shop, "api"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{p.log("api"), string(file)} {
		for _, secret := range []string{"hunter2", "sesame/", base64.StdEncoding.EncodeToString([]byte("hunter2/"))[1:8]} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in the log:\n%s", secret, text)
			}
		}
		if !strings.Contains(text, "the key is "+masked) || !strings.Contains(text, "now it is "+masked+", it was "+masked) {
			t.Errorf("the rest of the lines is gone:\n%s", text)
		}
	}
}

func TestTheEndOfACrashHoldsNoSecret(t *testing.T) {
	p := serve(t, Options{})
	if err := p.home.SetSecret(shop, "key", []byte("hunter2/first")); err != nil {
		t.Fatal(err)
	}
	p.put("api", revision("one", func(r *Revision) {
		r.Env["BROKEN"] = "1"
		r.Secrets = map[string]string{"KEY": "key"}
	}))
	err := p.client.Probe(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: "one"})
	if e := wantCode(t, err, CodeCrashed); strings.Contains(e.Log, "hunter2") || !strings.Contains(e.Log, "stripe "+masked) {
		t.Errorf("got %s", e.Log)
	}
}

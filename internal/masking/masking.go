// Package masking hides values in text that others wrote, in whatever form it holds them.
package masking

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// Hidden stands in place of a value.
	Hidden = "•••"
	// shortest is how long a line of a value is at least, in bytes, to be hidden: a shorter one is part of much else.
	shortest = 6
)

// Mask hides values: each line of one, as it is, escaped for JSON, percent- and Base64-encoded. It never forgets a value:
// who writes may still have an earlier one. Its zero value hides nothing. It may be used from several goroutines.
type Mask struct {
	mu    sync.Mutex // of those that add
	forms atomic.Pointer[forms]
}

// forms are the texts to hide.
type forms struct {
	known   map[string]bool
	first   [256][]string // by the byte that a text begins with when it is not escaped; the longest first
	longest int           // how many bytes one of them can take, escaped
}

// Of is a mask of these values.
func Of(values ...string) *Mask {
	m := &Mask{}
	for _, value := range values {
		m.Add(value)
	}
	return m
}

// Add has the lines of a value hidden from now on.
func (m *Mask) Add(value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := &forms{known: map[string]bool{}}
	if had := m.forms.Load(); had != nil {
		if had.known[value] {
			return
		}
		*next = *had
		next.known = maps.Clone(had.known)
	}
	next.known[value] = true
	for line := range strings.Lines(value) {
		line = strings.TrimRight(line, "\r\n")
		if bare := strings.TrimSpace(line); len(bare) >= shortest || bare == "" {
			line = bare // hides it with spaces around as well
		}
		if len(line) < shortest {
			continue
		}
		next.insert(line)
		for _, core := range base64Cores(line) {
			next.insert(core)
		}
	}
	m.forms.Store(next)
}

func (f *forms) insert(text string) {
	const perByte = 12 // "\\\\\\u0041", as in JSON within JSON
	f.longest = max(f.longest, perByte*len(text))
	list := slices.Clone(f.first[text[0]])
	list = append(list, text)
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	f.first[text[0]] = slices.Compact(list)
}

// base64Cores are what a text is in Base64 wherever it begins in a longer one, less the characters at both ends that it
// shares with what stands around it.
func base64Cores(text string) []string {
	var cores []string
	for before := range 3 {
		code := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + text + "\x00\x00"))
		core := code[(8*before+5)/6 : 8*(before+len(text))/6]
		cores = append(cores, core, strings.NewReplacer("+", "-", "/", "_").Replace(core))
	}
	return cores
}

// Reach is how many bytes a hidden text can take at most.
func (m *Mask) Reach() int {
	if f := m.forms.Load(); f != nil {
		return f.longest
	}
	return 0
}

// Hide returns the text without the values.
func (m *Mask) Hide(text string) string {
	hidden, _ := m.HideUpTo(text, len(text))
	return hidden
}

// HideUpTo returns the text without the values, up to the first byte from limit on that is part of none, and how much of
// the text that is.
func (m *Mask) HideUpTo(text string, limit int) (hidden string, used int) {
	f := m.forms.Load()
	if f == nil {
		return text[:limit], limit
	}
	var b strings.Builder
	i, plain := 0, 0
	for i < limit {
		end := f.match(text[i:])
		if end == 0 {
			i++
			continue
		}
		b.WriteString(text[plain:i])
		b.WriteString(Hidden)
		i += end
		plain = i
	}
	b.WriteString(text[plain:i])
	return b.String(), i
}

// match is how many bytes of a hidden text the other one begins with.
func (f *forms) match(text string) int {
	longest := 0
	try := func(list []string) {
		for _, secret := range list {
			if n := matches(secret, text); n > longest {
				longest = n
			}
		}
	}
	try(f.first[text[0]])
	switch text[0] {
	case '\\', '%':
		for first, list := range f.first {
			if first != int(text[0]) {
				try(list)
			}
		}
	case '+':
		try(f.first[' '])
	}
	return longest
}

// matches reports how many bytes of text are the secret, each character as it is or escaped; 0 is not at all.
func matches(secret, text string) int {
	n := 0
	for secret != "" {
		if len(text)-n < len(secret) {
			return 0
		}
		c, rest := secret[0], text[n:]
		switch {
		case c == '%' && strings.HasPrefix(rest, "%25") || c == '\\':
			return either(secret, text, n)
		case rest[0] == c:
			n, secret = n+1, secret[1:]
			continue
		case rest[0] == '+' && c == ' ':
			n, secret = n+1, secret[1:]
			continue
		}
		size, length := escaped(secret, rest)
		if length == 0 {
			return 0
		}
		n, secret = n+length, secret[size:]
	}
	return n
}

// either decides about a character that may be part of an escape or stand for itself, by what comes after.
func either(secret, text string, n int) int {
	if secret[0] == '%' {
		for _, length := range []int{3, 1} {
			if more := after(secret[1:], text, n+length); more > 0 {
				return more
			}
		}
		return 0
	}
	if strings.HasPrefix(text[n:], "%") {
		if size, length := escaped(secret, text[n:]); length > 0 {
			return after(secret[size:], text, n+length)
		}
		return 0
	}
	own, theirs := leading(secret), leading(text[n:])
	for length := theirs; length >= own; length-- { // the last ones may escape what follows
		if more := after(secret[own:], text, n+length); more > 0 {
			return more
		}
	}
	return 0
}

// after is how many bytes of text are taken once the rest of a secret follows at n.
func after(secret, text string, n int) int {
	if secret == "" {
		return n
	}
	if more := matches(secret, text[n:]); more > 0 {
		return n + more
	}
	return 0
}

// leading counts the backslashes that a text begins with.
func leading(text string) int { return len(text) - len(strings.TrimLeft(text, `\`)) }

// escaped reports whether text begins with the first character of the secret in an escaped form: how many bytes of
// both that is.
func escaped(secret, text string) (size, length int) {
	if text[0] == '%' {
		if len(text) > 2 && unhex(text[1:3]) == rune(secret[0]) {
			return 1, 3
		}
		return 0, 0
	}
	slashes := leading(text)
	if slashes == 0 || slashes == len(text) {
		return 0, 0
	}
	rest := text[slashes:]
	const plain, short = "\"/'\b\f\t\r", `"/'bftr`
	if at := strings.IndexByte(plain, secret[0]); at >= 0 && rest[0] == short[at] {
		return 1, slashes + 1
	}
	if rest[0] != 'u' {
		return 0, 0
	}
	want, size := utf8.DecodeRuneInString(secret)
	got, taken := unicodeEscape(rest)
	if taken == 0 || got != want {
		return 0, 0
	}
	return size, slashes + taken
}

// unicodeEscape reads "u0041", or "ud83d\ude00" for a character that takes two.
func unicodeEscape(text string) (r rune, length int) {
	if len(text) < 5 {
		return 0, 0
	}
	high := unhex(text[1:5])
	if high < 0 || !utf16.IsSurrogate(high) {
		return high, 5
	}
	rest := text[5:]
	slashes := leading(rest)
	if slashes == 0 || len(rest) < slashes+5 || rest[slashes] != 'u' {
		return 0, 0
	}
	return utf16.DecodeRune(high, unhex(rest[slashes+1:slashes+5])), 5 + slashes + 5
}

// unhex is the number that hexadecimal digits say, -1 when they are none.
func unhex(digits string) rune {
	n, err := strconv.ParseUint(digits, 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// Headers are headers of which hide has hidden what is to be hidden.
func Headers(all map[string][]string, hide func(string) string) map[string][]string {
	shown := map[string][]string{}
	for name, values := range all {
		for _, v := range values {
			shown[name] = append(shown[name], hide(v))
		}
	}
	return shown
}

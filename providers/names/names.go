// Package names makes names that a provider takes: short enough, in its alphabet, and still told apart.
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Rule is what names a provider takes, and how those are made that it does not.
type Rule struct {
	// Most is how many characters a name may have.
	Most int
	// Spell writes a name in the provider's alphabet, as Lower does; nil keeps it. Names that it spells alike are told apart
	// by their digests.
	Spell func(string) string
	// Digest is where the digest stands that tells names apart.
	Digest Position
}

// Position is a place in a name.
type Position int

// The positions. First is for a provider that looks at the beginning of names only.
const (
	Last Position = iota
	First
)

// Added is how many characters of a name that was cut or spelled otherwise are its digest, with a hyphen.
const Added = 9

// Of is the name itself where the rule allows it. Else it is as much of the name as has room, beside a digest of all of it:
// the same for the same name always, and another for another name.
func (r Rule) Of(name string) string {
	spelled := r.spell(name)
	if spelled == name && len(name) <= r.Most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	digest := hex.EncodeToString(sum[:Added/2])
	kept := strings.ToValidUTF8(spelled[:min(len(spelled), r.Most-Added)], "")
	if r.Digest == First {
		return digest + "-" + strings.TrimRight(kept, "-")
	}
	return kept + "-" + digest
}

// Beginning is what the names of all begin with whose own names begin so, for who lists them; also those that were cut.
func (r Rule) Beginning(of string) string {
	spelled := r.spell(of)
	if r.Digest == First {
		return ""
	}
	return spelled[:max(min(len(spelled), r.Most-Added), 0)]
}

func (r Rule) spell(name string) string {
	if r.Spell == nil {
		return name
	}
	return r.Spell(name)
}

// Lower spells in lower case, with digits and hyphens.
func Lower(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			return c
		case 'A' <= c && c <= 'Z':
			return c - 'A' + 'a'
		}
		return '-'
	}, name)
}

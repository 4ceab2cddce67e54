// Package marks tells by tags or labels what ferry made, and for whom.
package marks

import (
	"maps"
	"slices"
	"strings"
)

// Owner is whose a thing is. Without a function it is of all the stage.
type Owner struct{ Service, Stage, Function string }

// Syntax is how a provider's tags are written.
type Syntax struct {
	// Prefix begins the keys of ferry's own, as in "ferry:" or "ferry.dev/".
	Prefix string
	// Value writes a value as the provider takes it, as a names.Rule does; nil keeps it.
	Value func(string) string
}

// Key is the key of one of ferry's own tags.
func (s Syntax) Key(word string) string { return s.Prefix + word }

// Ours reports whether a key is one of ferry's own.
func (s Syntax) Ours(key string) bool { return strings.HasPrefix(key, s.Prefix) }

// Of are the tags of what is made for an owner.
func (s Syntax) Of(o Owner) map[string]string {
	tags := map[string]string{s.Key("service"): s.value(o.Service), s.Key("stage"): s.value(o.Stage)}
	if o.Function != "" {
		tags[s.Key("function")] = s.value(o.Function)
	}
	return tags
}

// Owned reports whether tags say that a thing was made for this owner, and for no other.
func (s Syntax) Owned(tags map[string]string, by Owner) bool {
	for key, value := range s.Of(by) {
		if has, ok := tags[key]; !ok || has != value {
			return false
		}
	}
	_, function := tags[s.Key("function")]
	return function == (by.Function != "")
}

func (s Syntax) value(v string) string {
	if s.Value == nil {
		return v
	}
	return s.Value(v)
}

// Change is what gives a thing the wanted tags: the keys that have to go, which are those of the retired that it has, and
// the tags that are not there so. All others are somebody else's, and stay.
func Change(want, has map[string]string, retired ...string) (gone []string, left map[string]string) {
	gone = slices.DeleteFunc(Present(has, retired...), func(key string) bool { _, stays := want[key]; return stays })
	left = maps.Clone(want)
	maps.DeleteFunc(left, func(key, value string) bool { is, ok := has[key]; return ok && is == value })
	return gone, left
}

// Present are those of the keys that a thing has.
func Present(tags map[string]string, keys ...string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { _, ok := tags[key]; return !ok })
}

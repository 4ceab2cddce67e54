package shift

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release"
)

// told is what the shim of a function is told of the migration.
type told struct {
	From    string `json:"from,omitempty"`
	To      string `json:"to"`
	URL     string `json:"url,omitempty"`
	Percent int    `json:"percent,omitempty"`
	Wait    int64  `json:"wait,omitempty"` // milliseconds that the new side has for the head of an answer, where the old one can still give one
	Secret  string `json:"secret,omitempty"`
	Final   bool   `json:"final,omitempty"` // the old side has nothing to answer with any more
	Accepts string `json:"accepts,omitempty"`
	Key     string `json:"key,omitempty"` // the header of the key that lets requests in to the new side
}

// forwarding are the functions of the old side that hand requests over to the new one.
func (m *Move) forwarding(all []manifest.Function, now *release.Migration, t told) []manifest.Function {
	t.From, t.To, t.Secret = now.From, now.To, now.Secret
	return m.keyed(telling(all, func(fn manifest.Function) told {
		t.URL, t.Key = now.URLs[fn.Name], m.keyHeader(fn.Name)
		if !t.Final {
			t.Wait = fn.Timeout.Std().Milliseconds() / 2 // the other half is for the handler here
		}
		return t
	}))
}

// telling are the functions whose shims are told, each its own.
func telling(all []manifest.Function, what func(manifest.Function) told) []manifest.Function {
	out := slices.Clone(all)
	for i, fn := range out {
		if !callable(fn) {
			continue
		}
		text, err := json.Marshal(what(fn))
		if err != nil {
			panic(err) // it holds only strings and numbers
		}
		if fn.Env = maps.Clone(fn.Env); fn.Env == nil {
			fn.Env = map[string]string{}
		}
		fn.Env[manifest.MigrationVariable] = string(text)
		fn.Masked = append(slices.Clone(fn.Masked), manifest.MigrationVariable)
		out[i] = fn
	}
	return out
}

// silent are the functions without events but requests.
func silent(all []manifest.Function) []manifest.Function {
	out := slices.Clone(all)
	for i := range out {
		out[i].Events = slices.DeleteFunc(slices.Clone(out[i].Events), func(e manifest.Event) bool { return e.HTTP == nil })
	}
	return out
}

func callable(fn manifest.Function) bool { return fn.HTTP() != nil }

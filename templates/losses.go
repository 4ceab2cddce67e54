package templates

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ferryfn/ferry/manifest"
)

//go:embed losses.json
var losses []byte

// Loss is what is not carried where it is said, which the conformance tests hold in both directions.
type Loss struct {
	Cases     []string `json:"cases"`     // by their names in the table of docs/conformance.md
	Ingresses []string `json:"ingresses"` // none is all
	Styles    []string `json:"styles"`    // as "nodejs fetch"; none is all
	Reason    string   `json:"reason"`
}

func (l Loss) holds(ingress, style string) bool {
	in := func(list []string, item string) bool { return len(list) == 0 || slices.Contains(list, item) }
	return in(l.Ingresses, ingress) && in(l.Styles, style)
}

// LostOn says of each case that the ingress of a shim loses for handlers of a style why it does: what a connection of one's own
// carries, and that ingress does not.
func LostOn(shim string, r manifest.Runtime, s manifest.Style) map[string]string {
	ingress := map[string]string{"aws": "url", "gcf": "gcf", "azure": "azure"}[shim]
	if ingress == "" || shim == "aws" && s == manifest.StyleLambda { // whose events are AWS's own
		return nil
	}
	var all []Loss
	if err := json.Unmarshal(losses, &all); err != nil {
		panic(fmt.Sprintf("the table of what is lost is broken: %v", err))
	}
	style := r.Language() + " " + string(s)
	lost := map[string]string{}
	for _, l := range all {
		if !l.holds(ingress, style) {
			continue
		}
		for _, name := range l.Cases {
			if !slices.ContainsFunc(all, func(o Loss) bool { return slices.Contains(o.Cases, name) && o.holds("socket", style) }) {
				lost[name] = l.Reason
			}
		}
	}
	return lost
}

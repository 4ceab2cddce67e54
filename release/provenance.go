package release

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// provenance is what the packages of a release were made from, but for those that say otherwise themselves.
func (r *Record) provenance() packager.Provenance {
	return packager.Provenance{Commit: r.Commit, Dirty: r.Dirty, Ferry: r.Ferry, Time: r.Packaged}
}

func (r *Record) setProvenance(p packager.Provenance) {
	r.Commit, r.Dirty, r.Ferry, r.Packaged = p.Commit, p.Dirty, p.Ferry, p.Time
}

// alike is whether two packages were made from the same, whenever that was.
func alike(a, b packager.Provenance) bool {
	return a.Commit == b.Commit && a.Dirty == b.Dirty && a.Ferry == b.Ferry
}

// madeFor is the function with what its package was made from, to stand in another release than the one it is of.
func (f FunctionRecord) madeFor(of *Record) FunctionRecord {
	if f.Made == nil {
		made := of.provenance()
		f.Made = &made
	}
	return f
}

// made is what functions were made from, as one: this checkout, unless all of them were packaged before; then what was
// packaged last. here reports that it is this checkout.
func (o Origin) made(functions map[string]FunctionRecord) (p packager.Provenance, here bool) {
	for i, name := range slices.Sorted(maps.Keys(functions)) {
		made := functions[name].Made
		switch {
		case made == nil:
			return o.checkout(), true
		case i == 0 || made.Time.After(p.Time):
			p = *made
		}
	}
	if len(functions) == 0 {
		return o.checkout(), true
	}
	return p, false
}

func (o Origin) checkout() packager.Provenance {
	return packager.Provenance{Commit: o.Commit, Dirty: o.Dirty, Ferry: o.Version}
}

// credit writes down what the packages of a deploy were made from. This checkout is noted apart when that is something else.
func (r *Record) credit(o Origin) {
	last, here := o.made(r.Functions)
	r.setProvenance(last)
	if !here {
		checkout := o.checkout()
		r.Checkout = &checkout
	}
	for name, f := range r.Functions {
		if f.Made != nil && alike(*f.Made, last) {
			f.Made = nil
			r.Functions[name] = f
		}
	}
}

// madeApart are the functions whose packages were made from something else than the release's.
func (r *Record) madeApart() map[string]packager.Provenance {
	apart := map[string]packager.Provenance{}
	for name, f := range r.Functions {
		if f.Made != nil {
			apart[name] = *f.Made
		}
	}
	return apart
}

// elsewhere warns where what is live came from another folder of the repository: a copy of the project, as a rule, whose service
// still has the name of this one.
func (e *Engine) elsewhere(s *scene) []providers.Issue {
	if s.live == nil || s.live.Path == "" || e.Path == "" || s.live.Path == e.Path {
		return nil
	}
	return []providers.Issue{{
		Severity: providers.Warning,
		Message: fmt.Sprintf("the live release of %s was deployed from %s, and this is %s: two projects of one name replace each other",
			e.Manifest.Service, folder(s.live.Path), folder(e.Path)),
		Hint: "give one of them another `service:` name; if the folder was moved, all is well",
	}}
}

func folder(path string) string {
	if path == "." {
		return "the root of the repository"
	}
	return path
}

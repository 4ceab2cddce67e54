package release

import (
	"maps"
	"slices"

	"github.com/ferryfn/ferry/packager"
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

// credit writes down what the packages of a deploy were made from: this checkout, unless they were packaged before.
// Then this checkout is noted apart, and the release is named after what was packaged last.
func (r *Record) credit(o Origin) {
	here := packager.Provenance{Commit: o.Commit, Dirty: o.Dirty, Ferry: o.Version}
	var last *packager.Provenance
	for _, name := range slices.Sorted(maps.Keys(r.Functions)) {
		made := r.Functions[name].Made
		if made == nil {
			last = &here
			break
		}
		if last == nil || made.Time.After(last.Time) {
			last = made
		}
	}
	if last == nil {
		last = &here
	}
	r.setProvenance(*last)
	if last != &here {
		r.Checkout = &here
	}
	for name, f := range r.Functions {
		if f.Made != nil && alike(*f.Made, *last) {
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

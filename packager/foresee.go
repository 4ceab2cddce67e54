package packager

import (
	"path/filepath"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// Foresee says what the sources of a function show by themselves, without a network, its packages, or running any of it: that
// the handler is written for another style, which its start would say first, and what the target does not carry. What it does
// not see may still be wrong.
func (p *Packager) Foresee(fn manifest.Function, pl Platform) ([]source.Warning, error) {
	l, ok := p.shared.languageOf(fn.Runtime)
	if !ok || l.foresee == nil || !fn.Shimmed() || p.From != "" {
		return nil, nil
	}
	dir := filepath.Join(p.Root, filepath.FromSlash(fn.Source))
	warnings, err := l.foresee(dir, fn, pl)
	if err == nil {
		err = l.readsPayload(dir, fn)
	}
	return warnings, p.attribute(fn, err)
}

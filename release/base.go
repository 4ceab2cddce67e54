package release

import (
	"context"
	"errors"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// rebase decides over which edition of its image each chosen function is laid: that of the live release, as long as the image is the
// same one, unless newer ones are asked for.
func (e *Engine) rebase(ctx context.Context, s *scene, g *goods) error {
	b, ok := providers.As[providers.Baser](e.Adapter)
	if !ok {
		if e.RefreshBase {
			return &providers.Error{
				Kind: providers.Unsupported, Op: "refresh the base image", Provider: e.Manifest.Target.Provider, Hint: "leave out --refresh-base",
				Err: errors.New("functions run on the runtimes that the target has, so that there is no base image to refresh"),
			}
		}
		return nil
	}
	var chosen []manifest.Function
	var bases table[string]
	for name := range g.chosen {
		fn := g.functions[name].Function
		was, lives := s.liveFunctions()[name]
		switch {
		case b.Over(fn, ""):
		case lives && !e.RefreshBase && b.Over(fn, was.Base):
			bases.set(name, was.Base)
		default:
			chosen = append(chosen, fn)
		}
	}
	find := b.Base
	if e.RefreshBase {
		find = b.FreshBase
	}
	err := each(ctx, chosen, callLimit, func(ctx context.Context, fn manifest.Function) error {
		base, err := find(ctx, fn)
		bases.set(fn.Name, base)
		return err
	})
	for name, base := range bases.m {
		g.functions[name] = g.functions[name].over(base)
		g.chosen[name] = g.functions[name]
	}
	return err
}

// over is the function laid over an edition of its image, of which the digest counts, and not where it lies.
func (f FunctionRecord) over(base string) FunctionRecord {
	if base == "" {
		return f
	}
	f.Base = base
	content := base[strings.LastIndexByte(base, '@')+1:]
	f.Digest = providers.SpecDigest(providers.ConfigDigest(f.Function, f.Secrets)+" over "+content, f.Artifact.ZipDigest)
	return f
}

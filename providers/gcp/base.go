package gcp

import (
	"context"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

var _ providers.Baser = (*Adapter)(nil)

// source is the base image of a function, and the tag of its copy in the repository.
func (p *place) source(fn function) (image, tag string) {
	if fn.own.BaseImage != "" {
		return fn.own.BaseImage, "base-" + short(fn.own.BaseImage)
	}
	id := runtimes()[fn.Runtime].ID
	return p.baseHost() + "/serverless-runtimes/" + stack(id) + "/runtimes/" + id, id
}

// copies is the repository of base images' copies.
func (p *place) copies() string { return p.repository() + "/ferry-base" }

// Over compares the names, for an edition is the image's with a digest. What Cloud Functions builds is over an image of its own.
func (a *Adapter) Over(asked manifest.Function, base string) bool {
	fn := functionOf(asked)
	if fn.viaFunctions() {
		return base == ""
	}
	image, _ := a.source(fn)
	return base == image || strings.HasPrefix(base, image+"@sha256:")
}

// Base is the edition whose copy the repository has, so that all functions over it are alike.
func (a *Adapter) Base(ctx context.Context, fn manifest.Function) (string, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return "", err
	}
	image, tag := c.source(functionOf(fn))
	chosen, err := c.registries().Edition(ctx, c.copies()+":"+tag)
	switch {
	case err != nil:
		return "", a.classify("look up the base image", fn.Name, err)
	case chosen == "" || strings.Contains(image, "@"):
		return a.FreshBase(ctx, fn)
	}
	return image + "@" + chosen, nil
}

// FreshBase is the edition that Google, or who made the image, has now.
func (a *Adapter) FreshBase(ctx context.Context, fn manifest.Function) (string, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return "", err
	}
	image, _ := c.source(functionOf(fn))
	base, err := c.registries().Newest(ctx, image)
	return base, a.classify("look up the base image", fn.Name, err)
}

// base is the base image of a spec, by its digest, in the repository: the edition of the release, else the one that the repository has. An
// image that names its digest has one edition, whose copy has another digest where the image is for several platforms: its tag finds it.
func (c *connection) base(ctx context.Context, s spec) (string, error) {
	image, tag := c.source(s.function)
	if s.base == "" || s.base == image {
		return c.registries().Pin(ctx, image, c.copies(), tag)
	}
	return c.registries().PinEdition(ctx, s.base, c.copies(), tag)
}

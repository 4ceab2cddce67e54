package packager

import (
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

// EventAudience is the variable with the secret by which a package that is Guarded knows its events.
const EventAudience = templates.EventAudience

// EntryPoint is the function that Google's functions-framework is to call in a package.
const EntryPoint = templates.EntryPoint

// EventPath is the path at which a package takes events that are pushed to it, by kind and the name in the manifest.
func EventPath(kind, name string) string { return templates.EventPath(kind, name) }

// Guarded is whether a package takes a pushed event only from who knows the EventAudience: everybody may call its function.
func Guarded(fn manifest.Function) bool { return templates.Guarded(fn) }

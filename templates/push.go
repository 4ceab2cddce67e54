package templates

import (
	"net/url"

	"github.com/ferryfn/ferry/manifest"
)

// EventPath is the path that a shim takes events of a kind at which others push to it: messages of a queue or of a topic,
// news of the objects of a bucket, and calls of a schedule.
func EventPath(kind, name string) string {
	return "/.ferry/events/" + kind + "/" + url.PathEscape(name)
}

// EventAudience is the variable with the audience that the sender's token has to be for. It is a secret: a function that is
// guarded takes an event from who knows it, and without it none.
const EventAudience = "FERRY_EVENT_AUDIENCE"

// Guarded is whether everybody may call a function that takes events as well. Where both come in at one place, as on Google
// Cloud, its events then show by a secret that they are none of a stranger's.
func Guarded(fn manifest.Function) bool {
	h := fn.HTTP()
	return h != nil && !h.Private() && len(fn.Events) > 1
}

// EntryPoint is the function that Google's functions-framework is to call in a package for it.
const EntryPoint = "ferry"

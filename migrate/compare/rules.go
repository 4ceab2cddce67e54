package compare

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/pattern"
)

// Rules say what may differ.
type Rules struct {
	headers []string // names in lower case, or patterns such as x-amz-*
	paths   []string // of values in JSON, such as $.items[*].id
	within  time.Duration
	uuids   bool
}

// passing are headers that say where an answer came from and when, not what it is.
func passing() []string {
	return []string{
		"date", "server", "via", "age", "connection", "keep-alive", "transfer-encoding", "content-length", "alt-svc", "x-request-id",
		"x-correlation-id", "x-powered-by", "traceparent", "tracestate", "function-execution-id", "request-context", "strict-transport-security",
		"x-amz*", "x-amzn*", "x-cloud-trace-context", "x-goog*", "x-azure*", "x-ms-*", "x-ferry*", "ferry-*",
	}
}

// NewRules are the rules of those that were given: "header:x-build" or "json:$.meta.id" to ignore, and "time=5s" or "uuid"
// to tolerate.
func NewRules(ignore, tolerate []string) (Rules, error) {
	r := Rules{headers: passing()}
	for _, rule := range ignore {
		kind, what, _ := strings.Cut(rule, ":")
		switch {
		case kind == "header" && what != "":
			r.headers = append(r.headers, strings.ToLower(what))
		case kind == "json" && strings.HasPrefix(what, "$"):
			r.paths = append(r.paths, what)
		default:
			return r, fmt.Errorf("%q is not a rule: write header:NAME or json:$.path", rule)
		}
	}
	for _, rule := range tolerate {
		kind, what, _ := strings.Cut(rule, "=")
		switch kind {
		case "uuid":
			r.uuids = true
		case "time":
			d, err := time.ParseDuration(what)
			if err != nil || d <= 0 {
				return r, fmt.Errorf("%q is not a rule: write time=5s", rule)
			}
			r.within = d
		default:
			return r, fmt.Errorf("%q is not a rule: write time=5s or uuid", rule)
		}
	}
	return r, nil
}

func (r Rules) ignoresHeader(name string) bool {
	return slices.ContainsFunc(r.headers, func(pattern string) bool {
		match, err := path.Match(pattern, strings.ToLower(name))
		return err == nil && match
	})
}

var index = pattern.Of(`\[\d+\]`)

func (r Rules) ignoresPath(at string) bool {
	return slices.Contains(r.paths, at) || slices.Contains(r.paths, index().ReplaceAllString(at, "[*]"))
}

var uuid = pattern.Of(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// tolerates is whether two different texts may stand for the same.
func (r Rules) tolerates(from, to string) bool {
	if r.uuids && uuid().MatchString(from) && uuid().MatchString(to) {
		return true
	}
	if r.within == 0 {
		return false
	}
	a, errA := time.Parse(time.RFC3339, from)
	b, errB := time.Parse(time.RFC3339, to)
	return errA == nil && errB == nil && a.Sub(b).Abs() <= r.within
}

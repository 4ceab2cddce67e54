package knative

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/bucket"
	"github.com/ferryfn/ferry/providers/image"
	"github.com/ferryfn/ferry/providers/until"
)

// refusal is what the API server answered in place of what it was asked for.
type refusal struct {
	code            int
	Reason, Message string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s (%s)", strings.TrimSuffix(r.Message, "."), cmp.Or(r.Reason, fmt.Sprint(r.code)))
}

func refusalOf(res *http.Response) error {
	r := &refusal{code: res.StatusCode}
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || json.Unmarshal(data, r) != nil {
		r.Message = strings.TrimSpace(string(data))
	}
	r.Message = cmp.Or(r.Message, http.StatusText(res.StatusCode))
	return r
}

// unreached is a call that got no answer: whether it was done is not known.
type unreached struct{ err error }

func (u *unreached) Error() string { return u.err.Error() }
func (u *unreached) Unwrap() error { return u.err }

func reaching(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return &unreached{err}
}

// statusOf is the HTTP status of the API server, of a registry or of a bucket, 0 when there was none.
func statusOf(err error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.code
	}
	return cmp.Or(image.StatusOf(err), bucket.StatusOf(err))
}

func isNotFound(err error) bool { return statusOf(err) == http.StatusNotFound }

// isTaken reports whether what was to be made is there, and isStale whether a condition of a write did not hold.
func isTaken(err error) bool {
	return statusOf(err) == http.StatusConflict && reasonOf(err) == "AlreadyExists"
}

func isStale(err error) bool {
	return statusOf(err) == http.StatusConflict && reasonOf(err) != "AlreadyExists"
}

func reasonOf(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

// classify gives every failure its kind and its next step.
func (p *place) classify(op, fn string, err error) error {
	if err == nil {
		return nil
	}
	var done *providers.Error
	if errors.As(err, &done) {
		named := *done // several calls may meet the same error at once
		named.Provider = name
		return &named
	}
	e := &providers.Error{Provider: name, Op: op, Function: fn, Kind: kindOf(err), Err: err}
	e.Hint = hintOf(e.Kind)
	var refused *refusal
	var lost *unreached
	switch {
	case errors.As(err, &refused):
		p.explain(e, refused)
	case !errors.As(err, &lost) && ofRegistry(err):
		e.Hint = p.registryHint(e.Kind)
	}
	return e
}

// explain makes of what the API server said what it means, where its status does not say it.
func (p *place) explain(e *providers.Error, r *refusal) {
	says := func(words string) bool { return strings.Contains(r.Message, words) }
	switch {
	case r.code == http.StatusNotFound && says("the server could not find the requested resource"):
		e.Kind, e.Hint = providers.Unsupported, "install Knative Serving in the cluster: https://knative.dev/docs/install/"
	case r.code == http.StatusNotFound && says(`namespaces "`):
		e.Hint = "make it: `kubectl create namespace`, or name another one: targets." + p.targetName + ".namespace"
	case r.code == http.StatusForbidden && says("is being terminated"):
		e.Kind, e.Hint = providers.Unavailable, "wait until the namespace is gone and make it anew, or name another one: targets."+p.targetName+".namespace"
	}
}

// ofRegistry reports whether a failure is one of the registry: it answered so, or was not reached.
func ofRegistry(err error) bool {
	var at *url.Error
	return image.StatusOf(err) != 0 || errors.As(err, &at)
}

func (p *place) registryHint(k providers.Kind) string {
	host, _, _ := strings.Cut(p.target.Registry, "/")
	switch k {
	case providers.Unauthenticated, providers.Denied:
		return "sign in to the registry as somebody who may push: `docker login " + host + "`"
	case providers.Throttled:
		return "wait, or sign in to the registry, which then gives more: `docker login`"
	case providers.Unavailable:
		return "see whether the registry is reached and works: `docker pull " + p.target.Registry + "/ferry-base`"
	case providers.Unsupported:
		return "see whether the registry may be written to, and lets images be deleted"
	}
	return ""
}

func kindOf(err error) providers.Kind {
	var late *until.Late
	var lost *unreached
	switch {
	case errors.As(err, &late), errors.Is(err, context.DeadlineExceeded):
		return providers.Timeout
	case errors.Is(err, context.Canceled):
		return providers.Failed
	case image.StatusOf(err) == http.StatusMethodNotAllowed: // a registry that is read only, or deletes nothing
		return providers.Unsupported
	case reasonOf(err) == "Forbidden" && strings.Contains(err.Error(), "exceeded quota"):
		return providers.Limit
	case statusOf(err) > 0:
		return providers.KindOfStatus(statusOf(err))
	}
	var at *url.Error // as the registry's client says that nobody answered
	if errors.As(err, &lost) || errors.As(err, &at) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return providers.Unavailable
	}
	return providers.Failed
}

func hintOf(k providers.Kind) string {
	switch k {
	case providers.Unauthenticated:
		return "sign in to the cluster again, or choose another context"
	case providers.Denied:
		return "give the caller the role that docs/knative.md shows"
	case providers.Limit:
		return "raise the namespace's quota, or remove what is not needed"
	case providers.Unavailable:
		return "see whether the cluster is reached: `kubectl version`"
	case providers.Conflict:
		return "run `ferry status` to see what serves"
	}
	return ""
}

// fail is a failure that the adapter itself found.
func fail(k providers.Kind, op, fn, hint, format string, args ...any) *providers.Error {
	return &providers.Error{Kind: k, Op: op, Provider: name, Function: fn, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// foreign is a name that is taken by what ferry did not make.
func (p *place) foreign(op, fn string) error {
	return fail(providers.Foreign, op, fn, "run `ferry deploy --adopt` to take it over, or rename the function", "%s exists in the namespace, and ferry did not make it", p.object(fn))
}

func stale(fn, what string) error {
	return fail(providers.Conflict, "activate", fn, "run `ferry status` to see what serves", "what is live changed in the meantime: %s", what)
}

// broken is why a revision does not start, nil of one that does or of which it is not known yet. Knative writes the end of the
// container's log into the condition.
func broken(fn string, r *revision) *providers.Error {
	if ready := r.Status.ready(); ready.Status == isFalse {
		return unstarted(fn, r.Name, ready.Reason, ready.Message)
	}
	return nil
}

// unstarted is a revision that does not start, with the reason in the words of Knative or of the kubelet.
func unstarted(fn, id, reason, message string) *providers.Error {
	e := fail(providers.Crashed, "start", fn, "", "the revision %s does not start: %s", id, strings.TrimSpace(message))
	switch {
	case strings.HasPrefix(reason, "ExitCode"):
		e.Log = strings.TrimSpace(strings.TrimPrefix(message, "Container failed with: "))
		e.Err, e.Hint = fmt.Errorf("the revision %s does not start (%s)", id, reason), providers.CrashHint(e.Log)
	case slices.Contains(unpulled(), reason):
		e.Kind, e.Hint = providers.Denied, "let the cluster pull from the registry: knative.pull_secret"
	case reason == unconfigured:
		e.Kind, e.Hint = providers.NotFound, "set the secrets with `ferry secrets set`, and deploy again"
	case reason == "FailedCreate" && strings.Contains(message, "exceeded quota"):
		e.Kind, e.Hint = providers.Limit, hintOf(providers.Limit)
	case reason == "FailedCreate":
		e.Kind, e.Hint = providers.Denied, "see what the namespace's rules refuse of its pods: `kubectl get events`"
	case reason == "ProgressDeadlineExceeded", reason == "Unschedulable":
		e.Kind, e.Hint = providers.Unavailable, "see whether the cluster has room: `kubectl get events`"
	}
	return e
}

// unpulled are the reasons of an image that is not to be had. After the first failure it is tried again, ever more slowly.
func unpulled() []string {
	return []string{"ContainerMissing", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
}

// unconfigured is the reason of a container whose secrets there are not.
const unconfigured = "CreateContainerConfigError"

// stuck is broken, also where Knative does not say so yet: what a container waits for in vain it tells after ten minutes, and the pod
// at once.
func (c *connection) stuck(ctx context.Context, fn string, r *revision) (*providers.Error, error) {
	if r == nil || r.Status.ready().Status == isTrue {
		return nil, nil
	}
	if e := broken(fn, r); e != nil {
		return e, nil
	}
	all, err := list[pod](ctx, c, pods, map[string]string{"serving.knative.dev/revision": r.Name})
	for _, p := range all {
		for _, k := range p.Status.Containers {
			w := k.State.Waiting
			if w != nil && w.Reason != "ErrImagePull" && (w.Reason == unconfigured || slices.Contains(unpulled(), w.Reason)) {
				return unstarted(fn, r.Name, w.Reason, w.Message), nil
			}
		}
	}
	return nil, err
}

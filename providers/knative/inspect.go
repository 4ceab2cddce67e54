package knative

import (
	"cmp"
	"context"
	"fmt"

	"github.com/ferryfn/ferry/providers"
)

// Inspect compares field by field what is live with its spec: the revision, who reaches it, and what calls it.
func (a *Adapter) Inspect(ctx context.Context, s providers.Spec) ([]providers.Difference, error) {
	return with(ctx, a, "inspect", s.Function.Name, func(c *connection) ([]providers.Difference, error) { return c.inspect(ctx, specOf(s)) })
}

func (c *connection) inspect(ctx context.Context, s spec) ([]providers.Difference, error) {
	fn := s.function
	now, err := find[route](ctx, c, routes, c.object(fn.Name))
	live := flowing(now).live
	if err != nil || live == "" || fn.Runtime == "" {
		return nil, err
	}
	has, err := find[revision](ctx, c, revisions, live)
	if err != nil || has == nil || len(has.Spec.Containers) == 0 {
		return nil, err
	}
	want := c.template(s, pushed{digest: imageOf(has.Spec)})
	var d providers.Differences
	d.CompareHidden("env", values(want.Spec), values(has.Spec))
	d.Compare("memory", limit(want.Spec, "memory"), limit(has.Spec, "memory"))
	if fn.own.CPU != "" { // else it is as the cluster gives it
		d.Compare("knative.cpu", limit(want.Spec, "cpu"), limit(has.Spec, "cpu"))
	}
	d.Compare("timeout", fmt.Sprint(want.Spec.Timeout), fmt.Sprint(has.Spec.Timeout))
	d.Compare("scaling.concurrency", fmt.Sprint(want.Spec.Concurrency), fmt.Sprint(has.Spec.Concurrency))
	d.Compare("scaling.min", cmp.Or(want.Annotations[minScale], "0"), cmp.Or(has.Annotations[minScale], "0"))
	d.Compare("scaling.max", cmp.Or(want.Annotations[maxScale], "0"), cmp.Or(has.Annotations[maxScale], "0"))
	d.Compare("knative.service_account", fn.own.ServiceAccount, has.Spec.ServiceAccount)
	d.Compare("events[].http.auth", fmt.Sprint(visibility(fn) == clusterLocal), fmt.Sprint(now.Labels[labelVisibility] == clusterLocal))
	bound := providers.BindNone
	if fn.called() {
		bound = providers.BindEnabled
	}
	jobs, there, err := c.callers(ctx, fn.Name)
	d.Compare("events", string(bound), string(modeOf(jobs, there)))
	if err == nil {
		err = c.compareTriggers(ctx, fn, there, &d)
	}
	return d, err
}

// values are a container's variables, with references to secrets as they are written.
func values(s podSpec) map[string]string {
	all := map[string]string{}
	for _, v := range s.Containers[0].Env {
		all[v.Name] = v.Value
		if v.From != nil && v.From.Secret != nil {
			all[v.Name] = "secret " + v.From.Secret.Name
		}
	}
	return all
}

func limit(s podSpec, of string) string {
	if r := s.Containers[0].Resources; r != nil {
		return r.Limits[of]
	}
	return ""
}

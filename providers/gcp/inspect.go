package gcp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
)

// Inspect compares field by field what is live with its spec: the revision, and all that is not versioned and can be changed
// by hand.
func (a *Adapter) Inspect(ctx context.Context, s providers.Spec) ([]providers.Difference, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	diff, err := c.inspect(ctx, specOf(s))
	return diff, a.classify("inspect", s.Function.Name, err)
}

func (c *connection) inspect(ctx context.Context, s spec) ([]providers.Difference, error) {
	fn := s.function
	found, err := c.get(ctx, fn.Name)
	live := routed(found).live
	if err != nil || live == "" || fn.Runtime == "" {
		return nil, err
	}
	has, err := c.getRevision(ctx, fn.Name, live)
	if err != nil || has == nil {
		return nil, err
	}
	d := revisionDiff(c.template(s, execution{
		revision: live, image: imageOf(has), account: has.ServiceAccount, instance: variableOf(has.Containers, variableInstance),
	}), has)
	if fn.own.ServiceAccount != "" {
		d.Compare("gcp.service_account", fn.own.ServiceAccount, has.ServiceAccount)
	}
	least := int64(0)
	if found.Scaling != nil {
		least = found.Scaling.MinInstanceCount
	}
	d.Compare("scaling.min", fmt.Sprint(fn.Scaling.Min), fmt.Sprint(least))
	d.Compare("gcp.ingress", ingress(fn), found.Ingress)
	for _, key := range slices.Sorted(maps.Keys(c.labels(fn))) {
		d.Compare("gcp.labels."+key, c.labels(fn)[key], found.Labels[key])
	}
	p, err := c.policy(ctx, fn.Name)
	if err != nil {
		return nil, err
	}
	caller := map[bool]string{true: "anybody"}
	d.Compare("url.permissions", caller[fn.access() == public], caller[open(p) || found.InvokerIamDisabled])
	bound := providers.BindNone
	if fn.bound() {
		bound = providers.BindEnabled
	}
	mode, _, err := c.bindings(ctx, fn.Name, found)
	d.Compare("events", string(bound), string(mode))
	return d, err
}

// revisionDiff names what of a revision is not as it is wanted.
func revisionDiff(want *run.GoogleCloudRunV2RevisionTemplate, has *run.GoogleCloudRunV2Revision) providers.Differences {
	var d providers.Differences
	if len(has.Containers) == 0 {
		return providers.Differences{{Path: "containers", Spec: "1", Actual: "0"}}
	}
	w, h := want.Containers[0], has.Containers[0]
	d.CompareHidden("env", variablesOf(w, unasked()...), variablesOf(h, unasked()...))
	d.Compare("memory", w.Resources.Limits["memory"], limit(h, "memory"))
	d.Compare("gcp.cpu", w.Resources.Limits["cpu"], limit(h, "cpu"))
	d.Compare("timeout", want.Timeout, has.Timeout)
	d.Compare("scaling.concurrency", fmt.Sprint(want.MaxInstanceRequestConcurrency), fmt.Sprint(has.MaxInstanceRequestConcurrency))
	if want.Scaling != nil {
		most := int64(0)
		if has.Scaling != nil {
			most = has.Scaling.MaxInstanceCount
		}
		d.Compare("scaling.max", fmt.Sprint(want.Scaling.MaxInstanceCount), fmt.Sprint(most))
	}
	d.Compare("gcp.network", text(want.VpcAccess), text(has.VpcAccess))
	return d
}

// unasked are the variables of which a spec says nothing: those that only what Cloud Functions builds has, by itself or for its
// framework, and the revision's name, which it has not.
func unasked() []string {
	return []string{"FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "LOG_EXECUTION_ID", "IGNORED_ROUTES", "FERRY_REVISION"}
}

// variablesOf are a container's variables but some, with references to secrets as they are written.
func variablesOf(c *run.GoogleCloudRunV2Container, but ...string) map[string]string {
	all := map[string]string{}
	for _, v := range c.Env {
		if slices.Contains(but, v.Name) {
			continue
		}
		all[v.Name] = v.Value
		if v.ValueSource != nil && v.ValueSource.SecretKeyRef != nil {
			all[v.Name] = "secret " + idOf(v.ValueSource.SecretKeyRef.Secret) + " " + v.ValueSource.SecretKeyRef.Version
		}
	}
	return all
}

func limit(c *run.GoogleCloudRunV2Container, of string) string {
	if c.Resources == nil {
		return ""
	}
	return c.Resources.Limits[of]
}

func text(v *run.GoogleCloudRunV2VpcAccess) string {
	if v == nil {
		return ""
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(err) // which no text equals
	}
	return string(data)
}

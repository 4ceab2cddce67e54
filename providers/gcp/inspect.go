package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	functions "google.golang.org/api/cloudfunctions/v2"
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

// Read is a function of Cloud Functions, as `gcloud functions describe` prints it, with who may call it. Its sources are those
// that it was built of. The name is its id, or its full name.
func (a *Adapter) Read(ctx context.Context, fn string, code io.Writer) ([]byte, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	described, err := c.read(ctx, fn, code)
	return described, a.classify("read", fn, err)
}

func (c *connection) read(ctx context.Context, fn string, code io.Writer) ([]byte, error) {
	id := idOf(fn)
	if full := c.parent() + "/functions/" + id; strings.Contains(fn, "/") && fn != full && fn != c.parent()+"/services/"+id {
		return nil, unreadable(providers.NotFound, fn, "choose its project and region with --set project=… and --set region=…", "it is not in %s", c.parent())
	}
	is, err := c.functions.Projects.Locations.Functions.Get(c.parent() + "/functions/" + id).Context(ctx).Do()
	if isNotFound(err) {
		return nil, c.unbuilt(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	if service, ours := is.Labels[tagged().Key("service")]; ours {
		return nil, deployed(id, service, is.Labels[tagged().Key("function")])
	}
	if is.ServiceConfig == nil || is.ServiceConfig.Service == "" {
		return nil, unreadable(providers.Unsupported, id, "put what `gcloud functions describe "+id+"` prints beside its sources, and import that", "it is a function of the first generation, or was never deployed whole")
	}
	policy, err := c.run.Projects.Locations.Services.GetIamPolicy(is.ServiceConfig.Service).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	if err != nil && kindOf(err) != providers.Denied {
		return nil, err
	}
	called, err := c.callers(ctx, is)
	if err != nil {
		return nil, err
	}
	text, err := withPolicy(is, policy, called)
	if err != nil {
		return nil, err
	}
	at, err := c.functions.Projects.Locations.Functions.GenerateDownloadUrl(is.Name, &functions.GenerateDownloadUrlRequest{}).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	return text, c.download(ctx, at.DownloadUrl, code)
}

// download copies sources from an address that has the right to them.
func (c *connection) download(ctx context.Context, address string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("downloading its sources: Google gave no address of them")
	}
	res, err := c.plain.Do(req)
	if err != nil {
		return errors.New("downloading its sources: the host does not answer") // the cause has the address
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("downloading its sources: Google answers %s", res.Status)
	}
	_, err = io.Copy(to, res.Body)
	return err
}

// withPolicy is a function as gcloud prints it, with who may call it and who does beside; a nil policy is one that the caller may
// not see.
func withPolicy(is *functions.Function, policy *run.GoogleIamV1Policy, callers map[string]any) ([]byte, error) {
	text, err := json.Marshal(is)
	var described map[string]any
	if err == nil {
		err = json.Unmarshal(text, &described)
	}
	if err != nil {
		return nil, err
	}
	described["iamPolicy"] = providers.Unread("run.services.getIamPolicy: who may call it")
	if policy != nil {
		described["iamPolicy"] = map[string]any{"bindings": policy.Bindings}
	}
	maps.Copy(described, callers)
	return json.Marshal(described)
}

// unbuilt is why a service of Cloud Run is not read, or that there is none.
func (c *connection) unbuilt(ctx context.Context, id string) error {
	is, err := c.run.Projects.Locations.Services.Get(c.parent() + "/services/" + id).Context(ctx).Do()
	if isNotFound(err) {
		return unreadable(providers.NotFound, id, "list what there is with `gcloud functions list` and `gcloud run services list`", "there is no function and no service %s in %s", id, c.parent())
	}
	if err != nil {
		return err
	}
	if service, ours := is.Labels[tagged().Key("service")]; ours {
		return deployed(id, service, is.Labels[tagged().Key("function")])
	}
	if b := is.BuildConfig; b != nil && b.SourceLocation != "" {
		return unreadable(providers.Unsupported, id, "unpack "+b.SourceLocation+" into a folder, with what `gcloud run services describe "+id+" --format export` prints, and import that",
			"it is a service of Cloud Run, and not a function")
	}
	return unreadable(providers.Unsupported, id, "put what `gcloud run services describe "+id+" --format export` prints beside its sources, and import that",
		"it is a service of Cloud Run whose code is an image, which cannot be turned back into sources")
}

func deployed(id, service, fn string) error {
	return unreadable(providers.Unsupported, id, "deploy it from the manifest that it came from", "ferry deployed it, as the function %s of the service %s", fn, service)
}

func unreadable(kind providers.Kind, fn, hint, format string, args ...any) error {
	return &providers.Error{Kind: kind, Op: "read", Provider: name, Function: fn, Hint: hint, Err: fmt.Errorf(format, args...)}
}

package knative

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/doctor"
)

// Diagnose looks at the cluster, at Knative in it, at what the caller may do there, and at the registry.
func (a *Adapter) Diagnose(ctx context.Context, _ []manifest.Function) []providers.Finding {
	d := doctor.Doctor{Patience: 15 * time.Second, Classify: func(subject string, err error) *providers.Error {
		var e *providers.Error
		errors.As(a.classify(subject, "", err), &e)
		return e
	}}
	c, err := a.connect(ctx)
	if err != nil {
		return d.All(ctx, doctor.Look{Subject: "cluster", At: func(context.Context) (string, error) { return "", err }})
	}
	looks := []doctor.Look{
		{Subject: "cluster", At: func(ctx context.Context) (string, error) {
			var version struct{ GitVersion string }
			err := c.do(ctx, call{method: http.MethodGet, path: "/version"}, &version)
			return fmt.Sprintf("Kubernetes %s, namespace %s", version.GitVersion, c.namespace), err
		}},
		{Subject: "knative", At: func(ctx context.Context) (string, error) {
			return "Knative Serving is installed", c.do(ctx, call{method: http.MethodGet, path: "/apis/serving.knative.dev/v1"}, nil)
		}},
		{Subject: "permissions", At: c.lookAtRights},
		{Subject: "registry", At: func(ctx context.Context) (string, error) {
			_, err := c.registries().Has(ctx, c.target.Registry+"/ferry-base:none")
			return "images go to " + c.target.Registry, err
		}},
	}
	if a.target.Store != nil {
		looks = append(looks, doctor.Look{Subject: "store", At: func(ctx context.Context) (string, error) {
			s, err := a.inBucket(ctx)
			if err == nil {
				_, err = s.List(ctx, "ferry-conditions")
			}
			return "releases are kept in the bucket " + a.target.Store.Bucket, err
		}})
	}
	return d.All(ctx, looks...)
}

// rights are what a deployer may do in the namespace, the least that is enough.
func rights() map[resource][]string {
	return map[resource][]string{
		configurations: {"create", "delete", "get", "list", "patch", "update"},
		routes:         {"create", "delete", "get", "list", "patch"},
		revisions:      {"delete", "get", "list"},
		services:       {"delete", "get"},
		cronJobs:       {"create", "delete", "get", "list", "patch"},
		secretObjects:  {"create", "delete", "get", "list", "patch"},
		configMaps:     {"create", "delete", "get", "list", "update"},
		pods:           {"list"},
		brokers:        {"get"},
		triggers:       {"create", "delete", "get", "list", "patch"},
		"v1/pods/log":  {"get"},
	}
}

// lookAtRights asks Kubernetes for each of the rights, several at once, and names those that are missing.
func (c *connection) lookAtRights(ctx context.Context) (string, error) {
	var mu sync.Mutex
	var missing []string
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(8)
	for r, verbs := range rights() {
		for _, verb := range verbs {
			all.Go(func() error {
				what, allowed, err := c.may(ctx, r, verb)
				if err == nil && !allowed {
					mu.Lock()
					defer mu.Unlock()
					missing = append(missing, what)
				}
				return err
			})
		}
	}
	if err := all.Wait(); err != nil {
		return "", err
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return "", fail(providers.Denied, "permissions", "", hintOf(providers.Denied), "the caller may not %s in the namespace %s", strings.Join(missing, ", "), c.namespace)
	}
	return "the caller may do all that is needed", nil
}

// may asks Kubernetes whether the caller may do something with a resource, and says in words what that is.
func (c *connection) may(ctx context.Context, r resource, verb string) (what string, allowed bool, err error) {
	group, rest, _ := strings.Cut("/"+string(r), "/v1/")
	plural, sub, _ := strings.Cut(rest, "/")
	var review struct{ Status struct{ Allowed bool } }
	err = c.do(ctx, call{method: http.MethodPost, path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]string{
			"namespace": c.namespace, "group": strings.TrimPrefix(group, "/"), "resource": plural, "subresource": sub, "verb": verb,
		}},
	}}, &review)
	return verb + " " + rest, review.Status.Allowed, err
}

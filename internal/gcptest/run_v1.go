package gcptest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "google.golang.org/api/run/v1"
	"google.golang.org/api/run/v2"
)

// runV1 is Cloud Run in the form of Knative, by which gcloud reads services and moves traffic. A namespace is the project; the region is
// that of the host (https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services).
func runV1() map[string]handler {
	return map[string]handler{
		"namespaces.services.get":                  (*Server).getServiceV1,
		"namespaces.services.list":                 (*Server).listServicesV1,
		"namespaces.services.replaceService":       (*Server).replaceServiceV1,
		"namespaces.revisions.get":                 (*Server).getRevisionV1,
		"namespaces.revisions.list":                (*Server).listRevisionsV1,
		"projects.locations.services.list":         (*Server).listServicesV1,
		"projects.locations.services.getIamPolicy": in(getPolicy(servicePolicy)),
		"projects.locations.services.setIamPolicy": (*Server).setServicePolicy,
	}
}

// serviceV1 finds the service of a call.
func (s *Server) serviceV1(c *call) (*runService, *failure) {
	return s.service(location(Region) + "/services/" + lastOf(c.vars["name"]))
}

func (s *Server) getServiceV1(c *call) (any, error) {
	v, fail := s.serviceV1(c)
	if fail != nil {
		return nil, fail
	}
	s.settleAbout(v.is.Name)
	return v.v1(), nil
}

func (s *Server) listServicesV1(*call) (any, error) {
	out := &v1.ListServicesResponse{ApiVersion: knative, Kind: "ServiceList", Metadata: &v1.ListMeta{}}
	for _, name := range slices.Sorted(maps.Keys(s.services)) {
		s.settleAbout(name)
		if v := s.services[name]; v != nil {
			out.Items = append(out.Items, v.v1())
		}
	}
	return out, nil
}

const knative = "serving.knative.dev/v1"

// v1 is the service as Knative writes it.
func (v *runService) v1() *v1.Service {
	is := v.is
	labels := map[string]string{"cloud.googleapis.com/location": regionOf(is.Name)}
	maps.Copy(labels, is.Labels)
	out := &v1.Service{
		ApiVersion: knative, Kind: "Service",
		Metadata: &v1.ObjectMeta{
			Name: v.id(), Namespace: Number, Uid: is.Uid, Generation: is.Generation, ResourceVersion: v.version(), CreationTimestamp: is.CreateTime,
			Labels: labels, Annotations: map[string]string{
				"run.googleapis.com/ingress": ingressV1(is.Ingress), "serving.knative.dev/creator": is.Creator, "serving.knative.dev/lastModifier": is.LastModifier,
			},
		},
		Spec: &v1.ServiceSpec{Template: templateV1(is.Template)},
		Status: &v1.ServiceStatus{
			ObservedGeneration: is.ObservedGeneration, LatestReadyRevisionName: lastOf(is.LatestReadyRevision), LatestCreatedRevisionName: lastOf(is.LatestCreatedRevision),
			Url: is.Uri, Address: &v1.Addressable{Url: is.Uri}, Conditions: conditionsV1(append([]*run.GoogleCloudRunV2Condition{is.TerminalCondition}, is.Conditions...)),
		},
	}
	for _, t := range is.Traffic {
		out.Spec.Traffic = append(out.Spec.Traffic, &v1.TrafficTarget{RevisionName: t.Revision, LatestRevision: t.Type == toLatest, Percent: t.Percent, Tag: t.Tag})
	}
	for _, t := range is.TrafficStatuses {
		target := &v1.TrafficTarget{RevisionName: t.Revision, LatestRevision: t.Type == toLatest, Percent: t.Percent, Tag: t.Tag, Url: t.Uri}
		if target.LatestRevision {
			target.RevisionName = lastOf(is.LatestReadyRevision)
		}
		out.Status.Traffic = append(out.Status.Traffic, target)
	}
	return out
}

// version is what Knative compares before a write.
func (v *runService) version() string { return strconv.FormatInt(v.is.Generation, 10) }

func ingressV1(ingress string) string {
	return map[string]string{
		"INGRESS_TRAFFIC_INTERNAL_ONLY": "internal", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER": "internal-and-cloud-load-balancing", "INGRESS_TRAFFIC_NONE": "none",
	}[ingress] + map[bool]string{true: "all"}[ingress == "INGRESS_TRAFFIC_ALL"]
}

func conditionsV1(of []*run.GoogleCloudRunV2Condition) []*v1.GoogleCloudRunV1Condition {
	var out []*v1.GoogleCloudRunV1Condition
	for _, c := range of {
		if c == nil {
			continue
		}
		status := map[string]string{succeeded: "True", "CONDITION_FAILED": "False"}[c.State]
		if status == "" {
			status = "Unknown"
		}
		out = append(out, &v1.GoogleCloudRunV1Condition{Type: c.Type, Status: status, Message: c.Message, Reason: c.Reason, LastTransitionTime: c.LastTransitionTime})
	}
	return out
}

func templateV1(t *run.GoogleCloudRunV2RevisionTemplate) *v1.RevisionTemplate {
	out := &v1.RevisionTemplate{
		Metadata: &v1.ObjectMeta{Name: t.Revision, Labels: t.Labels, Annotations: map[string]string{
			"autoscaling.knative.dev/maxScale": strconv.FormatInt(t.Scaling.MaxInstanceCount, 10),
		}},
		Spec: specV1(t.Containers, t.ServiceAccount, t.Timeout, t.MaxInstanceRequestConcurrency),
	}
	return out
}

func specV1(containers []*run.GoogleCloudRunV2Container, account, timeout string, concurrency int64) *v1.RevisionSpec {
	d, _ := time.ParseDuration(timeout) // it has been checked
	out := &v1.RevisionSpec{ServiceAccountName: account, TimeoutSeconds: int64(d.Seconds()), ContainerConcurrency: concurrency}
	for _, k := range containers {
		to := &v1.Container{Name: k.Name, Image: k.Image, Command: k.Command, Args: k.Args, WorkingDir: k.WorkingDir}
		if k.Resources != nil {
			to.Resources = &v1.ResourceRequirements{Limits: k.Resources.Limits}
		}
		for _, p := range k.Ports {
			to.Ports = append(to.Ports, &v1.ContainerPort{Name: p.Name, ContainerPort: p.ContainerPort})
		}
		for _, e := range k.Env {
			variable := &v1.EnvVar{Name: e.Name, Value: e.Value}
			if e.ValueSource != nil {
				ref := e.ValueSource.SecretKeyRef
				variable.ValueFrom = &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{Name: lastOf(ref.Secret), Key: ref.Version}}
			}
			to.Env = append(to.Env, variable)
		}
		out.Containers = append(out.Containers, to)
	}
	return out
}

func (r *runRevision) v1(v *runService) *v1.Revision {
	r.observe(v)
	return &v1.Revision{
		ApiVersion: knative, Kind: "Revision",
		Metadata: &v1.ObjectMeta{
			Name: r.id(), Namespace: Number, Uid: r.is.Uid, Generation: 1, CreationTimestamp: r.is.CreateTime, Annotations: map[string]string{"serving.knative.dev/creator": r.is.Creator},
			Labels: map[string]string{"serving.knative.dev/service": v.id(), "serving.knative.dev/configuration": v.id(), "cloud.googleapis.com/location": regionOf(r.is.Name)},
		},
		Spec:   specV1(r.is.Containers, r.is.ServiceAccount, r.is.Timeout, r.is.MaxInstanceRequestConcurrency),
		Status: &v1.RevisionStatus{ServiceName: v.id(), LogUrl: r.is.LogUri, ObservedGeneration: 1, Conditions: conditionsV1(r.is.Conditions)},
	}
}

func (s *Server) getRevisionV1(c *call) (any, error) {
	id := lastOf(c.vars["name"])
	for _, v := range s.services {
		if r := v.revisions[id]; r != nil {
			return r.v1(v), nil
		}
	}
	return nil, refuse(codeNotFound, "Revision '%s' not found.", id)
}

// listRevisionsV1 lists those of the services that the label selector names, the newest first.
func (s *Server) listRevisionsV1(c *call) (any, error) {
	out := &v1.ListRevisionsResponse{ApiVersion: knative, Kind: "RevisionList", Metadata: &v1.ListMeta{}}
	_, wanted, chosen := strings.Cut(strings.ReplaceAll(c.query.Get("labelSelector"), " ", ""), "serving.knative.dev/service=")
	for _, v := range s.services {
		for _, r := range v.revisions {
			if !chosen || v.id() == wanted {
				out.Items = append(out.Items, r.v1(v))
			}
		}
	}
	slices.SortFunc(out.Items, func(a, b *v1.Revision) int {
		return strings.Compare(b.Metadata.CreationTimestamp, a.Metadata.CreationTimestamp)
	})
	return out, nil
}

// replaceServiceV1 moves traffic. A template that differs is for Knative's form too large a part of Cloud Run to be here.
func (s *Server) replaceServiceV1(c *call) (any, error) {
	v, fail := s.serviceV1(c)
	if fail != nil {
		return nil, fail
	}
	next, err := decode[v1.Service](c)
	if err != nil {
		return nil, err
	}
	if fail := conflict(v.id(), next.Metadata.ResourceVersion, v.version()); fail != nil {
		return nil, fail
	}
	if !same(next.Spec.Template.Spec, v.v1().Spec.Template.Spec) {
		s.t.Errorf("gcptest: a new template by %s is not here", c.method.ID)
		return nil, refuse(codeUnimplemented, "a new template is not here")
	}
	traffic := []any{}
	for _, t := range next.Spec.Traffic {
		target := run.GoogleCloudRunV2TrafficTarget{Type: toRevision, Revision: t.RevisionName, Percent: t.Percent, Tag: t.Tag}
		if t.LatestRevision {
			target.Type, target.Revision = toLatest, ""
		}
		traffic = append(traffic, plain(target))
	}
	if _, err := s.updateService(c, v, map[string]any{"traffic": traffic}, "traffic"); err != nil {
		return nil, err
	}
	return v.v1(), nil
}

// same says whether two values are written alike.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

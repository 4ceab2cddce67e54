package gcptest

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"google.golang.org/api/cloudfunctions/v2"
	"google.golang.org/api/run/v2"
)

const (
	// functionImages is the repository in which Cloud Functions keeps what it builds.
	functionImages = "gcf-artifacts"
	// managedBy is the label of services that belong to a function.
	managedBy = "goog-managed-by"
)

// The stages of an operation, in order.
const (
	stageBuild   = "BUILD"
	stageService = "SERVICE"
)

// deployFunction begins what makes a function run: a build of its source, and then the service.
func (s *Server) deployFunction(c *call, f *function, verb string) *operation {
	f.is.State, f.is.StateMessages, f.is.UpdateTime = "DEPLOYING", nil, now()
	b := s.beginBuild(f)
	v := s.services[serviceOf(f.is.Name)]
	op := &operation{beside: b.done}
	op.steps = []func() *failure{
		func() *failure {
			op.stage = stageService
			if b.fail != nil {
				return b.fail
			}
			s.built(f, b)
			if v == nil {
				v = s.newServiceOf(f)
			}
			return s.applyFunction(c, f, v, b, op)
		},
	}
	op.finish = func() (any, *failure) {
		if fail := s.reconcile(v); fail != nil {
			return nil, healthFailure(fail, v)
		}
		f.is.State = "ACTIVE"
		return typed("google.cloud.functions.v2.Function", s.shown(f)), nil
	}
	op.failed = func(fail *failure) {
		f.is.State = "FAILED"
		f.is.StateMessages = []*cloudfunctions.GoogleCloudFunctionsV2StateMessage{{Severity: "ERROR", Type: "CloudRunServiceFailed", Message: fail.message}}
	}
	f.busy = s.beginFunction(c, f, verb, op)
	f.busy.build = b.is.Name
	return f.busy
}

// built notes what was built: from a copy of the source that Cloud Functions keeps, and names from then on.
func (s *Server) built(f *function, b *build) {
	kept := b.provenance.ResolvedStorageSource
	s.archives[kept.Bucket+"/"+kept.Object] = &archive{data: b.source, generation: kept.Generation}
	f.is.BuildConfig.Build, f.source = b.is.Name, b.source
	f.is.BuildConfig.SourceProvenance = b.provenance
	f.is.BuildConfig.Source = &cloudfunctions.Source{StorageSource: kept}
}

// healthFailure is a service that does not become ready, in the words of Cloud Functions.
func healthFailure(fail *failure, v *runService) *failure {
	return refuse(codeInvalidArgument, "Could not create or update Cloud Run service %s, Container Healthcheck failed. %s", v.id(), fail.message)
}

// beginFunction begins an operation about a function.
func (s *Server) beginFunction(c *call, f *function, verb string, op *operation) *operation {
	op.work = Work{API: c.api.name, Verb: verb, Target: f.is.Name}
	created := now()
	request := copyOf(*f.is)
	op.metadata = func(op *operation) any {
		m := &cloudfunctions.GoogleCloudFunctionsV2OperationMetadata{
			ApiVersion: "v2", CreateTime: created, Target: f.is.Name, Verb: verb, OperationType: strings.ToUpper(verb) + "_FUNCTION", BuildName: op.build,
		}
		if op.done {
			m.EndTime = now()
		}
		m.Stages = op.stages(f)
		out := typed("google.cloud.functions.v2.OperationMetadata", m)
		out["requestResource"] = typed("google.cloud.functions.v2.Function", request)
		return out
	}
	return s.begin(parentOf(f.is.Name, "/functions/"), "operation-"+strconv.Itoa(1700000000000+s.next())+"-"+s.uid(), op)
}

// stages are how far an operation that deploys is. That of Artifact Registry comes only where Cloud Functions rolls back: gcloud, which adds
// it to those that it is told at first, refuses it twice.
func (op *operation) stages(f *function) []*cloudfunctions.GoogleCloudFunctionsV2Stage {
	if op.build == "" {
		return nil
	}
	building, serving := "IN_PROGRESS", "NOT_STARTED"
	if op.stage == stageService || op.fail != nil {
		building, serving = "COMPLETE", "IN_PROGRESS"
	}
	if op.done {
		serving = "COMPLETE"
	}
	return []*cloudfunctions.GoogleCloudFunctionsV2Stage{
		{Name: stageBuild, State: building, Resource: op.build, ResourceUri: buildConsole(op.build)},
		{Name: stageService, State: serving, Resource: serviceOf(f.is.Name)},
	}
}

// newServiceOf is the service of a function that has none.
func (s *Server) newServiceOf(f *function) *runService {
	name := serviceOf(f.is.Name)
	v := &runService{is: &run.GoogleCloudRunV2Service{Name: name}, policy: newPolicy(), revisions: map[string]*runRevision{}, addresses: map[string]*address{}}
	v.is.Creator, v.is.CreateTime, v.is.Uid = Compute, now(), s.uid()
	v.is.Uri = s.address(v, "").url
	v.is.Urls = []string{v.is.Uri}
	s.services[name] = v
	return v
}

// applyFunction writes all fields of a function's service_config to its service, and begins a revision of the image that was built: whether all or
// those of the mask is not said anywhere, so that the worst is taken. Traffic is left as it is unless the latest revision is to have it
// (https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions#ServiceConfig).
func (s *Server) applyFunction(c *call, f *function, v *runService, b *build, op *operation) *failure {
	was := v.is
	n := f.is.ServiceConfig
	next := copyOf(*was)
	next.Template = templateOf(f, b)
	next.Ingress = strings.Replace(n.IngressSettings, "ALLOW_", "INGRESS_TRAFFIC_", 1)
	if n.IngressSettings == "ALLOW_INTERNAL_AND_GCLB" {
		next.Ingress = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
	}
	next.Labels = maps.Clone(f.is.Labels)
	if next.Labels == nil {
		next.Labels = map[string]string{}
	}
	next.Labels[managedBy] = "cloudfunctions"
	audience := fmt.Sprintf("https://%s-%s.cloudfunctions.net/%s", regionOf(f.is.Name), Project, f.id())
	if len(next.CustomAudiences) == 0 {
		next.CustomAudiences = []string{audience}
	}
	if n.AllTrafficOnLatestRevision || len(next.Traffic) == 0 {
		next.Traffic = []*run.GoogleCloudRunV2TrafficTarget{{Type: toLatest, Percent: 100}}
	}
	if fail := s.checkService(c, &next); fail != nil {
		return refuse(fail.rpc, "Could not create or update Cloud Run service %s. %s", v.id(), fail.message)
	}
	v.is = &next
	forced := *c
	forced.query = map[string][]string{"forceNewRevision": {"true"}}
	if fail := s.revise(&forced, v, was); fail != nil {
		return fail
	}
	n.Service, n.Uri, f.is.Url = v.is.Name, v.is.Uri, v.is.Uri
	n.Revision = lastOf(v.is.LatestCreatedRevision)
	op.beside = v.revisions[n.Revision].booted
	return nil
}

// templateOf is what a function's revisions look like on Cloud Run.
func templateOf(f *function, b *build) *run.GoogleCloudRunV2RevisionTemplate {
	n := f.is.ServiceConfig
	signature := "http"
	if f.is.EventTrigger != nil {
		signature = "cloudevent"
	}
	k := &run.GoogleCloudRunV2Container{
		Name: "worker", Image: b.image, Ports: []*run.GoogleCloudRunV2ContainerPort{{Name: "http1", ContainerPort: 8080}},
		Resources: &run.GoogleCloudRunV2ResourceRequirements{
			CpuIdle: true, StartupCpuBoost: true, Limits: map[string]string{"cpu": n.AvailableCpu, "memory": n.AvailableMemory},
		},
		StartupProbe: &run.GoogleCloudRunV2Probe{
			TimeoutSeconds: 240, PeriodSeconds: 240, FailureThreshold: 1, TcpSocket: &run.GoogleCloudRunV2TCPSocketAction{Port: 8080},
		},
	}
	if f.is.BuildConfig.OnDeployUpdatePolicy == nil {
		k.BaseImageUri = baseImageOf(f.is.BuildConfig.Runtime)
	}
	values := map[string]string{"FUNCTION_TARGET": f.is.BuildConfig.EntryPoint, "FUNCTION_SIGNATURE_TYPE": signature, "LOG_EXECUTION_ID": "true"}
	maps.Copy(values, n.EnvironmentVariables)
	for _, name := range sorted(values) {
		k.Env = append(k.Env, &run.GoogleCloudRunV2EnvVar{Name: name, Value: values[name]})
	}
	for _, secret := range n.SecretEnvironmentVariables {
		k.Env = append(k.Env, &run.GoogleCloudRunV2EnvVar{Name: secret.Key, ValueSource: &run.GoogleCloudRunV2EnvVarSource{
			SecretKeyRef: &run.GoogleCloudRunV2SecretKeySelector{Secret: secret.Secret, Version: secret.Version},
		}})
	}
	t := &run.GoogleCloudRunV2RevisionTemplate{
		Containers: []*run.GoogleCloudRunV2Container{k}, ServiceAccount: n.ServiceAccountEmail, Timeout: fmt.Sprintf("%ds", n.TimeoutSeconds),
		MaxInstanceRequestConcurrency: n.MaxInstanceRequestConcurrency,
		Scaling:                       &run.GoogleCloudRunV2RevisionScaling{MinInstanceCount: n.MinInstanceCount, MaxInstanceCount: n.MaxInstanceCount},
	}
	if n.VpcConnector != "" {
		t.VpcAccess = &run.GoogleCloudRunV2VpcAccess{Connector: n.VpcConnector, Egress: n.VpcConnectorEgressSettings}
	}
	for _, network := range n.DirectVpcNetworkInterface {
		t.VpcAccess = &run.GoogleCloudRunV2VpcAccess{
			Egress:            strings.TrimPrefix(n.DirectVpcEgress, "VPC_EGRESS_"),
			NetworkInterfaces: []*run.GoogleCloudRunV2NetworkInterface{{Network: network.Network, Subnetwork: network.Subnetwork, Tags: network.Tags}},
		}
	}
	return t
}

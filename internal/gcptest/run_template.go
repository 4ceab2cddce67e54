package gcptest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/run/v2"
)

// checkService refuses a service that Cloud Run does not take, and sets what it sets where nothing is said. The limits are those of
// https://cloud.google.com/run/docs/configuring/services/memory-limits, …/cpu, …/environment-variables and …/request-timeout.
func (s *Server) checkService(c *call, is *run.GoogleCloudRunV2Service) *failure {
	t := is.Template
	if t == nil || len(t.Containers) == 0 {
		return violation(c, "service.template.containers", "must not be empty")
	}
	if is.LaunchStage == "" {
		is.LaunchStage = "GA"
	}
	if is.Ingress == "" || is.Ingress == "INGRESS_TRAFFIC_UNSPECIFIED" {
		is.Ingress = "INGRESS_TRAFFIC_ALL"
	}
	if len(is.Traffic) == 0 {
		is.Traffic = []*run.GoogleCloudRunV2TrafficTarget{{Type: toLatest, Percent: 100}}
	}
	if t.ServiceAccount == "" {
		t.ServiceAccount = Compute
	}
	if s.accounts[t.ServiceAccount] == nil || !s.permitted(c.caller, "iam.serviceAccounts.actAs", s.accounts[t.ServiceAccount].is.Name) {
		return refuse(codePermissionDenied, "Permission 'iam.serviceaccounts.actAs' denied on service account %s (or it may not exist).", t.ServiceAccount)
	}
	for _, check := range []func(*call, *run.GoogleCloudRunV2Service) *failure{checkMarks, checkTraffic, checkScaling, checkTemplate, checkContainers} {
		if fail := check(c, is); fail != nil {
			return fail
		}
	}
	return nil
}

func checkMarks(c *call, is *run.GoogleCloudRunV2Service) *failure {
	for at, labels := range map[string]map[string]string{"service.labels": is.Labels, "service.template.labels": is.Template.Labels} {
		if fail := checkLabels(labels, at); fail != nil {
			return fail
		}
	}
	for at, notes := range map[string]map[string]string{"service.annotations": is.Annotations, "service.template.annotations": is.Template.Annotations} {
		for key := range notes {
			domain, _, _ := strings.Cut(key, "/")
			if slices.Contains([]string{"run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev"}, domain) {
				return violation(c, at, "annotations in the namespace "+domain+" are not supported: "+key)
			}
		}
	}
	if len(is.Description) > 512 {
		return violation(c, "service.description", "must be at most 512 characters")
	}
	return nil
}

// The types of traffic targets.
const (
	toLatest   = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
	toRevision = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
)

// trafficTag is the form of a tag; with the service's name it must fit into one label of a host's name.
var trafficTag = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)

func checkTraffic(c *call, is *run.GoogleCloudRunV2Service) *failure {
	sum, tags := int64(0), map[string]bool{}
	for i, t := range is.Traffic {
		at := fmt.Sprintf("service.traffic[%d]", i)
		switch {
		case t.Percent < 0 || t.Percent > 100:
			return violation(c, at+".percent", "must be between 0 and 100")
		case t.Type == toRevision && t.Revision == "":
			return violation(c, at+".revision", "must be specified when type is "+toRevision)
		case t.Type == toLatest && t.Revision != "":
			return violation(c, at+".revision", "must not be specified when type is "+toLatest)
		case t.Type != toLatest && t.Type != toRevision:
			return violation(c, at+".type", "must be specified")
		case t.Tag != "" && (!trafficTag.MatchString(t.Tag) || len(t.Tag)+len("---")+len(lastOf(is.Name)) > 63):
			return violation(c, at+".tag", "must be lowercase letters, digits and hyphens, and at most 46 characters together with the service's name: "+t.Tag)
		case t.Tag != "" && tags[t.Tag]:
			return violation(c, at+".tag", "must be unique: "+t.Tag)
		}
		tags[t.Tag] = true
		sum += t.Percent
	}
	if sum != 100 {
		return violation(c, "service.traffic", fmt.Sprintf("Traffic targets sum to %d, want 100", sum))
	}
	return nil
}

func checkScaling(c *call, is *run.GoogleCloudRunV2Service) *failure {
	if n := is.Scaling; n != nil {
		switch {
		case n.MinInstanceCount < 0 || n.MaxInstanceCount < 0:
			return violation(c, "service.scaling.min_instance_count", "must not be negative")
		case n.MaxInstanceCount > 0 && n.MinInstanceCount > n.MaxInstanceCount:
			return violation(c, "service.scaling.min_instance_count", "must not be greater than max_instance_count")
		case n.ScalingMode == "MANUAL" && n.MinInstanceCount > 0:
			return violation(c, "service.scaling.min_instance_count", "must not be set in manual scaling mode")
		}
	}
	if is.Template.Scaling == nil {
		is.Template.Scaling = &run.GoogleCloudRunV2RevisionScaling{}
	}
	n := is.Template.Scaling
	if n.MaxInstanceCount == 0 {
		n.MaxInstanceCount = 100
	}
	if n.MinInstanceCount < 0 || n.MinInstanceCount > n.MaxInstanceCount {
		return violation(c, "service.template.scaling.min_instance_count", "must be between 0 and max_instance_count")
	}
	return nil
}

// maxTimeout is the most that a request may take.
const maxTimeout = time.Hour

func checkTemplate(c *call, is *run.GoogleCloudRunV2Service) *failure {
	t := is.Template
	if t.Timeout == "" {
		t.Timeout = "300s"
	}
	if d, err := time.ParseDuration(t.Timeout); err != nil || d <= 0 || d > maxTimeout {
		return violation(c, "service.template.timeout", "must be between 1 second and 3600 seconds")
	}
	if t.MaxInstanceRequestConcurrency < 0 || t.MaxInstanceRequestConcurrency > 1000 {
		return violation(c, "service.template.max_instance_request_concurrency", "must be between 1 and 1000")
	}
	if t.Revision != "" && (!strings.HasPrefix(t.Revision, lastOf(is.Name)+"-") || !revisionID.MatchString(t.Revision)) {
		return violation(c, "service.template.revision", fmt.Sprintf("must begin with the service's name and a hyphen (%s-), "+
			"and have only lowercase letters, digits and hyphens, and at most 63 characters: %s", lastOf(is.Name), t.Revision))
	}
	return nil
}

// revisionID is the form of a revision's name: that of a DNS label.
var revisionID = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func checkContainers(c *call, is *run.GoogleCloudRunV2Service) *failure {
	ingress := 0
	for i, k := range is.Template.Containers {
		at := fmt.Sprintf("service.template.containers[%d]", i)
		if k.Image == "" {
			return violation(c, at+".image", "must not be empty")
		}
		if len(k.Ports) > 1 || len(is.Template.Containers) == 1 && len(k.Ports) == 0 {
			if len(k.Ports) > 1 {
				return violation(c, at+".ports", "at most one port may be specified")
			}
			k.Ports = []*run.GoogleCloudRunV2ContainerPort{{Name: "http1", ContainerPort: 8080}}
		}
		ingress += len(k.Ports)
		if fail := checkResources(c, is.Template, k, at); fail != nil {
			return fail
		}
		if fail := checkEnv(c, k, at); fail != nil {
			return fail
		}
		if fail := checkProbe(c, k, at); fail != nil {
			return fail
		}
	}
	if ingress != 1 {
		return violation(c, "service.template.containers", "exactly one container must have a port")
	}
	return nil
}

// checkEnv knows the names that the system sets itself
// (https://cloud.google.com/run/docs/container-contract#env-vars).
func checkEnv(c *call, k *run.GoogleCloudRunV2Container, at string) *failure {
	if len(k.Env) > 1000 {
		return violation(c, at+".env", "at most 1000 environment variables are allowed")
	}
	var reserved []string
	seen := map[string]bool{}
	for i, e := range k.Env {
		here := fmt.Sprintf("%s.env[%d]", at, i)
		switch {
		case e.Name == "" || strings.ContainsAny(e.Name, "=\x00"):
			return violation(c, here+".name", "must not be empty, and must have no '='")
		case seen[e.Name]:
			return violation(c, here+".name", "duplicate environment variable: "+e.Name)
		case len(e.Value) > 32768:
			return violation(c, here+".value", "must be at most 32768 bytes")
		case slices.Contains([]string{"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}, e.Name):
			reserved = append(reserved, e.Name)
		}
		seen[e.Name] = true
		if e.ValueSource == nil {
			continue
		}
		ref := e.ValueSource.SecretKeyRef
		if ref == nil || ref.Secret == "" {
			return violation(c, here+".value_source.secret_key_ref.secret", "must be specified")
		}
		if e.Value != "" {
			return violation(c, here, "value and value_source must not be both specified")
		}
		if ref.Version == "" {
			ref.Version = "latest"
		}
	}
	if len(reserved) > 0 {
		return violation(c, at+".env", fmt.Sprintf("The following reserved env names were provided: %s. These values are automatically set by the system.",
			strings.Join(reserved, ", ")))
	}
	return nil
}

// checkProbe knows the rules of https://cloud.google.com/run/docs/configuring/healthchecks.
func checkProbe(c *call, k *run.GoogleCloudRunV2Container, at string) *failure {
	if k.StartupProbe == nil {
		if len(k.Ports) == 0 {
			return nil
		}
		k.StartupProbe = &run.GoogleCloudRunV2Probe{TimeoutSeconds: 240, PeriodSeconds: 240, FailureThreshold: 1}
	}
	p := k.StartupProbe
	if p.TcpSocket == nil && p.HttpGet == nil && p.Grpc == nil {
		p.TcpSocket = &run.GoogleCloudRunV2TCPSocketAction{}
	}
	p.TimeoutSeconds, p.PeriodSeconds, p.FailureThreshold = or(p.TimeoutSeconds, 1), or(p.PeriodSeconds, 10), or(p.FailureThreshold, 3)
	if len(k.Ports) > 0 {
		port := k.Ports[0].ContainerPort
		if p.TcpSocket != nil {
			p.TcpSocket.Port = or(p.TcpSocket.Port, port)
		}
		if p.HttpGet != nil {
			p.HttpGet.Port = or(p.HttpGet.Port, port)
		}
	}
	at += ".startup_probe"
	switch {
	case p.InitialDelaySeconds < 0 || p.InitialDelaySeconds > 240:
		return violation(c, at+".initial_delay_seconds", "must be between 0 and 240")
	case p.PeriodSeconds > 240 || p.TimeoutSeconds > 240:
		return violation(c, at+".period_seconds", "must be between 1 and 240")
	case p.TimeoutSeconds > p.PeriodSeconds:
		return violation(c, at+".timeout_seconds", "must be less than or equal to period_seconds")
	case p.FailureThreshold*p.PeriodSeconds > 240:
		return violation(c, at+".failure_threshold", "failure_threshold * period_seconds must be at most 240")
	}
	return nil
}

func or(value, otherwise int64) int64 {
	if value == 0 {
		return otherwise
	}
	return value
}

// checkResources knows which memory goes with which CPU.
func checkResources(c *call, t *run.GoogleCloudRunV2RevisionTemplate, k *run.GoogleCloudRunV2Container, at string) *failure {
	if k.Resources == nil {
		k.Resources = &run.GoogleCloudRunV2ResourceRequirements{CpuIdle: true}
	}
	limits := map[string]string{"cpu": "1000m", "memory": "512Mi"}
	for name, value := range k.Resources.Limits {
		if name != "cpu" && name != "memory" && name != "nvidia.com/gpu" {
			return violation(c, at+".resources.limits", "only cpu, memory and nvidia.com/gpu are supported: "+name)
		}
		limits[name] = value
	}
	k.Resources.Limits = limits
	cpu, memory := milli(limits["cpu"]), bytesOf(limits["memory"])
	least, most, ok := memoryOf(cpu)
	if !ok {
		return violation(c, at+".resources.limits.cpu", "Invalid value specified for cpu: "+limits["cpu"]+". Must be 1, 2, 4, 6 or 8, or between 0.08 and 1.")
	}
	if memory < least || memory > most {
		return violation(c, at+".resources.limits.memory", fmt.Sprintf("Invalid value specified for container memory. For %.1f CPU, memory must be between %s and %s inclusive.",
			float64(cpu)/1000, quantity(least), quantity(most)))
	}
	if cpu < 1000 {
		switch {
		case t.MaxInstanceRequestConcurrency > 1:
			return violation(c, at+".resources.limits.cpu", "Invalid value specified for cpu. Total cpu < 1 is not supported with concurrency > 1.")
		case !k.Resources.CpuIdle:
			return violation(c, at+".resources.limits.cpu", "Invalid value specified for cpu. Total cpu < 1 is not supported with cpu always allocated.")
		case t.ExecutionEnvironment == "EXECUTION_ENVIRONMENT_GEN2":
			return violation(c, at+".resources.limits.cpu", "Invalid value specified for cpu. Total cpu < 1 is not supported with gen2 execution environment.")
		}
		t.MaxInstanceRequestConcurrency = 1
	}
	t.MaxInstanceRequestConcurrency = or(t.MaxInstanceRequestConcurrency, 80)
	return nil
}

const mebi = 1 << 20

// memoryOf is how much memory goes with a CPU (https://cloud.google.com/run/docs/configuring/services/cpu).
func memoryOf(milliCPU int64) (least, most int64, ok bool) {
	switch {
	case milliCPU >= 80 && milliCPU < 500:
		return 128 * mebi, 512 * mebi, true
	case milliCPU >= 500 && milliCPU < 1000:
		return 128 * mebi, 1024 * mebi, true
	case milliCPU == 1000:
		return 128 * mebi, 4 * 1024 * mebi, true
	case milliCPU == 2000:
		return 128 * mebi, 8 * 1024 * mebi, true
	case milliCPU == 4000:
		return 2 * 1024 * mebi, 16 * 1024 * mebi, true
	case milliCPU == 6000:
		return 4 * 1024 * mebi, 24 * 1024 * mebi, true
	case milliCPU == 8000:
		return 4 * 1024 * mebi, 32 * 1024 * mebi, true
	}
	return 0, 0, false
}

// milli reads a number of CPUs in thousandths; -1 is none.
func milli(text string) int64 {
	if number, ok := strings.CutSuffix(text, "m"); ok {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return -1
	}
	return int64(n*1000 + 0.5)
}

// bytesOf reads a quantity of memory of Kubernetes; -1 is none.
func bytesOf(text string) int64 {
	units := map[string]float64{"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "k": 1e3, "M": 1e6, "G": 1e9, "": 1}
	number := strings.TrimRight(text, "KMGik")
	unit, ok := units[text[len(number):]]
	n, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil {
		return -1
	}
	return int64(n * unit)
}

func quantity(bytes int64) string {
	if bytes%(1<<30) == 0 {
		return fmt.Sprintf("%dGi", bytes>>30)
	}
	return fmt.Sprintf("%dMi", bytes>>20)
}

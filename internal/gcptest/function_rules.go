package gcptest

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/api/cloudfunctions/v2"
)

// checkFunction refuses a function that Cloud Functions does not take, and sets what it sets where nothing is said. The defaults
// and limits are those of https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions and …/quotas.
func (s *Server) checkFunction(c *call, is *cloudfunctions.Function) *failure {
	if fail := s.checkAPIs(); fail != nil {
		return fail
	}
	if is.BuildConfig == nil {
		return badField("function.build_config", "build_config must be specified.")
	}
	if is.ServiceConfig == nil {
		is.ServiceConfig = &cloudfunctions.ServiceConfig{}
	}
	if fail := checkLabels(is.Labels, "function.labels"); fail != nil {
		return fail
	}
	for key := range is.Labels {
		if strings.HasPrefix(key, "goog-") {
			return badField("function.labels", fmt.Sprintf("Label keys that begin with 'goog-' are reserved: %q.", key))
		}
	}
	for _, check := range []func(*call, *cloudfunctions.Function) *failure{s.checkBuild, s.checkAccounts, checkFunctionLimits, checkFunctionEnv} {
		if fail := check(c, is); fail != nil {
			return fail
		}
	}
	return nil
}

// checkAPIs refuses work that needs an API that is off.
func (s *Server) checkAPIs() *failure {
	for _, name := range []string{"cloudbuild", "artifactregistry", "run"} {
		if a := s.apis[name]; s.off[a.host] {
			return a.disabled()
		}
	}
	return nil
}

func (s *Server) checkBuild(_ *call, is *cloudfunctions.Function) *failure {
	b := is.BuildConfig
	known, ok := s.runtime(b.Runtime)
	switch {
	case b.Runtime == "":
		return badField("function.build_config.runtime", "runtime must be specified.")
	case !ok:
		return badField("function.build_config.runtime", fmt.Sprintf("Invalid runtime: %s. The runtime is not supported on GCF Gen2.", b.Runtime))
	case known.Stage == "DECOMMISSIONED":
		return refuse(codeInvalidArgument, "Runtime %s is decommissioned and no longer allowed. Please use the latest version of the language's runtime for your function.", b.Runtime)
	case b.Source == nil || b.Source.StorageSource == nil:
		return badField("function.build_config.source", "storage_source must be specified.")
	}
	if b.EntryPoint == "" {
		b.EntryPoint = lastOf(is.Name)
	}
	if b.DockerRepository == "" {
		b.DockerRepository = parentOf(is.Name, "/functions/") + "/repositories/" + functionImages
	}
	b.DockerRegistry = "ARTIFACT_REGISTRY"
	if b.ServiceAccount == "" {
		b.ServiceAccount = "projects/" + Project + "/serviceAccounts/" + Compute
	}
	for name := range b.EnvironmentVariables {
		if slices.Contains([]string{"GOOGLE_FUNCTION_TARGET", "GOOGLE_FUNCTION_SIGNATURE_TYPE", "GOOGLE_RUNTIME", "GOOGLE_RUNTIME_VERSION"}, name) {
			return badField("function.build_config.environment_variables", "Reserved build environment variable: "+name)
		}
	}
	_, fail := s.sourceOf(b.Source.StorageSource)
	return fail
}

// parentOf is what comes before a part of a name.
func parentOf(name, part string) string {
	parent, _, _ := strings.Cut(name, part)
	return parent
}

// checkAccounts wants the accounts of the service and of the build to be there, and the caller to be allowed to act as them.
func (s *Server) checkAccounts(c *call, is *cloudfunctions.Function) *failure {
	if is.ServiceConfig.ServiceAccountEmail == "" {
		is.ServiceConfig.ServiceAccountEmail = Compute
	}
	for _, email := range []string{is.ServiceConfig.ServiceAccountEmail, lastOf(is.BuildConfig.ServiceAccount)} {
		if a := s.accounts[email]; a == nil || !s.permitted(c.caller, "iam.serviceAccounts.actAs", a.is.Name) {
			return refuse(codePermissionDenied, "Caller %s is missing permission 'iam.serviceaccounts.actAs' on service account %s. Grant the role "+
				"'roles/iam.serviceAccountUser' to the caller on the service account %s. You can do that by running 'gcloud iam service-accounts "+
				"add-iam-policy-binding %s --member MEMBER --role roles/iam.serviceAccountUser' where MEMBER has a prefix like 'user:' or 'serviceAccount:'.",
				c.caller, email, email, email)
		}
	}
	return nil
}

func checkFunctionLimits(_ *call, is *cloudfunctions.Function) *failure {
	n := is.ServiceConfig
	n.TimeoutSeconds = or(n.TimeoutSeconds, 60)
	n.MaxInstanceCount = or(n.MaxInstanceCount, 100)
	n.MaxInstanceRequestConcurrency = or(n.MaxInstanceRequestConcurrency, 1)
	if n.AvailableMemory == "" {
		n.AvailableMemory = "256M"
	}
	if n.IngressSettings == "" || n.IngressSettings == "INGRESS_SETTINGS_UNSPECIFIED" {
		n.IngressSettings = "ALLOW_ALL"
	}
	if n.AvailableCpu == "" {
		n.AvailableCpu = cpuOf(bytesOf(n.AvailableMemory))
	}
	most := int64(3600)
	if is.EventTrigger != nil {
		most = 540
	}
	memory := bytesOf(n.AvailableMemory)
	switch {
	case n.TimeoutSeconds < 1 || n.TimeoutSeconds > most:
		return badField("function.service_config.timeout_seconds", fmt.Sprintf("Timeout must be between 1 and %d seconds: %d.", most, n.TimeoutSeconds))
	case memory < 128*1000*1000 || memory > 32<<30:
		return badField("function.service_config.available_memory", "Invalid value for available_memory: "+n.AvailableMemory+".")
	case n.MaxInstanceRequestConcurrency > 1000 || n.MaxInstanceRequestConcurrency < 1:
		return badField("function.service_config.max_instance_request_concurrency", "must be between 1 and 1000.")
	case n.MinInstanceCount < 0 || n.MinInstanceCount > n.MaxInstanceCount:
		return badField("function.service_config.min_instance_count", "must not be greater than max_instance_count.")
	case milli(n.AvailableCpu) < 1000 && n.MaxInstanceRequestConcurrency > 1:
		return refuse(codeInvalidArgument, "Could not create or update Cloud Run service %s. spec.template.spec.containers.resources.limits.cpu: Invalid value "+
			"specified for cpu. Total cpu < 1 is not supported with concurrency > 1.", lastOf(serviceOf(is.Name)))
	}
	return nil
}

// cpuOf is how much CPU an amount of memory brings (https://cloud.google.com/functions/docs/configuring/memory).
func cpuOf(memory int64) string {
	for _, step := range []struct {
		memory int64
		cpu    string
	}{{128 << 20, "0.083"}, {256 << 20, "0.1666"}, {512 << 20, "0.3333"}, {1 << 30, "0.5833"}, {2 << 30, "1"}, {8 << 30, "2"}, {16 << 30, "4"}} {
		if memory <= step.memory {
			return step.cpu
		}
	}
	return "8"
}

// checkFunctionEnv knows the names that are reserved (https://cloud.google.com/functions/docs/configuring/env-var#reserved_names).
func checkFunctionEnv(_ *call, is *cloudfunctions.Function) *failure {
	names := sorted(is.ServiceConfig.EnvironmentVariables)
	for i, secret := range is.ServiceConfig.SecretEnvironmentVariables {
		at := fmt.Sprintf("function.service_config.secret_environment_variables[%d]", i)
		switch {
		case secret.Key == "" || secret.Secret == "" || secret.Version == "":
			return badField(at, "key, secret and version must be specified.")
		case slices.Contains(names, secret.Key):
			return badField(at, fmt.Sprintf("Environment variable %s is already set, and can not be overlapped by a secret.", secret.Key))
		}
		names = append(names, secret.Key)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "X_GOOGLE_") || slices.Contains([]string{
			"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE",
		}, name) {
			return badField("function.service_config.environment_variables", "Reserved environment variable: "+name+".")
		}
	}
	return nil
}

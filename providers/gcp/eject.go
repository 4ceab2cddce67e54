package gcp

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

var _ providers.Ejector = (*Adapter)(nil)

// Eject writes Terraform. What it makes has names of its own, so that it stands beside what ferry deployed.
func (a *Adapter) Eject(specs []providers.Spec) (providers.Ejection, error) {
	out := &ejection{connection: &connection{place: &a.place}, Ejection: providers.Ejection{Format: "Terraform", Files: map[string][]byte{}, Said: said()}}
	needs := terms{{"google", expression(`{ source = "hashicorp/google", version = ">= 6.20" }`)}}
	if slices.ContainsFunc(specs, func(s providers.Spec) bool { return packager.Guarded(s.Function) }) {
		needs = append(needs, attribute{"random", expression(`{ source = "hashicorp/random", version = ">= 3.6" }`)})
	}
	resource(&out.text, terms{{"required_providers", needs}}, "terraform")
	resource(&out.text, terms{{"project", a.target.Project}, {"region", a.target.Region}}, "provider", "google")
	resource(&out.text, terms{}, "data", "google_project", "here")
	images, built, bound := false, false, false
	for _, s := range specs {
		fn := functionOf(s.Function)
		images, built, bound = images || !fn.viaFunctions(), built || fn.viaFunctions(), bound || fn.bound()
	}
	out.Steps = []string{"terraform init"}
	if images {
		resource(&out.text, terms{{"repository_id", out.foreign("images")}, {"location", a.target.Region}, {"format", "DOCKER"}}, "resource", "google_artifact_registry_repository", "images")
		out.Steps = append(out.Steps, "terraform apply -target=google_artifact_registry_repository.images")
	}
	if built {
		resource(&out.text, terms{{"name", a.target.Project + "-" + out.foreign("packages")}, {"location", a.target.Region}, {"uniform_bucket_level_access", true}}, "resource", "google_storage_bucket", "packages")
	}
	if bound {
		out.shared()
	}
	for _, s := range specs {
		out.function(specOf(s))
	}
	out.Files["main.tf"] = []byte(strings.TrimRight(out.text.String(), "\n") + "\n")
	out.Steps = append(out.Steps, "terraform apply")
	return out.Ejection, nil
}

// ejection is a file of Terraform that is being written.
type ejection struct {
	*connection
	text strings.Builder
	providers.Ejection
}

// foreign is a name that nothing of ferry's has.
func (e *ejection) foreign(name string) string { return naming().Of(e.prefix() + name + "-tf") }

func (e *ejection) add(kind, id string, of terms) { resource(&e.text, of, "resource", kind, id) }

// shared is what all functions with events need: who calls them, and where messages go that failed.
func (e *ejection) shared() {
	e.add("google_service_account", "events", terms{{"account_id", accountNaming().Of(e.prefix() + "events-tf")}})
	e.add("google_pubsub_topic", "dead", terms{{"name", pubsubNaming().Of(e.prefix() + "dead-tf")}})
	e.add("google_pubsub_subscription", "dead", terms{{"name", pubsubNaming().Of(e.prefix() + "dead-tf")}, {"topic", expression("google_pubsub_topic.dead.id")}})
	e.add("google_pubsub_topic_iam_member", "dead", terms{{"topic", expression("google_pubsub_topic.dead.id")}, {"role", publishes}, {"member", pubsubMember}})
}

// pubsubMember is Pub/Sub's own account in the project.
const pubsubMember = expression(`"serviceAccount:service-${data.google_project.here.number}@gcp-sa-pubsub.iam.gserviceaccount.com"`)

// function adds a function with all that it needs.
func (e *ejection) function(s spec) {
	fn, id := s.function, label(s.function.Name)
	e.identity(s, id)
	of := "google_cloud_run_v2_service." + id
	uri := expression(of + ".uri")
	if fn.viaFunctions() {
		e.compiled(s, id)
		of, uri = "google_cloudfunctions2_function."+id, expression("google_cloudfunctions2_function."+id+".service_config[0].uri")
	} else {
		e.container(s, id)
	}
	caller := func(who string, member expression) {
		e.add("google_cloud_run_v2_service_iam_member", label(id, who), terms{
			{"name", expression(of + ".name")}, {"location", e.target.Region}, {"role", "roles/run.invoker"}, {"member", member},
		})
	}
	if fn.access() == public {
		caller("everybody", `"allUsers"`)
	}
	resource(&e.text, terms{{"value", uri}}, "output", id+"_address")
	if fn.bound() {
		caller("events", "google_service_account.events.member")
		e.events(fn, id, uri)
	}
}

// identity is what a function runs as, with its rights. An account that is given gets none.
func (e *ejection) identity(s spec, id string) {
	fn := s.function
	if packager.Guarded(fn.Function) {
		e.add("random_password", label(id, "events"), terms{{"length", 48}, {"special", false}})
		e.add("google_secret_manager_secret", label(id, "events"), terms{{"secret_id", e.foreign(fn.Name + "-events")}, {"replication", terms{{"auto", terms{}}}}})
		e.add("google_secret_manager_secret_version", label(id, "events"), terms{
			{"secret", expression("google_secret_manager_secret." + label(id, "events") + ".id")}, {"secret_data", expression("random_password." + label(id, "events") + ".result")},
		})
	}
	if fn.own.ServiceAccount != "" {
		return
	}
	e.add("google_service_account", id, terms{{"account_id", accountNaming().Of(e.prefix() + fn.Name + "-tf")}})
	member := expression("google_service_account." + id + ".member")
	for i, secret := range s.secretsOf() {
		e.add("google_secret_manager_secret_iam_member", label(id, fmt.Sprint(i)), terms{{"secret_id", secret}, {"role", readsSecret}, {"member", member}})
	}
	if packager.Guarded(fn.Function) {
		e.add("google_secret_manager_secret_iam_member", label(id, "events"), terms{
			{"secret_id", expression("google_secret_manager_secret." + label(id, "events") + ".id")}, {"role", readsSecret}, {"member", member},
		})
	}
	for i, role := range fn.own.Roles {
		e.add("google_project_iam_member", label(id, fmt.Sprint(i)), terms{{"project", e.target.Project}, {"role", role}, {"member", member}})
	}
}

// runsAs is the account of a function.
func (e *ejection) runsAs(fn function, id string) any {
	if fn.own.ServiceAccount != "" {
		return fn.own.ServiceAccount
	}
	return expression("google_service_account." + id + ".email")
}

// variables are those of a function: texts, and references of secrets as name and version.
func (e *ejection) variables(s spec, id string) (plain map[string]string, secret map[string][2]any) {
	plain, secret = map[string]string{}, map[string][2]any{}
	for _, v := range e.environment(s, execution{}) {
		switch {
		case v.Name == packager.EventAudience:
			of := "google_secret_manager_secret_version." + label(id, "events")
			secret[v.Name] = [2]any{expression("google_secret_manager_secret." + label(id, "events") + ".secret_id"), expression(of + ".version")}
		case v.ValueSource != nil:
			secret[v.Name] = [2]any{v.ValueSource.SecretKeyRef.Secret, v.ValueSource.SecretKeyRef.Version}
		case v.Name != variableDigest && v.Name != variableInstance: // by which ferry knows its own revisions
			plain[v.Name] = v.Value
		}
	}
	return plain, secret
}

// container adds a service of Cloud Run, and how its image is made.
func (e *ejection) container(s spec, id string) {
	fn := s.function
	path, file := "functions/"+fn.Name, "images/"+fn.Name+".Dockerfile"
	e.pack(s, path, true)
	base, _ := e.source(fn)
	start := make([]string, 0, 3)
	for _, word := range command(fn.Function, s.artifact.Entry) {
		start = append(start, fmt.Sprintf("%q", word))
	}
	e.Files[file] = fmt.Appendf(nil, "FROM %s\nCOPY %s/ %s/\nWORKDIR %[3]s\nENTRYPOINT [%s]\n", base, path, appFolder, strings.Join(start, ", "))
	digest := strings.TrimPrefix(s.artifact.ZipDigest, "sha256:")
	image := fmt.Sprintf("%s-docker.pkg.dev/%s/%s/%s:%s", e.target.Region, strings.ReplaceAll(e.target.Project, ":", "/"), e.foreign("images"), fn.Name, digest[:min(12, len(digest))])
	e.Steps = append(e.Steps, "docker build -f "+file+" -t "+image+" . && docker push "+image)
	container := terms{{"image", image}, {"ports", terms{{"container_port", port}}}}
	plain, secrets := e.variables(s, id)
	for _, name := range slices.Sorted(maps.Keys(plain)) {
		container = append(container, attribute{"env", terms{{"name", name}, {"value", plain[name]}}})
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		ref := terms{{"secret", secrets[name][0]}, {"version", secrets[name][1]}}
		container = append(container, attribute{"env", terms{{"name", name}, {"value_source", terms{{"secret_key_ref", ref}}}}})
	}
	limits := map[string]string{"cpu": limitOf(fn.cpu()), "memory": fmt.Sprintf("%dMi", fn.Memory.MB())}
	container = append(container, attribute{"resources", terms{{"limits", limits}, {"cpu_idle", true}, {"startup_cpu_boost", true}}})
	template := terms{
		{"service_account", e.runsAs(fn, id)},
		{"timeout", seconds(fn.Timeout.Std())},
		{"max_instance_request_concurrency", fn.concurrency()},
		{"containers", container},
	}
	if fn.Scaling.Max > 0 {
		template = append(template, attribute{"scaling", terms{{"max_instance_count", fn.Scaling.Max}}})
	}
	if n := e.network(fn); n != nil {
		access := terms{{"egress", n.Egress}}
		if n.Connector != "" {
			access = append(access, attribute{"connector", n.Connector})
		}
		for _, i := range n.NetworkInterfaces {
			access = append(access, attribute{"network_interfaces", ofTexts("network", i.Network, "subnetwork", i.Subnetwork)})
		}
		template = append(template, attribute{"vpc_access", access})
	}
	service := terms{{"name", e.foreign(fn.Name)}, {"location", e.target.Region}, {"ingress", ingress(fn)}, {"deletion_protection", false}, {"template", template}}
	if len(fn.own.Labels) > 0 {
		service = append(service, attribute{"labels", fn.own.Labels})
	}
	if fn.Scaling.Min > 0 {
		service = append(service, attribute{"scaling", terms{{"min_instance_count", fn.Scaling.Min}}})
	}
	e.add("google_cloud_run_v2_service", id, service)
}

// ofTexts are attributes by name and text, without those that are empty.
func ofTexts(pairs ...string) terms {
	var of terms
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			of = append(of, attribute{pairs[i], pairs[i+1]})
		}
	}
	return of
}

// compiled adds a function that Cloud Functions builds.
func (e *ejection) compiled(s spec, id string) {
	fn := s.function
	path := "packages/" + fn.Name + ".zip"
	e.pack(s, path, false)
	e.add("google_storage_bucket_object", id, terms{
		{"bucket", expression("google_storage_bucket.packages.name")}, {"name", expression(fmt.Sprintf(`"%s-${filemd5("%s")}.zip"`, fn.Name, path))}, {"source", path},
	})
	build := terms{
		{"runtime", builtRuntime(fn.Runtime)},
		{"entry_point", packager.EntryPoint},
		{"source", terms{{"storage_source", terms{{"bucket", expression("google_storage_bucket.packages.name")}, {"object", expression("google_storage_bucket_object." + id + ".name")}}}}},
	}
	if env := buildEnvironment(fn.Function, s.artifact.Entry); len(env) > 0 {
		build = append(build, attribute{"environment_variables", env})
	}
	if fn.own.BuildServiceAccount != "" {
		build = append(build, attribute{"service_account", e.accountPath(fn.own.BuildServiceAccount)})
	}
	described := (&compiler{e.connection}).describe(s, nil).ServiceConfig
	plain, secrets := e.variables(s, id)
	plain["IGNORED_ROUTES"] = described.EnvironmentVariables["IGNORED_ROUTES"]
	service := terms{
		{"service_account_email", e.runsAs(fn, id)},
		{"timeout_seconds", number(described.TimeoutSeconds)},
		{"available_memory", described.AvailableMemory},
		{"available_cpu", described.AvailableCpu},
		{"max_instance_request_concurrency", number(described.MaxInstanceRequestConcurrency)},
		{"ingress_settings", described.IngressSettings},
		{"environment_variables", plain},
	}
	if fn.Scaling.Max > 0 {
		service = append(service, attribute{"max_instance_count", fn.Scaling.Max})
	}
	if fn.Scaling.Min > 0 {
		service = append(service, attribute{"min_instance_count", fn.Scaling.Min})
	}
	if described.VpcConnector != "" {
		service = append(service, attribute{"vpc_connector", described.VpcConnector}, attribute{"vpc_connector_egress_settings", described.VpcConnectorEgressSettings})
	}
	if len(described.DirectVpcNetworkInterface) > 0 {
		const reason = "Terraform does not connect what Cloud Functions builds to a network but by a connector: name a vpc_connector"
		for _, key := range []string{"network", "subnet", "egress"} {
			e.Said = append(e.Said, providers.Said{Setting: "config." + key, Reason: reason})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		secret := secrets[name][0]
		if full, ok := secret.(string); ok {
			secret = idOf(full)
		}
		service = append(service, attribute{"secret_environment_variables", terms{{"key", name}, {"project_id", e.target.Project}, {"secret", secret}, {"version", secrets[name][1]}}})
	}
	function := terms{{"name", e.foreign(fn.Name)}, {"location", e.target.Region}, {"build_config", build}, {"service_config", service}}
	if len(fn.own.Labels) > 0 {
		function = append(function, attribute{"labels", fn.own.Labels})
	}
	e.add("google_cloudfunctions2_function", id, function)
}

func (e *ejection) pack(s spec, path string, unpacked bool) {
	e.Packages = append(e.Packages, providers.EjectedPackage{Function: s.function.Name, Path: path, Unpacked: unpacked, Open: func() (io.ReadCloser, error) { return s.artifact.Open() }})
}

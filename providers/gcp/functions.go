package gcp

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	functions "google.golang.org/api/cloudfunctions/v2"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// viaFunctions is whether Cloud Functions builds the function. Unless the manifest says so, it builds only what was written for its
// framework, which changes the requests of everything else, and only where it takes all that the function asks for.
func (f function) viaFunctions() bool {
	if f.own.Via != "" {
		return f.own.Via == byFunctions
	}
	written := slices.Contains([]manifest.Style{manifest.StyleGCFHTTP, manifest.StyleGCFEvent, manifest.StyleGCF}, f.Style)
	return written && f.own.BaseImage == "" && !f.tooLate()
}

// tooLate is whether events call the function for longer than Cloud Functions lets them.
func (f function) tooLate() bool {
	return f.bound() && f.Timeout > manifest.Duration(maxBuiltEventTimeout)
}

// buildable is whether Cloud Functions can build a function of the style: it calls functions, and no programs.
func buildable(fn manifest.Function) bool {
	switch fn.Runtime.Language() {
	case "nodejs", "python":
		return fn.Shimmed()
	case "go":
		return fn.Style == manifest.StyleGo || fn.Style == manifest.StyleGCF
	}
	return false
}

// builtRuntime is what Cloud Functions builds for a runtime.
func builtRuntime(r manifest.Runtime) string {
	if r.Language() == "go" {
		return "go126"
	}
	return runtimes()[r].ID
}

// compiler makes revisions through Cloud Functions, which builds them. It writes a function's own fields, and nothing through
// Cloud Run but the traffic: what serves is pinned by name before a write, and a function that is new lets nobody in.
type compiler struct{ *connection }

// publish finds the revision of the spec, or has it built. One that does not start is a revision as well: a probe says why. An
// operation that somebody left is waited for, for it may be the one that makes it: nothing is built twice.
func (b *compiler) publish(ctx context.Context, s spec, found *run.GoogleCloudRunV2Service) (providers.Revision, error) {
	fn := s.function
	if found != nil && makerOf(found) != byFunctions {
		return providers.Revision{}, stays(fn.Name)
	}
	if err := b.settle(ctx, s); err != nil {
		return providers.Revision{}, err
	}
	made, err := b.made(ctx, s)
	if err != nil {
		return providers.Revision{}, err
	}
	if made != nil {
		return revisionOf(made), b.tag(ctx, fn.Name, idOf(made.Name))
	}
	return b.stillborn(ctx, s)
}

// stillborn is the revision of the spec that does not start. It has no address.
func (b *compiler) stillborn(ctx context.Context, s spec) (providers.Revision, error) {
	fn := s.function.Name
	made, err := b.newest(ctx, s, func(r *run.GoogleCloudRunV2Revision) bool { return broken(fn, r) != nil })
	if err == nil && made == nil {
		err = &providers.Error{
			Kind: providers.Conflict, Op: "publish", Provider: name, Function: fn, Hint: "deploy again",
			Err: errors.New("the revision that was built is gone: somebody else deployed the function meanwhile"),
		}
	}
	if err != nil {
		return providers.Revision{}, err
	}
	return revisionOf(made), nil
}

// settle has the revision there, as far as that is in its hands: it is there, what somebody left makes it, or it is built.
func (b *compiler) settle(ctx context.Context, s spec) error {
	fn := s.function.Name
	return until.Done(ctx, func() error {
		if made, err := b.made(ctx, s); err != nil || made != nil {
			return err
		}
		left, err := b.running(ctx, fn)
		if err != nil {
			return err
		}
		if left != nil {
			var ended *providers.Error
			if err := b.attend(ctx, fn, left); err != nil && !errors.As(err, &ended) {
				return err
			}
			if made, err := b.made(ctx, s); err != nil || made != nil {
				return errors.Join(err, b.discard(ctx, fn))
			}
		}
		if err := b.prepare(ctx, s); err != nil {
			return err
		}
		op, err := b.begin(ctx, s)
		if err != nil {
			return err
		}
		if err := b.attend(ctx, fn, op); err != nil && !errors.Is(err, providers.Crashed) {
			return err
		}
		return b.discard(ctx, fn)
	}, racing(), newAccount(isUnknownAccount))
}

// made is the newest revision of the spec that starts and has its image still, nil for none.
func (b *compiler) made(ctx context.Context, s spec) (*run.GoogleCloudRunV2Revision, error) {
	found, err := b.newest(ctx, s, func(r *run.GoogleCloudRunV2Revision) bool {
		return conditionOf(r.Conditions, "Ready").State == succeeded
	})
	if err != nil || found == nil {
		return nil, err
	}
	if whole, err := b.complete(ctx, found); err != nil || !whole {
		return nil, err
	}
	return found, nil
}

// newest is the newest revision of the spec that is so, nil for none.
func (b *compiler) newest(ctx context.Context, s spec, so func(*run.GoogleCloudRunV2Revision) bool) (*run.GoogleCloudRunV2Revision, error) {
	found, err := b.get(ctx, s.function.Name)
	if err != nil || found == nil {
		return nil, err
	}
	all, err := b.revisions(ctx, s.function.Name)
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Backward(all) {
		if revisionOf(r).Digest == s.digest && so(r) && !pruned(found, idOf(r.Name)) {
			return r, nil
		}
	}
	return nil, nil
}

// prepare makes what a function needs before it is built: its account, and what serves pinned by its name.
func (b *compiler) prepare(ctx context.Context, s spec) error {
	if err := b.checkBuilder(ctx, s.function); err != nil {
		return err
	}
	if _, err := b.ensureAccount(ctx, s); err != nil { // a build takes longer than a right to spread
		return err
	}
	if _, err := b.ensureAudience(ctx, s.function); err != nil {
		return err
	}
	_, err := b.change(ctx, s.function.Name, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		t := heading(now)
		latest := slices.ContainsFunc(now.Traffic, func(t *run.GoogleCloudRunV2TrafficTarget) bool { return t.Type == toLatest })
		if t.live == "" || !latest {
			return nil, nil
		}
		now.Traffic = t.targets()
		return []string{"traffic"}, nil
	})
	return err
}

// tag gives a revision that serves nothing an address of its own, so that it can be asked before it serves. Those that were as good
// as gone can go now that it was made.
func (b *compiler) tag(ctx context.Context, fn, id string) error {
	var gone []string
	_, err := b.change(ctx, fn, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if gone = nil; idOf(now.LatestCreatedRevision) == id {
			gone = strings.Fields(now.Annotations[notePruned])
			delete(now.Annotations, notePruned)
		}
		want := unreleased(id)
		if t := heading(now); t.live != "" {
			want = t.with(id)
		}
		tagged := slices.ContainsFunc(now.Traffic, func(t *run.GoogleCloudRunV2TrafficTarget) bool { return t.Tag == tagOf(id) })
		switch {
		case !tagged && (len(want) != len(now.Traffic) || want[len(want)-1].Tag != ""):
			now.Traffic = want
			return []string{"traffic"}, nil
		case len(gone) > 0:
			return []string{"annotations"}, nil
		}
		return nil, nil
	})
	for _, id := range gone {
		if err == nil {
			err = b.deleteRevision(ctx, fn, id)
		}
	}
	return err
}

// functionPath is the full name of a function. Its id is that of its service.
func (p *place) functionPath(fn string) string { return p.parent() + "/functions/" + p.serviceName(fn) }

// running is the operation about a function that is under way, nil for none.
func (b *compiler) running(ctx context.Context, fn string) (*functions.Operation, error) {
	var found *functions.Operation
	err := b.functions.Projects.Locations.Operations.List(b.parent()).Pages(ctx, func(page *functions.ListOperationsResponse) error {
		for _, op := range page.Operations {
			if !op.Done && progressOf(op).Target == b.functionPath(fn) {
				found = op
			}
		}
		return nil
	})
	return found, err
}

// mask are the fields that are written. Without a mask Google would write all others as well.
func mask() string {
	return strings.Join([]string{
		"labels", "build_config.runtime", "build_config.entry_point", "build_config.source", "build_config.environment_variables", "build_config.service_account",
		"service_config.service_account_email", "service_config.timeout_seconds", "service_config.available_memory", "service_config.available_cpu",
		"service_config.max_instance_request_concurrency", "service_config.max_instance_count", "service_config.environment_variables",
		"service_config.secret_environment_variables", "service_config.ingress_settings", "service_config.vpc_connector",
		"service_config.vpc_connector_egress_settings", "service_config.direct_vpc_network_interface", "service_config.direct_vpc_egress",
		"service_config.all_traffic_on_latest_revision",
	}, ",")
}

// begin has the function built: a new one, or one that is there. A write whose reply was lost shows as an operation.
func (b *compiler) begin(ctx context.Context, s spec) (*functions.Operation, error) {
	source, err := b.upload(ctx, s)
	if err != nil {
		return nil, err
	}
	want := b.describe(s, source)
	there, err := b.functions.Projects.Locations.Functions.Get(b.functionPath(s.function.Name)).Context(ctx).Do()
	if err == nil { // one that was adopted is ferry's by the labels of its service
		err = b.refuseOthers(ctx, s.function.Name, there)
	}
	switch {
	case isNotFound(err):
		op, err := b.functions.Projects.Locations.Functions.Create(b.parent(), want).FunctionId(b.serviceName(s.function.Name)).Context(ctx).Do()
		return op, overtaken(err)
	case err != nil:
		return nil, err
	}
	op, err := b.functions.Projects.Locations.Functions.Patch(b.functionPath(s.function.Name), want).UpdateMask(mask()).Context(ctx).Do()
	return op, overtaken(err)
}

// refuseOthers refuses a function that ferry did not make, and whose service it did not adopt.
func (b *compiler) refuseOthers(ctx context.Context, fn string, there *functions.Function) error {
	if b.owns(there.Labels, fn) {
		return nil
	}
	service, err := b.get(ctx, fn)
	if err == nil && service == nil {
		service = &run.GoogleCloudRunV2Service{Labels: there.Labels}
	}
	if err != nil {
		return err
	}
	return b.refuseForeign("publish", fn, service)
}

// overtaken is an error by which what is there decides anew: somebody was faster, or the reply to the same call was lost.
func overtaken(err error) error {
	if isAlreadyExists(err) {
		return &failure{code: codeOfAborted, message: messageOf(err)}
	}
	return err
}

// codeOfAborted is ABORTED: it is looked again.
const codeOfAborted = 10

// describe is the function as it is to be.
func (b *compiler) describe(s spec, source *functions.StorageSource) *functions.Function {
	fn := s.function
	labels := b.labels(fn)
	labels[labelPublisher] = byFunctions
	service := &functions.ServiceConfig{
		ServiceAccountEmail: b.account(fn), TimeoutSeconds: int64(fn.Timeout.Std().Seconds()),
		AvailableMemory: strconv.Itoa(fn.Memory.MB()) + "Mi", AvailableCpu: limitOf(fn.cpu()),
		MaxInstanceRequestConcurrency: int64(fn.concurrency()), MaxInstanceCount: int64(fn.Scaling.Max),
		IngressSettings: map[string]string{"": "ALLOW_ALL", "all": "ALLOW_ALL", "internal": "ALLOW_INTERNAL_ONLY", "internal-and-load-balancer": "ALLOW_INTERNAL_AND_GCLB"}[fn.own.Ingress],
		// The traffic is Cloud Run's to write.
		AllTrafficOnLatestRevision: false, ForceSendFields: []string{"AllTrafficOnLatestRevision"},
		EnvironmentVariables: map[string]string{"IGNORED_ROUTES": "/.ferry/none"}, // or the framework keeps favicon.ico and robots.txt to itself
	}
	if n := b.network(fn); n != nil {
		service.VpcConnector = n.Connector
		if len(n.NetworkInterfaces) > 0 {
			service.DirectVpcEgress = "VPC_EGRESS_" + n.Egress
			service.DirectVpcNetworkInterface = []*functions.DirectVpcNetworkInterface{{Network: n.NetworkInterfaces[0].Network, Subnetwork: n.NetworkInterfaces[0].Subnetwork}}
		} else {
			service.VpcConnectorEgressSettings = n.Egress
		}
	}
	for _, v := range b.environment(s, execution{instance: nonce()}) {
		if v.ValueSource == nil {
			service.EnvironmentVariables[v.Name] = v.Value
			continue
		}
		secret := v.ValueSource.SecretKeyRef
		service.SecretEnvironmentVariables = append(service.SecretEnvironmentVariables, &functions.SecretEnvVar{
			Key: v.Name, ProjectId: b.target.Project, Secret: idOf(secret.Secret), Version: secret.Version,
		})
	}
	return &functions.Function{
		Name: b.functionPath(fn.Name), Environment: "GEN_2", Labels: labels, ServiceConfig: service,
		BuildConfig: &functions.BuildConfig{
			Runtime: builtRuntime(fn.Runtime), EntryPoint: packager.EntryPoint, Source: &functions.Source{StorageSource: source},
			EnvironmentVariables: buildEnvironment(fn.Function, s.artifact.Entry), ServiceAccount: b.accountPath(b.builder(fn)),
		},
	}
}

// buildEnvironment has the builder take what is in the package.
func buildEnvironment(fn manifest.Function, entry string) map[string]string {
	switch fn.Runtime.Language() {
	case "nodejs":
		return map[string]string{"GOOGLE_VENDOR_NPM_DEPENDENCIES": "true"}
	case "python":
		return map[string]string{"GOOGLE_FUNCTION_SOURCE": entry}
	}
	return nil
}

// sources is where the packages of a function lie while they are built.
func (p *place) sources(fn string) string { return "sources/" + p.serviceName(fn) + "/" }

// upload has the package in ferry's bucket, and says which generation of it is to be built.
func (b *compiler) upload(ctx context.Context, s spec) (*functions.StorageSource, error) {
	providers.Stage(ctx, "sending the sources")
	in := b.storeIn()
	key := b.sources(s.function.Name) + strings.TrimPrefix(s.artifact.ZipDigest, "sha256:") + ".zip"
	content, err := s.artifact.Open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if _, err := in.Put(ctx, key, content, providers.Condition{Absent: true}); err != nil && !errors.Is(err, providers.Conflict) {
		return nil, err // one that is there has the same content
	}
	found, err := b.storage.Objects.Get(in.bucket, key).Context(ctx).Do()
	if isNotFound(err) { // who built the same package has just taken it away
		err = &failure{code: codeOfAborted, message: "the sources were taken away meanwhile"}
	}
	if err != nil {
		return nil, err
	}
	return &functions.StorageSource{Bucket: in.bucket, Object: key, Generation: found.Generation}, nil
}

// discard takes away what was sent to be built: Google keeps a copy of its own.
func (c *connection) discard(ctx context.Context, fn string) error {
	in := c.storeIn()
	keys, err := in.List(ctx, c.sources(fn))
	for _, key := range keys {
		err = errors.Join(err, in.Delete(ctx, key, providers.Condition{}))
	}
	return err
}

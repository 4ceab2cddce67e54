package gcp

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/marks"
	"github.com/ferryfn/ferry/providers/names"
)

// ours begins the keys of ferry's own labels, and noted those of its annotations, which take any text.
const (
	ours  = "ferry-"
	noted = "ferry.dev/"
)

// What ferry writes on a service beside whose it is. An annotation says no more than what the traffic and the policy of the
// service are for: those are looked at.
const (
	labelPublisher = ours + "publisher" // which API made it: run or functions

	noteLive   = noted + "live"   // the revision that serves and its digest, as "NAME DIGEST"; none is that nothing is live
	noteCanary = noted + "canary" // the same of one that gets a share
	noteAccess = noted + "access" // who may call the service: public, private, nobody; changing while that is changed
	noteEpoch  = noted + "epoch"  // the target and the epoch of its ledger, as "TARGET EPOCH"
	noteBound  = noted + "bound"  // events may be bound
	notePruned = noted + "pruned" // revisions that are to be deleted, which Google does not do while they are the last one made
	noteLabels = noted + "labels" // the keys of the manifest's own labels
)

// ownLabels and ownVariables are how many of ferry's there can be.
const (
	ownLabels    = 8
	ownVariables = 12
)

// maxTagged is how many characters the name of a service and a tag may have together.
const maxTagged = 46

// naming is how services are named. A tag has room beside each name, so that each revision can be probed; Google's own
// limit is 49.
func naming() names.Rule {
	return names.Rule{Most: maxTagged - tagLength, Spell: func(name string) string { return strings.TrimRight(names.Lower(name), "-") }}
}

// serviceName is the name of a function's service.
func (p *place) serviceName(fn string) string { return naming().Of(p.prefix() + fn) }

// prefix begins the names of all services of the service and stage, but for those that had to be shortened far.
func (p *place) prefix() string { return p.service + "-" + p.stage + "-" }

// servicePath is the full name of a function's service.
func (p *place) servicePath(fn string) string { return p.parent() + "/services/" + p.serviceName(fn) }

// revisionPath is the full name of a revision.
func (p *place) revisionPath(fn, id string) string { return p.servicePath(fn) + "/revisions/" + id }

// digits are how many of its digest's are in the name of a revision, and how many characters a tag has.
const (
	digits    = 10
	tagLength = 8
)

// revisionName is the name of the revision of a spec; again counts those of the same spec that are of no use any more.
func (p *place) revisionName(s spec, again int) string {
	id := p.serviceName(s.function.Name) + "-" + s.hex()[:digits]
	if again > 0 {
		id += "-" + strconv.Itoa(again)
	}
	return id
}

// tagOf is the tag by which a revision is reached before it serves. It is of that revision alone: an address that was
// another's answers as the other one for a while.
func tagOf(revision string) string {
	return "p" + short(revision)[:tagLength-1]
}

// owner is whose the things of a function are.
func (p *place) owner(fn string) marks.Owner {
	return marks.Owner{Service: p.service, Stage: p.stage, Function: fn}
}

// owns reports whether labels say that ferry made a thing for this function.
func (p *place) owns(labels map[string]string, fn string) bool {
	return tagged().Owned(labels, p.owner(fn))
}

// tagged is how ferry marks what it makes. The names of the manifest are labels as they are.
func tagged() marks.Syntax { return marks.Syntax{Prefix: ours} }

// labels are those of all that is made for a function.
func (p *place) labels(fn function) map[string]string {
	labels := maps.Clone(fn.own.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, tagged().Of(p.owner(fn.Name)))
	return labels
}

// labelImage is the tag of a revision's image, by which it is taken away.
const labelImage = ours + "image"

func (p *place) revisionLabels(fn function, as execution) map[string]string {
	labels := p.labels(fn)
	labels[labelImage] = as.tag
	return labels
}

// relabelled are labels with those of the manifest in place of those that it asked for before. All others stay.
func relabelled(has, want map[string]string, before string) map[string]string {
	gone, _ := marks.Change(want, has, strings.Fields(before)...)
	labels := maps.Clone(has)
	if labels == nil {
		labels = map[string]string{}
	}
	for _, key := range gone {
		delete(labels, key)
	}
	maps.Copy(labels, want)
	return labels
}

// template is the revision of a spec.
func (p *place) template(s spec, as execution) *run.GoogleCloudRunV2RevisionTemplate {
	fn := s.function
	t := &run.GoogleCloudRunV2RevisionTemplate{
		Revision:                      as.revision,
		Labels:                        p.revisionLabels(fn, as),
		ServiceAccount:                as.account,
		Timeout:                       fmt.Sprintf("%ds", int(fn.Timeout.Std().Seconds())),
		MaxInstanceRequestConcurrency: int64(fn.concurrency()),
		VpcAccess:                     p.network(fn),
		Containers: []*run.GoogleCloudRunV2Container{{
			Image: as.image,
			Ports: []*run.GoogleCloudRunV2ContainerPort{{ContainerPort: port}},
			Env:   p.environment(s, as),
			Resources: &run.GoogleCloudRunV2ResourceRequirements{
				CpuIdle: true, StartupCpuBoost: true,
				Limits: map[string]string{"cpu": limitOf(fn.cpu()), "memory": strconv.Itoa(fn.Memory.MB()) + "Mi"},
			},
		}},
	}
	if fn.Scaling.Max > 0 {
		t.Scaling = &run.GoogleCloudRunV2RevisionScaling{MaxInstanceCount: int64(fn.Scaling.Max)}
	}
	return t
}

// port is where a function listens, which Cloud Run also says in PORT.
const port = 8080

// execution is what a revision needs beside its spec.
type execution struct {
	revision string // its name
	image    string // by digest
	tag      string // of the image
	account  string // the service account
	instance string // the name that its shim answers ferry to
	granted  bool   // the account may read secrets since just now
}

// limitOf is a number of CPUs as Kubernetes writes it.
func limitOf(c cpus) string {
	if c%wholeCPU == 0 {
		return strconv.Itoa(int(c / wholeCPU))
	}
	return strconv.Itoa(int(c)) + "m"
}

// network is what the function is connected to, nil for nothing.
func (p *place) network(fn function) *run.GoogleCloudRunV2VpcAccess {
	own := fn.own
	egress := map[string]string{"": "PRIVATE_RANGES_ONLY", "private-ranges-only": "PRIVATE_RANGES_ONLY", "all-traffic": "ALL_TRAFFIC"}[own.Egress]
	switch {
	case own.VPCConnector != "":
		connector := own.VPCConnector
		if !strings.Contains(connector, "/") {
			connector = p.parent() + "/connectors/" + connector
		}
		return &run.GoogleCloudRunV2VpcAccess{Connector: connector, Egress: egress}
	case own.Network+own.Subnet != "":
		return &run.GoogleCloudRunV2VpcAccess{
			Egress: egress, NetworkInterfaces: []*run.GoogleCloudRunV2NetworkInterface{{Network: own.Network, Subnetwork: own.Subnet}},
		}
	}
	return nil
}

// ingress is who reaches the function, in Google's words.
func ingress(fn function) string {
	return map[string]string{
		"": "INGRESS_TRAFFIC_ALL", "all": "INGRESS_TRAFFIC_ALL", "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
		"internal-and-load-balancer": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
	}[fn.own.Ingress]
}

// environment is the function's own, and what its shim needs. Secrets are references, which Cloud Run resolves when an
// instance starts.
func (p *place) environment(s spec, as execution) []*run.GoogleCloudRunV2EnvVar {
	fn := s.function
	env := map[string]string{}
	if fn.Runtime.Language() == "nodejs" {
		env["NODE_OPTIONS"] = "--enable-source-maps"
	}
	maps.Copy(env, fn.Env)
	if as.revision != "" { // Google names those that it builds
		env["FERRY_REVISION"] = as.revision
	}
	maps.Copy(env, map[string]string{
		variableDigest: s.digest, variableInstance: as.instance,
		"FERRY_SERVICE": p.service, "FERRY_STAGE": p.stage, "FERRY_FUNCTION": fn.Name,
		"FERRY_TIMEOUT_MS": strconv.FormatInt(fn.Timeout.Std().Milliseconds(), 10),
	})
	var all []*run.GoogleCloudRunV2EnvVar
	for _, key := range slices.Sorted(maps.Keys(env)) {
		all = append(all, &run.GoogleCloudRunV2EnvVar{Name: key, Value: env[key], ForceSendFields: []string{"Value"}})
	}
	for _, key := range slices.Sorted(maps.Keys(s.secrets)) {
		secret, version, _ := strings.Cut(s.secrets[key], "/versions/")
		all = append(all, &run.GoogleCloudRunV2EnvVar{Name: key, ValueSource: &run.GoogleCloudRunV2EnvVarSource{
			SecretKeyRef: &run.GoogleCloudRunV2SecretKeySelector{Secret: secret, Version: version},
		}})
	}
	if packager.Guarded(fn.Function) {
		all = append(all, &run.GoogleCloudRunV2EnvVar{Name: packager.EventAudience, ValueSource: &run.GoogleCloudRunV2EnvVarSource{
			SecretKeyRef: &run.GoogleCloudRunV2SecretKeySelector{Secret: p.audienceSecret(fn.Name), Version: audienceVersion},
		}})
	}
	return all
}

// The variables by which a revision says what it is, and its shim knows ferry.
const (
	variableDigest   = "FERRY_DIGEST"
	variableInstance = "FERRY_INSTANCE"
)

// variableOf is the value of a variable of a revision, "" when it has none.
func variableOf(containers []*run.GoogleCloudRunV2Container, name string) string {
	for _, c := range containers {
		for _, v := range c.Env {
			if v.Name == name {
				return v.Value
			}
		}
	}
	return ""
}

// command is what starts a package in its folder.
func command(fn manifest.Function, entry string) []string {
	at := appFolder + "/" + entry
	switch fn.Runtime.Language() {
	case "nodejs":
		return []string{"node", at}
	case "python":
		return []string{"python3", "-u", at}
	}
	return []string{at}
}

// appFolder is where a package lies in its image, as Google's buildpacks put it.
const appFolder = "/workspace"

// idOf is the last part of a full name.
func idOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// revisionOf is the revision that Google describes, as it says itself.
func revisionOf(r *run.GoogleCloudRunV2Revision) providers.Revision {
	return providers.Revision{ID: idOf(r.Name), Digest: variableOf(r.Containers, variableDigest)}
}

// repository is where the images of a place are.
func (p *place) repository() string {
	return cmp.Or(p.target.Repository, p.target.Region+"-docker.pkg.dev/"+p.target.Project+"/ferry")
}

package knative

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/marks"
	"github.com/ferryfn/ferry/providers/names"
)

const ours = "ferry.dev/"

// What ferry notes on objects.
const (
	noteDigest = ours + "digest" // of a revision's spec
	noteImage  = ours + "image"  // the tag of a revision's image
	noteLive   = ours + "live"   // which revision of a route is not the canary
	noteEpoch  = ours + "epoch"
	noteWrite  = ours + "write" // who wrote last, so that a write whose reply was lost is known by the one who made it
	labelProbe = ours + "probe" // a route for a probe alone
	// noteAddress is noAddress on a route that is for events alone.
	noteAddress = ours + "address"
	noAddress   = "none"
)

// Knative's own.
const (
	labelVisibility = "networking.knative.dev/visibility"
	clusterLocal    = "cluster-local"
	labelOf         = "serving.knative.dev/configuration"
	minScale        = "autoscaling.knative.dev/min-scale"
	maxScale        = "autoscaling.knative.dev/max-scale"
	noGC            = "serving.knative.dev/no-gc"
)

func tagged() marks.Syntax { return marks.Syntax{Prefix: ours} }

func (p *place) owner(fn string) marks.Owner {
	return marks.Owner{Service: p.service, Stage: p.stage, Function: fn}
}

func (p *place) labels(fn string) map[string]string { return tagged().Of(p.owner(fn)) }

func (p *place) owns(m *meta, fn string) bool {
	return m.Labels[labelProbe] == "" && tagged().Owned(m.Labels, p.owner(fn))
}

// selector is a choice of objects by their labels.
func selector(labels map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return strings.Join(all, ",")
}

// object is the name of a function's objects. That of a revision is longer, and Kubernetes takes 63 characters.
func (p *place) object(fn string) string {
	return names.Rule{Most: 40}.Of(p.service + "-" + p.stage + "-" + fn)
}

// revisionName is of the spec's digest, so that a revision is found again.
func (p *place) revisionName(s spec) string { return p.object(s.function.Name) + "-" + s.hex()[:12] }

// probeName is that of the route of a probe.
func probeName(revision string) string { return revision + "-probe" }

// eventAddress is where a function takes events within the cluster.
func (c *connection) eventAddress(fn string) string {
	return "http://" + c.object(fn) + "." + c.namespace + ".svc.cluster.local/.ferry/event"
}

// instanceSecret holds the word by which a function's shim knows who may ask it for its digest or hand it an event.
func (p *place) instanceSecret(fn string) string { return p.object(fn) + "-instance" }

// The keys of ferry's secrets.
const (
	keyInstance = "instance"
	keyValue    = "value"
)

const (
	appFolder = "/app" // where a package lies in its image
	appPort   = 8080
)

// command starts a package.
func command(fn manifest.Function, entry string) []string {
	at := appFolder + "/" + entry
	switch fn.Runtime.Language() {
	case "nodejs":
		return []string{"node", "--enable-source-maps", at}
	case "python":
		return []string{"python3", "-u", at}
	}
	return []string{at}
}

// template is what a revision is made from: equal specs give equal ones, so that Knative takes one that it has.
func (p *place) template(s spec, image pushed) template {
	fn := s.function
	t := template{}
	t.Name, t.Labels = p.revisionName(s), p.labels(fn.Name)
	t.Annotations = map[string]string{noteDigest: s.digest, noteImage: image.tag, noGC: "true"}
	if fn.Scaling.Min > 0 {
		t.Annotations[minScale] = strconv.Itoa(fn.Scaling.Min)
	}
	if fn.Scaling.Max > 0 {
		t.Annotations[maxScale] = strconv.Itoa(fn.Scaling.Max)
	}
	no := false
	t.Spec = podSpec{
		Concurrency: int64(fn.Scaling.Concurrency), Timeout: int64(fn.Timeout.Std().Seconds()), ServiceAccount: fn.own.ServiceAccount, ServiceLinks: &no,
		Containers: []container{{
			Name: "user-container", Image: image.digest, Env: p.variables(s), Ports: []port{{appPort}},
			Resources: &quantities{Requests: amounts(fn), Limits: amounts(fn)},
		}},
	}
	if fn.own.PullSecret != "" {
		t.Spec.ImagePullSecrets = []reference{{fn.own.PullSecret}}
	}
	return t
}

// amounts are in the form that Kubernetes gives them, so that what is read is what was written.
func amounts(fn function) map[string]string {
	mega, unit := int64(fn.Memory/manifest.MB), 0
	for ; mega > 0 && mega%1024 == 0 && unit < 2; unit++ {
		mega /= 1024
	}
	all := map[string]string{"memory": fmt.Sprintf("%d%ci", mega, "MGT"[unit])}
	if fn.own.CPU != "" {
		all["cpu"] = cpus(fn.own.CPU)
	}
	return all
}

// cpus is a number of CPUs in whole ones, else in thousandths. What has another form Check refuses.
func cpus(asked string) string {
	number, milli := strings.CutSuffix(asked, "m")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return asked
	}
	if !milli {
		n *= 1000
	}
	if whole := int64(math.Ceil(n)); whole%1000 != 0 {
		return fmt.Sprintf("%dm", whole)
	}
	return fmt.Sprint(int64(math.Ceil(n)) / 1000)
}

// variables are the environment of a revision. Kubernetes would expand what a value refers to, which is not meant.
func (p *place) variables(s spec) []variable {
	values := map[string]string{
		"FERRY_HOST": "0.0.0.0", "FERRY_PLATFORM": name, "FERRY_DIGEST": s.digest, "FERRY_SERVICE": p.service, "FERRY_STAGE": p.stage,
		"FERRY_FUNCTION": s.function.Name, "FERRY_TIMEOUT_MS": strconv.FormatInt(s.function.Timeout.Std().Milliseconds(), 10),
	}
	maps.Copy(values, s.function.Env)
	all := map[string]variable{"FERRY_INSTANCE": {From: &source{Secret: &secretKey{p.instanceSecret(s.function.Name), keyInstance}}}}
	for key, value := range values {
		all[key] = variable{Value: strings.ReplaceAll(value, "$", "$$")}
	}
	for key, reference := range s.secrets {
		all[key] = variable{From: &source{Secret: &secretKey{reference, keyValue}}}
	}
	var list []variable
	for _, key := range slices.Sorted(maps.Keys(all)) {
		v := all[key]
		v.Name = key
		list = append(list, v)
	}
	return list
}

// revisionOf is the revision that Knative describes.
func revisionOf(r *revision) providers.Revision {
	return providers.Revision{ID: r.Name, Digest: r.Annotations[noteDigest]}
}

// imageOf is the image of a revision.
func imageOf(spec podSpec) string {
	if len(spec.Containers) == 0 {
		return ""
	}
	return spec.Containers[0].Image
}

// visibility is the label of a route that only the cluster reaches; nil takes it away.
func visibility(fn function) any {
	if fn.public() {
		return nil
	}
	return clusterLocal
}

// address is the note of a function that has no address of its own; nil takes it away.
func address(fn function) any {
	if fn.HTTP() != nil {
		return nil
	}
	return noAddress
}

// nonce is a word that nobody can guess.
func nonce() string { return strings.ToLower(rand.Text()) }

// short is a digest of a text, for names.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

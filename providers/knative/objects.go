package knative

import (
	"slices"
	"strings"
)

// What ferry reads and writes of Kubernetes' objects.

// object is what all of them begin with.
type object struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	meta       `json:"metadata"`
}

func (o *object) head() *object { return o }

// of is a new object of a resource.
func of(r resource, name string, labels map[string]string) object {
	version, _ := r.parts()
	kind := map[resource]string{
		configurations: "Configuration", routes: "Route", services: "Service", cronJobs: "CronJob", secretObjects: "Secret", configMaps: "ConfigMap",
		triggers: "Trigger",
	}[r]
	return object{APIVersion: version, Kind: kind, meta: meta{Name: name, Labels: labels}}
}

type meta struct {
	Name            string            `json:"name,omitempty"`
	UID             string            `json:"uid,omitempty"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Generation      int64             `json:"generation,omitempty"`
	Created         string            `json:"creationTimestamp,omitempty"`
	Deleted         string            `json:"deletionTimestamp,omitempty"`
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`
	Owners          []any             `json:"ownerReferences,omitempty"`
}

type condition struct{ Type, Status, Reason, Message string }

// status is what the resources of Knative have in common.
type status struct {
	ObservedGeneration int64
	Conditions         []condition
}

// ready is the condition that sums up the others, an empty one when it is not known.
func (s status) ready() condition {
	i := slices.IndexFunc(s.Conditions, func(c condition) bool { return c.Type == "Ready" })
	if i < 0 {
		return condition{}
	}
	return s.Conditions[i]
}

// The states of a condition.
const (
	isTrue  = "True"
	isFalse = "False"
)

type configuration struct {
	object
	Spec struct {
		Template template `json:"template"`
	} `json:"spec"`
	Status *status `json:"status,omitempty"`
}

// template is what revisions are made from.
type template struct {
	meta `json:"metadata"`
	Spec podSpec `json:"spec"`
}

type revision struct {
	object
	Spec   podSpec `json:"spec"`
	Status status  `json:"status"`
}

type podSpec struct {
	Concurrency      int64       `json:"containerConcurrency"`
	Timeout          int64       `json:"timeoutSeconds,omitempty"`
	ServiceAccount   string      `json:"serviceAccountName,omitempty"`
	ImagePullSecrets []reference `json:"imagePullSecrets,omitempty"`
	ServiceLinks     *bool       `json:"enableServiceLinks,omitempty"`
	Containers       []container `json:"containers"`
}

type reference struct {
	Name string `json:"name"`
}

type container struct {
	Name      string      `json:"name,omitempty"`
	Image     string      `json:"image"`
	Command   []string    `json:"command,omitempty"`
	Args      []string    `json:"args,omitempty"`
	Env       []variable  `json:"env,omitempty"`
	Ports     []port      `json:"ports,omitempty"`
	Resources *quantities `json:"resources,omitempty"`
}

type port struct {
	Number int `json:"containerPort"`
}

type quantities struct {
	Requests map[string]string `json:"requests,omitempty"`
	Limits   map[string]string `json:"limits,omitempty"`
}

type variable struct {
	Name  string  `json:"name"`
	Value string  `json:"value,omitempty"`
	From  *source `json:"valueFrom,omitempty"`
}

type source struct {
	Secret *secretKey `json:"secretKeyRef,omitempty"`
	Field  *fieldPath `json:"fieldRef,omitempty"`
}

type secretKey struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

type fieldPath struct {
	Path string `json:"fieldPath"`
}

type route struct {
	object
	Spec struct {
		Traffic []share `json:"traffic"`
	} `json:"spec"`
	Status *routeStatus `json:"status,omitempty"`
}

type routeStatus struct {
	status
	URL     string
	Address struct{ URL string }
	Traffic []share
}

// share is how many of the requests go to a revision.
type share struct {
	Revision string `json:"revisionName,omitempty"`
	Percent  int    `json:"percent"`
	Latest   *bool  `json:"latestRevision,omitempty"`
}

type secret struct {
	object
	Immutable bool              `json:"immutable,omitempty"`
	Data      map[string][]byte `json:"data,omitempty"`
}

type configMap struct {
	object
	Data map[string][]byte `json:"binaryData,omitempty"`
}

// caller is a CronJob or a Trigger.
type caller struct {
	object
	Spec   map[string]any `json:"spec"`
	Status status         `json:"status,omitzero"`
}

type broker struct {
	object
	Spec struct {
		Delivery map[string]any `json:"delivery"`
	} `json:"spec"`
	Status status `json:"status"`
}

type pod struct {
	object
	Status struct {
		Containers []struct {
			State struct {
				Waiting *struct{ Reason, Message string }
			}
		} `json:"containerStatuses"`
	} `json:"status"`
}

// settled reports whether what was written last was looked at.
func (r *route) settled() bool {
	return r.Status != nil && r.Status.ObservedGeneration >= r.Generation
}

// shares are how requests are sent: as it is observed, else, while that is under way, as it was written.
func (r *route) shares() map[string]int {
	all, from := map[string]int{}, r.Spec.Traffic
	if r.settled() && len(r.Status.Traffic) > 0 {
		from = r.Status.Traffic
	}
	for _, s := range from {
		if s.Percent > 0 && s.Revision != "" {
			all[s.Revision] += s.Percent
		}
	}
	return all
}

// flow is what of a route serves.
type flow struct {
	live    string // the revision that serves; "" is that nothing is live
	canary  string // one that gets a share, "" for none
	percent int    // of the canary
}

// flowing reads a route. What ferry noted tells only which of two is the canary.
func flowing(r *route) flow {
	if r == nil || r.Deleted != "" {
		return flow{}
	}
	shares, f := r.shares(), flow{}
	if noted := r.Annotations[noteLive]; shares[noted] > 0 {
		f.live = noted
	}
	var names []string
	for name := range shares {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := shares[b] - shares[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		switch {
		case f.live == "":
			f.live = name
		case name != f.live && f.canary == "":
			f.canary, f.percent = name, shares[name]
		}
	}
	return f
}

// traffic is the flow by names.
func (f flow) traffic() []share {
	byName := false
	if f.canary == "" {
		return []share{{Revision: f.live, Percent: 100, Latest: &byName}}
	}
	return []share{{Revision: f.live, Percent: 100 - f.percent, Latest: &byName}, {Revision: f.canary, Percent: f.percent, Latest: &byName}}
}

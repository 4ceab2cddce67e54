package knative

import (
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
)

const clusters = "the cluster and its tools set it"

// service reads all but the container.
func (r *reader) service() {
	http := &draft.HTTP{}
	r.fn.Events = []draft.Event{{HTTP: http}}
	foreign.Keys{
		"labels": func(n *foreign.Node) {
			for _, e := range n.Entries() {
				if e.Key == "networking.knative.dev/visibility" && e.Value.Raw() == "cluster-local" {
					http.Auth = "private"
					e.Value.Map(r.at + ".events")
					continue
				}
				e.Value.Drop("ferry gives what it makes labels of its own")
			}
		},
		"annotations": r.annotations,
		"uid":         foreign.Dropped(clusters), "resourceVersion": foreign.Dropped(clusters), "generation": foreign.Dropped(clusters),
		"creationTimestamp": foreign.Dropped(clusters), "selfLink": foreign.Dropped(clusters), "managedFields": foreign.Dropped(clusters),
	}.Read(r.root.Get("metadata"))
	r.root.Get("status").Drop(clusters)
	spec := r.root.Get("spec")
	spec.Get("traffic").Drop("ferry says which revision serves: see `ferry deploy --traffic`")
	template := spec.Get("template")
	template.At("metadata", "name").Drop("ferry names revisions by their content")
	template.At("metadata", "labels").Drop("ferry gives what it makes labels of its own")
	r.annotations(template.At("metadata", "annotations"))
	foreign.Keys{
		"containerConcurrency": func(n *foreign.Node) {
			if n.Raw() == "0" {
				n.Drop("it is no limit, which is the default")
				return
			}
			r.bound(n, "concurrency", &r.fn.Bounds().Concurrency)
		},
		"timeoutSeconds": func(n *foreign.Node) {
			if text, ok := n.Text(); ok {
				r.fn.Timeout = text + "s"
				n.Map(r.at + ".timeout")
			}
		},
		"responseStartTimeoutSeconds": foreign.Dropped("timeout bounds a whole request"), "idleTimeoutSeconds": foreign.Dropped("timeout bounds a whole request"),
		"serviceAccountName": r.own("service_account"),
		"imagePullSecrets": func(n *foreign.Node) {
			if len(n.Items()) == 0 {
				n.Drop("it is empty")
			}
			for i, secret := range n.Items() {
				if i == 0 {
					r.own("pull_secret")(secret.Get("name"))
					continue
				}
				secret.Lose("a function has one pull secret")
			}
		},
		"volumes":            foreign.Lost("functions have no volumes: put files into the package"),
		"initContainers":     foreign.Lost("a function is one container: ferry starts none beside it"),
		"enableServiceLinks": foreign.Dropped("ferry leaves it as the cluster has it"),
	}.Read(template.Get("spec"))
}

// own is a setting of the provider alone.
func (r *reader) own(key string) func(*foreign.Node) {
	return func(n *foreign.Node) {
		if text, ok := n.Text(); ok {
			r.fn.Block("knative").Set(key, text)
			n.Map(r.at + ".knative." + key)
		}
	}
}

func (r *reader) bound(n *foreign.Node, key string, to *int) {
	if number, ok := n.Number(); ok {
		*to = number
		n.Map(r.at + ".scaling." + key)
	}
}

func (r *reader) annotations(n *foreign.Node) {
	for _, e := range n.Entries() {
		switch strings.ToLower(strings.ReplaceAll(e.Key, "-", "")) {
		case "autoscaling.knative.dev/minscale":
			r.bound(e.Value, "min", &r.fn.Bounds().Min)
		case "autoscaling.knative.dev/maxscale":
			if e.Value.Raw() == "0" {
				e.Value.Drop("it is no limit, which is the default")
				continue
			}
			r.bound(e.Value, "max", &r.fn.Bounds().Max)
		case "autoscaling.knative.dev/class", "autoscaling.knative.dev/metric", "autoscaling.knative.dev/target", "autoscaling.knative.dev/targetutilizationpercentage",
			"autoscaling.knative.dev/window", "autoscaling.knative.dev/initialscale", "autoscaling.knative.dev/scaledowndelay":
			e.Value.Drop("ferry leaves it to the cluster's own defaults: scaling bounds instances")
		case "serving.knative.dev/creator", "serving.knative.dev/lastmodifier", "client.knative.dev/usercommand", "client.knative.dev/userimage":
			e.Value.Drop(clusters)
		case "run.googleapis.com/ingress": // every Service of Cloud Run has it
			r.fn.Events[0].HTTP.Auth = "private"
			r.made.Unshared(r.fn.Name)
			e.Value.Map(r.at + ".events")
		case "run.googleapis.com/cloudsqlinstances", "run.googleapis.com/secrets", "run.googleapis.com/vpcaccessconnector", "run.googleapis.com/networkinterfaces":
			e.Value.Lose("Cloud Run connects the program with it, and a cluster does not: see what the code needs of it")
		default:
			e.Value.Drop("ferry sets no annotation of this name")
		}
	}
}

// container reads what is left of it when the program is known.
func (r *reader) container(c *foreign.Node) {
	foreign.Keys{
		"name":  foreign.Dropped("a function is one container"),
		"ports": foreign.Dropped("a program listens on $PORT"),
		"env":   r.variables, "envFrom": foreign.Lost("write each variable under env, or as one of secrets"),
		"readinessProbe": r.health, "livenessProbe": foreign.Dropped("a program that ends is started again"), "startupProbe": foreign.Dropped("ferry waits until the program listens"),
		"resources": func(n *foreign.Node) {
			n.Get("requests").Drop("memory and cpu are what an instance may take")
			foreign.Keys{
				"memory": func(n *foreign.Node) {
					text, _ := n.Text()
					if r.fn.Memory = draft.Memory(text); r.fn.Memory == "" {
						n.Lose("an amount of memory is expected here, such as 256Mi")
						return
					}
					n.Map(r.at + ".memory")
				},
				"cpu": r.own("cpu"),
			}.Read(n.Get("limits"))
		},
		"volumeMounts":    foreign.Lost("functions have no volumes: put files into the package"),
		"imagePullPolicy": foreign.Dropped("images are named by their digest"), "workingDir": foreign.Dropped("a program starts in the folder of its package"),
		"securityContext": foreign.Dropped("ferry leaves it to the cluster"), "terminationMessagePath": foreign.Dropped(clusters), "terminationMessagePolicy": foreign.Dropped(clusters),
	}.Read(c)
}

// health is a check of the service's own.
func (r *reader) health(n *foreign.Node) {
	n.Drop("ferry waits until the program listens")
	if file := n.At("httpGet", "path"); file.Raw() != "" {
		r.fn.Health = &draft.Health{Path: file.Raw()}
		file.Map(r.at + ".health.path")
	}
}

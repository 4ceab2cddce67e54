// Package knative reads manifests of Knative Services, and those that Cloud Run exports.
package knative

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// Is is whether the file is a Service.
func Is(root *foreign.Node) bool {
	return root.Get("kind").Raw() == "Service" && strings.HasPrefix(root.Get("apiVersion").Raw(), "serving.knative.dev/")
}

// reader makes a manifest of one Service.
type reader struct {
	root *foreign.Node
	dir  string
	made draft.Manifest
	fn   *draft.Named
	at   string
}

// Read makes a manifest of a file's tree. What became of each value is said in the tree.
func Read(root *foreign.Node, file string) draft.Manifest {
	r := &reader{root: root, dir: filepath.Dir(file)}
	name := root.At("metadata", "name")
	r.made.Service = draft.Folder(file)
	r.fn = &draft.Named{Name: r.made.Unique(draft.Name(name.Raw()))}
	r.at = "functions." + r.fn.Name
	target := draft.Settings{{Key: "provider", Value: "knative"}, {Key: "registry", Value: "${env:REGISTRY}"}}
	if space := root.At("metadata", "namespace"); space.Raw() != "" {
		target.Set("namespace", space.Raw())
		space.Map("targets.cluster.namespace")
	}
	r.made.Targets = []draft.Target{{Name: "local", Settings: draft.Settings{{Key: "provider", Value: "local"}}}, {Name: "cluster", Settings: target}}
	r.made.Notes = append(r.made.Notes, "say in REGISTRY which registry the cluster pulls images from: ferry makes them itself")
	containers := root.At("spec", "template", "spec", "containers").Items()
	if len(containers) == 0 || !r.callable(containers[0]) {
		return r.made
	}
	root.Get("apiVersion").Map(r.at)
	root.Get("kind").Map(r.at)
	name.Map(r.at)
	r.service()
	r.container(containers[0])
	for _, other := range containers[1:] {
		other.Lose("a function is one container: ferry starts none beside it")
	}
	r.made.Functions = []draft.Named{*r.fn}
	return r.made
}

var versioned = pattern.Of(`(?:^|/)(node|python):(\d+(?:\.\d+)?)`)

// callable finds the program that the container starts, or says why there is none.
func (r *reader) callable(c *foreign.Node) bool {
	started := append(slices.Clone(c.Get("command").Items()), c.Get("args").Items()...)
	var words []string
	for _, word := range started {
		text, _ := word.Text()
		words = append(words, text)
	}
	if len(words) == 0 {
		words = r.starts()
	}
	runtime, handler, arguments := r.program(words, c.Get("image").Raw())
	if handler == "" {
		c.Get("image").Lose("it is an image: ferry makes images of code itself, and found no program here that this one starts. Put the code beside the file, and name it in command")
		return false
	}
	r.fn.Runtime, r.fn.Handler, r.fn.Style = runtime, handler, "server"
	c.Get("command").Map(r.at + ".handler")
	c.Get("args").Map(r.at + ".handler")
	switch {
	case len(arguments) == 0:
	case len(started) == 0:
		r.made.Notes = append(r.made.Notes, "package.json starts "+handler+" with arguments, and ferry starts it without: have it read variables")
	default:
		for _, word := range started[len(started)-len(arguments):] {
			word.Lose("ferry starts a program without arguments: have it read variables")
		}
	}
	c.Get("image").Drop("ferry makes an image of the code itself: knative.base_image is what it lies over")
	return true
}

// starts is what package.json says that starts the program, or the module's own package.
func (r *reader) starts() []string {
	pack, err := foreign.Below(r.dir, "package.json")
	if err == nil {
		if words := strings.Fields(pack.At("scripts", "start").Raw()); len(words) > 0 {
			return words
		}
		return []string{"node", pack.Get("main").Raw()}
	}
	if foreign.IsFile(r.dir, "go.mod") {
		return []string{"go"}
	}
	return nil
}

// program is a runtime and the file that it starts, which is here, with the words that follow it.
func (r *reader) program(words []string, image string) (runtime, handler string, arguments []string) {
	if len(words) == 0 {
		return "", "", nil
	}
	base, file := path.Base(words[0]), ""
	if len(words) > 1 {
		file = strings.TrimPrefix(words[1], "./")
	}
	switch {
	case base == "go":
		return "go", ".", nil
	case base == "node" && foreign.IsFile(r.dir, file):
		return version(image, "node", "nodejs24"), file, words[2:]
	case strings.HasPrefix(base, "python") && foreign.IsFile(r.dir, file):
		return version(image, "python", "python3.13"), file, words[2:]
	case foreign.IsFile(r.dir, strings.TrimPrefix(words[0], "./")):
		return "custom", strings.TrimPrefix(words[0], "./"), words[1:]
	case foreign.IsFile(r.dir, "go.mod"):
		return "go", ".", words[1:]
	}
	return "", "", nil
}

// version is the runtime that an image's name tells, else a usual one.
func version(image, language, usual string) string {
	m := versioned().FindStringSubmatch(image)
	switch {
	case m == nil || m[1] != language:
		return usual
	case language == "node":
		major, _, _ := strings.Cut(m[2], ".")
		return "nodejs" + major
	}
	return "python" + m[2]
}

// variables are those of the container.
func (r *reader) variables(n *foreign.Node) {
	for _, e := range n.Items() {
		name, ok := e.Get("name").Text()
		if !ok {
			e.Lose("a variable has a name")
			continue
		}
		secret := e.At("valueFrom", "secretKeyRef")
		switch {
		case secret != nil:
			e.Get("name").Map(r.at + ".secrets")
			secret.Get("key").Drop("a secret has one value")
			lambda.SecretVariable(&r.fn.Function, r.at, name, draft.Name(secret.Get("name").Raw()), secret.Get("name"))
			r.made.Notes = append(r.made.Notes, "set the secret "+draft.Name(secret.Get("name").Raw())+" with `ferry secrets set`: what the cluster has under that name is not copied")
		case e.Get("valueFrom") != nil:
			e.Lose("the cluster fills it in: write what it is, or ${env:NAME}")
		case e.Get("value") == nil:
			e.Drop("it is empty")
		default:
			e.Get("name").Map(r.at + ".env")
			lambda.Variable(&r.made, r.fn, name, e.Get("value"))
		}
	}
}

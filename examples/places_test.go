package examples_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/knativetest"
	"github.com/ferryfn/ferry/internal/sample"
)

// cloud is a stand-in for one that examples are deployed to, as a target of their manifests.
type cloud struct {
	target string
	block  string
	env    []string
	cannot map[string]string   // examples that it does not run, and why
	ignore map[string][]string // what it cannot leave as it is in an example's answers
}

// clouds are those that have a stand-in which runs functions. Each is one for all examples.
func clouds(t *testing.T) []cloud {
	t.Helper()
	return []cloud{onAWS(t), onGoogle(t), onAzure(t), onKnative(t)}
}

func onAWS(t *testing.T) cloud {
	t.Helper()
	account := awstest.Start(t)
	return cloud{
		target: "aws", block: "{provider: aws, account: \"" + awstest.Account + "\"}", env: account.Environ(),
		cannot: map[string]string{"server-app": "programs need the layer of the Lambda Web Adapter, which is no part of ferry"},
	}
}

func onGoogle(t *testing.T) cloud {
	t.Helper()
	c, _ := onGoogleProject(t)
	return c
}

func onGoogleProject(t *testing.T) (cloud, *gcptest.Server) {
	t.Helper()
	project := gcptest.New(t)
	project.AddRepository("ferry")
	for _, base := range []string{"google-24/runtimes/nodejs24", "google-24/runtimes/osonly24", "google-22/runtimes/python310", "google-22/runtimes/python311", "google-22/runtimes/python312", "google-22/runtimes/python313", "google-24/runtimes/python314"} {
		project.BaseImage(base, "1")
	}
	repository := project.Registry() + "/" + gcptest.Project + "/ferry"
	return cloud{target: "gcp", block: "{provider: gcp, region: " + gcptest.Region + ", repository: " + repository + "}", env: project.Env()}, project
}

func onAzure(t *testing.T) cloud {
	t.Helper()
	c, _ := onAzureSubscription(t)
	return c
}

func onAzureSubscription(t *testing.T) (cloud, *azuretest.Cloud) {
	t.Helper()
	subscription := azuretest.Start(t)
	subscription.Polls(0)
	subscription.RoleLag(0)
	subscription.SyncLag(0)
	return cloud{
		target: "azure", block: "{provider: azure, resource_group: shop, location: westeurope}", env: subscription.Environ(),
		ignore: map[string][]string{"shortener": {"header:content-type"}}, // Azure's library for Python gives one to answers that have none
	}, subscription
}

func onKnative(t *testing.T) cloud {
	t.Helper()
	cluster := knativetest.New(t)
	return cloud{target: "cluster", block: fmt.Sprintf("{provider: knative, kubeconfig: %s, registry: %s, base_image: %s, ingress: %s, local_ingress: %s}",
		cluster.Kubeconfig(t), cluster.Registry, cluster.BaseImage("library/base"), cluster.Ingress, cluster.Local)}
}

// example is one with the requests that lie beside it, in requests.jsonl.
type example struct {
	name    string
	needs   func(*testing.T)
	prepare []string // what is run in its folder before
	ignore  []string // what is made by chance, or says where a request came through
}

func examples() []example {
	tools := func(names ...string) func(*testing.T) {
		return func(t *testing.T) { t.Helper(); needs(t, names...) }
	}
	return []example{
		{name: "azure-app", needs: tools("node", "npm"), prepare: []string{"npm", "ci", "--no-audit", "--no-fund"}},
		{name: "express-app", needs: tools("node", "npm"), prepare: []string{"npm", "ci", "--no-audit", "--no-fund"}, ignore: []string{"header:last-modified", "header:etag"}},
		{name: "fastapi-app", needs: needsPip},
		{name: "flask-app", needs: needsPip, ignore: []string{"json:$.created", "json:$.notes[*].created"}},
		{name: "go-api", needs: tools()},
		{name: "lambda-app", needs: tools("node")},
		{name: "polyglot", needs: tools("node", "python3"), ignore: []string{"json:$.headers"}},
		{name: "server-app", needs: tools()},
		{name: "shortener", needs: tools("python3"), ignore: []string{"json:$.created"}},
	}
}

// add gives the manifest a target, which is all that a move takes. Stand-ins run Python as this machine has it, so that compiled
// modules have to be for that.
func (d *deployed) add(c cloud) {
	d.Helper()
	file := filepath.Join(d.dir, "ferry.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		d.Fatal(err)
	}
	if strings.Contains(string(text), "runtime: python") {
		out := d.command("python3", "-c", "import sys; print('runtime: python%d.%d' % sys.version_info[:2])")
		text = regexp.MustCompile(`runtime: python[\d.]+`).ReplaceAll(text, bytes.TrimSpace(out))
	}
	if !strings.Contains(string(text), "\ntargets:\n") {
		text = append(text, "targets:\n  local: {provider: local}\n"...)
	}
	text = append(text, "  "+c.target+": "+c.block+"\n"...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		d.Fatal(err)
	}
	d.env = append(d.env, c.env...)
}

func TestEveryExampleAnswersOnEveryCloudAsItDoesHere(t *testing.T) {
	all, s := clouds(t), sample.Of(t, 3)
	for _, e := range examples() {
		if !s.Takes() {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			e.needs(t)
			here := deploy(t, e.name, e.prepare...)
			for _, c := range all {
				if c.cannot[e.name] != "" {
					continue
				}
				here.add(c)
				here.env = append(here.env, "SHORTENER_DB="+filepath.Join(here.home, c.target+".db"))
				here.command(binary, "deploy", "-t", c.target)
				here.command(binary, "local", "stop") // so that nothing is kept of the requests for another cloud
				here.alike(c.target, e, c.ignore[e.name]...)
			}
		})
	}
}

// alike sends the requests of an example to both places, one after the other, and expects the same answers.
func (d *deployed) alike(target string, e example, ignore ...string) {
	d.Helper()
	args := []string{"compare", "--from", "local", "--to", target, "--requests", "requests.jsonl", "--methods", "GET,HEAD,POST,PUT,DELETE,PATCH", "--at-once", "1", "--tolerate", "uuid", "--json"}
	for _, rule := range slices.Concat(e.ignore, ignore) {
		args = append(args, "--ignore", rule)
	}
	lines, err := os.ReadFile(filepath.Join(d.dir, "requests.jsonl"))
	if err != nil {
		d.Fatal(err)
	}
	var doc struct {
		Result struct{ Requests, Equal int }
	}
	if out := d.command(binary, args...); json.Unmarshal(out, &doc) != nil || doc.Result.Equal != strings.Count(string(lines), "\n") {
		d.Errorf("%s does not answer as it does here:\n%s", target, out)
	}
}

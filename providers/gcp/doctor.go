package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	logging "google.golang.org/api/logging/v2"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/doctor"
)

var _ providers.Doctor = (*Adapter)(nil)

const (
	// nobodyHome is a function that does not exist: who may look for it learns so.
	nobodyHome = "ferry-doctor"
	// patience is how long one thing is looked at.
	patience = 15 * time.Second
)

// doctor is how this place is looked at.
func (a *Adapter) doctor() doctor.Doctor {
	return doctor.Doctor{Patience: patience, Classify: func(subject string, err error) *providers.Error {
		var e *providers.Error
		errors.As(a.classify("look at "+subject, "", err), &e)
		return e
	}}
}

// Diagnose looks at the credentials and the project first: without them nothing else can be seen.
func (a *Adapter) Diagnose(ctx context.Context, functions []manifest.Function) []providers.Finding {
	found := []providers.Finding{{Subject: "region", Level: providers.LevelOK, Message: a.target.Region}}
	look := func(subject string, at func(context.Context) (string, error)) bool {
		f := a.doctor().One(ctx, doctor.Look{Subject: subject, At: at})
		found = append(found, f)
		return f.Level != providers.LevelFailed
	}
	var c *connection
	ok := look("credentials", func(ctx context.Context) (_ string, err error) {
		if c, err = a.clients(ctx); err != nil {
			return "", err
		}
		_, err = c.credentials.Token(ctx)
		return a.origin(c), err
	})
	ok = ok && look("project", func(ctx context.Context) (_ string, err error) {
		if c, err = a.connect(ctx); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s, number %s", c.target.Project, c.number), nil
	})
	if !ok {
		return found
	}
	needed := c.apis(functions)
	if !look("apis", func(ctx context.Context) (string, error) { return c.lookAtAPIs(ctx, needed) }) {
		return found
	}
	return append(found, a.doctor().All(ctx, c.looks()...)...)
}

// origin says where credentials are from.
func (a *Adapter) origin(c *connection) string {
	text := "from this machine"
	if kind := kindOfCredentials(c.credentials); kind != "" {
		text = map[string]string{
			"service_account": "the key of a service account", "authorized_user": "a person's, from gcloud auth application-default login",
			"external_account": "by workload identity federation", "impersonated_service_account": "a service account that a person impersonates",
		}[kind]
	}
	if email := emailOf(c.credentials); email != "" {
		text += ", " + email
	}
	if a.target.Impersonate != "" {
		text += ", who acts as " + a.target.Impersonate
	}
	return text
}

// looks are the reads of all that a deploy asks for.
func (c *connection) looks() []doctor.Look {
	// what it means that the thing asked for is there, or is not
	reading := func(subject, fine string, ask func(context.Context) error) doctor.Look {
		return doctor.Look{Subject: subject, At: func(ctx context.Context) (string, error) {
			err := ask(ctx)
			if isNotFound(err) {
				err = nil
			}
			return fine, err
		}}
	}
	return []doctor.Look{
		reading("run", "services may be read", func(ctx context.Context) error {
			_, err := c.run.Projects.Locations.Services.Get(c.servicePath(nobodyHome)).Context(ctx).Do()
			return err
		}),
		reading("iam", "service accounts may be read", func(ctx context.Context) error {
			_, err := c.iam.Projects.ServiceAccounts.Get(c.accountPath(c.ownAccount(nobodyHome))).Context(ctx).Do()
			return err
		}),
		reading("logging", "logs may be read", func(ctx context.Context) error {
			_, err := c.logging.Entries.List(&logging.ListLogEntriesRequest{
				ResourceNames: []string{"projects/" + c.target.Project}, PageSize: 1, Filter: `resource.type="cloud_run_revision"`,
			}).Context(ctx).Do()
			return err
		}),
		{Subject: "artifactregistry", At: c.lookAtRepository},
		{Subject: "storage", At: c.lookAtBucket},
	}
}

// lookAtBucket is about the bucket for releases. That it is not there is fine: the first deploy makes it.
func (c *connection) lookAtBucket(ctx context.Context) (string, error) {
	s := c.storeIn()
	_, err := s.look(ctx)
	switch {
	case isNotFound(err):
		return "the bucket " + s.bucket + " does not exist yet: the first deploy creates it", nil
	case err != nil:
		return "", fmt.Errorf("the bucket %s: %w", s.bucket, err)
	}
	return "the bucket " + s.bucket + " exists", s.ownBucket(ctx)
}

// lookAtRepository is about the repository for images.
func (c *connection) lookAtRepository(ctx context.Context) (string, error) {
	parent, id := c.repositoryPath()
	if parent == "" {
		return "images go to " + c.repository(), nil
	}
	_, err := c.artifacts.Projects.Locations.Repositories.Get(parent + "/repositories/" + id).Context(ctx).Do()
	switch {
	case isNotFound(err) && c.target.Repository != "":
		return "", c.missingRepository(parent, id)
	case isNotFound(err):
		return "the repository " + c.repository() + " does not exist yet: the first deploy creates it", nil
	case err != nil:
		return "", fmt.Errorf("the repository %s: %w", c.repository(), err)
	}
	return "the repository " + c.repository() + " exists", nil
}

// apis are the APIs that the functions need; without any, all that some may need.
func (c *connection) apis(functions []manifest.Function) []string {
	needed := []string{"cloudresourcemanager", "run", "storage", "artifactregistry", "iam", "logging"}
	of := func(uses func(manifest.Function) bool) bool {
		return len(functions) == 0 || slices.ContainsFunc(functions, uses)
	}
	event := func(is func(manifest.Event) bool) func(manifest.Function) bool {
		return func(fn manifest.Function) bool { return slices.ContainsFunc(fn.Events, is) }
	}
	if of(event(func(e manifest.Event) bool { return e.Schedule != nil })) {
		needed = append(needed, "cloudscheduler")
	}
	if of(event(func(e manifest.Event) bool { return e.Queue != nil || e.Topic != nil || e.Object != nil })) {
		needed = append(needed, "pubsub")
	}
	if of(func(fn manifest.Function) bool {
		return len(fn.Secrets) > 0 || functionOf(fn).bound() && fn.HTTP() != nil
	}) {
		needed = append(needed, "secretmanager")
	}
	if c.target.Impersonate != "" {
		needed = append(needed, "iamcredentials")
	}
	for i := range needed {
		needed[i] += ".googleapis.com"
	}
	return needed
}

// lookAtAPIs names all APIs that are off, with the one command that turns them on.
func (c *connection) lookAtAPIs(ctx context.Context, needed []string) (string, error) {
	off, err := c.disabled(ctx, needed)
	if err != nil {
		return "", err
	}
	if len(off) > 0 {
		return "", c.areOff(off, nil)
	}
	return "all that are needed are enabled", nil
}

// disabled are those of the APIs that are off.
func (c *connection) disabled(ctx context.Context, apis []string) ([]string, error) {
	var full []string
	for _, api := range apis {
		full = append(full, "projects/"+c.target.Project+"/services/"+api)
	}
	out, err := c.services.Services.BatchGet("projects/" + c.target.Project).Names(full...).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	on := map[string]bool{}
	for _, s := range out.Services {
		on[idOf(s.Name)] = s.State == "ENABLED"
	}
	return slices.DeleteFunc(slices.Clone(apis), func(api string) bool { return on[api] }), nil
}

// areOff is the refusal of what needs APIs that are off.
func (p *place) areOff(apis []string, err error) error {
	return &providers.Error{
		Kind: providers.Denied, Op: "look at the APIs", Provider: name, Hint: p.howToEnable(apis...),
		Err: providers.Reword(err, fmt.Sprintf("the project %s has not enabled %s", p.target.Project, strings.Join(apis, ", "))),
	}
}

// allOff is an error about an API that is off, made one about all that are, so that they are turned on at once. What cannot be
// found out is left as it is.
func (c *connection) allOff(ctx context.Context, err error, functions ...manifest.Function) error {
	if err == nil || reasonOf(err) != serviceDisabled || statusOf(err) != http.StatusForbidden {
		return err
	}
	off, looking := c.disabled(ctx, c.apis(functions))
	if looking != nil || len(off) == 0 {
		return err
	}
	return c.areOff(off, err)
}

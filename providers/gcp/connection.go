package gcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"cloud.google.com/go/auth"
	artifacts "google.golang.org/api/artifactregistry/v1"
	functions "google.golang.org/api/cloudfunctions/v2"
	projects "google.golang.org/api/cloudresourcemanager/v3"
	scheduler "google.golang.org/api/cloudscheduler/v1"
	iam "google.golang.org/api/iam/v1"
	tokens "google.golang.org/api/iamcredentials/v1"
	logging "google.golang.org/api/logging/v2"
	"google.golang.org/api/option"
	pubsub "google.golang.org/api/pubsub/v1"
	run "google.golang.org/api/run/v2"
	secrets "google.golang.org/api/secretmanager/v1"
	services "google.golang.org/api/serviceusage/v1"
	storage "google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/providers"
)

// connection is an adapter that is connected: Google's clients, and the project that they act in.
type connection struct {
	*place

	run       *run.Service
	functions *functions.Service
	storage   *storage.Service
	artifacts *artifacts.Service
	iam       *iam.Service
	tokens    *tokens.Service
	projects  *projects.Service
	services  *services.Service
	pubsub    *pubsub.Service
	scheduler *scheduler.Service
	secrets   *secrets.Service
	logging   *logging.Service

	plain       *http.Client // without credentials: for functions themselves, and for registries
	credentials *auth.Credentials
	number      string // the project's, by which Google names what it makes in it

	objects *store // of releases and packages

	repositories  sync.Mutex // held while the repository of images is looked for and made
	hasRepository bool
}

// connect makes the clients and proves that the project is there and may be seen. It does so once.
func (a *Adapter) connect(ctx context.Context) (*connection, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.connection != nil {
		return a.connection, nil
	}
	c, err := a.clients(ctx)
	if err != nil {
		return nil, a.classify("configure", "", err)
	}
	if err := c.allOff(ctx, c.lookUpProject(ctx)); err != nil {
		return nil, a.classify("look up the project", "", err)
	}
	a.connection = c
	return c, nil
}

// lookUpProject learns the project's number.
func (c *connection) lookUpProject(ctx context.Context) error {
	id := c.target.Project
	found, err := c.projects.Projects.Get("projects/" + id).Context(ctx).Do()
	var unidentified *tokenless
	switch {
	case errors.As(err, &unidentified):
		return err
	case isNotFound(err), statusOf(err) == http.StatusForbidden && reasonOf(err) != serviceDisabled: // Google does not say which it is
		return &providers.Error{
			Kind: providers.Denied, Op: "look up the project", Provider: name,
			Hint: "correct project in the manifest, or grant " + c.who() + " roles/browser in it",
			Err:  providers.Reword(err, fmt.Sprintf("the project %s does not exist, or the caller may not see it (resourcemanager.projects.get)", id)),
		}
	case err != nil:
		return err
	case found.State != "" && found.State != "ACTIVE":
		return &providers.Error{
			Kind: providers.Invalid, Op: "look up the project", Provider: name, Hint: "choose another project, or restore it: `gcloud projects undelete " + id + "`",
			Err: fmt.Errorf("the project %s is being deleted", id),
		}
	}
	c.number = strings.TrimPrefix(found.Name, "projects/")
	return nil
}

// clients makes the clients of one HTTP client, which has the credentials.
func (a *Adapter) clients(ctx context.Context) (*connection, error) {
	base := a.reach.transport()
	plain := &http.Client{Transport: base, CheckRedirect: lastResponse}
	credentials, err := a.identify(plain)
	if err != nil {
		return nil, err
	}
	c := &connection{place: &a.place, plain: plain, credentials: credentials}
	c.objects = c.newStore()
	own := dial{a, base, credentials}
	var failed []error
	keep := func(err error) { failed = append(failed, err) }
	c.tokens, err = tokens.NewService(ctx, own.to("IAMCREDENTIALS", "https://iamcredentials.googleapis.com/")...)
	keep(err)
	if a.target.Impersonate != "" {
		c.credentials = impersonating(c.tokens, a.target.Impersonate, credentials)
	}
	d := dial{a, base, c.credentials}
	c.run, err = run.NewService(ctx, d.to(serviceRun, "https://run.googleapis.com/")...)
	keep(err)
	c.functions, err = functions.NewService(ctx, d.to(serviceFunctions, "https://cloudfunctions.googleapis.com/")...)
	keep(err)
	c.storage, err = storage.NewService(ctx, d.to("STORAGE", "https://storage.googleapis.com/storage/v1/")...)
	keep(err)
	c.artifacts, err = artifacts.NewService(ctx, d.to("ARTIFACTREGISTRY", "https://artifactregistry.googleapis.com/")...)
	keep(err)
	c.iam, err = iam.NewService(ctx, d.to("IAM", "https://iam.googleapis.com/")...)
	keep(err)
	c.projects, err = projects.NewService(ctx, d.to("CLOUDRESOURCEMANAGER", "https://cloudresourcemanager.googleapis.com/")...)
	keep(err)
	c.services, err = services.NewService(ctx, d.to("SERVICEUSAGE", "https://serviceusage.googleapis.com/")...)
	keep(err)
	c.pubsub, err = pubsub.NewService(ctx, d.to("PUBSUB", "https://pubsub.googleapis.com/")...)
	keep(err)
	c.scheduler, err = scheduler.NewService(ctx, d.to("CLOUDSCHEDULER", "https://cloudscheduler.googleapis.com/")...)
	keep(err)
	c.secrets, err = secrets.NewService(ctx, d.to("SECRETMANAGER", "https://secretmanager.googleapis.com/")...)
	keep(err)
	c.logging, err = logging.NewService(ctx, d.to("LOGGING", "https://logging.googleapis.com/")...)
	keep(err)
	return c, errors.Join(failed...)
}

// lastResponse has a redirect be the answer: a function's own is for its caller.
func lastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// The services whose rate ferry keeps under, as gcloud calls them.
const (
	serviceRun       = "RUN"
	serviceFunctions = "CLOUDFUNCTIONS"
)

// dial makes clients that act as the credentials say.
type dial struct {
	*Adapter
	base        http.RoundTripper
	credentials *auth.Credentials
}

// to are the options of a service's client. An endpoint that cannot be is told when it is used.
func (d dial) to(service, address string) []option.ClientOption {
	at, err := d.endpoint(service, address)
	client := &http.Client{Transport: &caller{
		base: d.base, reach: &d.reach, pace: d.pace, service: service, credentials: d.credentials, quota: d.target.QuotaProject, refused: err,
	}}
	return []option.ClientOption{option.WithHTTPClient(client), option.WithEndpoint(cmp.Or(at, address)), option.WithUserAgent("ferry")}
}

// endpoint is where a service is: where gcloud would look for it too, else at Google's own address. One without a path
// has the path of Google's.
func (p *place) endpoint(service, address string) (string, error) {
	other, err := p.elsewhere("CLOUDSDK_API_ENDPOINT_OVERRIDES_" + service)
	if other == "" {
		return address, err
	}
	at, err := url.Parse(other)
	if err != nil {
		return "", err
	}
	own, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	if strings.Trim(at.Path, "/") == "" {
		at.Path = own.Path
	}
	return strings.TrimSuffix(at.String(), "/") + "/", nil
}

// elsewhere is the address that a variable of gcloud has in place of Google's own, "" for none. It is one to which tokens may be sent.
func (p *place) elsewhere(variable string) (string, error) {
	other := p.variable(variable)
	if other == "" {
		return "", nil
	}
	refuse := func(hint, format string, args ...any) error {
		return &providers.Error{Kind: providers.Invalid, Op: "configure", Provider: name, Hint: hint, Err: fmt.Errorf(format, args...)}
	}
	at, err := url.Parse(other)
	if err != nil || at.Host == "" {
		return "", refuse("write a URL, or unset it", "%s is %q", variable, other)
	}
	if at.Scheme != "https" && !isLoopback(at.Hostname()) {
		return "", refuse("use https", "%s is %q, which would send tokens unencrypted", variable, other)
	}
	return other, nil
}

// parent is the place of the project that functions are in.
func (p *place) parent() string {
	return "projects/" + p.target.Project + "/locations/" + p.target.Region
}

// who is the caller, in a hint.
func (c *connection) who() string {
	return cmp.Or(c.target.Impersonate, emailOf(c.credentials), "the caller")
}

package gcptest

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/api/serviceusage/v1"
)

// serviceUsageAPI is https://cloud.google.com/service-usage/docs/reference/rest/v1.
func serviceUsageAPI() *api {
	return &api{
		name: "serviceusage", host: "serviceusage.googleapis.com",
		versions: []version{{"serviceusage/v1", map[string]handler{
			"services.get":         in((*place).getService),
			"services.batchGet":    in((*place).batchGetServices),
			"services.list":        in((*place).listServices),
			"services.enable":      in((*place).enableService),
			"services.batchEnable": in((*place).batchEnable),
			"operations.get":       (*Server).getOperation,
		}}},
		permissions: map[string]string{
			"services.batchGet":    "serviceusage.services.get",
			"services.batchEnable": "serviceusage.services.enable",
		},
	}
}

func knownAPIs() []string {
	return []string{
		"artifactregistry.googleapis.com", "cloudbuild.googleapis.com", "cloudfunctions.googleapis.com", "cloudresourcemanager.googleapis.com",
		"cloudscheduler.googleapis.com", "iam.googleapis.com", "iamcredentials.googleapis.com", "logging.googleapis.com", "pubsub.googleapis.com",
		"run.googleapis.com", "secretmanager.googleapis.com", "serviceusage.googleapis.com", "storage.googleapis.com",
	}
}

func titleOf(api string) string {
	return map[string]string{
		"artifactregistry.googleapis.com": "Artifact Registry API", "cloudbuild.googleapis.com": "Cloud Build API",
		"cloudfunctions.googleapis.com": "Cloud Functions API", "cloudresourcemanager.googleapis.com": "Cloud Resource Manager API",
		"cloudscheduler.googleapis.com": "Cloud Scheduler API", "iam.googleapis.com": "Identity and Access Management (IAM) API",
		"iamcredentials.googleapis.com": "IAM Service Account Credentials API", "logging.googleapis.com": "Cloud Logging API",
		"pubsub.googleapis.com": "Cloud Pub/Sub API", "run.googleapis.com": "Cloud Run Admin API", "secretmanager.googleapis.com": "Secret Manager API",
		"serviceusage.googleapis.com": "Service Usage API", "storage.googleapis.com": "Cloud Storage JSON API",
	}[api]
}

func (p *place) serviceNamed(name string) (*serviceusage.GoogleApiServiceusageV1Service, error) {
	if !slices.Contains(knownAPIs(), name) {
		return nil, refuse(codePermissionDenied, "Not found or permission denied for service(s): %s.", name)
	}
	state := "ENABLED"
	if p.cloud.off[name] {
		state = "DISABLED"
	}
	return &serviceusage.GoogleApiServiceusageV1Service{
		Name: "projects/" + Number + "/services/" + name, Parent: "projects/" + Number, State: state,
		Config: &serviceusage.GoogleApiServiceusageV1ServiceConfig{Name: name, Title: titleOf(name)},
	}, nil
}

func (p *place) getService(c *call) (any, error) {
	if err := p.isThis(c); err != nil {
		return nil, err
	}
	return p.serviceNamed(lastOf(c.target()))
}

func (p *place) batchGetServices(c *call) (any, error) {
	if err := p.isThis(c); err != nil {
		return nil, err
	}
	names := c.query["names"]
	if len(names) == 0 || len(names) > 30 {
		return nil, refuse(codeInvalidArgument, "The number of services to get must be between 1 and 30.")
	}
	out := &serviceusage.BatchGetServicesResponse{}
	for _, name := range names {
		s, err := p.serviceNamed(lastOf(name))
		if err != nil {
			return nil, err
		}
		out.Services = append(out.Services, s)
	}
	return out, nil
}

func (p *place) listServices(c *call) (any, error) {
	if err := p.isThis(c); err != nil {
		return nil, err
	}
	var all []*serviceusage.GoogleApiServiceusageV1Service
	for _, name := range knownAPIs() {
		if s, _ := p.serviceNamed(name); c.query.Get("filter") == "" || c.query.Get("filter") == "state:"+s.State {
			all = append(all, s)
		}
	}
	items, next, err := page(c.query, all, 200)
	return &serviceusage.ListServicesResponse{Services: items, NextPageToken: next}, err
}

func (p *place) enableService(c *call) (any, error) { return p.enable(c, []string{lastOf(c.target())}) }

func (p *place) batchEnable(c *call) (any, error) {
	in, err := decode[serviceusage.BatchEnableServicesRequest](c)
	if err != nil {
		return nil, err
	}
	if len(in.ServiceIds) == 0 || len(in.ServiceIds) > 20 {
		return nil, refuse(codeInvalidArgument, "The number of services to enable must be between 1 and 20.")
	}
	return p.enable(c, in.ServiceIds)
}

func (p *place) enable(c *call, names []string) (any, error) {
	if err := p.isThis(c); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := p.serviceNamed(name); err != nil {
			return nil, err
		}
	}
	polls, fail := p.cloud.controls().operationPolls, p.cloud.controls().fail
	op := &operation{
		name: "operations/acf.p2-" + Number + "-" + strconv.FormatInt(p.next(), 10), polls: polls,
		work: Work{API: "serviceusage", Verb: "enable", Target: strings.Join(names, ",")},
		finish: func() (any, *failure) {
			for _, name := range names {
				delete(p.cloud.off, name)
			}
			return struct{}{}, nil
		},
	}
	if fail != nil {
		op.fail = fail(op.work)
	}
	p.cloud.operations[op.name] = op
	return op.body(), nil
}

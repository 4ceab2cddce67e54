package gcptest

import (
	"strconv"
	"strings"

	"google.golang.org/api/cloudresourcemanager/v1"
	crm3 "google.golang.org/api/cloudresourcemanager/v3"
)

// resourceManagerAPI is the Resource Manager, https://cloud.google.com/resource-manager/reference/rest, in both versions
// that tools use.
func resourceManagerAPI() *api {
	return &api{
		name: "cloudresourcemanager", host: "cloudresourcemanager.googleapis.com",
		versions: []version{
			{"cloudresourcemanager/v1", map[string]handler{
				"projects.get":                in((*place).getProject1),
				"projects.getIamPolicy":       in(getPolicy((*place).projectPolicy)),
				"projects.setIamPolicy":       in(setPolicy((*place).projectPolicy)),
				"projects.testIamPermissions": in(testPermissions((*place).projectPolicy)),
			}},
			{"cloudresourcemanager/v3", map[string]handler{
				"projects.get":                in((*place).getProject3),
				"projects.getIamPolicy":       in(getPolicy((*place).projectPolicy)),
				"projects.setIamPolicy":       in(setPolicy((*place).projectPolicy)),
				"projects.testIamPermissions": in(testPermissions((*place).projectPolicy)),
			}},
		},
		permissions: map[string]string{
			"projects.get":                "resourcemanager.projects.get",
			"projects.getIamPolicy":       "resourcemanager.projects.getIamPolicy",
			"projects.setIamPolicy":       "resourcemanager.projects.setIamPolicy",
			"projects.testIamPermissions": "",
		},
	}
}

func (p *place) projectPolicy(c *call) (**policy, error) { return &p.policy, p.isThis(c) }

// isThis refuses another project as Google does: without saying whether it exists.
func (p *place) isThis(c *call) error {
	if of, _, _ := strings.Cut(strings.TrimPrefix(c.target(), "projects/"), "/"); of != Project && of != Number {
		return refuse(codePermissionDenied, "The caller does not have permission")
	}
	return nil
}

func (p *place) getProject1(c *call) (any, error) {
	return &cloudresourcemanager.Project{
		ProjectId: Project, ProjectNumber: projectNumber(), Name: Project, LifecycleState: "ACTIVE", CreateTime: "2026-01-01T00:00:00.000Z",
	}, p.isThis(c)
}

func (p *place) getProject3(c *call) (any, error) {
	return &crm3.Project{
		Name: "projects/" + Number, ProjectId: Project, DisplayName: Project, State: "ACTIVE", CreateTime: "2026-01-01T00:00:00.000Z", Etag: `W/"1"`,
	}, p.isThis(c)
}

func projectNumber() int64 {
	n, _ := strconv.ParseInt(Number, 10, 64) // a number of digits alone
	return n
}

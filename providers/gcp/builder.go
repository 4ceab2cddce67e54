package gcp

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	iam "google.golang.org/api/iam/v1"

	"github.com/ferryfn/ferry/providers"
)

// builds are the roles that have all that a build needs, and buildParts those that have it together. Accounts of projects since
// 2024 have none of them by themselves.
func builds() []string {
	return []string{"roles/cloudbuild.builds.builder", "roles/run.builder", "roles/editor", "roles/owner"}
}

func buildParts() []string {
	return []string{"roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer"}
}

// actAs is the permission to have something run as an account.
const actAs = "iam.serviceAccounts.actAs"

// builder is the service account that Cloud Build builds a function as.
func (c *connection) builder(fn function) string {
	return cmp.Or(fn.own.BuildServiceAccount, c.number+"-compute@developer.gserviceaccount.com")
}

// checkBuilder refuses to begin a build that would fail for want of a right: of the account that builds, or of the caller to have
// it do so. A policy that the caller may not read says nothing.
func (c *connection) checkBuilder(ctx context.Context, fn function) error {
	account := c.builder(fn)
	refuse := func(hint, format string, args ...any) error {
		return &providers.Error{
			Kind: providers.Denied, Op: "check the build of", Provider: name, Function: fn.Name, Hint: hint, Err: fmt.Errorf(format, args...),
		}
	}
	may, err := c.iam.Projects.ServiceAccounts.TestIamPermissions(c.accountPath(account), &iam.TestIamPermissionsRequest{Permissions: []string{actAs}}).Context(ctx).Do()
	switch {
	case isNotFound(err):
		return refuse("correct gcp.build_service_account, or run `gcloud services enable compute.googleapis.com --project="+c.target.Project+"`, which makes the project's own",
			"the service account %s, which builds functions, does not exist", account)
	case err != nil:
		return err
	case !slices.Contains(may.Permissions, actAs):
		return refuse("run `gcloud iam service-accounts add-iam-policy-binding "+account+" --project="+c.target.Project+" --member="+c.member()+" --role="+roleWith(actAs)+"`",
			"%s may not have functions built as %s", c.who(), account)
	}
	has, err := c.rolesOf(ctx, "serviceAccount:"+account)
	switch {
	case err != nil && kindOf(err) == providers.Denied:
		return nil
	case err != nil:
		return err
	}
	enough := slices.ContainsFunc(has, func(role string) bool { return slices.Contains(builds(), role) }) ||
		!slices.ContainsFunc(buildParts(), func(role string) bool { return !slices.Contains(has, role) })
	if enough {
		return nil
	}
	return refuse("run `gcloud projects add-iam-policy-binding "+c.target.Project+" --member=serviceAccount:"+account+" --role="+builds()[0]+"`",
		"the service account %s, which builds functions, lacks the roles for it", account)
}

// rolesOf are the roles that a member has in the project.
func (c *connection) rolesOf(ctx context.Context, member string) ([]string, error) {
	is, err := c.projectPolicy(ctx).get()
	if err != nil {
		return nil, err
	}
	g, err := policyAs[grants](is)
	if err != nil {
		return nil, err
	}
	var roles []string
	for _, b := range g.Bindings {
		if slices.Contains(b.Members, member) {
			roles = append(roles, b.Role)
		}
	}
	return roles, nil
}

// member is the caller as a policy names it, as far as ferry knows.
func (c *connection) member() string {
	who := c.who()
	switch {
	case strings.HasSuffix(who, ".gserviceaccount.com"):
		return "serviceAccount:" + who
	case strings.Contains(who, "@"):
		return "user:" + who
	}
	return "CALLER"
}

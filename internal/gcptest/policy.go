package gcptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// policy is who may do what with a resource.
type policy struct {
	Version  int64     `json:"version,omitempty"`
	Etag     string    `json:"etag,omitempty"`
	Bindings []binding `json:"bindings,omitempty"`
}

type binding struct {
	Role      string          `json:"role,omitempty"`
	Members   []string        `json:"members,omitempty"`
	Condition json.RawMessage `json:"condition,omitempty"`
}

// emptyEtag is that of a policy that nobody ever wrote.
const emptyEtag = "ACAB"

func newPolicy() *policy { return &policy{Version: 1, Etag: emptyEtag} }

// grant is a binding that was always there.
func (p *policy) grant(role, member string) {
	for i := range p.Bindings {
		if p.Bindings[i].Role == role {
			p.Bindings[i].Members = append(p.Bindings[i].Members, member)
			return
		}
	}
	p.Bindings = append(p.Bindings, binding{Role: role, Members: []string{member}})
}

// has says whether a member has a right by this policy.
func (p *policy) has(member, permission string) bool {
	for _, b := range p.Bindings {
		if includes(b.Role, permission) &&
			(slices.Contains(b.Members, member) || slices.Contains(b.Members, "allUsers") || member != "allUsers" && slices.Contains(b.Members, "allAuthenticatedUsers")) {
			return true
		}
	}
	return false
}

// includes says whether a role has a permission.
func includes(role, permission string) bool {
	return slices.ContainsFunc(roles()[role], func(has string) bool {
		all, many := strings.CutSuffix(has, "*")
		return has == permission || many && strings.HasPrefix(permission, all)
	})
}

// may says whether a member has a right on a resource, by its policy or the project's.
func (p *place) may(member, permission string, on *policy) bool {
	return p.policy.has(member, permission) || on != nil && on.has(member, permission)
}

// roles are the predefined roles of which these services know, with the permissions that are asked for here; a star is all that begin so.
// https://cloud.google.com/iam/docs/roles-permissions
func roles() map[string][]string {
	return map[string][]string{
		"roles/run.invoker":                            {"run.routes.invoke", "run.jobs.run"},
		"roles/run.admin":                              {"run.*", "resourcemanager.projects.get"},
		"roles/run.developer":                          {"run.services.create", "run.services.delete", "run.services.get", "run.services.getIamPolicy", "run.services.list", "run.services.update", "run.revisions.*", "run.operations.*", "run.locations.*", "run.configurations.*", "run.routes.get", "run.routes.list", "resourcemanager.projects.get"},
		"roles/run.builder":                            {"artifactregistry.repositories.uploadArtifacts", "logging.logEntries.create", "storage.objects.get"},
		"roles/pubsub.publisher":                       {"pubsub.topics.publish"},
		"roles/pubsub.subscriber":                      {"pubsub.subscriptions.consume", "pubsub.topics.attachSubscription"},
		"roles/pubsub.editor":                          {"pubsub.topics.attachSubscription", "pubsub.topics.create", "pubsub.topics.delete", "pubsub.topics.get", "pubsub.topics.list", "pubsub.topics.publish", "pubsub.topics.update", "pubsub.subscriptions.consume", "pubsub.subscriptions.create", "pubsub.subscriptions.delete", "pubsub.subscriptions.get", "pubsub.subscriptions.list", "pubsub.subscriptions.update", "resourcemanager.projects.get"},
		"roles/pubsub.admin":                           {"pubsub.*", "resourcemanager.projects.get"},
		"roles/pubsub.viewer":                          {"pubsub.topics.get", "pubsub.subscriptions.get"},
		"roles/pubsub.serviceAgent":                    {"iam.serviceAccounts.getOpenIdToken"},
		"roles/cloudscheduler.serviceAgent":            {"iam.serviceAccounts.getOpenIdToken"},
		"roles/cloudscheduler.admin":                   {"cloudscheduler.*", "resourcemanager.projects.get"},
		"roles/secretmanager.secretAccessor":           {"secretmanager.versions.access"},
		"roles/secretmanager.admin":                    {"secretmanager.*", "resourcemanager.projects.get"},
		"roles/secretmanager.viewer":                   {"secretmanager.secrets.get"},
		"roles/iam.serviceAccountUser":                 {"iam.serviceAccounts.actAs", "iam.serviceAccounts.get", "iam.serviceAccounts.list", "resourcemanager.projects.get"},
		"roles/iam.serviceAccountAdmin":                {"iam.serviceAccounts.create", "iam.serviceAccounts.delete", "iam.serviceAccounts.get", "iam.serviceAccounts.getIamPolicy", "iam.serviceAccounts.list", "iam.serviceAccounts.setIamPolicy", "iam.serviceAccounts.update", "resourcemanager.projects.get"},
		"roles/iam.serviceAccountTokenCreator":         {"iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken"},
		"roles/iam.workloadIdentityUser":               {"iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken", "iam.serviceAccounts.get", "iam.serviceAccounts.list"},
		"roles/iam.serviceAccountOpenIdTokenCreator":   {"iam.serviceAccounts.getOpenIdToken"},
		"roles/storage.admin":                          {"storage.buckets.*", "storage.objects.*", "resourcemanager.projects.get"},
		"roles/storage.objectAdmin":                    {"storage.objects.get", "storage.objects.create", "storage.objects.delete", "storage.objects.list"},
		"roles/storage.objectUser":                     {"storage.objects.get", "storage.objects.create", "storage.objects.delete", "storage.objects.list"},
		"roles/storage.objectViewer":                   {"storage.objects.get", "storage.objects.list"},
		"roles/storage.objectCreator":                  {"storage.objects.create"},
		"roles/storage.legacyBucketOwner":              {"storage.buckets.get"},
		"roles/storage.legacyBucketReader":             {"storage.buckets.get"},
		"roles/storage.legacyObjectOwner":              {"storage.objects.get"},
		"roles/storage.legacyObjectReader":             {"storage.objects.get"},
		"roles/logging.logWriter":                      {"logging.logEntries.create"},
		"roles/logging.viewer":                         {"logging.logEntries.list", "logging.logs.list", "resourcemanager.projects.get"},
		"roles/artifactregistry.writer":                {"artifactregistry.repositories.uploadArtifacts", "artifactregistry.repositories.downloadArtifacts"},
		"roles/artifactregistry.reader":                {"artifactregistry.repositories.downloadArtifacts"},
		"roles/cloudbuild.builds.builder":              {"logging.logEntries.create", "storage.objects.get", "artifactregistry.repositories.uploadArtifacts"},
		"roles/cloudfunctions.developer":               {"cloudfunctions.functions.create"},
		"roles/datastore.user":                         {"datastore.entities.create"},
		"roles/cloudsql.client":                        {"cloudsql.instances.connect"},
		"roles/cloudtrace.agent":                       {"cloudtrace.traces.patch"},
		"roles/monitoring.metricWriter":                {"monitoring.timeSeries.create"},
		"roles/browser":                                {"resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy"},
		"roles/editor":                                 {"iam.serviceAccounts.actAs", "storage.objects.get", "logging.logEntries.create", "artifactregistry.repositories.uploadArtifacts"},
		"roles/owner":                                  {"iam.serviceAccounts.actAs", "storage.objects.get", "logging.logEntries.create", "artifactregistry.repositories.uploadArtifacts"},
		"roles/iam.serviceAccountCreator":              {"iam.serviceAccounts.create", "iam.serviceAccounts.get", "iam.serviceAccounts.list", "resourcemanager.projects.get"},
		"roles/artifactregistry.admin":                 {"artifactregistry.*"},
		"roles/artifactregistry.repoAdmin":             {"artifactregistry.repositories.uploadArtifacts", "artifactregistry.repositories.downloadArtifacts", "artifactregistry.repositories.deleteArtifacts", "artifactregistry.repositories.get", "artifactregistry.repositories.list", "artifactregistry.dockerimages.*", "artifactregistry.packages.*", "artifactregistry.tags.*", "artifactregistry.versions.*", "artifactregistry.files.*"},
		"roles/artifactregistry.createOnPushRepoAdmin": {"artifactregistry.repositories.create", "artifactregistry.repositories.uploadArtifacts", "artifactregistry.repositories.downloadArtifacts", "artifactregistry.repositories.deleteArtifacts", "artifactregistry.repositories.get", "artifactregistry.repositories.list"},
		"roles/resourcemanager.projectIamAdmin":        {"resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy", "resourcemanager.projects.setIamPolicy"},
		"roles/serviceusage.serviceUsageViewer":        {"serviceusage.services.get", "serviceusage.services.list", "serviceusage.operations.*", "resourcemanager.projects.get"},
		"roles/serviceusage.serviceUsageAdmin":         {"serviceusage.*", "resourcemanager.projects.get"},
		"roles/viewer":                                 {"storage.buckets.get"},
	}
}

var member = regexp.MustCompile(`^(user|serviceAccount|group|domain|principal|principalSet|deleted:serviceAccount|projectOwner|projectEditor|projectViewer):\S+$`)

// policyOf finds the policy that a call is about.
type policyOf = func(*place, *call) (**policy, error)

type policyRequest struct {
	Policy     policy `json:"policy"`
	UpdateMask string `json:"updateMask,omitempty"`
}

// write replaces a policy, if nobody did so since it was read.
// https://cloud.google.com/iam/docs/reference/rest/v1/Policy
func (p *place) write(at **policy, next policy) (*policy, error) {
	if next.Etag != "" && next.Etag != (*at).Etag {
		return nil, refuse(codeAborted, "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. "+
			"The request's ETag '%s' did not match the current policy's ETag '%s'.", next.Etag, (*at).Etag)
	}
	for _, b := range next.Bindings {
		if _, known := roles()[b.Role]; !known {
			return nil, refuse(codeInvalidArgument, "Role %s is not supported for this resource.", b.Role)
		}
		for _, m := range b.Members {
			if err := p.checkMember(m); err != nil {
				return nil, err
			}
		}
	}
	next.Bindings = slices.DeleteFunc(slices.Clone(next.Bindings), func(b binding) bool { return len(b.Members) == 0 })
	next.Version = 1
	content, _ := json.Marshal(next.Bindings) // strings always encode
	sum := sha256.Sum256(append(content, byte(p.next()), byte(p.serial>>8)))
	next.Etag = base64.StdEncoding.EncodeToString(sum[:8])
	*at = &next
	return &next, nil
}

func (p *place) checkMember(m string) error {
	if m == "allUsers" || m == "allAuthenticatedUsers" {
		return nil
	}
	if !member.MatchString(m) {
		return refuse(codeInvalidArgument, "The member %s is of an unknown type. Please set a valid type prefix for the member.", m)
	}
	email, of := strings.CutPrefix(m, "serviceAccount:")
	if of && strings.HasSuffix(email, "@"+Project+".iam.gserviceaccount.com") {
		if a := p.cloud.accounts[email]; a == nil || a.unseen > 0 {
			if a != nil {
				a.unseen--
			}
			return refuse(codeInvalidArgument, "Service account %s does not exist.", email)
		}
	}
	return nil
}

type permissions struct {
	Permissions []string `json:"permissions,omitempty"`
}

// getPolicy, setPolicy and testPermissions are the methods that every resource with a policy has.
func getPolicy(find policyOf) placed {
	return func(p *place, c *call) (any, error) {
		at, err := find(p, c)
		if err != nil {
			return nil, err
		}
		return *at, nil
	}
}

func setPolicy(find policyOf) placed {
	return func(p *place, c *call) (any, error) {
		in, err := decode[policyRequest](c)
		if err != nil {
			return nil, err
		}
		at, err := find(p, c)
		if err != nil {
			return nil, err
		}
		return p.write(at, in.Policy)
	}
}

func testPermissions(find policyOf) placed {
	return func(p *place, c *call) (any, error) {
		in, err := decode[permissions](c)
		if err != nil {
			return nil, err
		}
		at, err := find(p, c)
		if err != nil {
			return nil, err
		}
		out := permissions{}
		for _, asked := range in.Permissions {
			if c.caller == Deployer || p.may(memberOf(c.caller), asked, *at) {
				out.Permissions = append(out.Permissions, asked)
			}
		}
		return out, nil
	}
}

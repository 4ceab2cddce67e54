package gcp

import (
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// hintOf is the next step after a failure of a kind of which nothing more is known.
func hintOf(kind providers.Kind) string {
	switch kind {
	case providers.Throttled:
		return "try again in a minute: the project's rate of calls is used up"
	case providers.Unavailable:
		return "try again in a minute, and look at https://status.cloud.google.com if it persists"
	case providers.Timeout:
		return "try again, or give it longer with --timeout"
	}
	return ""
}

func (p *place) howToSignIn() string {
	if file := p.variable("GOOGLE_APPLICATION_CREDENTIALS"); file != "" {
		return "renew the credentials in " + file
	}
	return "run `gcloud auth application-default login`"
}

// howToEnable names the command that turns APIs on.
func (p *place) howToEnable(apis ...string) string {
	return "run `gcloud services enable " + strings.Join(apis, " ") + " --project=" + p.target.Project + "`"
}

// howToPermit names the role that has a permission, and the command that grants it.
func (p *place) howToPermit(permission string) string {
	role := roleWith(permission)
	switch {
	case permission == "":
		return "grant the caller the roles that docs/gcp.md lists"
	case role == "":
		return "grant the caller a role with " + permission
	}
	return "grant the caller " + role + ", which has " + permission + ": `gcloud projects add-iam-policy-binding " + p.target.Project + " --member=CALLER --role=" + role + "`"
}

// roleWith is the least of Google's own roles that has a permission, "" when ferry knows none.
func roleWith(permission string) string {
	for _, known := range []struct{ permission, role string }{
		{"run.services.setIamPolicy", "roles/run.admin"},
		{"run.services.getIamPolicy", "roles/run.admin"},
		{"run.routes.invoke", "roles/run.invoker"},
		{"run.", "roles/run.developer"},
		{"cloudfunctions.", "roles/cloudfunctions.developer"},
		{"iam.serviceAccounts.actAs", "roles/iam.serviceAccountUser"},
		{"iam.serviceAccounts.getAccessToken", "roles/iam.serviceAccountTokenCreator"},
		{"iam.serviceAccounts.getOpenIdToken", "roles/iam.serviceAccountOpenIdTokenCreator"},
		{"iam.serviceAccounts.setIamPolicy", "roles/iam.serviceAccountAdmin"},
		{"iam.serviceAccounts.", "roles/iam.serviceAccountCreator"},
		{"storage.buckets.", "roles/storage.admin"},
		{"storage.objects.", "roles/storage.objectAdmin"},
		{"artifactregistry.repositories.create", "roles/artifactregistry.admin"},
		{"artifactregistry.repositories.delete", "roles/artifactregistry.admin"},
		{"artifactregistry.", "roles/artifactregistry.writer"},
		{"pubsub.topics.setIamPolicy", "roles/pubsub.admin"},
		{"pubsub.topics.getIamPolicy", "roles/pubsub.admin"},
		{"pubsub.subscriptions.setIamPolicy", "roles/pubsub.admin"},
		{"pubsub.subscriptions.getIamPolicy", "roles/pubsub.admin"},
		{"pubsub.", "roles/pubsub.editor"},
		{"cloudscheduler.", "roles/cloudscheduler.admin"},
		{"secretmanager.versions.access", "roles/secretmanager.secretAccessor"},
		{"secretmanager.", "roles/secretmanager.admin"},
		{"logging.", "roles/logging.viewer"},
		{"resourcemanager.projects.setIamPolicy", "roles/resourcemanager.projectIamAdmin"},
		{"resourcemanager.projects.getIamPolicy", "roles/iam.securityReviewer"},
		{"resourcemanager.projects.get", "roles/browser"},
		{"serviceusage.services.use", "roles/serviceusage.serviceUsageConsumer"},
		{"serviceusage.", "roles/serviceusage.serviceUsageViewer"},
		{"cloudbuild.", "roles/cloudbuild.builds.viewer"},
	} {
		if permission != "" && (permission == known.permission || strings.HasSuffix(known.permission, ".") && strings.HasPrefix(permission, known.permission)) {
			return known.role
		}
	}
	return ""
}

// hintOfMessage is the next step after what Google says in words only.
func hintOfMessage(message string) string {
	for _, known := range []struct{ part, hint string }{
		{"constraints/iam.allowedPolicyMemberDomains", "make the function private: the organisation forbids functions that anybody may call"},
		{"constraints/run.allowedIngress", "choose another gcp.ingress: the organisation does not allow this one"},
		{"is not found or access is unauthorized", "correct region in the manifest: `gcloud run regions list` shows them"},
		{"Billing", "enable billing for the project: https://console.cloud.google.com/billing"},
		{"billing account", "enable billing for the project: https://console.cloud.google.com/billing"},
		{"Quota exceeded", "ask for a higher quota, or try again later: https://console.cloud.google.com/iam-admin/quotas"},
		{"VPC connector", "correct gcp.vpc_connector: `gcloud compute networks vpc-access connectors list --region REGION` shows them"},
		{"does not have permission to access secret", "let the function's service account read the secret: roles/secretmanager.secretAccessor"},
		{"Permission denied on secret", "let the function's service account read the secret: roles/secretmanager.secretAccessor"},
		{"user's project of the credentials", "set quota_project in the manifest"},
		{"requires a quota project", "set quota_project in the manifest, or run `gcloud auth application-default set-quota-project PROJECT`"},
	} {
		if message != "" && strings.Contains(message, known.part) {
			return known.hint
		}
	}
	return ""
}

package gcptest_test

import (
	"encoding/base64"
	"strings"
	"testing"

	crm "google.golang.org/api/cloudresourcemanager/v3"
	"google.golang.org/api/iam/v1"
	"google.golang.org/api/logging/v2"
	"google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/serviceusage/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
)

func TestAPolicyThatSomebodyElseWroteIsNotOverwritten(t *testing.T) {
	c := connect(t, gcptest.New(t))
	email := newAccount(t, c, "shop-dev-api")
	read := done(c.projects.Projects.GetIamPolicy(project, &crm.GetIamPolicyRequest{}).Do())(t)
	read.Bindings = append(read.Bindings, &crm.Binding{Role: "roles/logging.logWriter", Members: []string{"serviceAccount:" + email}})
	written := done(c.projects.Projects.SetIamPolicy(project, &crm.SetIamPolicyRequest{Policy: read}).Do())(t)
	if written.Etag == read.Etag {
		t.Error("the etag is as before")
	}
	_, err := c.projects.Projects.SetIamPolicy(project, &crm.SetIamPolicyRequest{Policy: read}).Do()
	if err == nil || !strings.Contains(err.Error(), "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.") {
		t.Errorf("a stale policy: %v", err)
	}
	read.Etag, read.Bindings[0].Members = written.Etag, []string{"serviceAccount:none@" + gcptest.Project + ".iam.gserviceaccount.com"}
	_, err = c.projects.Projects.SetIamPolicy(project, &crm.SetIamPolicyRequest{Policy: read}).Do()
	turnedDown(t, err, 400, "Service account none@"+gcptest.Project+".iam.gserviceaccount.com does not exist.")
}

func TestANewAccountCannotBeSeenAtOnce(t *testing.T) {
	s := gcptest.New(t)
	c := connect(t, s)
	s.HideNewAccounts(2)
	email := newAccount(t, c, "shop-dev-api")
	get := func() error {
		_, err := c.iam.Projects.ServiceAccounts.Get(project + "/serviceAccounts/" + email).Do()
		return err
	}
	turnedDown(t, get(), 404, "Service account "+project+"/serviceAccounts/"+email+" does not exist.")
	turnedDown(t, get(), 404, "Service account "+project+"/serviceAccounts/"+email+" does not exist.")
	if err := get(); err != nil {
		t.Error(err)
	}
	_, err := c.iam.Projects.ServiceAccounts.Create(project, &iam.CreateServiceAccountRequest{AccountId: "shop-dev-api"}).Do()
	turnedDown(t, err, 409, "Service account shop-dev-api already exists within project "+project+".")
}

func TestASecretsVersionStaysWhatItIs(t *testing.T) {
	s := gcptest.New(t)
	c := connect(t, s)
	email := newAccount(t, c, "shop-dev-api")
	secrets := c.secrets.Projects.Secrets
	name := "projects/" + gcptest.Number + "/secrets/stripe-key"
	_, err := secrets.Create(project, &secretmanager.Secret{}).SecretId("stripe-key").Do()
	turnedDown(t, err, 400, "The secret replication policy must be set.")
	made := done(secrets.Create(project, &secretmanager.Secret{Replication: &secretmanager.Replication{Automatic: &secretmanager.Automatic{}}, Labels: map[string]string{"ferry": "x"}}).SecretId("stripe-key").Do())(t)
	_, err = secrets.Create(project, &secretmanager.Secret{Replication: made.Replication}).SecretId("stripe-key").Do()
	turnedDown(t, err, 409, "Secret ["+name+"] already exists.")
	for _, value := range []string{"one", "two"} {
		done(secrets.AddVersion(name, &secretmanager.AddSecretVersionRequest{Payload: &secretmanager.SecretPayload{Data: base64.StdEncoding.EncodeToString([]byte(value))}}).Do())(t)
	}
	read := func(version string) (string, error) {
		v, err := secrets.Versions.Access(name + "/versions/" + version).Do()
		if err != nil {
			return "", err
		}
		data, err := base64.StdEncoding.DecodeString(v.Payload.Data)
		return string(data), err
	}
	if one, latest := done(read("1"))(t), done(read("latest"))(t); one != "one" || latest != "two" {
		t.Errorf("1 is %q, latest %q", one, latest)
	}
	done(secrets.Versions.Disable(name+"/versions/2", &secretmanager.DisableSecretVersionRequest{}).Do())(t)
	_, err = read("2")
	turnedDown(t, err, 400, "Secret Version ["+name+"/versions/2] is in DISABLED state.")
	done(secrets.Versions.Destroy(name+"/versions/2", &secretmanager.DestroySecretVersionRequest{}).Do())(t)
	_, err = secrets.Versions.Enable(name+"/versions/2", &secretmanager.EnableSecretVersionRequest{}).Do()
	turnedDown(t, err, 400, "Secret Version ["+name+"/versions/2] is in DESTROYED state.")
	_, err = read("3")
	turnedDown(t, err, 404, "Secret Version ["+name+"/versions/3] not found.")
	if _, err = secrets.Patch(name, &secretmanager.Secret{Etag: `"stale"`, Labels: map[string]string{"a": "b"}}).UpdateMask("labels").Do(); err == nil {
		t.Error("a stale etag was taken")
	}
	if _, err = s.Secret(email, "stripe-key", "1"); err == nil || !strings.Contains(err.Error(), "roles/secretmanager.secretAccessor") {
		t.Errorf("an account without the right: %v", err)
	}
	done(secrets.SetIamPolicy(name, &secretmanager.SetIamPolicyRequest{Policy: &secretmanager.Policy{
		Bindings: []*secretmanager.Binding{{Role: "roles/secretmanager.secretAccessor", Members: []string{"serviceAccount:" + email}}},
	}}).Do())(t)
	if value, err := s.Secret(email, "stripe-key", "1"); err != nil || string(value) != "one" {
		t.Errorf("the account reads %q: %v", value, err)
	}
	listed := done(secrets.List(project).Filter("labels.ferry=x").Do())(t)
	if len(listed.Secrets) != 1 || listed.Secrets[0].Name != name {
		t.Errorf("listed %+v", listed.Secrets)
	}
}

func TestALogIsReadByAFilter(t *testing.T) {
	s := gcptest.New(t)
	c := connect(t, s)
	s.Log("shop-dev-api", "shop-dev-api-00001-abc", "stdout", "hello")
	s.Log("shop-dev-api", "shop-dev-api-00001-abc", "stderr", `{"severity":"ERROR","message":"it broke","code":7}`)
	s.Log("shop-dev-page", "shop-dev-page-00001-abc", "stdout", "other")
	list := func(filter, order string) []*logging.LogEntry {
		return done(c.logging.Entries.List(&logging.ListLogEntriesRequest{ResourceNames: []string{project}, Filter: filter, OrderBy: order}).Do())(t).Entries
	}
	const of = `resource.type="cloud_run_revision" AND resource.labels.service_name="shop-dev-api"`
	all := list(of, "timestamp desc")
	if len(all) != 2 || all[1].TextPayload != "hello" || all[0].Severity != "ERROR" || !strings.Contains(string(all[0].JsonPayload), "it broke") {
		t.Errorf("listed %+v", all)
	}
	if later := list(of+` AND timestamp>"`+all[1].Timestamp+`"`, "timestamp asc"); len(later) != 1 {
		t.Errorf("%d are later", len(later))
	}
	if severe := list(of+"\nseverity>=WARNING", ""); len(severe) != 1 || severe[0].Severity != "ERROR" {
		t.Errorf("listed %+v as severe", severe)
	}
	if either := list(of+` AND (textPayload:"HELL" OR jsonPayload.code=7)`, ""); len(either) != 2 {
		t.Errorf("%d are one or the other", len(either))
	}
	_, err := c.logging.Entries.List(&logging.ListLogEntriesRequest{ResourceNames: []string{project}, Filter: `timestamp>="yesterday"`}).Do()
	turnedDown(t, err, 400, `Unparseable filter: invalid timestamp "yesterday"`)
}

func TestAnAPIIsOnWhenItsOperationIsDone(t *testing.T) {
	s := gcptest.New(t)
	c := connect(t, s)
	s.DisableAPI("pubsub.googleapis.com")
	_, err := c.pubsub.Projects.Topics.List(project).Do()
	if err == nil || !strings.Contains(err.Error(), "Cloud Pub/Sub API has not been used in project "+gcptest.Number+" before or it is disabled.") {
		t.Errorf("an API that is off: %v", err)
	}
	states := done(c.usage.Services.BatchGet(project).Names(project+"/services/pubsub.googleapis.com", project+"/services/run.googleapis.com").Do())(t)
	if states.Services[0].State != "DISABLED" || states.Services[1].State != "ENABLED" {
		t.Errorf("they are %s and %s", states.Services[0].State, states.Services[1].State)
	}
	op := done(c.usage.Services.Enable(project+"/services/pubsub.googleapis.com", &serviceusage.EnableServiceRequest{}).Do())(t)
	soon(t, "the operation is done", func() bool { return done(c.usage.Operations.Get(op.Name).Do())(t).Done })
	done(c.pubsub.Projects.Topics.List(project).Do())(t)
}

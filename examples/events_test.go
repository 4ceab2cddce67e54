package examples_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/gcptest"
)

// happening makes what the events of the example inbox tell of, beside what `ferry send` sends.
type happening struct {
	object   func(name string)
	schedule func()
}

// happensHere puts files into the folder of a bucket, and calls as a schedule does.
func (d *deployed) happensHere() happening {
	return happening{
		object: func(name string) {
			file := filepath.Join(d.home, "state", "services", "inbox", "dev", "buckets", "uploads", name)
			err := os.MkdirAll(filepath.Dir(file), 0o755)
			if err == nil {
				err = os.WriteFile(file, []byte("a,b\n"), 0o600)
			}
			if err != nil {
				d.Fatal(err)
			}
		},
		schedule: func() { d.command(binary, "invoke", "inbox", "--event", "schedule") },
	}
}

// google asks an API as the project's owner.
func (d *deployed) google(p *gcptest.Server, method, api, path, body string) []byte {
	d.Helper()
	req, err := http.NewRequest(method, p.Endpoint(api)+path, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.AccessToken(gcptest.Deployer))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		d.Fatalf("%s %s: %s %s %v", method, path, res.Status, answer, err)
	}
	return answer
}

// happensOnGoogle uploads objects, and has the one job run.
func (d *deployed) happensOnGoogle(p *gcptest.Server) happening {
	return happening{
		object: func(name string) {
			d.Helper()
			d.google(p, "POST", "storage", "upload/storage/v1/b/uploads/o?uploadType=media&name="+name, "a,b\n")
		},
		schedule: func() {
			d.Helper()
			var list struct{ Jobs []struct{ Name string } }
			jobs := "v1/projects/" + gcptest.Project + "/locations/" + gcptest.Region + "/jobs"
			if err := json.Unmarshal(d.google(p, "GET", "cloudscheduler", jobs, ""), &list); err != nil || len(list.Jobs) != 1 {
				d.Fatalf("%+v: %v", list, err)
			}
			d.google(p, "POST", "cloudscheduler", "v1/"+list.Jobs[0].Name+":run", "{}")
		},
	}
}

// azure asks a service of Azure as the subscription's owner.
func (d *deployed) azure(c *azuretest.Cloud, method, audience, address, body string) {
	d.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {azuretest.ClientID}, "client_secret": {azuretest.ClientSecret}, "scope": {audience + "/.default"}}
	res, err := c.Client().PostForm(c.Endpoint()+"/"+azuretest.Tenant+"/oauth2/v2.0/token", form)
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	var token struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&token); err != nil {
		d.Fatal(err)
	}
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Ms-Version", "2024-11-04")
	req.Header.Set("X-Ms-Blob-Type", "BlockBlob")
	answer, err := c.Client().Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer answer.Body.Close()
	if said, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode >= 300 {
		d.Fatalf("%s %s: %s %s %v", method, address, answer.Status, said, err)
	}
}

// happensOnAzure uploads blobs, and has the one timer run out.
func (d *deployed) happensOnAzure(c *azuretest.Cloud) happening {
	return happening{
		object: func(name string) {
			d.Helper()
			d.azure(c, "PUT", "https://storage.azure.com", "https://inboxfiles.blob.core.windows.net/uploads/"+name, "a,b\n")
		},
		schedule: func() {
			d.Helper()
			app := regexp.MustCompile(`Microsoft.Web/sites/(\S+)`).FindStringSubmatch(c.Snapshot())
			if err := c.Fire(d.Context(), app[1], "schedule0"); err != nil {
				d.Fatal(err)
			}
		},
	}
}

// happen makes an event of each kind, and waits until the handler wrote down as many as it is to hear of.
func (d *deployed) happen(target string, h happening) []string {
	d.Helper()
	d.command(binary, "send", "queue", "orders", "-t", target, "-d", `{"order": 7}`, "-H", "Content-Type: application/json", "--attribute", "plan=free")
	d.command(binary, "send", "topic", "signups", "-t", target, "-d", "ünï")
	for _, name := range []string{"raw/other.txt", "other.csv", "raw/a.csv"} {
		h.object(name)
	}
	h.schedule()
	const events = 4
	for end := time.Now().Add(30 * time.Second); ; {
		heard := d.heard(target)
		if len(heard) >= events || time.Now().After(end) {
			return heard
		}
	}
}

// heard are the events that the handler wrote down, sorted, without what is made by chance or by the place.
func (d *deployed) heard(target string) []string {
	d.Helper()
	var all []string
	var doc struct {
		Result struct{ Lines []struct{ Text string } }
	}
	if err := json.Unmarshal(d.command(binary, "logs", "inbox", "-t", target, "--json"), &doc); err != nil {
		d.Fatal(err)
	}
	for _, line := range doc.Result.Lines {
		var event map[string]any
		if json.Unmarshal([]byte(line.Text), &event) != nil || event["type"] == nil {
			continue
		}
		if data, ok := event["data"].(map[string]any); ok {
			delete(data, "etag")
			delete(data, "version")
		}
		text, err := json.Marshal(event)
		if err != nil {
			d.Fatal(err)
		}
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

func TestAnEventOfEachKindIsTheSameForAHandlerOnGoogleAsItIsHere(t *testing.T) {
	t.Parallel()
	needs(t, "node")
	here := deploy(t, "inbox")
	want := here.happen("local", here.happensHere())
	cloud, project := onGoogleProject(t)
	for _, topic := range []string{"orders", "signups"} {
		here.google(project, "PUT", "pubsub", "v1/projects/"+gcptest.Project+"/topics/"+topic, "{}")
	}
	here.google(project, "POST", "storage", "storage/v1/b?project="+gcptest.Project, `{"name": "uploads", "location": "`+gcptest.Region+`"}`)
	here.add(cloud)
	here.command(binary, "deploy", "-t", cloud.target)
	got := here.happen(cloud.target, here.happensOnGoogle(project))
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 4 {
		t.Errorf("%d events (-here +on Google):\n%s", len(want), diff)
	}
}

func TestAnEventOfEachKindIsTheSameForAHandlerOnAzureAsItIsHere(t *testing.T) {
	t.Parallel()
	needs(t, "node")
	here := deploy(t, "inbox")
	want := here.happen("local", here.happensHere())
	cloud, subscription := onAzureSubscription(t)
	const manage, group = "https://management.azure.com", "/subscriptions/" + azuretest.Subscription + "/resourceGroups/shop"
	const bus, files = group + "/providers/Microsoft.ServiceBus/namespaces/inboxbus", group + "/providers/Microsoft.Storage/storageAccounts/inboxfiles"
	for _, made := range []struct{ at, version, body string }{
		{group, "2021-04-01", `{"location": "westeurope"}`},
		{bus, "2024-01-01", `{"location": "westeurope", "sku": {"name": "Standard"}}`},
		{bus + "/queues/orders", "2024-01-01", `{"properties": {}}`},
		{bus + "/topics/signups", "2024-01-01", `{"properties": {}}`},
	} {
		here.azure(subscription, "PUT", manage, manage+made.at+"?api-version="+made.version, made.body)
	}
	for _, role := range []string{"Azure Service Bus Data Sender", "Storage Blob Data Contributor"} {
		subscription.Grant(azuretest.Caller, role, group)
	}
	cloud.block = "{provider: azure, resource_group: shop, location: westeurope, storage_account: inboxfiles, service_bus: inboxbus}"
	here.add(cloud)
	here.command(binary, "deploy", "-t", cloud.target)
	here.azure(subscription, "PUT", manage, manage+files+"/blobServices/default/containers/uploads?api-version=2023-05-01", `{"properties": {}}`)
	got := here.happen(cloud.target, here.happensOnAzure(subscription))
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 4 {
		t.Errorf("%d events (-here +on Azure):\n%s", len(want), diff)
	}
}

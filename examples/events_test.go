package examples_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

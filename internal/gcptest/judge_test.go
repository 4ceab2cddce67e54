package gcptest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/loopback"
)

// ports are those of the programs that judge.
var ports = loopback.Range{First: 8960, Count: 100}

// judge is a program that others wrote, which answers the same requests.
type judge struct {
	name, need string
	command    func(address string) (*exec.Cmd, error)
}

var pubsubEmulator = judge{
	name: "the Pub/Sub emulator", need: "java and gcloud's component pubsub-emulator",
	command: func(address string) (*exec.Cmd, error) {
		gcloud, err := exec.LookPath("gcloud")
		if err != nil {
			return nil, err
		}
		if gcloud, err = filepath.EvalSymlinks(gcloud); err != nil {
			return nil, err
		}
		jars, err := filepath.Glob(filepath.Join(filepath.Dir(gcloud), "../platform/pubsub-emulator/lib/*.jar"))
		if err != nil || len(jars) == 0 {
			return nil, errors.Join(err, errors.New("gcloud has no pubsub-emulator"))
		}
		host, port, _ := strings.Cut(address, ":")
		return exec.Command("java", "-jar", jars[0], "--host="+host, "--port="+port), nil
	},
}

var fakeStorage = judge{
	name: "fake-gcs-server", need: "fake-gcs-server (go install github.com/fsouza/fake-gcs-server@v1.56.1)",
	command: func(address string) (*exec.Cmd, error) {
		host, port, _ := strings.Cut(address, ":")
		program, err := exec.LookPath("fake-gcs-server")
		return exec.Command(program, "-scheme", "http", "-host", host, "-port", port, "-backend", "memory", "-log-level", "error"), err
	},
}

// start runs the judge until the test ends.
func (j judge) start(t *testing.T) string {
	t.Helper()
	address := ports.Free(t)
	c, err := j.command(address)
	if err != nil {
		t.Skipf("needs %s: %v", j.need, err)
	}
	c.Env = append(os.Environ(), "HOME="+t.TempDir())
	if err := c.Start(); err != nil {
		t.Skipf("needs %s: %v", j.need, err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	soon(t, j.name+" answers", func() bool {
		answer, err := http.Get("http://" + address + "/")
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil
	})
	return "http://" + address
}

// ask sends "VERB path" with a body, and gives the status and what the answer holds.
func ask(t *testing.T, base, token, what, body string) (int, map[string]any) {
	t.Helper()
	verb, path, _ := strings.Cut(what, " ")
	r, err := http.NewRequestWithContext(t.Context(), verb, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	_ = json.Unmarshal(data, &fields)
	return answer.StatusCode, fields
}

// within says what of one answer is not in another. What each makes by itself is left out.
func within(of, in any, at string) []string {
	fields, ok := of.(map[string]any)
	if !ok {
		if !reflect.DeepEqual(of, in) {
			return []string{fmt.Sprintf("%s is %v, not %v", at, in, of)}
		}
		return nil
	}
	others, _ := in.(map[string]any)
	var differ []string
	for name, value := range fields {
		switch name {
		case "messageIds", "nextPageToken", "generation", "etag", "id", "timeCreated", "updated", "selfLink", "mediaLink", "timeStorageClassUpdated",
			"timeFinalized", "projectNumber", "items", "acl", "owner", "defaultEventBasedHold", "versioning", "location", "locationType", "error", "iamConfiguration":
		default:
			differ = append(differ, within(value, others[name], at+"."+name)...)
		}
	}
	return differ
}

// same sends both the same requests, and compares.
func same(t *testing.T, mine, token, theirs string, requests [][2]string) {
	t.Helper()
	for _, r := range requests {
		status, got := ask(t, mine, token, r[0], r[1])
		want, wanted := ask(t, theirs, "", r[0], r[1])
		if status != want && (status != http.StatusNoContent || want != http.StatusOK) { // nothing is said of a deletion in both
			t.Errorf("%s %s: %d %v, and the judge %d %v", r[0], r[1], status, got, want, wanted)
		} else if differ := within(wanted, got, ""); differ != nil && status < 300 {
			t.Errorf("%s %s: %v", r[0], r[1], differ)
		}
	}
}

func TestTopicsAndSubscriptionsAreAsInThePubSubEmulator(t *testing.T) {
	t.Parallel()
	theirs := pubsubEmulator.start(t)
	s := gcptest.New(t)
	const at = "/v1/" + project
	same(t, strings.TrimSuffix(s.Endpoint("pubsub"), "/"), s.AccessToken(gcptest.Deployer), theirs, [][2]string{
		{"GET " + at + "/topics/none", ""},
		{"PUT " + at + "/topics/orders", "{}"},
		{"PUT " + at + "/topics/orders", "{}"},
		{"PUT " + at + "/topics/goog-x", "{}"},
		{"PUT " + at + "/topics/ab", "{}"},
		{"PUT " + at + "/topics/1bcd", "{}"},
		{"PUT " + at + "/topics/other", `{"nonsense":1}`},
		{"PUT " + at + "/topics/dead", `{"labels":{"a":"b"}}`},
		{"GET " + at + "/topics/dead", ""},
		{"PUT " + at + "/subscriptions/one", `{"topic":"` + project + `/topics/none"}`},
		{"PUT " + at + "/subscriptions/one", `{"topic":"` + project + `/topics/orders","ackDeadlineSeconds":601}`},
		{"PUT " + at + "/subscriptions/one", `{"topic":"` + project + `/topics/orders"}`},
		{"PUT " + at + "/subscriptions/one", `{"topic":"` + project + `/topics/orders"}`},
		{"PUT " + at + "/subscriptions/two", `{}`},
		{"PUT " + at + "/subscriptions/two", `{"topic":"orders"}`},
		{"PUT " + at + "/subscriptions/two", `{"topic":"` + project + `/topics/orders","deadLetterPolicy":{"deadLetterTopic":"` + project + `/topics/dead","maxDeliveryAttempts":3}}`},
		{"PUT " + at + "/subscriptions/two", `{"topic":"` + project + `/topics/orders","deadLetterPolicy":{"deadLetterTopic":"` + project + `/topics/nope","maxDeliveryAttempts":5}}`},
		{"PUT " + at + "/subscriptions/two", `{"topic":"` + project + `/topics/orders","deadLetterPolicy":{"deadLetterTopic":"` + project + `/topics/dead"},"ackDeadlineSeconds":600}`},
		{"PUT " + at + "/subscriptions/bad", `{"topic":"` + project + `/topics/orders","retryPolicy":{"minimumBackoff":"601s"}}`},
		{"PUT " + at + "/subscriptions/bad", `{"topic":"` + project + `/topics/orders","retryPolicy":{"minimumBackoff":"20s","maximumBackoff":"10s"}}`},
		{"PUT " + at + "/subscriptions/bad", `{"topic":"` + project + `/topics/orders","pushConfig":{"pushEndpoint":"nonsense"}}`},
		{"PUT " + at + "/subscriptions/bad", `{"topic":"` + project + `/topics/orders","messageRetentionDuration":"5s"}`},
		{"PUT " + at + "/subscriptions/pushed", `{"topic":"` + project + `/topics/orders","pushConfig":{"pushEndpoint":"http://127.0.0.1:9/x","oidcToken":{"serviceAccountEmail":"a@example.com","audience":"x"}}}`},
		{"PUT " + at + "/subscriptions/full", `{"topic":"` + project + `/topics/orders","expirationPolicy":{},"filter":"attributes.x = \"y\"","retryPolicy":{},"labels":{"x":"y"}}`},
		{"PATCH " + at + "/subscriptions/full", `{"subscription":{"ackDeadlineSeconds":20}}`},
		{"PATCH " + at + "/subscriptions/full", `{"subscription":{"ackDeadlineSeconds":20},"updateMask":"nonsense"}`},
		{"PATCH " + at + "/subscriptions/full", `{"subscription":{"ackDeadlineSeconds":20},"updateMask":"topic"}`},
		{"PATCH " + at + "/subscriptions/full", `{"subscription":{"name":"` + project + `/subscriptions/full","ackDeadlineSeconds":20,"pushConfig":{"pushEndpoint":"http://127.0.0.1:9/"}},"updateMask":"ackDeadlineSeconds,pushConfig"}`},
		{"POST " + at + "/subscriptions/full:modifyPushConfig", `{"pushConfig":{}}`},
		{"POST " + at + "/subscriptions/none:modifyPushConfig", `{"pushConfig":{}}`},
		{"GET " + at + "/subscriptions/full", ""},
		{"POST " + at + "/topics/orders:publish", `{"messages":[]}`},
		{"POST " + at + "/topics/orders:publish", `{"messages":[{}]}`},
		{"POST " + at + "/topics/orders:publish", `{"messages":[{"data":"aGk=","attributes":{"a":"b"}}]}`},
		{"POST " + at + "/topics/none:publish", `{"messages":[{"data":"aGk="}]}`},
		{"GET " + at + "/topics/orders/subscriptions", ""},
		{"DELETE " + at + "/topics/orders", ""},
		{"GET " + at + "/subscriptions/one", ""},
		{"DELETE " + at + "/subscriptions/one", ""},
		{"DELETE " + at + "/subscriptions/one", ""},
		{"DELETE " + at + "/topics/orders", ""},
	})
}

func TestBucketsAndObjectsAreAsInFakeGCSServer(t *testing.T) {
	theirs := fakeStorage.start(t)
	s := gcptest.New(t)
	const b, o = "/storage/v1/b/ferry-store", "/upload/storage/v1/b/ferry-store/o?uploadType=media&name="
	same(t, strings.TrimSuffix(s.Endpoint("storage"), "/"), s.AccessToken(gcptest.Deployer), theirs, [][2]string{
		{"GET " + b, ""},
		{"POST /storage/v1/b?project=" + gcptest.Project, `{"name":"ferry-store"}`},
		{"POST /storage/v1/b?project=" + gcptest.Project, `{"name":"ferry-store"}`},
		{"GET " + b, ""},
		{"GET " + b + "/o/none", ""},
		{"POST " + o + "a%2Flock&ifGenerationMatch=0", "one"},
		{"POST " + o + "a%2Flock&ifGenerationMatch=0", "two"},
		{"POST " + o + "a%2Flock&ifGenerationMatch=7", "two"},
		{"GET " + b + "/o/a%2Flock", ""},
		{"POST " + o + "a%2Flock", "three"},
		{"POST " + o + "b", "x"},
		{"GET " + b + "/o?prefix=a%2F&delimiter=%2F", ""},
		{"GET " + b + "/o?delimiter=%2F", ""},
		{"DELETE " + b + "/o/none", ""},
		{"DELETE " + b + "/o/a%2Flock", ""},
		{"DELETE " + b + "/o/b", ""},
		{"GET " + b + "/o", ""},
		{"DELETE " + b, ""},
		{"DELETE " + b, ""},
	})
}

package templates_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// buckets is a folder of buckets as the local platform keeps it, with objects.
func buckets(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	packagertest.Write(t, filepath.Join(dir, "uploads/a/b"), "abc")
	packagertest.Write(t, filepath.Join(dir, "pictures/p"), "\x00\xff\xfe")
	packagertest.Write(t, filepath.Join(dir, "notes/n"), "grün")
	return dir
}

// uploaders are apps of Azure's model with a blob trigger.
func uploaders(t *testing.T) map[string]func() (program, *packager.Packager) {
	t.Helper()
	return map[string]func() (program, *packager.Packager){
		"node": func() (program, *packager.Packager) {
			return nodeProgram(manifest.StyleAzure, "azure", "app.js"), npmProject(t, "azure", "")
		},
		"python": func() (program, *packager.Packager) {
			p := pythonProgram(manifest.StyleAzure)
			p.handler = "function_app:app"
			return p, p.project(t, "function_app.py", azureApp)
		},
	}
}

func onUploads(fn *manifest.Function) {
	fn.Events = append(fn.Events, manifest.Event{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created"}}})
}

func TestABlobTriggerGetsTheContentOfItsObjectOnAWS(t *testing.T) {
	packagertest.Registries(t, "npm", "node", "python3")
	endpoint := moto(t)
	store := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &endpoint, UsePathStyle: true, Credentials: staticCredentials()})
	if _, err := store.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("uploads")}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("uploads"), Key: aws.String("a b/ü"), Body: strings.NewReader("contents")}); err != nil {
		t.Fatal(err)
	}
	created := func(key string) []byte {
		return fmt.Appendf(nil, `{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","eventTime":"2026-01-02T03:04:05Z","responseElements":{"x-amz-request-id":"r"},`+
			`"s3":{"bucket":{"name":"uploads","arn":"arn:aws:s3:::uploads"},"object":{"key":%q,"size":8,"sequencer":"1"}}}]}`, key)
	}
	for name, made := range uploaders(t) {
		t.Run(name, func(t *testing.T) {
			p, pk := made()
			env := settings{"AWS_ENDPOINT_URL": endpoint}
			maps.Copy(env, sdk(t, p))
			l := p.run(t, p.build(t, pk, p.function(onUploads)), lambdatest.Function{Env: env})
			if r := l.invoke(created("a+b/%C3%BC")); r.FunctionError != "" || !strings.Contains(r.Log, "a b/ü 8 contents") {
				t.Errorf("%s\n%s", r.Payload, r.Log)
			}
			if r := l.invoke(created("absent")); !strings.Contains(string(r.Payload), "the content of uploads/absent cannot be read: ") {
				t.Errorf("%s\n%s", r.Payload, r.Log)
			}
		})
	}
}

func TestABlobTriggerGetsTheContentOfItsObjectOnGoogle(t *testing.T) {
	packagertest.Registries(t, "npm", "node", "python3")
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/computeMetadata/v1/instance/service-accounts/default/token" && r.Header.Get("Metadata-Flavor") == "Google":
			fmt.Fprint(w, `{"access_token":"mine","expires_in":3599,"token_type":"Bearer"}`)
		case r.URL.EscapedPath() == "/storage/v1/b/uploads/o/a%2Fb" && r.URL.RawQuery == "alt=media" && r.Header.Get("Authorization") == "Bearer mine":
			fmt.Fprint(w, "abc")
		default:
			http.Error(w, "does not have storage.objects.get access", http.StatusForbidden)
		}
	}))
	t.Cleanup(google.Close)
	_, host, _ := strings.Cut(google.URL, "//")
	news := func(key string) []byte {
		return []byte(pushed(`{"bucket":"uploads","name":"`+key+`","size":"3"}`, `{"bucketId":"uploads","objectId":"`+key+`","eventType":"OBJECT_FINALIZE"}`))
	}
	for name, made := range uploaders(t) {
		for target, probe := range map[string]string{"run": "ferry-instance: nonce", "gcf": "ferry-digest: sha256:abc"} {
			t.Run(name+" "+target, func(t *testing.T) {
				p, pk := made()
				fn := p.function(onUploads)
				fn.Events[0].HTTP.Auth = "private"
				i := p.started(t, pk, fn, target, "FERRY_INSTANCE=nonce", "FERRY_HOST=127.0.0.1", "GCE_METADATA_HOST="+host, "STORAGE_EMULATOR_HOST="+google.URL).probed(probe)
				if a := i.do("POST", "/.ferry/events/object/uploads", news("a/b"), "content-type: application/json"); a.status != 204 {
					t.Errorf("got %d %s\n%s", a.status, a.body, i.out)
				}
				i.says("a/b 3 abc")
				if a := i.do("POST", "/.ferry/events/object/uploads", news("other"), "content-type: application/json"); a.status != 500 {
					t.Errorf("got %d %s\n%s", a.status, a.body, i.out)
				}
				i.says("the content of uploads/other cannot be read: ")
			})
		}
	}
}

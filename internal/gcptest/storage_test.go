package gcptest_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
)

func newBucket(t *testing.T, c *clients, name string) {
	t.Helper()
	done(c.storage.Buckets.Insert(gcptest.Project, &storage.Bucket{Name: name, Location: gcptest.Region, IamConfiguration: &storage.BucketIamConfiguration{
		PublicAccessPrevention: "enforced", UniformBucketLevelAccess: &storage.BucketIamConfigurationUniformBucketLevelAccess{Enabled: true},
	}}).Do())(t)
}

func put(t *testing.T, c *clients, bucket, name, content string) {
	t.Helper()
	done(c.storage.Objects.Insert(bucket, &storage.Object{Name: name}).Media(strings.NewReader(content)).Do())(t)
}

func TestAnObjectIsWrittenOnlyOverTheGenerationThatTheWriterSaw(t *testing.T) {
	c := connect(t, gcptest.New(t))
	newBucket(t, c, "ferry-store")
	write := func(over int64, content string) (*storage.Object, error) {
		return c.storage.Objects.Insert("ferry-store", &storage.Object{Name: "a/lock"}).IfGenerationMatch(over).Media(strings.NewReader(content)).Do()
	}
	first := done(write(0, "one"))(t)
	const stale = "At least one of the pre-conditions you specified did not hold."
	_, err := write(0, "two")
	turnedDown(t, err, 412, stale)
	second := done(write(first.Generation, "two"))(t)
	if second.Generation <= first.Generation {
		t.Errorf("generation %d came after %d", second.Generation, first.Generation)
	}
	turnedDown(t, c.storage.Objects.Delete("ferry-store", "a/lock").IfGenerationMatch(first.Generation).Do(), 412, stale)
	_, err = c.storage.Objects.Get("ferry-store", "a/lock").IfGenerationNotMatch(second.Generation).Do()
	if !googleapi.IsNotModified(err) {
		t.Errorf("a reader that has it already: %v", err)
	}
	answer := done(c.storage.Objects.Get("ferry-store", "a/lock").Generation(second.Generation).Download())(t)
	defer answer.Body.Close()
	if got := done(io.ReadAll(answer.Body))(t); string(got) != "two" {
		t.Errorf("it holds %q", got)
	}
	_, err = c.storage.Objects.Get("ferry-store", "a/lock").Generation(first.Generation).Do()
	turnedDown(t, err, 404, "No such object: ferry-store/a/lock")
}

func TestALargeObjectIsWrittenInParts(t *testing.T) {
	c := connect(t, gcptest.New(t))
	newBucket(t, c, "ferry-store")
	content := bytes.Repeat([]byte("0123456789abcdef"), 50_000)
	o := done(c.storage.Objects.Insert("ferry-store", &storage.Object{Name: "large"}).Media(bytes.NewReader(content), googleapi.ChunkSize(256*1024)).Do())(t)
	if o.Size != uint64(len(content)) {
		t.Errorf("it has %d of %d bytes", o.Size, len(content))
	}
}

func TestABucketGoesWhenItIsEmpty(t *testing.T) {
	s := gcptest.New(t)
	c := connect(t, s)
	newBucket(t, c, "ferry-store")
	_, err := c.storage.Buckets.Insert(gcptest.Project, &storage.Bucket{Name: "ferry-store"}).Do()
	turnedDown(t, err, 409, "Your previous request to create the named bucket succeeded and you already own it.")
	put(t, c, "ferry-store", "a", "x")
	turnedDown(t, c.storage.Buckets.Delete("ferry-store").Do(), 409, "The bucket you tried to delete is not empty.")
	if err := c.storage.Objects.Delete("ferry-store", "a").Do(); err != nil {
		t.Fatal(err)
	}
	if err := c.storage.Buckets.Delete("ferry-store").Do(); err != nil {
		t.Fatal(err)
	}
	_, err = c.storage.Buckets.Get("ferry-store").Do()
	turnedDown(t, err, 404, "The specified bucket does not exist.")
	s.TakeBucket("theirs")
	_, err = c.storage.Buckets.Get("theirs").Do()
	turnedDown(t, err, 403, gcptest.Deployer+" does not have storage.buckets.get access to the Google Cloud Storage bucket. "+
		"Permission 'storage.buckets.get' denied on resource (or it may not exist).")
}

func TestAListHasFoldersAndPages(t *testing.T) {
	c := connect(t, gcptest.New(t))
	newBucket(t, c, "ferry-store")
	for _, name := range []string{"a/1", "a/2", "a/b/3", "c"} {
		put(t, c, "ferry-store", name, "x")
	}
	list := done(c.storage.Objects.List("ferry-store").Prefix("a/").Delimiter("/").Do())(t)
	if len(list.Items) != 2 || len(list.Prefixes) != 1 || list.Prefixes[0] != "a/b/" {
		t.Errorf("listed %d objects and %v", len(list.Items), list.Prefixes)
	}
	var names []string
	if err := c.storage.Objects.List("ferry-store").MaxResults(3).Pages(t.Context(), func(page *storage.Objects) error {
		for _, o := range page.Items {
			names = append(names, o.Name)
		}
		return nil
	}); err != nil || strings.Join(names, " ") != "a/1 a/2 a/b/3 c" {
		t.Errorf("listed %v: %v", names, err)
	}
}

func TestABucketThatKeepsThePublicOutTakesNoPublicMember(t *testing.T) {
	c := connect(t, gcptest.New(t))
	newBucket(t, c, "ferry-store")
	policy := done(c.storage.Buckets.GetIamPolicy("ferry-store").Do())(t)
	policy.Bindings = append(policy.Bindings, &storage.PolicyBindings{Role: "roles/storage.objectViewer", Members: []string{"allUsers"}})
	_, err := c.storage.Buckets.SetIamPolicy("ferry-store", policy).Do()
	turnedDown(t, err, 412, "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced.")
}

package gcptest

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/internal/standin"
)

// bucket is a bucket with its objects.
type bucket struct {
	is            *storage.Bucket
	policy        *policy
	objects       map[string]*object
	notifications map[string]*storage.Notification
	serial        int
	foreign       bool // of another project
}

// https://cloud.google.com/storage/docs/buckets#naming
var (
	bucketName    = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{1,220}[a-z0-9]$`)
	bucketAddress = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)
)

// TakeBucket makes a name that of a bucket of somebody else.
func (s *Server) TakeBucket(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place.buckets[name] = &bucket{foreign: true, policy: newPolicy()}
}

func (p *place) bucketOf(c *call) (*bucket, error) {
	b := p.buckets[c.vars["bucket"]]
	switch {
	case b == nil:
		return nil, no(http.StatusNotFound, "notFound", "The specified bucket does not exist.")
	case b.foreign:
		permission := c.permission()
		return nil, no(http.StatusForbidden, "forbidden", "%s does not have %s access to the Google Cloud Storage bucket. "+
			"Permission '%s' denied on resource (or it may not exist).", c.caller, permission, permission)
	}
	return b, nil
}

func (p *place) insertBucket(c *call) (any, error) {
	in, err := decode[storage.Bucket](c)
	if err != nil {
		return nil, err
	}
	if project := c.query.Get("project"); project != Project && project != Number {
		return nil, no(http.StatusBadRequest, "invalid", "Unknown project id: %s", project)
	}
	if !bucketName.MatchString(in.Name) || bucketAddress.MatchString(in.Name) || strings.Contains(in.Name, "google") || strings.HasPrefix(in.Name, "goog") ||
		len(in.Name) > 63 && !strings.Contains(in.Name, ".") {
		return nil, no(http.StatusBadRequest, "invalid", "Invalid bucket name: '%s'", in.Name)
	}
	if b := p.buckets[in.Name]; b != nil {
		if b.foreign {
			return nil, no(http.StatusConflict, "conflict", "The requested bucket name is not available. The bucket namespace is shared by all "+
				"users of the system. Please select a different name and try again.")
		}
		return nil, no(http.StatusConflict, "conflict", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	if err := checkBucket(c, in); err != nil {
		return nil, err
	}
	at := time.Now().UTC().Format(time.RFC3339Nano)
	in.Kind, in.Id, in.ProjectNumber, in.TimeCreated, in.Updated = "storage#bucket", in.Name, uint64(projectNumber()), at, at
	in.Metageneration, in.Etag, in.Generation = 1, "CAE=", p.generation()
	if in.Location == "" {
		in.Location = "US"
	}
	in.Location = strings.ToUpper(in.Location)
	in.LocationType = "region"
	if slices.Contains([]string{"US", "EU", "ASIA"}, in.Location) {
		in.LocationType = "multi-region"
	}
	if in.StorageClass == "" {
		in.StorageClass = "STANDARD"
	}
	p.buckets[in.Name] = &bucket{is: in, policy: bucketPolicy(), objects: map[string]*object{}, notifications: map[string]*storage.Notification{}}
	return in, nil
}

// bucketPolicy is what a new bucket lets the members of its project do.
func bucketPolicy() *policy {
	q := newPolicy()
	q.grant("roles/storage.legacyBucketOwner", "projectEditor:"+Project)
	q.grant("roles/storage.legacyBucketOwner", "projectOwner:"+Project)
	q.grant("roles/storage.legacyBucketReader", "projectViewer:"+Project)
	return q
}

func checkBucket(c *call, b *storage.Bucket) error {
	if err := checkLabelled(b.Labels); err != nil {
		return no(http.StatusBadRequest, "invalid", "%v", err)
	}
	if b.IamConfiguration == nil {
		b.IamConfiguration = &storage.BucketIamConfiguration{}
	}
	config := b.IamConfiguration
	if config.PublicAccessPrevention == "" {
		config.PublicAccessPrevention = "inherited"
	}
	if config.PublicAccessPrevention != "inherited" && config.PublicAccessPrevention != "enforced" {
		return no(http.StatusBadRequest, "invalid", "Invalid argument.")
	}
	if uniform(b) && (c.query.Get("predefinedAcl") != "" || c.query.Get("predefinedDefaultObjectAcl") != "" || len(b.Acl)+len(b.DefaultObjectAcl) > 0) {
		return no(http.StatusBadRequest, "invalid", "Cannot use ACL API to update bucket policy when uniform bucket-level access is enabled. "+
			"Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access")
	}
	return nil
}

func uniform(b *storage.Bucket) bool {
	return b.IamConfiguration != nil && b.IamConfiguration.UniformBucketLevelAccess != nil && b.IamConfiguration.UniformBucketLevelAccess.Enabled
}

func (p *place) getBucket(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	return unlessHad(b.is, c.condition("Metageneration", b.is.Metageneration))
}

func (p *place) listBuckets(c *call) (any, error) {
	var all []*storage.Bucket
	for _, name := range sorted(p.buckets) {
		if b := p.buckets[name]; !b.foreign && strings.HasPrefix(name, c.query.Get("prefix")) {
			all = append(all, b.is)
		}
	}
	items, next, err := page(c.query, all, 1000)
	return &storage.Buckets{Kind: "storage#buckets", Items: items, NextPageToken: next}, err
}

// patchBucket merges the body into the bucket: what is null is taken away (RFC 7396).
func (p *place) patchBucket(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	if err := c.condition("Metageneration", b.is.Metageneration); err != nil {
		return nil, err
	}
	next, err := merged(*b.is, c.body)
	if err != nil {
		return nil, no(http.StatusBadRequest, "invalid", "%v", err)
	}
	if next.Name != b.is.Name || next.Location != b.is.Location {
		return nil, no(http.StatusBadRequest, "invalid", "Invalid argument.")
	}
	if err := checkBucket(c, &next); err != nil {
		return nil, err
	}
	next.Metageneration++
	next.Etag, next.Updated = `CA`+strconv.FormatInt(next.Metageneration, 10)+`=`, time.Now().UTC().Format(time.RFC3339Nano)
	b.is = &next
	return b.is, nil
}

func (p *place) deleteBucket(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	if err := c.condition("Metageneration", b.is.Metageneration); err != nil {
		return nil, err
	}
	if len(b.objects) > 0 {
		return nil, no(http.StatusConflict, "conflict", "The bucket you tried to delete is not empty.")
	}
	delete(p.buckets, b.is.Name)
	return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
}

func (p *place) getBucketPolicy(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	return b.policyReply(), nil
}

func (b *bucket) policyReply() any {
	return map[string]any{
		"kind": "storage#policy", "resourceId": "projects/_/buckets/" + b.is.Name, "version": b.policy.Version, "etag": b.policy.Etag, "bindings": b.policy.Bindings,
	}
}

func (p *place) setBucketPolicy(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[struct {
		policy
		Kind       string `json:"kind"`
		ResourceID string `json:"resourceId"`
	}](c)
	if err != nil {
		return nil, err
	}
	if in.Etag != "" && in.Etag != b.policy.Etag {
		return nil, preconditionFailed()
	}
	for _, one := range in.Bindings {
		for _, m := range one.Members {
			if (m == "allUsers" || m == "allAuthenticatedUsers") && b.is.IamConfiguration.PublicAccessPrevention == "enforced" {
				return nil, no(http.StatusPreconditionFailed, "conditionNotMet",
					"The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced.")
			}
		}
	}
	if _, err := p.write(&b.policy, in.policy); err != nil {
		return nil, no(http.StatusBadRequest, "invalid", "%v", err)
	}
	return b.policyReply(), nil
}

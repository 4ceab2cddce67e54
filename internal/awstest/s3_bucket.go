package awstest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// bucket is an S3 bucket with its objects.
type bucket struct {
	name         string
	objects      map[string][]*object // the versions of each key, the newest last
	uploads      map[string]*upload
	accessBlock  *accessBlock
	tags         map[string]string
	versioning   string
	policy       string
	encryption   string
	notification notification
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

type accessBlock struct {
	XMLName               struct{} `xml:"PublicAccessBlockConfiguration"`
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
	Unknown               []extra `xml:",any" json:"-"`
}

func (c *Cloud) createBucket(r *request) (any, error) {
	name := r.vars["Bucket"]
	if !bucketName.MatchString(name) || strings.Contains(name, "..") {
		return nil, refuse(400, "InvalidBucketName", "The specified bucket is not valid.")
	}
	var in struct {
		LocationConstraint string
		Tags               struct {
			Tag []bucketTag
		}
		Unknown []extra `xml:",any"`
	}
	if len(r.body) > 0 {
		if err := parseXML(r.body, &in); err != nil {
			return nil, err
		}
	}
	if err := unknown(in.Unknown); err != nil {
		return nil, err
	}
	switch {
	case in.LocationConstraint == "":
		return nil, refuse(400, "IllegalLocationConstraintException",
			"The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case in.LocationConstraint != Region:
		return nil, refuse(400, "IllegalLocationConstraintException",
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", in.LocationConstraint)
	case c.buckets[name] != nil:
		return nil, refuse(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	b := &bucket{name: name, objects: map[string][]*object{}, uploads: map[string]*upload{}, tags: map[string]string{}}
	for _, t := range in.Tags.Tag {
		b.tags[t.Key] = t.Value
	}
	c.buckets[name] = b
	return standin.Reply{Status: http.StatusOK, Header: http.Header{"Location": {"/" + name}}}, nil
}

func (c *Cloud) headBucket(r *request) (any, error) {
	if _, err := c.bucketOf(r); err != nil {
		return nil, err
	}
	return standin.Reply{Status: http.StatusOK, Header: http.Header{"X-Amz-Bucket-Region": {Region}}}, nil
}

func (c *Cloud) deleteBucket(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	for _, versions := range b.objects {
		if slices.ContainsFunc(versions, func(o *object) bool { return o.versionID != "null" || !o.deleted }) {
			return nil, refuse(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
		}
	}
	delete(c.buckets, b.name)
	return nothing(http.StatusNoContent), nil
}

func (c *Cloud) putAccessBlock(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	var in accessBlock
	if err := parseXML(r.body, &in); err != nil {
		return nil, err
	}
	b.accessBlock = &in
	return nothing(http.StatusOK), unknown(in.Unknown)
}

func (c *Cloud) getAccessBlock(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	if b.accessBlock == nil {
		return nil, refuse(404, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
	}
	return xmlReply(b.accessBlock), nil
}

type bucketTag struct {
	Key   string
	Value string
}

type tagging struct {
	XMLName struct{}    `xml:"Tagging"`
	TagSet  []bucketTag `xml:"TagSet>Tag"`
	Unknown []extra     `xml:",any"`
}

func (c *Cloud) putBucketTags(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	var in tagging
	if err := parseXML(r.body, &in); err != nil {
		return nil, err
	}
	if len(in.TagSet) > 50 {
		return nil, refuse(400, "BadRequest", "Bucket tag count cannot be greater than 50")
	}
	next := map[string]string{}
	for _, t := range in.TagSet {
		if _, twice := next[t.Key]; twice || t.Key == "" || strings.HasPrefix(t.Key, "aws:") {
			return nil, refuse(400, "InvalidTag", "The TagKey you have provided is invalid")
		}
		next[t.Key] = t.Value
	}
	b.tags = next
	return nothing(http.StatusNoContent), unknown(in.Unknown)
}

func (c *Cloud) getBucketTags(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	if len(b.tags) == 0 {
		return nil, refuse(404, "NoSuchTagSet", "The TagSet does not exist")
	}
	out := tagging{}
	for _, key := range sorted(b.tags) {
		out.TagSet = append(out.TagSet, bucketTag{key, b.tags[key]})
	}
	return xmlReply(out), nil
}

type versioning struct {
	XMLName   struct{} `xml:"VersioningConfiguration"`
	Status    string   `xml:",omitempty"`
	MfaDelete string   `xml:",omitempty"`
	Unknown   []extra  `xml:",any"`
}

func (c *Cloud) putVersioning(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	var in versioning
	if err := parseXML(r.body, &in); err != nil {
		return nil, err
	}
	if in.Status != "Enabled" && in.Status != "Suspended" {
		return nil, refuse(400, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	b.versioning = in.Status
	return nothing(http.StatusOK), unknown(in.Unknown)
}

func (c *Cloud) getVersioning(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	return xmlReply(versioning{Status: b.versioning}), nil
}

func (c *Cloud) putBucketPolicy(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	doc, wrong := parsePolicy(string(r.body))
	for _, g := range doc.Statement {
		if g.Principal == nil {
			wrong = "Missing required field Principal"
		}
		for _, resource := range g.Resource {
			if !strings.HasPrefix(resource, arn("s3", b.name)) {
				wrong = "Policy has invalid resource"
			}
		}
		if b.accessBlock != nil && b.accessBlock.BlockPublicPolicy && g.Effect == "Allow" && g.Principal == "*" && len(g.Condition) == 0 {
			return nil, refuse(403, "AccessDenied", "User: %s is not authorized to perform: s3:PutBucketPolicy on resource: \"%s\" "+
				"because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.", Caller, arn("s3", b.name))
		}
	}
	if wrong != "" {
		return nil, refuse(400, "MalformedPolicy", "%s", wrong)
	}
	b.policy = string(r.body)
	return nothing(http.StatusNoContent), nil
}

func (c *Cloud) getBucketPolicy(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	if b.policy == "" {
		return nil, refuse(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	return standin.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(b.policy)}, nil
}

func (c *Cloud) putEncryption(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		XMLName struct{} `xml:"ServerSideEncryptionConfiguration"`
		Rule    []struct {
			Default struct {
				SSEAlgorithm   string
				KMSMasterKeyID string
				Unknown        []extra `xml:",any"`
			} `xml:"ApplyServerSideEncryptionByDefault"`
			BucketKeyEnabled bool
			Unknown          []extra `xml:",any"`
		}
		Unknown []extra `xml:",any"`
	}
	if err := parseXML(r.body, &in); err != nil {
		return nil, err
	}
	if len(in.Rule) != 1 || !slices.Contains([]string{"AES256", "aws:kms", "aws:kms:dsse"}, in.Rule[0].Default.SSEAlgorithm) {
		return nil, refuse(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	b.encryption = in.Rule[0].Default.SSEAlgorithm
	return nothing(http.StatusOK), unknown(in.Unknown, in.Rule[0].Unknown, in.Rule[0].Default.Unknown)
}

func (c *Cloud) getLocation(r *request) (any, error) {
	if _, err := c.bucketOf(r); err != nil {
		return nil, err
	}
	return xmlReply(struct {
		XMLName struct{} `xml:"LocationConstraint"`
		Region  string   `xml:",chardata"`
	}{Region: Region}), nil
}

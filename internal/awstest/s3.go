package awstest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

func s3Service() *service {
	return &service{name: "s3", protocol: restXML, ops: []*operation{
		{name: "CreateBucket", route: "PUT bucket", run: (*Cloud).createBucket},
		{name: "HeadBucket", route: "HEAD bucket", run: (*Cloud).headBucket},
		{name: "DeleteBucket", route: "DELETE bucket", run: (*Cloud).deleteBucket},
		{name: "PutPublicAccessBlock", route: "PUT bucket publicAccessBlock", run: (*Cloud).putAccessBlock},
		{name: "GetPublicAccessBlock", route: "GET bucket publicAccessBlock", run: (*Cloud).getAccessBlock},
		{name: "PutBucketTagging", route: "PUT bucket tagging", run: (*Cloud).putBucketTags},
		{name: "GetBucketTagging", route: "GET bucket tagging", run: (*Cloud).getBucketTags},
		{name: "PutBucketVersioning", route: "PUT bucket versioning", run: (*Cloud).putVersioning},
		{name: "GetBucketVersioning", route: "GET bucket versioning", run: (*Cloud).getVersioning},
		{name: "PutBucketPolicy", route: "PUT bucket policy", run: (*Cloud).putBucketPolicy},
		{name: "GetBucketPolicy", route: "GET bucket policy", run: (*Cloud).getBucketPolicy},
		{name: "PutBucketEncryption", route: "PUT bucket encryption", run: (*Cloud).putEncryption},
		{name: "GetBucketLocation", route: "GET bucket location", run: (*Cloud).getLocation},
		{name: "PutBucketNotificationConfiguration", route: "PUT bucket notification", run: (*Cloud).putNotification},
		{name: "GetBucketNotificationConfiguration", route: "GET bucket notification", run: (*Cloud).getNotification},
		{name: "ListObjectVersions", route: "GET bucket versions", run: (*Cloud).listObjectVersions},
		{name: "ListObjectsV2", route: "GET bucket list-type", run: (*Cloud).listObjects},
		{name: "CreateMultipartUpload", route: "POST key uploads", run: (*Cloud).createUpload},
		{name: "UploadPart", route: "PUT key uploadId", run: (*Cloud).uploadPart},
		{name: "CompleteMultipartUpload", route: "POST key uploadId", run: (*Cloud).completeUpload},
		{name: "AbortMultipartUpload", route: "DELETE key uploadId", run: (*Cloud).abortUpload},
		{name: "PutObject", route: "PUT key", run: (*Cloud).putObject},
		{name: "GetObject", route: "GET key", run: (*Cloud).getObject},
		{name: "HeadObject", route: "HEAD key", run: (*Cloud).headObject},
		{name: "DeleteObject", route: "DELETE key", run: (*Cloud).deleteObject},
	}}
}

// s3Actions are the permissions that are not named as their operations.
var s3Actions = map[string]string{
	"HeadBucket": "ListBucket", "ListObjectsV2": "ListBucket", "ListObjectVersions": "ListBucketVersions", "HeadObject": "GetObject",
	"CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject",
	"PutPublicAccessBlock": "PutBucketPublicAccessBlock", "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
	"PutBucketNotificationConfiguration": "PutBucketNotification", "GetBucketNotificationConfiguration": "GetBucketNotification",
	"PutBucketEncryption": "PutEncryptionConfiguration",
}

// What a query string may have beside the word that chooses the operation.
var s3Parameters = []string{
	"x-id", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "encoding-type", "fetch-owner", "versionId", "partNumber",
	"uploadId", "list-type", "key-marker", "version-id-marker", "response-content-type",
}

func s3Route(s *service, r *http.Request) (*operation, map[string]string) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	values := r.URL.Query()
next:
	for _, op := range s.ops {
		parts := strings.Fields(op.route)
		if parts[0] != r.Method || (parts[1] == "key") != (key != "") || len(parts) == 3 && !values.Has(parts[2]) {
			continue
		}
		for name := range values {
			if !slices.Contains(s3Parameters, name) && (len(parts) < 3 || name != parts[2]) {
				continue next // another operation's word
			}
		}
		return op, map[string]string{"Bucket": bucket, "Key": key}
	}
	return nil, nil
}

func noBucket() error {
	return refuse(404, "NoSuchBucket", "The specified bucket does not exist")
}

func noKey() error {
	return refuse(404, "NoSuchKey", "The specified key does not exist.")
}

func preconditionFailed() error {
	return refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

// bucketOf finds the bucket of a request, whose owner must be the expected one.
func (c *Cloud) bucketOf(r *request) (*bucket, error) {
	b := c.buckets[r.vars["Bucket"]]
	if b == nil {
		return nil, noBucket()
	}
	if owner := r.http.Header.Get("X-Amz-Expected-Bucket-Owner"); owner != "" && owner != Account {
		return nil, refuse(403, "AccessDenied", "Access Denied")
	}
	return b, nil
}

// extra catches elements that a document must not have.
type extra struct {
	XMLName xml.Name
}

func unknown(lists ...[]extra) error {
	for _, list := range lists {
		for _, e := range list {
			return fmt.Errorf("there is no element %q here", e.XMLName.Local)
		}
	}
	return nil
}

func parseXML(data []byte, into any) error {
	if err := xml.Unmarshal(data, into); err != nil {
		return refuse(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	return nil
}

// document is an XML reply.
func xmlReply(v any) standin.Reply {
	data, _ := xml.Marshal(v) // structures of this package
	return standin.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/xml"}}, Body: append([]byte(xml.Header), data...)}
}

// nothing is a reply without a body.
func nothing(status int) standin.Reply { return standin.Reply{Status: status, Header: http.Header{}} }

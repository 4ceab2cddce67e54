package awstest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ferryfn/ferry/internal/awstest"
)

// bucket makes the bucket "store".
func (c clients) bucket() {
	c.Helper()
	_, err := c.s3.CreateBucket(c.Context(), &s3.CreateBucketInput{
		Bucket: new("store"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: awstest.Region},
	})
	c.ok(err)
}

func (c clients) put(key, body string, change ...func(*s3.PutObjectInput)) (string, error) {
	in := &s3.PutObjectInput{Bucket: new("store"), Key: &key, Body: strings.NewReader(body), Metadata: map[string]string{"nonce": "n"}}
	for _, f := range change {
		f(in)
	}
	out, err := c.s3.PutObject(c.Context(), in)
	if err != nil {
		return "", err
	}
	return *out.ETag, nil
}

func TestConditionalWritesOfObjectsHold(t *testing.T) {
	c := start(t)
	c.bucket()
	absent := func(in *s3.PutObjectInput) { in.IfNoneMatch = new("*") }
	match := func(tag string) func(*s3.PutObjectInput) { return func(in *s3.PutObjectInput) { in.IfMatch = &tag } }
	tag, err := c.put("a/lock", "one", absent)
	c.ok(err)
	_, err = c.put("a/lock", "two", absent)
	c.refused(err, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	_, err = c.put("a/lock", "two", match(`"other"`))
	c.refused(err, "PreconditionFailed")
	_, err = c.put("none", "two", match(tag))
	c.refused(err, "NoSuchKey")
	next, err := c.put("a/lock", "two", match(tag))
	c.ok(err)
	c.cloud.ObjectConflicts(1)
	_, err = c.put("a/lock", "three", match(next))
	c.refused(err, "ConditionalRequestConflict", "conflicting operation")
	got, err := c.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("store"), Key: new("a/lock")})
	c.ok(err)
	data, err := io.ReadAll(got.Body)
	c.ok(err)
	if string(data) != "two" || got.Metadata["nonce"] != "n" || *got.ETag != next {
		t.Errorf("%s %v %s", data, got.Metadata, *got.ETag)
	}
	remove := func(tag *string) error {
		_, err := c.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: new("store"), Key: new("a/lock"), IfMatch: tag})
		return err
	}
	c.refused(remove(&tag), "PreconditionFailed")
	_, err = c.s3.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: new("store")})
	c.refused(err, "BucketNotEmpty", "The bucket you tried to delete is not empty")
	c.ok(remove(&next))
	c.refused(remove(&next), "NoSuchKey")
	c.ok(remove(nil))
	_, err = c.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("store"), Key: new("a/lock")})
	c.refused(err, "NoSuchKey", "The specified key does not exist.")
	_, err = c.s3.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: new("store")})
	c.ok(err)
	_, err = c.put("a", "b")
	c.refused(err, "NoSuchBucket", "The specified bucket does not exist")
}

func TestBucketsAreMadeWhereTheRegionIs(t *testing.T) {
	c := start(t)
	create := func(name string, place types.BucketLocationConstraint) error {
		in := &s3.CreateBucketInput{Bucket: &name}
		if place != "" {
			in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: place}
		}
		_, err := c.s3.CreateBucket(t.Context(), in)
		return err
	}
	c.refused(create("store", ""), "IllegalLocationConstraintException", "The unspecified location constraint")
	c.refused(create("store", "us-west-2"), "IllegalLocationConstraintException", "us-west-2")
	c.refused(create("Store_", awstest.Region), "InvalidBucketName")
	c.ok(create("store", awstest.Region))
	c.refused(create("store", awstest.Region), "BucketAlreadyOwnedByYou")
	_, err := c.s3.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: new("store")})
	c.refused(err, "NoSuchTagSet", "The TagSet does not exist")
	_, err = c.s3.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: new("store"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: new("a"), Value: new("1")}}}})
	c.ok(err)
	tags, err := c.s3.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: new("store")})
	c.ok(err)
	if len(tags.TagSet) != 1 || *tags.TagSet[0].Key != "a" {
		t.Errorf("tags %+v", tags.TagSet)
	}
	_, err = c.s3.PutPublicAccessBlock(t.Context(), &s3.PutPublicAccessBlockInput{Bucket: new("store"), PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicPolicy: new(true)}})
	c.ok(err)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::store/*"}]}`
	_, err = c.s3.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: new("store"), Policy: &policy})
	c.refused(err, "AccessDenied", "BlockPublicPolicy")
	_, err = c.s3.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{Bucket: new("store"), ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}}},
	}})
	c.ok(err)
	place, err := c.s3.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: new("store")})
	c.ok(err)
	if string(place.LocationConstraint) != awstest.Region {
		t.Errorf("location %q", place.LocationConstraint)
	}
	_, err = c.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: new("store"), ExpectedBucketOwner: new("999999999999")})
	if err == nil {
		t.Error("the bucket of somebody else was found")
	}
}

func TestVersionedBucketsKeepWhatWasDeleted(t *testing.T) {
	c := start(t)
	c.bucket()
	_, err := c.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: new("store"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	c.ok(err)
	_, err = c.put("k", "one")
	c.ok(err)
	_, err = c.put("k", "two")
	c.ok(err)
	_, err = c.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: new("store"), Key: new("k")})
	c.ok(err)
	_, err = c.put("k", "three", func(in *s3.PutObjectInput) { in.IfNoneMatch = new("*") })
	c.ok(err)
	list, err := c.s3.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: new("store")})
	c.ok(err)
	if len(list.Versions) != 3 || len(list.DeleteMarkers) != 1 {
		t.Fatalf("%d versions, %d markers", len(list.Versions), len(list.DeleteMarkers))
	}
	got, err := c.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("store"), Key: new("k"), VersionId: list.Versions[2].VersionId})
	c.ok(err)
	if data, _ := io.ReadAll(got.Body); string(data) != "one" {
		t.Errorf("the first version is %s", data)
	}
}

func TestKeysAreListedInPagesAndFolders(t *testing.T) {
	c := start(t)
	c.bucket()
	for i := range 7 {
		_, err := c.put(fmt.Sprintf("a/%d/ä b", i), "x")
		c.ok(err)
	}
	_, err := c.put("b", "x")
	c.ok(err)
	for delimiter, want := range map[string]string{"": "3 3 2 keys 8 folders 0", "/": "2 keys 1 folders 1"} {
		in := &s3.ListObjectsV2Input{Bucket: new("store"), MaxKeys: new(int32(3))}
		if delimiter != "" {
			in.Delimiter = &delimiter
		}
		sizes, keys, folders := "", 0, 0
		pages := s3.NewListObjectsV2Paginator(c.s3, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			c.ok(err)
			sizes += fmt.Sprint(*page.KeyCount, " ")
			keys, folders = keys+len(page.Contents), folders+len(page.CommonPrefixes)
		}
		if got := fmt.Sprintf("%skeys %d folders %d", sizes, keys, folders); got != want {
			t.Errorf("%q: %s, want %s", delimiter, got, want)
		}
	}
}

func TestLargeObjectsComeInParts(t *testing.T) {
	c := start(t)
	c.bucket()
	begun, err := c.s3.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: new("store"), Key: new("big")})
	c.ok(err)
	var parts []types.CompletedPart
	for i, size := range []int{5 << 20, 10} {
		out, err := c.s3.UploadPart(t.Context(), &s3.UploadPartInput{
			Bucket: new("store"), Key: new("big"), UploadId: begun.UploadId, PartNumber: new(int32(i + 1)), Body: bytes.NewReader(make([]byte, size)),
		})
		c.ok(err)
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: new(int32(i + 1))})
	}
	complete := func(parts []types.CompletedPart, none *string) error {
		_, err := c.s3.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
			Bucket: new("store"), Key: new("big"), UploadId: begun.UploadId, IfNoneMatch: none, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		return err
	}
	c.refused(complete([]types.CompletedPart{parts[1], parts[0]}, nil), "InvalidPartOrder")
	c.refused(complete([]types.CompletedPart{{ETag: new("x"), PartNumber: new(int32(1))}}, nil), "InvalidPart")
	_, err = c.put("big", "there")
	c.ok(err)
	c.refused(complete(parts, new("*")), "PreconditionFailed")
	c.ok(complete(parts, nil))
	head, err := c.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new("store"), Key: new("big")})
	c.ok(err)
	if *head.ContentLength != 5<<20+10 || !strings.HasSuffix(*head.ETag, `-2"`) {
		t.Errorf("%d %s", *head.ContentLength, *head.ETag)
	}
	_, err = c.s3.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: new("store"), Key: new("big"), UploadId: begun.UploadId})
	c.refused(err, "NoSuchUpload")
}

func TestNotificationsWantTargetsThatLetTheBucketIn(t *testing.T) {
	c := start(t)
	c.function()
	c.bucket()
	rule := func(id, prefix string) types.LambdaFunctionConfiguration {
		return types.LambdaFunctionConfiguration{
			Id: &id, LambdaFunctionArn: new("arn:aws:lambda:eu-west-1:123456789012:function:fn:live"), Events: []types.Event{"s3:ObjectCreated:*"},
			Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: types.FilterRuleNamePrefix, Value: &prefix}}}},
		}
	}
	put := func(rules ...types.LambdaFunctionConfiguration) error {
		_, err := c.s3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
			Bucket: new("store"), NotificationConfiguration: &types.NotificationConfiguration{LambdaFunctionConfigurations: rules},
		})
		return err
	}
	c.refused(put(rule("a", "raw/")), "InvalidArgument", "Unable to validate the following destination configurations")
	in := permission("s3")
	in.SourceArn, in.SourceAccount = new("arn:aws:s3:::store"), new(awstest.Account)
	_, err := c.lambda.AddPermission(t.Context(), in)
	c.ok(err)
	c.refused(put(rule("a", "raw/"), rule("b", "raw/x")), "InvalidArgument", "Configuration is ambiguously defined.")
	c.refused(put(rule("a", "raw/"), rule("a", "x/")), "InvalidArgument", "IDs must be unique")
	missing := rule("a", "raw/")
	missing.LambdaFunctionArn = new("arn:aws:lambda:eu-west-1:123456789012:function:fn:none")
	c.refused(put(missing), "InvalidArgument", "Unable to validate")
	c.ok(put(rule("a", "raw/"), rule("b", "x/")))
	c.ok(put(rule("b", "x/")))
	got, err := c.s3.GetBucketNotificationConfiguration(t.Context(), &s3.GetBucketNotificationConfigurationInput{Bucket: new("store")})
	c.ok(err)
	if rules := got.LambdaFunctionConfigurations; len(rules) != 1 || *rules[0].Id != "b" || aws.ToString(rules[0].Filter.Key.FilterRules[0].Value) != "x/" {
		t.Errorf("rules %+v", rules)
	}
	_, err = c.lambda.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: new("fn"), Qualifier: new("live"), StatementId: new("s3")})
	c.ok(err)
	c.refused(put(rule("b", "x/")), "InvalidArgument", "Unable to validate")
}

func TestChunkedUploadsAreReadAndTheirChecksumsVerified(t *testing.T) {
	c := start(t)
	c.bucket()
	for sum, want := range map[string]int{"y/Q5Jg==": 200, "AAAAAA==": 400} {
		body := "5;chunk-signature=x\r\n12345\r\n4\r\n6789\r\n0\r\nx-amz-checksum-crc32:" + sum + "\r\n\r\n"
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.cloud.Endpoint()+"/store/k", strings.NewReader(body))
		c.ok(err)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+awstest.AccessKey+"/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=x")
		r.Header.Set("Content-Encoding", "aws-chunked")
		r.Header.Set("X-Amz-Decoded-Content-Length", "9")
		r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		if status, text, _ := c.send(r); status != want {
			t.Errorf("%s: %d %s", sum, status, text)
		}
	}
	got, err := c.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("store"), Key: new("k")})
	c.ok(err)
	if data, _ := io.ReadAll(got.Body); string(data) != "123456789" {
		t.Errorf("stored %q", data)
	}
}

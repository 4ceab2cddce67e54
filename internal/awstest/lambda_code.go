package awstest

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const (
	maxZipped    = 52428800
	maxUnzipped  = 262144000
	maxRequest   = 70167211
	downloadPath = "/awstest-download/"
)

// code is the package of a function.
type code struct {
	zip      []byte
	sha      string // base64 of SHA-256, as CodeSha256 has it
	unzipped int64
}

// sized refuses request bodies that are too large before they are read.
func sized(name string, run func(*Cloud, *request) (any, error)) func(*Cloud, *request) (any, error) {
	return func(c *Cloud, r *request) (any, error) {
		if len(r.body) >= maxRequest {
			return nil, refuse(413, "RequestEntityTooLargeException",
				"Request must be smaller than %d bytes for the %s operation", maxRequest, name)
		}
		return run(c, r)
	}
}

// load reads the code that a request carries or points at.
func (c *Cloud) load(in types.FunctionCode) (code, error) {
	data := in.ZipFile
	switch {
	case in.ImageUri != nil:
		return code{}, invalid("Please don't provide ImageUri when creating or updating a function with packageType Zip.")
	case in.S3Bucket != nil && in.ZipFile != nil:
		return code{}, invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case in.S3Bucket != nil:
		stored, err := c.codeObject(*in.S3Bucket, deref(in.S3Key), in.S3ObjectVersion)
		if err != nil {
			return code{}, err
		}
		data = stored
	case in.ZipFile == nil:
		return code{}, invalid("Please provide a source for function code.")
	case len(data) >= maxZipped:
		return code{}, refuse(413, "RequestEntityTooLargeException", "Zipped size must be smaller than %d bytes", maxZipped)
	}
	return readCode(data)
}

func readCode(data []byte) (code, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return code{}, invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	if len(archive.File) == 0 {
		return code{}, invalid("Uploaded file must be a non-empty zip")
	}
	var size int64
	for _, f := range archive.File {
		size += int64(f.UncompressedSize64)
	}
	if size >= maxUnzipped {
		return code{}, invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	sum := sha256.Sum256(data)
	return code{zip: data, sha: base64.StdEncoding.EncodeToString(sum[:]), unzipped: size}, nil
}

func (c *Cloud) codeObject(bucket, key string, versionID *string) ([]byte, error) {
	const failed = "Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s"
	b := c.buckets[bucket]
	if b == nil {
		return nil, invalid(failed, "NoSuchBucket", "The specified bucket does not exist")
	}
	o := b.object(key, deref(versionID))
	if o == nil && versionID != nil {
		return nil, invalid(failed, "NoSuchVersion", "The specified version does not exist.")
	}
	if o == nil {
		return nil, invalid(failed, "NoSuchKey", "The specified key does not exist.")
	}
	return o.data, nil
}

// location is where the code of a version can be downloaded, for as long as the test runs.
func (c *Cloud) location(v *version) *types.FunctionCodeLocation {
	token := strings.NewReplacer("/", "_", "+", "-", "=", "").Replace(v.code.sha)
	c.downloads[token] = v.code.zip
	return &types.FunctionCodeLocation{Location: new(c.Endpoint() + downloadPath + token), RepositoryType: new("S3")}
}

func (c *Cloud) download(w http.ResponseWriter, token string) {
	c.mu.Lock()
	data, ok := c.downloads[token]
	c.mu.Unlock()
	if !ok {
		http.Error(w, "AccessDenied", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	_, _ = w.Write(data) // a caller that has gone is no concern
}

// invalid is Lambda's refusal of a value that only it can judge.
func invalid(format string, args ...any) error {
	return refuse(400, "InvalidParameterValueException", format, args...)
}

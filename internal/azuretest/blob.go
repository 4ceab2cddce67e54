package azuretest

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

type container struct {
	name     string
	etag     string
	modified time.Time
	blobs    map[string]*blob
}

// blob is a block blob. One that only has blocks staged is not there yet.
type blob struct {
	there     bool
	data      []byte
	etag      string
	created   time.Time
	modified  time.Time
	header    http.Header // how it is answered: Content-Type and its like
	metadata  map[string]string
	lease     lease
	staged    map[string][]byte
	committed map[string][]byte
	blocks    []string
}

func newETag() string {
	return `"0x8DE` + strings.ToUpper(strings.ReplaceAll(newID(), "-", "")[:12]) + `"`
}

const blobData = "data:Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"

// blobOperations are those of the data plane of blobs.
//
// Source: azure-rest-api-specs, storage/data-plane/Microsoft.BlobStorage, blob.json; learn.microsoft.com/rest/api/storageservices.
func blobOperations() []*operation {
	const containers = "Microsoft.Storage/storageAccounts/blobServices/containers/"
	const in, at = "/{container}", "/{container}/{blob...}"
	return []*operation{
		data("Service_ListContainersSegment", "GET /?comp=list", containers+"read", (*Cloud).listContainers),
		data("Container_ListBlobFlatSegment", "GET "+in+"?restype=container&comp=list", blobData+"read", (*Cloud).listBlobs),
		data("Container_Create", "PUT "+in+"?restype=container&comp=", containers+"write", (*Cloud).createContainer),
		data("Container_GetProperties", "GET "+in+"?restype=container&comp=", containers+"read", (*Cloud).containerProperties),
		data("Container_GetProperties", "HEAD "+in+"?restype=container&comp=", containers+"read", (*Cloud).containerProperties),
		data("Container_Delete", "DELETE "+in+"?restype=container", containers+"delete", (*Cloud).removeContainer),
		data("Blob_Download", "GET "+at+"?comp=", blobData+"read", (*Cloud).getBlob),
		data("Blob_GetProperties", "HEAD "+at+"?comp=", blobData+"read", (*Cloud).getBlob),
		data("BlockBlob_Upload", "PUT "+at+"?comp=", blobData+"write", (*Cloud).putBlob),
		data("BlockBlob_StageBlock", "PUT "+at+"?comp=block", blobData+"write", (*Cloud).putBlock),
		data("BlockBlob_CommitBlockList", "PUT "+at+"?comp=blocklist", blobData+"write", (*Cloud).putBlockList),
		data("Blob_SetMetadata", "PUT "+at+"?comp=metadata", blobData+"write", (*Cloud).setMetadata),
		data("Blob_Lease", "PUT "+at+"?comp=lease", blobData+"write", (*Cloud).leaseBlob),
		data("Blob_Delete", "DELETE "+at+"?comp=", blobData+"delete", (*Cloud).deleteBlob),
	}
}

func (c *Cloud) createContainer(a *account, r *request) (any, error) {
	name := r.vars["container"]
	if !containerName(name) {
		return nil, refuse(400, "InvalidResourceName", "The specified resource name contains invalid characters.")
	}
	if a.containers[name] != nil {
		return nil, refuse(409, "ContainerAlreadyExists", "The specified container already exists.")
	}
	made := c.newContainer(a, name)
	return storageReply(r, http.StatusCreated, http.Header{"Etag": {made.etag}, "Last-Modified": {httpTime(made.modified)}}, nil), nil
}

func (c *Cloud) containerProperties(a *account, r *request) (any, error) {
	in, err := a.container(r)
	if err != nil {
		return nil, err
	}
	return storageReply(r, http.StatusOK, http.Header{"Etag": {in.etag}, "Last-Modified": {httpTime(in.modified)}, "X-Ms-Lease-State": {"available"}}, nil), nil
}

func (c *Cloud) removeContainer(a *account, r *request) (any, error) {
	in, err := a.container(r)
	if err != nil {
		return nil, err
	}
	delete(a.containers, in.name)
	delete(c.resources, lower(a.containerID(in.name)))
	return storageReply(r, http.StatusAccepted, nil, nil), nil
}

func (a *account) container(r *request) (*container, error) {
	if in := a.containers[r.vars["container"]]; in != nil {
		return in, nil
	}
	return nil, refuse(404, "ContainerNotFound", "The specified container does not exist.")
}

// find is a blob that is there.
func (in *container) find(name string) (*blob, error) {
	if b := in.blobs[name]; b != nil && b.there {
		return b, nil
	}
	return nil, refuse(404, "BlobNotFound", "The specified blob does not exist.")
}

func storageReply(r *request, status int, h http.Header, body []byte) standin.Reply {
	if h == nil {
		h = http.Header{}
	}
	storageHeaders(h, r)
	return standin.Reply{Status: status, Header: h, Body: body}
}

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

func itoa[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

func (b *blob) headers() http.Header {
	h := http.Header{
		"Etag": {b.etag}, "Last-Modified": {httpTime(b.modified)}, "X-Ms-Blob-Type": {"BlockBlob"}, "Accept-Ranges": {"bytes"},
		"X-Ms-Creation-Time": {httpTime(b.created)}, "X-Ms-Server-Encrypted": {"true"},
	}
	for name, values := range b.header {
		h[name] = values
	}
	for name, value := range b.metadata {
		h[textproto.CanonicalMIMEHeaderKey("X-Ms-Meta-"+name)] = []string{value}
	}
	b.lease.headers(h)
	return h
}

// found is the blob of a request, which must be there and be as the request's conditions want it.
func (a *account) found(r *request) (*container, *blob, error) {
	in, err := a.container(r)
	if err != nil {
		return nil, nil, err
	}
	b, err := in.find(r.vars["blob"])
	if err != nil {
		return nil, nil, err
	}
	return in, b, b.meets(r)
}

func (c *Cloud) getBlob(a *account, r *request) (any, error) {
	_, b, err := a.found(r)
	if err != nil {
		return nil, err
	}
	if err := b.lease.forReading(r); err != nil {
		return nil, err
	}
	h, body, status := b.headers(), b.data, http.StatusOK
	wanted := r.http.Header.Get("X-Ms-Range")
	if wanted == "" {
		wanted = r.http.Header.Get("Range")
	}
	if wanted != "" {
		from, to, ok := byteRange(wanted, len(b.data))
		if !ok {
			return nil, refuse(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
		}
		body, status = b.data[from:to], http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(b.data)))
		h.Del("Content-Md5")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.http.Method == http.MethodHead {
		body = nil
	}
	return storageReply(r, status, h, body), nil
}

func byteRange(text string, size int) (from, to int, ok bool) {
	first, last, _ := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
	from, err := strconv.Atoi(first)
	if err != nil || from >= size {
		return 0, 0, false
	}
	to = size
	if n, err := strconv.Atoi(last); err == nil {
		to = min(size, n+1)
	}
	return from, to, to > from
}

func conditionNotMet() error {
	return refuse(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
}

// meets compares a blob with the conditions of a request.
//
// Source: learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations.
func (b *blob) meets(r *request) error {
	h, reads := r.http.Header, r.http.Method == http.MethodGet || r.http.Method == http.MethodHead
	if want := h.Get("If-Match"); want != "" && want != "*" && want != b.etag {
		return conditionNotMet()
	}
	if since, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && b.modified.Truncate(time.Second).After(since) {
		return conditionNotMet()
	}
	same := h.Get("If-None-Match") == b.etag
	if since, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && !b.modified.Truncate(time.Second).After(since) {
		same = true
	}
	switch {
	case same && reads:
		return refuse(304, "ConditionNotMet", "")
	case same:
		return conditionNotMet()
	}
	return nil
}

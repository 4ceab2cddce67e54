package azuretest

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// open is the blob that a write is about: the one that is there, or a new one, when conditions and lease allow the write.
func (a *account) open(r *request) (*container, *blob, error) {
	in, err := a.container(r)
	if err != nil {
		return nil, nil, err
	}
	b := in.blobs[r.vars["blob"]]
	if b == nil || !b.there {
		h := r.http.Header
		if h.Get("X-Ms-Lease-Id") != "" {
			return nil, nil, refuse(412, "LeaseNotPresentWithBlobOperation", "There is currently no lease on the blob.")
		}
		if h.Get("If-Match") != "" {
			return nil, nil, conditionNotMet()
		}
		if b == nil {
			b = &blob{created: time.Now(), staged: map[string][]byte{}}
		}
		return in, b, nil
	}
	if r.http.Header.Get("If-None-Match") == "*" {
		return nil, nil, refuse(409, "BlobAlreadyExists", "The specified blob already exists.")
	}
	if err := b.meets(r); err != nil {
		return nil, nil, err
	}
	return in, b, b.lease.forWriting(r)
}

func (c *Cloud) putBlob(a *account, r *request) (any, error) {
	in, b, err := a.open(r)
	if err != nil {
		return nil, err
	}
	h := r.http.Header
	body, status := r.body, http.StatusCreated
	switch {
	case h.Get("X-Ms-Copy-Source") != "":
		source, err := c.copied(r)
		if err != nil {
			return nil, err
		}
		b.header, b.metadata, body, status = source.header.Clone(), source.metadata, source.data, http.StatusAccepted
	case h.Get("X-Ms-Blob-Type") == "":
		return nil, refuse(400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified.")
	case h.Get("X-Ms-Blob-Type") != "BlockBlob":
		return nil, refuse(400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.")
	default:
		if err := checkMD5(r); err != nil {
			return nil, err
		}
		b.describe(r)
	}
	b.data = body
	b.blocks, b.staged, b.committed = nil, map[string][]byte{}, nil
	in.write(r.vars["blob"], b)
	c.written(a, in.name, r.vars["blob"], b)
	out := http.Header{"Etag": {b.etag}, "Last-Modified": {httpTime(b.modified)}, "Content-Md5": b.header["Content-Md5"], "X-Ms-Request-Server-Encrypted": {"true"}}
	if status == http.StatusAccepted {
		out.Set("X-Ms-Copy-Id", newID())
		out.Set("X-Ms-Copy-Status", "success")
	}
	return storageReply(r, status, out, nil), nil
}

// copied is the blob that a copy is made from: one of this cloud.
func (c *Cloud) copied(r *request) (*blob, error) {
	host, path, _ := strings.Cut(strings.TrimPrefix(r.http.Header.Get("X-Ms-Copy-Source"), "https://"), "/")
	account := c.account(strings.TrimSuffix(host, ".blob.core.windows.net"))
	container, name, _ := strings.Cut(path, "/")
	if account == nil || account.containers[container] == nil {
		return nil, refuse(404, "CannotVerifyCopySource", "The specified resource does not exist.")
	}
	return account.containers[container].find(name)
}

func checkMD5(r *request) error {
	if given := r.http.Header.Get("Content-Md5"); given != "" && given != sumMD5(r.body) {
		return refuse(400, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server.")
	}
	return nil
}

func sumMD5(data []byte) string {
	sum := md5.Sum(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// describe takes over what a request says of a blob. Who says nothing has nothing afterwards.
func (b *blob) describe(r *request) {
	b.header, b.metadata = http.Header{"Content-Type": {"application/octet-stream"}}, map[string]string{}
	for name, values := range r.http.Header {
		low := lower(name)
		if meta, ok := strings.CutPrefix(low, "x-ms-meta-"); ok {
			b.metadata[meta] = values[0]
		}
		if of, ok := strings.CutPrefix(low, "x-ms-blob-content-"); ok {
			b.header[textproto.CanonicalMIMEHeaderKey("Content-"+of)] = values
		}
	}
	if kind := r.http.Header.Get("Content-Type"); kind != "" && b.header.Get("X-Ms-Blob-Content-Type") == "" && r.http.Header.Get("X-Ms-Blob-Content-Type") == "" {
		b.header.Set("Content-Type", kind)
	}
	if b.header.Get("Content-Md5") == "" && r.query.Get("comp") == "" {
		b.header.Set("Content-Md5", sumMD5(r.body))
	}
}

func (in *container) write(name string, b *blob) {
	b.there, b.etag, b.modified = true, newETag(), time.Now()
	in.blobs[name] = b
}

func (c *Cloud) putBlock(a *account, r *request) (any, error) {
	in, err := a.container(r)
	if err != nil {
		return nil, err
	}
	id := r.query.Get("blockid")
	if raw, err := base64.StdEncoding.DecodeString(id); err != nil || len(raw) == 0 || len(raw) > 64 {
		return nil, refuse(400, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid.")
	}
	if err := checkMD5(r); err != nil {
		return nil, err
	}
	b := in.blobs[r.vars["blob"]]
	if b == nil {
		b = &blob{created: time.Now(), staged: map[string][]byte{}}
		in.blobs[r.vars["blob"]] = b
	}
	if b.there {
		if err := b.lease.forWriting(r); err != nil {
			return nil, err
		}
	}
	for other := range b.staged {
		if len(other) != len(id) {
			return nil, refuse(400, "InvalidBlobOrBlock", "The specified blob or block content is invalid.")
		}
	}
	b.staged[id] = r.body
	return storageReply(r, http.StatusCreated, http.Header{"Content-Md5": {sumMD5(r.body)}}, nil), nil
}

func (c *Cloud) putBlockList(a *account, r *request) (any, error) {
	in, b, err := a.open(r)
	if err != nil {
		return nil, err
	}
	var list struct {
		Blocks []struct {
			XMLName xml.Name
			ID      string `xml:",chardata"`
		} `xml:",any"`
	}
	if err := xml.Unmarshal(r.body, &list); err != nil {
		return nil, refuse(400, "InvalidXmlDocument", "XML specified is not syntactically valid.")
	}
	var content bytes.Buffer
	committed, ids := map[string][]byte{}, []string{}
	for _, block := range list.Blocks {
		piece, ok := b.staged[block.ID]
		if !ok || block.XMLName.Local == "Committed" {
			piece, ok = b.committed[block.ID]
		}
		if !ok {
			return nil, refuse(400, "InvalidBlockList", "The specified block list is invalid.")
		}
		committed[block.ID], ids = piece, append(ids, block.ID)
		content.Write(piece)
	}
	b.describe(r)
	b.data, b.committed, b.blocks, b.staged = content.Bytes(), committed, ids, map[string][]byte{}
	in.write(r.vars["blob"], b)
	c.written(a, in.name, r.vars["blob"], b)
	return storageReply(r, http.StatusCreated, http.Header{"Etag": {b.etag}, "Last-Modified": {httpTime(b.modified)}}, nil), nil
}

func (c *Cloud) setMetadata(a *account, r *request) (any, error) {
	in, err := a.container(r)
	if err != nil {
		return nil, err
	}
	if _, err := in.find(r.vars["blob"]); err != nil {
		return nil, err
	}
	_, b, err := a.open(r)
	if err != nil {
		return nil, err
	}
	header := b.header
	b.describe(r)
	b.header = header
	in.write(r.vars["blob"], b)
	return storageReply(r, http.StatusOK, http.Header{"Etag": {b.etag}, "Last-Modified": {httpTime(b.modified)}}, nil), nil
}

func (c *Cloud) deleteBlob(a *account, r *request) (any, error) {
	in, b, err := a.found(r)
	if err != nil {
		return nil, err
	}
	if err := b.lease.forWriting(r); err != nil {
		return nil, err
	}
	delete(in.blobs, r.vars["blob"])
	c.removed(a, in.name, r.vars["blob"])
	return storageReply(r, http.StatusAccepted, http.Header{"X-Ms-Delete-Type-Permanent": {"true"}}, nil), nil
}

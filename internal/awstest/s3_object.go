package awstest

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// object is one version of an object, or the mark that it was deleted.
type object struct {
	data      []byte
	etag      string
	header    http.Header
	at        time.Time
	versionID string
	deleted   bool
}

// object finds the newest version of a key, or a given one; nil when there is none or it is deleted.
func (b *bucket) object(key, versionID string) *object {
	versions := b.objects[key]
	if versionID != "" {
		for _, o := range versions {
			if o.versionID == versionID && !o.deleted {
				return o
			}
		}
		return nil
	}
	if len(versions) == 0 || versions[len(versions)-1].deleted {
		return nil
	}
	return versions[len(versions)-1]
}

// store adds a version, or replaces what there is when the bucket keeps none.
func (b *bucket) store(key string, o *object) {
	o.at = now()
	o.versionID = "null"
	if b.versioning == "Enabled" {
		o.versionID = strings.ReplaceAll(newID(), "-", "")
	}
	kept := slices.DeleteFunc(b.objects[key], func(v *object) bool { return v.versionID == o.versionID })
	b.objects[key] = append(kept, o)
}

// kept are the headers of an upload that come back with the object.
func kept(h http.Header) http.Header {
	out := http.Header{"Content-Type": {"binary/octet-stream"}}
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "X-Amz-Meta-"), strings.HasPrefix(name, "X-Amz-Checksum-Crc"), strings.HasPrefix(name, "X-Amz-Checksum-Sha"),
			name == "Content-Type", name == "Cache-Control", name == "Content-Disposition":
			out[name] = values
		}
	}
	if encoding := strings.Trim(strings.ReplaceAll(h.Get("Content-Encoding"), "aws-chunked", ""), ", "); encoding != "" {
		out.Set("Content-Encoding", encoding)
	}
	return out
}

func etag(data []byte) string {
	sum := md5.Sum(data)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// condition refuses a conditional write that does not fit what is there.
func (c *Cloud) condition(r *request, is *object) error {
	match, none := r.http.Header.Get("If-Match"), r.http.Header.Get("If-None-Match")
	if match == "" && none == "" {
		return nil
	}
	switch {
	case c.take(func(k *control) *int { return &k.s3Conflicts }):
		return refuse(409, "ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.")
	case none != "" && none != "*", match != "" && none != "":
		return refuse(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
	case none == "*" && is != nil:
		return preconditionFailed()
	case match != "" && is == nil:
		return noKey()
	case match != "" && match != "*" && strings.Trim(match, `"`) != strings.Trim(is.etag, `"`):
		return preconditionFailed()
	}
	return nil
}

func (c *Cloud) putObject(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	key := r.vars["Key"]
	if len(key) > 1024 {
		return nil, refuse(400, "KeyTooLongError", "Your key is too long")
	}
	data, trailer, err := payload(r)
	if err != nil {
		return nil, err
	}
	if err := c.condition(r, b.object(key, "")); err != nil {
		return nil, err
	}
	o := &object{data: data, etag: etag(data), header: kept(r.http.Header)}
	for name := range trailer {
		o.header.Set(name, trailer.Get(name))
	}
	b.store(key, o)
	return standin.Reply{Status: http.StatusOK, Header: b.versioned(http.Header{"Etag": {o.etag}}, o)}, nil
}

// versioned adds the version to the headers of a reply of a bucket that keeps versions.
func (b *bucket) versioned(h http.Header, o *object) http.Header {
	if b.versioning != "" {
		h.Set("X-Amz-Version-Id", o.versionID)
	}
	return h
}

// find is the object that a request reads.
func (c *Cloud) find(r *request) (*bucket, *object, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, nil, err
	}
	id := r.form.Get("versionId")
	o := b.object(r.vars["Key"], id)
	if o == nil && id != "" {
		return nil, nil, refuse(404, "NoSuchVersion", "The specified version does not exist.")
	}
	if o == nil {
		return nil, nil, noKey()
	}
	if match := r.http.Header.Get("If-Match"); match != "" && match != o.etag && match != "*" {
		return nil, nil, preconditionFailed()
	}
	return b, o, nil
}

func (c *Cloud) getObject(r *request) (any, error) {
	b, o, err := c.find(r)
	if err != nil {
		return nil, err
	}
	h := b.versioned(o.header.Clone(), o)
	if r.http.Header.Get("X-Amz-Checksum-Mode") == "" {
		for name := range h {
			if strings.HasPrefix(name, "X-Amz-Checksum-") {
				h.Del(name)
			}
		}
	}
	h.Set("Etag", o.etag)
	h.Set("Last-Modified", o.at.Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	if r.http.Header.Get("If-None-Match") == o.etag {
		return standin.Reply{Status: http.StatusNotModified, Header: h}, nil
	}
	from, to, ok := byteRange(r.http.Header.Get("Range"), len(o.data))
	if !ok {
		h.Set("Content-Length", strconv.Itoa(len(o.data)))
		return standin.Reply{Status: http.StatusOK, Header: h, Body: o.data}, nil
	}
	if from >= len(o.data) {
		return nil, refuse(416, "InvalidRange", "The requested range is not satisfiable")
	}
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.data)))
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-Checksum-") {
			h.Del(name)
		}
	}
	return standin.Reply{Status: http.StatusPartialContent, Header: h, Body: o.data[from:to]}, nil
}

// byteRange reads "bytes=3-7" and "bytes=3-".
func byteRange(header string, size int) (int, int, bool) {
	first, last, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	from, err := strconv.Atoi(first)
	if !ok || err != nil {
		return 0, 0, false
	}
	to := size
	if n, err := strconv.Atoi(last); err == nil {
		to = min(size, n+1)
	}
	return from, to, true
}

func (c *Cloud) headObject(r *request) (any, error) {
	out, err := c.getObject(r)
	if err != nil {
		return nil, err
	}
	full, _ := out.(standin.Reply)
	full.Body = nil
	return full, nil
}

// deleteObject removes an object, or puts a mark on it where versions are kept. What is not there is no error.
func (c *Cloud) deleteObject(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	key, id := r.vars["Key"], r.form.Get("versionId")
	if err := c.condition(r, b.object(key, id)); err != nil {
		return nil, err
	}
	h := http.Header{}
	switch {
	case id != "":
		b.objects[key] = slices.DeleteFunc(b.objects[key], func(o *object) bool { return o.versionID == id })
		h.Set("X-Amz-Version-Id", id)
	case b.versioning == "":
		delete(b.objects, key)
	default:
		mark := &object{deleted: true}
		b.store(key, mark)
		h.Set("X-Amz-Delete-Marker", "true")
		h.Set("X-Amz-Version-Id", mark.versionID)
	}
	if len(b.objects[key]) == 0 {
		delete(b.objects, key)
	}
	return standin.Reply{Status: http.StatusNoContent, Header: h}, nil
}

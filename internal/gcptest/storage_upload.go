package gcptest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/internal/standin"
)

// upload is a resumable upload that has begun.
type upload struct {
	begun *call // has the conditions
	is    storage.Object
	data  []byte
}

// insertObject writes an object in one of the three ways: https://cloud.google.com/storage/docs/uploads-downloads.
func (p *place) insertObject(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	if uniform(b.is) && c.query.Get("predefinedAcl") != "" {
		return nil, no(http.StatusBadRequest, "invalid", "Cannot insert legacy ACL for an object when uniform bucket-level access is enabled. "+
			"Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access")
	}
	if id := c.query.Get("upload_id"); id != "" {
		return p.resume(c, b, id)
	}
	if c.http.Method != http.MethodPost {
		return nil, no(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	switch c.query.Get("uploadType") {
	case "media":
		return p.named(c, b, storage.Object{ContentType: c.http.Header.Get("Content-Type")}, c.body)
	case "multipart":
		is, data, err := c.parts()
		if err != nil {
			return nil, err
		}
		return p.named(c, b, is, data)
	case "resumable":
		return p.begin(c, b)
	}
	return nil, no(http.StatusBadRequest, "required", "Upload type must be one of media, multipart and resumable.")
}

// nameOf is the name that a new object gets.
func (c *call) nameOf(is storage.Object) (string, error) {
	name := c.query.Get("name")
	if is.Name != "" {
		name = is.Name
	}
	if name == "" {
		return "", no(http.StatusBadRequest, "required", "Required")
	}
	if len(name) > 1024 || strings.ContainsAny(name, "\r\n") || name == "." || name == ".." || strings.HasPrefix(name, ".well-known/acme-challenge/") {
		return "", no(http.StatusBadRequest, "invalid", "Disallowed unicode characters present in object name '%s'", name)
	}
	return name, nil
}

func (p *place) named(c *call, b *bucket, is storage.Object, data []byte) (any, error) {
	name, err := c.nameOf(is)
	if err != nil {
		return nil, err
	}
	is.Name = name
	return p.put(c, b, is, data)
}

// metadata reads the description of an object, in which nothing may stand that the API does not have.
func (c *call) metadata(body []byte) (storage.Object, error) {
	var is storage.Object
	if len(bytes.TrimSpace(body)) == 0 {
		return is, nil
	}
	if fail := c.checkBody(body); fail != nil {
		return is, fail
	}
	return is, json.Unmarshal(body, &is)
}

// parts takes a body apart that is a description and the data.
func (c *call) parts() (storage.Object, []byte, error) {
	bad := no(http.StatusBadRequest, "badContent", "Multipart request must contain exactly two parts.")
	kind, parameters, err := mime.ParseMediaType(c.http.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return storage.Object{}, nil, bad
	}
	reader := multipart.NewReader(bytes.NewReader(c.body), parameters["boundary"])
	var bodies [][]byte
	var media string
	for {
		part, err := reader.NextRawPart()
		if err != nil {
			break
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return storage.Object{}, nil, bad
		}
		bodies, media = append(bodies, data), part.Header.Get("Content-Type")
	}
	if len(bodies) != 2 {
		return storage.Object{}, nil, bad
	}
	is, err := c.metadata(bodies[0])
	if is.ContentType == "" {
		is.ContentType = media
	}
	return is, bodies[1], err
}

func (p *place) begin(c *call, b *bucket) (any, error) {
	is, err := c.metadata(c.body)
	if err != nil {
		return nil, err
	}
	if is.Name, err = c.nameOf(is); err != nil {
		return nil, err
	}
	if err := c.conditions(b.objects[is.Name]); err != nil {
		return nil, err
	}
	if is.ContentType == "" {
		is.ContentType = c.http.Header.Get("X-Upload-Content-Type")
	}
	id := "upload-" + strconv.FormatInt(p.next(), 10)
	p.uploads[id] = &upload{begun: c, is: is}
	query := c.http.URL.Query()
	query.Set("upload_id", id)
	header := http.Header{}
	header.Set("Location", "http://"+c.http.Host+c.http.URL.EscapedPath()+"?"+query.Encode())
	header.Set("X-GUploader-UploadID", id)
	return standin.Reply{Status: http.StatusOK, Header: header}, nil
}

// resume takes the next part of an upload. Content-Range says which it is: "bytes 0-524287/*", "bytes */1000000".
func (p *place) resume(c *call, b *bucket, id string) (any, error) {
	u := p.uploads[id]
	if u == nil {
		return nil, no(http.StatusNotFound, "notFound", "Upload session not found.")
	}
	span, total, ranged := strings.Cut(strings.TrimPrefix(c.http.Header.Get("Content-Range"), "bytes "), "/")
	first, _, of := strings.Cut(span, "-")
	if from, err := strconv.Atoi(first); of && (err != nil || from > len(u.data)) {
		return nil, no(http.StatusBadRequest, "invalid", "Invalid request. The part does not begin where the last ended.")
	} else if of {
		u.data = append(u.data[:from], c.body...)
	} else if !ranged {
		u.data = c.body
	}
	if ranged && total != strconv.Itoa(len(u.data)) {
		return c.more(len(u.data)), nil
	}
	delete(p.uploads, id)
	return p.put(u.begun, b, u.is, u.data)
}

// more asks for the next part. Clients that cannot take a redirection say so.
func (c *call) more(have int) standin.Reply {
	r := standin.Reply{Status: http.StatusPermanentRedirect, Header: http.Header{}}
	if have > 0 {
		r.Header.Set("Range", "bytes=0-"+strconv.Itoa(have-1))
	}
	if c.http.Header.Get("X-GUploader-No-308") != "" {
		r.Status = http.StatusOK
		r.Header.Set("X-HTTP-Status-Code-Override", "308")
	}
	return r
}

package awstest

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// payload is what an upload carries, freed of aws-chunked, with its trailer. Its checksums are verified.
func payload(r *request) ([]byte, http.Header, error) {
	data, trailer := r.body, http.Header{}
	if strings.Contains(r.http.Header.Get("Content-Encoding"), "aws-chunked") {
		var err error
		if data, trailer, err = unchunk(r.body); err != nil {
			return nil, nil, refuse(400, "IncompleteBody", "The request body terminated unexpectedly: %v", err)
		}
		if size := r.http.Header.Get("X-Amz-Decoded-Content-Length"); size != strconv.Itoa(len(data)) {
			return nil, nil, refuse(400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
		}
	}
	if sum := r.http.Header.Get("X-Amz-Content-Sha256"); len(sum) == sha256.Size*2 {
		if is := sha256.Sum256(r.body); hex.EncodeToString(is[:]) != sum {
			return nil, nil, refuse(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
	}
	for _, from := range []http.Header{r.http.Header, trailer} {
		if err := verify(data, from); err != nil {
			return nil, nil, err
		}
	}
	return data, trailer, nil
}

func verify(data []byte, h http.Header) error {
	for name, algorithm := range map[string]hash.Hash{
		"CRC32": crc32.NewIEEE(), "CRC32C": crc32.New(crc32.MakeTable(crc32.Castagnoli)), "SHA1": sha1.New(), "SHA256": sha256.New(),
	} {
		want := h.Get("X-Amz-Checksum-" + name)
		if want == "" {
			continue
		}
		_, _ = algorithm.Write(data) // a hash takes all
		if base64.StdEncoding.EncodeToString(algorithm.Sum(nil)) != want {
			return refuse(400, "BadDigest", "The %s you specified did not match the calculated checksum.", name)
		}
	}
	if want := h.Get("Content-Md5"); want != "" {
		if is := md5.Sum(data); base64.StdEncoding.EncodeToString(is[:]) != want {
			return refuse(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
		}
	}
	return nil
}

// unchunk reads "SIZE[;chunk-signature=…]\r\nDATA\r\n" until a chunk of size 0, then the trailer.
func unchunk(body []byte) ([]byte, http.Header, error) {
	in := bufio.NewReader(bytes.NewReader(body))
	var data []byte
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, nil, err
		}
		text, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		size, err := strconv.ParseInt(text, 16, 64)
		if err != nil {
			return nil, nil, err
		}
		if size == 0 {
			break
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil, nil, err
		}
		data = append(data, chunk[:size]...)
	}
	trailer, err := textproto.NewReader(in).ReadMIMEHeader()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data, http.Header(trailer), err
}

// upload is a multipart upload that is under way.
type upload struct {
	key    string
	header http.Header
	parts  map[int]*object
}

type completedPart struct {
	PartNumber int
	ETag       string
}

func (c *Cloud) createUpload(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	id := strings.ReplaceAll(newID(), "-", "")
	b.uploads[id] = &upload{key: r.vars["Key"], header: kept(r.http.Header), parts: map[int]*object{}}
	return xmlReply(struct {
		XMLName struct{} `xml:"InitiateMultipartUploadResult"`
		Bucket  string
		Key     string
		ID      string `xml:"UploadId"`
	}{Bucket: b.name, Key: r.vars["Key"], ID: id}), nil
}

func (c *Cloud) upload(r *request) (*bucket, *upload, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, nil, err
	}
	u := b.uploads[r.form.Get("uploadId")]
	if u == nil || u.key != r.vars["Key"] {
		return nil, nil, refuse(404, "NoSuchUpload", "The specified upload does not exist. "+
			"The upload ID may be invalid, or the upload may have been aborted or completed.")
	}
	return b, u, nil
}

func (c *Cloud) uploadPart(r *request) (any, error) {
	_, u, err := c.upload(r)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(r.form.Get("partNumber"))
	if err != nil || n < 1 || n > 10000 {
		return nil, refuse(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
	}
	data, _, err := payload(r)
	if err != nil {
		return nil, err
	}
	u.parts[n] = &object{data: data, etag: etag(data)}
	return standin.Reply{Status: http.StatusOK, Header: http.Header{"Etag": {u.parts[n].etag}}}, nil
}

func (c *Cloud) completeUpload(r *request) (any, error) {
	b, u, err := c.upload(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Part []completedPart
	}
	if err := parseXML(r.body, &in); err != nil {
		return nil, err
	}
	if len(in.Part) == 0 {
		return nil, refuse(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	if !slices.IsSortedFunc(in.Part, func(a, b completedPart) int { return a.PartNumber - b.PartNumber }) {
		return nil, refuse(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.")
	}
	var data, sums []byte
	for i, p := range in.Part {
		part := u.parts[p.PartNumber]
		switch {
		case part == nil || strings.Trim(part.etag, `"`) != strings.Trim(p.ETag, `"`):
			return nil, refuse(400, "InvalidPart", "One or more of the specified parts could not be found. "+
				"The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
		case i < len(in.Part)-1 && len(part.data) < 5<<20:
			return nil, refuse(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
		}
		sum := md5.Sum(part.data)
		data, sums = append(data, part.data...), append(sums, sum[:]...)
	}
	if err := c.condition(r, b.object(u.key, "")); err != nil {
		return nil, err
	}
	o := &object{data: data, header: u.header, etag: fmt.Sprintf(`%s-%d"`, strings.TrimSuffix(etag(sums), `"`), len(in.Part))}
	b.store(u.key, o)
	delete(b.uploads, r.form.Get("uploadId"))
	out := xmlReply(struct {
		XMLName struct{} `xml:"CompleteMultipartUploadResult"`
		Bucket  string
		Key     string
		ETag    string
	}{Bucket: b.name, Key: u.key, ETag: o.etag})
	out.Header = b.versioned(out.Header, o)
	return out, nil
}

func (c *Cloud) abortUpload(r *request) (any, error) {
	b, _, err := c.upload(r)
	if err != nil {
		return nil, err
	}
	delete(b.uploads, r.form.Get("uploadId"))
	return nothing(http.StatusNoContent), nil
}

package awstest

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

type listing struct {
	XMLName               struct{} `xml:"ListBucketResult"`
	Name                  string
	Prefix                string
	Delimiter             string `xml:",omitempty"`
	MaxKeys               int
	KeyCount              int
	IsTruncated           bool
	EncodingType          string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	StartAfter            string `xml:",omitempty"`
	Contents              []listedObject
	CommonPrefixes        []commonPrefix
}

type listedObject struct {
	Key          string
	LastModified string
	ETag         string
	Size         int
	StorageClass string
}

type commonPrefix struct {
	Prefix string
}

const s3Time = "2006-01-02T15:04:05.000Z"

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (c *Cloud) listObjects(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	out := listing{
		Name: b.name, Prefix: r.form.Get("prefix"), Delimiter: r.form.Get("delimiter"), MaxKeys: maxKeys(r),
		ContinuationToken: r.form.Get("continuation-token"), StartAfter: r.form.Get("start-after"), EncodingType: r.form.Get("encoding-type"),
	}
	after := out.StartAfter
	if token, err := base64.RawURLEncoding.DecodeString(out.ContinuationToken); err != nil {
		return nil, refuse(400, "InvalidArgument", "The continuation token provided is incorrect")
	} else if len(token) > 0 {
		after = string(token)
	}
	last := ""
	for _, key := range sorted(b.objects) {
		o := b.object(key, "")
		if o == nil || key <= after || !strings.HasPrefix(key, out.Prefix) || out.Delimiter != "" && strings.HasPrefix(key, last) && strings.HasSuffix(last, out.Delimiter) {
			continue
		}
		if out.KeyCount == out.MaxKeys {
			out.IsTruncated, out.NextContinuationToken = true, base64.RawURLEncoding.EncodeToString([]byte(last))
			break
		}
		last = out.add(key, o)
		out.KeyCount++
	}
	return xmlReply(out), nil
}

func maxKeys(r *request) int {
	if n, err := strconv.Atoi(r.form.Get("max-keys")); err == nil {
		return min(n, 1000)
	}
	return 1000
}

// add puts a key into the list, or the prefix that stands for it, and returns after what the list goes on.
func (l *listing) add(key string, o *object) string {
	name := func(s string) string {
		if l.EncodingType == "url" {
			return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/")
		}
		return s
	}
	if l.Delimiter != "" {
		if head, _, found := strings.Cut(key[len(l.Prefix):], l.Delimiter); found {
			prefix := l.Prefix + head + l.Delimiter
			l.CommonPrefixes = append(l.CommonPrefixes, commonPrefix{name(prefix)})
			return prefix
		}
	}
	l.Contents = append(l.Contents, listedObject{name(key), o.at.Format(s3Time), o.etag, len(o.data), "STANDARD"})
	return key
}

func (c *Cloud) listObjectVersions(r *request) (any, error) {
	b, err := c.bucketOf(r)
	if err != nil {
		return nil, err
	}
	type version struct {
		Key          string
		VersionID    string `xml:"VersionId"`
		IsLatest     bool
		LastModified string
	}
	out := struct {
		XMLName      struct{} `xml:"ListVersionsResult"`
		Name         string
		IsTruncated  bool
		Version      []version
		DeleteMarker []version
	}{Name: b.name}
	for _, key := range sorted(b.objects) {
		if !strings.HasPrefix(key, r.form.Get("prefix")) {
			continue
		}
		versions := b.objects[key]
		for i, o := range slices.Backward(versions) {
			v := version{key, o.versionID, i == len(versions)-1, o.at.Format(s3Time)}
			if o.deleted {
				out.DeleteMarker = append(out.DeleteMarker, v)
			} else {
				out.Version = append(out.Version, v)
			}
		}
	}
	return xmlReply(out), nil
}

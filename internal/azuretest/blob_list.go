package azuretest

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
)

type listedBlob struct {
	Name       string
	Properties struct {
		Created       string `xml:"Creation-Time"`
		Modified      string `xml:"Last-Modified"`
		Etag          string
		ContentLength int    `xml:"Content-Length"`
		ContentType   string `xml:"Content-Type"`
		ContentMD5    string `xml:"Content-MD5,omitempty"`
		BlobType      string
		LeaseStatus   string
		LeaseState    string
		Encrypted     bool `xml:"ServerEncrypted"`
	}
	Metadata *listedMetadata `xml:",omitempty"`
}

type listedMetadata struct {
	Pairs []listedPair
}

type listedPair struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

type listedPrefix struct{ Name string }

type blobList struct {
	XMLName    xml.Name `xml:"EnumerationResults"`
	Endpoint   string   `xml:"ServiceEndpoint,attr"`
	Container  string   `xml:"ContainerName,attr"`
	Prefix     string   `xml:",omitempty"`
	Marker     string   `xml:",omitempty"`
	MaxResults int      `xml:",omitempty"`
	Delimiter  string   `xml:",omitempty"`
	Blobs      struct {
		Blob       []listedBlob
		BlobPrefix []listedPrefix
	}
	NextMarker string
}

// listBlobs lists the blobs that are there, by name; a page is as long as is asked for, at most 5000.
//
// Source: learn.microsoft.com/rest/api/storageservices/list-blobs.
func (c *Cloud) listBlobs(a *account, r *request) (any, error) {
	in, err := a.container(r)
	if err != nil {
		return nil, err
	}
	list := blobList{
		Endpoint: "https://" + r.http.Host + "/", Container: in.name, Prefix: r.query.Get("prefix"), Marker: r.query.Get("marker"), Delimiter: r.query.Get("delimiter"),
	}
	page := 5000
	if given := r.query.Get("maxresults"); given != "" {
		if page, err = strconv.Atoi(given); err != nil || page <= 0 {
			return nil, refuse(400, "OutOfRangeQueryParameterValue", "One of the query parameters specified in the request URI is outside the permissible range.")
		}
		list.MaxResults, page = page, min(page, 5000)
	}
	last := ""
	for _, name := range sortedKeys(in.blobs) {
		b := in.blobs[name]
		if !b.there || !strings.HasPrefix(name, list.Prefix) || name < list.Marker {
			continue
		}
		folder := ""
		if at := strings.Index(name[len(list.Prefix):], list.Delimiter); list.Delimiter != "" && at >= 0 {
			if folder = name[:len(list.Prefix)+at+len(list.Delimiter)]; folder == last {
				continue
			}
		}
		if len(list.Blobs.Blob)+len(list.Blobs.BlobPrefix) == page {
			list.NextMarker = name
			break
		}
		if folder != "" {
			last = folder
			list.Blobs.BlobPrefix = append(list.Blobs.BlobPrefix, listedPrefix{folder})
			continue
		}
		list.Blobs.Blob = append(list.Blobs.Blob, b.listed(name, r.query.Get("include")))
	}
	return xmlReply(r, list), nil
}

func xmlReply(r *request, list any) any {
	body, err := xml.Marshal(list)
	if err != nil {
		panic(err) // all that is listed encodes
	}
	return storageReply(r, http.StatusOK, http.Header{"Content-Type": {"application/xml"}}, append([]byte(xml.Header), body...))
}

func (b *blob) listed(name, include string) listedBlob {
	out := listedBlob{Name: name}
	p, h := &out.Properties, b.headers()
	p.Created, p.Modified, p.Etag, p.ContentLength = httpTime(b.created), httpTime(b.modified), strings.Trim(b.etag, `"`), len(b.data)
	p.ContentType, p.ContentMD5, p.BlobType, p.Encrypted = h.Get("Content-Type"), h.Get("Content-Md5"), "BlockBlob", true
	p.LeaseState, p.LeaseStatus = h.Get("X-Ms-Lease-State"), h.Get("X-Ms-Lease-Status")
	if strings.Contains(include, "metadata") {
		out.Metadata = &listedMetadata{}
		for _, key := range sortedKeys(b.metadata) {
			out.Metadata.Pairs = append(out.Metadata.Pairs, listedPair{xml.Name{Local: key}, b.metadata[key]})
		}
	}
	return out
}

type containerList struct {
	XMLName    xml.Name `xml:"EnumerationResults"`
	Endpoint   string   `xml:"ServiceEndpoint,attr"`
	Prefix     string   `xml:",omitempty"`
	Containers struct {
		Container []listedContainer
	}
	NextMarker string
}

type listedContainer struct {
	Name       string
	Properties struct {
		Modified string `xml:"Last-Modified"`
		Etag     string
	}
}

func (c *Cloud) listContainers(a *account, r *request) (any, error) {
	list := containerList{Endpoint: "https://" + r.http.Host + "/", Prefix: r.query.Get("prefix")}
	for _, name := range sortedKeys(a.containers) {
		if !strings.HasPrefix(name, list.Prefix) {
			continue
		}
		one := listedContainer{Name: name}
		one.Properties.Modified, one.Properties.Etag = httpTime(a.containers[name].modified), strings.Trim(a.containers[name].etag, `"`)
		list.Containers.Container = append(list.Containers.Container, one)
	}
	return xmlReply(r, list), nil
}

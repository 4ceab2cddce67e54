package gcptest

import (
	"crypto/md5" //nolint:gosec // Cloud Storage says it of every object
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/internal/standin"
)

// object is an object in its one generation: the buckets here keep no older ones.
type object struct {
	is   *storage.Object
	data []byte
}

func missingObject(bucket, name string) error {
	return no(http.StatusNotFound, "notFound", "No such object: %s/%s", bucket, name)
}

// objectOf finds an object, of the generation that is asked for if one is.
func (p *place) objectOf(c *call) (*bucket, *object, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, nil, err
	}
	o := b.objects[c.vars["object"]]
	if generation := c.query.Get("generation"); o != nil && generation != "" && generation != strconv.FormatInt(o.is.Generation, 10) {
		o = nil
	}
	if o == nil {
		return b, nil, missingObject(b.is.Name, c.vars["object"])
	}
	return b, o, nil
}

func (p *place) getObject(c *call) (any, error) {
	_, o, err := p.objectOf(c)
	if err != nil {
		return nil, err
	}
	if err := c.conditions(o); err != nil {
		return unlessHad(nil, err)
	}
	if c.query.Get("alt") != "media" {
		return o.is, nil
	}
	header := http.Header{}
	header.Set("Content-Type", o.is.ContentType)
	header.Set("ETag", o.is.Etag)
	header.Set("X-Goog-Generation", strconv.FormatInt(o.is.Generation, 10))
	header.Set("X-Goog-Metageneration", strconv.FormatInt(o.is.Metageneration, 10))
	header.Set("X-Goog-Hash", "crc32c="+o.is.Crc32c+",md5="+o.is.Md5Hash)
	header.Set("Content-Length", strconv.Itoa(len(o.data)))
	return standin.Reply{Status: http.StatusOK, Header: header, Body: o.data}, nil
}

// conditions checks what a call demands of an object; nil is that there is none.
func (c *call) conditions(o *object) error {
	var generation, metageneration int64
	if o != nil {
		generation, metageneration = o.is.Generation, o.is.Metageneration
	}
	if err := c.condition("Generation", generation); err != nil {
		return err
	}
	return c.condition("Metageneration", metageneration)
}

func (p *place) listObjects(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	type entry struct {
		object *storage.Object
		prefix string
	}
	var all []entry
	prefix, delimiter, seen := c.query.Get("prefix"), c.query.Get("delimiter"), map[string]bool{}
	for _, name := range sorted(b.objects) {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || name < c.query.Get("startOffset") || c.query.Get("endOffset") != "" && name >= c.query.Get("endOffset") {
			continue
		}
		folder, _, below := strings.Cut(rest, delimiter)
		if delimiter == "" || !below {
			all = append(all, entry{object: b.objects[name].is})
		} else if folder = prefix + folder + delimiter; !seen[folder] {
			seen[folder] = true
			all = append(all, entry{prefix: folder})
		}
	}
	items, next, err := page(c.query, all, 1000)
	out := &storage.Objects{Kind: "storage#objects", NextPageToken: next}
	for _, item := range items {
		if item.object != nil {
			out.Items = append(out.Items, item.object)
		} else {
			out.Prefixes = append(out.Prefixes, item.prefix)
		}
	}
	return out, err
}

func (p *place) deleteObject(c *call) (any, error) {
	b, o, err := p.objectOf(c)
	if err != nil {
		return nil, err
	}
	if err := c.conditions(o); err != nil {
		return nil, err
	}
	delete(b.objects, o.is.Name)
	p.notify(b, o.is, "OBJECT_DELETE", nil)
	return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
}

// put writes an object, if what the call demands still holds.
func (p *place) put(c *call, b *bucket, is storage.Object, data []byte) (any, error) {
	old := b.objects[is.Name]
	if err := c.conditions(old); err != nil {
		return nil, err
	}
	sum := md5.Sum(data) //nolint:gosec // as above
	digest := base64.StdEncoding.EncodeToString(sum[:])
	check := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc(data)))
	if is.Md5Hash != "" && is.Md5Hash != digest {
		return nil, no(http.StatusBadRequest, "invalid", "Provided MD5 hash \"%s\" doesn't match calculated MD5 hash \"%s\".", is.Md5Hash, digest)
	}
	if is.Crc32c != "" && is.Crc32c != check {
		return nil, no(http.StatusBadRequest, "invalid", "Provided CRC32C \"%s\" doesn't match calculated CRC32C \"%s\".", is.Crc32c, check)
	}
	at := time.Now().UTC().Format(time.RFC3339Nano)
	is.Kind, is.Bucket, is.Size, is.Md5Hash, is.Crc32c = "storage#object", b.is.Name, uint64(len(data)), digest, check
	is.Generation, is.Metageneration, is.TimeCreated, is.Updated, is.StorageClass = p.generation(), 1, at, at, b.is.StorageClass
	generation := strconv.FormatInt(is.Generation, 10)
	is.Id, is.Etag = b.is.Name+"/"+is.Name+"/"+generation, "C"+generation[len(generation)-10:]+"EAE="
	if is.ContentType == "" {
		is.ContentType = "application/octet-stream"
	}
	b.objects[is.Name] = &object{is: &is, data: slices.Clone(data)}
	more := map[string]string{}
	if old != nil {
		more["overwroteGeneration"] = strconv.FormatInt(old.is.Generation, 10)
		p.notify(b, old.is, "OBJECT_DELETE", map[string]string{"overwrittenByGeneration": generation})
	}
	p.notify(b, &is, "OBJECT_FINALIZE", more)
	return &is, nil
}

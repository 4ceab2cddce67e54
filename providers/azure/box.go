package azure

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/ferryfn/ferry/providers/until"
)

// box is a container of blobs. What it is asked waits for a role that was just given.
type box struct {
	client *container.Client
	spread *spread
	name   string
}

// condition says when a write of a blob may happen: only where there is none, or one with this entity tag; and under whose lease.
type condition struct {
	absent bool
	tag    azcore.ETag
	lease  string
}

func (k condition) access() *blob.AccessConditions {
	a := &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{}, LeaseAccessConditions: &blob.LeaseAccessConditions{}}
	if k.absent {
		a.ModifiedAccessConditions.IfNoneMatch = new(azcore.ETagAny)
	}
	if k.tag != "" {
		a.ModifiedAccessConditions.IfMatch = &k.tag
	}
	if k.lease != "" {
		a.LeaseAccessConditions.LeaseID = &k.lease
	}
	return a
}

// box is a container of ferry's storage account.
func (c *connection) box(name string) (*box, error) {
	return c.boxAt(c.cloud.endpoint(c.storageName(), "blob") + "/" + name)
}

// boxAt is the container at an address.
func (c *connection) boxAt(address string) (*box, error) {
	client, err := container.NewClient(address, c.credential, &container.ClientOptions{ClientOptions: c.options.ClientOptions})
	return &box{client: client, spread: &c.spread, name: lastPart(address)}, err
}

func (b *box) patiently(ctx context.Context, do func() error) error {
	return until.Done(ctx, do, b.spread.rights(lacksRole))
}

func (b *box) blob(key string) *blockblob.Client { return b.client.NewBlockBlobClient(key) }

// get opens a blob; who called closes it.
func (b *box) get(ctx context.Context, key string) (out blob.DownloadStreamResponse, err error) {
	err = b.patiently(ctx, func() error {
		out, err = b.blob(key).DownloadStream(ctx, nil)
		return err
	})
	return out, err
}

// tag is the entity tag of a blob, "" where there is none.
func (b *box) tag(ctx context.Context, key string) (azcore.ETag, error) {
	var out blob.GetPropertiesResponse
	err := b.patiently(ctx, func() (err error) {
		out, err = b.blob(key).GetProperties(ctx, nil)
		return err
	})
	if isNotFound(err) {
		return "", nil
	}
	return value(out.ETag), err
}

// put writes a blob in one request, so that it is there whole or not at all. Azure refuses bytes that arrive otherwise.
func (b *box) put(ctx context.Context, key string, body io.ReadSeeker, k condition) (azcore.ETag, error) {
	sum, err := digestOf(body)
	if err != nil {
		return "", err
	}
	var out blockblob.UploadResponse
	err = b.patiently(ctx, func() error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		out, err = b.blob(key).Upload(ctx, streaming.NopCloser(body), &blockblob.UploadOptions{
			AccessConditions: k.access(), TransactionalValidation: blob.TransferValidationTypeMD5(sum),
		})
		return err
	})
	return value(out.ETag), err
}

func digestOf(body io.ReadSeeker) ([]byte, error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	h := md5.New() // which is what Azure compares
	_, err := io.Copy(h, body)
	return h.Sum(nil), err
}

// delete removes a blob.
func (b *box) delete(ctx context.Context, key string, k condition) error {
	return b.patiently(ctx, func() error {
		_, err := b.blob(key).Delete(ctx, &blob.DeleteOptions{AccessConditions: k.access()})
		return err
	})
}

// list names the blobs that begin so. A container that is not there has none.
func (b *box) list(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	pages := b.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix})
	for pages.More() {
		var page container.ListBlobsFlatResponse
		err := b.patiently(ctx, func() (err error) {
			page, err = pages.NextPage(ctx)
			return err
		})
		if isNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, item := range page.Segment.BlobItems {
			keys = append(keys, value(item.Name))
		}
	}
	return keys, nil
}

// read decodes a blob of JSON; a nil error and an empty tag are that there is none.
func (b *box) read(ctx context.Context, key string, into any) (azcore.ETag, error) {
	out, err := b.get(ctx, key)
	if isNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	return value(out.ETag), err
}

// write encodes a blob of JSON.
func (b *box) write(ctx context.Context, key string, from any, k condition) (azcore.ETag, error) {
	data, err := json.Marshal(from)
	if err != nil {
		return "", err
	}
	return b.put(ctx, key, bytes.NewReader(data), k)
}

// conditionFailed reports whether a write did not happen because its condition did not hold.
func conditionFailed(err error) bool {
	return is(err, "ConditionNotMet", "BlobAlreadyExists", "TargetConditionNotMet", "LeaseIdMissing", "LeaseLost", "LeaseIdMismatchWithBlobOperation") ||
		errors.Is(err, errStale)
}

// errStale is that something was not as it was read.
var errStale = errors.New("it was changed in the meantime")

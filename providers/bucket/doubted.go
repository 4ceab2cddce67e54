package bucket

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ferryfn/ferry/providers"
)

// Doubted is a bucket of which it is not known whether it takes notice of conditions: what speaks S3 and does not would say that a
// change was made, and two deploys could hold the lock at once.
type Doubted struct {
	*Bucket

	mu       sync.Mutex
	compares bool // once it is known
}

var _ providers.Store = (*Doubted)(nil)

// Put writes an object, where the bucket is known to compare before it writes.
func (d *Doubted) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	if err := d.Look(ctx); err != nil {
		return "", err
	}
	return d.Bucket.Put(ctx, key, body, c)
}

// Look asks for a change of what there is not, once. Put does so itself.
func (d *Doubted) Look(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.compares {
		return nil
	}
	const key, op = "ferry-conditions", "store put"
	_, err := d.Client.PutObject(ctx, &s3.PutObjectInput{Bucket: &d.Name, Key: aws.String(key), Body: strings.NewReader(""), IfMatch: aws.String(`"none"`)})
	switch {
	case err == nil:
		_, _ = d.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &d.Name, Key: aws.String(key)}) // which is nothing of anybody's
		return &providers.Error{
			Kind: providers.Unsupported, Op: op, Provider: d.Provider, Hint: "choose a bucket that takes If-Match, or leave out store",
			Err: fmt.Errorf("the bucket %s takes no notice of conditions, by which deploys keep out of each other's way", d.Name),
		}
	case StatusOf(err) == http.StatusPreconditionFailed, CodeOf(err) == "NoSuchKey":
		d.compares = true
		return nil
	}
	return d.Classify(op, fmt.Errorf("the bucket %s: %w", d.Name, err))
}

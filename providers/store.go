package providers

import (
	"context"
	"io"
	"strings"
)

// Store is a small compare-and-swap object store. Keys are slash paths of [A-Za-z0-9._-] segments.
// A write happens whole or not at all, and is durable when it returns. A failed condition is Conflict, an absent key
// NotFound, and a key that may not be read Denied, never NotFound. After a lost reply a store repeats the request or reads
// back. A repeated request that meets its own write is a Conflict, so a writer that gets an ambiguous answer reads back, too:
// if it finds its own bytes, it succeeded.
type Store interface {
	// Get opens an object. The caller closes the body.
	Get(ctx context.Context, key string) (Object, error)
	// Put writes body from its start when the condition holds, and returns the new tag.
	Put(ctx context.Context, key string, body io.ReadSeeker, c Condition) (Tag, error)
	// Delete removes the object when the condition holds. An absent key is no error unless c names a tag.
	Delete(ctx context.Context, key string, c Condition) error
	// List returns the keys that begin with prefix, sorted.
	List(ctx context.Context, prefix string) ([]string, error)
}

// Object is a stored object, being read.
type Object struct {
	Body io.ReadCloser
	Size int64
	Tag  Tag
}

// Tag identifies the content of an object: equal tags, equal bytes.
type Tag string

// Condition says when a write may happen; its zero value is always.
type Condition struct {
	Absent bool // only if the key does not exist
	Tag    Tag  // only if the object has this tag
	// While is another object that must still be as it was read. A store that cannot compare and write in one step compares
	// just before it writes.
	While Guard
}

// Guard is an object, as it was read, on which the write of another one relies. The zero Guard is none.
type Guard struct {
	Key string
	Tag Tag
}

// IfAbsent holds when the key does not exist.
func IfAbsent() Condition { return Condition{Absent: true} }

// IfTag holds when the object has this tag.
func IfTag(t Tag) Condition { return Condition{Tag: t} }

// ValidKey reports whether a key is a slash path of [A-Za-z0-9._-] segments, none of them "." or "..".
func ValidKey(key string) bool {
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.Trim(segment, keyChars) != "" {
			return false
		}
	}
	return true
}

const keyChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

// Disposer takes away the store itself if ferry made it and it is empty. Otherwise it does nothing, which is no error.
type Disposer interface {
	Dispose(ctx context.Context) error
}

// LedgerPrefix is what the keys of the releases of one service, stage and target begin with. The lock below it decides
// about all of them.
func LedgerPrefix(service, stage, target string) string {
	return service + "/" + stage + "/" + target + "/"
}

// Where packages are kept: below a ledger's own prefix, so that its lock alone decides about them. Earlier versions of ferry
// kept those of all ledgers of a store together.
const (
	Packages       = "packages/"
	SharedPackages = "artifacts/"
)

// PackageKey is where a ledger keeps the package with that digest of its zip. It is the zip's own digest, so that what
// is read can be verified.
func PackageKey(ledger, zipDigest string) string {
	return ledger + Packages + strings.Replace(zipDigest, ":", "/", 1) + ".zip"
}

// SharedPackageKey is where earlier versions of ferry kept the packages of all ledgers of a store.
func SharedPackageKey(zipDigest string) string {
	return SharedPackages + strings.Replace(zipDigest, ":", "/", 1) + ".zip"
}

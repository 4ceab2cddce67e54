package packager

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/ferryfn/ferry/internal/regular"
)

// ErrDamaged is that the bytes of a package are not those that its digest names: a disk lost some, or somebody wrote
// into it.
var ErrDamaged = errors.New("the file is damaged: its content does not match its digest")

// Verified reads a package from another reader. Where that ends and the bytes were not those of the digest, it ends with
// ErrDamaged in place of io.EOF.
func Verified(from io.Reader, zipDigest string) io.Reader {
	return &verified{from: from, want: zipDigest, sum: sha256.New()}
}

type verified struct {
	from io.Reader
	want string
	sum  hash.Hash
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.from.Read(p)
	v.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && digest(v.sum) != v.want {
		err = ErrDamaged
	}
	return n, err
}

func digest(sum hash.Hash) string { return "sha256:" + hex.EncodeToString(sum.Sum(nil)) }

// Content is an open package. To read it to its end proves that it is the package of its digest.
type Content struct {
	file *os.File
	verified
	at, read int64 // where it stands, and how much of the beginning was read
}

// Open opens a package to be read.
func (a Artifact) Open() (*Content, error) {
	f, err := regular.Open(a.Path)
	if err != nil {
		return nil, fmt.Errorf("opening the package: %w", err)
	}
	return &Content{file: f, verified: verified{from: f, want: a.ZipDigest, sum: sha256.New()}}, nil
}

// Read reads on. Only what is read in order counts for the proof.
func (c *Content) Read(p []byte) (n int, err error) {
	if c.at != c.read {
		n, err = c.file.Read(p)
	} else {
		n, err = c.verified.Read(p)
		c.read += int64(n)
	}
	c.at += int64(n)
	if errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%s: %w", c.file.Name(), err)
	}
	return n, err
}

// Seek goes to another place. From the begin on all is proved anew.
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	at, err := c.file.Seek(offset, whence)
	if err != nil {
		return at, err
	}
	if c.at = at; at == 0 {
		c.read = 0
		c.sum.Reset()
	}
	return at, nil
}

// Close ends the reading.
func (c *Content) Close() error { return c.file.Close() }

// Bytes are those of the package, proved to be of its digest.
func (a Artifact) Bytes() ([]byte, error) {
	c, err := a.Open()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(c)
	return data, errors.Join(err, c.Close())
}

// Lend gives a copy of the package to what must read it here and there. The copy is proved to be of the digest, and
// nobody else has it.
func (a Artifact) Lend(to func(path string) error) error {
	c, err := a.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	lent, err := os.CreateTemp("", "ferry-*.zip")
	if err != nil {
		return fmt.Errorf("copying the package: %w", err)
	}
	defer os.Remove(lent.Name())
	_, err = io.Copy(lent, c)
	if err := errors.Join(err, lent.Close()); err != nil {
		return fmt.Errorf("copying the package: %w", err)
	}
	return to(lent.Name())
}

// whole reads the package to its end, which fails when it is damaged.
func (a Artifact) whole() error {
	c, err := a.Open()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return errors.Join(err, c.Close())
}

package packager

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

func TestContentIsProvedAsItIsRead(t *testing.T) {
	t.Parallel()
	good := build(t, newPackager(t, packagertest.Project(t, "app.py", "app = 1\n")), packagertest.Python("app:app"))
	whole, err := good.Bytes()
	if err != nil || int64(len(whole)) != good.Size {
		t.Fatalf("got %d bytes, %v", len(whole), err)
	}
	lent := ""
	if err := good.Lend(func(path string) error { lent = path; return nil }); err != nil || source.Exists(lent) || lent == good.Path {
		t.Errorf("it was lent as %s, %v", lent, err)
	}

	other := bytes.Clone(whole)
	other[len(other)/2] ^= 1
	for name, data := range map[string][]byte{"another of the same size": other, "cut": whole[:len(whole)-1], "longer": append(bytes.Clone(whole), 0)} {
		bad := good
		bad.Path = t.TempDir() + "/api.zip"
		if err := os.WriteFile(bad.Path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, reading := bad.Bytes()
		lending := bad.Lend(func(string) error { t.Errorf("%s: it was lent", name); return nil })
		_, copying := io.Copy(io.Discard, Verified(bytes.NewReader(data), good.ZipDigest))
		for _, err := range []error{reading, lending, copying} {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}

func TestContentIsProvedAnewFromItsBegin(t *testing.T) {
	t.Parallel()
	good := build(t, newPackager(t, packagertest.Project(t, "app.py", "app = 1\n")), packagertest.Python("app:app"))
	good.ZipDigest = "sha256:of another"
	c, err := good.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if size, err := c.Seek(0, io.SeekEnd); size != good.Size || err != nil {
		t.Fatal(size, err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("at the end, where nothing was read yet: got %d %v", n, err)
	}
	for range 2 { // as a store does that sends it again
		if _, err := c.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); !errors.Is(err, ErrDamaged) {
			t.Fatalf("got %v", err)
		}
	}
}

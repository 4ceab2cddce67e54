package packager

import (
	"archive/zip"
	"bytes"
	"hash/crc32"
	"io"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

// theirs is the zip that archive/zip makes of the same entries.
func theirs(t *testing.T, blocks []*block) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, b := range blocks {
		h := zip.FileHeader{
			Name: b.header.name, Flags: b.header.flags, Method: b.header.method,
			ModifiedDate: dosEpoch, //nolint:staticcheck // Modified would add an extra field
			CRC32:        b.header.crc, CompressedSize64: uint64(b.header.packed), UncompressedSize64: uint64(b.header.size),
			CreatorVersion: madeOnUnix | zipVersion, ReaderVersion: zipVersion, ExternalAttrs: b.header.mode << 16,
		}
		e, err := w.CreateRaw(&h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(b.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAZipHasTheBytesThatTheStandardLibraryWrites(t *testing.T) {
	t.Parallel()
	plain := func(name, text string) *block {
		return &block{header: header{
			name: name, method: stored, mode: 0o100644, crc: crc32.ChecksumIEEE([]byte(text)), packed: uint32(len(text)), size: uint32(len(text)),
		}, data: []byte(text)}
	}
	program, umlaut := plain("bin/run", "#!/bin/sh\n"), plain("lib/ü.txt", "ü")
	program.header.mode, umlaut.header.flags = 0o100755, utf8Name
	for name, blocks := range map[string][]*block{
		"no entries":   nil,
		"some entries": {program, plain("empty", ""), umlaut},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			a := newArchive(&out)
			defer a.rest()
			for _, b := range blocks {
				at, err := a.add(b)
				if err != nil {
					t.Fatal(err)
				}
				if got := a.at - at; got != int64(len(b.data)) {
					t.Errorf("%s is said to have %d bytes of content", b.header.name, got)
				}
			}
			if err := a.close(); err != nil {
				t.Fatal(err)
			}
			if want := theirs(t, blocks); !bytes.Equal(out.Bytes(), want) {
				t.Errorf("got\n%q, want\n%q", out.Bytes(), want)
			}
			if a.at != int64(out.Len()) {
				t.Errorf("%d bytes were counted of %d", a.at, out.Len())
			}
		})
	}
}

func TestAPackageBeyond4GiBIsRefused(t *testing.T) {
	t.Parallel()
	a := newArchive(io.Discard)
	defer a.rest()
	a.at = 1 << 32
	_, refused := a.add(&block{})
	for what, err := range map[string]error{"an entry": refused, "the directory": a.close()} {
		if err == nil {
			t.Fatalf("%s beyond 4 GiB was written", what)
		}
		packagertest.Contains(t, packagertest.Problem(t, err).Message, "larger than 4 GiB")
	}
}

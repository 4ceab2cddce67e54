package migrate_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/migrate"
	"github.com/ferryfn/ferry/migrate/foreign"
)

// packed is a zip of one entry.
func packed(t *testing.T, h *zip.FileHeader, text string) *bytes.Reader {
	t.Helper()
	var data bytes.Buffer
	z := zip.NewWriter(&data)
	write := z.CreateHeader
	if h.UncompressedSize64 > 0 {
		write = z.CreateRaw
	}
	w, err := write(h)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(data.Bytes())
}

func TestAHostilePackageEndsInAClearErrorAndWritesNothingOutside(t *testing.T) {
	header := func(name string, mode fs.FileMode) *zip.FileHeader {
		h := &zip.FileHeader{Name: name}
		h.SetMode(mode)
		return h
	}
	huge := header("zeros", 0o644)
	huge.UncompressedSize64 = 3 << 30
	for name, c := range map[string]struct {
		header *zip.FileHeader
		text   string
		want   string
	}{
		"a name that leads out":        {header("../out", 0o644), "x", "leads out"},
		"one with the other slash":     {header(`..\out`, 0o644), "x", "leads out"},
		"a name from the root":         {header("/out", 0o644), "x", "leads out"},
		"a link that leads out":        {header("a/link", fs.ModeSymlink|0o777), "../../out", "link that leads out"},
		"a link from the root":         {header("link", fs.ModeSymlink|0o777), "/etc/passwd", "link that leads out"},
		"a device":                     {header("device", fs.ModeDevice|0o644), "", "no plain file"},
		"more than a disk should hold": {huge, "", "larger than 2 GB"},
		"escapes of a terminal":        {header("../\x1b[2J", 0o644), "x", "leads out"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			archive := packed(t, c.header, c.text)
			err := migrate.Unpack(archive, archive.Size(), dir)
			var e *foreign.Error
			if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(e.Error(), c.want) || strings.Contains(e.Error(), "\x1b") {
				t.Errorf("got %v", err)
			}
			if _, err := os.Lstat(filepath.Join(filepath.Dir(dir), "out")); err == nil {
				t.Error("it wrote outside of its folder")
			}
		})
	}
	archive := bytes.NewReader([]byte("no zip"))
	if err := migrate.Unpack(archive, archive.Size(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "no zip") {
		t.Errorf("got %v", err)
	}
}

func TestALinkThatStaysInsideAndTheRightToRunAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	h := &zip.FileHeader{Name: "bin/run"}
	h.SetMode(0o755)
	archive := packed(t, h, "x")
	if err := migrate.Unpack(archive, archive.Size(), dir); err != nil {
		t.Fatal(err)
	}
	h = &zip.FileHeader{Name: "lib/link"}
	h.SetMode(fs.ModeSymlink | 0o777)
	archive = packed(t, h, "../bin/run")
	if err := migrate.Unpack(archive, archive.Size(), dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "lib", "link"))
	info, statErr := os.Stat(filepath.Join(dir, "bin", "run"))
	if err != nil || string(text) != "x" || statErr != nil || info.Mode()&0o111 == 0 {
		t.Errorf("got %q, %v %v", text, err, statErr)
	}
}

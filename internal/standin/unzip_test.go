package standin_test

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/ferryfn/ferry/internal/standin"
)

func TestAPackageIsUnpackedWithItsModesAndLinksAndNothingOutside(t *testing.T) {
	t.Parallel()
	packed := func(name string, mode fs.FileMode, text string) *bytes.Reader {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		h := &zip.FileHeader{Name: name}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(out.Bytes())
	}
	dir := t.TempDir()
	for _, archive := range []*bytes.Reader{packed("bin/run", 0o755, "#!/bin/sh"), packed("link", fs.ModeSymlink|0o777, "bin/run")} {
		if err := standin.Unzip(archive, archive.Size(), dir); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "link"))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the program is %v, %v", info, err)
	}
	for _, name := range []string{"../out", "/out", `..\out`} {
		if archive := packed(name, 0o644, ""); standin.Unzip(archive, archive.Size(), dir) == nil {
			t.Errorf("%s was unpacked", name)
		}
	}
}

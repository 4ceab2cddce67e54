package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
)

// Unfinished begins the names of files on their way into a folder.
const Unfinished = ".ferry-"

// isSaved is whether a file is the bill of a package, which was put beside the package.
func isSaved(path string) bool {
	base, isJSON := strings.CutSuffix(path, ".json")
	if !isJSON || !Exists(base+".zip") {
		return false
	}
	f, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 100)
	n, err := io.ReadFull(f, head)
	name, bad := json.Marshal(filepath.Base(base))
	return bad == nil && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && bytes.HasPrefix(head[:n], slices.Concat([]byte("{\n  \"function\": "), name, []byte(",\n")))
}

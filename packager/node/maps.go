package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Node keeps every map that a program names in memory from its start, several times over. So a bundle's map covers the
// function's own code only, and a large one is left out unless build.source_maps asks for it.

// largestMap is the size in bytes of the largest map that a bundle names by itself. It costs some 5 MB of memory.
const largestMap = 1 << 20

// sourceMaps is what esbuild makes of maps.
func (j *job) sourceMaps() api.SourceMap {
	if wanted := j.Function.Build.SourceMaps; wanted != nil && !*wanted {
		return api.SourceMapNone
	}
	return api.SourceMapExternal
}

// mapped are the files of a bundle, the code naming its map, or without a map that is too large.
func (j *job) mapped(out []api.OutputFile) ([]api.OutputFile, error) {
	at := slices.IndexFunc(out, func(f api.OutputFile) bool { return path.Ext(f.Path) == ".map" })
	if at < 0 {
		return out, nil
	}
	thin, err := thinned(out[at].Contents)
	if err != nil {
		return nil, fmt.Errorf("the source map of %s: %w", j.Function.Handler, err)
	}
	if j.Function.Build.SourceMaps == nil && len(thin) > largestMap {
		return slices.Delete(out, at, at+1), nil
	}
	code := slices.IndexFunc(out, func(f api.OutputFile) bool { return f.Path == strings.TrimSuffix(out[at].Path, ".map") })
	out[code].Contents = fmt.Appendf(bytes.TrimSuffix(out[code].Contents, []byte("\n")), "\n//# sourceMappingURL=%s\n", filepath.Base(out[at].Path))
	out[at].Contents = thin
	return out, nil
}

// sourceMap is one as ECMA-426 has it.
type sourceMap struct {
	Version  int      `json:"version"`
	Sources  []string `json:"sources"`
	Mappings string   `json:"mappings"`
	Names    []string `json:"names"`
}

// thinned is a map without the code of installed packages, which then is mapped to nothing.
func thinned(data []byte) ([]byte, error) {
	var full sourceMap
	if err := json.Unmarshal(data, &full); err != nil {
		return nil, err
	}
	thin := thinning{from: full, sources: map[int]int{}, names: map[int]int{}, to: sourceMap{Version: full.Version, Sources: []string{}, Names: []string{}}}
	for i, line := range strings.Split(full.Mappings, ";") {
		if i > 0 {
			thin.out = append(thin.out, ';')
		}
		if err := thin.line(line); err != nil {
			return nil, err
		}
	}
	thin.to.Mappings = string(thin.out)
	return json.Marshal(thin.to)
}

// thinning is a map on its way to be thin. A segment holds the column in the bundle, and where its code has a source,
// the source, line, column, and for some the name, each as the difference from the one before.
type thinning struct {
	from, to       sourceMap
	sources, names map[int]int // places in from, to those in to
	was, is        [5]int      // the last segment's values in from and in to
	own            bool        // the last segment in to has a source
	out            []byte
}

func (t *thinning) line(text string) error {
	t.was[0], t.is[0] = 0, 0
	first := true
	for segment := range strings.SplitSeq(text, ",") {
		if segment == "" {
			continue
		}
		n, err := t.next(segment)
		if err != nil {
			return err
		}
		own := n >= 4 && !strings.Contains("/"+t.from.Sources[t.was[1]], "/node_modules/")
		if !own && !t.own {
			continue // it goes on without a source
		}
		if !own {
			n = 1
		}
		if !first {
			t.out = append(t.out, ',')
		}
		first, t.own = false, own
		t.put(n)
	}
	return nil
}

var errSegment = errors.New("a segment cannot be read")

// next reads a segment and returns the number of its values.
func (t *thinning) next(segment string) (n int, err error) {
	for n < len(t.was) && segment != "" {
		value, rest, ok := readVLQ(segment)
		if !ok {
			return 0, errSegment
		}
		t.was[n] += value
		segment = rest
		n++
	}
	if segment != "" || n >= 4 && (t.was[1] < 0 || t.was[1] >= len(t.from.Sources)) || n == 5 && (t.was[4] < 0 || t.was[4] >= len(t.from.Names)) {
		return 0, errSegment
	}
	return n, nil
}

// put writes the first values of the segment that was read.
func (t *thinning) put(n int) {
	now := t.was
	if n >= 4 {
		now[1] = kept(t.sources, t.was[1], t.from.Sources, &t.to.Sources)
	}
	if n == 5 {
		now[4] = kept(t.names, t.was[4], t.from.Names, &t.to.Names)
	}
	for i := range n {
		t.out = appendVLQ(t.out, now[i]-t.is[i])
		t.is[i] = now[i]
	}
}

// kept is the place of a string in the list of those that are kept.
func kept(places map[int]int, at int, from []string, to *[]string) int {
	if _, known := places[at]; !known {
		places[at] = len(*to)
		*to = append(*to, from[at])
	}
	return places[at]
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// readVLQ reads a number in base 64, five bits a digit from the lowest, whose lowest bit is its sign.
func readVLQ(text string) (value int, rest string, ok bool) {
	for i, shift := 0, 0; i < len(text) && shift < 35; i, shift = i+1, shift+5 {
		digit := strings.IndexByte(base64Digits, text[i])
		if digit < 0 {
			return 0, "", false
		}
		value |= digit & 31 << shift
		if digit < 32 {
			if value&1 == 1 {
				return -(value >> 1), text[i+1:], true
			}
			return value >> 1, text[i+1:], true
		}
	}
	return 0, "", false
}

func appendVLQ(out []byte, value int) []byte {
	bits := value << 1
	if value < 0 {
		bits = -value<<1 | 1
	}
	for ; bits > 31; bits >>= 5 {
		out = append(out, base64Digits[bits&31|32])
	}
	return append(out, base64Digits[bits])
}

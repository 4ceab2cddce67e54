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

// beforeMappings is what esbuild writes before the mappings, which hold no quotes.
const beforeMappings = `"mappings": "`

// thinned is a map without the code of installed packages, which then is mapped to nothing. The mappings are nearly all of
// a map, and are read where they stand.
func thinned(data []byte) ([]byte, error) {
	head, rest, _ := bytes.Cut(data, []byte(beforeMappings))
	mappings, tail, _ := bytes.Cut(rest, []byte(`"`))
	thin := thinning{sources: map[int]int{}, names: map[int]int{}, to: sourceMap{Sources: []string{}, Names: []string{}}}
	if err := json.Unmarshal(slices.Concat(head, []byte(beforeMappings+`"`), tail), &thin.from); err != nil {
		return nil, err
	}
	for _, name := range thin.from.Sources {
		thin.ours = append(thin.ours, !strings.Contains("/"+name, "/node_modules/"))
	}
	for len(mappings) > 0 {
		n := 1
		switch mappings[0] {
		case ',':
		case ';':
			thin.line()
		default:
			var err error
			if n, err = thin.segment(mappings); err != nil {
				return nil, err
			}
		}
		mappings = mappings[n:]
	}
	thin.to.Version, thin.to.Mappings = thin.from.Version, string(thin.out)
	return json.Marshal(thin.to)
}

// thinning is a map on its way to be thin. A segment holds the column in the bundle, and where its code has a source,
// the source, line, column, and for some the name, each as the difference from the one before.
type thinning struct {
	from, to       sourceMap
	ours           []bool      // which sources in from are one's own
	sources, names map[int]int // places in from, those in to
	was, is        [5]int      // the last segment's values in from and in to
	own            bool        // the last segment in to has a source
	begun          bool        // the line in to has a segment
	out            []byte
}

// line begins the next line.
func (t *thinning) line() {
	t.out = append(t.out, ';')
	t.was[0], t.is[0], t.begun = 0, 0, false
}

var errSegment = errors.New("a segment cannot be read")

// segment takes the segment that a text begins with, as far as it is wanted, and returns its length.
func (t *thinning) segment(text []byte) (length int, err error) {
	n := 0
	for ; length < len(text) && text[length] != ',' && text[length] != ';'; n++ {
		value, digits := readVLQ(text[length:])
		if digits == 0 || n == len(t.was) {
			return 0, errSegment
		}
		t.was[n] += value
		length += digits
	}
	if n >= 4 && (t.was[1] < 0 || t.was[1] >= len(t.ours)) || n == 5 && (t.was[4] < 0 || t.was[4] >= len(t.from.Names)) {
		return 0, errSegment
	}
	own := n >= 4 && t.ours[t.was[1]]
	if !own && !t.own {
		return length, nil // it goes on without a source
	}
	if !own {
		n = 1
	}
	if t.begun {
		t.out = append(t.out, ',')
	}
	t.begun, t.own = true, own
	t.put(n)
	return length, nil
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

// readVLQ reads a number in base 64, five bits a digit from the lowest, whose lowest bit is its sign, and returns how
// many digits it has: none where there is no number.
func readVLQ(text []byte) (value, digits int) {
	for shift := 0; digits < len(text) && shift < 35; shift += 5 {
		digit := int(base64Values[text[digits]])
		if digit < 0 {
			break
		}
		digits++
		value |= digit & 31 << shift
		if digit < 32 {
			if value&1 == 1 {
				return -(value >> 1), digits
			}
			return value >> 1, digits
		}
	}
	return 0, 0
}

// base64Values are the places of bytes among base64Digits, -1 for what is no digit.
var base64Values = func() (values [256]int8) {
	for i := range values {
		values[i] = int8(strings.IndexByte(base64Digits, byte(i)))
	}
	return values
}()

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

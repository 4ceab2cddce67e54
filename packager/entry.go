package packager

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// entry is what the cache knows of one build. On disk it is a line of JSON, the bill in another, and one line for each
// input: looking into the cache is mostly reading those, which JSON would make several times as slow.
type entry struct {
	Artifact Artifact       `json:"artifact"`        // Path is left empty: the cache may be moved
	Recorded int64          `json:"recorded"`        // nanoseconds; when the inputs were looked at
	Looks    []string       `json:"looks,omitempty"` // keys of entries whose inputs count as well
	Inputs   []source.Input `json:"-"`
	Bill     string         `json:"-"` // JSON, which a look into the cache does not read
}

func (e entry) encode() ([]byte, error) {
	head, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Write(head)
	out.WriteByte('\n')
	out.WriteString(e.Bill)
	last := ""
	for _, in := range e.Inputs {
		same := 0
		for same < min(len(last), len(in.Path)) && last[same] == in.Path[same] {
			same++
		}
		rest := in.Path[same:]
		if strings.ContainsAny(rest, "\n\"") {
			rest = strconv.Quote(rest)
		}
		fmt.Fprintf(&out, "\n%s %d %d %d %d %s %s", in.Kind, in.Size, in.MTime, in.Inode, same, in.Sum, rest)
		last = in.Path
	}
	return out.Bytes(), nil
}

// sameAs is whether an encoded entry says the same, but for the time.
func (e entry) sameAs(data []byte) bool {
	head, _, _ := bytes.Cut(data, []byte("\n"))
	var old entry
	if err := json.Unmarshal(head, &old); err != nil {
		return false
	}
	e.Recorded = old.Recorded
	again, err := e.encode()
	return err == nil && bytes.Equal(again, data)
}

var errEntry = errors.New("spoiled cache entry")

func decodeEntry(data []byte) (entry, error) {
	head, rest, _ := strings.Cut(string(data), "\n")
	var e entry
	if err := json.Unmarshal([]byte(head), &e); err != nil {
		return entry{}, err
	}
	if !isHex(strings.TrimPrefix(e.Artifact.ZipDigest, "sha256:")) || slices.ContainsFunc(e.Looks, func(key string) bool {
		hex, isLook := strings.CutPrefix(key, source.LookPrefix)
		return !isLook || !isHex(hex)
	}) {
		return entry{}, errEntry
	}
	bill, lines, more := strings.Cut(rest, "\n")
	e.Bill = bill
	if !more {
		return e, nil
	}
	e.Inputs = make([]source.Input, 0, strings.Count(lines, "\n")+1)
	last := ""
	for line := range strings.SplitSeq(lines, "\n") {
		in, err := decodeInput(line, last)
		if err != nil {
			return entry{}, err
		}
		e.Inputs = append(e.Inputs, in)
		last = in.Path
	}
	return e, nil
}

// isHex is whether a part of a file's name is such as ferry gives, which leads nowhere else.
func isHex(name string) bool { return strings.Trim(name, "0123456789abcdef") == "" }

func decodeInput(line, last string) (in source.Input, err error) {
	next := func() (field string) {
		field, line, _ = strings.Cut(line, " ")
		return field
	}
	number := func() (n int64) {
		n, e := strconv.ParseInt(next(), 10, 64)
		err = cmp.Or(err, e)
		return n
	}
	in.Kind, in.Size, in.MTime = next(), number(), number()
	inode, e := strconv.ParseUint(next(), 10, 64)
	err = cmp.Or(err, e)
	in.Inode = inode
	same := number()
	in.Sum = next()
	if strings.HasPrefix(line, `"`) {
		if line, e = strconv.Unquote(line); e != nil {
			err = cmp.Or(err, e)
		}
	}
	if err != nil || in.Sum == "" || same < 0 || same > int64(len(last)) {
		return source.Input{}, cmp.Or(err, errEntry)
	}
	in.Path = last[:same] + line
	return in, nil
}

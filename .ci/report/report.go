// Package report reads the output of go test -json: it shows what went wrong, and counts by room, which is a package.
package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

const module = "github.com/ferryfn/ferry/"

// Room is what one package came to.
type Room struct {
	Name                    string
	Seconds                 float64
	Passed, Failed, Skipped int
	Tried, Cases            int // of the enumerations, by their samples
}

// Report is what a run came to.
type Report struct {
	Rooms []*Room // the slowest first
	Took  time.Duration
}

// event is one line of the output.
type event struct {
	Time                          time.Time
	Action, Package, Test, Output string
	Elapsed                       float64
}

var sampled = regexp.MustCompile(`sample: (\d+) of (\d+) cases`)

// Read reads a run, and shows on w the output of each test that fails or is skipped when it ends.
func Read(r io.Reader, w io.Writer) Report {
	output, rooms := map[string]string{}, map[string]*Room{}
	var began, ended time.Time
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(w, lines.Text())
			continue
		}
		if began.IsZero() {
			began = e.Time
		}
		ended = e.Time
		key := e.Package + " " + e.Test
		output[key] += e.Output
		if rooms[e.Package] == nil {
			rooms[e.Package] = &Room{Name: strings.TrimPrefix(e.Package, module)}
		}
		if rooms[e.Package].count(e) {
			fmt.Fprintf(w, "%s: %s\n%s", e.Action, key, output[key])
		}
		if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" {
			delete(output, key)
		}
	}
	delete(rooms, "") // what go says of builds
	list := slices.SortedFunc(maps.Values(rooms), func(a, b *Room) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Name, b.Name))
	})
	return Report{list, ended.Sub(began)}
}

// count counts an event, and reports whether it is one to show.
func (r *Room) count(e event) (show bool) {
	if found := sampled.FindStringSubmatch(e.Output); found != nil {
		tried, _ := strconv.Atoi(found[1])
		cases, _ := strconv.Atoi(found[2])
		r.Tried, r.Cases = r.Tried+tried, r.Cases+cases
	}
	if e.Test == "" && e.Action != "output" {
		r.Seconds = max(r.Seconds, e.Elapsed)
	}
	switch {
	case e.Action == "pass":
		r.Passed++
	case e.Action == "fail":
		r.Failed++
		return true
	case e.Action == "skip" && e.Test != "":
		r.Skipped++
		return true
	}
	return false
}

// Sum is all rooms as one.
func (r Report) Sum() Room {
	sum := Room{Name: "all", Seconds: r.Took.Seconds()}
	for _, one := range r.Rooms {
		sum.Passed, sum.Failed, sum.Skipped = sum.Passed+one.Passed, sum.Failed+one.Failed, sum.Skipped+one.Skipped
		sum.Tried, sum.Cases = sum.Tried+one.Tried, sum.Cases+one.Cases
	}
	return sum
}

// Table prints rows of cells that tabs divide.
func Table(w io.Writer, head string, rows []string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\t\n", head)
	for _, row := range rows {
		fmt.Fprintf(t, "%s\t\n", row)
	}
	_ = t.Flush()
}

package compare

import (
	"encoding/xml"
	"fmt"
	"html"
	"strings"

	"github.com/ferryfn/ferry/migrate/chart"
)

// JUnit is the report as CI services read it: a case for each request that was sent and differs, and one for all others.
func (r Report) JUnit(name string) ([]byte, error) {
	type failure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Failure *failure `xml:"failure,omitempty"`
	}
	suite := struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Cases    []testcase `xml:"testcase"`
	}{Name: name, Tests: len(r.Different), Failures: len(r.Different)}
	if r.Equal > 0 {
		suite.Tests++
		suite.Cases = append(suite.Cases, testcase{Class: name, Name: fmt.Sprintf("%d requests are answered alike", r.Equal)})
	}
	for _, d := range r.Different {
		suite.Cases = append(suite.Cases, testcase{
			Class: name, Name: fmt.Sprintf("%d %s", d.Number, d.Request),
			Failure: &failure{Message: d.Differences[0].At, Text: d.text()},
		})
	}
	text, err := xml.MarshalIndent(suite, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), err
}

func (d Different) text() string {
	var b strings.Builder
	for _, x := range d.Differences {
		fmt.Fprintf(&b, "%s\n  from: %s\n  to:   %s\n", x.At, x.From, x.To)
	}
	return b.String()
}

// HTML is the report as one page that needs no other file. from and to are what the places are called.
func (r Report) HTML(from, to string) []byte {
	left := ""
	if r.Left > 0 {
		left = fmt.Sprintf(" %d were left out for their method.", r.Left)
	}
	body := fmt.Sprintf("<p><strong>%d of %d</strong> requests are answered alike.%s</p>\n<h2>Time until the answer</h2>%s\n%s",
		r.Equal, r.Requests, left, chart.SVG("latencies", r.bars(from, to)), r.table(from, to))
	return chart.Page(from+" and "+to, body)
}

// bars are the percentiles of both places.
func (r Report) bars(from, to string) []chart.Bar {
	is, was := r.Latency.To, r.Latency.From
	return []chart.Bar{
		{Name: from + ", half of the requests", Seconds: was.P50},
		{Name: to + ", half of the requests", Seconds: is.P50, Series: 1},
		{Name: from + ", 95 of 100", Seconds: was.P95},
		{Name: to + ", 95 of 100", Seconds: is.P95, Series: 1},
		{Name: from + ", 99 of 100", Seconds: was.P99},
		{Name: to + ", 99 of 100", Seconds: is.P99, Series: 1},
	}
}

func (r Report) table(from, to string) string {
	if len(r.Different) == 0 {
		return ""
	}
	var s strings.Builder
	fmt.Fprintf(&s, "<h2>Differences</h2><table><tr><th>request<th>in<th>%s<th>%s</tr>\n", html.EscapeString(from), html.EscapeString(to))
	for _, d := range r.Different {
		for i, x := range d.Differences {
			name := ""
			if i == 0 {
				name = fmt.Sprintf("%d %s", d.Number, d.Request)
			}
			fmt.Fprintf(&s, "<tr><td>%s<td>%s<td><code>%s</code><td><code>%s</code></tr>\n",
				html.EscapeString(name), html.EscapeString(x.At), html.EscapeString(x.From), html.EscapeString(x.To))
		}
	}
	return s.String() + "</table>\n"
}

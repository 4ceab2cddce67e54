package compare

import (
	"encoding/xml"
	"fmt"
	"html"
	"strings"
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

const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%[1]s</title>
<style>
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;overflow-wrap:anywhere}
tr{border-top:1px solid #8884}code{font-size:.9em}svg{width:100%%;max-width:40rem;height:auto}
</style>
<h1>%[1]s</h1><p><strong>%[2]d of %[3]d</strong> requests are answered alike.%[4]s</p>
<h2>Time until the answer</h2>%[5]s
%[6]s</html>
`

// HTML is the report as one page that needs no other file. from and to are what the places are called.
func (r Report) HTML(from, to string) []byte {
	left := ""
	if r.Left > 0 {
		left = fmt.Sprintf(" %d were left out for their method.", r.Left)
	}
	return fmt.Appendf(nil, page, html.EscapeString(from+" and "+to), r.Equal, r.Requests, left, r.chart(from, to), r.table(from, to))
}

// chart draws the percentiles of both places as bars, with their values as text.
func (r Report) chart(from, to string) string {
	bars := []struct {
		name    string
		seconds float64
		colour  string
	}{
		{from + ", half of the requests", r.Latency.From.P50, "#3b7dd8"},
		{to + ", half of the requests", r.Latency.To.P50, "#d87a3b"},
		{from + ", 95 of 100", r.Latency.From.P95, "#3b7dd8"},
		{to + ", 95 of 100", r.Latency.To.P95, "#d87a3b"},
		{from + ", 99 of 100", r.Latency.From.P99, "#3b7dd8"},
		{to + ", 99 of 100", r.Latency.To.P99, "#d87a3b"},
	}
	most := 0.0
	for _, b := range bars {
		most = max(most, b.seconds)
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg viewBox="0 0 640 %d" role="img" aria-label="latencies">`, 44*len(bars))
	for i, b := range bars {
		width := 0.0
		if most > 0 {
			width = 500 * b.seconds / most
		}
		fmt.Fprintf(&s, `<text x="0" y="%d" font-size="13" fill="currentColor">%s</text><rect x="0" y="%d" width="%.1f" height="16" fill="%s"/><text x="%.1f" y="%d" font-size="13" fill="currentColor">%.0f ms</text>`,
			44*i+14, html.EscapeString(b.name), 44*i+20, max(width, 1), b.colour, width+8, 44*i+33, 1000*b.seconds)
	}
	return s.String() + "</svg>"
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

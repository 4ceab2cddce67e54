// Package chart draws times as bars, on pages that need no other file.
package chart

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// Latency are percentiles of times, in seconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Percentiles are those of times, which it sorts; all are 0 where there are none.
func Percentiles(times []float64) Latency {
	slices.Sort(times)
	at := func(share float64) float64 {
		if len(times) == 0 {
			return 0
		}
		return times[int(math.Ceil(share*float64(len(times))))-1]
	}
	return Latency{at(0.50), at(0.95), at(0.99)}
}

// Bar is one time.
type Bar struct {
	Name    string
	Seconds float64
	Series  int // bars of a series have one colour
}

// colours are those of the series, which both light and dark pages show.
func colours() []string { return []string{"#3b7dd8", "#d87a3b", "#4f9a4f", "#9a5fb8", "#b8564f"} }

// SVG draws bars, with their values as text.
func SVG(label string, bars []Bar) string {
	most := 0.0
	for _, b := range bars {
		most = max(most, b.Seconds)
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg viewBox="0 0 640 %d" role="img" aria-label="%s">`, 44*len(bars), html.EscapeString(label))
	for i, b := range bars {
		width := 0.0
		if most > 0 {
			width = 500 * b.Seconds / most
		}
		fmt.Fprintf(&s, `<text x="0" y="%d" font-size="13" fill="currentColor">%s</text><rect x="0" y="%d" width="%.1f" height="16" fill="%s"/><text x="%.1f" y="%d" font-size="13" fill="currentColor">%.0f ms</text>`,
			44*i+14, html.EscapeString(b.Name), 44*i+20, max(width, 1), colours()[b.Series%len(colours())], width+8, 44*i+33, 1000*b.Seconds)
	}
	return s.String() + "</svg>"
}

const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%[1]s</title>
<style>
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25;overflow-wrap:anywhere}th:first-child{overflow-wrap:normal}
@media(max-width:40rem){table{font-size:.85rem}svg text{font-size:20px}}
tr{border-top:1px solid #8884}code{font-size:.9em}svg{width:100%%;max-width:40rem;height:auto}
</style>
<h1>%[1]s</h1>%[2]s</html>
`

// Page is a page with a title, which is a text, around HTML.
func Page(title, body string) []byte { return fmt.Appendf(nil, page, html.EscapeString(title), body) }

package portability

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
)

// trait is something in code by which it depends on cases that some ingresses lose.
type trait struct {
	cases  []string
	level  Level
	what   string                    // what the code does
	says   map[string]pattern        // by language, what a line of code says that has it
	unless map[string]*regexp.Regexp // what any line says of code that has it not after all
}

// traits are those that a line can show. Their patterns are compiled when the first code is looked through.
var traits = sync.OnceValue(func() []trait {
	re := regexp.MustCompile
	const header = `(?i)header[^\n]*\b(?:latin-?1|iso-8859-1)\b`
	latin := patternOf(header, "atin", "8859")
	typed := re(`(?i)content[-_]type|\.json\(|\.send\(|\.type\(|mimetype|jsonify|JSONResponse|HTMLResponse|render_template`)
	return []trait{
		{
			cases: []string{"a failure within the answer"}, level: Hint, what: "it answers piece by piece",
			says: map[string]pattern{
				"nodejs": patternOf(`\bres(?:ponse)?\.write\(|\bnew (?:Readable|Transform)Stream\b|\.pipe\(\s*res\b|\bpipeline\([^)]*\bres\b`, "write(", "Stream", "pipe"),
				"python": patternOf(`^\s*yield\b|\bStreamingResponse\(|\bstream_with_context\(|["']more_body["']\s*:\s*True`, "yield", "Streaming", "stream_with", "more_body"),
				"go":     patternOf(`\bhttp\.Flusher\b|\.Flush\(\)|\bhttp\.NewResponseController\(`, "Flush", "NewResponseController"),
			},
		},
		{
			cases: []string{"a body on GET"}, level: Hint, what: "it reads bodies of GET requests",
			says: map[string]pattern{
				"nodejs": patternOf(`\.get\(\s*["'\x60][^"'\x60]*["'\x60].*\breq(?:uest)?\.body\b|===?\s*["']GET["'].*(?:\.body\b|\.on\(\s*["']data["'])`, "body", ".on("),
			},
		},
		{
			cases: []string{"a compressed body"}, level: Change, what: "it decompresses bodies itself",
			says: map[string]pattern{
				"nodejs": patternOf(`\b(?:createGunzip|gunzip|createBrotliDecompress|brotliDecompress|createInflate|createUnzip)(?:Sync)?\(|\bnew DecompressionStream\(`, "unzip", "rotli", "nflate", "Decompression"),
			},
		},
		{
			cases: []string{"TRACE"}, level: Change, what: "it answers TRACE",
			says: map[string]pattern{"nodejs": patternOf(`["']TRACE["']|\bapp\.trace\(`, "TRACE", ".trace(")},
		},
		{
			cases: []string{"dot segments", "encoded dot segments", "two slashes within a path", "a path that begins with two slashes"}, level: Hint, what: "it cleans paths itself",
			says: map[string]pattern{
				"nodejs": patternOf(`\b(?:normalize|resolve|join)\([^)]*\b(?:req(?:uest)?\.(?:url|originalUrl|path)|rawPath|pathname)\b`, "normalize", "resolve", "join"),
				"go":     patternOf(`\bpath\.(?:Clean|Join)\([^)]*\.URL\.(?:Path|RawPath|EscapedPath)`, "path.Clean", "path.Join"),
			},
		},
		{
			cases: []string{"a name with an underscore"}, level: Change, what: "it reads a header whose name has an underscore",
			says: map[string]pattern{"python": patternOf(`\bheaders["']?\]?(?:\.get\(|\[)\s*b?["'][\w-]*_[\w-]*["']|\bb["'][a-z0-9-]*_[a-z0-9_-]*["']\s*(?:in|==)`, "_")},
		},
		{
			cases: []string{"Latin-1 in a header"}, level: Hint, what: "it reads headers that are no UTF-8",
			says: map[string]pattern{"nodejs": latin, "python": latin, "go": latin},
		},
		{
			cases: []string{"no content type", "a page without a type"}, level: Change, what: "it answers without a content type",
			says: map[string]pattern{
				"nodejs": patternOf(`\bres(?:ponse)?\.end\(\s*[^)\s]`, ".end("), "python": patternOf(`\bstart_response\(|["']http\.response\.start["']`, "start_response", "http.response.start"),
			},
			unless: map[string]*regexp.Regexp{"nodejs": typed, "python": typed},
		},
		{
			cases: []string{"two cookies"}, level: Change, what: "it sets cookies",
			says: map[string]pattern{"python": patternOf(`(?i)["']set-cookie["']|\bset_cookie\(|b["']set-cookie["']|["']cookies["']\s*:`, "ookie", "OOKIE")},
		},
	}
})

// look looks at a line for traits.
func (f *facts) look(language, line string, number int, possible []trait) {
	for _, t := range possible {
		if says := t.unless[language]; says != nil && says.MatchString(line) {
			f.denied[t.what] = true
		}
		if _, there := f.traits[t.what]; there {
			continue
		}
		if m := t.says[language].expression.FindStringIndex(line); m != nil {
			f.traits[t.what] = match{line: number, column: m[0] + 1}
		}
	}
}

// reason is why the first of a trait's cases is lost, "" where none is.
func (c Code) reason(t trait) string {
	for _, name := range t.cases {
		if reason := c.Lost[name]; reason != "" {
			return reason
		}
	}
	return ""
}

// told are the findings of the traits that code has, and of which something is lost.
func (c Code) told(has map[string]Finding, denied map[string]bool) (all []Finding) {
	for _, t := range traits() {
		f, there := has[t.what]
		if !there || denied[t.what] || c.reason(t) == "" {
			continue
		}
		f.Level, f.Rule = t.level, "ingress"
		f.Cases = slices.DeleteFunc(slices.Clone(t.cases), func(name string) bool { return c.Lost[name] == "" })
		f.Message = fmt.Sprintf("%s, and not all of that is carried there: %s", t.what, c.reason(t))
		f.Hint = "try it there with `ferry compare`; the table of what is carried is docs/conformance.md"
		all = append(all, f)
	}
	return all
}

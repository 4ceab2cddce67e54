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
	says   map[string]*regexp.Regexp // by language, what a line of code says that has it
	unless map[string]*regexp.Regexp // what any line says of code that has it not after all
}

// traits are those that a line can show. Their patterns are compiled when the first code is looked through.
var traits = sync.OnceValue(func() []trait {
	re := regexp.MustCompile
	const header = `(?i)header[^\n]*\b(?:latin-?1|iso-8859-1)\b`
	typed := re(`(?i)content[-_]type|\.json\(|\.send\(|\.type\(|mimetype|jsonify|JSONResponse|HTMLResponse|render_template`)
	return []trait{
		{
			cases: []string{"a failure within the answer"}, level: Hint, what: "it answers piece by piece",
			says: map[string]*regexp.Regexp{
				"nodejs": re(`\bres(?:ponse)?\.write\(|\bnew (?:Readable|Transform)Stream\b|\.pipe\(\s*res\b|\bpipeline\([^)]*\bres\b`),
				"python": re(`^\s*yield\b|\bStreamingResponse\(|\bstream_with_context\(|["']more_body["']\s*:\s*True`),
				"go":     re(`\bhttp\.Flusher\b|\.Flush\(\)|\bhttp\.NewResponseController\(`),
			},
		},
		{
			cases: []string{"a body on GET"}, level: Hint, what: "it reads bodies of GET requests",
			says: map[string]*regexp.Regexp{
				"nodejs": re(`\.get\(\s*["'\x60][^"'\x60]*["'\x60].*\breq(?:uest)?\.body\b|===?\s*["']GET["'].*(?:\.body\b|\.on\(\s*["']data["'])`),
			},
		},
		{
			cases: []string{"a compressed body"}, level: Change, what: "it decompresses bodies itself",
			says: map[string]*regexp.Regexp{
				"nodejs": re(`\b(?:createGunzip|gunzip|createBrotliDecompress|brotliDecompress|createInflate|createUnzip)(?:Sync)?\(|\bnew DecompressionStream\(`),
			},
		},
		{
			cases: []string{"TRACE"}, level: Change, what: "it answers TRACE",
			says: map[string]*regexp.Regexp{"nodejs": re(`["']TRACE["']|\bapp\.trace\(`)},
		},
		{
			cases: []string{"dot segments", "encoded dot segments", "two slashes within a path", "a path that begins with two slashes"}, level: Hint, what: "it cleans paths itself",
			says: map[string]*regexp.Regexp{
				"nodejs": re(`\b(?:normalize|resolve|join)\([^)]*\b(?:req(?:uest)?\.(?:url|originalUrl|path)|rawPath|pathname)\b`),
				"go":     re(`\bpath\.(?:Clean|Join)\([^)]*\.URL\.(?:Path|RawPath|EscapedPath)`),
			},
		},
		{
			cases: []string{"a name with an underscore"}, level: Change, what: "it reads a header whose name has an underscore",
			says: map[string]*regexp.Regexp{"python": re(`\bheaders["']?\]?(?:\.get\(|\[)\s*b?["'][\w-]*_[\w-]*["']|\bb["'][a-z0-9-]*_[a-z0-9_-]*["']\s*(?:in|==)`)},
		},
		{
			cases: []string{"Latin-1 in a header"}, level: Hint, what: "it reads headers that are no UTF-8",
			says: map[string]*regexp.Regexp{"nodejs": re(header), "python": re(header), "go": re(header)},
		},
		{
			cases: []string{"no content type", "a page without a type"}, level: Change, what: "it answers without a content type",
			says: map[string]*regexp.Regexp{
				"nodejs": re(`\bres(?:ponse)?\.end\(\s*[^)\s]`), "python": re(`\bstart_response\(|["']http\.response\.start["']`),
			},
			unless: map[string]*regexp.Regexp{"nodejs": typed, "python": typed},
		},
		{
			cases: []string{"two cookies"}, level: Change, what: "it sets cookies",
			says: map[string]*regexp.Regexp{"python": re(`(?i)["']set-cookie["']|\bset_cookie\(|b["']set-cookie["']|["']cookies["']\s*:`)},
		},
	}
})

// seen is what was seen of traits in a function's code.
type seen struct {
	lost   map[string]string
	first  map[string]Finding // by what the code does, where it does so first
	denied map[string]bool
}

// look looks at a line for traits by which the function depends on what is lost.
func (s *seen) look(language, line string, at Finding) {
	if len(s.lost) == 0 {
		return
	}
	for _, t := range traits() {
		if s.reason(t) == "" {
			continue
		}
		if says := t.unless[language]; says != nil && says.MatchString(line) {
			if s.denied == nil {
				s.denied = map[string]bool{}
			}
			s.denied[t.what] = true
		}
		says := t.says[language]
		if says == nil {
			continue
		}
		if m := says.FindStringIndex(line); m != nil {
			if s.first == nil {
				s.first = map[string]Finding{}
			}
			if _, there := s.first[t.what]; !there {
				at.Column = m[0] + 1
				s.first[t.what] = at
			}
		}
	}
}

// reason is why the first of a trait's cases is lost, "" where none is.
func (s *seen) reason(t trait) string {
	for _, name := range t.cases {
		if reason := s.lost[name]; reason != "" {
			return reason
		}
	}
	return ""
}

// told are the findings of what was seen.
func (c Code) told(s *seen) (all []Finding) {
	for _, t := range traits() {
		f, there := s.first[t.what]
		if !there || s.denied[t.what] {
			continue
		}
		f.Level, f.Rule = t.level, "ingress"
		f.Cases = slices.DeleteFunc(slices.Clone(t.cases), func(name string) bool { return s.lost[name] == "" })
		f.Message = fmt.Sprintf("%s, and not all of that is carried there: %s", t.what, s.reason(t))
		f.Hint = "try it there with `ferry compare`; the table of what is carried is docs/conformance.md"
		all = append(all, f)
	}
	return all
}

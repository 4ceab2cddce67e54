package python

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// The forms in which code names a place from where it lies. A place that was understood stands in the text as the number of
// steps upward from the file, between two marks.
var (
	ofPathlib = pattern.Of(`(?:pathlib\.)?Path\(__file__\)((?:\s*\.(?:resolve|absolute)\(\))*)((?:\s*\.parents?\b(?:\[\d+\])?)*)`)
	ofPlace   = pattern.Of(`\x00(\d+)\x00((?:\s*\.(?:resolve|absolute)\(\)|\s*\.parents?\b(?:\[\d+\])?)+)`)
	ofDirname = pattern.Of(`((?:(?:os\.)?(?:path\.)?(?:dirname|abspath|realpath)\()+)__file__(\)+)`)
	assigned  = pattern.Of(`^\s*([A-Za-z_]\w*)\s*(?::[^=]+)?=[\s(]*\x00(\d+)\x00[\s)]*$`)
	slashed   = pattern.Of(`\x00(\d+)\x00((?:\s*/\s*(?:"[^"\\]*"|'[^'\\]*'))+)`)
	joined    = pattern.Of(`(?:\bjoin\(\s*\x00(\d+)\x00\s*,|\x00(\d+)\x00\.(?:joinpath|with_name)\()((?:\s*(?:"[^"\\]*"|'[^'\\]*')\s*(?:,|\)))+)`)
	inserted  = pattern.Of(`\{\x00(\d+)\x00\}((?:/[^"'{}/\s]+)*)`)
	literal   = pattern.Of(`"[^"\\]*"|'[^'\\]*'`)
	pieces    = pattern.Of(`(?s)#[^\n]*|"""(?:[^\\]|\\.)*?"""|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\\\r?\n|[^#"'()\[\]{}\\\n]+|.`)
	upward    = pattern.Of(`\.parent(?:s\[(\d+)\])?`)
)

// read is a file that a line of code names.
type read struct {
	line  int
	above int    // steps upward from the file
	name  string // from there
}

// known is a place that code has a name for.
type known struct {
	name  *regexp.Regexp
	place string
}

// readsOf finds what code reads from where it lies, as far as the path is plain: of one that goes on with a name which is known
// when the code runs, the folder.
func readsOf(code string) (out []read) {
	var places []known
	for number, text := range statements(code) {
		text = ofPathlib().ReplaceAllStringFunc(text, pathlibPlace)
		text = ofDirname().ReplaceAllStringFunc(text, dirnamePlace)
		for _, p := range places {
			text = p.name.ReplaceAllString(text, p.place)
		}
		text = ofPlace().ReplaceAllStringFunc(text, placeAbove)
		if m := assigned().FindStringSubmatch(text); m != nil {
			places = append(places, known{regexp.MustCompile(`(^|[^\w.])` + m[1] + `\b`), "${1}\x00" + m[2] + "\x00"})
		}
		found := func(at []int, above, parts string) {
			r := readAt(number+strings.Count(text[:at[0]], "\n"), above, parts)
			if strings.Contains(text[at[0]:at[1]], ".with_name(") {
				r.above++
			}
			out = append(out, r)
		}
		part := func(at []int, n int) string { return text[max(at[2*n], 0):max(at[2*n+1], 0)] }
		for _, at := range slashed().FindAllStringSubmatchIndex(text, -1) {
			found(at, part(at, 1), part(at, 2))
		}
		for _, at := range joined().FindAllStringSubmatchIndex(text, -1) {
			found(at, part(at, 1)+part(at, 2), part(at, 3))
		}
		for _, at := range inserted().FindAllStringSubmatchIndex(text, -1) {
			if name := part(at, 2); name != "" {
				found(at, part(at, 1), strconv.Quote(name[1:]))
			}
		}
	}
	return out
}

// statements are the lines of code without comments, those together that brackets or backslashes join, with the number of
// the first one.
func statements(code string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		first, number, depth := 1, 1, 0
		var text strings.Builder
		for _, piece := range pieces().FindAllString(code, -1) {
			number += strings.Count(piece, "\n")
			switch piece[0] {
			case '#':
				continue
			case '(', '[', '{':
				depth++
			case ')', ']', '}':
				depth = max(depth-1, 0)
			case '\\':
				piece = piece[1:] // what joins the lines
			case '\n':
				if depth > 0 {
					break
				}
				if !yield(first, text.String()) {
					return
				}
				text.Reset()
				first = number
				continue
			}
			text.WriteString(piece)
		}
		yield(first, text.String())
	}
}

func readAt(line int, above, parts string) read {
	n, _ := strconv.Atoi(above) // the form has digits only
	var names []string
	for _, text := range literal().FindAllString(parts, -1) {
		names = append(names, text[1:len(text)-1])
	}
	return read{line, n, path.Join(names...)}
}

func placeAbove(text string) string {
	m := ofPlace().FindStringSubmatch(text)
	above, _ := strconv.Atoi(m[1])
	return placed(above, m[2])
}

func pathlibPlace(text string) string { return placed(0, text) }

// placed is the place that steps upward lead to.
func placed(above int, text string) string {
	for _, m := range upward().FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi("0" + m[1])
		above += n + 1
	}
	return fmt.Sprintf("\x00%d\x00", above)
}

func dirnamePlace(text string) string {
	opened, closed := strings.Count(text, "("), strings.Count(text, ")")
	if closed < opened {
		return text
	}
	return fmt.Sprintf("\x00%d\x00%s", strings.Count(text, "dirname("), strings.Repeat(")", closed-opened))
}

// withRead are the files of the source folder with those that the code reads and that would stay out by habit. What stays
// out by a rule, or lies outside, is named.
func (j *job) withRead(files []source.File) ([]source.File, error) {
	in := map[string]bool{}
	for _, f := range files {
		for name := f.Name; name != "."; name = path.Dir(name) {
			in[name] = true
		}
	}
	for _, f := range slices.Clone(files) {
		if !strings.HasSuffix(f.Name, ".py") || f.Size() > 1<<20 {
			continue
		}
		code, err := regular.Read(f.Path)
		if err != nil {
			return nil, source.ReadProblem(f.Path, f.Name, err)
		}
		j.sdk = j.sdk || ofAWS().Match(code) && !ofTests().MatchString(f.Name)
		if !bytes.Contains(code, []byte("__file__")) {
			continue
		}
		for _, r := range readsOf(string(code)) {
			at := filepath.Join(j.Dir, filepath.FromSlash(f.Name))
			for range r.above {
				at = filepath.Dir(at)
			}
			at = filepath.Join(at, filepath.FromSlash(r.name))
			name := j.shown(at)
			if info, err := os.Stat(at); err != nil || r.above == 0 || in[name] || name == "." {
				continue
			} else if added, err := j.takeRead(fmt.Sprintf("%s:%d", f.Name, r.line), name, at, info); err != nil {
				return nil, err
			} else if in[name] = true; added {
				files = append(files, source.File{Name: name, Path: at, Info: info, In: j.In})
			}
		}
	}
	return files, nil
}

// takeRead decides about a file that a line of code reads and that no rule takes in: it comes along, or is warned of.
func (j *job) takeRead(line, name, at string, info os.FileInfo) (added bool, err error) {
	file, number, _ := strings.Cut(line, ":")
	n, _ := strconv.Atoi(number)
	warn := func(hint, format string, args ...any) {
		j.made.Warnings = append(j.made.Warnings, source.Warning{
			File: file, Line: n, Message: line + " reads " + name + ", which is not packaged: " + fmt.Sprintf(format, args...), Hint: hint,
		})
	}
	if strings.HasPrefix(name, "../") || name == ".." {
		warn("copy it into the source folder, or make the folder that holds both the `source`", "it lies outside of the source folder")
		return false, nil
	}
	why, err := j.LeftOut(name)
	switch {
	case err != nil:
		return false, err
	case info.Mode().IsRegular() && (why == "" || strings.HasPrefix(why, source.OwnRules)):
		if j.made.Read == nil {
			j.made.Read = map[string]string{}
		}
		j.made.Read[name] = line + " reads it"
		return true, j.In.File(at)
	case strings.Contains(why, "never"):
		warn("set what it holds with `env` and `secrets` in the manifest", "%s", why)
	case why != "":
		warn("add `"+name+"` to build.include, or take it out of the list that leaves it out", "%s", why)
	}
	return false, nil // a folder with nothing in it
}

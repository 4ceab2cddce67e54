package node

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// These tell what a module is written for. Each is sure of what it tells, and says nothing of any other code.
var (
	comment     = pattern.Of(`(?s)/\*.*?\*/|(?m)(?:^|\s)//.*$`)
	ofAzure     = pattern.Of(`['"]@azure/functions['"]`)
	azures      = pattern.Of(`\bapp\.(?:http|get|post|put|patch|deleteRequest|timer|storageQueue|storageBlob|serviceBusQueue|serviceBusTopic|eventGrid)\(`)
	ofGoogle    = pattern.Of(`['"]@google-cloud/functions-framework['"]`)
	googles     = pattern.Of(`\b(http|cloudEvent)\(\s*['"]`)
	app         = pattern.Of(`^(?:express\(\)|new Koa\(|[fF]astify\(|(?:http\.)?createServer\()`)
	fetcher     = pattern.Of(`^(?:new (?:Hono|H3)\(|\{\s*(?:async\s+)?fetch\b)`)
	called      = pattern.Of(`^(?:async\s*)?(?:function\b[^(]*)?\(?\s*([\w$]*)[^,)=]*,?\s*([\w$]*)`)
	requests    = pattern.Of(`(?i)^_?(?:req|request) _?(?:res|response|reply)$`)
	invocations = pattern.Of(`(?i)^_?(?:event|evt) _*(?:context|ctx|callback|cb)?$`)
	plainName   = pattern.Of(`^([\w$]+)\s*;?\s*$`)
)

const lambdaShape = "it exports handler(event, context) as for AWS Lambda"

// Written is the file in which a handler is written.
func Written(dir string, fn manifest.Function) []string {
	return []string{filepath.Join(dir, filepath.FromSlash(fn.Module()))}
}

// Foresee says of a handler that its file is written for another style. What cannot be read is for the build to say.
func Foresee(dir string, fn manifest.Function, _ source.Platform) ([]source.Warning, error) {
	file := Written(dir, fn)[0]
	data, err := regular.Read(file)
	if err != nil {
		return nil, nil //nolint:nilerr // a build command may make it
	}
	if style, shows := shown(comment().ReplaceAllString(string(data), ""), fn); style != "" && style != fn.Style {
		return nil, source.AnotherStyle(file, fn, shows, style)
	}
	return nil, nil
}

// helpless refuses a handler that would go live and fail at its first request. Others of another style do not start, and say why.
func helpless(dir string, fn manifest.Function) error {
	if fn.Style != manifest.StyleNode {
		return nil
	}
	file := Written(dir, fn)[0]
	data, err := regular.Read(file)
	if err != nil {
		return err
	}
	if style, shows := exported(comment().ReplaceAllString(string(data), ""), fn.Export()); style == manifest.StyleGCFHTTP {
		return source.AnotherStyle(file, fn, shows, style)
	}
	return nil
}

// shown is the style that a module's text shows, "" where it shows none.
func shown(text string, fn manifest.Function) (manifest.Style, string) {
	if ofAzure().MatchString(text) && azures().MatchString(text) {
		return manifest.StyleAzure, "it registers functions with @azure/functions"
	}
	if found := googles().FindAllStringSubmatch(text, -1); ofGoogle().MatchString(text) && found != nil {
		return ofKind(fn, found), "it registers functions with @google-cloud/functions-framework"
	}
	switch fn.Style {
	case manifest.StyleFetch, manifest.StyleNode, manifest.StyleLambda:
		return exported(text, fn.Export())
	}
	return "", ""
}

// ofKind is the style of functions that are registered; where they are of both kinds, the manifest's events say it.
func ofKind(fn manifest.Function, found [][]string) manifest.Style {
	kinds := map[string]bool{}
	for _, f := range found {
		kinds[f[1]] = true
	}
	if kinds["http"] && (fn.HTTP() != nil || !kinds["cloudEvent"]) {
		return manifest.StyleGCFHTTP
	}
	return manifest.StyleGCFEvent
}

// exported is the style that the export of a name shows, or without one the module's default and then its handler.
func exported(text, name string) (manifest.Style, string) {
	value := exportOf(text, name)
	if name == "" && value == "" && exportOf(text, "fetch") == "" {
		value = exportOf(text, "handler")
	}
	if id := plainName().FindStringSubmatch(value); id != nil {
		value = declared(text, id[1])
	}
	names := strings.Join(append(called().FindStringSubmatch(value), "", "", "")[1:3], " ")
	switch {
	case app().MatchString(value):
		return manifest.StyleNode, "it exports an app or a server of (req, res)"
	case fetcher().MatchString(value):
		return manifest.StyleFetch, "it exports a fetch handler"
	case requests().MatchString(names) && helped(text, value):
		return manifest.StyleGCFHTTP, "it calls what Express adds to a response, and no code here adds it"
	case requests().MatchString(names):
		return manifest.StyleNode, "it exports a (req, res) function"
	case invocations().MatchString(names):
		return manifest.StyleLambda, lambdaShape
	}
	return "", ""
}

// helped is whether a (req, res) function answers by methods that Node's response has not, and gives the response to nobody who
// may add them.
func helped(text, value string) bool {
	at := called().FindStringSubmatchIndex(value)
	before, after, _ := strings.Cut(text, value)
	res := regexp.QuoteMeta(value[at[4]:at[5]])
	given := regexp.MustCompile(`[(,]\s*` + res + `\s*[,)]|\b` + res + `\.(?:status|json|send)\s*=|\.\.\.\s*arguments`)
	return regexp.MustCompile(`\b`+res+`\.(?:status|json|send|sendStatus)\(`).MatchString(text) && !given.MatchString(before) && !given.MatchString(value[at[5]:]+after)
}

// exportOf is what a module exports under a name, "" the default, as far as its first line says it.
func exportOf(text, name string) string {
	whole := `(?m)^\s*(?:module\.exports\s*=|export\s+default\b)\s*(.+)$`
	if name != "" {
		name = regexp.QuoteMeta(name)
		whole = `(?m)^\s*(?:(?:module\.)?exports\.` + name + `\s*=|export\s+(?:const|let|var)\s+` + name + `\s*=)\s*(.+)$|^\s*export\s+((?:async\s+)?function\s+` + name + `\s*\(.*)$`
	}
	return firstOf(text, whole)
}

// declared is what a name is declared as.
func declared(text, name string) string {
	name = regexp.QuoteMeta(name)
	return firstOf(text, `(?m)^\s*(?:const|let|var)\s+`+name+`\s*=\s*(.+)$|^\s*((?:async\s+)?function\s+`+name+`\s*\(.*)$`)
}

func firstOf(text, expression string) string {
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, 1) {
		return strings.TrimSpace(strings.Join(m[1:], ""))
	}
	return ""
}

package python

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// makers are what applications are made with, and their styles.
var makers = []struct {
	call  func() *regexp.Regexp
	style manifest.Style
	is    string
}{
	{pattern.Of(`^(?:flask\.)?Flask\(|^get_wsgi_application\(`), manifest.StyleWSGI, "a WSGI application"},
	{pattern.Of(`^(?:fastapi\.)?FastAPI\(|^(?:\w+\.)?(?:Starlette|Quart|Litestar)\(|^get_asgi_application\(`), manifest.StyleASGI, "an ASGI application"},
	{pattern.Of(`^(?:(?:aiohttp|tornado)\.)?web\.Application\(|^gr(?:adio)?\.(?:Blocks|Interface|ChatInterface|TabbedInterface)\(`), manifest.StyleServer, "made with what serves it by itself"},
	{pattern.Of(`^(?:\w+\.)*(?:Asgi|Wsgi)?FunctionApp\(`), manifest.StyleAzure, "a FunctionApp as for Azure Functions"},
}

// Written are the files that may hold the module of a handler.
func Written(dir string, fn manifest.Function) (files []string) {
	for _, name := range modules(dir, fn) {
		files = append(files, filepath.Join(dir, filepath.FromSlash(name)))
	}
	return files
}

// Foresee says of a handler that its module is written for another style. What cannot be read is for the build to say.
func Foresee(dir string, fn manifest.Function, _ source.Platform) ([]source.Warning, error) {
	for _, file := range Written(dir, fn) {
		data, err := regular.Read(file)
		if err != nil || fn.Export() == "" {
			continue
		}
		style, is := shown(string(data), fn.Export())
		if style == manifest.StyleLambda && fn.Style == manifest.StyleGCFEvent && fn.Export() != "lambda_handler" {
			continue // Google's first generation has such functions, too
		}
		if style == manifest.StyleServer {
			return nil, source.Problem(file, "start it in a program that listens on $PORT, and write that file as handler with `style: server`", "%s: it is %s", fn.Handler, is)
		}
		if style != "" && style != fn.Style {
			return nil, source.AnotherStyle(file, fn, "it is "+is, style)
		}
	}
	return nil, nil
}

// shown is the style that a name of a module shows, "" where it shows none.
func shown(text, name string) (manifest.Style, string) {
	name = regexp.QuoteMeta(name)
	if m := regexp.MustCompile(`(?m)^` + name + `\s*(?::[^=\n]+)?=\s*(.+)$`).FindStringSubmatch(text); m != nil {
		for _, maker := range makers {
			if maker.call().MatchString(m[1]) {
				return maker.style, maker.is
			}
		}
		return "", ""
	}
	m := regexp.MustCompile(`(?m)((?:^@.+\n)*)^(async )?def ` + name + `\(([^)]*)\)`).FindStringSubmatch(text)
	switch {
	case m == nil:
		return "", ""
	case strings.Contains(m[1], "functions_framework.http"):
		return manifest.StyleGCFHTTP, "a function of the request as for Google Cloud Functions"
	case strings.Contains(m[1], "functions_framework.cloud_event"):
		return manifest.StyleGCFEvent, "a function of a CloudEvent as for Google Cloud Functions"
	case m[1] != "": // nobody knows what a decorator makes of it
		return "", ""
	}
	return ofParameters(m[2], m[3])
}

// ofParameters is the style of a function, which is "async " or not, by the names that it takes.
func ofParameters(kind, list string) (manifest.Style, string) {
	var names []string
	for part := range strings.SplitSeq(list, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), ":")
		name, _, _ = strings.Cut(name, "=")
		if name = strings.TrimLeft(strings.TrimSpace(name), "_"); name != "" {
			names = append(names, name)
		}
	}
	switch strings.Join(names, " ") {
	case "scope receive send":
		if kind != "" {
			return manifest.StyleASGI, "an ASGI application"
		}
	case "event context":
		return manifest.StyleLambda, "a handler(event, context) as for AWS Lambda"
	case "request":
		return manifest.StyleGCFHTTP, "a function of the request as for Google Cloud Functions"
	case "cloud_event", "cloudevent":
		return manifest.StyleGCFEvent, "a function of a CloudEvent as for Google Cloud Functions"
	}
	return "", ""
}

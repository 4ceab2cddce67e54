package packager

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// What only code for one of Lambda's two forms of a request names: a type of AWS's own libraries, or a field of the event.
var (
	ofPayload1 = pattern.Of(`\b(?:APIGatewayProxyRequest|ALBTargetGroupRequest|APIGatewayProxyEvent|APIGatewayProxyHandler|ALBEvent|ALBHandler|APIGatewayRestResolver|ALBResolver)\b|\b(?:event|evt)(?:\??\.|\[["']|\.get\(["'])httpMethod\b|\bhttpMethod\b[^=\n]*\}\s*=\s*(?:event|evt)\b`)
	ofPayload2 = pattern.Of(`\b(?:APIGatewayV2HTTPRequest|LambdaFunctionURLRequest|APIGatewayProxyEventV2|APIGatewayProxyHandlerV2|LambdaFunctionURLEvent|LambdaFunctionURLHandler|APIGatewayHttpResolver|LambdaFunctionUrlResolver|LambdaFunctionUrlEvent|rawPath|rawQueryString)\b|requestContext\??\.http\b|["']http["']`)
)

// readsPayload refuses code that reads requests in another form than the function gets: it would go live and find neither path nor
// method. Code that knows both forms, or shows neither, is let be.
func readsPayload(dir string, fn manifest.Function) error {
	if fn.Style != manifest.StyleLambda || fn.HTTP() == nil {
		return nil
	}
	var old, current, at string
	for _, file := range writtenIn(dir, fn) {
		text, err := regular.Read(file)
		if err != nil {
			continue // the build says so
		}
		if found := ofPayload1().Find(text); found != nil && old == "" {
			old, at = string(found), file
		}
		if found := ofPayload2().Find(text); found != nil && current == "" {
			current = string(found)
		}
	}
	if old == "" || current != "" || fn.Payload == "1.0" {
		return nil
	}
	return source.Problem(at, "add `payload: \"1.0\"` to the function in ferry.yaml",
		"%s reads requests of payload format 1.0, as from a REST API (%s), and the function gets 2.0", fn.Handler, old)
}

// writtenIn are the files in which a handler is written, as far as their names say it.
func writtenIn(dir string, fn manifest.Function) []string {
	at := filepath.Join(dir, filepath.FromSlash(fn.Module()))
	switch fn.Runtime.Language() {
	case "go":
		files, _ := filepath.Glob(filepath.Join(at, "*.go")) // a folder is no pattern of its own
		return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
	case "python":
		at = filepath.Join(dir, filepath.FromSlash(strings.ReplaceAll(fn.Module(), ".", "/")))
		return []string{at + ".py", filepath.Join(at, "__init__.py")}
	}
	return []string{at}
}

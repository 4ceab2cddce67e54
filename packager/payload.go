package packager

import (
	"cmp"
	"regexp"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// What only code for one of Lambda's two forms of a request names: a type of AWS's own libraries, or a field of the event.
var (
	ofPayload1 = pattern.Of(`\b(?:APIGatewayProxyRequest|ALBTargetGroupRequest|APIGatewayProxyEvent|APIGatewayProxyHandler|ALBEvent|ALBHandler|APIGatewayRestResolver|ALBResolver)\b`)
	ofPayload2 = pattern.Of(`\b(?:APIGatewayV2HTTPRequest|LambdaFunctionURLRequest|APIGatewayProxyEventV2|APIGatewayProxyHandlerV2|LambdaFunctionURLEvent|LambdaFunctionURLHandler|APIGatewayHttpResolver|LambdaFunctionUrlResolver|LambdaFunctionUrlEvent|rawPath|rawQueryString)\b|requestContext\??\.http\b|["']http["']`)
)

// methodOf finds where code asks the event for its method by the name that payload 1.0 has for it. The event goes by the name
// that the handler gives it, or by a usual one where it is handed on.
func methodOf(text []byte, handler string) []byte {
	names := "event|evt"
	takes := `(?:\bdef\s+|\bfunction\s+|\b(?:const|let|var)\s+|\bexports\.)` + regexp.QuoteMeta(handler) + `\s*(?::[^=\n(]*)?(?:=\s*(?:async\b\s*)?(?:function\b\s*\w*)?)?\s*`
	if m := regexp.MustCompile(takes + `\(?\s*([\w$]+)`).FindSubmatch(text); m != nil {
		names += "|" + regexp.QuoteMeta(string(m[1]))
	}
	names = `(?:` + names + `)`
	asks := `\b` + names + `(?:\??\.|(?:\?\.)?\[["']|\.get\(["'])httpMethod\b|\bhttpMethod\b[^=\n]*\}\s*=\s*` + names + `\b|` + takes + `\(\s*\{[^}]*\bhttpMethod\b`
	return regexp.MustCompile(asks).Find(text)
}

// readsPayload refuses code that reads requests in another form than the function gets: it would go live and find neither path nor
// method. Code that knows both forms, or shows neither, is let be.
func (l language) readsPayload(dir string, fn manifest.Function) error {
	if fn.Style != manifest.StyleLambda || fn.HTTP() == nil || l.written == nil {
		return nil
	}
	var old, current, at string
	for _, file := range l.written(dir, fn) {
		text, err := regular.Read(file)
		if err != nil {
			continue // the build says so
		}
		found := ofPayload1().Find(text)
		if found == nil {
			found = methodOf(text, cmp.Or(fn.Export(), "handler"))
		}
		if found != nil && old == "" {
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

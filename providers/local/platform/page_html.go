package platform

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	"maragu.dev/gomponents/html"
)

//go:embed page.css
var pageStyle string

// Render writes the page. Go's own templates are not used for it: they look methods up by name, and so the linker would keep
// every method of every client in the binary, which doubles it.
func (p page) Render(w io.Writer) error {
	title := p.Scope.String()
	return document(title, "5", html.H1(g.Text(title)), p.functions(), p.more()).Render(w)
}

// document is a page that asks again after some seconds, and needs no script.
func document(title, seconds string, body ...g.Node) g.Node {
	return html.Doctype(html.HTML(html.Lang("en"),
		html.Head(
			html.Meta(html.Charset("utf-8")),
			html.Meta(html.Name("viewport"), html.Content("width=device-width, initial-scale=1")),
			html.Meta(g.Attr("http-equiv", "refresh"), html.Content(seconds)),
			html.TitleEl(g.Text(title)),
			html.StyleEl(g.Raw(pageStyle)),
		),
		html.Body(body...),
	))
}

// pageHeader is the head of every page: nothing on it loads anything, and nobody keeps it.
func pageHeader(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

func (p page) functions() g.Node {
	if len(p.Functions) == 0 {
		return html.P(g.Text("Nothing is live. Run "), html.Code(g.Text("ferry deploy")), g.Text("."))
	}
	return g.Map(p.Functions, pageFunction.node)
}

// more is what only those see who have the page's key.
func (p page) more() g.Node {
	switch {
	case !p.Known:
		return html.P(html.Class("dim"), g.Text("Run "), html.Code(g.Text("ferry open")),
			g.Text(" to see queues and logs, too: others who use this machine reach this page as well."))
	case len(p.Queues) == 0:
		return g.Group{html.H2(g.Text("Queues")), html.P(html.Class("dim"), g.Text("No function is bound to events."))}
	}
	return g.Group{html.H2(g.Text("Queues")), html.Table(
		html.Tr(html.Th(g.Text("name")), html.Th(g.Text("kind")), html.Th(g.Text("waiting")), html.Th(g.Text("oldest")), html.Th(g.Text("dead"))),
		g.Map(p.Queues, pageQueue.node),
	)}
}

func (q pageQueue) node() g.Node {
	name, dead := q.Name, g.Text("0")
	if q.Function != "" {
		name += " → " + q.Function
	}
	if q.Dead > 0 {
		dead = html.Span(html.Class("bad"), g.Textf("%d: %s", q.Dead, q.Reason))
	}
	return html.Tr(html.Td(g.Text(name)), html.Td(g.Text(q.Kind)), html.Td(g.Textf("%d", q.Depth)), html.Td(g.Text(q.Age.String())), html.Td(dead))
}

func (f pageFunction) node() g.Node {
	return html.Section(
		html.Header(
			html.B(g.Text(f.Name)),
			g.If(f.URL != "", html.A(html.Href(f.URL), html.Rel("noreferrer"), g.Text(f.URL))),
			g.If(f.Private, html.Span(html.Class("dim"), g.Text("private: ferry invoke "+f.Name))),
		),
		html.Dl(
			fact("live revision", g.Text(f.Revision), g.If(f.Canary != "", g.Textf(", and %s for %d%%", f.Canary, f.Percent))),
			fact("instances", g.Textf("%d of at most %d", f.Instances, f.Max)),
			fact("cold starts", g.Textf("%d", f.ColdStarts), g.If(f.ColdStarts > 0, halfWithin(f.ColdStart))),
			fact("requests and events", g.Textf("%d", f.Requests), g.If(f.Failed > 0, g.Group{g.Text(", "), html.Span(html.Class("bad"), g.Textf("%d failed", f.Failed))})),
			g.If(f.Requests > 0, fact("took", g.Textf("half within %s, 99%% within %s", f.P50, f.P99))),
			g.If(len(f.Earlier) > 0, fact("earlier revisions", g.Text(strings.Join(f.Earlier, ", ")))),
		),
		g.If(len(f.Bars) > 0, f.picture()),
		g.If(len(f.Log) > 0, html.Pre(g.Text(strings.Join(f.Log, "\n")))),
	)
}

func halfWithin(d time.Duration) g.Node { return g.Textf(", half within %s", d) }

// fact is a term with what is so.
func fact(term string, says ...g.Node) g.Node {
	return html.Div(html.Dt(g.Text(term)), html.Dd(says...))
}

// picture draws how long the last requests took.
func (f pageFunction) picture() g.Node {
	return html.SVG(
		g.Attr("viewBox", fmt.Sprintf("0 0 %d 40", f.Width)), g.Attr("preserveAspectRatio", "none"), html.Role("img"),
		html.Aria("label", fmt.Sprintf("how long the last %d requests took; the longest %s", len(f.Bars), f.Longest)),
		g.Map(f.Bars, func(b bar) g.Node {
			return g.El("rect", g.Attr("x", fmt.Sprint(b.X)), g.Attr("y", fmt.Sprintf("%.2f", b.Y)), g.Attr("width", "3"),
				g.Attr("height", fmt.Sprintf("%.2f", b.Height)), g.If(b.Class != "", html.Class(b.Class)))
		}),
	)
}

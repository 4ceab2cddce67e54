package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

type invokeOptions struct {
	app     *app
	data    dataFlag
	method  string
	path    string
	headers []string
	event   string
}

// invokeResult is what a function answered.
type invokeResult struct {
	Status   int                 `json:"status"`
	Headers  map[string][]string `json:"headers"`
	Body     string              `json:"body"`
	Encoding string              `json:"encoding"` // utf-8 or base64
	Seconds  float64             `json:"seconds"`
	Cold     bool                `json:"cold"`
	Start    float64             `json:"cold_seconds,omitempty"` // what the cold start took of them
	bytes    []byte
}

func newInvoke(a *app, out *outcome) *cobra.Command {
	o := &invokeOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "invoke function",
		Short: "Call a function with your own credentials, even a private one",
		Long: `Call the live function with your own credentials, even if it is private or has no HTTP event. The body of
the response goes to stdout. A function without an HTTP event gets the data as a dev.ferry.invoke.v1 event.

With --event it is called as one of its events calls it, in the form in which such events come on the target: the data is
the message of a queue or topic, or the key of the object.

It exits with 1 when the function answers with a status of 500 or above.`,
		Example: `  ferry invoke api
  ferry invoke api -X PUT -p /items/7 -d '{"name": "tea"}' -H 'Content-Type: application/json'
  ferry invoke worker -d @order.json
  ferry invoke worker --event queue -d '{"order": 7}'
  ferry invoke thumbs --event object -d raw/cat.jpg`,
		Args:              between(1, 1, "the name of a function"),
		ValidArgsFunction: a.completeFunctions,
	}, o.run)
	f := c.Flags()
	o.data.add(f, "the `body`; @FILE reads a file, - reads stdin")
	f.StringVarP(&o.method, "method", "X", "", "the HTTP `verb` (default: GET, or POST with data)")
	f.StringVarP(&o.path, "path", "p", "", "the `path` and query (default: the function's own path)")
	f.StringVar(&o.event, "event", "", "the `kind` of event that it is called as: "+strings.Join(invokeKinds(), ", "))
	f.StringArrayVarP(&o.headers, "header", "H", nil, "a `header` as 'Name: value'; may be repeated")
	offer(c, "event", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return invokeKinds(), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

func (o *invokeOptions) run(ctx context.Context, args []string) (result, error) {
	p, err := o.app.project()
	if err != nil {
		return nil, err
	}
	functions, err := release.Choose(p.manifest, args)
	if err != nil {
		return nil, err
	}
	request, err := o.request(functions[0])
	if err != nil {
		return nil, err
	}
	invoker, ok := providers.As[providers.Invoker](p.adapter)
	if !ok {
		return nil, &failure{
			kind: providers.Unsupported, message: "the provider " + p.manifest.Target.Provider + " cannot invoke functions",
			hint: "call the function's URL, see `ferry status`",
		}
	}
	if starter, ok := providers.As[providers.Starter](p.adapter); ok {
		if err := starter.Start(ctx); err != nil {
			return nil, err
		}
	}
	answer, err := invoker.Invoke(ctx, args[0], request)
	if err != nil {
		return nil, o.app.concealed(ctx, p, args[0], err)
	}
	if !o.app.global.json && !o.app.global.quiet {
		o.app.errors().answered(answer)
	}
	return newInvokeResult(answer), failedAnswer(args[0], answer.Status)
}

// failedAnswer is an error for a status that says the function failed.
func failedAnswer(function string, status int) error {
	if status < http.StatusInternalServerError {
		return nil
	}
	return &failure{
		kind: providers.Failed, message: fmt.Sprintf("%s answered %d %s", function, status, http.StatusText(status)),
		hint: "see `ferry logs " + function + "`",
	}
}

// invokeKinds are the kinds of event, as the manifest names them.
func invokeKinds() []string { return []string{"http", "schedule", "queue", "topic", "object"} }

// bound is the function's first event of the kind that is asked for, nil for a call over HTTP.
func (o *invokeOptions) bound(fn manifest.Function) (*providers.BoundEvent, error) {
	if o.event == "" {
		return nil, nil
	}
	if !slices.Contains(invokeKinds(), o.event) {
		return nil, usagef(suggest(o.event, invokeKinds()), "there is no kind of event %q", o.event)
	}
	var has []string
	for _, e := range fn.Events {
		if e.Kind() == o.event {
			return &providers.BoundEvent{Event: e, Function: fn}, nil
		}
		has = append(has, e.Kind())
	}
	hint := "add one under events"
	if len(has) > 0 {
		hint = "it has " + strings.Join(slices.Compact(slices.Sorted(slices.Values(has))), ", ")
	}
	return nil, usagef(hint, "the function %s has no %s event", fn.Name, o.event)
}

// asEvent is a call that comes from one of the function's events.
func (o *invokeOptions) asEvent(e *providers.BoundEvent, r providers.Request) (providers.Request, error) {
	message := e.Queue != nil || e.Topic != nil
	switch {
	case o.method != "" || o.path != "":
		return r, usagef("leave out --method and --path", "%s events have neither a method nor a path", o.event)
	case len(r.Header) > 1 || len(r.Header) == 1 && (r.Header["Content-Type"] == nil || !message):
		return r, usagef("leave out --header", "a message has a Content-Type at most, and other events have no headers")
	case e.Schedule != nil && o.data.given:
		return r, usagef("leave out --data", "schedule events have no data")
	}
	r.Event = e
	return r, nil
}

func (o *invokeOptions) request(fn manifest.Function) (providers.Request, error) {
	body, err := o.data.read(o.app)
	if err != nil {
		return providers.Request{}, err
	}
	headers, err := parseHeaders(o.headers)
	if err != nil {
		return providers.Request{}, err
	}
	r := providers.Request{Method: strings.ToUpper(o.method), Path: o.path, Header: headers, Body: body}
	bound, err := o.bound(fn)
	if err != nil {
		return r, err
	}
	if bound != nil && bound.HTTP == nil {
		return o.asEvent(bound, r)
	}
	event := fn.HTTP()
	if event == nil && o.method == "" && o.path == "" {
		return r, nil // an event
	}
	if r.Method == "" {
		r.Method = http.MethodGet
		if o.data.given {
			r.Method = http.MethodPost
		}
	}
	if r.Path == "" && event != nil && !strings.Contains(event.Path, "{") {
		r.Path = event.Path
	}
	if !strings.HasPrefix(r.Path, "/") {
		r.Path = "/" + r.Path
	}
	return r, nil
}

func parseHeaders(lines []string) (map[string][]string, error) {
	headers := map[string][]string{}
	var errs []error
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			errs = append(errs, usagef("write it as 'Name: value'", "%q is not a header", line))
			continue
		}
		name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))
		headers[name] = append(headers[name], strings.TrimSpace(value))
	}
	return headers, errors.Join(errs...)
}

func newInvokeResult(r providers.Response) invokeResult {
	result := invokeResult{
		Status: r.Status, Headers: r.Header,
		Seconds: r.Seconds, Cold: r.Cold, Start: r.ColdSeconds, bytes: r.Body,
	}
	if result.Headers == nil {
		result.Headers = map[string][]string{}
	}
	result.Body, result.Encoding = readable(r.Body)
	return result
}

// answered prints status and time beside the body.
func (p *printer) answered(r providers.Response) {
	status := p.style.good.Render(fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status)))
	if r.Status >= http.StatusBadRequest {
		status = p.style.bad.Render(fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status)))
	}
	cold := ""
	if r.Cold {
		cold = "  cold start"
		if r.ColdSeconds > 0 {
			cold += " of " + seconds(r.ColdSeconds)
		}
	}
	p.linef("%s  %s", status, p.style.dim.Render(seconds(r.Seconds)+cold))
}

// text is the body as it is; on a terminal it ends with a line end, so that the prompt stands alone.
func (r invokeResult) text(p *printer) {
	p.raw(r.bytes)
	if n := len(r.bytes); p.terminal && n > 0 && r.bytes[n-1] != '\n' {
		p.raw([]byte("\n"))
	}
}

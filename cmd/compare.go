package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate/chart"
	"github.com/ferryfn/ferry/migrate/compare"
	"github.com/ferryfn/ferry/providers"
)

type compareOptions struct {
	app              *app
	from, to         string
	requests         string
	function         string
	methods          []string
	ignore, tolerate []string
	atOnce           int
	rate             float64
	junit, html      string
	prepare          func(compare.Request) compare.Request // what is sent of a request; nil sends it as it is
}

// compareResult is what came of the requests.
type compareResult struct {
	From string `json:"from"`
	To   string `json:"to"`
	compare.Report
}

func newCompare(a *app, out *outcome) *cobra.Command {
	o := &compareOptions{app: a}
	c := a.command(out, &cobra.Command{
		Use:   "compare",
		Short: "Send the same requests to two places and compare the answers",
		Long: `Send the same requests to two places and compare the answers: status, headers, cookies, and bodies, JSON by its values.
A place is a target of the manifest, which is called with your own credentials, or a URL. Headers that say where and when an
answer was made are left out. It exits with 3 when answers differ.

The file has a request on each line, as JSON: {"method": "POST", "path": "/items?page=2", "headers": {"Accept":
"text/html"}, "body": "…", "function": "api"}, of which only the path is needed; or it is a HAR file, as browsers save them.

Only GET, HEAD and OPTIONS are sent, unless --methods names others: both places get every request.`,
		Example: `  ferry compare --from aws --to gcp --requests requests.jsonl
  ferry compare --from https://shop.example.com --to gcp --requests shop.har --function api
  ferry compare --from aws --to gcp --requests r.jsonl --ignore 'json:$.items[*].id' --tolerate time=5s --html report.html`,
		Args: noArgs(),
	}, o.run)
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "the `place` that serves today: a target or a URL")
	f.StringVar(&o.to, "to", "", "the `place` that is to answer alike")
	o.flags(c)
	targets := a.completeNames(func(c manifest.Choices) []string { return c.Targets })
	offer(c, "from", targets)
	offer(c, "to", targets)
	return c
}

// flags are those of what is sent and compared.
func (o *compareOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.requests, "requests", "", "the `file` of requests; - is stdin")
	f.StringVar(&o.function, "function", "", "the `name` of the function for requests that name none (default: the one that answers HTTP)")
	offer(c, "function", o.app.completeNames(func(c manifest.Choices) []string { return c.Functions }))
	f.StringSliceVar(&o.methods, "methods", nil, "the `methods` that are sent (default: GET, HEAD and OPTIONS)")
	f.StringArrayVar(&o.ignore, "ignore", nil, "a `rule` of what may differ: header:NAME or json:$.path[*].id; may be repeated")
	f.StringArrayVar(&o.tolerate, "tolerate", nil, "a `rule` of what may differ by a little: time=5s or uuid; may be repeated")
	f.IntVar(&o.atOnce, "at-once", 4, "the `number` of requests under way at the same time")
	f.Float64Var(&o.rate, "rate", 0, "the `number` of requests a second (default: as fast as they are answered)")
	f.StringVar(&o.junit, "junit", "", "write the report to this `file`, too, as JUnit")
	f.StringVar(&o.html, "html", "", "write the report to this `file`, too, as a page")
}

func (o *compareOptions) run(ctx context.Context, _ []string) (result, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	rules, err := compare.NewRules(o.ignore, o.tolerate)
	if err != nil {
		return nil, usagef("see `ferry compare --help`", "%s", err)
	}
	all, err := o.read()
	if err != nil {
		return nil, err
	}
	if o.prepare != nil {
		for i := range all {
			all[i] = o.prepare(all[i])
		}
	}
	from, err := o.place(ctx, o.from, all)
	if err != nil {
		return nil, err
	}
	to, err := o.place(ctx, o.to, all)
	if err != nil {
		return nil, err
	}
	for i := range o.methods {
		o.methods[i] = strings.ToUpper(o.methods[i])
	}
	report, err := compare.Run(ctx, all, from.call, to.call, compare.Options{Rules: rules, Methods: o.methods, AtOnce: o.atOnce, PerSecond: o.rate})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(from.deserted(), to.deserted()); err != nil {
		return nil, err
	}
	if report.Requests == 0 {
		return nil, usagef("name their methods with --methods", "no request has a method that is sent")
	}
	r := compareResult{From: o.from, To: o.to, Report: report}
	return r, o.save(r)
}

// complete checks that all is there that has no default.
func (o *compareOptions) complete() error {
	var errs []error
	for _, f := range [][2]string{{"from", o.from}, {"to", o.to}} {
		if f[1] == "" {
			errs = append(errs, usagef("see `ferry compare --help`", "--%s is missing", f[0]))
		}
	}
	return errors.Join(append(errs, o.named(), bounded("at-once", o.atOnce, 1, 1000), bounded("rate", o.rate, 0, 100000), o.app.writable(o.junit, o.html))...)
}

// named checks that there are requests.
func (o *compareOptions) named() error {
	if o.requests == "" {
		return usagef("name a file with a request on each line, such as {\"path\": \"/\"}; `ferry dev --record` writes one", "--requests is missing")
	}
	return nil
}

func (o *compareOptions) read() ([]compare.Request, error) {
	name, from := "stdin", o.app.Streams.In
	if o.requests != "-" {
		text, err := os.ReadFile(o.app.inDir(o.requests))
		if err != nil {
			return nil, usagef("check the name after --requests", "reading the requests: %s", err)
		}
		name, from = o.requests, bytes.NewReader(text)
	}
	all, err := compare.Read(name, from)
	if err != nil {
		return nil, usagef("write a request on each line, such as {\"path\": \"/\"}", "%s", err)
	}
	return all, nil
}

// addressee is where requests go.
type addressee struct {
	call   compare.Call
	there  atomic.Bool // something answered, or failed to
	absent atomic.Value
}

// deserted is an error where nothing is there to answer a single request.
func (d *addressee) deserted() error {
	if err, ok := d.absent.Load().(error); ok && !d.there.Load() {
		return err
	}
	return nil
}

// place is how the requests get to a target or a URL.
func (o *compareOptions) place(ctx context.Context, name string, all []compare.Request) (*addressee, error) {
	if strings.Contains(name, "://") {
		if at, err := url.Parse(name); err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
			return nil, usagef("write it like https://shop.example", "%q is not an address of requests", name)
		}
		return &addressee{call: overHTTP(strings.TrimSuffix(name, "/"), o.atOnce)}, nil
	}
	p, err := o.app.projectOn(name)
	if err != nil {
		return nil, err
	}
	invoker, ok := providers.As[providers.Invoker](p.adapter)
	if !ok {
		return nil, &failure{kind: providers.Unsupported, message: "the target " + name + " cannot invoke functions", hint: "name its URL"}
	}
	if starter, ok := providers.As[providers.Starter](p.adapter); ok {
		if err := starter.Start(ctx); err != nil {
			return nil, err
		}
	}
	function, err := o.standard(p.manifest, all)
	if err != nil {
		return nil, err
	}
	to := &addressee{}
	to.call = func(ctx context.Context, r compare.Request) compare.Answer {
		got, err := invoker.Invoke(ctx, cmp.Or(r.Function, function), providers.Request{Method: r.Method, Path: r.Path, Header: r.Header, Body: r.Body})
		if errors.Is(err, providers.NotFound) {
			to.absent.CompareAndSwap(nil, o.vacancy(name, err))
		} else {
			to.there.Store(true)
		}
		return compare.Answer{Status: got.Status, Header: got.Header, Body: got.Body, Seconds: got.Seconds, Err: err}
	}
	return to, nil
}

// vacancy is the error of a target where nothing is that could answer.
func (o *compareOptions) vacancy(target string, err error) error {
	hint := fmt.Sprintf("run `ferry deploy -t %s` first, or see what is there with `ferry status -t %s`", target, target)
	if o.prepare != nil && target == o.to { // what a migration compares
		hint = fmt.Sprintf("run `ferry migrate start --from %s --to %s` first", o.from, o.to)
	}
	return &providers.Error{Kind: providers.NotFound, Op: "asking " + target, Hint: hint, Err: err}
}

// standard is the function for those requests that name none, "" where all name one.
func (o *compareOptions) standard(m *manifest.Manifest, all []compare.Request) (string, error) {
	if o.function != "" {
		if _, ok := m.Function(o.function); !ok {
			return "", usagef(suggest(o.function, manifest.Names(o.app.manifestOptions()).Functions), "there is no function %q", o.function)
		}
		return o.function, nil
	}
	if !slices.ContainsFunc(all, func(r compare.Request) bool { return r.Function == "" }) {
		return "", nil
	}
	var answer []string
	for _, fn := range m.Functions {
		if fn.HTTP() != nil {
			answer = append(answer, fn.Name)
		}
	}
	if len(answer) == 1 {
		return answer[0], nil
	}
	return "", usagef("name one with --function, or in each request", "%d functions answer HTTP", len(answer))
}

// overHTTP sends requests to an address, over as many connections as are under way at once, and follows no redirects.
func overHTTP(base string, atOnce int) compare.Call {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: atOnce}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context, r compare.Request) compare.Answer {
		begun := time.Now()
		request, err := http.NewRequestWithContext(ctx, r.Method, base+r.Path, bytes.NewReader(r.Body))
		if err != nil {
			return compare.Answer{Err: err}
		}
		for name, values := range r.Header {
			request.Header[http.CanonicalHeaderKey(name)] = values
		}
		response, err := client.Do(request)
		if err != nil {
			return compare.Answer{Err: err}
		}
		defer func() { _ = response.Body.Close() }() // it was read
		body, err := io.ReadAll(response.Body)
		return compare.Answer{Status: response.StatusCode, Header: response.Header, Body: body, Seconds: time.Since(begun).Seconds(), Err: err}
	}
}

// save writes the reports that were asked for.
func (o *compareOptions) save(r compareResult) error {
	var errs []error
	write := func(name string, text []byte, err error) {
		if name != "" && err == nil {
			err = os.WriteFile(o.app.inDir(name), text, 0o644)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("writing %s: %w", name, err))
		}
	}
	junit, err := r.JUnit("ferry compare " + r.From + " " + r.To)
	write(o.junit, junit, err)
	write(o.html, r.HTML(r.From, r.To), nil)
	return errors.Join(errs...)
}

func (r compareResult) exitCode() int {
	if len(r.Different) > 0 {
		return exitDiffers
	}
	return exitDone
}

func (r compareResult) text(p *printer) {
	mark := p.style.good.Render("✓")
	if len(r.Different) > 0 {
		mark = p.style.bad.Render("✗")
	}
	p.linef("%s %d of %s answered alike  %s", mark, r.Equal, count(r.Requests, "request"), p.style.dim.Render(r.From+" and "+r.To))
	for _, d := range r.Different {
		p.linef("")
		p.linef("%d  %s", d.Number, d.Request)
		for _, x := range d.Differences {
			p.linef("  %s", x.At)
			p.linef("    %s: %s", r.From, x.From)
			p.linef("    %s: %s", r.To, x.To)
		}
	}
	p.linef("")
	milliseconds := func(l chart.Latency) []string {
		var cells []string
		for _, s := range []float64{l.P50, l.P95, l.P99} {
			cell := "-" // nothing was answered
			if s > 0 {
				cell = fmt.Sprintf("%.0f ms", 1000*s)
			}
			cells = append(cells, cell)
		}
		return cells
	}
	p.table([]string{"", "half within", "95 of 100", "99 of 100"}, [][]string{
		append([]string{r.From}, milliseconds(r.Latency.From)...), append([]string{r.To}, milliseconds(r.Latency.To)...),
	})
	if r.Left > 0 {
		p.linef("")
		p.linef("%s left out for the method: --methods sends others", count(r.Left, "request"))
	}
}

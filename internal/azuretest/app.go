package azuretest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// appSurface is the public address of an app. What it answers is the app's own, and stands in no log of calls.
func appSurface() *surface {
	return &surface{
		name: "host", word: wordKudu,
		host: func(_ *Cloud, host string) (string, bool) {
			label, rest, ok := strings.Cut(host, ".")
			return label, ok && strings.HasSuffix(rest, "azurewebsites.net") && !strings.HasPrefix(rest, "scm.")
		},
		fallback: &operation{name: appRequest},
	}
}

// serveApp answers a request to an app, as the front end and the host in it do.
func (c *Cloud) serveApp(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	s := c.siteAt(r.Host)
	var stopped, homepage bool
	if s != nil {
		stopped, homepage = s.stopped, !strings.EqualFold(s.settings["AzureWebJobsDisableHomepage"], "true")
	}
	c.mu.Unlock()
	switch {
	case s == nil:
		panic(http.ErrAbortHandler) // a name that is of no app does not resolve
	case stopped:
		page(w, http.StatusForbidden, "Error 403 - This web app is stopped.")
		return
	case s.gap():
		page(w, http.StatusServiceUnavailable, "Function host is not running.")
		return
	}
	serving := s.serving()
	switch path := lower(r.URL.Path); {
	case strings.HasPrefix(path, "/admin/"):
		c.admin(w, r, s, serving)
		return
	case path == "/runtime/webhooks/blobs":
		c.blobWebhook(w, r, s)
		return
	case path == "/" && homepage:
		page(w, http.StatusOK, "Your Functions 4.0 app is up and running")
		return
	case serving == nil:
		w.WriteHeader(http.StatusNotFound)
		return
	case serving.failed != nil:
		page(w, http.StatusServiceUnavailable, "Function host is not running.")
		return
	}
	f, params, status := serving.routed(s, r)
	if f == nil {
		w.WriteHeader(status)
		return
	}
	began := time.Now()
	seen := &seenStatus{ResponseWriter: w, status: http.StatusOK}
	serving.respond(seen, r, s, *f, params)
	c.request(s, *f, r, seen.status, time.Since(began))
}

func page(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<!DOCTYPE html><html><head><title>"+title+"</title></head><body><h1>"+title+"</h1></body></html>")
}

// gap says whether an app is still in the pause of its restart.
func (s *site) gap() bool {
	if s.pause.Load() <= 0 {
		return false
	}
	return s.pause.Add(-1) >= 0
}

// seenStatus remembers what was answered.
type seenStatus struct {
	http.ResponseWriter
	status int
}

func (w *seenStatus) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *seenStatus) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// admitted says whether a request shows a key that the level of a function asks for.
//
// Source: learn.microsoft.com/azure/azure-functions/function-keys-how-to.
func (s *site) admitted(r *http.Request, function, level string) bool {
	key := r.Header.Get("X-Functions-Key")
	if key == "" {
		key = r.URL.Query().Get("code")
	}
	s.cloud.mu.Lock()
	defer s.cloud.mu.Unlock()
	switch lower(level) {
	case "anonymous":
		return true
	case "admin":
		return key == s.masterKey
	}
	return key != "" && (key == s.masterKey || key == s.defaultKey || key == s.functionKey(function))
}

// respond runs a function for a request and writes what it answers.
func (w *worker) respond(out http.ResponseWriter, r *http.Request, s *site, f functionInfo, params map[string]string) {
	frontEnd(r, s)
	switch {
	case w.custom && w.forwards(f):
		if err := w.forward(out, r, w.address, newID()); err != nil {
			out.WriteHeader(http.StatusBadGateway)
		}
	case w.stream != "":
		w.streamed(out, r, s, f, params)
	default:
		w.rpc(out, r, s, f, params)
	}
}

// forwards says whether a function's requests go to a custom handler as they are: when it has HTTP in and out and nothing else.
//
// Source: learn.microsoft.com/azure/azure-functions/functions-custom-handlers, "HTTP-only function".
func (w *worker) forwards(f functionInfo) bool {
	h := w.host.CustomHandler
	return (h.Forwarding || h.Proxying) && len(f.Bindings) == 2 && f.trigger("httpTrigger") != nil && f.trigger("http") != nil
}

// frontEnd adds what the front end of App Service adds.
func frontEnd(r *http.Request, s *site) {
	client, port, _ := net.SplitHostPort(r.RemoteAddr)
	for name, value := range map[string]string{
		"X-Forwarded-For": client + ":" + port, "X-Forwarded-Proto": "https", "X-Appservice-Proto": "https", "X-Original-Url": r.URL.RequestURI(), "X-Waws-Unencoded-Url": r.URL.RequestURI(),
		"X-Arr-Log-Id": newID(), "X-Arr-Ssl": "2048|256|CN=Microsoft Azure TLS Issuing CA 01", "Client-Ip": client + ":" + port, "Disguised-Host": s.host, "Was-Default-Hostname": s.host,
		"X-Site-Deployment-Id": s.is.name, "Max-Forwards": "10",
	} {
		r.Header.Set(name, value)
	}
}

// forward is a reverse proxy that streams both ways. An error is that nothing was answered.
func (w *worker) forward(out http.ResponseWriter, r *http.Request, to, invocation string) error {
	target, err := url.Parse(to)
	if err != nil {
		panic(err) // made here
	}
	req := r.Clone(r.Context())
	req.URL.Scheme, req.URL.Host, req.RequestURI, req.Host = target.Scheme, target.Host, "", r.Host
	req.Header.Set("X-Azure-Functions-Invocationid", invocation)
	req.Header.Set("X-Ms-Invocation-Id", invocation)
	for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade"} {
		req.Header.Del(name)
	}
	if r.ContentLength == 0 {
		req.Body = http.NoBody
	}
	res, err := w.client.Transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	for name, values := range res.Header {
		if name != "X-Ms-Invocation-Id" && name != "Connection" && name != "Keep-Alive" {
			out.Header()[name] = values
		}
	}
	out.WriteHeader(res.StatusCode)
	flush := http.NewResponseController(out)
	piece := make([]byte, 32<<10)
	for {
		n, err := res.Body.Read(piece)
		if n > 0 {
			if _, failed := out.Write(piece[:n]); failed != nil {
				return nil // who asked has gone
			}
			_ = flush.Flush()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			panic(http.ErrAbortHandler) // what was cut off must not look whole
		}
	}
}

// invocation is what a worker is asked to run.
type invocation struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"` // of the trigger's binding
	Data     object         `json:"data"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

type outcome struct {
	ReturnValue object            `json:"returnValue"`
	Outputs     map[string]object `json:"outputs"`
	Error       string            `json:"error"`
}

// httpData is a request as the host hands it to a worker.
func httpData(r *http.Request, s *site, params map[string]string, body []byte) object {
	headers, query := map[string]string{}, map[string]string{}
	for name, values := range r.Header {
		headers[lower(name)] = strings.Join(values, ",") // cookies too: the host joins what came in several lines
		if name == "Cookie" {
			headers["cookie"] = strings.Join(values, "; ")
		}
	}
	headers["host"] = s.host
	for name, values := range r.URL.Query() {
		query[name] = strings.Join(values, ",")
	}
	return object{"http": object{
		"method": r.Method, "url": "https://" + s.host + r.URL.RequestURI(), "headers": headers, "query": query, "params": params, "body": base64.StdEncoding.EncodeToString(body),
	}}
}

func (w *worker) rpc(out http.ResponseWriter, r *http.Request, s *site, f functionInfo, params map[string]string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	data := httpData(r, s, params, body)
	if w.custom {
		w.customHTTP(out, r, f, data)
		return
	}
	call := invocation{ID: newID(), Name: text(f.trigger("httpTrigger"), "name"), Data: data}
	var said outcome
	if err := w.ask(r.Context(), http.MethodPost, "/invoke/"+url.PathEscape(f.Name), call, &said); err != nil {
		out.WriteHeader(http.StatusBadGateway)
		return
	}
	if said.Error != "" {
		out.WriteHeader(http.StatusInternalServerError)
		return
	}
	answer, _ := said.ReturnValue["http"].(object)
	if answer == nil {
		out.WriteHeader(http.StatusNoContent)
		return
	}
	writeRPC(out, answer)
}

// streamed invokes a function whose request and answer go beside the invocation, over HTTP.
func (w *worker) streamed(out http.ResponseWriter, r *http.Request, s *site, f functionInfo, params map[string]string) {
	call := invocation{ID: newID(), Name: text(f.trigger("httpTrigger"), "name"), Data: object{"http": object{}}, Metadata: map[string]any{}}
	for name, value := range params {
		call.Metadata[name] = object{"string": value}
	}
	headers, _ := json.Marshal(httpData(r, s, nil, nil)["http"].(object)["headers"]) // strings encode
	call.Metadata["Headers"] = object{"json": string(headers)}
	invoked := make(chan outcome, 1)
	go func() {
		var said outcome
		if err := w.ask(r.Context(), http.MethodPost, "/invoke/"+url.PathEscape(f.Name), call, &said); err != nil {
			said.Error = err.Error()
		}
		invoked <- said
	}()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	r.Header.Set("X-Forwarded-Host", s.host)
	relayed := make(chan any, 1)
	go func() {
		defer func() {
			if cut := recover(); cut != nil {
				relayed <- cut
			}
		}()
		relayed <- w.forward(out, r.WithContext(ctx), w.stream, call.ID)
	}()
	var end any
	select {
	case end = <-relayed:
	case said := <-invoked:
		if said.Error != "" {
			cancel() // it answers no more
		}
		end = <-relayed
	}
	switch end {
	case nil:
	case http.ErrAbortHandler:
		panic(end)
	default:
		out.WriteHeader(http.StatusInternalServerError)
	}
}

// writeRPC writes an answer that a worker gave. The host writes cookies itself, and encodes their values.
func writeRPC(out http.ResponseWriter, answer object) {
	headers, _ := answer["headers"].(object)
	for name, value := range headers {
		out.Header().Set(name, asText(value))
	}
	cookies, _ := answer["cookies"].([]any)
	for _, one := range cookies {
		cookie, _ := one.(object)
		out.Header().Add("Set-Cookie", cookieLine(cookie))
	}
	others, _ := answer["pythonCookies"].([]any)
	for _, one := range others {
		cookie, _ := one.(object)
		line := text(cookie, "name") + "=" + escapeData(text(cookie, "value"))
		for _, name := range sortedKeys(cookie) {
			switch value := cookie[name].(type) {
			case string:
				if name != "name" && name != "value" {
					line += "; " + name + "=" + value
				}
			case bool:
				line += "; " + name
			}
		}
		out.Header().Add("Set-Cookie", line)
	}
	status, err := strconv.Atoi(asText(answer["statusCode"]))
	if err != nil || status < 100 {
		status = http.StatusOK
	}
	body, _ := base64.StdEncoding.DecodeString(text(answer, "body"))
	out.WriteHeader(status)
	_, _ = out.Write(body)
}

// cookieLine is a cookie of the RPC protocol, whose optional members are objects with a value.
func cookieLine(c object) string {
	optional := func(name string) any {
		of, ok := c[name].(object)
		if !ok {
			return c[name]
		}
		return of["value"]
	}
	line := text(c, "name") + "=" + escapeData(text(c, "value"))
	if age, ok := optional("maxAge").(float64); ok {
		line += "; max-age=" + strconv.FormatFloat(age, 'f', -1, 64)
	}
	for _, name := range []string{"domain", "path"} {
		if value, ok := optional(name).(string); ok && value != "" {
			line += "; " + name + "=" + value
		}
	}
	if optional("secure") == true {
		line += "; secure"
	}
	// Source: azure-functions-language-worker-protobuf, RpcHttpCookie.SameSite, in which None is that nothing is said of it.
	if site := lower(asText(c["sameSite"])); site != "" && site != "none" {
		line += "; samesite=" + strings.TrimPrefix(site, "explicit")
	}
	if optional("httpOnly") == true {
		line += "; httponly"
	}
	return line
}

func escapeData(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

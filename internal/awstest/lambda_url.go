package awstest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// functionURL is the listener of a Function URL.
type functionURL struct {
	cloud     *Cloud
	function  string
	qualifier string
	config    types.FunctionUrlConfig // guarded by the cloud's lock
	server    *httptest.Server
}

const maxEvent = 6291556

func (u *functionURL) listen() {
	u.server = httptest.NewServer(u)
	u.config.FunctionUrl = new(u.server.URL + "/")
}

// close ends the listener; who is connected is cut off.
func (u *functionURL) close() {
	u.server.CloseClientConnections()
	_ = u.server.Listener.Close() // Server.Close would wait for handlers, which may wait for the cloud's lock
}

// ServeHTTP turns a request into an event of payload format 2.0, and the result into a response.
func (u *functionURL) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	config, open := u.look()
	cors := corsOf(config.Cors, r)
	if cors.preflight(w, r) {
		return
	}
	signed := strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-")
	if config.AuthType == types.FunctionUrlAuthTypeNone && !open || config.AuthType == types.FunctionUrlAuthTypeAwsIam && !signed {
		u.problem(w, &failure{403, "AccessDeniedException", "Forbidden. For troubleshooting Function URL authorization issues, " +
			"see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html", ""})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller has gone
	}
	event := urlEvent(r, body)
	if len(event) > maxEvent {
		u.problem(w, &failure{
			413, "RequestEntityTooLargeException",
			fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", maxEvent), "",
		})
		return
	}
	cors.allow(w.Header())
	u.answer(w, r, event, config.InvokeMode)
}

// look gives the configuration, and whether the function's policy lets anybody in.
func (u *functionURL) look() (types.FunctionUrlConfig, bool) {
	u.cloud.mu.Lock()
	defer u.cloud.mu.Unlock()
	f := u.cloud.functions[u.function]
	return u.config, f != nil && f.public(u.qualifier)
}

func (u *functionURL) problem(w http.ResponseWriter, f *failure) {
	w.Header().Set("X-Amzn-Errortype", f.code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	body := map[string]string{"Message": f.message}
	if f.reason != "" {
		body["Reason"] = f.reason
	}
	_ = json.NewEncoder(w).Encode(body) // a caller that has gone is no concern
}

func (u *functionURL) answer(w http.ResponseWriter, r *http.Request, event []byte, mode types.InvokeMode) {
	var qualifier *string
	if u.qualifier != "" {
		qualifier = &u.qualifier
	}
	t, err := u.cloud.target(&u.function, qualifier)
	var refused *failure
	if errors.As(err, &refused) {
		u.problem(w, refused)
		return
	}
	s := &stream{w: w}
	var piece func([]byte)
	if mode == types.InvokeModeResponseStream {
		piece = s.piece
	}
	result, err := u.cloud.run(r.Context(), t, event, piece)
	switch {
	case err != nil || result.FunctionError != "" && !s.begun:
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "Internal Server Error")
	case result.FunctionError != "":
		panic(http.ErrAbortHandler) // the stream broke off
	case s.begun:
	case mode == types.InvokeModeResponseStream:
		w.Header().Set("Content-Type", result.ContentType)
		_, _ = w.Write(result.Payload)
	default:
		buffered(w, result.Payload)
	}
}

// urlEvent is a request in payload format 2.0, as a Function URL has it: the path still encoded, cookies twice.
func urlEvent(r *http.Request, body []byte) []byte {
	path, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	headers := map[string]string{"host": r.Host, "x-forwarded-proto": "https", "x-forwarded-port": "443"}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	headers["x-forwarded-for"] = ip
	at := now()
	event := map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": rawQuery, "headers": headers,
		"isBase64Encoded": false,
		"requestContext": map[string]any{
			"accountId": "anonymous", "apiId": "awstest", "domainName": "awstest.lambda-url." + Region + ".on.aws", "domainPrefix": "awstest",
			"http": map[string]string{
				"method": r.Method, "path": r.URL.Path, "protocol": r.Proto, "sourceIp": ip, "userAgent": r.UserAgent(),
			},
			"requestId": newID(), "routeKey": "$default", "stage": "$default",
			"time": at.Format("02/Jan/2006:15:04:05 -0700"), "timeEpoch": at.UnixMilli(),
		},
	}
	if cookies := r.Header["Cookie"]; len(cookies) > 0 {
		event["cookies"] = strings.Split(strings.Join(cookies, "; "), "; ")
	}
	if values, _ := url.ParseQuery(rawQuery); len(values) > 0 {
		query := map[string]string{}
		for name, list := range values {
			query[name] = strings.Join(list, ",")
		}
		event["queryStringParameters"] = query
	}
	switch {
	case len(body) > 0 && textual(r.Header.Get("Content-Type")) && utf8.Valid(body):
		event["body"] = string(body)
	case len(body) > 0:
		event["body"], event["isBase64Encoded"] = base64.StdEncoding.EncodeToString(body), true
	}
	data, _ := json.Marshal(event) // texts and numbers
	return data
}

// textual says whether Lambda passes a body as it is.
func textual(contentType string) bool {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	kind = strings.TrimSpace(kind)
	return strings.HasPrefix(kind, "text/") || kind == "application/json" || kind == "application/javascript" || kind == "application/xml"
}

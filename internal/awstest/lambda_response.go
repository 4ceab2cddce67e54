package awstest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// urlResult is what a function gives a Function URL.
type urlResult struct {
	StatusCode      json.RawMessage `json:"statusCode"`
	Headers         map[string]any  `json:"headers"`
	Cookies         []string        `json:"cookies"`
	Body            *string         `json:"body"`
	IsBase64Encoded bool            `json:"isBase64Encoded"`
}

// buffered writes a result; one without a status code is the body itself.
func buffered(w http.ResponseWriter, payload []byte) {
	var out urlResult
	if err := json.Unmarshal(payload, &out); err != nil || out.StatusCode == nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(payload) // a caller that has gone is no concern
		return
	}
	var body []byte
	if out.Body != nil {
		body = []byte(*out.Body)
	}
	if out.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(string(body))
		if err != nil {
			out.StatusCode = nil
		}
		body = decoded
	}
	if !out.begin(w) {
		return
	}
	_, _ = w.Write(body) // as above
}

// begin writes status and headers, or the error of a status that is none.
func (out urlResult) begin(w http.ResponseWriter) bool {
	var status int
	if err := json.Unmarshal(bytes.Trim(out.StatusCode, `"`), &status); err != nil || status < 100 || status > 599 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"message":"Internal Server Error"}`)) // as above
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	for name, value := range out.Headers {
		if !slices.Contains([]string{"connection", "content-length", "transfer-encoding", "upgrade", "keep-alive"}, strings.ToLower(name)) {
			w.Header().Set(name, fmt.Sprint(value))
		}
	}
	for _, cookie := range out.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(status)
	return true
}

// stream passes a streamed response on: a JSON prelude, eight zero bytes, and the body.
type stream struct {
	w       http.ResponseWriter
	waiting []byte // until the prelude is whole
	begun   bool
	failed  bool
}

func (s *stream) piece(data []byte) {
	if !s.begun {
		s.waiting = append(s.waiting, data...)
		prelude, body, whole := bytes.Cut(s.waiting, make([]byte, 8))
		if !whole {
			return
		}
		out := urlResult{StatusCode: json.RawMessage("200")}
		if err := json.Unmarshal(prelude, &out); err != nil {
			out.StatusCode = nil
		}
		s.begun, data = true, body
		s.failed = !out.begin(s.w)
	}
	if s.failed {
		return
	}
	_, _ = s.w.Write(data) // a caller that has gone is no concern
	_ = http.NewResponseController(s.w).Flush()
}

// cors is what a Function URL says to a browser.
type cors struct {
	rules  *types.Cors
	origin string // that is allowed, "" when there is none
}

func corsOf(rules *types.Cors, r *http.Request) cors {
	origin := r.Header.Get("Origin")
	if rules == nil || origin == "" {
		return cors{}
	}
	if slices.Contains(rules.AllowOrigins, "*") && (rules.AllowCredentials == nil || !*rules.AllowCredentials) {
		return cors{rules, "*"}
	}
	if slices.ContainsFunc(rules.AllowOrigins, func(allowed string) bool { return wildcard(allowed, origin) }) {
		return cors{rules, origin}
	}
	return cors{}
}

func (c cors) allow(h http.Header) {
	if c.origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", c.origin)
	if c.rules.AllowCredentials != nil && *c.rules.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.rules.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.rules.ExposeHeaders, ","))
	}
}

// preflight answers what a browser asks before the request proper; the function does not hear of it.
func (c cors) preflight(w http.ResponseWriter, r *http.Request) bool {
	if c.rules == nil || r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	c.allow(w.Header())
	w.Header().Set("Access-Control-Allow-Methods", strings.Join(c.rules.AllowMethods, ","))
	w.Header().Set("Access-Control-Allow-Headers", strings.Join(c.rules.AllowHeaders, ","))
	if c.rules.MaxAge != nil {
		w.Header().Set("Access-Control-Max-Age", fmt.Sprint(*c.rules.MaxAge))
	}
	w.WriteHeader(http.StatusOK)
	return true
}

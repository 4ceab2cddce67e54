// Package compare sends the same requests to two places and says where their answers differ.
package compare

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// Request is one request that both places get.
type Request struct {
	Function string // "" is the only one that answers HTTP
	Method   string
	Path     string // with the query, as it goes over the wire
	Header   map[string][]string
	Body     []byte
}

// Name is what reports call the request.
func (r Request) Name() string { return r.Method + " " + r.Path }

// line is a request as a line of JSON.
type line struct {
	Function string  `json:"function,omitempty"`
	Method   string  `json:"method"`
	Path     string  `json:"path"`
	Headers  headers `json:"headers,omitempty"`
	Body     string  `json:"body,omitempty"`
	Encoding string  `json:"encoding,omitempty"` // utf-8 (default) or base64
}

// headers take one value or a list of them for a name.
type headers map[string][]string

func (h *headers) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*h = headers{}
	for name, value := range raw {
		var one string
		var many []string
		if json.Unmarshal(value, &one) == nil {
			many = []string{one}
		} else if err := json.Unmarshal(value, &many); err != nil {
			return fmt.Errorf("the header %s is neither a text nor a list of texts", name)
		}
		(*h)[name] = many
	}
	return nil
}

// archive is the part of a HAR file that has requests.
type archive struct {
	Log struct {
		Entries []struct {
			Request struct {
				Method, URL string
				Headers     []struct{ Name, Value string }
				PostData    struct{ Text, Encoding string }
			}
		}
	}
}

// Read reads requests: a line of JSON each, or a HAR file as browsers save it. name is what errors call it.
func Read(name string, r io.Reader) ([]Request, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	var har archive
	if err := json.Unmarshal(text, &har); err == nil && len(har.Log.Entries) > 0 {
		return har.requests()
	}
	var all []Request
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for number := 1; lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		request, err := parse(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		all = append(all, request)
	}
	return all, lines.Err()
}

func parse(text []byte) (Request, error) {
	var l recorded
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields() // a mistyped key would change what is sent, in silence
	if err := cmp.Or(json.Unmarshal(text, &json.RawMessage{}), strict.Decode(&l)); err != nil {
		return Request{}, plain(err)
	}
	made := Request{Function: l.Function, Method: strings.ToUpper(l.Method), Path: l.Path, Header: l.Headers, Body: []byte(l.Body)}
	if made.Method == "" {
		made.Method = "GET"
	}
	if !strings.HasPrefix(made.Path, "/") {
		return Request{}, fmt.Errorf("the path %q does not begin with /", made.Path)
	}
	var err error
	switch l.Encoding {
	case "", "utf-8":
	case "base64":
		if made.Body, err = base64.StdEncoding.DecodeString(l.Body); err != nil {
			err = fmt.Errorf("the body is not in base64: %w", err)
		}
	default:
		err = fmt.Errorf("the encoding %q is neither utf-8 nor base64", l.Encoding)
	}
	return made, err
}

// plain names a key that requests do not have without the words of the JSON library.
func plain(err error) error {
	if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("a request has no %s, only function, method, path, headers, body and encoding", key)
	}
	return err
}

// ofConnection are headers of a connection, which each side makes for itself.
func ofConnection() []string {
	return []string{"host", "connection", "content-length", "accept-encoding", "transfer-encoding", "keep-alive", "upgrade", "te", "trailer", "proxy-connection"}
}

func (h archive) requests() ([]Request, error) {
	var all []Request
	for i, e := range h.Log.Entries {
		at, err := url.Parse(e.Request.URL)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		r := Request{Method: e.Request.Method, Path: at.RequestURI(), Header: map[string][]string{}, Body: []byte(e.Request.PostData.Text)}
		for _, x := range e.Request.Headers {
			if name := strings.ToLower(x.Name); !strings.HasPrefix(name, ":") && !slices.Contains(ofConnection(), name) {
				r.Header[x.Name] = append(r.Header[x.Name], x.Value)
			}
		}
		if e.Request.PostData.Encoding == "base64" {
			if r.Body, err = base64.StdEncoding.DecodeString(e.Request.PostData.Text); err != nil {
				return nil, fmt.Errorf("entry %d: %w", i, err)
			}
		}
		all = append(all, r)
	}
	return all, nil
}

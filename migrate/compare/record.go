package compare

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// recorded is a line of a recording: a request as Read takes it, and beside it what was answered.
type recorded struct {
	line
	Answer struct {
		Status   int     `json:"status"`
		Headers  headers `json:"headers,omitempty"`
		Body     string  `json:"body,omitempty"`
		Encoding string  `json:"encoding,omitempty"`
		Seconds  float64 `json:"seconds"`
	} `json:"answer"`
}

// Record is the line of a request and its answer in a file that Read reads. What proves who asks is not in it: hidden stands
// in its place.
func Record(r Request, a Answer, hidden string) ([]byte, error) {
	var l recorded
	l.Function, l.Method, l.Path, l.Headers = r.Function, r.Method, r.Path, shown(r.Header, hidden)
	l.Body, l.Encoding = encoded(r.Body)
	l.Answer.Status, l.Answer.Headers, l.Answer.Seconds = a.Status, shown(a.Header, hidden), a.Seconds
	l.Answer.Body, l.Answer.Encoding = encoded(a.Body)
	text, err := json.Marshal(l)
	return append(text, '\n'), err
}

func encoded(body []byte) (text, encoding string) {
	if utf8.Valid(body) {
		return string(body), ""
	}
	return base64.StdEncoding.EncodeToString(body), "base64"
}

// credentials are headers of which nothing is recorded but that they were there.
func credentials() []string {
	return []string{"authorization", "proxy-authorization", "x-api-key", "x-auth-token", "x-csrf-token"}
}

// shown are the headers that matter to whoever compares.
func shown(all map[string][]string, hidden string) headers {
	made := headers{}
	for name, values := range all {
		lower := strings.ToLower(name)
		if slices.Contains(ofConnection(), lower) {
			continue
		}
		for _, v := range values {
			switch {
			case slices.Contains(credentials(), lower):
				v = hidden
			case lower == "cookie":
				pairs := strings.Split(v, ";")
				for i := range pairs {
					pairs[i] = withoutValue(pairs[i], hidden)
				}
				v = strings.Join(pairs, ";")
			case lower == "set-cookie":
				pair, attributes, more := strings.Cut(v, ";")
				if v = withoutValue(pair, hidden); more {
					v += ";" + attributes
				}
			}
			made[name] = append(made[name], v)
		}
	}
	return made
}

// withoutValue is a cookie of which the name is left.
func withoutValue(pair, hidden string) string {
	name, _, named := strings.Cut(pair, "=")
	if !named {
		return hidden
	}
	return name + "=" + hidden
}

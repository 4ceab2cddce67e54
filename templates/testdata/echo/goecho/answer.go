package goecho

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// answer is what a request asks its answer to be: JSON in base64.
func answer(w http.ResponseWriter, text string) {
	wanted := struct {
		Status  int
		Headers [][2]string
		Chunks  [][]byte
		Repeat  int
		Fail    string
	}{Status: 200, Repeat: 1}
	data, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &wanted)
	}
	if err != nil || wanted.Fail == "before" {
		panic("thrown on purpose")
	}
	for _, h := range wanted.Headers {
		w.Header()[http.CanonicalHeaderKey(h[0])] = append(w.Header()[http.CanonicalHeaderKey(h[0])], string(unlatin1(h[1])))
	}
	w.WriteHeader(wanted.Status)
	for at, piece := range wanted.Chunks {
		if at > 0 || wanted.Fail == "during" {
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
		_, _ = w.Write(bytes.Repeat(piece, wanted.Repeat))
	}
	if wanted.Fail == "during" {
		_ = http.NewResponseController(w).Flush()
	}
	if wanted.Fail != "" {
		panic("thrown on purpose")
	}
}

// latin1 is text with one character for each byte, as the other languages show a header's value.
func latin1(value string) string {
	out := make([]rune, len(value))
	for i := range len(value) {
		out[i] = rune(value[i])
	}
	return string(out)
}

func unlatin1(text string) (out []byte) {
	for _, r := range text {
		out = append(out, byte(r))
	}
	return out
}

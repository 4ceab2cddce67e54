// Package goecho is the handler under test in Go.
package goecho

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
)

// Handler answers with what arrived, and specially below /special/.
var Handler http.Handler = http.HandlerFunc(serve)

var released = make(chan struct{}, 1)

func serve(w http.ResponseWriter, r *http.Request) {
	if wanted := r.Header.Get("X-Answer"); wanted != "" {
		answer(w, wanted)
		return
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	switch path {
	case "/special/status":
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "short and stout")
	case "/special/cookies":
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Path: "/"})
		w.Header().Add("Set-Cookie", "b=2, 3")
		fmt.Fprint(w, "ok")
	case "/special/multi":
		w.Header()["X-Multi"] = []string{"a", "b"}
		fmt.Fprint(w, "ok")
	case "/special/binary":
		w.Header().Set("Content-Type", "application/octet-stream")
		for i := range 256 {
			w.Write([]byte{byte(i)})
		}
	case "/special/large":
		fmt.Fprint(w, strings.Repeat("x", 5<<20))
	case "/special/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/special/unmodified":
		w.Header().Set("ETag", `"v1"`)
		w.WriteHeader(http.StatusNotModified)
	case "/special/throw":
		w.Header().Set("Content-Length", "1000")
		panic("thrown on purpose")
	case "/special/release":
		released <- struct{}{}
		fmt.Fprint(w, "released")
	case "/special/stream":
		fmt.Fprint(w, "one\n")
		w.(http.Flusher).Flush()
		<-released
		fmt.Fprint(w, "two\n")
	case "/special/throw-late":
		fmt.Fprint(w, "one\n")
		w.(http.Flusher).Flush()
		panic("thrown on purpose")
	case "/special/hang":
		fmt.Println("hanging")
		<-r.Context().Done()
		fmt.Println("aborted")
	case "/special/slow":
		fmt.Println("slow")
		time.Sleep(400 * time.Millisecond)
		fmt.Fprint(w, "slow but whole")
	default:
		echo(w, r, path, query)
	}
}

func echo(w http.ResponseWriter, r *http.Request, path, query string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	headers := map[string][]string{"host": {r.Host}}
	for name, values := range r.Header {
		for _, value := range values {
			headers[strings.ToLower(name)] = append(headers[strings.ToLower(name)], latin1(value))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "path": path, "query": query, "headers": headers, "body": body})
}

// OnEvent fails for data {"fail":true}.
func OnEvent(_ context.Context, e cloudevents.Event) error {
	fmt.Printf("event %s %s %s attempt %v\n", e.Type(), e.ID(), e.Data(), e.Extensions()["ferryattempt"])
	if strings.Contains(string(e.Data()), "fail") {
		return errors.New("failed on purpose")
	}
	return nil
}

// Command server is what the functions of the tests run: it answers every request with its first argument and
// the variable GREETING, and prints events. HEALTH is the status of /healthz. The argument "crash" makes it die at the start.
package main

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() { os.Exit(serve()) }

func serve() int {
	text := strings.Join(os.Args[1:], " ")
	if text == "crash" {
		fmt.Fprintln(os.Stderr, "Traceback: cannot find module shop")
		return 3
	}
	fmt.Println("listening:", text)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		if kind := r.Header.Get("Ce-Type"); kind != "" {
			body, _ := io.ReadAll(r.Body)
			fmt.Printf("event %s %s %s\n", kind, r.Header.Get("Ce-Id"), body)
		}
		fmt.Fprintf(w, "%s %s %s\n", text, os.Getenv("GREETING"), r.URL.RequestURI())
	})
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		fmt.Sscan(cmp.Or(os.Getenv("HEALTH"), "200"), &status)
		w.WriteHeader(status)
	})
	http.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Println("failing")
		http.Error(w, "sorry", http.StatusServiceUnavailable)
	})
	http.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("waiting")
		<-r.Context().Done()
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(net.JoinHostPort("127.0.0.1", os.Getenv("PORT")), nil))
	return 1
}

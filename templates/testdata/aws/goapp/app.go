// Package goapp is the handler under test on AWS in Go.
package goapp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"example.com/goapp/sub"
)

var token = os.Getenv("TOKEN")

func init() {
	fmt.Println("importing")
	if os.Getenv("BROKEN") != "" {
		panic("broken on purpose")
	}
	if os.Getenv("FERRY_SECRETS") != "" && (token == "" || token != sub.Token) {
		panic("the token came too late")
	}
}

// Handler says how the request arrived.
var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/late" {
		w.WriteHeader(http.StatusOK)
		panic("too late")
	}
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	body, _ := io.ReadAll(r.Body)
	deadline, ok := r.Context().Deadline()
	left := time.Until(deadline)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"token": token, "ip": ip, "host": r.Host, "path": r.URL.EscapedPath(), "cookie": r.Header.Get("Cookie"),
		"body": string(body), "id": len(r.Header.Get("X-Request-Id")), "left": ok && left > 0 && left <= 30*time.Second,
	})
})

// OnEvent says what arrived.
func OnEvent(_ context.Context, e cloudevents.Event) error {
	attempt, _ := e.Extensions()["ferryattempt"].(string)
	group, _ := e.Extensions()["ferrygroup"].(string)
	attributes, _ := e.Extensions()["ferryattributes"].(string)
	for _, name := range []string{"ferryattempt", "ferrygroup", "ferryattributes"} {
		e.SetExtension(name, nil)
	}
	seen, err := json.Marshal(map[string]any{"event": e, "attempt": attempt, "group": group, "attributes": json.RawMessage(cmp.Or(attributes, "null"))})
	if err != nil {
		return err
	}
	fmt.Printf("EVENT %s\n", seen)
	if strings.Contains(string(e.Data()), "fail") {
		return errors.New("failed on purpose")
	}
	return nil
}

// Package gogcf has functions as people write them for the functions-framework.
package gogcf

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/cloudevents/sdk-go/v2/event"
)

func init() {
	functions.HTTP("Hello", hello)
	functions.CloudEvent("Work", work)
}

func hello(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/panic":
		panic("panicked on purpose")
	case "/stream":
		fmt.Fprint(w, "one\n")
		w.(http.Flusher).Flush()
	case "/duplex":
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		fmt.Fprint(w, "begun")
		_ = control.Flush()
		_, _ = io.Copy(w, r.Body)
		return
	}
	body, _ := io.ReadAll(r.Body)
	http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
	http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
	fmt.Fprintf(w, "%s %s %s %s %q %s", r.Method, r.Host, r.RequestURI, r.Header.Get("X-Name"), body, r.Header.Get("X-Forwarded-For"))
}

// published is the data of a message of Pub/Sub.
type published struct {
	Message struct {
		Data       []byte            `json:"data"`
		Attributes map[string]string `json:"attributes"`
	} `json:"message"`
}

func work(_ context.Context, e event.Event) error {
	if e.Type() != "google.cloud.pubsub.topic.v1.messagePublished" {
		fmt.Printf("EVENT %s %s %s %s\n", e.Type(), e.Source(), e.Subject(), e.Data())
		return nil
	}
	var p published
	if err := json.Unmarshal(e.Data(), &p); err != nil {
		return err
	}
	fmt.Printf("MESSAGE %s %s %s\n", e.ID(), e.Source(), p.Message.Data)
	if color, ok := p.Message.Attributes["color"]; ok {
		fmt.Printf("COLOR %s\n", color)
	}
	if string(p.Message.Data) == "fail" {
		return fmt.Errorf("failed on purpose")
	}
	return nil
}

package templates

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTheOldSideAnswersWhereTheNewSideHangs(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		arrived, release := make(chan string, 10), make(chan struct{})
		ingress := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrived <- r.Method
			<-release
			w.Header().Set("ferry-side", "here")
		}))
		t.Cleanup(ingress.Close)
		old := p.oldSide(t, ingress.URL, map[string]any{"wait": 200})
		posted := make(chan answer)
		go func() { posted <- old.do("POST", "/x", []byte("{}")) }()
		if method := <-arrived; method != "POST" {
			t.Fatalf("%s arrived", method)
		}
		sent := map[string][]byte{"GET": nil}
		if p.runtime.Language() != "nodejs" { // which sends a body once
			sent["PUT"] = bytes.Repeat([]byte("x"), 5<<20) // more than what lies between takes, so that it cannot all be sent
		}
		for method, body := range sent {
			a := old.do(method, "/special/status", body)
			if side := a.header["Ferry-Side"]; a.status != 418 || len(side) != 1 || side[0] != "there" {
				t.Errorf("%s: %d by %v: %.80s\n%s", method, a.status, side, a.body, old.out)
			}
		}
		close(release) // what may not be done twice is waited for
		if a := <-posted; a.status != 200 || a.header["Ferry-Side"][0] != "here" {
			t.Errorf("POST: %d %v", a.status, a.header)
		}
	})
}

func TestABodyReachesTheNewSideWhileTheClientSendsIt(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		begun := make(chan error, 1)
		ingress := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ferry-side", "here")
			_, err := io.ReadFull(r.Body, make([]byte, 3))
			begun <- err
			rest, err := io.ReadAll(r.Body)
			if err != nil || string(rest) != "two" {
				t.Errorf("then comes %q, %v", rest, err)
			}
		}))
		t.Cleanup(ingress.Close)
		old := p.oldSide(t, ingress.URL, nil)
		for _, length := range []int64{6, -1} {
			body, client := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+old.addr+"/x", body)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			go func() {
				_, _ = io.WriteString(client, "one")
				if err := <-begun; err != nil {
					t.Errorf("nothing of the body arrives: %v", err)
				}
				_, _ = io.WriteString(client, "two")
				_ = client.Close()
			}()
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatalf("%v\n%s", err, old.out)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK || res.Header.Get("Ferry-Side") != "here" {
				t.Errorf("%d by %q\n%s", res.StatusCode, res.Header.Get("Ferry-Side"), old.out)
			}
		}
	})
}

func TestAnAnswerPassesTheForwarderBeforeTheClientHasSentAll(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p platform) {
		if p.runtime.Language() == "python" { // which sends a request whole before it reads
			return
		}
		ingress := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			_ = control.EnableFullDuplex()
			w.Header().Set("ferry-side", "here")
			_, _ = w.Write([]byte("begun"))
			_ = control.Flush()
			_, _ = io.Copy(w, r.Body)
		}))
		t.Cleanup(ingress.Close)
		old := p.oldSide(t, ingress.URL, nil)
		for _, length := range []int64{1 << 20, -1} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			body, client := io.Pipe()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+old.addr+"/x", body)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			answered := make(chan struct{})
			go func() {
				text := bytes.Repeat([]byte("x"), 1<<20)
				_, _ = client.Write(text[:10])
				<-answered
				_, _ = client.Write(text[10:])
				_ = client.Close()
			}()
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatalf("%v\n%s", err, old.out)
			}
			close(answered)
			n, err := io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if n != 5+1<<20 || err != nil {
				t.Errorf("with a length of %d the answer has %d bytes, %v\n%s", length, n, err, old.out)
			}
		}
	})
}

//go:build unix

package platform

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestASecretReadsAsItWasSetAndOnlyItsOwnerMay(t *testing.T) {
	h := Home(t.TempDir())
	values := map[string]string{
		"stripe-key": "sk_live_1", "prod/db": "a\nb", "lines": "a\n\n", "crlf": "a\r\n", "space": " ", "100%.x": "ü",
		"projects/p/secrets/s": "x",
	}
	for name, value := range values {
		if err := h.SetSecret(shop, name, []byte("before")); err != nil {
			t.Fatal(err)
		}
		if err := h.SetSecret(shop, name, []byte(value)); err != nil {
			t.Fatal(err)
		}
		if got, err := h.secret(shop, "api", name); got != value || err != nil {
			t.Errorf("%s reads as %q, not %q, %v", name, got, value, err)
		}
	}
	found, err := h.Secrets(shop)
	want := []string{"100%.x", "crlf", "lines", "prod/db", "projects/p/secrets/s", "space", "stripe-key"}
	if diff := cmp.Diff(want, found); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	err = filepath.WalkDir(h.path("secrets"), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may read %s: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(found, "ghost") {
		if err := h.RemoveSecret(shop, name); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(h.path("secrets")); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestASecretThatCannotBeIsRefused(t *testing.T) {
	h := Home(t.TempDir())
	for _, name := range []string{"", ".", "..", "../x", ".new-1", "a b", "a\nb", "a\x1b[31m", strings.Repeat("x", 201)} {
		wantCode(t, h.SetSecret(shop, name, []byte("v")), CodeInvalid)
		wantCode(t, h.RemoveSecret(shop, name), CodeInvalid)
		_, err := h.secret(shop, "api", name)
		wantCode(t, err, CodeInvalid)
	}
	for _, value := range [][]byte{nil, []byte("top\x00secret"), bytes.Repeat([]byte("secret"), SecretSize/6+1)} {
		if e := wantCode(t, h.SetSecret(shop, "key", value), CodeInvalid); strings.Contains(e.Message, "top") || len(e.Message) > 100 {
			t.Errorf("the message holds the value: %s", e.Message)
		}
	}
	if _, err := os.Stat(h.path("secrets")); err == nil {
		t.Error("something was stored")
	}
}

func TestANewValueReachesTheNextRequestAndLosesNone(t *testing.T) {
	p := serve(t, Options{})
	set := func(value string) {
		if err := p.home.SetSecret(shop, "key", []byte(value)); err != nil {
			t.Fatal(err)
		}
		if err := p.client.Renew(t.Context(), SecretRequest{Scope: shop, Secret: "key"}); err != nil {
			t.Fatal(err)
		}
	}
	set("0")
	for _, fn := range []string{"api", "web"} {
		p.live(fn, revision("one", func(r *Revision) {
			if fn == "api" {
				r.Secrets = map[string]string{"KEY": "key", "SAME": "key"}
			}
			r.Concurrency, r.Min = 4, 1
		}))
	}
	bystander := p.echo("web/").PID
	slow := make(chan string, 1)
	go func() {
		_, body, err := get(p.url("api/sleep?for=300ms"))
		slow <- fmt.Sprint(body, err)
	}()
	l := p.load(12, "api/")
	for i := range 12 {
		l.more()
		value := fmt.Sprint(i + 1)
		set(value)
		if env := p.echo("api/").Env; env["KEY"] != value || env["SAME"] != value {
			t.Fatalf("after %s was set a request met %s", value, env["KEY"])
		}
	}
	l.end()
	if got := <-slow; got != "one<nil>" {
		t.Errorf("the request in flight got %s", got)
	}
	if p.echo("web/").PID != bystander {
		t.Error("a function that does not use the secret was started anew")
	}
	if log := p.log("api"); !strings.Contains(log, "the secret key has a new value") {
		t.Error(log)
	}
}

func TestAFunctionWhoseSecretWasRemovedSaysWhichItNeeds(t *testing.T) {
	p := serve(t, Options{})
	if err := p.home.SetSecret(shop, "key", []byte("v")); err != nil {
		t.Fatal(err)
	}
	p.live("api", revision("one", func(r *Revision) { r.Secrets = map[string]string{"KEY": "key"} }))
	if err := p.home.RemoveSecret(shop, "key"); err != nil {
		t.Fatal(err)
	}
	if status, body := p.get("api/"); status != http.StatusBadGateway || !strings.Contains(body, "needs the secret key") {
		t.Errorf("%d: %s", status, body)
	}
}

func TestWhatAKillLeftIsSweptAtTheNextPublish(t *testing.T) {
	p := serve(t, Options{})
	p.put("api", revision("one"))
	folder := p.home.revisions(shop, "api")
	old, young, gone := filepath.Join(folder, ".new-1"), filepath.Join(folder, ".new-2"), filepath.Join(folder, ".gone-3")
	for _, dir := range []string{old, young, gone} {
		if err := os.MkdirAll(filepath.Join(dir, "package"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * halfTime)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	p.put("api", revision("two"))
	var left []string
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{".new-2", "one", "two"}, left); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

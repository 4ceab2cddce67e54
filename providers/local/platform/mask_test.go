//go:build unix

package platform

import (
	"encoding/base64"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/masking"
	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

func TestAValueIsHiddenWhereALongLineIsCut(t *testing.T) {
	value := strings.Repeat("s3cret/", 300)
	m := &masking.Mask{}
	m.Add(value)
	for _, before := range []int{maxLine - 10, maxLine, 2*maxLine - 1000, 3*maxLine + 5} {
		line := strings.Repeat("x", before) + url.QueryEscape(value) + strings.Repeat("y", 3*maxLine)
		var got []string
		eachLine(strings.NewReader(line+"\nnext"), m, func(l string) { got = append(got, l) })
		whole := strings.Join(got[:len(got)-1], "")
		if want := strings.Repeat("x", before) + masking.Hidden + strings.Repeat("y", 3*maxLine); whole != want || got[len(got)-1] != "next" {
			t.Errorf("after %d bytes it became %d bytes instead of %d, then %q", before, len(whole), len(want), got[len(got)-1])
		}
		if slices.ContainsFunc(got, func(l string) bool { return len(l) > maxLine }) {
			t.Error("a piece is too long")
		}
	}
}

func TestWhatAFunctionLogsHoldsNoSecret(t *testing.T) {
	p := serve(t, Options{})
	set := func(value string) {
		if err := p.home.SetSecret(shop, "key", []byte(value)); err != nil {
			t.Fatal(err)
		}
		if err := p.client.Renew(t.Context(), SecretRequest{Scope: shop, Secret: "key"}); err != nil {
			t.Fatal(err)
		}
	}
	say := func(text string) { p.get("api/log?line=" + url.QueryEscape(text)) }
	set("hunter2/first")
	p.live("api", revision("one", func(r *Revision) { r.Secrets = map[string]string{"KEY": "key"} }))
	slow := make(chan error, 1)
	go func() {
		_, _, err := get(p.url("api/sleep?for=300ms"))
		slow <- err
	}()
	say("the key is hunter2/first, as Base64 " + base64.StdEncoding.EncodeToString([]byte("token hunter2/first")))
	set("sesame/second")
	say("now it is sesame/second, it was hunter2/first")
	if err := <-slow; err != nil {
		t.Fatal(err)
	}
	platformtest.Until(t, "both lines are in the log", func() bool {
		log := p.log("api")
		return strings.Contains(log, "the key is ") && strings.Contains(log, "now it is ")
	})
	file, err := os.ReadFile(p.home.functionLog(shop, "api"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{p.log("api"), string(file)} {
		for _, secret := range []string{"hunter2", "sesame/", base64.StdEncoding.EncodeToString([]byte("hunter2/"))[1:8]} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in the log:\n%s", secret, text)
			}
		}
		if !strings.Contains(text, "the key is "+masking.Hidden) || !strings.Contains(text, "now it is "+masking.Hidden+", it was "+masking.Hidden) {
			t.Errorf("the rest of the lines is gone:\n%s", text)
		}
	}
}

func TestTheEndOfACrashHoldsNoSecret(t *testing.T) {
	p := serve(t, Options{})
	if err := p.home.SetSecret(shop, "key", []byte("hunter2/first")); err != nil {
		t.Fatal(err)
	}
	p.put("api", revision("one", func(r *Revision) {
		r.Env["BROKEN"] = "1"
		r.Secrets = map[string]string{"KEY": "key"}
	}))
	err := p.client.Probe(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: "one"})
	if e := wantCode(t, err, CodeCrashed); strings.Contains(e.Log, "hunter2") || !strings.Contains(e.Log, "stripe "+masking.Hidden) {
		t.Errorf("got %s", e.Log)
	}
}

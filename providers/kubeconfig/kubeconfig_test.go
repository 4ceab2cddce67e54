package kubeconfig

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers"
)

// merged are kubeconfigs as one, with the context that is asked for.
func merged(t *testing.T, context string, files ...string) (*Access, error) {
	t.Helper()
	env := map[string]string{"KUBECONFIG": strings.Join(files, string(filepath.ListSeparator))}
	return Search{Context: context, Setting: "targets.cluster.context", Env: func(name string) string { return env[name] }}.Find()
}

func write(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// `kubectl config use-context` writes the current context into the first file, also where another one has it.
func TestSeveralKubeconfigsAreOneInWhichTheEarlierCounts(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	first := write(t, filepath.Join(dir, "first"), "current-context: live\nclusters: [{name: c, cluster: {server: https://first}}]\nusers: [{name: u, user: {token: first}}]\n")
	second := write(t, filepath.Join(other, "second"), "current-context: trial\ncontexts: [{name: trial, context: {cluster: t, user: u}}, {name: live, context: {cluster: c, user: file}}]\n"+
		"clusters: [{name: c, cluster: {server: https://second}}, {name: t, cluster: {server: https://trial}}]\nusers: [{name: u, user: {token: second}}, {name: file, user: {tokenFile: token}}]\n")
	write(t, filepath.Join(other, "token"), "beside")
	for context, want := range map[string][2]string{"": {"https://first", "Bearer beside"}, "trial": {"https://trial", "Bearer first"}} {
		c, err := merged(t, context, first, second)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		err = c.Authorize(t.Context(), h)
		if got := [2]string{c.Server(), h.Get("Authorization")}; err != nil || got != want {
			t.Errorf("context %q gives %v, %v", context, got, err)
		}
	}
	_, err := merged(t, "", write(t, filepath.Join(dir, "lone"), "current-context: gone\n"))
	if err == nil || !strings.Contains(err.Error(), `no kubeconfig has the context "gone"`) {
		t.Errorf("a context that there is not: %v", err)
	}
}

func TestWhoActsAsSomebodyElseSaysSo(t *testing.T) {
	t.Parallel()
	c, err := merged(t, "", write(t, filepath.Join(t.TempDir(), "config"), "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: https://c}}]\n"+
		"users: [{name: u, user: {token: mine, as: deployer, as-groups: [one, two], as-user-extra: {team/a: [x]}}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	if err := c.Authorize(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if h.Get("Impersonate-User") != "deployer" || !slices.Equal(h["Impersonate-Group"], []string{"one", "two"}) || h.Get("Impersonate-Extra-Team%2fa") != "x" {
		t.Errorf("it says %v", h)
	}
	_, err = merged(t, "", write(t, filepath.Join(t.TempDir(), "config"), "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: https://c}}]\n"+
		"users: [{name: u, user: {auth-provider: {name: gcp}}}]\n"))
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Unauthenticated || !strings.Contains(e.Hint, "exec plugin") {
		t.Errorf("an auth-provider: %v", err)
	}
}

func TestAProxyOfTheKubeconfigIsUsed(t *testing.T) {
	t.Parallel()
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Host)
		_, _ = fmt.Fprint(w, `{"items": []}`)
	}))
	t.Cleanup(proxy.Close)
	c, err := merged(t, "", write(t, filepath.Join(t.TempDir(), "config"), "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'http://cluster.example', proxy-url: '"+proxy.URL+"'}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Get(c.Server() + "/version")
	if err == nil {
		err = res.Body.Close()
	}
	if err != nil || !slices.Equal(asked, []string{"cluster.example"}) {
		t.Errorf("by way of the proxy %q were asked, %v", asked, err)
	}
}

package knative

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// apiServer answers as one in which there is nothing, to who is let in, and notes who asked.
type apiServer struct {
	*httptest.Server
	mu      sync.Mutex
	callers []string
}

func newAPIServer(t *testing.T, admits func(who string) bool) *apiServer {
	t.Helper()
	s := &apiServer{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := r.Header.Get("Authorization")
		for _, c := range r.TLS.PeerCertificates {
			who = c.Subject.CommonName
		}
		s.mu.Lock()
		s.callers = append(s.callers, who)
		s.mu.Unlock()
		code, reason := http.StatusNotFound, "NotFound"
		if strings.HasSuffix(r.URL.Path, "/cronjobs") {
			code, reason = http.StatusOK, "an empty list"
		}
		if !admits(who) {
			code, reason = http.StatusUnauthorized, "Unauthorized"
		}
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "code": code, "reason": reason, "message": reason})
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} //nolint:gosec // of a test
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Compact(slices.Clone(s.callers))
}

func (s *apiServer) authority() []byte { return encoded("CERTIFICATE", s.Certificate().Raw) }

func encoded(kind string, data []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})
}

// certificate is one with its key, of that name.
func certificate(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	is := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	is.Subject.CommonName = name
	data, err := x509.CreateCertificate(rand.Reader, is, is, made.Public(), made)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		t.Fatal(err)
	}
	return encoded("CERTIFICATE", data), encoded("PRIVATE KEY", private)
}

func write(t *testing.T, file, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

// signedIn is an adapter whose kubeconfig has that user.
func (s *apiServer) signedIn(t *testing.T, user string) (a *Adapter, dir string) {
	t.Helper()
	dir = t.TempDir()
	file := write(t, filepath.Join(dir, "config"), fmt.Sprintf("current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"+
		"clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}]\nusers: [{name: u, user: %s}]\n",
		s.URL, base64.StdEncoding.EncodeToString(s.authority()), user), 0o600)
	return adapterIn(t, map[string]string{"KUBECONFIG": file}), dir
}

func adapterIn(t *testing.T, env map[string]string) *Adapter {
	t.Helper()
	a, err := New(providers.Config{
		Service: "shop", Stage: "dev", Target: "cluster", Block: blockOf(map[string]any{"registry": "r.example/x"}),
		Env: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Adapter)
}

// looks has the adapter ask for something, which must be let in.
func looks(t *testing.T, a *Adapter) {
	t.Helper()
	if _, err := a.Status(t.Context(), "api"); err != nil {
		t.Fatal(err)
	}
}

func anybody(string) bool { return true }

func TestAPodSpeaksToItsOwnClusterWithATokenThatIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newAPIServer(t, anybody)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	a := adapterIn(t, map[string]string{"HOME": t.TempDir(), "KUBERNETES_SERVICE_HOST": at.Hostname(), "KUBERNETES_SERVICE_PORT": at.Port()})
	a.mounted = t.TempDir()
	write(t, filepath.Join(a.mounted, "ca.crt"), string(s.authority()), 0o600)
	write(t, filepath.Join(a.mounted, "namespace"), "shop", 0o600)
	for _, token := range []string{"first", "second"} {
		write(t, filepath.Join(a.mounted, "token"), token+"\n", 0o600)
		looks(t, a)
	}
	if got := s.asked(); !slices.Equal(got, []string{"Bearer first", "Bearer second"}) || a.connection.namespace != "shop" || !a.connection.Inside {
		t.Errorf("it was asked by %q in %s", got, a.connection.namespace)
	}
}

func TestACertificateOfTheKubeconfigIsShown(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, "somebody")
	s := newAPIServer(t, func(who string) bool { return who == "somebody" })
	a, _ := s.signedIn(t, fmt.Sprintf("{client-certificate-data: %s, client-key-data: %s}", base64.StdEncoding.EncodeToString(cert), base64.StdEncoding.EncodeToString(key)))
	looks(t, a)
	a, dir := s.signedIn(t, "{client-certificate: its.crt, client-key: its.key}") // beside the kubeconfig
	write(t, filepath.Join(dir, "its.crt"), string(cert), 0o600)
	write(t, filepath.Join(dir, "its.key"), string(key), 0o600)
	looks(t, a)
}

// gives writes down what the plugin of an adapter gives next.
func gives(t *testing.T, dir string, status map[string]any) {
	t.Helper()
	said, err := json.Marshal(map[string]any{"kind": "ExecCredential", "status": status})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "said"), string(said), 0o600)
}

// plugged is an adapter whose plugin gives what is written in its folder.
func (s *apiServer) plugged(t *testing.T) (a *Adapter, dir string) {
	t.Helper()
	dir = t.TempDir()
	program := write(t, filepath.Join(dir, "plugin"), "#!/bin/sh\nexec cat "+filepath.Join(dir, "said")+"\n", 0o700)
	a, _ = s.signedIn(t, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: "+program+"}}")
	return a, dir
}

func TestAPluginIsAskedAgainBeforeItsTokenEndsAndWhenItIsRefused(t *testing.T) {
	t.Parallel()
	s := newAPIServer(t, func(who string) bool { return who != "Bearer revoked" })
	a, dir := s.plugged(t)
	for _, token := range []string{"short", "revoked", "good"} {
		status := map[string]any{"token": token}
		if token == "short" {
			status["expirationTimestamp"] = time.Now().Add(30 * time.Second).UTC().Format(time.RFC3339)
		}
		gives(t, dir, status)
		if _, err := a.Status(t.Context(), "api"); (err != nil) != (token == "revoked") {
			t.Fatalf("with the token %s: %v", token, err)
		}
	}
	if got := s.asked(); !slices.Equal(got, []string{"Bearer short", "Bearer revoked", "Bearer good"}) && !slices.Equal(got, []string{"Bearer short", "Bearer revoked", "Bearer revoked", "Bearer good"}) {
		t.Errorf("it was asked by %q", got)
	}
}

func TestAPluginMayGiveACertificateAndLaterAnotherOne(t *testing.T) {
	t.Parallel()
	allowed := "first"
	s := newAPIServer(t, func(who string) bool { return who == allowed })
	a, dir := s.plugged(t)
	for _, name := range []string{"first", "second"} {
		cert, key := certificate(t, name)
		gives(t, dir, map[string]any{"clientCertificateData": string(cert), "clientKeyData": string(key)})
		allowed = name
		looks(t, a)
	}
}

func TestWhatAPluginSaysOfItsFailureIsSaid(t *testing.T) {
	t.Parallel()
	s := newAPIServer(t, anybody)
	program := write(t, filepath.Join(t.TempDir(), "plugin"), "#!/bin/sh\necho 'sign in first' >&2\nexit 1\n", 0o700)
	a, _ := s.signedIn(t, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: "+program+", installHint: run sign-in}}")
	_, err := a.Status(t.Context(), "api")
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Unauthenticated || e.Hint != "run sign-in" || !strings.Contains(err.Error(), "sign in first") {
		t.Errorf("the plugin failed, and what is said is %v", err)
	}
}

func TestAPluginBesideTheKubeconfigIsToldOfTheClusterWhereItAsks(t *testing.T) {
	t.Parallel()
	s := newAPIServer(t, func(who string) bool { return who == "Bearer told" })
	a, dir := s.signedIn(t, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, provideClusterInfo: true}}")
	write(t, filepath.Join(dir, "plugin"), "#!/bin/sh\ncase \"$KUBERNETES_EXEC_INFO\" in *'\"server\":\""+s.URL+"\"'*) echo '{\"status\": {\"token\": \"told\"}}';; esac\n", 0o700)
	looks(t, a)
}

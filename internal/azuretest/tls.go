package azuretest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority signs a certificate for any name that a client asks for.
type authority struct {
	file string // the certificate, in PEM
	key  *ecdsa.PrivateKey
	is   *x509.Certificate

	mu    sync.Mutex
	names map[string]*tls.Certificate
}

func newAuthority(t testing.TB) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, names: map[string]*tls.Certificate{}, is: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "azuretest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.is, a.is, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a.file = filepath.Join(t.TempDir(), "azuretest-ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(a.file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if a.is, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) config() *tls.Config {
	direct, err := a.sign("localhost")
	if err != nil {
		panic(err) // the key is of a kind that signs
	}
	return &tls.Config{
		Certificates:   []tls.Certificate{*direct},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return a.sign(hello.ServerName) },
	}
}

func (a *authority) sign(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.names[name]; known != nil {
		return known, nil
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(a.names)) + 2), Subject: pkix.Name{CommonName: name},
		NotBefore: a.is.NotBefore, NotAfter: a.is.NotAfter,
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.is, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	a.names[name] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
	return a.names[name], nil
}

// Client is an HTTP client that reaches this cloud by Azure's names, as a browser of its user does.
func (c *Cloud) Client() *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(c.ca.is)
	direct, via := c.Host(), c.proxy.URL
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Host == direct {
				return nil, nil
			}
			return url.Parse(via)
		},
	}}
}

// tunnel is the proxy: what is of Azure ends in this cloud, the rest where its name leads.
func (c *Cloud) tunnel(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		if isIMDS(r.Host) {
			c.ServeHTTP(w, r)
			return
		}
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	to := r.Host
	if ofAzure(r.Host) {
		to = c.Host()
	}
	far, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(r.Context(), "tcp", to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = far.Close()
		return
	}
	_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(far, buffered)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
	_ = near.Close()
}

// ofAzure says whether a host is one of those that this cloud serves.
func ofAzure(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	for _, suffix := range []string{
		"azure.com", "azure.net", "azurewebsites.net", "windows.net", "microsoftonline.com", "microsoft.com", "loganalytics.io", "applicationinsights.io",
	} {
		if name == suffix || strings.HasSuffix(name, "."+suffix) {
			return true
		}
	}
	return false
}

package kubeconfig

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Access is a cluster and a user, ready to be spoken to.
type Access struct {
	Namespace string
	Inside    bool // of the cluster

	cluster cluster
	user    user
	client  *http.Client

	asking sync.Mutex
	given  credential // what the plugin gave last
}

// Server is the address of the API server.
func (a *Access) Server() string { return strings.TrimSuffix(a.cluster.Server, "/") }

// Begin has a plugin give its first credentials.
func (a *Access) Begin(ctx context.Context) error {
	if a.user.Exec == nil {
		return nil
	}
	return a.ask(ctx, credential{})
}

// Renewing does a thing, and once more when it is refused and a plugin gives other credentials: they may end before their time.
func (a *Access) Renewing(ctx context.Context, do func() error, refused func(error) bool) error {
	used := a.has()
	err := do()
	if a.user.Exec == nil || !refused(err) {
		return err
	}
	if err := a.ask(ctx, used); err != nil {
		return err
	}
	a.client.CloseIdleConnections() // which were opened with the certificate before
	return do()
}

// ask has the plugin give credentials, unless it gave others than those that are known to be old.
func (a *Access) ask(ctx context.Context, old credential) error {
	a.asking.Lock()
	defer a.asking.Unlock()
	if a.given != old {
		return nil
	}
	given, err := a.user.Exec.run(ctx, a.cluster)
	if err == nil {
		a.given = given
	}
	return err
}

// has is what the plugin gave last.
func (a *Access) has() credential {
	a.asking.Lock()
	defer a.asking.Unlock()
	return a.given
}

// certificate is the one that the plugin gave, nil where it gave none.
func (a *Access) certificate() (*tls.Certificate, error) {
	given := a.has()
	if given.Status.Cert == "" {
		return nil, nil
	}
	pair, err := tls.X509KeyPair([]byte(given.Status.Cert), []byte(given.Status.Key))
	return &pair, err
}

// Authorize says who asks. A file is read each time, as Kubernetes replaces it, and a plugin is asked again before its token
// ends.
func (a *Access) Authorize(ctx context.Context, h http.Header) error {
	a.user.impersonate(h)
	if a.user.Username != "" {
		r := http.Request{Header: h}
		r.SetBasicAuth(a.user.Username, a.user.Password)
		return nil
	}
	token := a.user.Token
	switch {
	case a.user.Exec != nil:
		if given := a.has(); !given.Status.Expires.IsZero() && time.Until(given.Status.Expires) < time.Minute {
			if err := a.ask(ctx, given); err != nil {
				return err
			}
		}
		token = a.has().Status.Token
	case a.user.TokenFile != "":
		data, err := a.user.TokenFile.bytes("")
		if err != nil {
			return unusable(err, "sign in to the cluster again")
		}
		token = strings.TrimSpace(string(data))
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return nil
}

// impersonate says as whom the user acts, where that is somebody else.
func (u user) impersonate(h http.Header) {
	for name, value := range map[string]string{"Impersonate-User": u.As, "Impersonate-Uid": u.AsUID} {
		if value != "" {
			h.Set(name, value)
		}
	}
	for _, group := range u.AsGroups {
		h.Add("Impersonate-Group", group)
	}
	for key, values := range u.AsExtra {
		for _, value := range values {
			h.Add("Impersonate-Extra-"+url.PathEscape(key), value)
		}
	}
}

// Client speaks to the API server as the user, but for what Authorize says.
func (a *Access) Client() (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.cluster.Name, InsecureSkipVerify: a.cluster.Insecure} //nolint:gosec // as the user's own file says
	ca, err := a.cluster.CA.bytes(a.cluster.CAData)
	if err != nil {
		return nil, unusable(fmt.Errorf("reading the cluster's certificate authority: %w", err), "repair the kubeconfig")
	}
	if ca != nil {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(ca)
	}
	if a.cluster.Proxy != "" {
		proxy, err := url.Parse(a.cluster.Proxy)
		if err != nil {
			return nil, unusable(err, "repair proxy-url in the kubeconfig")
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	cert, err := a.user.Cert.bytes(a.user.CertData)
	key, keyErr := a.user.Key.bytes(a.user.KeyData)
	var own tls.Certificate
	if err = errors.Join(err, keyErr); err == nil && cert != nil {
		own, err = tls.X509KeyPair(cert, key)
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := a.certificate()
		return cmp.Or(pair, &own), err
	}
	t.TLSClientConfig = config
	if err != nil {
		return nil, unusable(fmt.Errorf("reading the client's certificate: %w", err), "repair the kubeconfig")
	}
	a.client = &http.Client{Transport: t}
	return a.client, nil
}

// credential is what a plugin gives.
type credential struct {
	Status struct {
		Expires time.Time `json:"expirationTimestamp"`
		Token   string    `json:"token"`
		Cert    string    `json:"clientCertificateData"`
		Key     string    `json:"clientKeyData"`
	} `json:"status"`
}

// run asks a plugin for credentials for a cluster. It is not asked to speak with anybody.
func (p *plugin) run(ctx context.Context, of cluster) (credential, error) {
	var c credential
	cmd := exec.CommandContext(ctx, string(p.Command), p.Args...)
	spec := map[string]any{"interactive": false}
	if p.Informed {
		ca, err := of.CA.bytes(of.CAData)
		if err != nil {
			return c, unusable(fmt.Errorf("reading the cluster's certificate authority: %w", err), "repair the kubeconfig")
		}
		spec["cluster"] = map[string]any{
			"server": of.Server, "tls-server-name": of.Name, "insecure-skip-tls-verify": of.Insecure, "proxy-url": of.Proxy, "certificate-authority-data": ca,
		}
	}
	info, err := json.Marshal(map[string]any{"apiVersion": p.APIVersion, "kind": "ExecCredential", "spec": spec})
	if err != nil {
		return c, err
	}
	cmd.Env = append(cmd.Environ(), "KUBERNETES_EXEC_INFO="+string(info))
	for _, v := range p.Env {
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &c)
	}
	if err != nil && ctx.Err() != nil {
		return c, ctx.Err()
	}
	if err != nil {
		return c, unusable(fmt.Errorf("%s gives no credentials: %w%s", p.Command, err, said(err)), cmp.Or(p.Hint, "run it yourself, and sign in as it says"))
	}
	return c, nil
}

// said is what a program that failed wrote.
func said(err error) string {
	var failed *exec.ExitError
	if errors.As(err, &failed) && len(failed.Stderr) > 0 {
		return ": " + string(failed.Stderr)
	}
	return ""
}

package knative

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/ferryfn/ferry/providers"
)

// kubeconfig is what ferry reads of such a file.
type kubeconfig struct {
	Clusters []struct {
		Name    string
		Cluster cluster
	}
	Users []struct {
		Name string
		User user
	}
	Contexts []struct {
		Name    string
		Context struct{ Cluster, User, Namespace string }
	}
	Current string `yaml:"current-context"`
}

// cluster is where an API server is, and how it is trusted.
type cluster struct {
	Server   string
	CA       string `yaml:"certificate-authority"`
	CAData   string `yaml:"certificate-authority-data"`
	Insecure bool   `yaml:"insecure-skip-tls-verify"`
	Name     string `yaml:"tls-server-name"`
	Proxy    string `yaml:"proxy-url"`
}

// user is who one is there.
type user struct {
	Token     string
	TokenFile string `yaml:"tokenFile"`
	Cert      string `yaml:"client-certificate"`
	CertData  string `yaml:"client-certificate-data"`
	Key       string `yaml:"client-key"`
	KeyData   string `yaml:"client-key-data"`
	Username  string
	Password  string
	Exec      *plugin
}

// plugin is a program that gives credentials.
type plugin struct {
	APIVersion string `yaml:"apiVersion"`
	Command    string
	Args       []string
	Env        []struct{ Name, Value string }
	Hint       string `yaml:"installHint"`
}

// access is a cluster and a user, ready to be spoken to.
type access struct {
	cluster   cluster
	user      user
	namespace string
	folder    string // that relative paths are in
	inside    bool   // of the cluster
}

// mounted is where Kubernetes puts the credentials of a pod.
const mounted = "/var/run/secrets/kubernetes.io/serviceaccount"

// access finds the cluster: by what the target names, by KUBECONFIG, by the file at home; else it is the one that this runs in.
func (p *place) access() (access, error) {
	files := filepath.SplitList(cmp.Or(p.target.Kubeconfig, p.variable("KUBECONFIG")))
	home := filepath.Join(p.variable("HOME"), ".kube", "config")
	if len(files) == 0 {
		files = []string{home}
		if _, err := os.Stat(home); errors.Is(err, os.ErrNotExist) && p.variable("KUBERNETES_SERVICE_HOST") != "" {
			return p.pod()
		}
	}
	var missing error
	for _, file := range files {
		config, err := readKubeconfig(file)
		if errors.Is(err, os.ErrNotExist) {
			missing = errors.Join(missing, err)
			continue
		}
		if err != nil {
			return access{}, unusable(err, "repair the file, or choose another one with KUBECONFIG")
		}
		if a, ok := config.choose(p.target.Context); ok {
			a.folder = filepath.Dir(file)
			return a, nil
		}
	}
	if missing != nil {
		return access{}, unusable(missing, "set KUBECONFIG, or sign in to the cluster, which writes ~/.kube/config")
	}
	return access{}, unusable(fmt.Errorf("no kubeconfig has the context %q", p.target.Context), "choose one of `kubectl config get-contexts`: targets."+p.targetName+".context")
}

func unusable(err error, hint string) error {
	return &providers.Error{Kind: providers.Unauthenticated, Op: "find the cluster", Provider: name, Hint: hint, Err: err}
}

func readKubeconfig(file string) (kubeconfig, error) {
	var k kubeconfig
	data, err := os.ReadFile(file)
	if err == nil {
		if err = yaml.Unmarshal(data, &k); err != nil {
			err = fmt.Errorf("reading %s: %w", file, err)
		}
	}
	return k, err
}

// choose is the access by a context; "" is the current one.
func (k kubeconfig) choose(context string) (access, bool) {
	context = cmp.Or(context, k.Current)
	for _, c := range k.Contexts {
		if c.Name != context {
			continue
		}
		a := access{namespace: c.Context.Namespace}
		for _, one := range k.Clusters {
			if one.Name == c.Context.Cluster {
				a.cluster = one.Cluster
			}
		}
		for _, one := range k.Users {
			if one.Name == c.Context.User {
				a.user = one.User
			}
		}
		return a, a.cluster.Server != ""
	}
	return access{}, false
}

// pod is the access of a pod to the cluster that it runs in.
func (p *place) pod() (access, error) {
	namespace, err := os.ReadFile(filepath.Join(p.mounted, "namespace"))
	if err != nil {
		return access{}, unusable(err, "let the pod have a token: automountServiceAccountToken")
	}
	return access{
		cluster: cluster{
			Server: "https://" + net.JoinHostPort(p.variable("KUBERNETES_SERVICE_HOST"), p.variable("KUBERNETES_SERVICE_PORT")),
			CA:     filepath.Join(p.mounted, "ca.crt"),
		},
		user: user{TokenFile: filepath.Join(p.mounted, "token")}, namespace: string(namespace), inside: true,
	}, nil
}

// bytes are those of a file or of data in base64.
func (a access) bytes(file, data string) ([]byte, error) {
	switch {
	case data != "":
		return base64.StdEncoding.DecodeString(data)
	case file != "" && !filepath.IsAbs(file):
		return os.ReadFile(filepath.Join(a.folder, file))
	case file != "":
		return os.ReadFile(file)
	}
	return nil, nil
}

// transport speaks to the API server as the user, but for tokens. given is the certificate of a plugin, which may give another one
// later.
func (a access) transport(given func() (*tls.Certificate, error)) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.cluster.Name, InsecureSkipVerify: a.cluster.Insecure} //nolint:gosec // as the user's own file says
	ca, err := a.bytes(a.cluster.CA, a.cluster.CAData)
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
	cert, err := a.bytes(a.user.Cert, a.user.CertData)
	key, keyErr := a.bytes(a.user.Key, a.user.KeyData)
	var own tls.Certificate
	if err = errors.Join(err, keyErr); err == nil && cert != nil {
		own, err = tls.X509KeyPair(cert, key)
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := given()
		return cmp.Or(pair, &own), err
	}
	t.TLSClientConfig = config
	if err != nil {
		return nil, unusable(fmt.Errorf("reading the client's certificate: %w", err), "repair the kubeconfig")
	}
	return t, nil
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

// run asks a plugin for credentials. It is not asked to speak with anybody.
func (p *plugin) run(ctx context.Context) (credential, error) {
	var c credential
	cmd := exec.CommandContext(ctx, p.Command, p.Args...)
	info, err := json.Marshal(map[string]any{
		"apiVersion": p.APIVersion, "kind": "ExecCredential", "spec": map[string]any{"interactive": false},
	})
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

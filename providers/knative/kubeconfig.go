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
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/ferryfn/ferry/providers"
)

// kubeconfig is what ferry reads of such files.
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
	CA       file   `yaml:"certificate-authority"`
	CAData   string `yaml:"certificate-authority-data"`
	Insecure bool   `yaml:"insecure-skip-tls-verify"`
	Name     string `yaml:"tls-server-name"`
	Proxy    string `yaml:"proxy-url"`
}

// user is who one is there.
type user struct {
	Token     string
	TokenFile file   `yaml:"tokenFile"`
	Cert      file   `yaml:"client-certificate"`
	CertData  string `yaml:"client-certificate-data"`
	Key       file   `yaml:"client-key"`
	KeyData   string `yaml:"client-key-data"`
	Username  string
	Password  string
	Exec      *plugin
	As        string
	AsUID     string              `yaml:"as-uid"`
	AsGroups  []string            `yaml:"as-groups"`
	AsExtra   map[string][]string `yaml:"as-user-extra"`
	Former    map[string]any      `yaml:"auth-provider"` // which Kubernetes has given up
}

// plugin is a program that gives credentials.
type plugin struct {
	APIVersion string `yaml:"apiVersion"`
	Command    file
	Args       []string
	Env        []struct{ Name, Value string }
	Hint       string `yaml:"installHint"`
	Informed   bool   `yaml:"provideClusterInfo"`
}

// file is a path; a relative one is meant from the folder of the kubeconfig that names it.
type file string

func (f *file) from(folder string) {
	if *f != "" && !filepath.IsAbs(string(*f)) {
		*f = file(filepath.Join(folder, string(*f)))
	}
}

// access is a cluster and a user, ready to be spoken to.
type access struct {
	cluster   cluster
	user      user
	namespace string
	inside    bool // of the cluster
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
	var config kubeconfig
	var missing error
	for _, path := range files {
		one, err := readKubeconfig(path)
		if errors.Is(err, os.ErrNotExist) {
			missing = errors.Join(missing, err)
			continue
		}
		if err != nil {
			return access{}, unusable(err, "repair the file, or choose another one with KUBECONFIG")
		}
		config.add(one)
	}
	a, ok := config.choose(p.target.Context)
	switch {
	case ok && a.user.Former != nil:
		return access{}, unusable(errors.New("the kubeconfig signs in by an auth-provider, which Kubernetes has given up"), "sign in to the cluster again with a current program, which writes an exec plugin")
	case ok:
		return a, nil
	case missing != nil:
		return access{}, unusable(missing, "set KUBECONFIG, or sign in to the cluster, which writes ~/.kube/config")
	}
	return access{}, unusable(fmt.Errorf("no kubeconfig has the context %q", cmp.Or(p.target.Context, config.Current)), "choose one of `kubectl config get-contexts`: targets."+p.targetName+".context")
}

func unusable(err error, hint string) error {
	return &providers.Error{Kind: providers.Unauthenticated, Op: "find the cluster", Provider: name, Hint: hint, Err: err}
}

func readKubeconfig(path string) (kubeconfig, error) {
	var k kubeconfig
	data, err := os.ReadFile(path)
	if err == nil {
		if err = yaml.Unmarshal(data, &k); err != nil {
			err = fmt.Errorf("reading %s: %w", path, err)
		}
	}
	folder := filepath.Dir(path)
	for i := range k.Clusters {
		k.Clusters[i].Cluster.CA.from(folder)
	}
	for i := range k.Users {
		u := &k.Users[i].User
		u.TokenFile.from(folder)
		u.Cert.from(folder)
		u.Key.from(folder)
		if e := u.Exec; e != nil && strings.ContainsRune(string(e.Command), filepath.Separator) { // else it is looked for in PATH
			e.Command.from(folder)
		}
	}
	return k, err
}

// add is what another file has besides. Of two that say something, the earlier counts, as for kubectl.
func (k *kubeconfig) add(later kubeconfig) {
	k.Clusters, k.Users, k.Contexts = append(k.Clusters, later.Clusters...), append(k.Users, later.Users...), append(k.Contexts, later.Contexts...)
	k.Current = cmp.Or(k.Current, later.Current)
}

// choose is the access by a context; "" is the current one.
func (k *kubeconfig) choose(context string) (access, bool) {
	context = cmp.Or(context, k.Current)
	for _, c := range k.Contexts {
		if c.Name != context {
			continue
		}
		a := access{namespace: c.Context.Namespace}
		for _, one := range slices.Backward(k.Clusters) {
			if one.Name == c.Context.Cluster {
				a.cluster = one.Cluster
			}
		}
		for _, one := range slices.Backward(k.Users) {
			if one.Name == c.Context.User {
				a.user = one.User
			}
		}
		return a, a.cluster.Server != ""
	}
	return access{}, false
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

// pod is the access of a pod to the cluster that it runs in.
func (p *place) pod() (access, error) {
	namespace, err := os.ReadFile(filepath.Join(p.mounted, "namespace"))
	if err != nil {
		return access{}, unusable(err, "let the pod have a token: automountServiceAccountToken")
	}
	return access{
		cluster: cluster{
			Server: "https://" + net.JoinHostPort(p.variable("KUBERNETES_SERVICE_HOST"), p.variable("KUBERNETES_SERVICE_PORT")),
			CA:     file(filepath.Join(p.mounted, "ca.crt")),
		},
		user: user{TokenFile: file(filepath.Join(p.mounted, "token"))}, namespace: string(namespace), inside: true,
	}, nil
}

// bytes are those of a file or of data in base64; nil is that there are none.
func (f file) bytes(data string) ([]byte, error) {
	switch {
	case data != "":
		return base64.StdEncoding.DecodeString(data)
	case f != "":
		return os.ReadFile(string(f))
	}
	return nil, nil
}

// transport speaks to the API server as the user, but for tokens. given is the certificate of a plugin, which may give another one
// later.
func (a access) transport(given func() (*tls.Certificate, error)) (*http.Transport, error) {
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

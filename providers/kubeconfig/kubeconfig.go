// Package kubeconfig finds a cluster of Kubernetes, and who one is there, as kubectl does: by kubeconfigs with their contexts,
// certificates, tokens and plugins, or as the pod that this runs in.
package kubeconfig

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/ferryfn/ferry/providers"
)

// Search is where to look.
type Search struct {
	File, Context string // "" is as kubectl chooses
	Setting       string // the setting that names the context, for who has to choose another one
	Env           func(name string) string
	Mounted       string // where a pod has its credentials
}

// Mounted is where Kubernetes puts them.
const Mounted = "/var/run/secrets/kubernetes.io/serviceaccount"

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

// Find finds the cluster: by the file that is named, by KUBECONFIG, by the file at home; else it is the one that this runs in.
func (s Search) Find() (*Access, error) {
	files := filepath.SplitList(cmp.Or(s.File, s.Env("KUBECONFIG")))
	home := filepath.Join(s.Env("HOME"), ".kube", "config")
	if len(files) == 0 {
		files = []string{home}
		if _, err := os.Stat(home); errors.Is(err, os.ErrNotExist) && s.Env("KUBERNETES_SERVICE_HOST") != "" {
			return s.pod()
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
			return nil, unusable(err, "repair the file, or choose another one with KUBECONFIG")
		}
		config.add(one)
	}
	a, ok := config.choose(s.Context)
	switch {
	case ok && a.user.Former != nil:
		return nil, unusable(errors.New("the kubeconfig signs in by an auth-provider, which Kubernetes has given up"), "sign in to the cluster again with a current program, which writes an exec plugin")
	case ok:
		return a, nil
	case missing != nil:
		return nil, unusable(missing, "set KUBECONFIG, or sign in to the cluster, which writes ~/.kube/config")
	}
	return nil, unusable(fmt.Errorf("no kubeconfig has the context %q", cmp.Or(s.Context, config.Current)), "choose one of `kubectl config get-contexts`: "+s.Setting)
}

func unusable(err error, hint string) error {
	return &providers.Error{Kind: providers.Unauthenticated, Op: "find the cluster", Hint: hint, Err: err}
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
func (k *kubeconfig) choose(context string) (*Access, bool) {
	context = cmp.Or(context, k.Current)
	for _, c := range k.Contexts {
		if c.Name != context {
			continue
		}
		a := &Access{Namespace: c.Context.Namespace}
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
	return nil, false
}

// pod is the access of a pod to the cluster that it runs in.
func (s Search) pod() (*Access, error) {
	namespace, err := os.ReadFile(filepath.Join(s.Mounted, "namespace"))
	if err != nil {
		return nil, unusable(err, "let the pod have a token: automountServiceAccountToken")
	}
	return &Access{
		cluster: cluster{
			Server: "https://" + net.JoinHostPort(s.Env("KUBERNETES_SERVICE_HOST"), s.Env("KUBERNETES_SERVICE_PORT")),
			CA:     file(filepath.Join(s.Mounted, "ca.crt")),
		},
		user: user{TokenFile: file(filepath.Join(s.Mounted, "token"))}, Namespace: string(namespace), Inside: true,
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

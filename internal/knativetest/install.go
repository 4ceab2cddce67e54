package knativetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

const systemNamespace = "knative-serving"

// install puts the definitions of Knative into a cluster, and its settings, with the domain that functions have here.
func (p *Plane) install(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	err = errors.Join(err, p.make(ctx, "/api/v1/namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": systemNamespace}}))
	for _, file := range files {
		data, reading := os.ReadFile(file)
		if err = errors.Join(err, reading); err != nil {
			return err
		}
		for documents := yaml.NewDecoder(bytes.NewReader(data)); ; {
			var o object
			if decoding := documents.Decode(&o); errors.Is(decoding, io.EOF) {
				break
			} else if decoding != nil {
				return fmt.Errorf("reading %s: %w", file, decoding)
			}
			err = errors.Join(err, p.apply(ctx, o))
		}
	}
	return err
}

func (p *Plane) apply(ctx context.Context, o object) error {
	switch text(o, "kind") {
	case "CustomResourceDefinition":
		return p.make(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", o)
	case "ConfigMap":
		namespace := cmp.Or(map[string]string{eventingNamespace: eventingNamespace}[text(o, "metadata", "namespace")], systemNamespace)
		part(o, "metadata")["namespace"] = namespace
		switch text(o, "metadata", "name") {
		case "config-deployment":
			part(o, "data")["queue-sidecar-image"] = "registry.example/queue@sha256:" + fmt.Sprintf("%064d", 0)
		case "config-domain":
			o["data"] = object{"example.com": ""}
		}
		return p.make(ctx, "/api/v1/namespaces/"+namespace+"/configmaps", o)
	}
	return nil
}

// settle makes a namespace in which ferry may do what a Role says.
func (p *Plane) settle(ctx context.Context, namespace string, role []byte) error {
	var o object
	if err := yaml.Unmarshal(role, &o); err != nil {
		return err
	}
	part(o, "metadata")["namespace"] = namespace
	const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/"
	return errors.Join(
		p.make(ctx, "/api/v1/namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace}}),
		p.make(ctx, rbac+namespace+"/roles", o),
		p.make(ctx, rbac+namespace+"/rolebindings", object{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": object{"name": "ferry"},
			"roleRef":  object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": text(o, "metadata", "name")},
			"subjects": []any{object{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ferry"}},
		}),
	)
}

// signingKey writes a key that tokens of service accounts are signed with.
func signingKey(file string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600)
}

func kubeconfig(server, token, namespace string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]\nusers: [{name: u, user: {token: %s}}]\n"+
		"contexts: [{name: test, context: {cluster: c, user: u, namespace: %s}}]\ncurrent-context: test\n", server, token, namespace)
}

package lambda

import (
	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
)

// Variable puts a variable of a function into the manifest; what looks like a secret becomes a reference, without its value.
func Variable(m *draft.Manifest, f *draft.Named, name string, n *foreign.Node) {
	text, ok := n.Text()
	if !ok && n.Is(foreign.Scalar) {
		return
	}
	if Secret(name, text) {
		SecretVariable(f, name, SecretName(name), n)
		m.Notes = append(m.Notes, "set the secret "+SecretName(name)+" with `ferry secrets set "+SecretName(name)+"`: its value stood in the open, and is not copied")
		return
	}
	if f.Env == nil {
		f.Env = map[string]string{}
	}
	f.Env[name] = draft.Literal(text)
	n.Map("functions." + f.Name + ".env." + name)
}

// SecretVariable is a variable whose value a secret manager keeps.
func SecretVariable(f *draft.Named, name, secret string, n *foreign.Node) {
	if f.Secrets == nil {
		f.Secrets = map[string]string{}
	}
	f.Secrets[name] = secret
	n.Map("functions." + f.Name + ".secrets." + name)
}

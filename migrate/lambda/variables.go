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
	at := "functions." + f.Name
	if Secret(name, text) {
		SecretVariable(&f.Function, at, name, SecretName(name), n)
		m.Notes = append(m.Notes, "set the secret "+SecretName(name)+" with `ferry secrets set "+SecretName(name)+"`: its value stood in the open, and is not copied")
		return
	}
	PlainVariable(&f.Function, at, name, draft.Literal(text), n)
}

// PlainVariable is a variable of a function, or of all, that is at a path of the manifest.
func PlainVariable(d *draft.Function, at, name, text string, n *foreign.Node) {
	if d.Env == nil {
		d.Env = map[string]string{}
	}
	d.Env[name] = text
	n.Map(at + ".env." + name)
}

// SecretVariable is one whose value a secret manager keeps.
func SecretVariable(d *draft.Function, at, name, secret string, n *foreign.Node) {
	if d.Secrets == nil {
		d.Secrets = map[string]string{}
	}
	d.Secrets[name] = secret
	n.Map(at + ".secrets." + name)
}

package azureapp

import (
	"net/url"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

var vaultReference = pattern.Of(`^@Microsoft\.KeyVault\((.*)\)$`)

// kept is where a key vault has the value of a setting: @Microsoft.KeyVault(SecretUri=https://VAULT.vault.azure.net/secrets/NAME) or
// @Microsoft.KeyVault(VaultName=VAULT;SecretName=NAME), each with a version or without.
func kept(setting string) (vault, secret string, is bool) {
	found := vaultReference().FindStringSubmatch(strings.TrimSpace(setting))
	if found == nil {
		return "", "", false
	}
	for part := range strings.SplitSeq(found[1], ";") {
		switch key, value, _ := strings.Cut(strings.TrimSpace(part), "="); strings.ToLower(key) {
		case "vaultname":
			vault = value
		case "secretname":
			secret = value
		case "secreturi":
			at, err := url.Parse(value)
			if err != nil {
				continue
			}
			vault, _, _ = strings.Cut(at.Host, ".")
			secret, _, _ = strings.Cut(strings.TrimPrefix(at.Path, "/secrets/"), "/")
		}
	}
	return vault, secret, true
}

// vaulted makes a setting whose value a key vault has a secret of every function. It is false for any other setting.
func (r *reader) vaulted(name string, n *foreign.Node) bool {
	vault, secret, is := kept(n.Raw())
	if !is {
		return false
	}
	settings := &r.made.Targets[1].Settings
	switch now := settings.Get("key_vault"); {
	case vault == "" || secret == "":
		n.Lose("it does not say which secret of which key vault it is: name one under secrets")
		return true
	case now != nil && now != any(vault):
		n.Lose("a target has the secrets of one key vault: copy " + foreign.Plain(secret) + " from " + foreign.Plain(vault))
		return true
	}
	settings.Set("key_vault", vault)
	for i := range r.made.Functions {
		f := &r.made.Functions[i]
		lambda.SecretVariable(&f.Function, "functions."+f.Name, name, draft.Literal(secret), n)
	}
	r.made.Notes = append(r.made.Notes, "the secret "+foreign.Plain(secret)+" is in the key vault "+foreign.Plain(vault)+": on other targets set it with `ferry secrets set "+foreign.Plain(secret)+"`")
	return true
}

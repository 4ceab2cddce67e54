package azuretest

import (
	"net/http"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

const vaultType = "Microsoft.KeyVault/vaults"

type vault struct {
	is      *resource
	secrets map[string]*vaultSecret
}

func (v *vault) end(*Cloud) {}

type vaultSecret struct {
	name     string
	versions []*secretVersion
	deleted  bool
}

type secretVersion struct {
	id, value string
	kind      string
	tags      map[string]string
	enabled   bool
	created   time.Time
	updated   time.Time
	expires   any
}

// version is one of a secret; "" is the newest.
func (s *vaultSecret) version(id string) *secretVersion {
	if id == "" {
		return s.versions[len(s.versions)-1]
	}
	for _, v := range s.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

func vaultKinds() []*kind {
	return []*kind{{name: vaultType, versions: []string{"2019-09-01", "2021-10-01", "2022-07-01", "2023-02-01", "2023-07-01", "2024-11-01"}}}
}

// vaultOperations are those of Microsoft.KeyVault.
//
// Source: azure-rest-api-specs, keyvault/resource-manager/Microsoft.KeyVault, stable/2023-07-01, keyvault.json.
func vaultOperations() []*operation {
	const group = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + vaultType
	return []*operation{
		manage("Vaults_ListBySubscription", "GET /subscriptions/{subscription}/providers/"+vaultType, vaultType+"/read", listKind(vaultType)),
		manage("Vaults_ListByResourceGroup", "GET "+group, vaultType+"/read", listKind(vaultType)),
		manage("Vaults_Get", "GET "+group+"/{vault}", vaultType+"/read", (*Cloud).getResource),
		manage("Vaults_CreateOrUpdate", "PUT "+group+"/{vault}", vaultType+"/write", (*Cloud).putVault),
		manage("Vaults_Delete", "DELETE "+group+"/{vault}", vaultType+"/delete", (*Cloud).deleteResource),
	}
}

func (c *Cloud) vault(name string) *vault {
	for _, r := range c.resources {
		if v, ok := r.state.(*vault); ok && strings.EqualFold(r.name, name) {
			return v
		}
	}
	return nil
}

func (c *Cloud) putVault(r *request) (any, error) {
	body, err := c.decode(r, envelope(leaves("tenantId", "accessPolicies", "vaultUri", "enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment",
		"enableSoftDelete", "softDeleteRetentionInDays", "enableRbacAuthorization", "createMode", "enablePurgeProtection", "networkAcls", "provisioningState", "publicNetworkAccess").
		with("sku", leaves("family", "name"))))
	if err != nil {
		return nil, err
	}
	name := r.vars["vault"]
	if len(name) < 3 || len(name) > 24 || strings.Trim(lower(name), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Contains(name, "--") {
		return nil, refuse(400, "VaultNameNotValid", "The vault name '%s' is invalid. A vault's name must be between 3-24 alphanumeric characters.", name)
	}
	known := c.resources[lower(r.scope())]
	if known == nil && (c.vault(name) != nil || c.taken[name]) {
		return nil, refuse(409, "VaultAlreadyExists", "The vault name '%s' is already in use. Vault names are globally unique so it is possible that the name is already taken.", name)
	}
	if text(body, "properties", "tenantId") == "" || text(body, "properties", "sku", "name") == "" {
		return nil, refuse(400, "BadRequest", "The parameters tenantId and sku are required.")
	}
	if dig(body, "properties", "enableRbacAuthorization") != true {
		return nil, refuse(400, "BadRequest", "azuretest has vaults with role based access control only: enableRbacAuthorization")
	}
	is, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	given, _ := body["properties"].(object)
	is.properties = given
	is.properties["vaultUri"], is.properties["provisioningState"] = "https://"+lower(name)+".vault.azure.net/", "Succeeded"
	if fresh {
		is.state = &vault{is: is, secrets: map[string]*vaultSecret{}}
		c.resources[lower(is.id)] = is
		return jsonReply(http.StatusCreated, is.wire()), nil
	}
	return is.wire(), nil
}

// vaultSurface is the data plane of vaults.
//
// Source: azure-rest-api-specs, keyvault/data-plane/Microsoft.KeyVault, stable/7.6, secrets.json.
func vaultSurface() *surface {
	const secrets = "Microsoft.KeyVault/vaults/secrets/"
	of := func(name, route, action string, run func(*Cloud, *vault, *request) (any, error)) *operation {
		return &operation{name: name, route: route, action: "data:" + secrets + action, run: func(c *Cloud, r *request) (any, error) {
			v := c.vault(r.place)
			if v == nil {
				panic(http.ErrAbortHandler) // a name that is of no vault does not resolve
			}
			if r.query.Get("api-version") == "" {
				return nil, refuse(400, "BadParameter", "api-version must be specified")
			}
			if r.caller == nil {
				return nil, &failure{status: 401, code: "Unauthorized", message: "AKV10000: Request is missing a Bearer or PoP token.", header: http.Header{"Www-Authenticate": {
					`Bearer authorization="https://login.microsoftonline.com/` + Tenant + `", resource="https://vault.azure.net"`,
				}}}
			}
			if !c.permits(r.caller, secrets+action, v.is.id) {
				return nil, denied(r)
			}
			return run(c, v, r)
		}}
	}
	return &surface{
		name: "vault", word: wordVault, audiences: []string{"https://vault.azure.net"},
		host: func(_ *Cloud, host string) (string, bool) { return strings.CutSuffix(host, ".vault.azure.net") },
		ops: []*operation{
			of("GetSecrets", "GET /secrets", "readMetadata/action", (*Cloud).listSecrets),
			of("SetSecret", "PUT /secrets/{secret}", "setSecret/action", (*Cloud).setSecret),
			of("GetSecretVersions", "GET /secrets/{secret}/versions", "readMetadata/action", (*Cloud).listSecretVersions),
			of("GetSecret", "GET /secrets/{secret}", "getSecret/action", (*Cloud).getSecret),
			of("GetSecret", "GET /secrets/{secret}/{version}", "getSecret/action", (*Cloud).getSecret),
			of("DeleteSecret", "DELETE /secrets/{secret}", "delete", (*Cloud).deleteSecret),
			of("GetDeletedSecret", "GET /deletedsecrets/{secret}", "readMetadata/action", (*Cloud).getDeletedSecret),
			of("PurgeDeletedSecret", "DELETE /deletedsecrets/{secret}", "purge/action", (*Cloud).purgeSecret),
			of("RecoverDeletedSecret", "POST /deletedsecrets/{secret}/recover", "recover/action", (*Cloud).recoverSecret),
		},
	}
}

func wordVault(f *failure, r *request) standin.Reply {
	inner := object{"code": f.code, "message": f.message}
	if f.status == http.StatusForbidden {
		inner["innererror"] = object{"code": "ForbiddenByRbac"}
	}
	out := jsonReply(f.status, object{"error": inner})
	out.Header.Set("X-Ms-Request-Id", r.id)
	for name, values := range f.header {
		out.Header[name] = values
	}
	return out
}

func (v *vault) secretWire(s *vaultSecret, of *secretVersion) object {
	attributes := object{"enabled": of.enabled, "created": of.created.Unix(), "updated": of.updated.Unix(), "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}
	if of.expires != nil {
		attributes["exp"] = of.expires
	}
	out := object{"id": "https://" + lower(v.is.name) + ".vault.azure.net/secrets/" + s.name + "/" + of.id, "attributes": attributes}
	if of.tags != nil {
		out["tags"] = of.tags
	}
	if of.kind != "" {
		out["contentType"] = of.kind
	}
	return out
}

func (c *Cloud) setSecret(v *vault, r *request) (any, error) {
	body, err := c.decode(r, leaves("value", "tags", "contentType").with("attributes", leaves("enabled", "nbf", "exp", "created", "updated", "recoverableDays", "recoveryLevel")))
	if err != nil {
		return nil, err
	}
	name := r.vars["secret"]
	if len(name) > 127 || strings.Trim(lower(name), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return nil, refuse(400, "BadParameter", "The request URI contains an invalid name: %s", name)
	}
	value, ok := body["value"].(string)
	switch {
	case !ok:
		return nil, refuse(400, "BadParameter", "Property  value is required.")
	case len(value) > 25<<10:
		return nil, refuse(400, "BadParameter", "Property  value has invalid value: it exceeds 25600 characters.")
	}
	tags, err := tagsOf(body)
	if err != nil {
		return nil, err
	}
	kept := v.secrets[lower(name)]
	if kept != nil && kept.deleted {
		return nil, refuse(409, "Conflict", "Secret %s is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.", name)
	}
	if kept == nil {
		kept = &vaultSecret{name: name}
		v.secrets[lower(name)] = kept
	}
	at := time.Now()
	made := &secretVersion{id: strings.ReplaceAll(newID(), "-", ""), value: value, kind: text(body, "contentType"), tags: tags, enabled: dig(body, "attributes", "enabled") != false, created: at, updated: at, expires: dig(body, "attributes", "exp")}
	kept.versions = append(kept.versions, made)
	out := v.secretWire(kept, made)
	out["value"] = value
	return out, nil
}

func (v *vault) secret(r *request) (*vaultSecret, error) {
	if s := v.secrets[lower(r.vars["secret"])]; s != nil && !s.deleted {
		return s, nil
	}
	return nil, refuse(404, "SecretNotFound", "A secret with (name/id) %s was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct "+
		"recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182", r.vars["secret"])
}

func (c *Cloud) getSecret(v *vault, r *request) (any, error) {
	s, err := v.secret(r)
	if err != nil {
		return nil, err
	}
	of := s.version(r.vars["version"])
	if of == nil {
		return nil, refuse(404, "SecretNotFound", "A secret with (name/id) %s/%s was not found in this key vault.", s.name, r.vars["version"])
	}
	if !of.enabled {
		return nil, refuse(403, "Forbidden", "Operation get is not allowed on a disabled secret.")
	}
	out := v.secretWire(s, of)
	out["value"] = of.value
	return out, nil
}

func (c *Cloud) listSecrets(v *vault, _ *request) (any, error) {
	all := []object{}
	for _, name := range sortedKeys(v.secrets) {
		if s := v.secrets[name]; !s.deleted {
			line := v.secretWire(s, s.version(""))
			line["id"] = "https://" + lower(v.is.name) + ".vault.azure.net/secrets/" + s.name
			all = append(all, line)
		}
	}
	return object{"value": all, "nextLink": nil}, nil
}

func (c *Cloud) listSecretVersions(v *vault, r *request) (any, error) {
	all := []object{}
	if s, err := v.secret(r); err == nil {
		for _, of := range s.versions {
			all = append(all, v.secretWire(s, of))
		}
	}
	return object{"value": all, "nextLink": nil}, nil
}

func (v *vault) deletedWire(s *vaultSecret) object {
	out := v.secretWire(s, s.version(""))
	out["recoveryId"] = "https://" + lower(v.is.name) + ".vault.azure.net/deletedsecrets/" + s.name
	out["deletedDate"], out["scheduledPurgeDate"] = time.Now().Unix(), time.Now().Add(90*24*time.Hour).Unix()
	return out
}

func (c *Cloud) deleteSecret(v *vault, r *request) (any, error) {
	s, err := v.secret(r)
	if err != nil {
		return nil, err
	}
	s.deleted = true
	return v.deletedWire(s), nil
}

func (v *vault) deletedSecret(r *request) (*vaultSecret, error) {
	if s := v.secrets[lower(r.vars["secret"])]; s != nil && s.deleted {
		return s, nil
	}
	return nil, refuse(404, "SecretNotFound", "Deleted Secret not found: %s", r.vars["secret"])
}

func (c *Cloud) getDeletedSecret(v *vault, r *request) (any, error) {
	s, err := v.deletedSecret(r)
	if err != nil {
		return nil, err
	}
	return v.deletedWire(s), nil
}

func (c *Cloud) purgeSecret(v *vault, r *request) (any, error) {
	s, err := v.deletedSecret(r)
	if err != nil {
		return nil, err
	}
	delete(v.secrets, lower(s.name))
	return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
}

func (c *Cloud) recoverSecret(v *vault, r *request) (any, error) {
	s, err := v.deletedSecret(r)
	if err != nil {
		return nil, err
	}
	s.deleted = false
	return v.secretWire(s, s.version("")), nil
}

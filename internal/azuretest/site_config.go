package azuretest

import (
	"maps"
	"net/http"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

func (s *site) configWire(name string, properties any) object {
	out := object{"id": s.is.id + "/config/" + name, "name": name, "type": "Microsoft.Web/sites/config", "location": s.is.location, "properties": properties}
	if s.is.tags != nil {
		out["tags"] = s.is.tags
	}
	return out
}

func (c *Cloud) listSettings(s *site, _ *request) (any, error) {
	return s.configWire("appsettings", s.settings), nil
}

// putSettings replaces all settings; what is not named is gone. Every write restarts the app.
//
// Source: learn.microsoft.com/azure/azure-functions/functions-infrastructure-as-code, "Application configuration".
func (c *Cloud) putSettings(s *site, r *request) (any, error) {
	body, err := c.decode(r, leaves("id", "name", "type", "kind", "location", "tags").with("properties", nil))
	if err != nil {
		return nil, err
	}
	next := map[string]string{}
	given, _ := body["properties"].(object)
	for name, value := range given {
		text, ok := value.(string)
		if !ok {
			return nil, webRefusal(400, "BadRequest", "51021", "The app setting %s is invalid.  Its value must be a string.", name)
		}
		next[name] = text
	}
	if err := checkSettings(next); err != nil {
		return nil, err
	}
	s.settings = next
	s.recycle()
	return s.configWire("appsettings", s.settings), nil
}

func (c *Cloud) getConfig(s *site, _ *request) (any, error) {
	properties := maps.Clone(s.web)
	properties["linuxFxVersion"], properties["numberOfWorkers"], properties["alwaysOn"] = "", 1, false
	if properties["minTlsVersion"] == nil {
		properties["minTlsVersion"] = "1.2"
	}
	out := s.configWire("web", properties)
	out["name"] = s.is.name
	return out, nil
}

func (c *Cloud) patchConfig(s *site, r *request) (any, error) {
	body, err := c.decode(r, leaves("id", "name", "type", "kind", "location", "tags").with("properties", siteShape()["siteConfig"]))
	if err != nil {
		return nil, err
	}
	given, _ := body["properties"].(object)
	if err := forbidden(given); err != nil {
		return nil, err
	}
	for name, value := range given {
		s.web[name] = value
	}
	s.recycle()
	return c.getConfig(s, r)
}

func (c *Cloud) getPolicy(s *site, r *request) (any, error) {
	name := lower(r.vars["name"])
	return object{
		"id": s.is.id + "/basicPublishingCredentialsPolicies/" + name, "name": name, "type": "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
		"location": s.is.location, "properties": object{"allow": s.policies[name]},
	}, nil
}

func (c *Cloud) putPolicy(s *site, r *request) (any, error) {
	body, err := c.decode(r, leaves("id", "name", "type", "kind", "location").with("properties", leaves("allow")))
	if err != nil {
		return nil, err
	}
	allow, _ := dig(body, "properties", "allow").(bool)
	s.policies[lower(r.vars["name"])] = allow
	return c.getPolicy(s, r)
}

// reference is what a setting says of a secret: "@Microsoft.KeyVault(SecretUri=…)" or with a vault and a name.
//
// Source: learn.microsoft.com/azure/app-service/app-service-key-vault-references.
type reference struct {
	vault, secret, version string
	status, details        string
	value                  string
}

// resolve looks a reference up in the name of the app's identity; nil when the setting is none.
func (c *Cloud) resolve(s *site, setting string) *reference {
	inner, ok := strings.CutPrefix(setting, "@Microsoft.KeyVault(")
	if !ok || !strings.HasSuffix(inner, ")") {
		return nil
	}
	ref := &reference{status: "InvalidSyntax", details: "The reference has no known form."}
	parts := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimSuffix(inner, ")"), ";") {
		name, value, _ := strings.Cut(part, "=")
		parts[lower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	if uri := parts["secreturi"]; uri != "" {
		host, path, _ := strings.Cut(strings.TrimPrefix(uri, "https://"), "/")
		names := strings.Split(strings.Trim(path, "/"), "/")
		if len(names) < 2 || names[0] != "secrets" || !strings.HasPrefix(uri, "https://") {
			return ref
		}
		ref.vault, ref.secret = strings.TrimSuffix(host, ".vault.azure.net"), names[1]
		if len(names) > 2 {
			ref.version = names[2]
		}
	} else {
		ref.vault, ref.secret, ref.version = parts["vaultname"], parts["secretname"], parts["secretversion"]
	}
	if ref.vault == "" || ref.secret == "" {
		return ref
	}
	ref.look(c, s)
	return ref
}

func (ref *reference) look(c *Cloud, s *site) {
	who := c.referrer(s)
	v := c.vault(ref.vault)
	switch {
	case who == nil:
		ref.status, ref.details = "MSINotEnabled", "Reference was not able to be resolved because site Managed Identity not enabled."
		return
	case v == nil:
		ref.status, ref.details = "VaultNotFound", "Key Vault reference was not able to be resolved because vault was not found."
		return
	case !c.permits(who, "Microsoft.KeyVault/vaults/secrets/getSecret/action", v.is.id+"/secrets/"+ref.secret):
		ref.status, ref.details = "AccessToKeyVaultDenied", "Key Vault reference was not able to be resolved because site was denied access to Key Vault reference's vault."
		return
	}
	kept := v.secrets[lower(ref.secret)]
	if kept == nil || kept.deleted {
		ref.status, ref.details = "SecretNotFound", "Key Vault reference was not able to be resolved because secret was not found."
		return
	}
	found := kept.version(ref.version)
	switch {
	case found == nil:
		ref.status, ref.details = "SecretVersionNotFound", "Key Vault reference was not able to be resolved because secret version was not found."
	case !found.enabled:
		ref.status, ref.details = "OtherReasons", "Key Vault reference was not able to be resolved because the secret is disabled."
	default:
		ref.status, ref.details, ref.value = "Resolved", "Reference has been successfully resolved.", found.value
	}
}

// referrer is who looks references up: the identity that keyVaultReferenceIdentity names, else the system's.
func (c *Cloud) referrer(s *site) *principal {
	of := s.referenceIdentity()
	if of == "SystemAssigned" {
		return c.principals[text(s.is.identity, "principalId")]
	}
	if is := c.resources[lower(of)]; is != nil && s.hasIdentity(of) {
		p, _ := is.state.(*principal)
		return p
	}
	return nil
}

func (s *site) referenceWire(name string, ref *reference) object {
	return object{"id": s.is.id + "/config/configreferences/appsettings/" + name, "name": name, "type": "Microsoft.Web/sites/config/configreferences", "location": s.is.location, "properties": object{
		"reference": s.settings[name], "status": ref.status, "vaultName": ref.vault, "secretName": ref.secret, "secretVersion": ref.version, "details": ref.details,
		"identityType": object{"type": s.referenceIdentity()}, "source": "KeyVault", "activeVersion": ref.version,
	}}
}

func (c *Cloud) listReferences(s *site, _ *request) (any, error) {
	all := []object{}
	for _, name := range sortedKeys(s.settings) {
		if ref := c.resolve(s, s.settings[name]); ref != nil {
			all = append(all, s.referenceWire(name, ref))
		}
	}
	return object{"value": all, "nextLink": nil}, nil
}

func (c *Cloud) getReference(s *site, r *request) (any, error) {
	name := r.vars["setting"]
	ref := c.resolve(s, s.settings[name])
	if ref == nil {
		return nil, webRefusal(404, "NotFound", "51004", "Cannot find ConfigReference with name %s.", name)
	}
	return s.referenceWire(name, ref), nil
}

func (c *Cloud) listHostKeys(s *site, _ *request) (any, error) {
	system := maps.Clone(s.systemKeys)
	return object{"masterKey": s.masterKey, "functionKeys": object{"default": s.defaultKey}, "systemKeys": system}, nil
}

// putHostKey sets a key of the host: kind is functionkeys, systemkeys or masterkey.
func (c *Cloud) putHostKey(s *site, r *request) (any, error) {
	body, err := c.decode(r, leaves("id", "name", "type").with("properties", leaves("name", "value")))
	if err != nil {
		return nil, err
	}
	value := text(body, "properties", "value")
	if value == "" {
		value = newHostKey()
	}
	switch kind := lower(r.vars["name"]); {
	case kind == "functionkeys" && r.vars["setting"] == "default":
		s.defaultKey = value
	case kind == "systemkeys":
		s.systemKeys[r.vars["setting"]] = value
	case kind == "masterkey":
		s.masterKey = value
	default:
		s.functionKeys["*"+r.vars["setting"]] = value
	}
	return jsonReply(http.StatusCreated, object{"name": r.vars["setting"], "value": value}), nil
}

// syncTriggers, called with the lock, has Resource Manager and the scaler know the functions of the code that serves; it may need to be asked again.
//
// Sources: Azure/azure-functions-host#10169, microsoft/azure-pipelines-tasks#22354.
func (c *Cloud) syncTriggers(s *site, _ *request) (any, error) {
	if s.syncs > 0 {
		s.syncs--
		return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	var found []functionInfo
	var err error
	c.outside(func() { found, err = s.functions() })
	if err != nil {
		return nil, webRefusal(400, "BadRequest", "51021", "Encountered an error (%s) from host runtime.", err)
	}
	s.listed = found
	c.bindTriggers(s)
	return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
}

func (c *Cloud) listFunctions(s *site, _ *request) (any, error) {
	all := []object{}
	for _, f := range s.listed {
		all = append(all, s.functionWire(f))
	}
	return object{"value": all, "nextLink": nil}, nil
}

func (s *site) functionWire(f functionInfo) object {
	properties := object{
		"name": f.Name, "function_app_id": nil, "config": object{"bindings": f.Bindings}, "language": f.Language, "isDisabled": s.disabled(f.Name), "invoke_url_template": nil, "test_data": "",
		"href": "https://" + s.host + "/admin/functions/" + f.Name, "script_href": nil,
	}
	if b := f.trigger("httpTrigger"); b != nil {
		properties["invoke_url_template"] = "https://" + s.host + "/" + strings.TrimPrefix(f.route(s.prefix()), "/")
	}
	return object{"id": s.is.id + "/functions/" + f.Name, "name": s.is.name + "/" + f.Name, "type": "Microsoft.Web/sites/functions", "location": s.is.location, "properties": properties}
}

func (s *site) disabled(function string) bool {
	for name, value := range s.settings {
		if strings.EqualFold(name, "AzureWebJobs."+function+".Disabled") || strings.EqualFold(name, "AzureWebJobs_"+strings.ReplaceAll(function, "-", "_")+"_Disabled") {
			return strings.EqualFold(value, "true") || value == "1"
		}
	}
	return false
}

func (c *Cloud) getFunction(s *site, r *request) (any, error) {
	for _, f := range s.listed {
		if strings.EqualFold(f.Name, r.vars["function"]) {
			return s.functionWire(f), nil
		}
	}
	return nil, webRefusal(404, "NotFound", "51004", "Cannot find Function with name %s.", r.vars["function"])
}

func (c *Cloud) listFunctionKeys(s *site, r *request) (any, error) {
	if _, err := c.getFunction(s, r); err != nil {
		return nil, err
	}
	return object{"default": s.functionKey(r.vars["function"])}, nil
}

func (s *site) functionKey(function string) string {
	if s.functionKeys[lower(function)] == "" {
		s.functionKeys[lower(function)] = newHostKey()
	}
	return s.functionKeys[lower(function)]
}

func (c *Cloud) hostStatus(s *site, _ *request) (any, error) {
	var out object
	c.outside(func() { out = s.status() })
	return out, nil
}

func (s *site) status() object {
	out := object{"id": lower(s.is.name[:min(32, len(s.is.name))]), "state": "Running", "version": "4.1041.200.0", "versionDetails": "4.1041.200", "processUptime": 1000, "errors": []string{}}
	if _, err := s.functions(); err != nil {
		out["state"], out["errors"] = "Error", []string{err.Error()}
	}
	return out
}

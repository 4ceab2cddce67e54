package azure

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

var _ providers.Ejector = (*Adapter)(nil)

// Eject writes a template of Resource Manager. What it makes has names of the resource group's own, so that it stands beside
// what ferry deployed.
func (a *Adapter) Eject(specs []providers.Spec) (providers.Ejection, error) {
	e := &ejection{connection: &connection{place: &a.place, subscription: a.target.Subscription}, Ejection: providers.Ejection{Format: "Azure Resource Manager", Files: map[string][]byte{}, Said: whereabouts()}}
	group := a.target.ResourceGroup
	e.Steps = []string{fmt.Sprintf("az deployment group create --resource-group %s --template-file template.json --query properties.outputs", group)}
	e.shared(specs)
	for _, s := range specs {
		e.function(specOf(s))
	}
	if err := e.file("template.json", object{
		"parameters": object{"location": object{"type": "string", "defaultValue": a.target.Location}, "storageAccount": e.account}, "resources": e.resources, "outputs": e.outputs,
	}); err != nil {
		return providers.Ejection{}, err
	}
	if len(e.heard) > 0 {
		err := e.file("events.json", object{"parameters": object{"storageAccount": e.account}, "resources": e.heard})
		if err != nil {
			return providers.Ejection{}, err
		}
		e.Steps = append(e.Steps, fmt.Sprintf("az deployment group create --resource-group %s --template-file events.json", group))
	}
	return e.Ejection, nil
}

// object is a part of a template.
type object = map[string]any

// ejection is a template that is being written.
type ejection struct {
	*connection
	account   object // the parameter that names the storage account
	resources []object
	heard     []object // what needs the functions to be there
	outputs   object
	providers.Ejection
}

func (e *ejection) file(name string, template object) error {
	template["$schema"] = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
	template["contentVersion"] = "1.0.0.0"
	text, err := json.MarshalIndent(template, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	e.Files[name] = append(text, '\n')
	return nil
}

// Expressions of a template, without their brackets.
const (
	accountID  = "resourceId('Microsoft.Storage/storageAccounts', parameters('storageAccount'))"
	locationOf = "[parameters('location')]"
)

// bracketed makes an expression of a text.
func bracketed(expression string) string { return "[" + expression + "]" }

// literal is a text that is none.
func literal(text string) string {
	if strings.HasPrefix(text, "[") {
		return "[" + text
	}
	return text
}

// unique is an expression for a name that no other resource group has, and begins so that hosts are told apart by it.
func (e *ejection) unique(words ...string) string {
	plain := plainly(strings.Join(words, "-"))
	all := "'" + strings.Join(append([]string{e.service, e.stage}, words...), "', '") + "'"
	return fmt.Sprintf("concat(uniqueString(resourceGroup().id, %s), '-%s')", all, plain[:min(len(plain), 18)])
}

func idOf(kind, name string) string { return fmt.Sprintf("resourceId('%s', %s)", kind, name) }

// shared is what all functions stand on: a storage account, as who their hosts run, and where logs go. An account that events
// name something in is there already.
func (e *ejection) shared(specs []providers.Spec) {
	e.outputs = object{}
	e.account = object{"type": "string", "defaultValue": bracketed(fmt.Sprintf("concat('st', uniqueString(resourceGroup().id, '%s', '%s'))", e.service, e.stage))}
	switch named := slices.ContainsFunc(specs, func(s providers.Spec) bool { return inAccount(functionOf(s.Function)) }); {
	case e.target.StorageAccount != "":
		e.account["defaultValue"] = e.target.StorageAccount
	case named && e.subscription != "":
		e.account["defaultValue"] = e.storageName()
	case named:
		delete(e.account, "defaultValue")
		e.Steps[0] = strings.Replace(e.Steps[0], " --query", " --parameters storageAccount=NAME --query", 1)
	default:
		e.resources = append(e.resources, object{
			"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2023-05-01", "name": "[parameters('storageAccount')]", "location": locationOf,
			"kind": "StorageV2", "sku": object{"name": "Standard_LRS"},
			"properties": object{"allowBlobPublicAccess": false, "allowSharedKeyAccess": false, "minimumTlsVersion": "TLS1_2"},
		})
	}
	logs := e.unique("logs")
	e.resources = append(
		e.resources,
		object{"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": bracketed(e.unique("hosts")), "location": locationOf},
		object{
			"type": "Microsoft.OperationalInsights/workspaces", "apiVersion": "2023-09-01", "name": bracketed(logs), "location": locationOf,
			"properties": object{"retentionInDays": e.target.retention(), "sku": object{"name": "PerGB2018"}},
		},
		object{
			"type": "Microsoft.Insights/components", "apiVersion": "2020-02-02", "name": bracketed(logs), "location": locationOf, "kind": "web",
			"properties": object{"Application_Type": "web", "WorkspaceResourceId": bracketed(idOf("Microsoft.OperationalInsights/workspaces", logs))},
			"dependsOn":  []string{bracketed(idOf("Microsoft.OperationalInsights/workspaces", logs))},
		},
	)
	for _, role := range []string{"Storage Blob Data Owner", "Storage Queue Data Contributor", "Storage Table Data Contributor"} {
		e.grant(e.unique("hosts"), role, accountID)
	}
	e.grant(e.unique("hosts"), "Monitoring Metrics Publisher", idOf("Microsoft.Insights/components", logs))
}

// inAccount reports whether an event names something in the target's storage account.
func inAccount(fn function) bool {
	return slices.ContainsFunc(fn.Events, func(e manifest.Event) bool {
		return e.Queue != nil && fn.own.ServiceBus == "" || e.Object != nil && !strings.Contains(fn.own.resource(e.Object.Bucket), "/")
	})
}

// grant gives an identity of the template a role on something of the resource group.
func (e *ejection) grant(to, role, scope string) {
	id := idOf("Microsoft.ManagedIdentity/userAssignedIdentities", to)
	r := object{
		"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "scope": bracketed(scope),
		"name": bracketed(fmt.Sprintf("guid(%s, %s, '%s')", id, scope, role)),
		"properties": object{
			"roleDefinitionId": bracketed(fmt.Sprintf("subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '%s')", roleIDs()[role])),
			"principalId":      bracketed(fmt.Sprintf("reference(%s, '2023-01-31').principalId", id)), "principalType": "ServicePrincipal",
		},
	}
	needs := []string{bracketed(id)}
	if made := e.makes("Microsoft.Storage/storageAccounts"); scope != accountID || made {
		needs = append(needs, bracketed(scope))
	}
	r["dependsOn"] = needs
	e.resources = append(e.resources, r)
}

// makes reports whether the template makes something of that kind.
func (e *ejection) makes(kind string) bool {
	return slices.ContainsFunc(e.resources, func(r object) bool { return r["type"] == kind })
}

// function adds the app of a function, with its plan, its container and its identity.
func (e *ejection) function(s spec) {
	fn, app := s.function, e.unique(s.function.Name)
	path := "packages/" + fn.Name + ".zip"
	e.Packages = append(e.Packages, providers.EjectedPackage{Function: fn.Name, Path: path, Open: func() (io.ReadCloser, error) { return e.open(s) }})
	container := fmt.Sprintf("concat(parameters('storageAccount'), '/default/', %s)", app)
	box := object{"type": "Microsoft.Storage/storageAccounts/blobServices/containers", "apiVersion": "2023-05-01", "name": bracketed(container)}
	if e.makes("Microsoft.Storage/storageAccounts") {
		box["dependsOn"] = []string{bracketed(accountID)}
	}
	e.resources = append(
		e.resources, box,
		object{
			"type": "Microsoft.Web/serverfarms", "apiVersion": webVersion, "name": bracketed(app), "location": locationOf, "kind": "functionapp",
			"sku": object{"name": "FC1", "tier": "FlexConsumption"}, "properties": object{"reserved": true},
		},
		e.site(s, app),
	)
	output := strings.ReplaceAll(fn.Name, "-", "_")
	e.outputs[output] = object{"type": "string", "value": bracketed(app)}
	group := e.target.ResourceGroup
	e.Steps = append(e.Steps, fmt.Sprintf("az functionapp deployment source config-zip --resource-group %s --name NAME --src %s, with the output %s for NAME", group, path, output))
	e.hear(s, app)
}

// open is the package as Azure's host takes it.
func (e *ejection) open(s spec) (io.ReadCloser, error) {
	pkg, err := e.pack(s)
	if err != nil {
		return nil, err
	}
	if _, err := pkg.file.Seek(0, io.SeekStart); err != nil {
		pkg.close()
		return nil, err
	}
	return lent{pkg.file, pkg}, nil
}

// lent is a package that goes when it was read.
type lent struct {
	*os.File
	pkg *packed
}

func (l lent) Close() error {
	l.pkg.close()
	return nil
}

// site is the app of a function.
func (e *ejection) site(s spec, app string) object {
	fn := s.function
	hosts := idOf("Microsoft.ManagedIdentity/userAssignedIdentities", e.unique("hosts"))
	insights := idOf("Microsoft.Insights/components", e.unique("logs"))
	client := fmt.Sprintf("reference(%s, '2023-01-31').clientId", hosts)
	settings := map[string]string{
		"AzureWebJobsStorage__credential": "managedidentity", "AzureWebJobsStorage__clientId": bracketed(client), "AzureWebJobsDisableHomepage": "true",
		"APPLICATIONINSIGHTS_CONNECTION_STRING":     bracketed(fmt.Sprintf("reference(%s, '2020-02-02').ConnectionString", insights)),
		"APPLICATIONINSIGHTS_AUTHENTICATION_STRING": bracketed(fmt.Sprintf("concat('ClientId=', %s, ';Authorization=AAD')", client)),
	}
	endpoint := func(service string) string {
		return fmt.Sprintf("concat('https://', parameters('storageAccount'), '.%s.', environment().suffixes.storage)", service)
	}
	for _, service := range []string{"blob", "queue", "table"} {
		settings["AzureWebJobsStorage__"+service+"ServiceUri"] = bracketed(endpoint(service))
	}
	own := e.identity(s, app)
	for name, value := range fixed(s) {
		settings[name] = literal(value)
	}
	if fn.bus() != "" {
		settings[busHost], settings[busCredential] = lastPart(fn.own.ServiceBus)+".servicebus.windows.net", "managedidentity"
		settings[busClient] = bracketed(fmt.Sprintf("reference(%s, '2023-01-31').clientId", own))
	}
	var list []object
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		list = append(list, object{"name": name, "value": settings[name]})
	}
	identities := object{bracketed(hosts): object{}}
	needs := []string{bracketed(idOf("Microsoft.Web/serverfarms", app)), bracketed(hosts), bracketed(insights), bracketed(fmt.Sprintf("resourceId('Microsoft.Storage/storageAccounts/blobServices/containers', parameters('storageAccount'), 'default', %s)", app))}
	properties := object{
		"serverFarmId": bracketed(idOf("Microsoft.Web/serverfarms", app)), "httpsOnly": true,
		"functionAppConfig": object{
			"deployment": object{"storage": object{
				"type": "blobContainer", "value": bracketed(fmt.Sprintf("concat(%s, '/', %s)", endpoint("blob"), app)),
				"authentication": object{"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": bracketed(hosts)},
			}},
			"scaleAndConcurrency": e.scaleOf(fn), "runtime": runtimeOf(fn),
		},
		"siteConfig": object{"minTlsVersion": "1.2", "appSettings": list},
	}
	if own != "" {
		identities[bracketed(own)] = object{}
		properties["keyVaultReferenceIdentity"] = bracketed(own)
		if fn.own.Identity == "" {
			needs = append(needs, bracketed(own))
		}
	}
	site := object{
		"type": "Microsoft.Web/sites", "apiVersion": webVersion, "name": bracketed(app), "location": locationOf, "kind": "functionapp,linux",
		"identity": object{"type": "UserAssigned", "userAssignedIdentities": identities}, "properties": properties, "dependsOn": needs,
	}
	if len(fn.own.Tags) > 0 {
		site["tags"] = fn.own.Tags
	}
	return site
}

// identity is an expression for as who a function runs, "" where it needs to be nobody. Roles on what lies outside of the template
// are given by commands: a template gives them in its own resource group only.
func (e *ejection) identity(s spec, app string) string {
	fn := s.function
	if fn.own.Identity != "" {
		return "'" + fn.own.Identity + "'"
	}
	roles := slices.Clone(fn.own.Roles)
	for _, read := range e.reads(fn) {
		roles = append(roles, grant{Role: "Azure Service Bus Data Receiver", Scope: read})
	}
	if len(s.secrets) > 0 {
		roles = append(roles, grant{Role: "Key Vault Secrets User", Scope: "$(az keyvault show --name " + e.target.KeyVault + " --query id --output tsv)"})
	}
	if len(roles) == 0 {
		return ""
	}
	e.resources = append(e.resources, object{"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": bracketed(app), "location": locationOf})
	id, output := idOf("Microsoft.ManagedIdentity/userAssignedIdentities", app), strings.ReplaceAll(fn.Name, "-", "_")+"_principal"
	e.outputs[output] = object{"type": "string", "value": bracketed(fmt.Sprintf("reference(%s, '2023-01-31').principalId", id))}
	for _, r := range roles {
		e.Steps = append(e.Steps, fmt.Sprintf("az role assignment create --assignee-principal-type ServicePrincipal --role %q --scope %q --assignee-object-id ID, with the output %s for ID", r.Role, r.Scope, output))
	}
	return id
}

package azuretest

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

const accountType = "Microsoft.Storage/storageAccounts"

// account is what a storage account holds.
type account struct {
	is         *resource
	keys       [2]string
	containers map[string]*container
	queues     map[string]*queue
}

func (a *account) end(*Cloud) {}

// accountOf is the account of a resource or of a host.
func (c *Cloud) account(name string) *account {
	for _, r := range c.resources {
		if a, ok := r.state.(*account); ok && r.name == name {
			return a
		}
	}
	return nil
}

func storageKinds() []*kind {
	versions := []string{
		"2019-06-01", "2021-01-01", "2021-02-01", "2021-04-01", "2021-06-01", "2021-08-01", "2021-09-01", "2022-05-01", "2022-09-01",
		"2023-01-01", "2023-04-01", "2023-05-01", "2024-01-01", "2025-01-01", "2025-06-01", "2025-08-01",
	}
	return []*kind{
		{name: accountType, versions: versions},
		{name: "Microsoft.Storage/checkNameAvailability", versions: versions},
		{name: containerType, versions: versions},
		{name: queueType, versions: versions},
		{name: "Microsoft.Storage/locations", versions: versions},
	}
}

const (
	containerType = "Microsoft.Storage/storageAccounts/blobServices/containers"
	queueType     = "Microsoft.Storage/storageAccounts/queueServices/queues"
)

// storageOperations are those of Microsoft.Storage.
//
// Source: azure-rest-api-specs, storage/resource-manager/Microsoft.Storage, stable/2025-01-01, storage.json, blob.json, queue.json.
func storageOperations() []*operation {
	const group = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts"
	const at = group + "/{account}"
	const action = "Microsoft.Storage/storageAccounts/"
	return []*operation{
		manage("StorageAccounts_CheckNameAvailability", "POST /subscriptions/{subscription}/providers/Microsoft.Storage/checkNameAvailability", "Microsoft.Storage/checknameavailability/read", (*Cloud).checkAccountName),
		manage("StorageAccounts_List", "GET /subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts", action+"read", listKind(accountType)),
		manage("StorageAccounts_ListByResourceGroup", "GET "+group, action+"read", listKind(accountType)),
		manage("StorageAccounts_GetProperties", "GET "+at, action+"read", (*Cloud).getResource),
		manage("StorageAccounts_Create", "PUT "+at, action+"write", (*Cloud).putAccount),
		manage("StorageAccounts_Update", "PATCH "+at, action+"write", (*Cloud).patchAccount),
		manage("StorageAccounts_Delete", "DELETE "+at, action+"delete", (*Cloud).deleteResource),
		manage("StorageAccounts_ListKeys", "POST "+at+"/listKeys", action+"listKeys/action", (*Cloud).listAccountKeys),
		manage("BlobServices_GetServiceProperties", "GET "+at+"/blobServices/default", action+"blobServices/read", (*Cloud).getBlobService),
		manage("BlobServices_SetServiceProperties", "PUT "+at+"/blobServices/default", action+"blobServices/write", (*Cloud).putBlobService),
		manage("BlobContainers_List", "GET "+at+"/blobServices/default/containers", action+"blobServices/containers/read", listKind(containerType)),
		manage("BlobContainers_Get", "GET "+at+"/blobServices/default/containers/{container}", action+"blobServices/containers/read", (*Cloud).getResource),
		manage("BlobContainers_Create", "PUT "+at+"/blobServices/default/containers/{container}", action+"blobServices/containers/write", (*Cloud).putContainer),
		manage("BlobContainers_Delete", "DELETE "+at+"/blobServices/default/containers/{container}", action+"blobServices/containers/delete", (*Cloud).deleteContainer),
		manage("Queue_List", "GET "+at+"/queueServices/default/queues", action+"queueServices/queues/read", listKind(queueType)),
		manage("Queue_Get", "GET "+at+"/queueServices/default/queues/{queue}", action+"queueServices/queues/read", (*Cloud).getResource),
		manage("Queue_Create", "PUT "+at+"/queueServices/default/queues/{queue}", action+"queueServices/queues/write", (*Cloud).putQueue),
		manage("Queue_Delete", "DELETE "+at+"/queueServices/default/queues/{queue}", action+"queueServices/queues/delete", (*Cloud).deleteQueueResource),
	}
}

// listKind lists the resources of a type in a scope.
func listKind(kind string) func(*Cloud, *request) (any, error) {
	return func(c *Cloud, r *request) (any, error) {
		scope, parent := r.scope(), r.scope()
		if at := strings.Index(lower(scope), "/providers/"); at >= 0 && strings.Count(kind, "/") == 1 {
			scope = scope[:at]
		} else if _, ok := r.vars["group"]; ok && strings.Count(kind, "/") > 1 {
			if account, ok := r.vars["account"]; ok {
				parent = groupID(r.vars["subscription"], r.vars["group"]) + "/providers/" + accountType + "/" + account
			}
			if _, err := c.find(parent); err != nil {
				return nil, err
			}
		}
		all := []object{}
		for _, found := range c.under(scope, kind) {
			all = append(all, found.wire())
		}
		return object{"value": all}, nil
	}
}

func (c *Cloud) getResource(r *request) (any, error) {
	found, err := c.find(r.scope())
	if err != nil {
		return nil, err
	}
	return found.wire(), nil
}

func (c *Cloud) deleteResource(r *request) (any, error) {
	found := c.resources[lower(r.scope())]
	if found == nil {
		return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	c.drop(found)
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

// accountProperties are those that a request may give.
func accountProperties() shape {
	return leaves("accessTier", "allowBlobPublicAccess", "allowSharedKeyAccess", "allowCrossTenantReplication", "minimumTlsVersion", "supportsHttpsTrafficOnly",
		"defaultToOAuthAuthentication", "publicNetworkAccess", "networkAcls", "encryption", "dnsEndpointType", "isHnsEnabled", "isLocalUserEnabled", "isSftpEnabled",
		"keyPolicy", "sasPolicy", "largeFileSharesState", "routingPreference", "customDomain", "allowedCopyScope", "immutableStorageWithVersioning",
		"azureFilesIdentityBasedAuthentication", "enableExtendedGroups", "isNfsV3Enabled", "provisioningState")
}

func (c *Cloud) checkAccountName(r *request) (any, error) {
	body, err := c.decode(r, leaves("name", "type"))
	if err != nil {
		return nil, err
	}
	name := text(body, "name")
	switch {
	case !accountName(name):
		return object{
			"nameAvailable": false, "reason": "AccountNameInvalid", "message": name + " is not a valid storage account name. Storage account name must be " +
				"between 3 and 24 characters in length and use numbers and lower-case letters only.",
		}, nil
	case c.account(name) != nil || c.taken[name]:
		return object{"nameAvailable": false, "reason": "AlreadyExists", "message": "The storage account named " + name + " is already taken."}, nil
	}
	return object{"nameAvailable": true}, nil
}

func accountName(name string) bool {
	return len(name) >= 3 && len(name) <= 24 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

func (c *Cloud) putAccount(r *request) (any, error) {
	name := r.vars["account"]
	body, err := c.decode(r, envelope(accountProperties()))
	if err != nil {
		return nil, err
	}
	if !accountName(name) {
		return nil, refuse(400, "AccountNameInvalid", "%s is not a valid storage account name. Storage account name must be between 3 and 24 characters in "+
			"length and use numbers and lower-case letters only.", name)
	}
	id := lower(r.scope())
	if other := c.account(name); c.resources[id] == nil && (other != nil || c.taken[name]) {
		return nil, refuse(409, "StorageAccountAlreadyTaken", "The storage account named %s is already taken.", name)
	}
	sku, sort := text(body, "sku", "name"), text(body, "kind")
	if c.resources[id] == nil && (sku == "" || sort == "") {
		return nil, refuse(400, "InvalidValuesForRequestParameters", "Values for request parameters are invalid: sku, kind.")
	}
	if sort != "" && !slices.Contains([]string{"Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage"}, sort) {
		return nil, refuse(400, "InvalidRequestPropertyValue", "The value '%s' is not allowed for property kind. Allowed values are 'Storage', 'StorageV2', 'BlobStorage', 'FileStorage', 'BlockBlobStorage'.", sort)
	}
	is, fresh, err := c.put(r, body)
	if err != nil {
		return nil, err
	}
	if !fresh {
		c.mergeAccount(is, body)
		return is.wire(), nil
	}
	is.sku = object{"name": sku, "tier": sku[:max(0, strings.Index(sku, "_"))]}
	is.properties = accountDefaults(name, is.location)
	c.mergeAccount(is, body)
	is.state = &account{is: is, keys: [2]string{newKey(), newKey()}, containers: map[string]*container{}, queues: map[string]*queue{}}
	c.resources[id] = is
	return c.accepted(r, "Microsoft.Storage", func() (int, any) { return http.StatusOK, is.wire() }), nil
}

func newKey() string {
	var b [64]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

func accountDefaults(name, location string) object {
	endpoints := object{}
	for _, service := range []string{"blob", "queue", "table", "file", "dfs", "web"} {
		host := name + "." + service + ".core.windows.net/"
		if service == "web" {
			host = name + ".z6.web.core.windows.net/"
		}
		endpoints[service] = "https://" + host
	}
	return object{
		"provisioningState": "Succeeded", "primaryEndpoints": endpoints, "primaryLocation": location, "statusOfPrimary": "available",
		"creationTime": stamp(now()), "accessTier": "Hot", "supportsHttpsTrafficOnly": true, "minimumTlsVersion": "TLS1_0", "allowBlobPublicAccess": false,
		"networkAcls": object{"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": []any{}, "virtualNetworkRules": []any{}},
		"encryption":  object{"keySource": "Microsoft.Storage"},
	}
}

// mergeAccount takes over what a request says; an account keeps what it does not say, also under PUT.
func (c *Cloud) mergeAccount(is *resource, body object) {
	given, _ := body["properties"].(object)
	for name, value := range given {
		if name != "provisioningState" {
			is.properties[name] = value
		}
	}
}

func (c *Cloud) patchAccount(r *request) (any, error) {
	body, err := c.decode(r, envelope(accountProperties()))
	if err != nil {
		return nil, err
	}
	is, err := c.find(r.scope())
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(body)
	if err != nil {
		return nil, err
	}
	if tags != nil {
		is.tags = tags
	}
	c.mergeAccount(is, body)
	return is.wire(), nil
}

// listAccountKeys gives the keys also of an account that does not accept them: it is the use that is refused.
func (c *Cloud) listAccountKeys(r *request) (any, error) {
	is, err := c.find(strings.TrimSuffix(r.scope(), "/listKeys"))
	if err != nil {
		return nil, err
	}
	keys := []object{}
	for i, value := range is.state.(*account).keys {
		keys = append(keys, object{"keyName": []string{"key1", "key2"}[i], "value": value, "permissions": "FULL", "creationTime": stamp(now())})
	}
	return object{"keys": keys}, nil
}

func (c *Cloud) blobService(r *request) (*resource, object, error) {
	id := strings.TrimSuffix(r.scope(), "/blobServices/default")
	is, err := c.find(id)
	if err != nil {
		return nil, nil, err
	}
	properties, _ := is.properties["blobService"].(object)
	if properties == nil {
		properties = object{"cors": object{"corsRules": []any{}}, "deleteRetentionPolicy": object{"enabled": false}}
	}
	return is, properties, nil
}

func (c *Cloud) getBlobService(r *request) (any, error) {
	is, properties, err := c.blobService(r)
	if err != nil {
		return nil, err
	}
	return object{
		"id": is.id + "/blobServices/default", "name": "default", "type": "Microsoft.Storage/storageAccounts/blobServices", "properties": properties,
	}, nil
}

func (c *Cloud) putBlobService(r *request) (any, error) {
	body, err := c.decode(r, leaves("id", "name", "type", "sku").with("properties", leaves("cors", "defaultServiceVersion", "deleteRetentionPolicy",
		"isVersioningEnabled", "automaticSnapshotPolicyEnabled", "changeFeed", "restorePolicy", "containerDeleteRetentionPolicy", "lastAccessTimeTrackingPolicy")))
	if err != nil {
		return nil, err
	}
	is, properties, err := c.blobService(r)
	if err != nil {
		return nil, err
	}
	if given, ok := body["properties"].(object); ok {
		properties = given
	}
	is.properties["blobService"] = properties
	return c.getBlobService(r)
}

// accountOf is the account that a container or a queue of Resource Manager lies in.
func (c *Cloud) accountOf(r *request) (*account, error) {
	is, err := c.find(groupID(r.vars["subscription"], r.vars["group"]) + "/providers/" + accountType + "/" + r.vars["account"])
	if err != nil {
		return nil, err
	}
	return is.state.(*account), nil
}

func (c *Cloud) putContainer(r *request) (any, error) {
	a, err := c.accountOf(r)
	if err != nil {
		return nil, err
	}
	if _, err := c.decode(r, leaves("id", "name", "type", "etag").with("properties",
		leaves("publicAccess", "metadata", "defaultEncryptionScope", "denyEncryptionScopeOverride", "enableNfsV3RootSquash", "enableNfsV3AllSquash", "immutableStorageWithVersioning"))); err != nil {
		return nil, err
	}
	name := r.vars["container"]
	if !containerName(name) {
		return nil, refuse(400, "InvalidResourceName", "The specified resource name contains invalid characters.")
	}
	status := http.StatusOK
	if a.containers[name] == nil {
		c.newContainer(a, name)
		status = http.StatusCreated
	}
	return jsonReply(status, c.resources[lower(a.containerID(name))].wire()), nil
}

func (a *account) containerID(name string) string {
	return a.is.id + "/blobServices/default/containers/" + name
}

// newContainer makes a container, which is a resource too.
func (c *Cloud) newContainer(a *account, name string) *container {
	made := &container{name: name, etag: newETag(), modified: time.Now(), blobs: map[string]*blob{}}
	a.containers[name] = made
	id := a.containerID(name)
	c.resources[lower(id)] = &resource{id: id, name: name, kind: containerType, properties: object{
		"publicAccess": "None", "leaseStatus": "Unlocked", "leaseState": "Available", "lastModifiedTime": stamp(now()), "hasImmutabilityPolicy": false,
		"hasLegalHold": false, "deleted": false,
	}}
	return made
}

func (c *Cloud) deleteContainer(r *request) (any, error) {
	a, err := c.accountOf(r)
	if err != nil {
		return nil, err
	}
	name := r.vars["container"]
	if a.containers[name] == nil {
		return standin.Reply{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	delete(a.containers, name)
	delete(c.resources, lower(a.containerID(name)))
	return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
}

func containerName(name string) bool {
	return len(name) >= 3 && len(name) <= 63 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		!strings.HasPrefix(name, "-") && !strings.HasSuffix(name, "-") && !strings.Contains(name, "--")
}

// Taken has global names be those of somebody else: of storage accounts, apps and vaults.
func (c *Cloud) Taken(names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		c.taken[name] = true
	}
}

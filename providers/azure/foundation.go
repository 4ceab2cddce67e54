package azure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/applicationinsights/armapplicationinsights"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v3"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/storage/armstorage/v2"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// foundation is what all functions of a service and stage share.
type foundation struct {
	identity identity // of the hosts: for packages and the host's own storage, and nothing else
	insights string   // where logs are sent
}

// identity is as who something runs.
type identity struct{ id, client, principal string }

// The roles of Azure that ferry gives, by their names.
func roleIDs() map[string]string {
	return map[string]string{
		"Storage Blob Data Owner":         "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
		"Storage Blob Data Contributor":   "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
		"Storage Blob Data Reader":        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
		"Storage Queue Data Contributor":  "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
		"Storage Table Data Contributor":  "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
		"Monitoring Metrics Publisher":    "3913510d-42f4-4e42-8a64-420c390055eb",
		"Key Vault Secrets User":          "4633458b-17de-408a-b874-0445c86b69e6",
		"Azure Service Bus Data Receiver": "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
	}
}

// hasStorage reports whether the storage account is there. It is asked for until it is; that it is not is believed for a moment, since
// before the first deploy many ask at once. Who may not look finds out when the blobs are asked for, which is all that a later deploy
// needs.
func (c *connection) hasStorage(ctx context.Context) (bool, error) {
	if c.storageThere.Load() {
		return true, nil
	}
	c.looking.Lock()
	defer c.looking.Unlock()
	if c.storageThere.Load() || time.Since(c.missed) < missingTime {
		return c.storageThere.Load(), nil
	}
	return c.lookForStorage(ctx)
}

// lookForStorage asks for the account, and meanwhile for the token that its blobs are asked for with.
func (c *connection) lookForStorage(ctx context.Context) (bool, error) {
	var token sync.WaitGroup
	during, stop := context.WithCancel(ctx)
	defer stop()
	token.Go(func() {
		_, _ = c.credential.GetToken(during, policy.TokenRequestOptions{Scopes: []string{blobScope}, EnableCAE: true}) // who asks for a blob is told why not
	})
	_, err := c.storage.GetProperties(ctx, c.target.ResourceGroup, c.storageName(), nil)
	if err == nil || kindOf(err) == providers.Denied {
		token.Wait()
		c.storageThere.Store(true)
		return true, nil
	}
	stop()
	token.Wait()
	if err = unlessMissing(err); err == nil {
		c.missed = time.Now()
	}
	return false, err
}

// blobScope is what tokens for blobs are asked for, in all clouds.
const blobScope = "https://storage.azure.com/.default"

// makeStorage makes the resource group, the storage account, ferry's container in it, and lets the caller in.
func (c *connection) makeStorage(ctx context.Context) error {
	c.making.Lock()
	defer c.making.Unlock()
	there := c.storageThere.Load()
	if !there {
		var err error
		if there, err = c.lookForStorage(ctx); err != nil {
			return err
		}
	}
	if there {
		return c.makeContainer(ctx, storeContainer)
	}
	if err := c.makeAccount(ctx); err != nil {
		return err
	}
	g, part := errgroup.WithContext(ctx)
	g.Go(func() error { return c.letIn(part) })
	g.Go(func() error { return c.makeContainer(part, storeContainer) })
	return g.Wait()
}

// ensureStorage makes the storage where it is not there.
func (c *connection) ensureStorage(ctx context.Context) error {
	there, err := c.hasStorage(ctx)
	if err != nil || there {
		return err
	}
	return c.makeStorage(ctx)
}

func (c *connection) makeAccount(ctx context.Context) error {
	if err := c.makeGroup(ctx); err != nil {
		return err
	}
	providers.Stage(ctx, "making the storage account "+c.storageName())
	yes, no := true, false
	poller, err := c.storage.BeginCreate(ctx, c.target.ResourceGroup, c.storageName(), armstorage.AccountCreateParameters{
		Kind: new(armstorage.KindStorageV2), Location: &c.target.Location, SKU: &armstorage.SKU{Name: new(armstorage.SKUNameStandardLRS)},
		Tags: pointers(map[string]string{tagStore: "true"}),
		Properties: &armstorage.AccountPropertiesCreateParameters{
			AllowBlobPublicAccess: &no, AllowSharedKeyAccess: &no, DefaultToOAuthAuthentication: &yes,
			EnableHTTPSTrafficOnly: &yes, MinimumTLSVersion: new(armstorage.MinimumTLSVersionTLS12),
		},
	}, nil)
	if _, err = ended(ctx, poller, err); err != nil {
		return fmt.Errorf("making the storage account %s: %w", c.storageName(), err)
	}
	c.storageThere.Store(true)
	return nil
}

// letIn gives the caller the role to read and write blobs.
func (c *connection) letIn(ctx context.Context) error {
	who, err := c.caller(ctx)
	if err != nil || who.object == "" {
		return err
	}
	return c.assign(ctx, identity{principal: who.object}, who.kind, roleGrant{Role: roleIDs()["Storage Blob Data Contributor"], Scope: c.storageID()})
}

// makeGroup makes the resource group where it is not there; who may see that it is needs no rights on the subscription.
func (c *connection) makeGroup(ctx context.Context) error {
	_, err := c.groups.Get(ctx, c.target.ResourceGroup, nil)
	if !isNotFound(err) {
		return err
	}
	_, err = c.groups.CreateOrUpdate(ctx, c.target.ResourceGroup, armresources.ResourceGroup{
		Location: &c.target.Location, Tags: pointers(map[string]string{tagStore: "true"}),
	}, nil)
	return err
}

// makeContainer makes a container of blobs. It goes through Resource Manager, where keys that are off and roles that are not
// known yet do not matter.
func (c *connection) makeContainer(ctx context.Context, container string) error {
	err := until.Done(ctx, func() error {
		_, err := c.containers.Create(ctx, c.target.ResourceGroup, c.storageName(), container, armstorage.BlobContainer{}, nil)
		return err
	}, deleting())
	if is(err, "ContainerAlreadyExists") {
		return nil
	}
	return err
}

// foundation makes what is missing of what all functions of the service share. It looks once.
func (c *connection) foundation(ctx context.Context) (foundation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shared != nil {
		return *c.shared, nil
	}
	if err := c.ensureStorage(ctx); err != nil {
		return foundation{}, err
	}
	var f foundation
	var component string
	tags := tagged().Of(c.owner(""))
	g, part := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		f.identity, err = c.makeIdentity(part, c.sharedName(), tags)
		return err
	})
	g.Go(func() (err error) {
		f.insights, component, err = c.makeInsights(part, tags)
		return err
	})
	if err := g.Wait(); err != nil {
		return foundation{}, err
	}
	ids := roleIDs()
	err := c.assignAll(ctx, f.identity, []roleGrant{
		{Role: ids["Storage Blob Data Owner"], Scope: c.storageID()},
		{Role: ids["Storage Queue Data Contributor"], Scope: c.storageID()},
		{Role: ids["Storage Table Data Contributor"], Scope: c.storageID()},
		{Role: ids["Monitoring Metrics Publisher"], Scope: component},
	})
	if err != nil {
		return foundation{}, err
	}
	c.shared = &f
	return f, nil
}

// makeIdentity makes a user-assigned identity where it is not there.
func (c *connection) makeIdentity(ctx context.Context, name string, tags map[string]string) (identity, error) {
	is, err := c.findIdentity(ctx, name)
	if err != nil || is.id != "" {
		return is, err
	}
	made, err := c.identities.CreateOrUpdate(ctx, c.target.ResourceGroup, name, armmsi.Identity{Location: &c.target.Location, Tags: pointers(tags)}, nil)
	if err != nil {
		return identity{}, fmt.Errorf("making the identity %s: %w", name, err)
	}
	return identityOf(made.Identity), nil
}

// findIdentity is an identity of that name; one without an id is that there is none.
func (c *connection) findIdentity(ctx context.Context, name string) (identity, error) {
	out, err := c.identities.Get(ctx, c.target.ResourceGroup, name, nil)
	if err != nil {
		return identity{}, unlessMissing(err)
	}
	return identityOf(out.Identity), nil
}

func identityOf(i armmsi.Identity) identity {
	if i.Properties == nil {
		return identity{id: value(i.ID)}
	}
	return identity{id: value(i.ID), client: value(i.Properties.ClientID), principal: value(i.Properties.PrincipalID)}
}

// makeInsights makes where logs go: a workspace, and a component that hands on to it.
func (c *connection) makeInsights(ctx context.Context, tags map[string]string) (connectionString, id string, err error) {
	name := c.sharedName()
	there, err := c.components.Get(ctx, c.target.ResourceGroup, name, nil)
	if err == nil {
		return insightsOf(there.Component)
	}
	if !isNotFound(err) {
		return "", "", err
	}
	days := c.target.retention()
	poller, err := c.workspaces.BeginCreateOrUpdate(ctx, c.target.ResourceGroup, name, armoperationalinsights.Workspace{
		Location: &c.target.Location, Tags: pointers(tags),
		Properties: &armoperationalinsights.WorkspaceProperties{
			RetentionInDays: &days, SKU: &armoperationalinsights.WorkspaceSKU{Name: new(armoperationalinsights.WorkspaceSKUNameEnumPerGB2018)},
		},
	}, nil)
	if _, err := ended(ctx, poller, err); err != nil {
		return "", "", fmt.Errorf("making the workspace %s: %w", name, err)
	}
	workspace := c.workspaceID(name)
	made, err := c.components.CreateOrUpdate(ctx, c.target.ResourceGroup, name, armapplicationinsights.Component{
		Kind: new("web"), Location: &c.target.Location, Tags: pointers(tags),
		Properties: &armapplicationinsights.ComponentProperties{
			ApplicationType: new(armapplicationinsights.ApplicationTypeWeb), WorkspaceResourceID: &workspace,
		},
	}, nil)
	if err != nil {
		return "", "", fmt.Errorf("making the component %s: %w", name, err)
	}
	return insightsOf(made.Component)
}

func insightsOf(component armapplicationinsights.Component) (connectionString, id string, err error) {
	if component.Properties == nil || component.Properties.ConnectionString == nil {
		return "", "", errors.New("it is not said where logs are sent")
	}
	return *component.Properties.ConnectionString, value(component.ID), nil
}

// hostSettings are the settings of an app's host: where its storage is and where its logs go, both by the shared identity.
func (c *connection) hostSettings(f foundation) map[string]string {
	account := c.storageName()
	settings := map[string]string{
		"AzureWebJobsStorage__credential":           "managedidentity",
		"AzureWebJobsStorage__clientId":             f.identity.client,
		"APPLICATIONINSIGHTS_CONNECTION_STRING":     f.insights,
		"APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "ClientId=" + f.identity.client + ";Authorization=AAD",
		"AzureWebJobsDisableHomepage":               "true",
	}
	for _, service := range []string{"blob", "queue", "table"} {
		settings["AzureWebJobsStorage__"+service+"ServiceUri"] = c.cloud.endpoint(account, service)
	}
	return settings
}

// hostNames are the names of those settings.
func hostNames() []string {
	return []string{
		"APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "APPLICATIONINSIGHTS_CONNECTION_STRING", "AzureWebJobsDisableHomepage",
		"AzureWebJobsStorage__blobServiceUri", "AzureWebJobsStorage__clientId", "AzureWebJobsStorage__credential",
		"AzureWebJobsStorage__queueServiceUri", "AzureWebJobsStorage__tableServiceUri",
	}
}

// injected are the settings that Azure adds by itself although storage goes by an identity, and that the host then prefers.
func injected() []string {
	return []string{"AzureWebJobsStorage", "DEPLOYMENT_STORAGE_CONNECTION_STRING"}
}

// knowledge is what a connection keeps of the storage account.
type knowledge struct {
	storageThere atomic.Bool
	making       sync.Mutex
	looking      sync.Mutex
	missed       time.Time // when it was last seen that there is none
}

// disposeStorage takes ferry's container away, then the account if ferry made it and no other container is in it, then the
// resource group if ferry made that and nothing is left in it.
func (c *connection) disposeStorage(ctx context.Context) error {
	if there, err := c.hasStorage(ctx); err != nil || !there {
		return err
	}
	group, account := c.target.ResourceGroup, c.storageName()
	if _, err := c.containers.Delete(ctx, group, account, storeContainer, nil); unlessMissing(err) != nil {
		return err
	}
	is, err := c.storage.GetProperties(ctx, group, account, nil)
	if err != nil || values(is.Tags)[tagStore] == "" {
		return unlessMissing(err)
	}
	for pages := c.containers.NewListPager(group, account, nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, one := range page.Value {
			if n := value(one.Name); n != storeContainer && n != "azure-webjobs-hosts" && n != "azure-webjobs-secrets" {
				return nil
			}
		}
	}
	if err := c.revokeAt(ctx, c.storageID()); err != nil {
		return err
	}
	if _, err := c.storage.Delete(ctx, group, account, nil); unlessMissing(err) != nil {
		return err
	}
	c.storageThere.Store(false)
	return c.disposeGroup(ctx)
}

func (c *connection) disposeGroup(ctx context.Context) error {
	group, err := c.groups.Get(ctx, c.target.ResourceGroup, nil)
	if err != nil || values(group.Tags)[tagStore] == "" {
		return unlessMissing(err)
	}
	var left struct{ Value []struct{ ID string } }
	if err := c.call(ctx, "GET", c.groupID()+"/resources", "2021-04-01", nil, &left); err != nil || len(left.Value) > 0 {
		return unlessMissing(err)
	}
	poller, err := c.groups.BeginDelete(ctx, c.target.ResourceGroup, nil)
	_, err = ended(ctx, poller, err)
	return unlessMissing(err)
}

package azure

import (
	"context"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/ferryfn/ferry/providers/until"
)

// The versions of the interfaces that have no client here: that of apps has the site's update strategy from 2024-11-01 on.
const (
	webVersion  = "2024-11-01"
	gridVersion = "2022-06-15"
)

// site is an app, as far as ferry reads and writes it. What is not here is never sent: on this plan Azure refuses settings that
// it takes on others, also when they are null.
type site struct {
	ID         string            `json:"id,omitempty"`
	Location   string            `json:"location,omitempty"`
	Kind       string            `json:"kind,omitempty"`
	Tags       map[string]string `json:"tags"`
	Identity   *siteIdentity     `json:"identity,omitempty"`
	Properties siteProperties    `json:"properties"`
}

type siteIdentity struct {
	Type         string              `json:"type"`
	UserAssigned map[string]struct{} `json:"userAssignedIdentities,omitempty"`
}

type siteProperties struct {
	State                     string          `json:"state,omitempty"` // read only
	DefaultHostName           string          `json:"defaultHostName,omitempty"`
	HostNames                 []sslState      `json:"hostNameSslStates,omitempty"`
	SKU                       string          `json:"sku,omitempty"`
	ServerFarmID              string          `json:"serverFarmId,omitempty"`
	HTTPSOnly                 *bool           `json:"httpsOnly,omitempty"`
	KeyVaultReferenceIdentity string          `json:"keyVaultReferenceIdentity,omitempty"`
	FunctionAppConfig         *functionConfig `json:"functionAppConfig,omitempty"`
	SiteConfig                *siteConfig     `json:"siteConfig,omitempty"`
}

type sslState struct {
	Name     string `json:"name"`
	HostType string `json:"hostType"`
}

type siteConfig struct {
	MinTLSVersion string    `json:"minTlsVersion,omitempty"`
	AppSettings   []setting `json:"appSettings,omitempty"`
}

type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type functionConfig struct {
	Deployment     *deploymentConfig `json:"deployment,omitempty"`
	Scale          *scaleConfig      `json:"scaleAndConcurrency,omitempty"`
	Runtime        *runtimeConfig    `json:"runtime,omitempty"`
	UpdateStrategy *updateStrategy   `json:"siteUpdateStrategy,omitempty"`
}

type deploymentConfig struct {
	Storage struct {
		Type           string `json:"type,omitempty"`
		Value          string `json:"value,omitempty"`
		Authentication struct {
			Type             string `json:"type,omitempty"`
			IdentityID       string `json:"userAssignedIdentityResourceId,omitempty"`
			ConnectionString string `json:"storageAccountConnectionStringName,omitempty"`
		} `json:"authentication"`
	} `json:"storage"`
}

type scaleConfig struct {
	MaximumInstanceCount int           `json:"maximumInstanceCount,omitempty"`
	InstanceMemoryMB     int           `json:"instanceMemoryMB,omitempty"`
	AlwaysReady          []alwaysReady `json:"alwaysReady"`
	Triggers             *triggers     `json:"triggers,omitempty"`
}

type alwaysReady struct {
	Name          string `json:"name"`
	InstanceCount int    `json:"instanceCount"`
}

type triggers struct {
	HTTP *httpTrigger `json:"http,omitempty"`
}

type httpTrigger struct {
	PerInstanceConcurrency int `json:"perInstanceConcurrency"`
}

type runtimeConfig struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type updateStrategy struct {
	Type string `json:"type"`
}

// plan is what an app of this kind runs on; each has its own.
type plan struct {
	Location   string            `json:"location"`
	Kind       string            `json:"kind"`
	Tags       map[string]string `json:"tags"`
	SKU        planSKU           `json:"sku"`
	Properties planProperties    `json:"properties"`
}

type planSKU struct {
	Name string `json:"name"`
	Tier string `json:"tier"`
}

type planProperties struct {
	Reserved bool `json:"reserved"`
}

// flexible reports whether an app is on Flex Consumption.
func (s *site) flexible() bool { return s.Properties.FunctionAppConfig != nil }

// scmHost is the host that takes deployments. Its name cannot be made from that of the app.
func (s *site) scmHost() string {
	for _, h := range s.Properties.HostNames {
		if h.HostType == "Repository" {
			return h.Name
		}
	}
	return ""
}

// scale is how an app scales, whatever Azure left out.
func (s *site) scale() scaleConfig {
	if f := s.Properties.FunctionAppConfig; f != nil && f.Scale != nil {
		return *f.Scale
	}
	return scaleConfig{}
}

// packages is the container that the app's package is in, as an address.
func (s *site) packages() string {
	if f := s.Properties.FunctionAppConfig; f != nil && f.Deployment != nil {
		return f.Deployment.Storage.Value
	}
	return ""
}

// identities are those that an app has.
func (s *site) identities() []string {
	var ids []string
	if s.Identity != nil {
		for id := range s.Identity.UserAssigned {
			ids = append(ids, id)
		}
	}
	return ids
}

// call asks Resource Manager for something that has no client of its own, and waits until a long operation has ended.
func (c *connection) call(ctx context.Context, method, path, version string, body, into any) error {
	return until.Done(ctx, func() error { return c.once(ctx, method, path, version, body, into) }, busy())
}

func (c *connection) once(ctx context.Context, method, path, version string, body, into any) error {
	path, query, err := cutQuery(path)
	if err != nil {
		return err
	}
	req, err := runtime.NewRequest(ctx, method, runtime.JoinPaths(c.arm.Endpoint(), path))
	if err != nil {
		return err
	}
	query.Set("api-version", version)
	req.Raw().URL.RawQuery = query.Encode()
	req.Raw().Header.Set("Accept", "application/json")
	if body != nil {
		if err := runtime.MarshalAsJSON(req, body); err != nil {
			return err
		}
	}
	res, err := c.arm.Pipeline().Do(req)
	if err != nil {
		return err
	}
	if !runtime.HasStatusCode(res, http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent) {
		return runtime.NewResponseError(res)
	}
	if res.StatusCode == http.StatusAccepted || method == http.MethodPut && res.StatusCode == http.StatusCreated {
		return c.settle(ctx, method, res, into)
	}
	if into == nil || res.StatusCode == http.StatusNoContent {
		runtime.Drain(res)
		return nil
	}
	return runtime.UnmarshalAsJSON(res, into)
}

// settle waits for what Azure has only accepted so far.
func (c *connection) settle(ctx context.Context, method string, res *http.Response, into any) error {
	if res.Header.Get("Location")+res.Header.Get("Azure-AsyncOperation")+res.Header.Get("Operation-Location") == "" {
		if into == nil || method != http.MethodPut {
			runtime.Drain(res)
			return nil
		}
		return runtime.UnmarshalAsJSON(res, into)
	}
	poller, err := runtime.NewPoller[any](res, c.arm.Pipeline(), &runtime.NewPollerOptions[any]{Response: &into})
	_, err = ended(ctx, poller, err)
	return err
}

func cutQuery(path string) (string, url.Values, error) {
	u, err := url.Parse(path)
	if err != nil {
		return path, url.Values{}, err
	}
	return u.EscapedPath(), u.Query(), nil
}

// site asks for an app; nil is that there is none.
func (c *connection) site(ctx context.Context, app string) (*site, error) {
	var s site
	err := c.call(ctx, http.MethodGet, c.siteID(app), webVersion, nil, &s)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// sites are all apps of the resource group.
func (c *connection) sites(ctx context.Context) ([]site, error) {
	all, err := entries[site](ctx, c, c.groupID()+"/providers/Microsoft.Web/sites", webVersion)
	return all, unlessMissing(err)
}

// entries are all of a list, page by page.
func entries[T any](ctx context.Context, c *connection, path, version string) ([]T, error) {
	var all []T
	for path != "" {
		var page struct {
			Value    []T
			NextLink string
		}
		if err := c.call(ctx, http.MethodGet, path, version, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Value...)
		u, err := url.Parse(page.NextLink)
		if err != nil {
			return nil, err
		}
		path = u.RequestURI()
		if page.NextLink == "" {
			path = ""
		}
	}
	return all, nil
}

// putSite makes or changes an app, and returns it as it is then.
func (c *connection) putSite(ctx context.Context, app string, s site) (*site, error) {
	now := new(site)
	err := c.call(ctx, http.MethodPut, c.siteID(app), webVersion, s, now)
	return now, err
}

// deleteSite takes an app away, and its plan with it.
func (c *connection) deleteSite(ctx context.Context, app string) error {
	err := c.call(ctx, http.MethodDelete, c.siteID(app)+"?deleteEmptyServerFarm=true", webVersion, nil, nil)
	return unlessMissing(err)
}

// act has an app do something: start, stop.
func (c *connection) act(ctx context.Context, app, what string) error {
	return c.call(ctx, http.MethodPost, c.siteID(app)+"/"+what, webVersion, nil, nil)
}

// appSettings are the settings of an app. Azure hands them out to who may write them.
func (c *connection) appSettings(ctx context.Context, app string) (map[string]string, error) {
	var list struct{ Properties map[string]string }
	err := c.call(ctx, http.MethodPost, c.siteID(app)+"/config/appsettings/list", webVersion, nil, &list)
	return list.Properties, err
}

// functionsOf are the names of the functions that the app's host has told Azure of, and how each is disabled.
func (c *connection) functionsOf(ctx context.Context, app string) ([]string, error) {
	var page struct {
		Value []struct {
			Name       string
			Properties struct{ Name string }
		}
	}
	if err := c.call(ctx, http.MethodGet, c.siteID(app)+"/functions", webVersion, nil, &page); err != nil {
		return nil, err
	}
	var names []string
	for _, f := range page.Value {
		names = append(names, lastPart(f.Name))
	}
	return names, nil
}

// synchronise has Azure look at the triggers that the package has.
func (c *connection) synchronise(ctx context.Context, app string) error {
	return c.call(ctx, http.MethodPost, c.siteID(app)+"/host/default/sync", webVersion, nil, nil)
}

// hostKeys open everything of an app's host. It is sent in a header only, and neither printed nor kept.
func (c *connection) hostKeys(ctx context.Context, app string) (hostKeys, error) {
	var keys hostKeys
	err := c.call(ctx, http.MethodPost, c.siteID(app)+"/host/default/listKeys", webVersion, nil, &keys)
	return keys, err
}

type hostKeys struct {
	MasterKey    string
	FunctionKeys map[string]string
}

// own is the key that opens the app's functions, and nothing of its host.
func (k hostKeys) own() string { return k.FunctionKeys["default"] }

func lastPart(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

package azure

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/monitor/query/azlogs"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/applicationinsights/armapplicationinsights"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v3"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/storage/armstorage/v2"

	"github.com/ferryfn/ferry/providers"
)

// connection is an adapter that is connected: the SDK's clients, and the subscription that they act in.
type connection struct {
	*place
	cloud        surroundings
	subscription string
	credential   azcore.TokenCredential
	options      arm.ClientOptions

	arm         *arm.Client // for what has no complete client of its own: apps, plans, event subscriptions
	scm         runtime.Pipeline
	plain       *http.Client // for the functions themselves
	groups      *armresources.ResourceGroupsClient
	tagging     *armresources.TagsClient
	kinds       *armresources.ProvidersClient
	storage     *armstorage.AccountsClient
	containers  *armstorage.BlobContainersClient
	identities  *armmsi.UserAssignedIdentitiesClient
	assignments *armauthorization.RoleAssignmentsClient
	definitions *armauthorization.RoleDefinitionsClient
	workspaces  *armoperationalinsights.WorkspacesClient
	components  *armapplicationinsights.ComponentsClient
	logs        *azlogs.Client

	spread spread
	knowledge

	gone   sync.Map // the names of apps that Status found deleted: publishing makes them again
	fresh  sync.Map // by name, of apps that were made a moment ago: the revision whose configuration they have
	leases sync.Map // by name, of apps: the lease that was not let go
	sights sight    // of apps
	mu     sync.Mutex
	shared *foundation // what all functions of the service share, once it was seen to be there
}

// moduleVersion is what Azure is told of ferry's version; the SDK wants one.
const moduleVersion = "v1.0.0"

// connect makes the clients and finds the subscription. It does so once.
func (a *Adapter) connect(ctx context.Context) (*connection, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.connection != nil {
		return a.connection, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, a.classify("configure", "", err)
	}
	c, err := a.signedIn(ctx)
	if err == nil {
		c.subscription, err = c.discover(ctx)
	}
	if err == nil {
		err = c.clients()
	}
	if err != nil {
		return nil, a.classify("configure", "", err)
	}
	a.connection = c
	return c, nil
}

// signedIn knows where Azure is and who calls, and has no clients yet.
func (a *Adapter) signedIn(ctx context.Context) (*connection, error) {
	transport, err := a.transport()
	if err != nil {
		return nil, err
	}
	c := &connection{place: &a.place, plain: &http.Client{Transport: transport, CheckRedirect: lastResponse}}
	if c.cloud, err = a.surroundings(ctx, c.plain); err != nil {
		return nil, err
	}
	reach := &reach{}
	manager, err := url.Parse(c.cloud.configuration.Services[cloud.ResourceManager].Endpoint)
	if err != nil {
		return nil, err
	}
	c.options = arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Cloud:            c.cloud.configuration,
		Transport:        &http.Client{Transport: transport},
		Retry:            retries(),
		PerCallPolicies:  []policy.Policy{correlation(newGUID()), runtime.NewRequestIDPolicy(), reach.begin()},
		PerRetryPolicies: []policy.Policy{a.pace.of(manager.Host), whileLeased(at(manager.Host)), reach.attempt()},
		Telemetry:        policy.TelemetryOptions{ApplicationID: "ferry"},
	}}
	c.credential, err = a.credentials(c.options.ClientOptions)
	return c, err
}

func at(host string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Host == host }
}

func anywhere(*http.Request) bool { return true }

// lastResponse hands redirects of functions on, rather than follow them.
func lastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (c *connection) clients() error {
	o, id := &c.options, c.subscription
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	var err error
	c.arm, err = arm.NewClient("ferry/azure", moduleVersion, c.credential, o)
	keep(err)
	c.groups, err = armresources.NewResourceGroupsClient(id, c.credential, o)
	keep(err)
	c.tagging, err = armresources.NewTagsClient(id, c.credential, o)
	keep(err)
	c.kinds, err = armresources.NewProvidersClient(id, c.credential, o)
	keep(err)
	c.storage, err = armstorage.NewAccountsClient(id, c.credential, o)
	keep(err)
	c.containers, err = armstorage.NewBlobContainersClient(id, c.credential, o)
	keep(err)
	c.identities, err = armmsi.NewUserAssignedIdentitiesClient(id, c.credential, o)
	keep(err)
	c.assignments, err = armauthorization.NewRoleAssignmentsClient(id, c.credential, o)
	keep(err)
	c.definitions, err = armauthorization.NewRoleDefinitionsClient(c.credential, o)
	keep(err)
	c.workspaces, err = armoperationalinsights.NewWorkspacesClient(id, c.credential, o)
	keep(err)
	c.components, err = armapplicationinsights.NewComponentsClient(id, c.credential, o)
	keep(err)
	c.logs, err = azlogs.NewClient(c.credential, &azlogs.ClientOptions{ClientOptions: o.ClientOptions})
	keep(err)
	once := o.ClientOptions
	once.Retry.MaxRetries = -1 // what is sent to the host of deployments is not sent again unseen
	c.scm = runtime.NewPipeline("ferry/azure", moduleVersion, runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(c.credential, []string{c.cloud.scope()}, nil), whileLeased(anywhere)},
	}, &once)
	return errors.Join(errs...)
}

// correlation marks all requests of a run with one id, by which Azure's support finds them.
func correlation(id string) policy.Policy {
	return policyFunc(func(req *policy.Request) (*http.Response, error) {
		req.Raw().Header.Set("x-ms-correlation-request-id", id)
		return req.Next()
	})
}

type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(req *policy.Request) (*http.Response, error) { return f(req) }

// discover finds the subscription: the one of the manifest or the environment, else that of the Azure CLI, else the only one.
func (c *connection) discover(ctx context.Context) (string, error) {
	if c.target.Subscription != "" {
		return c.target.Subscription, nil
	}
	if id := c.chosen(); id != "" {
		return id, nil
	}
	client, err := armsubscriptions.NewClient(c.credential, &c.options)
	if err != nil {
		return "", err
	}
	var ids []string
	for pages := client.NewListPager(nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, s := range page.Value {
			ids = append(ids, value(s.SubscriptionID)+" ("+value(s.DisplayName)+")")
		}
	}
	if len(ids) == 1 {
		id, _, _ := strings.Cut(ids[0], " ")
		return id, nil
	}
	e := &providers.Error{Kind: providers.Invalid, Op: "find the subscription", Provider: name, Hint: c.addID + ", or set AZURE_SUBSCRIPTION_ID"}
	if e.Err = fmt.Errorf("the caller sees %d subscriptions: %s", len(ids), strings.Join(ids, ", ")); len(ids) == 0 {
		e.Kind, e.Err = providers.Denied, errors.New("the caller sees no subscription")
	}
	return "", e
}

// chosen is the subscription that the Azure CLI works in, "" where there is none. Its file begins with a byte order mark.
func (p *place) chosen() string {
	dir := p.variable("AZURE_CONFIG_DIR")
	if home := p.variable("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".azure")
	}
	data, err := os.ReadFile(filepath.Join(dir, "azureProfile.json"))
	if dir == "" || err != nil {
		return ""
	}
	var profile struct {
		Subscriptions []struct {
			ID        string
			IsDefault bool
		}
	}
	_ = json.Unmarshal([]byte(strings.TrimPrefix(string(data), "\ufeff")), &profile) // else it names none
	for _, s := range profile.Subscriptions {
		if s.IsDefault {
			return s.ID
		}
	}
	return ""
}

// caller is who the credentials are of, as the token says.
type caller struct {
	object, kind, name string
}

func (c *connection) caller(ctx context.Context) (caller, error) {
	token, err := c.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.cloud.scope()}, EnableCAE: true}) // as the clients ask for it: it is there
	if err != nil {
		return caller{}, err
	}
	var claims struct {
		OID   string `json:"oid"`
		Type  string `json:"idtyp"`
		UPN   string `json:"upn"`
		Name  string `json:"unique_name"`
		AppID string `json:"appid"`
	}
	if parts := strings.Split(token.Token, "."); len(parts) == 3 {
		data, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil {
			_ = json.Unmarshal(data, &claims) // else it says nothing
		}
	}
	who := caller{object: claims.OID, kind: "User", name: claims.UPN + claims.Name}
	if claims.Type == "app" || claims.UPN+claims.Name == "" {
		who.kind, who.name = "ServicePrincipal", claims.AppID
	}
	return who, nil
}

// value is what a pointer points to, or its zero.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// pointers are those to the values of a map, as the SDK wants tags.
func pointers(m map[string]string) map[string]*string {
	out := make(map[string]*string, len(m))
	for k, v := range m {
		out[k] = &v
	}
	return out
}

// values is the reverse of pointers.
func values(m map[string]*string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = value(v)
	}
	return out
}

// pollEvery is how often a long operation is asked for, where Azure does not say.
const pollEvery = 2 * time.Second

// ended waits for a long operation.
func ended[T any](ctx context.Context, p *runtime.Poller[T], err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return p.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: pollEvery})
}

package azure

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/monitor/query/azlogs"
	"golang.org/x/net/http/httpproxy"

	"github.com/ferryfn/ferry/providers"
)

// surroundings are where a cloud's services are.
type surroundings struct {
	configuration cloud.Configuration
	storage       string // the suffix of storage accounts, as core.windows.net
	vault         string // of key vaults, as vault.azure.net
	discovered    bool   // it was asked for: the authority need not be one that Microsoft knows
}

// scope is what tokens for Resource Manager are asked for.
func (s surroundings) scope() string {
	return strings.TrimSuffix(s.configuration.Services[cloud.ResourceManager].Audience, "/") + "/.default"
}

// blobs is the address of the blobs of a storage account; queues and tables likewise.
func (s surroundings) endpoint(account, service string) string {
	return "https://" + account + "." + service + "." + s.storage
}

// bus is the suffix of namespaces of Service Bus: each cloud has it beside that of its storage.
func (s surroundings) bus() string { return "servicebus." + strings.TrimPrefix(s.storage, "core.") }

// surroundings finds out where Azure is: the public cloud, or what another cloud's Resource Manager says of itself.
func (p *place) surroundings(ctx context.Context, client *http.Client) (surroundings, error) {
	host := cmp.Or(p.target.MetadataHost, p.variable("ARM_METADATA_HOSTNAME"))
	if host == "" {
		public := surroundings{configuration: cloud.AzurePublic, storage: "core.windows.net", vault: "vault.azure.net"}
		if authority := p.variable("AZURE_AUTHORITY_HOST"); authority != "" {
			public.configuration.ActiveDirectoryAuthorityHost = authority
		}
		return public, nil
	}
	told, err := metadata(ctx, client, host)
	if err != nil {
		return surroundings{}, &providers.Error{
			Kind: providers.Unavailable, Op: "find the cloud", Provider: name, Hint: "correct ARM_METADATA_HOSTNAME, or unset it for Azure's public cloud",
			Err: fmt.Errorf("%s does not say where its services are: %w", host, err),
		}
	}
	manager := strings.TrimSuffix(told.ResourceManager, "/")
	audience := manager
	if len(told.Authentication.Audiences) > 0 {
		audience = strings.TrimSuffix(told.Authentication.Audiences[0], "/")
	}
	logs := cmp.Or(told.LogAnalyticsResourceID, "https://api.loganalytics.io")
	return surroundings{
		discovered: true,
		storage:    cmp.Or(told.Suffixes.Storage, "core.windows.net"),
		vault:      strings.TrimPrefix(cmp.Or(told.Suffixes.KeyVaultDNS, "vault.azure.net"), "."),
		configuration: cloud.Configuration{
			ActiveDirectoryAuthorityHost: cmp.Or(p.variable("AZURE_AUTHORITY_HOST"), told.Authentication.LoginEndpoint),
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				cloud.ResourceManager: {Endpoint: manager, Audience: audience},
				azlogs.ServiceName:    {Endpoint: strings.TrimSuffix(logs, "/"), Audience: strings.TrimSuffix(logs, "/")},
			},
		},
	}, nil
}

// told is what a Resource Manager says of its cloud.
type told struct {
	ResourceManager        string
	LogAnalyticsResourceID string
	Authentication         struct {
		LoginEndpoint string
		Audiences     []string
	}
	Suffixes struct {
		Storage     string
		KeyVaultDNS string
	}
}

func metadata(ctx context.Context, client *http.Client, host string) (told, error) {
	req, err := runtime.NewRequest(ctx, http.MethodGet, "https://"+host+"/metadata/endpoints?api-version=2022-09-01")
	if err != nil {
		return told{}, err
	}
	reach := &reach{}
	res, err := runtime.NewPipeline("ferry/azure", moduleVersion, runtime.PipelineOptions{}, &policy.ClientOptions{
		Transport: client, Retry: retries(), PerCallPolicies: []policy.Policy{reach.begin()}, PerRetryPolicies: []policy.Policy{reach.attempt()},
	}).Do(req)
	if err != nil {
		return told{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return told{}, fmt.Errorf("it answers with status %d", res.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return told{}, err
	}
	var one told
	if err := json.Unmarshal(data, &one); err != nil { // public clouds answer with a list of all
		var all []told
		if json.Unmarshal(data, &all) != nil {
			return told{}, err
		}
		for _, t := range all {
			if u, err := url.Parse(t.ResourceManager); err == nil && strings.EqualFold(u.Host, host) {
				return t, nil
			}
		}
		return told{}, fmt.Errorf("it knows %d clouds, and none of them is it", len(all))
	}
	if one.ResourceManager == "" {
		one.ResourceManager = "https://" + host
	}
	return one, nil
}

// transport reaches Azure as the environment says: by its proxy, and with its authorities beside those of the system.
func (p *place) transport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: dialTime}).DialContext
	t.MaxIdleConnsPerHost = 20
	either := func(name string) string { return cmp.Or(p.variable(name), p.variable(strings.ToLower(name))) }
	proxy := (&httpproxy.Config{HTTPProxy: either("HTTP_PROXY"), HTTPSProxy: either("HTTPS_PROXY"), NoProxy: either("NO_PROXY")}).ProxyFunc()
	t.Proxy = func(r *http.Request) (*url.URL, error) { return proxy(r.URL) }
	file := p.variable("SSL_CERT_FILE")
	if file == "" {
		return t, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading SSL_CERT_FILE: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(data)
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/ferryfn/ferry/providers"
)

// source is one place where credentials may be.
type source struct {
	origin string // as in "from AZURE_CLIENT_SECRET"
	there  bool   // the environment has what it needs
	make   func() (azcore.TokenCredential, error)
}

// credentials are the first that the environment has, in the order of the SDK's DefaultAzureCredential, with the tokens of CI
// where their environment goes. What is left is that of this machine: a managed identity, then the tools of developers.
func (p *place) credentials(o policy.ClientOptions) (azcore.TokenCredential, error) {
	for _, s := range p.sources(o) {
		if s.there {
			return s.make()
		}
	}
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: o, TenantID: p.variable("AZURE_TENANT_ID"), DisableInstanceDiscovery: p.private(),
	})
}

// origin is where the credentials are from, in words.
func (p *place) origin() string {
	for _, s := range p.sources(policy.ClientOptions{}) {
		if s.there {
			return s.origin
		}
	}
	return "from this machine's identity or a sign-in with the Azure CLI"
}

// private reports whether the authority may be one that Microsoft does not know.
func (p *place) private() bool {
	return p.target.MetadataHost != "" || p.variable("ARM_METADATA_HOSTNAME") != ""
}

func (p *place) sources(o policy.ClientOptions) []source {
	tenant, client := p.variable("AZURE_TENANT_ID"), p.variable("AZURE_CLIENT_ID")
	app := tenant != "" && client != ""
	if only := p.variable("AZURE_TOKEN_CREDENTIALS"); only != "" && !strings.EqualFold(only, "prod") {
		return nil // the SDK's own choice is narrowed to what it names
	}
	secret, certificate, file := p.variable("AZURE_CLIENT_SECRET"), p.variable("AZURE_CLIENT_CERTIFICATE_PATH"), p.variable("AZURE_FEDERATED_TOKEN_FILE")
	service, system := p.variable("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"), p.variable("SYSTEM_ACCESSTOKEN")
	if p.variable("AZURESUBSCRIPTION_CLIENT_ID") != "" {
		tenant, client = p.variable("AZURESUBSCRIPTION_TENANT_ID"), p.variable("AZURESUBSCRIPTION_CLIENT_ID")
	}
	return []source{
		{"from AZURE_CLIENT_SECRET", app && secret != "", func() (azcore.TokenCredential, error) {
			return azidentity.NewClientSecretCredential(tenant, client, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: p.private()})
		}},
		{"from AZURE_CLIENT_CERTIFICATE_PATH", app && certificate != "", func() (azcore.TokenCredential, error) {
			data, err := os.ReadFile(certificate)
			if err != nil {
				return nil, fmt.Errorf("reading AZURE_CLIENT_CERTIFICATE_PATH: %w", err)
			}
			chain, key, err := azidentity.ParseCertificates(data, []byte(p.variable("AZURE_CLIENT_CERTIFICATE_PASSWORD")))
			if err != nil {
				return nil, fmt.Errorf("reading AZURE_CLIENT_CERTIFICATE_PATH: %w", err)
			}
			return azidentity.NewClientCertificateCredential(tenant, client, chain, key, &azidentity.ClientCertificateCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: p.private()})
		}},
		{"from this job's token of GitHub", app && p.variable("ACTIONS_ID_TOKEN_REQUEST_URL") != "" && p.variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN") != "", func() (azcore.TokenCredential, error) {
			return azidentity.NewClientAssertionCredential(tenant, client, p.githubToken(o.Transport), &azidentity.ClientAssertionCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: p.private()})
		}},
		{"from this job's service connection", service != "" && system != "" && tenant != "" && client != "", func() (azcore.TokenCredential, error) {
			return azidentity.NewAzurePipelinesCredential(tenant, client, service, system, &azidentity.AzurePipelinesCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: p.private()})
		}},
		{"from AZURE_FEDERATED_TOKEN_FILE", app && file != "", func() (azcore.TokenCredential, error) {
			return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
				ClientOptions: o, TenantID: tenant, ClientID: client, TokenFilePath: file, DisableInstanceDiscovery: p.private(),
			})
		}},
	}
}

// githubToken asks GitHub for a token each time: one is good for minutes only, and a deploy may take longer.
func (p *place) githubToken(client policy.Transporter) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		address, err := url.Parse(p.variable("ACTIONS_ID_TOKEN_REQUEST_URL"))
		if err != nil {
			return "", fmt.Errorf("reading ACTIONS_ID_TOKEN_REQUEST_URL: %w", err)
		}
		query := address.Query()
		query.Set("audience", "api://AzureADTokenExchange")
		address.RawQuery = query.Encode()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
		if err != nil {
			return "", err
		}
		req.Header.Set("Authorization", "Bearer "+p.variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
		res, err := client.Do(req)
		if err != nil {
			return "", fmt.Errorf("asking GitHub for a token: %w", err)
		}
		defer res.Body.Close()
		data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		var token struct{ Value string }
		if err != nil || res.StatusCode != http.StatusOK || json.Unmarshal(data, &token) != nil || token.Value == "" {
			return "", &providers.Error{
				Kind: providers.Unauthenticated, Op: "ask GitHub for a token", Provider: name, Hint: "give the job `permissions: {id-token: write, contents: read}`",
				Err: fmt.Errorf("GitHub answers with status %d: %.200s", res.StatusCode, strings.TrimSpace(string(data))),
			}
		}
		return token.Value, nil
	}
}

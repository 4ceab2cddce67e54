package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/credentials/idtoken"
	tokens "google.golang.org/api/iamcredentials/v1"

	"github.com/ferryfn/ferry/providers"
)

// scope is that of everything that the caller may do.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// identify finds the credentials that Google's own tools would take: those of a file, of `gcloud auth application-default
// login`, of workload identity federation, or of the machine.
func (a *Adapter) identify(client *http.Client) (*auth.Credentials, error) {
	const variable = "CLOUDSDK_AUTH_TOKEN_HOST" // where gcloud renews a person's token, if not at Google
	host, err := a.elsewhere(variable)
	if err != nil {
		return nil, err
	}
	found, err := credentials.DetectDefault(&credentials.DetectOptions{
		Scopes: []string{scope}, Client: client, TokenURL: host,
		CredentialsFile: a.variable("GOOGLE_APPLICATION_CREDENTIALS"), //nolint:staticcheck // the user's own, as Google's tools take it
	})
	if err != nil {
		return nil, &providers.Error{
			Kind: providers.Unauthenticated, Op: "find credentials", Provider: name, Err: err,
			Hint: "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a file of credentials",
		}
	}
	return found, nil
}

// impersonating are the credentials of a service account that the caller may act as.
func impersonating(client *tokens.Service, account string, own *auth.Credentials) *auth.Credentials {
	return auth.NewCredentials(&auth.CredentialsOptions{
		TokenProvider:          auth.NewCachedTokenProvider(&impersonation{client, account}, nil),
		QuotaProjectIDProvider: auth.CredentialsPropertyFunc(own.QuotaProjectID),
	})
}

type impersonation struct {
	client  *tokens.Service
	account string
}

// Token asks for an hour's token of the account.
func (i *impersonation) Token(ctx context.Context) (*auth.Token, error) {
	out, err := i.client.Projects.ServiceAccounts.GenerateAccessToken("projects/-/serviceAccounts/"+i.account,
		&tokens.GenerateAccessTokenRequest{Scope: []string{scope}}).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	until, err := time.Parse(time.RFC3339, out.ExpireTime)
	return &auth.Token{Value: out.AccessToken, Type: "Bearer", Expiry: until}, err
}

// idToken says to a function who the caller is. Google gives none to a person's own credentials.
func (c *connection) idToken(ctx context.Context, audience string) (string, error) {
	if account := c.target.Impersonate; account != "" {
		out, err := c.tokens.Projects.ServiceAccounts.GenerateIdToken("projects/-/serviceAccounts/"+account,
			&tokens.GenerateIdTokenRequest{Audience: audience, IncludeEmail: true}).Context(ctx).Do()
		if err != nil {
			return "", err
		}
		return out.Token, nil
	}
	if kindOfCredentials(c.credentials) == "authorized_user" {
		return "", &providers.Error{
			Kind: providers.Unsupported, Op: "ask for an ID token", Provider: name,
			Hint: "set targets." + c.targetName + ".impersonate to a service account, after `gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=user:YOU --role=roles/iam.serviceAccountTokenCreator`" +
				" and `gcloud run services add-iam-policy-binding SERVICE --region=" + c.target.Region + " --member=serviceAccount:ACCOUNT --role=" + invoker + "`",
			Err: errors.New("a person's own credentials get no ID token for a function"),
		}
	}
	options, from := &idtoken.Options{Audience: audience, Client: c.plain}, idtoken.NewCredentials
	if file := c.credentials.JSON(); file != nil {
		from = func(o *idtoken.Options) (*auth.Credentials, error) {
			return idtoken.NewCredentialsFromJSON(credentials.CredType(kindOfCredentials(c.credentials)), file, o)
		}
	}
	found, err := from(options)
	if err != nil {
		return "", err
	}
	token, err := found.Token(ctx)
	if err != nil {
		return "", err
	}
	return token.Value, nil
}

// kindOfCredentials is the type that a file of credentials names, "" of those of the machine.
func kindOfCredentials(c *auth.Credentials) string {
	var file struct{ Type string }
	_ = json.Unmarshal(c.JSON(), &file) // what cannot be read has no type
	return file.Type
}

// emailOf is the account of a file of credentials, "" when it names none.
func emailOf(c *auth.Credentials) string {
	var file struct {
		Email string `json:"client_email"`
	}
	_ = json.Unmarshal(c.JSON(), &file) // what cannot be read names none
	return file.Email
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tokenless is a call that was not made, for want of a token.
type tokenless struct{ error }

func (t *tokenless) Error() string { return "asking for a token: " + t.error.Error() }

func (t *tokenless) Unwrap() error { return t.error }

// token is one for a header, and the project that the call is counted to.
func token(ctx context.Context, c *auth.Credentials) (authorization, quota string, err error) {
	t, err := c.Token(ctx)
	if err != nil {
		return "", "", &tokenless{err}
	}
	quota, err = c.QuotaProjectID(ctx)
	return "Bearer " + t.Value, quota, err
}

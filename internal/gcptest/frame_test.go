package gcptest_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iamcredentials/v1"
	"google.golang.org/api/option"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
)

func credentials(t *testing.T, s *gcptest.Server, with ...option.ClientOption) *iamcredentials.Service {
	t.Helper()
	if len(with) == 0 {
		with = []option.ClientOption{option.WithAuthCredentialsFile(option.ServiceAccount, s.KeyFile(gcptest.Deployer))}
	}
	client, err := iamcredentials.NewService(t.Context(), append(with, option.WithEndpoint(s.Endpoint("iamcredentials")))...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

const account = "projects/-/serviceAccounts/" + gcptest.Compute

func TestAServiceAccountsKeyGetsTokensFromItsTokenEndpoint(t *testing.T) {
	s := gcptest.New(t)
	client := credentials(t, s)
	token, err := client.Projects.ServiceAccounts.GenerateIdToken(account, &iamcredentials.GenerateIdTokenRequest{Audience: "https://example.com"}).Do()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(token.Token, ".") != 2 {
		t.Errorf("token %q", token.Token)
	}
	want := standin.Call{
		Number: 1, Service: "iamcredentials", Operation: "projects.serviceAccounts.generateIdToken", Resource: account, Caller: gcptest.Deployer, Status: 200,
	}
	if calls := s.Calls(); len(calls) != 1 || calls[0] != want {
		t.Errorf("calls %+v", calls)
	}
}

func TestACallerWithoutTheRightIsRefusedByName(t *testing.T) {
	s := gcptest.New(t)
	client := credentials(t, s, option.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: s.AccessToken("somebody@example.com")})))
	_, err := client.Projects.ServiceAccounts.GenerateAccessToken(account, &iamcredentials.GenerateAccessTokenRequest{Scope: []string{"x"}}).Do()
	refused(t, err, 403, "Permission 'iam.serviceAccounts.getAccessToken' denied on resource '//iamcredentials.googleapis.com/"+account+"' (or it may not exist).")
}

func TestAnAPIThatIsOffSaysHowToEnableIt(t *testing.T) {
	s := gcptest.New(t)
	s.DisableAPI("iamcredentials.googleapis.com")
	_, err := credentials(t, s).Projects.ServiceAccounts.GenerateIdToken(account, &iamcredentials.GenerateIdTokenRequest{Audience: "a"}).Do()
	refused(t, err, 403, "IAM Service Account Credentials API has not been used in project 123456789012 before or it is disabled. Enable it by visiting "+
		"https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=123456789012 then retry.")
}

func TestWhatTheDiscoveryDocumentDoesNotAllowIsRefused(t *testing.T) {
	s := gcptest.New(t)
	for name, c := range map[string]struct{ query, body, want string }{
		"an unknown field":     {"", `{"audience": "a", "nonsense": 1}`, `Unknown name \"nonsense\": Cannot find field.`},
		"another case":         {"", `{"Audience": "a"}`, `Unknown name \"Audience\": Cannot find field.`},
		"a wrong type":         {"", `{"audience": 5}`, `Invalid value at 'audience' (TYPE_STRING), 5`},
		"no JSON":              {"", `{`, `Invalid JSON payload received.`},
		"an unknown parameter": {"?foo=1", `{"audience": "a"}`, `Unknown name \"foo\": Cannot bind query parameter.`},
		"a missing value":      {"", `{}`, `The audience must be specified.`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, s.Endpoint("iamcredentials")+"v1/"+account+":generateIdToken"+c.query, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+s.AccessToken(gcptest.Deployer))
			status, text := do(t, r)
			if status != 400 || !strings.Contains(text, c.want) || !strings.Contains(text, `"status":"INVALID_ARGUMENT"`) {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}

func TestACallWithoutCredentialsIsRefused(t *testing.T) {
	s := gcptest.New(t)
	_, err := credentials(t, s, option.WithoutAuthentication()).Projects.ServiceAccounts.GenerateIdToken(account, &iamcredentials.GenerateIdTokenRequest{}).Do()
	refused(t, err, 401, "Request is missing required authentication credential.")
}

func TestTheEnvironmentNamesEveryEndpointAndTheKey(t *testing.T) {
	s := gcptest.New(t)
	file, _ := s.Lookup("GOOGLE_APPLICATION_CREDENTIALS")
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if url, _ := s.Lookup("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"); url != s.Endpoint("iamcredentials") {
		t.Errorf("endpoint %q", url)
	}
}

func TestFaultsAreInTheWordsOfGoogle(t *testing.T) {
	s := gcptest.New(t)
	client := credentials(t, s)
	ask := func(f standin.Fault) error {
		s.Intercept(func(standin.Call) standin.Fault { return f })
		_, err := client.Projects.ServiceAccounts.GenerateAccessToken(account, &iamcredentials.GenerateAccessTokenRequest{Scope: []string{"x"}}).Do()
		return err
	}
	refused(t, ask(standin.Throttle()), 429, "Quota exceeded for quota metric")
	refused(t, ask(standin.Fail(409, "ABORTED", "Conflict for resource")), 409, "Conflict for resource")
	refused(t, ask(standin.Deny()), 403, "Permission 'iam.serviceAccounts.getAccessToken' denied")
}

// refused checks that an error is Google's, with a status and words.
func refused(t *testing.T, err error, status int, message string) {
	t.Helper()
	var failed *googleapi.Error
	if !errors.As(err, &failed) || failed.Code != status || !strings.Contains(failed.Message, message) {
		t.Errorf("got %v, want %d %s", err, status, message)
	}
}

package aws

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers"
)

// findings are the levels by subject.
func findings(t *testing.T, a *Adapter) map[string]providers.Finding {
	t.Helper()
	found := map[string]providers.Finding{}
	for _, f := range a.Diagnose(t.Context(), nil) {
		t.Logf("%+v", f)
		found[f.Subject] = f
	}
	return found
}

func TestADoctorFindsNothingWrongWithAnEmptyAccount(t *testing.T) {
	everywhere(t, func(t *testing.T, env environment) {
		a := newTestAdapter(t, env, bucketBlock(t))
		found := findings(t, a)
		for subject, message := range map[string]string{
			"region": "eu-west-1", "credentials": "from AWS_ACCESS_KEY_ID", "identity": "of the account 123456789012", "clock": "as at AWS",
			"lambda": "may be read", "iam": "may be read", "logs": "may be read", "scheduler": "may be read", "s3": "the first deploy creates it",
		} {
			if f := found[subject]; f.Level != providers.LevelOK || !strings.Contains(f.Message, message) {
				t.Errorf("%s is %+v", subject, f)
			}
		}
		s := openStore(t, env, bucketBlock(t))
		if err := s.make(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f := findings(t, a)["s3"]; !strings.Contains(f.Message, "exists") {
			t.Errorf("s3 is %+v", f)
		}
	})
}

func TestADoctorRefusesCredentialsOfAnotherAccount(t *testing.T) {
	found := findings(t, newTestAdapter(t, motoEnv(t), `{"account": "210987654321"}`))
	if f := found["identity"]; f.Level != providers.LevelFailed || f.Kind != providers.Denied || !strings.Contains(f.Hint, "210987654321") {
		t.Errorf("the identity is %+v", f)
	}
	if _, ok := found["lambda"]; ok {
		t.Error("it looks on, as somebody else")
	}
}

func TestADoctorNamesThePermissionThatIsMissing(t *testing.T) {
	moto := motoURL(t)
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"Message": "User: arn:aws:iam::123456789012:user/x is not authorized to perform: lambda:GetFunction on resource: arn:aws:lambda:eu-west-1:123456789012:function:f because no identity-based policy allows the lambda:GetFunction action"}`)
	}))
	t.Cleanup(closed.Close)
	found := findings(t, newTestAdapter(t, motoEnv(t), fmt.Sprintf(`{"endpoint": {"": %q, "lambda": %q}}`, moto, closed.URL)))
	f := found["lambda"]
	if want := `{"Effect":"Allow","Action":"lambda:GetFunction","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:f"}`; f.Level != providers.LevelFailed ||
		f.Kind != providers.Denied || !strings.Contains(f.Hint, want) {
		t.Errorf("lambda is %+v", f)
	}
	if f := found["iam"]; f.Level != providers.LevelOK {
		t.Errorf("iam is %+v", f)
	}
}

func TestADoctorSaysHowToGetCredentials(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(variable, "")
	}
	nothing := func(string) (string, bool) { return "", false }
	for block, hint := range map[string]string{
		`{"region": "eu-west-1"}`:                    "aws configure sso",
		`{"region": "eu-west-1", "profile": "shop"}`: "aws configure sso --profile shop",
	} {
		found := findings(t, newTestAdapter(t, nothing, block))
		if f := found["credentials"]; f.Level != providers.LevelFailed || f.Kind != providers.Unauthenticated || !strings.Contains(f.Hint, hint) {
			t.Errorf("the credentials are %+v", f)
		}
		if f := found["credentials"]; strings.Contains(f.Message, "IMDS") {
			t.Errorf("the SDK's own words are shown: %s", f.Message)
		}
		if _, ok := found["identity"]; ok {
			t.Error("it looks on without credentials")
		}
	}
}

func TestADoctorDoesNotWaitForAnAWSThatIsNotThere(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	env := map[string]string{"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "eu-west-1", "FERRY_AWS_ENDPOINT": gone.URL}
	found := findings(t, newTestAdapter(t, func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}, "{}"))
	if f := found["identity"]; f.Level != providers.LevelFailed || f.Kind != providers.Unavailable || !strings.Contains(f.Hint, "network") {
		t.Errorf("the identity is %+v", f)
	}
}

package aws

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

func secretsOf(t *testing.T, env environment) (*Adapter, *connection) {
	t.Helper()
	a := newTestAdapter(t, env, "{}")
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

// valueOf reads a value as a function does.
func valueOf(t *testing.T, c *connection, reference string) string {
	t.Helper()
	arn, version, _ := strings.Cut(strings.TrimPrefix(reference, "secretsmanager:"), "#")
	out, err := c.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionId: &version})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.SecretString)
}

func TestAPinnedSecretKeepsItsValue(t *testing.T) {
	everywhere(t, func(t *testing.T, env environment) {
		a, c := secretsOf(t, env)
		secret := a.prefix() + "key"
		fn := manifest.Function{Name: "api", Secrets: map[string]string{"KEY": secret, "SAME": secret}}
		if err := a.SetSecret(t.Context(), secret, []byte("one")); err != nil {
			t.Fatal(err)
		}
		first, err := a.Pin(t.Context(), fn)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.SetSecret(t.Context(), secret, []byte("two")); err != nil {
			t.Fatal(err)
		}
		second, err := a.Pin(t.Context(), fn)
		if err != nil {
			t.Fatal(err)
		}
		if first["KEY"] == second["KEY"] || first["KEY"] != first["SAME"] {
			t.Errorf("the references are %v, then %v", first, second)
		}
		if one, two := valueOf(t, c, first["KEY"]), valueOf(t, c, second["KEY"]); one != "one" || two != "two" {
			t.Errorf("the values are %q, then %q", one, two)
		}
	})
}

func TestAParameterIsPinnedByItsVersion(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, env environment) {
		a, c := secretsOf(t, env)
		path := "/" + a.service + "/key"
		for _, value := range []string{"one", "two"} {
			if _, err := c.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{
				Name: &path, Value: aws.String(value), Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true),
			}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := a.Pin(t.Context(), manifest.Function{Secrets: map[string]string{"A": path, "B": "ssm:" + path}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"A": "ssm:" + path + "#2", "B": "ssm:" + path + "#2"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAllMissingSecretsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, env environment) {
		a, _ := secretsOf(t, env)
		_, err := a.Pin(t.Context(), manifest.Function{Name: "api", Secrets: map[string]string{"A": "no-key", "B": "/no/parameter", "C": "no-other"}})
		if !errors.Is(err, providers.NotFound) {
			t.Fatalf("want an error that something is not found, got %v", err)
		}
		var hints []string
		for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
			var e *providers.Error
			if errors.As(one, &e) {
				hints = append(hints, e.Hint)
			}
		}
		want := []string{
			"run `aws ssm put-parameter --type SecureString --name /no/parameter --value file://FILE`",
			"run `ferry secrets set no-key --target aws --stage dev`",
			"run `ferry secrets set no-other --target aws --stage dev`",
		}
		if diff := cmp.Diff(want, hints); diff != "" {
			t.Error(diff)
		}
	})
}

func TestARoleIsToldWhatItMayRead(t *testing.T) {
	c := &connection{partition: "aws", region: "eu-west-1", account: "123456789012"}
	got := c.secretARNs(map[string]string{
		"A": "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf#1-2",
		"B": "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf#3-4",
		"C": "ssm:/shop/key#2",
		"D": "ssm:key#1",
		"E": "ssm:arn:aws:ssm:eu-west-1:999999999999:parameter/shared#1",
	})
	want := []string{
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/key",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/shop/key",
		"arn:aws:ssm:eu-west-1:999999999999:parameter/shared",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheVaultHoldsTheSecretsOfItsServiceAndStage(t *testing.T) {
	everywhere(t, func(t *testing.T, env environment) {
		a, _ := secretsOf(t, env)
		list := func() []string {
			t.Helper()
			names, err := a.Secrets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return names
		}
		one, two := a.prefix()+"one", a.prefix()+"two"
		for _, secret := range []string{two, one, one} {
			if err := a.SetSecret(t.Context(), secret, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{one, two}, list()); diff != "" {
			t.Error(diff)
		}
		other := newTestAdapter(t, env, "{}")
		other.stage = "prod"
		if names, err := other.Secrets(t.Context()); err != nil || len(names) > 0 {
			t.Errorf("another stage has %v, %v", names, err)
		}
		for range 2 {
			if err := a.RemoveSecret(t.Context(), one); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{two}, list()); diff != "" {
			t.Error(diff)
		}
		fn := manifest.Function{Secrets: map[string]string{"KEY": one}}
		if _, err := a.Pin(t.Context(), fn); !errors.Is(err, providers.NotFound) {
			t.Errorf("a secret that was removed is pinned: %v", err)
		}
		if err := a.SetSecret(t.Context(), one, []byte("y")); err != nil {
			t.Fatalf("a secret that was removed cannot be set: %v", err)
		}
		if _, err := a.Pin(t.Context(), fn); err != nil {
			t.Error(err)
		}
		if err := a.RemoveSecret(t.Context(), "never-there"); err != nil {
			t.Error(err)
		}
	})
}

func TestASecretOfSomebodyElseIsNotTouched(t *testing.T) {
	everywhere(t, func(t *testing.T, env environment) {
		a, c := secretsOf(t, env)
		secret := a.prefix() + "theirs"
		if _, err := c.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &secret, SecretString: aws.String("old")}); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"set": a.SetSecret(t.Context(), secret, []byte("hunter2")), "removed": a.RemoveSecret(t.Context(), secret),
		} {
			if !errors.Is(err, providers.Foreign) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("it is %s: %v", what, err)
			}
		}
		pinned, err := a.Pin(t.Context(), manifest.Function{Secrets: map[string]string{"KEY": secret}})
		if err != nil {
			t.Fatal(err)
		}
		if got := valueOf(t, c, pinned["KEY"]); got != "old" {
			t.Errorf("its value is %q", got)
		}
	})
}

func TestWhatNoVariableCanHoldIsRefused(t *testing.T) {
	a := newTestAdapter(t, func(string) (string, bool) { return "", false }, `{"region": "eu-west-1"}`)
	for _, c := range []struct {
		name, value string
		kind        providers.Kind
	}{
		{"key", "", providers.Invalid},
		{"key", "a\x00b", providers.Invalid},
		{"key", "\xff", providers.Invalid},
		{"key", strings.Repeat("x", secretSize+1), providers.Invalid},
		{"a key", "x", providers.Invalid},
		{"/shop/key", "x", providers.Unsupported},
	} {
		err := a.SetSecret(t.Context(), c.name, []byte(c.value))
		if !errors.Is(err, c.kind) || c.value != "" && len(c.value) > 1 && strings.Contains(err.Error(), c.value) {
			t.Errorf("%q: %v", c.name, err)
		}
	}
}

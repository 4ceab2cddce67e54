package gcp

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/secretmanager/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// reading is a function that reads a secret.
func reading(secret string) manifest.Function {
	return manifest.Function{Name: "api", Secrets: map[string]string{"STRIPE_KEY": secret}}
}

func TestASecretIsPinnedToTheVersionThatItHasNow(t *testing.T) {
	a := newProject(t).adapter(t)
	if _, err := a.Pin(t.Context(), reading("stripe-key")); !errors.Is(err, providers.NotFound) {
		t.Errorf("a secret that is not there: %v", err)
	} else if e := new(providers.Error); !errors.As(err, &e) || e.Hint != "run `ferry secrets set stripe-key --target gcp --stage dev`" {
		t.Errorf("the hint is %q", e.Hint)
	}
	var references []string
	for _, value := range []string{"one", "two"} {
		if err := a.SetSecret(t.Context(), "stripe-key", []byte(value)); err != nil {
			t.Fatal(err)
		}
		pinned, err := a.Pin(t.Context(), reading("stripe-key"))
		if err != nil {
			t.Fatal(err)
		}
		references = append(references, pinned["STRIPE_KEY"])
	}
	const at = "projects/" + gcptest.Number + "/secrets/stripe-key/versions/"
	if !slices.Equal(references, []string{at + "1", at + "2"}) {
		t.Errorf("pinned %v", references)
	}
	if _, err := a.connection.secrets.Projects.Secrets.Versions.Disable(at+"2", &secretmanager.DisableSecretVersionRequest{}).Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Pin(t.Context(), reading("stripe-key")); !errors.Is(err, providers.NotFound) {
		t.Errorf("a version that cannot be read: %v", err)
	}
}

func TestTheVaultKeepsOnlyWhatIsOfTheServiceAndStage(t *testing.T) {
	p := newProject(t)
	a := p.adapter(t)
	if err := a.SetSecret(t.Context(), "ours", []byte("x")); err != nil {
		t.Fatal(err)
	}
	parent := "projects/" + gcptest.Project
	if _, err := a.connection.secrets.Projects.Secrets.Create(parent, &secretmanager.Secret{
		Replication: &secretmanager.Replication{Automatic: &secretmanager.Automatic{}},
	}).SecretId("theirs").Do(); err != nil {
		t.Fatal(err)
	}
	if names, err := a.Secrets(t.Context()); err != nil || !slices.Equal(names, []string{"ours"}) {
		t.Errorf("kept %v: %v", names, err)
	}
	for _, err := range []error{a.SetSecret(t.Context(), "theirs", []byte("x")), a.RemoveSecret(t.Context(), "theirs")} {
		if !errors.Is(err, providers.Foreign) {
			t.Errorf("somebody else's secret: %v", err)
		}
	}
	for name, value := range map[string]string{"a/b": "x", "empty": "", "zero": "a\x00b", "large": strings.Repeat("x", secretSize+1)} {
		if err := a.SetSecret(t.Context(), name, []byte(value)); !errors.Is(err, providers.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(a.RemoveSecret(t.Context(), "ours"), a.RemoveSecret(t.Context(), "ours")); err != nil {
		t.Error(err)
	}
	if names, err := a.Secrets(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("left %v: %v", names, err)
	}
}

func TestASecretIsSetAlsoWhenAReplyIsLost(t *testing.T) {
	for _, operation := range []string{"projects.secrets.create", "projects.secrets.addVersion"} {
		p := newProject(t)
		p.lose(operation)
		a := p.adapter(t)
		if err := a.SetSecret(t.Context(), "ours", []byte("x")); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
		if _, err := a.Pin(t.Context(), reading("ours")); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

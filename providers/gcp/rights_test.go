package gcp

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/api/iam/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

func TestAFunctionRunsAsAnAccountOfItsOwnWithWhatItNeedsAndNoMore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := b.Snapshot()
	if err := b.a.SetSecret(t.Context(), "stripe-key", []byte("sk_1")); err != nil {
		t.Fatal(err)
	}
	b.HideNewAccounts(2)
	s := b.listening(t, "api", manifest.Event{HTTP: &manifest.HTTPEvent{Auth: "public"}})
	s.Function.Secrets = map[string]string{"STRIPE_KEY": "stripe-key"}
	s.Function.Config = blockOf(map[string]any{"roles": []string{"roles/datastore.user"}})
	var err error
	if s.Secrets, err = b.a.Pin(t.Context(), s.Function); err != nil {
		t.Fatal(err)
	}
	b.deployQuiet(t, s)
	const account = `"serviceAccount:shop-dev-api@` + gcptest.Project + `.iam.gserviceaccount.com"`
	var granted []string
	for line := range strings.Lines(b.Snapshot()) {
		if strings.HasPrefix(line, "grant ") && strings.Contains(line, account) {
			granted = append(granted, strings.TrimSpace(line))
		}
	}
	want := []string{`grant project "roles/datastore.user" ` + account, `grant secret stripe-key "roles/secretmanager.secretAccessor" ` + account}
	if strings.Join(granted, "\n") != strings.Join(want, "\n") {
		t.Errorf("granted:\n%s", strings.Join(granted, "\n"))
	}
	if err := errors.Join(b.a.Remove(t.Context(), "api", 1), b.a.RemoveSecret(t.Context(), "stripe-key")); err != nil {
		t.Fatal(err)
	}
	if after := b.Snapshot(); after != before {
		t.Errorf("left:\n%s\nof what was before:\n%s", after, before)
	}
}

// deployQuiet publishes a function without events and makes it live.
func (b bench) deployQuiet(t *testing.T, s providers.Spec) {
	t.Helper()
	r, err := b.a.Publish(t.Context(), s, 1)
	if err == nil {
		err = b.a.Probe(t.Context(), s, r)
	}
	if err == nil {
		_, err = b.a.Activate(t.Context(), providers.Change{Spec: s, To: &r, Epoch: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnAccountThatFerryDidNotMakeIsNotTouched(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.iam.Projects.ServiceAccounts.Create("projects/"+gcptest.Project, &iam.CreateServiceAccountRequest{AccountId: "shop-dev-api"}).Do(); err != nil {
		t.Fatal(err)
	}
	s := b.listening(t, "api", manifest.Event{HTTP: &manifest.HTTPEvent{Auth: "public"}})
	if _, err := b.a.Publish(t.Context(), s, 1); !errors.Is(err, providers.Foreign) {
		t.Errorf("an account of that name: %v", err)
	}
	s.Function.Config = blockOf(map[string]any{"service_account": "shop-dev-api@" + gcptest.Project + ".iam.gserviceaccount.com"})
	b.deployQuiet(t, s)
	if err := b.a.Remove(t.Context(), "api", 1); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.Snapshot(), "service-account shop-dev-api@") {
		t.Error("the account that the manifest names is gone")
	}
}

func TestTheAccountIsMadeAlsoWhenAReplyIsLost(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.lose("projects.serviceAccounts.create")
	b.deployQuiet(t, b.listening(t, "api", manifest.Event{HTTP: &manifest.HTTPEvent{Auth: "public"}}))
}

func TestAFirstRevisionWaitsUntilTheRightToReadItsSecretsHasSpread(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Answer(imitated)
	if err := b.a.SetSecret(t.Context(), "stripe-key", []byte("sk_1")); err != nil {
		t.Fatal(err)
	}
	s := b.listening(t, "api", manifest.Event{HTTP: &manifest.HTTPEvent{Auth: "public"}})
	s.Function.Secrets = map[string]string{"STRIPE_KEY": "stripe-key"}
	var err error
	if s.Secrets, err = b.a.Pin(t.Context(), s.Function); err != nil {
		t.Fatal(err)
	}
	b.SpreadRights(2)
	ctx := until.Hasten(t.Context(), haste)
	r, err := b.a.Publish(ctx, s, 1)
	if err == nil {
		err = b.a.Probe(ctx, s, r)
	}
	if err != nil {
		t.Fatal(err)
	}
	// Who has had the right for long gets no such time.
	b.SpreadRights(1)
	s.Function.Env = map[string]string{"WORD": "other"}
	s = providertest.Digested(s)
	if r, err = b.a.Publish(ctx, s, 1); err == nil {
		err = b.a.Probe(ctx, s, r)
	}
	if !errors.Is(err, providers.Denied) {
		t.Errorf("a secret that is refused: %v", err)
	}
}

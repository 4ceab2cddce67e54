package gcptest_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/api/cloudscheduler/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iam/v1"
	"google.golang.org/api/logging/v2"
	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/serviceusage/v1"
	"google.golang.org/api/storage/v1"

	crm "google.golang.org/api/cloudresourcemanager/v3"

	"github.com/ferryfn/ferry/internal/gcptest"
)

const (
	project  = "projects/" + gcptest.Project
	location = project + "/locations/" + gcptest.Region
)

// as are the options of a client of an API, for the deployer.
func as(s *gcptest.Server, api string) []option.ClientOption {
	return []option.ClientOption{
		option.WithAuthCredentialsFile(option.ServiceAccount, s.KeyFile(gcptest.Deployer)), option.WithEndpoint(s.Endpoint(api)),
	}
}

// clients are Google's own, for one stand-in.
type clients struct {
	storage   *storage.Service
	pubsub    *pubsub.Service
	scheduler *cloudscheduler.Service
	secrets   *secretmanager.Service
	logging   *logging.Service
	iam       *iam.Service
	projects  *crm.Service
	usage     *serviceusage.Service
}

func connect(t *testing.T, s *gcptest.Server) *clients {
	t.Helper()
	ctx := t.Context()
	at := func(api string) []option.ClientOption { return as(s, api) }
	c := &clients{}
	errs := make([]error, 8)
	c.storage, errs[0] = storage.NewService(ctx, option.WithAuthCredentialsFile(option.ServiceAccount, s.KeyFile(gcptest.Deployer)),
		option.WithEndpoint(s.Endpoint("storage")+"storage/v1/"))
	c.pubsub, errs[1] = pubsub.NewService(ctx, at("pubsub")...)
	c.scheduler, errs[2] = cloudscheduler.NewService(ctx, at("cloudscheduler")...)
	c.secrets, errs[3] = secretmanager.NewService(ctx, at("secretmanager")...)
	c.logging, errs[4] = logging.NewService(ctx, at("logging")...)
	c.iam, errs[5] = iam.NewService(ctx, at("iam")...)
	c.projects, errs[6] = crm.NewService(ctx, at("cloudresourcemanager")...)
	c.usage, errs[7] = serviceusage.NewService(ctx, at("serviceusage")...)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return c
}

// done fails the test on an error, and passes the result on.
func done[T any](result T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
}

// turnedDown expects a refusal.
func turnedDown(t *testing.T, err error, code int, message string) {
	t.Helper()
	var said *googleapi.Error
	if !errors.As(err, &said) || said.Code != code || said.Message != message {
		t.Errorf("got %v\nwant %d %s", err, code, message)
	}
}

// soon waits for a condition.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if is() {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	t.Fatalf("not within half a minute: %s", what)
}

package gcptest_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"google.golang.org/api/artifactregistry/v1"
	"google.golang.org/api/option"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
)

func artifacts(t *testing.T, s *gcptest.Server) *artifactregistry.ProjectsLocationsService {
	t.Helper()
	client, err := artifactregistry.NewService(t.Context(), option.WithEndpoint(s.Endpoint("artifactregistry")),
		option.WithAuthCredentialsFile(option.ServiceAccount, s.KeyFile(gcptest.Deployer)))
	if err != nil {
		t.Fatal(err)
	}
	return client.Projects.Locations
}

const place = "projects/" + gcptest.Project + "/locations/" + gcptest.Region

func push(t *testing.T, s *gcptest.Server, image string, with authn.Authenticator) error {
	t.Helper()
	content, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(s.Registry() + "/" + image)
	if err != nil {
		t.Fatal(err)
	}
	return remote.Write(ref, content, remote.WithAuth(with), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
}

func token(s *gcptest.Server) authn.Authenticator {
	return &authn.Basic{Username: "oauth2accesstoken", Password: s.AccessToken(gcptest.Deployer)}
}

func TestARepositoryIsMadeByAnOperation(t *testing.T) {
	s := gcptest.New(t)
	client := artifacts(t, s)
	_, err := client.Repositories.Get(place + "/repositories/ferry").Do()
	refused(t, err, 404, "Requested entity was not found.")
	op, err := client.Repositories.Create(place, &artifactregistry.Repository{Format: "DOCKER", Labels: map[string]string{"made-by": "us"}}).RepositoryId("ferry").Do()
	if err != nil || op.Done {
		t.Fatalf("%+v %v", op, err)
	}
	for range 2 {
		if op, err = client.Operations.Get(op.Name).Do(); err != nil {
			t.Fatal(err)
		}
	}
	if !op.Done || op.Error != nil {
		t.Errorf("operation %+v", op)
	}
	is, err := client.Repositories.Get(place + "/repositories/ferry").Do()
	if err != nil || is.Format != "DOCKER" || is.RegistryUri != s.Registry()+"/"+gcptest.Project+"/ferry" {
		t.Errorf("%+v %v", is, err)
	}
	_, err = client.Repositories.Create(place, &artifactregistry.Repository{Format: "DOCKER"}).RepositoryId("ferry").Do()
	refused(t, err, 409, "the repository already exists")
	for id, want := range map[string]string{"Ferry": "repository_id must be", "a-": "repository_id must be"} {
		_, err = client.Repositories.Create(place, &artifactregistry.Repository{Format: "DOCKER"}).RepositoryId(id).Do()
		refused(t, err, 400, want)
	}
	_, err = client.Repositories.Create("projects/"+gcptest.Project+"/locations/nowhere", &artifactregistry.Repository{Format: "DOCKER"}).RepositoryId("ferry").Do()
	refused(t, err, 403, "Permission denied on 'locations/nowhere' (or it may not exist).")
}

func TestImagesArePushedByWhoHasATokenToARepositoryThatThereIs(t *testing.T) {
	s := gcptest.New(t)
	refusedPush := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	refusedPush(push(t, s, gcptest.Project+"/ferry/app:1", token(s)), `NAME_UNKNOWN: Repository "ferry" not found`)
	s.AddRepository("ferry")
	refusedPush(push(t, s, gcptest.Project+"/ferry/app:1", authn.Anonymous), "Unauthenticated requests do not have permission")
	refusedPush(push(t, s, "other/ferry/app:1", token(s)), `Permission "artifactregistry.repositories.uploadArtifacts" denied`)
	if err := push(t, s, gcptest.Project+"/ferry/app:1", token(s)); err != nil {
		t.Fatal(err)
	}
	images, err := artifacts(t, s).Repositories.DockerImages.List(place + "/repositories/ferry").Do()
	if err != nil || len(images.DockerImages) != 1 || images.DockerImages[0].Tags[0] != "1" {
		t.Fatalf("%+v %v", images, err)
	}
	digest := images.DockerImages[0].Name[strings.Index(images.DockerImages[0].Name, "@")+1:]
	version := place + "/repositories/ferry/packages/app/versions/" + digest
	_, err = artifacts(t, s).Repositories.Packages.Versions.Delete(version).Do()
	refused(t, err, 400, "because it is tagged")
	if _, err = artifacts(t, s).Repositories.Packages.Versions.Delete(version).Force(true).Do(); err != nil {
		t.Fatal(err)
	}
	ref, _ := name.ParseReference(s.Registry() + "/" + gcptest.Project + "/ferry/app@" + digest)
	if _, err := remote.Head(ref, remote.WithAuth(token(s))); err == nil {
		t.Error("a deleted image is still there")
	}
	s.Intercept(func(c standin.Call) standin.Fault {
		if c.Service == "docker" && c.Operation == "putManifest" {
			return standin.Throttle()
		}
		return standin.Fault{}
	})
	refusedPush(push(t, s, gcptest.Project+"/ferry/app:1", token(s)), "TOOMANYREQUESTS")
	s.Intercept(nil)
	s.DisableAPI("artifactregistry.googleapis.com")
	refusedPush(push(t, s, gcptest.Project+"/ferry/app:1", token(s)), "Artifact Registry API has not been used in project")
}

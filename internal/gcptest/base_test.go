package gcptest_test

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ferryfn/ferry/internal/gcptest"
)

func TestABaseImageIsReadByEverybodyAndChangesUnderItsName(t *testing.T) {
	s := gcptest.New(t)
	digest := func() string {
		t.Helper()
		ref, err := name.ParseReference(s.Registry() + "/serverless-runtimes/google-22/runtimes/nodejs22")
		if err != nil {
			t.Fatal(err)
		}
		found, err := remote.Head(ref)
		if err != nil {
			t.Fatal(err)
		}
		return found.Digest.String()
	}
	s.BaseImage("google-22/runtimes/nodejs22", "1")
	first := digest()
	s.BaseImage("google-22/runtimes/nodejs22", "2")
	if digest() == first {
		t.Error("another edition is the same image")
	}
	if err := push(t, s, "serverless-runtimes/google-22/runtimes/nodejs22", token(s)); err == nil {
		t.Error("a stranger pushed to Google's repository")
	}
}

func TestAManifestIsNotDeletedBeforeItsTags(t *testing.T) {
	s := gcptest.New(t)
	s.AddRepository("ferry")
	if err := push(t, s, gcptest.Project+"/ferry/app:1", token(s)); err != nil {
		t.Fatal(err)
	}
	tag, _ := name.ParseReference(s.Registry() + "/" + gcptest.Project + "/ferry/app:1")
	found, err := remote.Head(tag, remote.WithAuth(token(s)))
	if err != nil {
		t.Fatal(err)
	}
	digest := tag.Context().Digest(found.Digest.String())
	if err := remote.Delete(digest, remote.WithAuth(token(s))); err == nil {
		t.Error("deleted under its tag")
	}
	for _, ref := range []name.Reference{tag, digest} {
		if err := remote.Delete(ref, remote.WithAuth(token(s))); err != nil {
			t.Error(err)
		}
	}
}

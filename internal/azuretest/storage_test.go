package azuretest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/storage/armstorage/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/azuretest"
)

const (
	blobContributor = "Storage Blob Data Contributor"
	accountID       = group + "/providers/Microsoft.Storage/storageAccounts/shopstore"
)

func (c *client) account(change ...func(*armstorage.AccountCreateParameters)) {
	c.t.Helper()
	c.group()
	accounts, err := armstorage.NewAccountsClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	body := armstorage.AccountCreateParameters{
		Kind: new(armstorage.KindStorageV2), Location: new("westeurope"), SKU: &armstorage.SKU{Name: new(armstorage.SKUNameStandardLRS)},
		Properties: &armstorage.AccountPropertiesCreateParameters{AllowSharedKeyAccess: new(false), MinimumTLSVersion: new(armstorage.MinimumTLSVersionTLS12)},
	}
	for _, f := range change {
		f(&body)
	}
	poller, err := accounts.BeginCreate(c.t.Context(), "shop", "shopstore", body, nil)
	c.ok(err)
	made, err := poller.PollUntilDone(c.t.Context(), &runtime.PollUntilDoneOptions{Frequency: time.Millisecond})
	c.ok(err)
	if got := *made.Properties.PrimaryEndpoints.Blob; got != "https://shopstore.blob.core.windows.net/" {
		c.t.Errorf("blobs are at %s", got)
	}
	containers, err := armstorage.NewBlobContainersClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	_, err = containers.Create(c.t.Context(), "shop", "shopstore", "ferry", armstorage.BlobContainer{}, nil)
	c.ok(err)
}

func (c *client) blobs() *container.Client {
	c.t.Helper()
	in, err := container.NewClient("https://shopstore.blob.core.windows.net/ferry", c.cred, &container.ClientOptions{ClientOptions: c.options})
	c.ok(err)
	return in
}

func TestARoleIsKnownToTheDataPlaneAfterAWhile(t *testing.T) {
	c := start(t)
	c.account()
	in := c.blobs()
	put := func() error {
		_, err := in.NewBlockBlobClient("a").UploadBuffer(t.Context(), []byte("x"), nil)
		return err
	}
	c.refused(put(), 403, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.")
	c.assign(accountID, "ba92f5b4-2d11-453d-a403-e96b0029c9fe", azuretest.Caller)
	c.refused(put(), 403, "AuthorizationPermissionMismatch", "")
	c.ok(put())
}

func TestKeysAreRefusedWhereTheAccountTakesNone(t *testing.T) {
	c := start(t)
	c.account()
	accounts, err := armstorage.NewAccountsClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	keys, err := accounts.ListKeys(t.Context(), "shop", "shopstore", nil)
	c.ok(err)
	shared, err := azblob.NewSharedKeyCredential("shopstore", *keys.Keys[0].Value)
	c.ok(err)
	in, err := container.NewClientWithSharedKeyCredential("https://shopstore.blob.core.windows.net/ferry", shared, &container.ClientOptions{ClientOptions: c.options})
	c.ok(err)
	_, err = in.NewBlockBlobClient("a").UploadBuffer(t.Context(), []byte("x"), nil)
	c.refused(err, 403, "KeyBasedAuthenticationNotPermitted", "")
	_, err = accounts.Update(t.Context(), "shop", "shopstore", armstorage.AccountUpdateParameters{
		Properties: &armstorage.AccountPropertiesUpdateParameters{AllowSharedKeyAccess: new(true)},
	}, nil)
	c.ok(err)
	_, err = in.NewBlockBlobClient("a").UploadBuffer(t.Context(), []byte("x"), nil)
	c.ok(err)
}

func TestAStorageAccountOfAnotherIsRefused(t *testing.T) {
	c := start(t)
	c.group()
	c.cloud.Taken("shopstore")
	accounts, err := armstorage.NewAccountsClient(azuretest.Subscription, c.cred, c.arm())
	c.ok(err)
	_, err = accounts.BeginCreate(t.Context(), "shop", "shopstore", armstorage.AccountCreateParameters{
		Kind: new(armstorage.KindStorageV2), Location: new("westeurope"), SKU: &armstorage.SKU{Name: new(armstorage.SKUNameStandardLRS)},
	}, nil)
	c.refused(err, 409, "StorageAccountAlreadyTaken", "The storage account named shopstore is already taken.")
}

// sequence is calls of the blob client and what each gave, as "call: status code".
type sequence struct {
	ctx  context.Context
	in   *container.Client
	blob *blockblob.Client
	said []string
}

// answers is what the same calls give on any service of blobs.
func answers(t *testing.T, in *container.Client) []string {
	s := &sequence{ctx: t.Context(), in: in, blob: in.NewBlockBlobClient("dir/a b.txt")}
	if _, err := in.Create(s.ctx, nil); err != nil {
		s.note("container that is there", err)
	}
	first := s.conditions()
	s.leases(first)
	s.blocks()
	s.lists()
	_, err := in.NewBlockBlobClient("dir/c").Delete(s.ctx, &blob.DeleteOptions{AccessConditions: match(`"0x1"`, "")})
	s.note("delete of an old one", err)
	_, err = in.Delete(s.ctx, nil)
	s.note("delete of the container", err)
	_, err = in.NewBlockBlobClient("dir/c").GetProperties(s.ctx, nil)
	s.note("properties in no container", err)
	return s.said
}

func (s *sequence) note(what string, err error) {
	var refused *azcore.ResponseError
	switch {
	case errors.As(err, &refused):
		what += fmt.Sprintf(": %d %s", refused.StatusCode, refused.ErrorCode)
	case err != nil:
		what += ": " + err.Error()
	default:
		what += ": ok"
	}
	s.said = append(s.said, what)
}

func content(text string) io.ReadSeekCloser { return streaming.NopCloser(strings.NewReader(text)) }

func match(tag azcore.ETag, leased string) *blob.AccessConditions {
	out := &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{}}
	if tag != "" {
		out.ModifiedAccessConditions.IfMatch = &tag
	}
	if leased != "" {
		out.LeaseAccessConditions = &blob.LeaseAccessConditions{LeaseID: &leased}
	}
	return out
}

func (s *sequence) upload(what, text string, when *blob.AccessConditions) azcore.ETag {
	out, err := s.blob.Upload(s.ctx, content(text), &blockblob.UploadOptions{
		AccessConditions: when, Metadata: map[string]*string{"by": new("test")}, HTTPHeaders: &blob.HTTPHeaders{BlobContentType: new("text/plain")},
	})
	s.note(what, err)
	if out.ETag == nil {
		return ""
	}
	return *out.ETag
}

// conditions writes under conditions, and gives the first tag of the blob.
func (s *sequence) conditions() azcore.ETag {
	b, none := s.blob, &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: new(azcore.ETagAny)}}
	_, err := b.GetProperties(s.ctx, nil)
	s.note("properties of nothing", err)
	_, err = b.Delete(s.ctx, nil)
	s.note("delete of nothing", err)
	s.upload("If-Match of nothing", "0", match(`"0x1"`, ""))
	first := s.upload("If-None-Match of nothing", "1", none)
	s.upload("If-None-Match of what is there", "2", none)
	second := s.upload("If-Match", "2", match(first, ""))
	s.upload("If-Match of an old one", "3", match(first, ""))
	got, err := b.DownloadStream(s.ctx, nil)
	s.note("download", err)
	if err == nil {
		data, _ := io.ReadAll(got.Body)
		s.said = append(s.said, fmt.Sprintf("%s %s %v", data, *got.ContentType, len(got.Metadata)))
	}
	_, err = b.DownloadStream(s.ctx, &blob.DownloadStreamOptions{AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &second}}})
	s.note("download of what is the same", err)
	_, err = b.DownloadStream(s.ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: 5, Count: 2}})
	s.note("range beyond the end", err)
	return first
}

func (s *sequence) lease(id string) *lease.BlobClient {
	l, err := lease.NewBlobClient(s.blob, &lease.BlobClientOptions{LeaseID: &id})
	s.note("lease client", err)
	return l
}

func (s *sequence) leases(first azcore.ETag) {
	const one, two = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	mine, other := s.lease(one), s.lease(two)
	_, err := mine.AcquireLease(s.ctx, 5, nil)
	s.note("acquire too short", err)
	_, err = mine.AcquireLease(s.ctx, 15, nil)
	s.note("acquire", err)
	_, err = mine.AcquireLease(s.ctx, 15, nil)
	s.note("acquire again", err)
	_, err = other.AcquireLease(s.ctx, 15, nil)
	s.note("acquire of another", err)
	s.upload("write without the lease", "4", nil)
	s.upload("write with another lease", "4", match("", two))
	s.upload("write with the lease", "4", match("", one))
	s.upload("write with the lease and an old If-Match", "5", match(first, one))
	_, err = s.blob.Delete(s.ctx, nil)
	s.note("delete without the lease", err)
	_, err = other.RenewLease(s.ctx, nil)
	s.note("renew of another", err)
	_, err = mine.RenewLease(s.ctx, nil)
	s.note("renew", err)
	_, err = other.ReleaseLease(s.ctx, nil)
	s.note("release of another", err)
	_, err = mine.ReleaseLease(s.ctx, nil)
	s.note("release", err)
	_, err = mine.ReleaseLease(s.ctx, nil)
	s.note("release again", err)
	s.upload("write with a lease that is no more", "6", match("", one))
	_, err = mine.AcquireLease(s.ctx, -1, nil)
	s.note("acquire without end", err)
	_, err = mine.BreakLease(s.ctx, &lease.BlobBreakOptions{BreakPeriod: new(int32(0))})
	s.note("break", err)
	_, err = mine.RenewLease(s.ctx, nil)
	s.note("renew what is broken", err)
}

func (s *sequence) blocks() {
	id := base64.StdEncoding.EncodeToString([]byte("block-1"))
	c := s.in.NewBlockBlobClient("dir/c")
	_, err := c.StageBlock(s.ctx, id, content("staged"), nil)
	s.note("stage", err)
	_, err = c.GetProperties(s.ctx, nil)
	s.note("properties of what is only staged", err)
	_, err = c.CommitBlockList(s.ctx, []string{base64.StdEncoding.EncodeToString([]byte("block-2"))}, nil)
	s.note("commit of an unknown block", err)
	_, err = c.CommitBlockList(s.ctx, []string{id}, nil)
	s.note("commit", err)
}

func (s *sequence) lists() {
	for pages := s.in.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: new("dir/"), MaxResults: new(int32(1))}); pages.More(); {
		page, err := pages.NextPage(s.ctx)
		s.note("page", err)
		if err != nil {
			break
		}
		for _, item := range page.Segment.BlobItems {
			s.said = append(s.said, fmt.Sprintf("%s %d", *item.Name, *item.Properties.ContentLength))
		}
	}
	for pages := s.in.NewListBlobsHierarchyPager("/", nil); pages.More(); {
		page, err := pages.NextPage(s.ctx)
		s.note("page by folder", err)
		if err != nil {
			break
		}
		for _, p := range page.Segment.BlobPrefixes {
			s.said = append(s.said, *p.Name)
		}
	}
}

func TestAzuriteAnswersTheSameToTheSameCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("short: starts azurite")
	}
	program, err := exec.LookPath("azurite-blob")
	if err != nil {
		t.Skip("azurite is not installed: npm install -g azurite")
	}
	url := azurite(t, program)
	const name, key = "devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
	shared, err := azblob.NewSharedKeyCredential(name, key)
	if err != nil {
		t.Fatal(err)
	}
	once := policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}
	theirs, err := container.NewClientWithSharedKeyCredential(url+"/"+name+"/ferry", shared, &container.ClientOptions{ClientOptions: once})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	c := start(t)
	c.cloud.RoleLag(0)
	c.account()
	c.cloud.Grant(azuretest.Caller, blobContributor, accountID)
	if diff := cmp.Diff(answers(t, theirs), answers(t, c.blobs())); diff != "" {
		t.Errorf("azurite -, azuretest +\n%s", diff)
	}
}

// azurite starts the emulator of the storage services and gives its address.
func azurite(t *testing.T, program string) string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cmd := exec.CommandContext(ctx, program, "--blobHost", "127.0.0.1", "--blobPort", "0", "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var problems bytes.Buffer
	cmd.Stderr = &problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	listening := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url := listening.FindString(lines.Text()); url != "" && strings.Contains(lines.Text(), "successfully listens") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return url
		}
	}
	t.Fatalf("azurite did not start: %s", problems.String())
	return ""
}

// assign gives a principal a role, as a deployer does.
func (c *client) assign(scope, role, to string) {
	c.t.Helper()
	req, err := runtime.NewRequest(c.t.Context(), http.MethodPut, "https://management.azure.com"+scope+
		"/providers/Microsoft.Authorization/roleAssignments/"+fmt.Sprintf("%08x-0000-4000-8000-%012x", len(scope)+len(c.cloud.Calls()), len(role))+"?api-version=2022-04-01")
	c.ok(err)
	c.ok(runtime.MarshalAsJSON(req, map[string]any{"properties": map[string]any{
		"roleDefinitionId": "/subscriptions/" + azuretest.Subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + role,
		"principalId":      to, "principalType": "ServicePrincipal",
	}}))
	c.do(req, http.StatusCreated)
}

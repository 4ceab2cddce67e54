package azure

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/ferryfn/ferry/internal/loopback"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

// azurite is Microsoft's own stand-in for the blobs of a storage account, with the account that it always has.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// ports are those of the stand-ins that tests start.
var ports = loopback.Range{First: 9900, Count: 90}

// azurite starts one that ends with the test, and says where it is.
func azurite(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("azurite-blob")
	if err != nil {
		t.Skip("needs azurite (npm install azurite)")
	}
	_, port, err := net.SplitHostPort(ports.Free(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, program, "--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", port)
	c.Dir, c.Stderr = t.TempDir(), os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = c.Wait()
	})
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "successfully listens") {
				ready <- true
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case <-ready:
	case <-time.After(30 * time.Second):
		t.Fatal("azurite does not listen")
	}
	return "http://127.0.0.1:" + port + "/" + azuriteAccount
}

func TestTheStoreKeepsItsContractOnAzurite(t *testing.T) {
	url := azurite(t)
	var containers atomic.Int64
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace {
		name := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(fmt.Sprintf("test%d", containers.Add(1)), "-")
		open := func(t testing.TB) providers.Store {
			key, err := container.NewSharedKeyCredential(azuriteAccount, azuriteKey)
			if err != nil {
				t.Fatal(err)
			}
			client, err := container.NewClientWithSharedKeyCredential(url+"/"+name, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			return &store{
				place: &place{env: func(string) (string, bool) { return "", false }},
				box:   &box{client: client, spread: &spread{}, name: name},
				make: func(ctx context.Context) error {
					_, err := client.Create(ctx, nil)
					return err
				},
			}
		}
		return providertest.StorePlace{Store: open(t), Again: open}
	})
}

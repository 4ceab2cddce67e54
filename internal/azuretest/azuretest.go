// Package azuretest is Azure for tests: one server on 127.0.0.1 that speaks the wire formats of the services a deployer
// of functions needs, remembers what it is told, and refuses what Azure refuses, in the words of Azure. Functions really run.
//
// All names of Azure lead to it: a client goes through HTTPS_PROXY, which ends here, and trusts SSL_CERT_FILE, as it would
// in a company's network. Who discovers a cloud from ARM_METADATA_HOSTNAME reaches Resource Manager and the authority without
// the proxy. Other names are passed through.
//
// A request with a member that the service's definition does not have fails the test, as does an operation that is not here.
package azuretest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// Where the cloud is, and who calls it.
const (
	Tenant       = "72f988bf-0000-4000-8000-000000000001"
	Subscription = "5b1c4e0a-0000-4000-8000-000000000002"
	// ClientID and ClientSecret belong to Caller, an application that owns the subscription.
	ClientID     = "c0ffee00-0000-4000-8000-000000000003"
	ClientSecret = "not-a-secret-of-anybody"
	Caller       = "0b1ec700-0000-4000-8000-000000000004"
)

// Cloud is one tenant with one subscription. All methods are safe for use by several goroutines.
type Cloud struct {
	standin.Control

	t        testing.TB
	ca       *authority
	server   *httptest.Server
	proxy    *httptest.Server
	surfaces []*surface
	control  control

	life       context.Context // ends with the test
	stop       context.CancelFunc
	background sync.WaitGroup // what delivers
	wake       chan struct{}  // there may be something to deliver

	mu            sync.Mutex // guards all below
	subscriptions []*subscription
	resources     map[string]*resource // by their lower-case ID
	kinds         map[string]*kind     // by their lower-case type
	operations    map[string]*longOperation
	principals    map[string]*principal // by object ID
	tokens        map[string]*token
	federations   []federation
	assignments   map[string]*assignment      // by their lower-case ID
	locks         map[string]*lock            // by their lower-case ID
	taken         map[string]bool             // global names of others
	addresses     map[string]*httptest.Server // on loopback, by the lower-case name of the app
	answering     Answering                   // in place of custom handlers; nil is that packages are started
}

// Start serves an empty subscription until the test ends.
func Start(t testing.TB) *Cloud {
	t.Helper()
	c := &Cloud{
		t:           t,
		resources:   map[string]*resource{},
		kinds:       map[string]*kind{},
		operations:  map[string]*longOperation{},
		principals:  map[string]*principal{},
		tokens:      map[string]*token{},
		assignments: map[string]*assignment{},
		locks:       map[string]*lock{},
		taken:       map[string]bool{},
		addresses:   map[string]*httptest.Server{},
	}
	c.control.polls, c.control.roleLag, c.control.syncLag, c.control.quota = 1, 1, 1, 250
	c.life, c.stop = context.WithCancel(context.Background())
	c.wake = make(chan struct{}, 1)
	c.ca = newAuthority(t)
	c.subscriptions = []*subscription{newSubscription(Subscription, "ferry")}
	c.principals[Caller] = &principal{id: Caller, client: ClientID, secret: ClientSecret, kind: servicePrincipal}
	c.grant(Caller, "Owner", "/subscriptions/"+Subscription)
	c.surfaces = allSurfaces()
	for _, k := range allKinds() {
		c.kinds[lower(k.name)] = k
	}
	c.server = httptest.NewUnstartedServer(c)
	c.server.TLS = c.ca.config()
	c.server.StartTLS()
	c.proxy = httptest.NewServer(http.HandlerFunc(c.tunnel))
	c.background.Go(c.deliver)
	t.Cleanup(c.close)
	return c
}

// Answering makes what answers in place of a custom handler, of the folder of its package and of its environment.
type Answering func(dir string, environment []string) http.Handler

// Answer has custom handlers answered for within this process, and their packages not started: where they would be too many
// processes. It is called before there are any.
func (c *Cloud) Answer(by Answering) { c.answering = by }

func (c *Cloud) close() {
	c.stop()
	c.proxy.CloseClientConnections()
	c.proxy.Close()
	c.server.CloseClientConnections()
	c.server.Close()
	for _, listens := range c.addresses {
		listens.CloseClientConnections()
		listens.Close()
	}
	c.endWorkers()
	c.background.Wait()
}

// Endpoint is the address of Resource Manager and of the authority, without a slash at the end.
func (c *Cloud) Endpoint() string { return c.server.URL }

// Host is the name and port of Endpoint.
func (c *Cloud) Host() string { return c.server.Listener.Addr().String() }

// Env looks a variable up as the environment of a user of this cloud has it.
func (c *Cloud) Env(name string) (string, bool) {
	value, ok := c.environment()[name]
	return value, ok
}

// Environ is that environment for a process, as NAME=value.
func (c *Cloud) Environ() []string {
	var all []string
	for name, value := range c.environment() {
		all = append(all, name+"="+value)
	}
	return all
}

func (c *Cloud) environment() map[string]string {
	return map[string]string{
		"AZURE_TENANT_ID":       Tenant,
		"AZURE_CLIENT_ID":       ClientID,
		"AZURE_CLIENT_SECRET":   ClientSecret,
		"AZURE_SUBSCRIPTION_ID": Subscription,
		"AZURE_AUTHORITY_HOST":  c.Endpoint() + "/",
		"ARM_METADATA_HOSTNAME": c.Host(),
		"SSL_CERT_FILE":         c.ca.file,
		"HTTPS_PROXY":           c.proxy.URL,
		"NO_PROXY":              "127.0.0.1,localhost",
	}
}

var _ http.Handler = (*Cloud)(nil)

// now is the time as Azure counts it: in ticks of 100 nanoseconds.
func now() time.Time { return time.Now().UTC().Truncate(100 * time.Nanosecond) }

// stamp is how Resource Manager writes a time.
func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.0000000Z") }

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

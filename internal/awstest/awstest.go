// Package awstest is AWS for tests: one server on 127.0.0.1 that speaks the wire formats of the services a deployer
// needs, remembers what it is told, and refuses what AWS refuses, in the words of AWS. Functions really run.
//
// A request with a member that the service's model does not have fails the test, as does an operation that is not here.
package awstest

import (
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
	Account   = "123456789012"
	Region    = "eu-west-1"
	AccessKey = "AKIAFERRYTESTAWS0001"
	SecretKey = "not-a-secret-of-anybody"
	// Caller is who the access key belongs to.
	Caller = "arn:aws:iam::" + Account + ":user/ferry"
)

// Cloud is one account in one region. All methods are safe for use by several goroutines.
type Cloud struct {
	t        testing.TB
	server   *httptest.Server
	services map[string]*service
	control  control
	standin.Control

	mu           sync.Mutex // guards all below
	functions    map[string]*function
	mappings     map[string]*mapping
	roles        map[string]*role
	rolesMade    map[string]int // how many there were of a name
	groups       map[string]*logGroup
	buckets      map[string]*bucket
	queues       map[string]*queue
	topics       map[string]*topic
	schedules    map[string]*schedule
	secrets      map[string]*secret
	parameters   map[string]*parameter
	downloads    map[string][]byte
	deprecated   map[string]bool
	environments environments
}

// Start serves an empty account until the test ends.
func Start(t testing.TB) *Cloud {
	t.Helper()
	c := &Cloud{
		t:          t,
		functions:  map[string]*function{},
		mappings:   map[string]*mapping{},
		roles:      map[string]*role{},
		rolesMade:  map[string]int{},
		groups:     map[string]*logGroup{},
		buckets:    map[string]*bucket{},
		queues:     map[string]*queue{},
		topics:     map[string]*topic{},
		schedules:  map[string]*schedule{},
		secrets:    map[string]*secret{},
		parameters: map[string]*parameter{},
		downloads:  map[string][]byte{},
		deprecated: deprecatedRuntimes(),
	}
	c.control.pendingPolls, c.control.updatingPolls = 1, 1
	c.services = allServices()
	c.server = httptest.NewServer(c)
	t.Cleanup(c.close)
	return c
}

func (c *Cloud) close() {
	c.server.CloseClientConnections()
	c.server.Close()
	c.mu.Lock()
	for _, f := range c.functions {
		f.closeURLs()
	}
	c.mu.Unlock() // what still runs wants it to write its log
	c.environments.close()
}

// Endpoint is the address of every service, without a slash at the end. S3 is addressed with path style.
func (c *Cloud) Endpoint() string { return c.server.URL }

// Env looks a variable up as the environment of a user of this cloud has it.
func (c *Cloud) Env(name string) (string, bool) {
	value, ok := c.ofUser()[name]
	return value, ok
}

// Environ is that environment, as programs take it.
func (c *Cloud) Environ() []string {
	var all []string
	for name, value := range c.ofUser() {
		all = append(all, name+"="+value)
	}
	return all
}

func (c *Cloud) ofUser() map[string]string {
	return map[string]string{
		"AWS_ACCESS_KEY_ID":         AccessKey,
		"AWS_SECRET_ACCESS_KEY":     SecretKey,
		"AWS_REGION":                Region,
		"AWS_EC2_METADATA_DISABLED": "true",
		"FERRY_AWS_ENDPOINT":        c.Endpoint(),
	}
}

var _ http.Handler = (*Cloud)(nil)

// now is the time as AWS counts it: in milliseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// lambdaTime is how Lambda writes a time in a string.
func lambdaTime() string { return now().Format("2006-01-02T15:04:05.000-0700") }

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func arn(service, resource string) string {
	region, account := Region, Account
	switch service {
	case "iam":
		region = ""
	case "s3":
		region, account = "", ""
	}
	return "arn:aws:" + service + ":" + region + ":" + account + ":" + resource
}

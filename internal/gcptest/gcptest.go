// Package gcptest is Google Cloud for tests: servers on 127.0.0.1 that speak the APIs that a deployer needs, remember what
// they are told, and refuse what Google refuses, in the words of Google. Services really run.
//
// What a request may hold is read from Google's own discovery documents: an unknown field, a wrong type, an update mask
// with an unknown path are refused as Google refuses them. A method that Google has and that is not here fails the test.
package gcptest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// Where the cloud is, and who calls it.
const (
	Project = "ferry-tests"
	Number  = "123456789012" // of the project
	Region  = "europe-west1"
	// Deployer is whom the key of the environment belongs to: an owner of the project.
	Deployer = "deployer@" + Project + ".iam.gserviceaccount.com"
	// Compute is the default service account of the project.
	Compute = Number + "-compute@developer.gserviceaccount.com"
)

// Server is one project in one region. All methods are safe for use by several goroutines.
type Server struct {
	standin.Control
	// URL is where tokens are got, and what stands for hosts that serve no API.
	URL string

	t       testing.TB
	dir     string
	front   *httptest.Server
	docker  *httptest.Server
	servers []*httptest.Server
	apis    map[string]*api // by name
	env     func() []string
	control control
	alive   context.Context // ends with the test
	end     context.CancelFunc
	work    sync.WaitGroup // what goes on beside
	writes  atomic.Int64   // how many files were written

	mu             sync.Mutex // guards all below
	tokens         map[string]string
	accounts       map[string]*account
	off            map[string]bool // hosts of APIs that are not enabled
	operations     map[string]*operation
	repositories   map[string]*repository
	services       map[string]*runService
	functions      map[string]*function
	builds         map[string]*build
	archives       map[string]*archive // by bucket/object
	decommissioned map[string]bool     // runtimes
	addresses      map[string]*address
	metadata       map[string]string // the hosts of metadata servers, by account
	serial         int
	place          *place
}

// New serves an empty project until the test ends, with all APIs enabled.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		t: t, dir: t.TempDir(), apis: map[string]*api{}, tokens: map[string]string{}, accounts: map[string]*account{},
		off: map[string]bool{}, operations: map[string]*operation{}, repositories: map[string]*repository{},
		services: map[string]*runService{}, addresses: map[string]*address{}, metadata: map[string]string{},
		functions: map[string]*function{}, builds: map[string]*build{}, archives: map[string]*archive{}, decommissioned: map[string]bool{},
	}
	s.alive, s.end = context.WithCancel(context.Background())
	s.control.operationPolls = 1
	s.place = newPlace(s)
	s.addAccount(Deployer)
	s.addAccount(Compute)
	s.front = s.listen(http.HandlerFunc(s.serveFront))
	s.URL = s.front.URL
	s.docker = s.listen(http.HandlerFunc(s.serveDocker))
	for _, a := range allAPIs() {
		s.apis[a.name] = a
		a.url = s.listen(s.handle(a)).URL
	}
	s.env = sync.OnceValue(s.environ)
	t.Cleanup(s.close)
	return s
}

// listen serves on a port of its own until the test ends.
func (s *Server) listen(h http.Handler) *httptest.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listenLocked(h)
}

// listenLocked listens, with the lock held.
func (s *Server) listenLocked(h http.Handler) *httptest.Server {
	server := httptest.NewServer(h)
	s.servers = append(s.servers, server)
	return server
}

func (s *Server) close() {
	s.place.close()
	s.end()
	s.mu.Lock()
	servers := s.servers
	for _, v := range s.services {
		s.dropService(v)
	}
	s.mu.Unlock()
	s.work.Wait()
	for _, server := range servers {
		server.CloseClientConnections()
		server.Close()
	}
	s.forget()
}

// forget lets go of what is large: a subtest that ended is kept, with all that it made, until its parent ends.
func (s *Server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.operations, s.repositories, s.services, s.functions, s.builds, s.archives = nil, nil, nil, nil, nil, nil
	s.place.buckets, s.place.uploads, s.place.entries = nil, nil, nil
	s.Reset()
}

// Endpoint is the address of an API by its name in the environment ("run", "cloudfunctions"), with a slash at the end.
func (s *Server) Endpoint(api string) string { return s.apis[api].url + "/" }

// Env is the environment of a user of this project, as "NAME=value": the endpoints by the names that gcloud has for them,
// and the key of the Deployer.
func (s *Server) Env() []string { return slices.Clone(s.env()) }

func (s *Server) environ() []string {
	env := []string{
		"CLOUDSDK_CORE_PROJECT=" + Project,
		"GOOGLE_CLOUD_PROJECT=" + Project,
		"GOOGLE_APPLICATION_CREDENTIALS=" + s.KeyFile(Deployer),
		"NO_GCE_CHECK=true",
		"CLOUDSDK_AUTH_TOKEN_HOST=" + s.URL + "/token",
	}
	for name, a := range s.apis {
		env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+strings.ToUpper(name)+"="+a.url+"/")
	}
	return env
}

// Lookup finds a variable of Env.
func (s *Server) Lookup(name string) (string, bool) {
	for _, variable := range s.env() {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// DisableAPI makes an API refuse all calls until it is enabled, by its host: "run.googleapis.com".
func (s *Server) DisableAPI(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off[host] = true
}

// now is the time as Google writes it.
func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000000Z") }

// next is a number that no other resource got.
func (s *Server) next() int {
	s.serial++
	return s.serial
}

// uid is an identifier for a new resource.
func (s *Server) uid() string { return fmt.Sprintf("%08d-0000-4000-8000-000000000000", s.next()) }

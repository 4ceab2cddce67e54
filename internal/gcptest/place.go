package gcptest

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/api/logging/v2"
)

// place is what a project has beside its functions: storage, messages, schedules, secrets, logs, accounts and rights. The
// server's lock guards it.
type place struct {
	cloud  *Server
	client *http.Client    // delivers events
	alive  context.Context // ends with the test
	end    context.CancelFunc
	work   sync.WaitGroup // deliveries on their way

	policy        *policy
	unseen        int // reads that miss a service account that was just made
	spreading     int // reads of secrets that are refused, as before rights have spread
	buckets       map[string]*bucket
	uploads       map[string]*upload
	topics        map[string]*topic
	subscriptions map[string]*subscription
	jobs          map[string]*job
	secrets       map[string]*secret
	entries       []*logging.LogEntry
	serial        int64
}

// newPlace is a place whose service agents have what Google gives them by itself, and no more.
func newPlace(s *Server) *place {
	p := &place{
		cloud: s, client: &http.Client{Timeout: 30 * time.Minute, Transport: ownService{}}, policy: newPolicy(), buckets: map[string]*bucket{}, uploads: map[string]*upload{},
		topics: map[string]*topic{}, subscriptions: map[string]*subscription{}, jobs: map[string]*job{}, secrets: map[string]*secret{},
	}
	p.alive, p.end = context.WithCancel(context.Background())
	p.policy.grant("roles/pubsub.serviceAgent", pubsubAgent)
	p.policy.grant("roles/cloudscheduler.serviceAgent", schedulerAgent)
	p.policy.grant("roles/owner", "serviceAccount:"+Deployer)
	p.policy.grant("roles/editor", "serviceAccount:"+Compute)
	return p
}

// The service agents: Google's own accounts, which act for a service in a project.
// https://cloud.google.com/iam/docs/service-agents
const (
	pubsubAgent    = "serviceAccount:service-" + Number + "@gcp-sa-pubsub.iam.gserviceaccount.com"
	schedulerAgent = "serviceAccount:service-" + Number + "@gcp-sa-cloudscheduler.iam.gserviceaccount.com"
	storageAgent   = "serviceAccount:service-" + Number + "@gs-project-accounts.iam.gserviceaccount.com"
)

// placed answers a call of a method of the place, with the lock held.
type placed = func(*place, *call) (any, error)

func in(run placed) handler {
	return func(s *Server, c *call) (any, error) { return run(s.place, c) }
}

// close ends what is being delivered, and waits for it.
func (p *place) close() {
	p.end()
	p.work.Wait()
}

// next is a number that there was not before.
func (p *place) next() int64 {
	p.serial++
	return p.serial
}

// generation is a number that grows with the time, as those of objects do.
func (p *place) generation() int64 { return time.Now().UnixMicro()*8 + p.next()%8 }

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func lastOf(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// target is the name of what a call is about; where it creates one or lists, that of the parent.
func (c *call) target() string {
	for _, name := range []string{"name", "resource", "topic", "subscription", "parent", "project", "projectId"} {
		if value := c.vars[name]; value != "" {
			return value
		}
	}
	return ""
}

// page cuts one page out of a list that is in order, and says where the next begins.
func page[T any](query url.Values, items []T, most int) ([]T, string, error) {
	size, start := most, 0
	for _, name := range []string{"pageSize", "maxResults"} {
		if n, _ := strconv.Atoi(query.Get(name)); n < 0 { // that it is a number has been checked
			return nil, "", refuse(codeInvalidArgument, "The page size must not be negative.")
		} else if n > 0 {
			size = min(n, most)
		}
	}
	if token := query.Get("pageToken"); token != "" {
		n, err := strconv.Atoi(token)
		if err != nil || n > len(items) {
			return nil, "", refuse(codeInvalidArgument, "The page token is invalid.")
		}
		start = n
	}
	end := min(start+size, len(items))
	if end == len(items) {
		return items[start:end], "", nil
	}
	return items[start:end], strconv.Itoa(end), nil
}

package azuretest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// lease keeps all but its holder from writing a blob.
type lease struct {
	id     string
	ends   time.Time // zero for one without end
	term   time.Duration
	broken bool
}

func (l *lease) held() bool {
	return l.id != "" && !l.broken && (l.ends.IsZero() || time.Now().Before(l.ends))
}

func (l *lease) headers(h http.Header) {
	state, status := "available", "unlocked"
	switch {
	case l.held():
		state, status = "leased", "locked"
	case l.broken:
		state = "broken"
	case l.id != "":
		state = "expired"
	}
	h.Set("X-Ms-Lease-State", state)
	h.Set("X-Ms-Lease-Status", status)
	if state == "leased" {
		h.Set("X-Ms-Lease-Duration", map[bool]string{true: "infinite", false: "fixed"}[l.ends.IsZero()])
	}
}

// forWriting refuses a write of who is not the holder.
//
// Source: learn.microsoft.com/rest/api/storageservices/lease-blob, "Outcomes of use attempts on blobs by lease state".
func (l *lease) forWriting(r *request) error {
	given := r.http.Header.Get("X-Ms-Lease-Id")
	if given == "" && l.held() {
		return refuse(412, "LeaseIdMissing", "There is currently a lease on the blob and no lease ID was specified in the request.")
	}
	return l.forReading(r)
}

// forReading refuses a lease ID that is not that of the blob; none is none.
func (l *lease) forReading(r *request) error {
	given := r.http.Header.Get("X-Ms-Lease-Id")
	switch {
	case given == "":
		return nil
	case l.held() && strings.EqualFold(given, l.id):
		return nil
	case l.held():
		return refuse(412, "LeaseIdMismatchWithBlobOperation", "The lease ID specified did not match the lease ID for the blob.")
	case strings.EqualFold(given, l.id):
		return refuse(412, "LeaseLost", "A lease ID was specified, but the lease for the blob has expired.")
	}
	return refuse(412, "LeaseNotPresentWithBlobOperation", "There is currently no lease on the blob.")
}

// leaseBlob acquires, renews, changes, releases or breaks a lease.
//
// Source: learn.microsoft.com/rest/api/storageservices/lease-blob, "Outcomes of lease operations on blobs by lease state".
func (c *Cloud) leaseBlob(a *account, r *request) (any, error) {
	_, b, err := a.found(r)
	if err != nil {
		return nil, err
	}
	h, l := r.http.Header, &b.lease
	given := h.Get("X-Ms-Lease-Id")
	mismatch := refuse(409, "LeaseIdMismatchWithLeaseOperation", "The lease ID specified did not match the lease ID for the blob.")
	reply := http.Header{"Etag": {b.etag}, "Last-Modified": {httpTime(b.modified)}}
	switch action := lower(h.Get("X-Ms-Lease-Action")); action {
	case "acquire":
		return acquire(l, r, reply)
	case "renew", "change":
		switch {
		case l.id == "":
			return nil, refuse(409, "LeaseNotPresentWithLeaseOperation", "There is currently no lease on the blob.")
		case !strings.EqualFold(given, l.id) && !strings.EqualFold(given, h.Get("X-Ms-Proposed-Lease-Id")):
			return nil, mismatch
		case l.broken:
			return nil, refuse(409, "LeaseIsBrokenAndCannotBeRenewed", "The lease ID matched, but the lease has been broken explicitly and cannot be renewed.")
		case action == "change":
			l.id = h.Get("X-Ms-Proposed-Lease-Id")
		case !l.ends.IsZero():
			l.ends = time.Now().Add(l.term)
		}
		reply.Set("X-Ms-Lease-Id", l.id)
		return storageReply(r, http.StatusOK, reply, nil), nil
	case "release":
		if !strings.EqualFold(given, l.id) {
			return nil, mismatch
		}
		*l = lease{}
		return storageReply(r, http.StatusOK, reply, nil), nil
	case "break":
		if l.id == "" {
			return nil, refuse(409, "LeaseNotPresentWithLeaseOperation", "There is currently no lease on the blob.")
		}
		l.broken = true
		reply.Set("X-Ms-Lease-Time", "0")
		return storageReply(r, http.StatusAccepted, reply, nil), nil
	}
	return nil, refuse(400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.")
}

func acquire(l *lease, r *request, reply http.Header) (standin.Reply, error) {
	seconds, err := strconv.Atoi(r.http.Header.Get("X-Ms-Lease-Duration"))
	if err != nil || seconds != -1 && (seconds < 15 || seconds > 60) {
		return standin.Reply{}, refuse(400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.")
	}
	proposed := r.http.Header.Get("X-Ms-Proposed-Lease-Id")
	if l.held() && !strings.EqualFold(proposed, l.id) {
		return standin.Reply{}, refuse(409, "LeaseAlreadyPresent", "There is already a lease present.")
	}
	if proposed == "" {
		proposed = newID()
	}
	*l = lease{id: proposed}
	if seconds > 0 {
		l.term = time.Duration(seconds) * time.Second
		l.ends = time.Now().Add(l.term)
	}
	reply.Set("X-Ms-Lease-Id", l.id)
	return storageReply(r, http.StatusCreated, reply, nil), nil
}

// ExpireLeases ends all leases of blobs that have an end.
func (c *Cloud) ExpireLeases() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.resources {
		a, ok := r.state.(*account)
		if !ok {
			continue
		}
		for _, in := range a.containers {
			for _, b := range in.blobs {
				if !b.lease.ends.IsZero() {
					b.lease.ends = time.Now()
				}
			}
		}
	}
}

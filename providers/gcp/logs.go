package gcp

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	logging "google.golang.org/api/logging/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/tail"
)

var _ providers.LogTailer = (*Adapter)(nil)

// Cloud Logging answers 60 reads a minute in a project, so that two can follow at once.
const (
	logLate  = 30 * time.Second
	logEvery = 2 * time.Second
)

// Tail reads the entries of the function's service.
func (a *Adapter) Tail(ctx context.Context, fn string, o providers.TailOptions, emit func(providers.LogLine) error) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	log := tail.Log{Late: logLate, Every: logEvery, Read: func(ctx context.Context, from, to time.Time, each func(tail.Entry) error) error {
		return c.readLog(ctx, fn, from, to, each)
	}}
	return log.Tail(ctx, o, emit)
}

// logFilter chooses what a function wrote, and what Cloud Run says of its instances; the requests that it had are in a log of
// their own.
func (c *connection) logFilter(fn string) string {
	return fmt.Sprintf(`resource.type="cloud_run_revision" AND resource.labels.service_name=%q AND resource.labels.location=%q`+
		` AND (log_id("run.googleapis.com/stdout") OR log_id("run.googleapis.com/stderr") OR log_id("run.googleapis.com/varlog/system"))`,
		c.serviceName(fn), c.target.Region)
}

// mostEntries is how many one read gives at most.
const mostEntries = 1000

// readLog hands on the entries of a time.
func (c *connection) readLog(ctx context.Context, fn string, from, to time.Time, each func(tail.Entry) error) error {
	filter := c.logFilter(fn) + " AND timestamp>=" + quoted(from)
	if !to.IsZero() {
		filter += " AND timestamp<" + quoted(to)
	}
	in := &logging.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + c.target.Project}, Filter: filter, OrderBy: "timestamp asc", PageSize: mostEntries,
	}
	for {
		page, err := c.logging.Entries.List(in).Context(ctx).Do()
		if err != nil {
			return c.classify("logs", fn, err)
		}
		for _, e := range page.Entries {
			if err := each(entryOf(fn, e)); err != nil {
				return err
			}
		}
		if page.NextPageToken == "" {
			return nil
		}
		in.PageToken = page.NextPageToken
	}
}

func quoted(at time.Time) string { return `"` + at.UTC().Format(time.RFC3339Nano) + `"` }

// entryOf is an entry with its lines. A line in JSON is one that Google took apart.
func entryOf(fn string, e *logging.LogEntry) tail.Entry {
	at, err := time.Parse(time.RFC3339Nano, e.Timestamp)
	if err != nil {
		at = time.Now().UTC() // Google always writes it so
	}
	l := providers.LogLine{Time: at, Function: fn, Stream: "platform", Instance: e.Labels["instanceId"]}
	if e.Resource != nil {
		l.Revision = e.Resource.Labels["revision_name"]
	}
	if stream := e.LogName[strings.LastIndex(e.LogName, "%2F")+1:]; stream == "2Fstdout" || stream == "2Fstderr" {
		l.Stream = stream[2:]
	}
	entry := tail.Entry{ID: e.InsertId + e.Timestamp, At: at}
	for line := range strings.SplitSeq(strings.TrimRight(textOf(e), "\n"), "\n") {
		l.Text = line
		entry.Lines = append(entry.Lines, l)
	}
	return entry
}

// textOf is an entry as the function wrote it, but for the order of the fields of one in JSON.
func textOf(e *logging.LogEntry) string {
	if e.TextPayload != "" || len(e.JsonPayload) == 0 {
		return e.TextPayload
	}
	var fields map[string]any
	if json.Unmarshal(e.JsonPayload, &fields) != nil || cmp.Or(e.Severity, "DEFAULT") == "DEFAULT" {
		return string(e.JsonPayload)
	}
	fields["severity"] = e.Severity
	data, err := json.Marshal(fields)
	if err != nil {
		return string(e.JsonPayload)
	}
	return string(data)
}

package gcptest

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/logging/v2"
)

// loggingAPI is https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries.
func loggingAPI() *api {
	return &api{
		name: "logging", host: "logging.googleapis.com",
		versions: []version{{"logging/v2", map[string]handler{
			"entries.list":  in((*place).listEntries),
			"entries.write": in((*place).writeEntries),
		}}},
		permissions: map[string]string{
			"entries.list":  "logging.logEntries.list",
			"entries.write": "logging.logEntries.create",
		},
	}
}

// logged keeps a line that a container wrote to its stdout or stderr, as Cloud Run does: a line that is a JSON object becomes a
// structured payload. https://cloud.google.com/run/docs/logging
func (p *place) logged(location, service, revision, instance, stream, line string) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	at := stamp(time.Now())
	e := &logging.LogEntry{
		LogName: "projects/" + Project + "/logs/run.googleapis.com%2F" + stream, Timestamp: at, ReceiveTimestamp: at,
		InsertId: strconv.FormatInt(p.next(), 36), Labels: map[string]string{"instanceId": instance},
		Resource: &logging.MonitoredResource{Type: "cloud_run_revision", Labels: map[string]string{
			"project_id": Project, "location": location, "service_name": service, "revision_name": revision, "configuration_name": service,
		}},
	}
	structured(e, line)
	p.entries = append(p.entries, e)
}

// structured takes the fields that Logging knows out of a line in JSON.
// https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields
func structured(e *logging.LogEntry, line string) {
	var payload map[string]any
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &payload) != nil {
		e.TextPayload = line
		return
	}
	if severity, ok := payload["severity"].(string); ok && slices.Contains(severities, strings.ToUpper(severity)) {
		e.Severity = strings.ToUpper(severity)
		delete(payload, "severity")
	}
	if message, ok := payload["message"].(string); ok && len(payload) == 1 {
		e.TextPayload = message
		return
	}
	data, _ := json.Marshal(payload) // it came from JSON
	e.JsonPayload = googleapi.RawMessage(data)
}

var severities = []string{"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}

func (p *place) writeEntries(c *call) (any, error) {
	in, err := decode[logging.WriteLogEntriesRequest](c)
	if err != nil {
		return nil, err
	}
	for _, e := range in.Entries {
		at := stamp(time.Now())
		if e.LogName == "" {
			e.LogName = in.LogName
		}
		if e.Resource == nil {
			e.Resource = in.Resource
		}
		if !strings.HasPrefix(e.LogName, "projects/") || e.Resource == nil {
			return nil, refuse(codeInvalidArgument, "Log entries must have a log name and a resource.")
		}
		if e.Timestamp == "" {
			e.Timestamp = at
		}
		if e.InsertId == "" {
			e.InsertId = strconv.FormatInt(p.next(), 36)
		}
		e.ReceiveTimestamp = at
		p.entries = append(p.entries, e)
	}
	return &logging.WriteLogEntriesResponse{}, nil
}

func (p *place) listEntries(c *call) (any, error) {
	in, err := decode[logging.ListLogEntriesRequest](c)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.ResourceNames) == 0 && len(in.ProjectIds) == 0:
		return nil, refuse(codeInvalidArgument, "At least one resource name must be specified.")
	case len(in.Filter) > 20000:
		return nil, refuse(codeInvalidArgument, "The filter must be at most 20000 characters.")
	case !slices.Contains([]string{"", "timestamp asc", "timestamp desc", "timestamp"}, in.OrderBy):
		return nil, refuse(codeInvalidArgument, "Unsupported order_by: %q. Must be \"timestamp asc\" or \"timestamp desc\".", in.OrderBy)
	}
	for _, name := range in.ResourceNames {
		if of, _ := strings.CutPrefix(name, "projects/"); of != Project && of != Number {
			return nil, refuse(codePermissionDenied, "The caller does not have permission")
		}
	}
	keep, err := parseFilter(in.Filter)
	if err != nil {
		return nil, err
	}
	var all []*logging.LogEntry
	for _, e := range p.entries {
		if keep(fieldsOf(e)) {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b *logging.LogEntry) int { return compareTimes(a.Timestamp, b.Timestamp) })
	if in.OrderBy == "timestamp desc" {
		slices.Reverse(all)
	}
	size := int(in.PageSize)
	if size == 0 {
		size = 50
	}
	items, next, err := page(url.Values{"pageSize": {strconv.Itoa(size)}, "pageToken": {in.PageToken}}, all, 1000)
	return &logging.ListLogEntriesResponse{Entries: items, NextPageToken: next}, err
}

func compareTimes(a, b string) int {
	x, _ := time.Parse(time.RFC3339Nano, a)
	y, _ := time.Parse(time.RFC3339Nano, b)
	return x.Compare(y)
}

// fieldsOf is an entry as JSON has it, for filters to look at.
func fieldsOf(e *logging.LogEntry) map[string]any {
	var fields map[string]any
	data, _ := json.Marshal(e) // types of the API always encode
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	_ = d.Decode(&fields)
	return fields
}

// Log writes a line of a revision into the log, as a container does on one of its streams.
func (s *Server) Log(service, revision, stream, line string) {
	s.place.logged(Region, service, revision, "00instance", stream, line)
}

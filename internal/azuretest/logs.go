package azuretest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// workspaceOf is where the logs of an app go: by its connection string to a component, and on to the component's workspace.
func (c *Cloud) workspaceOf(s *site) (*workspace, *resource) {
	key, _, _ := strings.Cut(s.settings["APPLICATIONINSIGHTS_CONNECTION_STRING"], ";")
	key, ok := strings.CutPrefix(key, "InstrumentationKey=")
	if !ok {
		return nil, nil
	}
	for _, r := range c.resources {
		if r.kind == componentType && r.properties["InstrumentationKey"] == key {
			if w := c.resources[lower(text(r.properties, "WorkspaceResourceId"))]; w != nil {
				return w.state.(*workspace), r
			}
		}
	}
	return nil, nil
}

// row adds to a table what all its rows have.
func (c *Cloud) row(s *site, table string, row object) {
	w, component := c.workspaceOf(s)
	if w == nil {
		return
	}
	row["Type"], row["TimeGenerated"], row["_ItemId"], row["_ResourceId"] = table, now(), newID(), component.id
	row["AppRoleName"], row["AppRoleInstance"], row["TenantId"] = s.is.name, "instance", w.is.properties["customerId"]
	w.rows = append(w.rows, row)
}

// trace keeps a line that an app printed.
func (c *Cloud) trace(s *site, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	operation := ""
	if len(s.listed) == 1 {
		operation = s.listed[0].Name
	}
	c.row(s, "AppTraces", object{"Message": line, "SeverityLevel": 1, "OperationName": operation, "OperationId": "", "Properties": "{}"})
}

// request keeps that an app answered.
func (c *Cloud) request(s *site, f functionInfo, r *http.Request, status int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row(s, "AppRequests", object{
		"Name": f.Name, "OperationName": f.Name, "OperationId": "", "Url": "https://" + s.host + r.URL.Path, "ResultCode": strconv.Itoa(status), "Success": status < 400,
		"DurationMs": float64(took.Microseconds()) / 1000, "Properties": "{}",
	})
}

// executed keeps that a function without an answer ran.
func (c *Cloud) executed(s *site, f functionInfo, well bool, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row(s, "AppRequests", object{
		"Name": f.Name, "OperationName": f.Name, "OperationId": "", "Url": "", "ResultCode": "0", "Success": well, "DurationMs": float64(took.Microseconds()) / 1000, "Properties": "{}",
	})
}

// logsSurface is the interface for queries.
//
// Source: azure-rest-api-specs, operationalinsights/data-plane/Microsoft.OperationalInsights, OperationalInsights.json.
func logsSurface() *surface {
	word := func(f *failure, r *request) standin.Reply {
		out := jsonReply(f.status, object{"error": object{"code": f.code, "message": f.message}})
		out.Header.Set("X-Ms-Request-Id", r.id)
		return out
	}
	return &surface{
		name: "logs", word: word, audiences: []string{"https://api.loganalytics.io"},
		host: func(_ *Cloud, host string) (string, bool) {
			return "", host == "api.loganalytics.io" || host == "api.loganalytics.azure.com"
		},
		ops: []*operation{
			{name: "Query_Execute", route: "POST /v1/workspaces/{name}/query", action: workspaceType + "/query/read", run: (*Cloud).queryWorkspace},
			{name: "Query_ResourceExecute", route: "POST /v1/{name...}", action: "Microsoft.Insights/logs/read", run: (*Cloud).queryResource},
		},
	}
}

func (c *Cloud) queryWorkspace(r *request) (any, error) {
	for _, is := range c.resources {
		w, ok := is.state.(*workspace)
		if !ok || is.properties["customerId"] != r.vars["name"] {
			continue
		}
		if !c.allows(r.caller, r.op.action, is.id) {
			return nil, refuse(403, "InsufficientAccessError", "The provided credentials have insufficient access to perform the requested operation")
		}
		return c.answer(r, w.rows)
	}
	return nil, refuse(404, "WorkspaceNotFoundError", "The workspace could not be found")
}

func (c *Cloud) queryResource(r *request) (any, error) {
	id := "/" + strings.TrimSuffix(r.vars["name"], "/query")
	is, err := c.find(id)
	if err != nil {
		return nil, refuse(404, "PathNotFoundError", "The requested path does not exist")
	}
	if !c.allows(r.caller, is.kind+"/query/read", is.id) {
		return nil, refuse(403, "InsufficientAccessError", "The provided credentials have insufficient access to perform the requested operation")
	}
	if w, ok := is.state.(*workspace); ok {
		return c.answer(r, w.rows)
	}
	w := c.resources[lower(text(is.properties, "WorkspaceResourceId"))]
	if w == nil {
		return c.answer(r, nil)
	}
	var rows []object
	for _, row := range w.state.(*workspace).rows {
		if strings.EqualFold(text(row, "_ResourceId"), is.id) {
			rows = append(rows, row)
		}
	}
	return c.answer(r, rows)
}

// answer runs a query over what has been ingested by now.
func (c *Cloud) answer(r *request, rows []object) (any, error) {
	var body struct {
		Query      string   `json:"query"`
		Timespan   string   `json:"timespan"`
		Workspaces []string `json:"workspaces"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return nil, refuse(400, "BadArgumentError", "The request had some invalid properties")
	}
	delay := time.Duration(c.setting(logDelay)) * time.Millisecond
	var seen []object
	for _, row := range rows {
		if time.Since(row["TimeGenerated"].(time.Time)) >= delay && inSpan(body.Timespan, row["TimeGenerated"].(time.Time)) {
			seen = append(seen, row)
		}
	}
	columns, found, err := runKQL(body.Query, seen)
	if err != nil {
		c.t.Errorf("azuretest: the query %q: %v", body.Query, err)
		return nil, refuse(400, "BadArgumentError", "The request had some invalid properties: %v", err)
	}
	heads, lines := []object{}, [][]any{}
	for _, name := range columns {
		heads = append(heads, object{"name": name, "type": columnType(name)})
	}
	for _, row := range found {
		line := make([]any, 0, len(columns))
		for _, name := range columns {
			value := row[name]
			if at, ok := value.(time.Time); ok {
				value = stamp(at)
			}
			line = append(line, value)
		}
		lines = append(lines, line)
	}
	return object{"tables": []object{{"name": "PrimaryResult", "columns": heads, "rows": lines}}}, nil
}

// inSpan says whether a time lies in a span: "start/end", or a duration until now, as "PT1H".
func inSpan(span string, at time.Time) bool {
	first, last, ok := strings.Cut(span, "/")
	if !ok {
		return true // durations of clients are long
	}
	from, err := time.Parse(time.RFC3339Nano, first)
	if err == nil && at.Before(from) {
		return false
	}
	to, err := time.Parse(time.RFC3339Nano, last)
	return err != nil || !at.After(to)
}

func columnType(name string) string {
	switch name {
	case "TimeGenerated":
		return "datetime"
	case "SeverityLevel":
		return "int"
	case "DurationMs":
		return "real"
	case "Success":
		return "bool"
	case "Properties":
		return "dynamic"
	}
	return "string"
}

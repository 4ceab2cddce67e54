package azure

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/monitor/query/azlogs"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/tail"
)

// logsLate is how long Azure may take to show a line. There is no stream of lines on this plan.
const logsLate = 5 * time.Minute

// Tail asks the workspace that the app's lines go to. One that is not there yet is an empty one.
func (a *Adapter) Tail(ctx context.Context, fn string, o providers.TailOptions, emit func(providers.LogLine) error) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	providers.Stage(ctx, "reading logs, which are two to five minutes behind on Azure")
	log := tail.Log{Late: logsLate, Every: 5 * time.Second, Read: func(ctx context.Context, from, to time.Time, each func(tail.Entry) error) error {
		return a.classify("logs", fn, c.readLog(ctx, fn, from, to, each))
	}}
	return log.Tail(ctx, o, emit)
}

// query is the lines of an app in a time, oldest first.
func query(app string, from, to time.Time) string {
	until := ""
	if !to.IsZero() {
		until = fmt.Sprintf(" and TimeGenerated < datetime(%s)", to.UTC().Format(time.RFC3339Nano))
	}
	return fmt.Sprintf("union AppTraces, AppExceptions | where AppRoleName =~ '%s' and TimeGenerated >= datetime(%s)%s"+
		" | project TimeGenerated, _ItemId, Type, Message = coalesce(Message, OuterMessage), SeverityLevel, OperationName, AppRoleInstance, Properties"+
		" | order by TimeGenerated asc", app, from.UTC().Format(time.RFC3339Nano), until)
}

func (c *connection) readLog(ctx context.Context, fn string, from, to time.Time, each func(tail.Entry) error) error {
	app := c.appName(fn)
	text := query(app, from, to)
	res, err := c.logs.QueryResource(ctx, c.workspaceID(c.sharedName()), azlogs.QueryBody{Query: &text}, nil)
	if isNotFound(err) || is(err, "PathNotFoundError", "BadArgumentError") && says(err, "AppTraces", "AppExceptions", "could not be resolved") {
		return nil // nothing was ever logged
	}
	if err != nil {
		return err
	}
	for _, table := range res.Tables {
		at := map[string]int{}
		for i, column := range table.Columns {
			at[value(column.Name)] = i
		}
		for _, row := range table.Rows {
			if err := each(entryOf(fn, at, row)); err != nil {
				return err
			}
		}
	}
	return nil
}

// entryOf is one row. What the host itself says is of the platform.
func entryOf(fn string, at map[string]int, row azlogs.Row) tail.Entry {
	cell := func(name string) string {
		i, ok := at[name]
		if !ok || i >= len(row) || row[i] == nil {
			return ""
		}
		switch v := row[i].(type) {
		case string:
			return v
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return fmt.Sprint(row[i])
	}
	moment, _ := time.Parse(time.RFC3339Nano, cell("TimeGenerated")) // else it is of no time
	e := tail.Entry{ID: cell("_ItemId"), At: moment}
	if e.ID == "" {
		e.ID = cell("TimeGenerated") + cell("Message")
	}
	stream := "stdout"
	switch level := cell("SeverityLevel"); {
	case cell("OperationName") == "" && cell("Type") != "AppExceptions":
		stream = "platform"
	case level == "3" || level == "4" || cell("Type") == "AppExceptions":
		stream = "stderr"
	}
	for line := range strings.SplitSeq(strings.TrimRight(cell("Message"), "\n"), "\n") {
		e.Lines = append(e.Lines, providers.LogLine{
			Time: moment, Function: fn, Instance: cell("AppRoleInstance"), Stream: stream, Text: line,
		})
	}
	return e
}

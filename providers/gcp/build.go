package gcp

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	functions "google.golang.org/api/cloudfunctions/v2"
	logging "google.golang.org/api/logging/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// progress is how far an operation is, as Google describes it beside.
type progress struct {
	Target, BuildName string
	Stages            []struct{ Name, State, Resource, ResourceURI, Message string }
}

func progressOf(op *functions.Operation) (p progress) {
	_ = json.Unmarshal(op.Metadata, &p) // what has none says nothing
	return p
}

// attend waits for an operation, and tells its stages. What it ends with says why, with the build's own words.
func (b *compiler) attend(ctx context.Context, fn string, op *functions.Operation) error {
	told := ""
	err := until.True(ctx, building(), func() (bool, error) {
		for _, stage := range progressOf(op).Stages {
			if stage.State == "IN_PROGRESS" && stage.Name != told {
				told = stage.Name
				providers.Stage(ctx, cmp.Or(map[string]string{"BUILD": "building", "SERVICE": "making the revision", "ARTIFACT_REGISTRY": "keeping the image"}[told], strings.ToLower(told)))
			}
		}
		if op.Done {
			return true, nil
		}
		now, err := b.functions.Projects.Locations.Operations.Get(op.Name).Context(ctx).Do()
		if isNotFound(err) { // one that is done is forgotten in time
			op.Done = true
			return true, nil
		}
		if err == nil {
			op = now
		}
		return op.Done, err
	})
	if err != nil || op.Error == nil {
		return err
	}
	ended := &failure{op.Error.Code, op.Error.Message}
	if isUnknownAccount(ended) || isStale(ended) {
		return ended
	}
	return b.whyNot(ctx, fn, op, ended)
}

// whyNot is why a function could not be built, or does not start.
func (b *compiler) whyNot(ctx context.Context, fn string, op *functions.Operation, ended *failure) error {
	e := &providers.Error{Kind: kindOf(ended), Op: "build", Provider: name, Function: fn, Err: ended, Hint: hintOfMessage(ended.message)}
	if strings.Contains(ended.message, "Healthcheck") {
		e.Kind, e.Op = providers.Crashed, "start"
		return e
	}
	build := progressOf(op).BuildName
	if build == "" || !strings.Contains(ended.message, "Build failed") {
		return e
	}
	e.Kind = providers.Failed
	lines, err := b.buildLog(ctx, idOf(build))
	if err == nil && len(lines) > 0 {
		e.Err = fmt.Errorf("%w\nthe end of the build's log:\n  %s", ended, strings.Join(lines, "\n  "))
	}
	e.Hint = cmp.Or(e.Hint, "see the whole log: `gcloud builds log "+idOf(build)+" --region="+b.target.Region+" --project="+b.target.Project+"`")
	return e
}

// removeFunction deletes a function with its service and its images, when what somebody left under way about it has ended.
func (c *connection) removeFunction(ctx context.Context, fn string) error {
	b := &compiler{c}
	err := until.Done(ctx, func() error {
		op, err := c.functions.Projects.Locations.Functions.Delete(c.functionPath(fn)).Context(ctx).Do()
		switch {
		case err == nil:
			return b.attend(ctx, fn, op)
		case !isStale(err):
			return err
		}
		if left, looking := b.running(ctx, fn); looking == nil && left != nil {
			_ = b.attend(ctx, fn, left) // however it ended, it is in nobody's way
		}
		return err
	}, leaving())
	if err != nil && !isNotFound(err) {
		return err
	}
	return c.discard(ctx, fn)
}

// removeUnserved deletes a function that has no service, as one has whose first build failed, and what was sent to be built. Who may
// not look at functions had none built.
func (c *connection) removeUnserved(ctx context.Context, fn string) error {
	found, err := c.functions.Projects.Locations.Functions.Get(c.functionPath(fn)).Context(ctx).Do()
	switch {
	case isNotFound(err):
		return c.discard(ctx, fn)
	case err != nil:
		return unlessDenied(err)
	case !c.owns(found.Labels, fn):
		return nil
	}
	return c.removeFunction(ctx, fn)
}

// buildLogLines is how much of the end of a build's log is shown.
const buildLogLines = 12

// buildLog is the end of the log of a build, which arrives after it has ended.
func (c *connection) buildLog(ctx context.Context, build string) ([]string, error) {
	in := &logging.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + c.target.Project}, PageSize: buildLogLines, OrderBy: "timestamp desc",
		Filter: fmt.Sprintf(`resource.type="build" AND resource.labels.build_id=%q`, build),
	}
	var lines []string
	err := until.True(ctx, logged(), func() (bool, error) {
		page, err := c.logging.Entries.List(in).Context(ctx).Do()
		if err != nil {
			return false, err
		}
		lines = nil
		for _, e := range slices.Backward(page.Entries) {
			lines = append(lines, e.TextPayload)
		}
		return len(lines) > 0, nil
	})
	return lines, err
}

package gcp

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	functions "google.golang.org/api/cloudfunctions/v2"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// managedBy is Google's own label of a service that belongs to a function of Cloud Functions.
const managedBy = "goog-managed-by"

// makerOf is which of the publishers makes a service's revisions. One that ferry took from Cloud Functions says so itself.
func makerOf(s *run.GoogleCloudRunV2Service) string {
	if s.Labels[managedBy] == "cloudfunctions" && s.Labels[labelPublisher] != byRun {
		return byFunctions
	}
	return byRun
}

// Turn is from Cloud Functions to Cloud Run only, and there is no way back.
func (a *Adapter) Turn(now providers.State, to providers.Spec) (string, error) {
	fn := specOf(to).function
	switch {
	case now.Maker == byFunctions && !fn.viaFunctions():
		return "it is taken from Cloud Functions and goes on as a service of Cloud Run: Google has no way back", nil
	case now.Maker == byRun && fn.viaFunctions():
		return "", stays(fn.Name)
	}
	return "", nil
}

// stays is that what was made on Cloud Run cannot be had built by Cloud Functions.
func stays(fn string) error {
	return &providers.Error{
		Kind: providers.Unsupported, Op: "publish", Provider: name, Function: fn, Hint: "write gcp: {via: run} for it, or rename the function",
		Err: errors.New("the function was made on Cloud Run, and Cloud Functions cannot take a service over"),
	}
}

// detach takes a service from Cloud Functions. It goes on as it is, and Cloud Run alone makes its revisions from then on.
func (c *connection) detach(ctx context.Context, fn string) error {
	providers.Stage(ctx, "taking the service from Cloud Functions")
	err := until.Done(ctx, func() error {
		op, err := c.functions.Projects.Locations.Functions.DetachFunction(c.functionPath(fn), &functions.DetachFunctionRequest{}).Context(ctx).Do()
		if err == nil {
			err = (&compiler{c}).attend(ctx, fn, op)
		}
		if isNotFound(err) { // it was taken before
			return nil
		}
		return err
	}, racing())
	if err != nil {
		return err
	}
	_, err = c.change(ctx, fn, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if now.Labels[labelPublisher] == byRun {
			return nil, nil
		}
		now.Labels[labelPublisher] = byRun
		return []string{"labels"}, nil
	})
	return err
}

// removeBuilt takes away the images that Cloud Functions made of a service which was taken from it: nobody else would.
func (c *connection) removeBuilt(ctx context.Context, fn string) error {
	all, err := c.revisions(ctx, fn)
	if err != nil {
		return err
	}
	built := map[string]bool{}
	for _, r := range all {
		if at := strings.LastIndexAny(imageOf(r), ":@"); at > 0 && revisionOf(r).Digest != "" && r.Labels[labelImage] == "" {
			built[strings.TrimSuffix(imageOf(r)[:at], "@sha256")] = true
		}
	}
	for _, repository := range slices.Sorted(maps.Keys(built)) {
		if err := c.registries().Clear(ctx, repository); err != nil {
			return err
		}
	}
	return nil
}

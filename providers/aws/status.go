package aws

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ferryfn/ferry/providers"
)

// Status asks for the alias with one GetFunction, which has a rate of its own. Only what its tags tell of takes more.
func (a *Adapter) Status(ctx context.Context, fn string) (providers.State, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return providers.State{Function: fn}, err
	}
	st, err := c.status(ctx, fn)
	return st, a.classify("status", fn, err)
}

func (c *connection) status(ctx context.Context, fn string) (providers.State, error) {
	st := providers.State{Function: fn, Bindings: providers.BindNone}
	out, err := c.get(ctx, fn, live)
	if err != nil {
		return st, err
	}
	if out == nil {
		return c.withoutAlias(ctx, st)
	}
	if st.Foreign = !c.owns(out.Tags, fn); st.Foreign {
		return st, nil
	}
	if st.Lacks, err = c.lacks(ctx, fn, out.Configuration); err != nil {
		return st, err
	}
	r := revisionOf(out.Configuration)
	st.Revision, st.URL, st.Unsettled = &r, urlOf(out.Tags), !settled(out)
	if out.Tags[tagCanary] != "" {
		if st.Canary, err = c.canary(ctx, fn); err != nil {
			return st, err
		}
	}
	if out.Tags[tagBound] == "" {
		return st, nil
	}
	var lost string
	st.Bindings, lost, err = c.bindings(ctx, fn)
	st.Lacks = cmp.Or(st.Lacks, lost)
	return st, err
}

// withoutAlias tells a function that is not live from one that is not ferry's.
func (c *connection) withoutAlias(ctx context.Context, st providers.State) (providers.State, error) {
	out, err := c.get(ctx, st.Function, "")
	if err != nil || out == nil {
		return st, err
	}
	st.Foreign = !c.owns(out.Tags, st.Function)
	if !st.Foreign && out.Tags[tagBound] != "" {
		st.Bindings, _, err = c.bindings(ctx, st.Function)
	}
	return st, err
}

// settled reports whether the settings that AWS does not version are those of the version that is live.
func settled(out *lambda.GetFunctionOutput) bool {
	return out.Tags[tagSettings] == labelOf(out.Configuration).settings
}

// canary is the version that has a weight, nil when none has.
func (c *connection) canary(ctx context.Context, fn string) (*providers.Canary, error) {
	now, err := c.alias(ctx, fn)
	if err != nil || !now.weighted() {
		return nil, err
	}
	for version, weight := range now.RoutingConfig.AdditionalVersionWeights {
		out, err := c.get(ctx, fn, version)
		if err != nil || out == nil {
			return nil, err
		}
		return &providers.Canary{Revision: revisionOf(out.Configuration), Percent: int(math.Round(weight * 100))}, nil
	}
	return nil, nil
}

// Revisions are the versions that ferry published, oldest first. A function that was adopted may have others.
func (a *Adapter) Revisions(ctx context.Context, fn string) ([]providers.Revision, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	var list []providers.Revision
	pages := lambda.NewListVersionsByFunctionPaginator(c.lambda, &lambda.ListVersionsByFunctionInput{FunctionName: aws.String(a.functionName(fn))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, a.classify("revisions", fn, err)
		}
		for _, v := range page.Versions {
			if aws.ToString(v.Version) != "$LATEST" && labelOf(&v) != (label{}) {
				list = append(list, revisionOf(&v))
			}
		}
	}
	slices.SortFunc(list, func(x, y providers.Revision) int { return number(x.ID) - number(y.ID) })
	return list, nil
}

func number(version string) int {
	n, _ := strconv.Atoi(version) // AWS counts versions
	return n
}

// Stored asks for the one version. One whose role is gone or was made again cannot run any more.
func (a *Adapter) Stored(ctx context.Context, fn string, r providers.Revision) (bool, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return false, err
	}
	out, err := c.get(ctx, fn, r.ID)
	if err != nil || out == nil {
		return false, a.classify("revisions", fn, err)
	}
	lost, err := c.lacks(ctx, fn, out.Configuration)
	return lost == "" && revisionOf(out.Configuration) == r, a.classify("revisions", fn, err)
}

// Functions lists those of the account whose names begin as ferry's do and whose tags say that they are.
func (a *Adapter) Functions(ctx context.Context) ([]string, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	common := naming().Beginning(a.prefix())
	var names []string
	pages := lambda.NewListFunctionsPaginator(c.lambda, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.classify("list functions", "", err)
		}
		for _, f := range page.Functions {
			if !strings.HasPrefix(aws.ToString(f.FunctionName), common) {
				continue
			}
			out, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: f.FunctionName})
			if isNotFound(err) {
				continue
			}
			if err != nil {
				return nil, a.classify("list functions", "", err)
			}
			if fn := out.Tags[tagFunction]; a.owns(out.Tags, fn) {
				names = append(names, fn)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

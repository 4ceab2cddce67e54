package azure

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/doctor"
)

// lookAtRegion asks whether the region has the plan.
func (c *connection) lookAtRegion(ctx context.Context) (string, error) {
	var list struct {
		Value []struct{ Name, DisplayName string }
	}
	path := "/subscriptions/" + c.subscription + "/providers/Microsoft.Web/geoRegions?" + url.Values{"sku": {"FlexConsumption"}}.Encode()
	if err := c.call(ctx, http.MethodGet, path, "2023-01-01", nil, &list); err != nil {
		return "", err
	}
	for _, region := range list.Value {
		if normal(region.Name) == c.target.Location || normal(region.DisplayName) == c.target.Location {
			return "offered in " + c.target.Location, nil
		}
	}
	return "", fail(providers.Invalid, "look at the region", "", "choose another location: `az functionapp list-flexconsumption-locations` shows them", "%s does not offer Flex Consumption", c.target.Location)
}

// stack is a language as the API names it, with its versions.
type stack struct {
	Properties struct {
		MajorVersions []struct {
			MinorVersions []struct {
				StackSettings struct {
					Linux struct {
						SKUs []struct {
							Code   string                          `json:"skuCode"`
							Config struct{ Runtime runtimeConfig } `json:"functionAppConfigProperties"`
						} `json:"sku"`
					} `json:"linuxRuntimeSettings"`
				}
			}
		}
	}
}

// offered are the runtimes of the plan in the region, as "node 22".
func (c *connection) offered(ctx context.Context) ([]string, error) {
	path := "/providers/Microsoft.Web/locations/" + c.target.Location + "/functionAppStacks?removeHiddenStacks=true&removeDeprecatedStacks=true"
	stacks, err := entries[stack](ctx, c, path, "2020-10-01")
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, s := range stacks {
		for _, major := range s.Properties.MajorVersions {
			for _, minor := range major.MinorVersions {
				for _, sku := range minor.StackSettings.Linux.SKUs {
					if runs := sku.Config.Runtime; sku.Code == "FC1" {
						found[runs.Name+" "+runs.Version] = true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// lookAtRuntimes compares what functions need with what the region offers now.
func (c *connection) lookAtRuntimes(functions []manifest.Function) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		has, err := c.offered(ctx)
		if err != nil {
			return "", err
		}
		for _, fn := range functions {
			if runs := runtimeOf(functionOf(fn)); !slices.Contains(has, runs.Name+" "+runs.Version) {
				return "", fail(providers.Invalid, "look at the runtimes", fn.Name, "choose another runtime: "+c.target.Location+" offers "+strings.Join(has, ", "),
					"%s does not offer %s %s", c.target.Location, runs.Name, runs.Version)
			}
		}
		return strings.Join(has, ", "), nil
	}
}

// cores is how many of them apps of the plan have in the region, and may have.
type cores struct{ used, limit float64 }

// cores asks for the quota; a region that tells of none has none. Instances that end when nobody calls them do not count.
func (c *connection) cores(ctx context.Context) (*cores, error) {
	path := "/subscriptions/" + c.subscription + "/providers/Microsoft.Web/locations/" + c.target.Location + "/usages"
	all, err := entries[struct {
		Name         struct{ Value string }
		CurrentValue float64
		Limit        float64
	}](ctx, c, path, webVersion)
	for _, one := range all {
		if strings.Contains(strings.ToLower(one.Name.Value), "flex") {
			return &cores{one.CurrentValue, one.Limit}, nil
		}
	}
	return nil, err
}

func (c *connection) lookAtCores(ctx context.Context) (string, error) {
	has, err := c.cores(ctx)
	switch {
	case err != nil && kindOf(err) == providers.Denied:
		return "the caller may not see the quota of the subscription", nil
	case err != nil:
		return "", err
	case has == nil:
		return c.target.Location + " tells of no quota", nil
	}
	said := fmt.Sprintf("%g of %g are in use in %s by instances that are always ready", has.used, has.limit, c.target.Location)
	if has.used >= has.limit {
		return "", &doctor.Warning{Message: said, Hint: moreCores}
	}
	return said, nil
}

const moreCores = "lower scaling.min, always_ready or memory, or ask Azure for more cores of Flex Consumption in the region"

// warm is how many cores the instances have that are always ready.
func (s scaleConfig) warm() float64 {
	each := map[int]float64{512: 0.25, 2048: 1, 4096: 2}[s.InstanceMemoryMB]
	total := 0.0
	for _, group := range s.AlwaysReady {
		total += each * float64(group.InstanceCount)
	}
	return total
}

// exceeds is an error where functions need more cores than are left, beside those that their apps have. Only what they need more is
// asked about, and who may not see the quota finds out from Azure.
func (c *connection) exceeds(ctx context.Context, specs []providers.Spec, apps []site) *providers.Error {
	more := 0.0
	for _, s := range specs {
		more += c.scaleOf(functionOf(s.Function)).warm()
		for _, is := range apps {
			if c.owns(is.Tags, s.Function.Name) {
				more -= is.scale().warm()
			}
		}
	}
	if more <= 0 {
		return nil
	}
	has, err := c.cores(ctx)
	if err != nil || has == nil || has.used+more <= has.limit {
		return nil
	}
	return fail(providers.Limit, "look at the quota", "", moreCores,
		"instances that are always ready need %g cores more, and %s has %g of %g left", more, c.target.Location, max(has.limit-has.used, 0), has.limit)
}

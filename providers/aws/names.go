package aws

import (
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers/marks"
	"github.com/ferryfn/ferry/providers/names"
)

// The tags by which ferry knows its own. Those of a function come with GetFunction, so they also say where else to
// look, and the status of most functions takes that one call. Each is set before what it tells of can be there.
const (
	tagService  = "ferry:service"
	tagStage    = "ferry:stage"
	tagFunction = "ferry:function"
	tagURL      = "ferry:url"      // the Function URL of the alias
	tagSettings = "ferry:settings" // the digest of the settings that hold; unsettled while they are changed
	tagWarm     = "ferry:warm"     // provisioned concurrency may be configured
	tagBound    = "ferry:bound"    // events may be bound
	tagCanary   = "ferry:canary"   // requests may be split
	tagTags     = "ferry:tags"     // the keys of the manifest's own tags
	tagRoles    = "ferry:roles"    // given: no role was made for the function
	tagBoundary = "ferry:boundary" // of a role: its boundary is the manifest's
)

// unsettled is the value of tagSettings while settings are changed.
const unsettled = "changing"

// maxName is how long the names of functions and roles may be.
const maxName = 64

// naming is how such names are made.
func naming() names.Rule { return names.Rule{Most: maxName} }

// functionName is the name of a function at AWS.
func (p *place) functionName(fn string) string {
	return naming().Of(p.prefix() + fn)
}

// prefix begins the names of all functions of the service and stage, but for those that had to be shortened far.
func (p *place) prefix() string { return p.service + "-" + p.stage + "-" }

// roleName is the name of a function's execution role. Roles are of the account, so it names the region.
func (p *place) roleName(fn string) string {
	return naming().Of(p.prefix() + fn + "-" + p.target.Region)
}

// schedulerRoleName is the name of the role by which schedules call a function.
func (p *place) schedulerRoleName(fn string) string {
	return naming().Of(p.prefix() + fn + "-" + p.target.Region + "-schedule")
}

func (p *place) logGroupName(fn string) string { return "/aws/lambda/" + p.functionName(fn) }

// tags are those of all that is made for a function.
func (p *place) tags(fn function) map[string]string {
	tags := maps.Clone(fn.own.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	keys := strings.Join(slices.Sorted(maps.Keys(tags)), " ")
	maps.Copy(tags, tagged().Of(p.owner(fn.Name)))
	if keys != "" && len(keys) <= maxTagValue {
		tags[tagTags] = keys
	}
	return tags
}

// retagging is what gives a thing the wanted tags: the keys that have to go, which are those that the manifest asked for
// before and those of ferry's own that are named, and the tags that are not there so.
func retagging(want, has map[string]string, own ...string) (gone []string, left map[string]string) {
	return marks.Change(want, has, slices.Concat(strings.Fields(has[tagTags]), []string{tagTags}, own)...)
}

// owner is whose the things of a function are.
func (p *place) owner(fn string) marks.Owner {
	return marks.Owner{Service: p.service, Stage: p.stage, Function: fn}
}

// owns reports whether tags say that ferry made a thing for this function.
func (p *place) owns(tags map[string]string, fn string) bool {
	return tagged().Owned(tags, p.owner(fn))
}

// tagged is how ferry marks what it makes.
func tagged() marks.Syntax { return marks.Syntax{Prefix: "ferry:"} }

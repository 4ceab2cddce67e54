package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
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

// functionName is the name of a function at AWS.
func (p *place) functionName(fn string) string {
	return shorten(p.prefix()+fn, maxName)
}

// prefix begins the names of all functions of the service and stage, but for those that had to be shortened far.
func (p *place) prefix() string { return p.service + "-" + p.stage + "-" }

// roleName is the name of a function's execution role. Roles are of the account, so it names the region.
func (p *place) roleName(fn string) string {
	return shorten(p.prefix()+fn+"-"+p.target.Region, maxName)
}

// schedulerRoleName is the name of the role by which schedules call a function.
func (p *place) schedulerRoleName(fn string) string {
	return shorten(p.prefix()+fn+"-"+p.target.Region+"-schedule", maxName)
}

func (p *place) logGroupName(fn string) string { return "/aws/lambda/" + p.functionName(fn) }

// shortened is how much of a shortened name is not the name's beginning.
const shortened = 9

// shorten cuts a name to a length. What is cut off is told apart by a digest.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return s[:most-shortened] + "-" + hex.EncodeToString(sum[:4])
}

// tags are those of all that is made for a function.
func (p *place) tags(fn function) map[string]string {
	tags := maps.Clone(fn.own.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	keys := strings.Join(slices.Sorted(maps.Keys(tags)), " ")
	maps.Copy(tags, map[string]string{tagService: p.service, tagStage: p.stage, tagFunction: fn.Name})
	if keys != "" && len(keys) <= maxTagValue {
		tags[tagTags] = keys
	}
	return tags
}

// retagging is what gives a thing the wanted tags: the keys that have to go, which are those that the manifest asked for
// before and those of ferry's own that are named, and the tags that are not there so.
func retagging(want, has map[string]string, own ...string) (gone []string, left map[string]string) {
	gone = present(has, slices.Concat(strings.Fields(has[tagTags]), []string{tagTags}, own)...)
	gone = slices.DeleteFunc(gone, func(key string) bool { _, stays := want[key]; return stays })
	left = maps.Clone(want)
	maps.DeleteFunc(left, func(key, value string) bool { is, ok := has[key]; return ok && is == value })
	return gone, left
}

// present are those of the keys that are tags.
func present(tags map[string]string, keys ...string) []string {
	return slices.DeleteFunc(keys, func(key string) bool { _, ok := tags[key]; return !ok })
}

// owns reports whether tags say that ferry made a thing for this function.
func (p *place) owns(tags map[string]string, fn string) bool {
	return tags[tagService] == p.service && tags[tagStage] == p.stage && tags[tagFunction] == fn
}

// ours reports whether it is one of the tags by which ferry marks things.
func ours(tag string) bool { return strings.HasPrefix(tag, "ferry:") }

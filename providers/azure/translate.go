package azure

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers/marks"
	"github.com/ferryfn/ferry/providers/names"
)

// The tags of an app. All come with the one request that asks for it, so that the status of a function takes no other.
const (
	ours       = "ferry:"
	tagTarget  = ours + "target"
	tagTags    = ours + "tags"    // the keys of the manifest's own tags
	tagStore   = ours + "store"   // of a storage account that ferry made
	tagAdopted = ours + "adopted" // an app that ferry did not make
)

// maxName is how long the name of an app may be, so that all of it is in what Azure makes its host's id of.
const maxName = 32

// tagged is how ferry marks what it makes.
func tagged() marks.Syntax { return marks.Syntax{Prefix: ours} }

// owner is whose the things of a function are; without one they are of the whole stage.
func (p *place) owner(fn string) marks.Owner {
	return marks.Owner{Service: p.service, Stage: p.stage, Function: fn}
}

// owns reports whether tags say that ferry made a thing for this function.
func (p *place) owns(tags map[string]string, fn string) bool {
	return tagged().Owned(tags, p.owner(fn))
}

// tags are those of all that is made for a function.
func (p *place) tags(fn function) map[string]string {
	tags := maps.Clone(fn.own.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	keys := strings.Join(slices.Sorted(maps.Keys(tags)), " ")
	maps.Copy(tags, tagged().Of(p.owner(fn.Name)))
	tags[tagTarget] = p.targetName
	if keys != "" && len(keys) <= maxTagValue {
		tags[tagTags] = keys
	}
	return tags
}

// appName is the name of the app of a function, of its container, its plan and its identity. The names of apps are of all the
// world, so that it begins with a digest of whose it is; that also keeps apart the hosts that share a storage account, which
// are told apart by how the names of their apps begin.
func (c *connection) appName(fn string) string {
	return cmp.Or(strings.ToLower(c.target.Apps[fn]), c.unique(maxName, c.service, c.stage, fn))
}

// sharedName is the name of what all functions of a service and stage share.
func (c *connection) sharedName() string { return c.unique(maxName, c.service, c.stage) }

// unique joins words to a name of at most so many characters, after a digest that no other words in another resource group give.
func (c *connection) unique(most int, words ...string) string {
	digest := short(append([]string{strings.ToLower(c.subscription), strings.ToLower(c.target.ResourceGroup)}, words...)...)
	plain := plainly(strings.Join(words, "-"))
	return digest + "-" + strings.Trim(plain[:min(len(plain), most-len(digest)-1)], "-")
}

// plainly spells in lower case, with digits and single hyphens, as containers of blobs want it.
func plainly(name string) string {
	return strings.Join(strings.FieldsFunc(names.Lower(name), func(r rune) bool { return r == '-' }), "-")
}

// storageName is the name of the storage account that all services of a resource group share.
func (c *connection) storageName() string {
	return cmp.Or(c.target.StorageAccount, "ferry"+short(strings.ToLower(c.subscription), strings.ToLower(c.target.ResourceGroup))+"st")
}

// short is a digest for comparing, and for names.
func short(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// groupID is the id of the resource group, and id that of something in it.
func (c *connection) groupID() string {
	return fmt.Sprintf("/subscriptions/%s/resourceGroups/%s", c.subscription, c.target.ResourceGroup)
}

func (c *connection) id(kind, name string) string {
	return c.groupID() + "/providers/" + kind + "/" + name
}

func (c *connection) siteID(app string) string { return c.id("Microsoft.Web/sites", app) }
func (c *connection) planID(app string) string { return c.id("Microsoft.Web/serverfarms", app) }
func (c *connection) storageID() string {
	return c.id("Microsoft.Storage/storageAccounts", c.storageName())
}

func (c *connection) workspaceID(n string) string {
	return c.id("Microsoft.OperationalInsights/workspaces", n)
}

// normal is a region's name as Resource Manager writes it.
func normal(location string) string { return strings.ToLower(strings.ReplaceAll(location, " ", "")) }

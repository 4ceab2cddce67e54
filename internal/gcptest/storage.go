package gcptest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/ferryfn/ferry/internal/standin"
)

// storageAPI is https://cloud.google.com/storage/docs/json_api/v1.
func storageAPI() *api {
	return &api{
		name: "storage", host: "storage.googleapis.com",
		versions: []version{{"storage/v1", map[string]handler{
			"buckets.insert":              in((*place).insertBucket),
			"buckets.get":                 in((*place).getBucket),
			"buckets.list":                in((*place).listBuckets),
			"buckets.patch":               in((*place).patchBucket),
			"buckets.delete":              in((*place).deleteBucket),
			"buckets.getIamPolicy":        in((*place).getBucketPolicy),
			"buckets.setIamPolicy":        in((*place).setBucketPolicy),
			"buckets.testIamPermissions":  in((*place).testBucket),
			"objects.insert":              in((*place).insertObject),
			"objects.get":                 in((*place).getObject),
			"objects.list":                in((*place).listObjects),
			"objects.delete":              in((*place).deleteObject),
			"notifications.insert":        in((*place).insertNotification),
			"notifications.get":           in((*place).getNotification),
			"notifications.list":          in((*place).listNotifications),
			"notifications.delete":        in((*place).deleteNotification),
			"projects.serviceAccount.get": in((*place).getStorageAgent),
		}}},
		permissions: map[string]string{
			"buckets.insert": "storage.buckets.create", "buckets.patch": "storage.buckets.update", "objects.insert": "storage.objects.create",
			"notifications.insert": "storage.buckets.update", "notifications.get": "storage.buckets.get", "notifications.list": "storage.buckets.get",
			"notifications.delete": "storage.buckets.update", "projects.serviceAccount.get": "resourcemanager.projects.get",
			"buckets.testIamPermissions": "",
		},
	}
}

// no is a refusal of Cloud Storage, which has its own words: https://cloud.google.com/storage/docs/json_api/v1/status-codes.
func no(status int, reason, format string, args ...any) error {
	return &failure{http: status, reason: reason, message: fmt.Sprintf(format, args...)}
}

func preconditionFailed() error {
	return no(http.StatusPreconditionFailed, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
}

func (p *place) getStorageAgent(c *call) (any, error) {
	if err := p.isThis(c); err != nil {
		return nil, no(http.StatusForbidden, "forbidden", "%s does not have serviceusage.services.use access.", c.caller)
	}
	_, email, _ := cutPrefixed(storageAgent)
	return map[string]string{"kind": "storage#serviceAccount", "email_address": email}, nil
}

// condition checks what a call demands of the versions of a thing; 0 is that there is none. What a reader has already is 304.
// https://cloud.google.com/storage/docs/request-preconditions
func (c *call) condition(of string, is int64) error {
	for _, demand := range []struct {
		name  string
		equal bool
	}{{"if" + of + "Match", true}, {"if" + of + "NotMatch", false}} {
		text := c.query.Get(demand.name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil:
			return no(http.StatusBadRequest, "invalid", "Invalid value for: '%s' is not a valid signed long", text)
		case (n == is) == demand.equal:
		case !demand.equal && c.http.Method == http.MethodGet:
			return notModified{}
		default:
			return preconditionFailed()
		}
	}
	return nil
}

// notModified ends a read of what the reader has already.
type notModified struct{}

func (notModified) Error() string { return "not modified" }

// unlessHad turns notModified into the answer that it is.
func unlessHad(result any, err error) (any, error) {
	if _, had := err.(notModified); had { //nolint:errorlint // it is never wrapped
		return standin.Reply{Status: http.StatusNotModified, Header: http.Header{}}, nil
	}
	return result, err
}

func (p *place) testBucket(c *call) (any, error) {
	b, err := p.bucketOf(c)
	if err != nil {
		return nil, err
	}
	granted := slices.Clone(c.query["permissions"])
	granted = slices.DeleteFunc(granted, func(asked string) bool {
		return c.caller != Deployer && !p.may("serviceAccount:"+c.caller, asked, b.policy)
	})
	return map[string]any{"kind": "storage#testIamPermissionsResponse", "permissions": granted}, nil
}

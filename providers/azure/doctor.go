package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/doctor"
)

// patience is how long one thing is looked at.
const patience = 20 * time.Second

// doctor is how this place is looked at.
func (a *Adapter) doctor() doctor.Doctor {
	return doctor.Doctor{Patience: patience, Classify: func(subject string, err error) *providers.Error {
		var e *providers.Error
		errors.As(a.classify("look at "+subject, "", err), &e)
		return e
	}}
}

// Diagnose looks at the credentials first: without them nothing else can be seen.
func (a *Adapter) Diagnose(ctx context.Context, functions []manifest.Function) []providers.Finding {
	found := []providers.Finding{{Subject: "location", Level: providers.LevelOK, Message: a.target.Location}}
	who, c := a.whoAmI(ctx)
	found = append(found, who...)
	if c == nil {
		return found
	}
	looks := []doctor.Look{
		{Subject: "resource providers", At: c.lookAtProviders},
		{Subject: "resource group", At: c.lookAtGroup},
		{Subject: "roles", At: c.lookAtRights},
		{Subject: "storage", At: c.lookAtStorage},
		{Subject: "Flex Consumption", At: c.lookAtRegion},
		{Subject: "runtimes", At: c.lookAtRuntimes(functions)},
		{Subject: "cores", At: c.lookAtCores},
	}
	if wants := slices.ContainsFunc(functions, func(fn manifest.Function) bool { return len(fn.Secrets) > 0 }); wants || len(functions) == 0 && a.target.KeyVault != "" {
		looks = append(looks, doctor.Look{Subject: "key vault", At: c.lookAtVault})
	}
	return append(found, a.doctor().All(ctx, looks...)...)
}

// whoAmI is about the credentials; the connection is nil when they are not good for anything.
func (a *Adapter) whoAmI(ctx context.Context) ([]providers.Finding, *connection) {
	var found []providers.Finding
	look := func(subject string, at func(context.Context) (string, error)) bool {
		f := a.doctor().One(ctx, doctor.Look{Subject: subject, At: at})
		found = append(found, f)
		return f.Level != providers.LevelFailed
	}
	var c *connection
	ok := look("credentials", func(ctx context.Context) (_ string, err error) {
		signed, err := a.signedIn(ctx)
		if err != nil {
			return "", err
		}
		who, err := signed.caller(ctx)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s, of %s", a.origin(), who.name), nil
	})
	ok = ok && look("subscription", func(ctx context.Context) (_ string, err error) {
		if c, err = a.connect(ctx); err != nil {
			return "", err
		}
		var is struct{ DisplayName, State string }
		if err := c.call(ctx, http.MethodGet, "/subscriptions/"+c.subscription, "2022-12-01", nil, &is); err != nil {
			return "", err
		}
		if is.State != "" && is.State != "Enabled" {
			return "", &doctor.Warning{Message: fmt.Sprintf("%s (%s) is %s", c.subscription, is.DisplayName, is.State), Hint: "have it enabled"}
		}
		return c.subscription + " (" + is.DisplayName + ")", nil
	})
	if !ok {
		return found, nil
	}
	return found, c
}

// neededProviders are the namespaces of what a deploy makes.
func neededProviders() []string {
	return []string{"Microsoft.Web", "Microsoft.Storage", "Microsoft.ManagedIdentity", "Microsoft.Insights", "Microsoft.OperationalInsights"}
}

func (c *connection) lookAtProviders(ctx context.Context) (string, error) {
	var missing []string
	for _, namespace := range neededProviders() {
		out, err := c.kinds.Get(ctx, namespace, nil)
		if err != nil {
			return "", err
		}
		if value(out.RegistrationState) != "Registered" {
			missing = append(missing, namespace)
		}
	}
	if len(missing) > 0 {
		return "", &doctor.Warning{
			Message: "not registered yet: " + strings.Join(missing, ", ") + ". The first deploy registers them, which takes rights on the subscription",
			Hint:    "run `az provider register --namespace " + missing[0] + "`",
		}
	}
	return "all registered", nil
}

func (c *connection) lookAtGroup(ctx context.Context) (string, error) {
	_, err := c.groups.Get(ctx, c.target.ResourceGroup, nil)
	if isNotFound(err) {
		return c.target.ResourceGroup + " does not exist yet: the first deploy creates it", nil
	}
	return c.target.ResourceGroup + " exists", err
}

// neededActions are what a deploy does in the resource group.
func neededActions() []string {
	return []string{
		"Microsoft.Web/sites/write", "Microsoft.Web/sites/config/list/action", "Microsoft.Web/sites/host/listkeys/action", "Microsoft.Web/serverfarms/write",
		"Microsoft.Storage/storageAccounts/write", "Microsoft.Storage/storageAccounts/blobServices/containers/write",
		"Microsoft.ManagedIdentity/userAssignedIdentities/write", "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
		"Microsoft.Authorization/roleAssignments/write", "Microsoft.OperationalInsights/workspaces/write", "Microsoft.Insights/components/write",
	}
}

func (c *connection) lookAtRights(ctx context.Context) (string, error) {
	var list struct{ Value []permission }
	err := c.call(ctx, http.MethodGet, c.groupID()+"/providers/Microsoft.Authorization/permissions", "2022-04-01", nil, &list)
	if isNotFound(err) {
		err = c.call(ctx, http.MethodGet, "/subscriptions/"+c.subscription+"/providers/Microsoft.Authorization/permissions", "2022-04-01", nil, &list)
	}
	if err != nil {
		return "", err
	}
	var missing []string
	for _, action := range neededActions() {
		if !slices.ContainsFunc(list.Value, func(p permission) bool { return p.allows(action) }) {
			missing = append(missing, action)
		}
	}
	if len(missing) > 0 {
		return "", &doctor.Warning{
			Message: "the caller may not do all that a first deploy does: " + strings.Join(missing, ", "),
			Hint:    give(roleFor(missing[0]), "the resource group "+c.target.ResourceGroup),
		}
	}
	return "the caller may do what a deploy does", nil
}

// permission is what one role lets the caller do.
type permission struct{ Actions, NotActions []string }

func (p permission) allows(action string) bool {
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			pattern = strings.ToLower(pattern) // whose /*/ stands for no part, too
			return covers(pattern, strings.ToLower(action)) || covers(strings.ReplaceAll(pattern, "/*/", "/"), strings.ToLower(action))
		})
	}
	return matches(p.Actions) && !matches(p.NotActions)
}

// covers reports whether a pattern, in which * is anything, is of an action.
func covers(pattern, action string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(action, parts[0]) {
		return false
	}
	rest := action[len(parts[0]):]
	for i, part := range parts[1:] {
		if i == len(parts)-2 {
			return strings.HasSuffix(rest, part)
		}
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return rest == ""
}

func (c *connection) lookAtStorage(ctx context.Context) (string, error) {
	account := c.storageName()
	there, err := c.hasStorage(ctx)
	if err != nil {
		return "", err
	}
	if !there {
		return "the storage account " + account + " does not exist yet: the first deploy creates it", nil
	}
	b, err := c.box(storeContainer)
	if err != nil {
		return "", err
	}
	if _, err := b.blob("ferry-doctor").GetProperties(ctx, nil); unlessMissing(err) != nil {
		return "", fmt.Errorf("the storage account %s: %w", account, err)
	}
	return "the storage account " + account + " lets the caller in", nil
}

func (c *connection) lookAtVault(ctx context.Context) (string, error) {
	v, err := c.vault()
	if err != nil {
		return "", err
	}
	if _, err := v.NewListSecretPropertiesPager(nil).NextPage(ctx); err != nil {
		return "", fmt.Errorf("the key vault %s: %w", c.target.KeyVault, err)
	}
	return "the key vault " + c.target.KeyVault + " lets the caller in", nil
}

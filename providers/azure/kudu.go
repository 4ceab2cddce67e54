package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// deployment is what the host of deployments says of one.
type deployment struct {
	ID         string
	Status     int
	StatusText string `json:"status_text"`
	Message    string
	Complete   bool
}

// The states of a deployment. The status over HTTP is the same whether it goes on or has failed.
const (
	deployCancelled = -1
	deployPending   = 0
	deployBuilding  = 1
	deployDeploying = 2
	deployFailed    = 3
	deploySucceeded = 4
	deployConflict  = 5
	deployPartial   = 6
)

// errUnbegun is a deployment of which the host knows nothing.
var errUnbegun = errors.New("the host of deployments knows nothing of it")

// errStorage is a deployment that could not write the package: the identity of the app may not yet.
var errStorage = errors.New("the app may not write into its container yet")

// errNobody is the same where it never may: somebody deleted that identity.
var errNobody = errors.New("the app cannot write into its container")

// deploy hands a package to the app, and waits until it is in force. It ends well only when the host says so, or the package in
// the app's container is another than before and the host has forgotten the deployment.
func (a *app) deploy(ctx context.Context, host string, pkg *packed, before azcore.ETag) error {
	if host == "" {
		return fail(providers.Unavailable, "activate", a.function, "deploy again", "Azure does not say which host takes the packages of %s", a.name)
	}
	providers.Stage(ctx, "deploying the package")
	return until.Done(ctx, func() error {
		id, err := a.publish(ctx, host, pkg)
		if err != nil {
			return err
		}
		err = a.await(ctx, host, id, string(before))
		if errors.Is(err, errStorage) {
			is, looking := a.findIdentity(ctx, a.sharedName())
			if looking == nil && is.id == "" {
				return fmt.Errorf("%w, since nobody is %s any more", errNobody, a.sharedName())
			}
		}
		return err
	}, storageRefused(errStorage), a.conflicting())
}

// conflicting is for a deployment that met another one: its turn comes.
func (a *app) conflicting() until.Rule {
	return until.Rule{For: "another deployment to end", Within: busyTime, First: time.Second, Most: 5 * time.Second, Passing: func(err error) bool {
		return errors.Is(err, errOther)
	}}
}

var errOther = errors.New("another deployment of the app is under way")

// publish sends the package. A host that is not there is asked a few times: sometimes it is gone for good.
func (a *app) publish(ctx context.Context, host string, pkg *packed) (id string, err error) {
	err = until.Done(ctx, func() error {
		id, err = a.send(ctx, host, pkg)
		return err
	}, unavailable(func(err error) bool {
		_, status := codeOf(err)
		return unavailableKind(err) && (status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || unsent(err))
	}))
	if unavailableKind(err) {
		return "", fail(providers.Unavailable, "activate", a.function,
			"repeat it later; if it stays so for hours while the app answers, remove the function and deploy it again: Azure has to make the app anew",
			"the host of deployments of %s does not take the package: %w", a.name, brief(err))
	}
	return id, err
}

// fetchPackage is the stored package of a revision. It need not fit into memory.
func (a *app) fetchPackage(ctx context.Context, r record) (*packed, error) {
	blob, err := a.box.get(ctx, packageKey(r.Package))
	if err != nil && kindOf(err) == providers.Conflict { // of the store's: nobody else is at the app
		return nil, fail(providers.Unavailable, "activate", a.function, "run the command again", "fetching the package: %w", brief(err))
	}
	if err != nil {
		return nil, fmt.Errorf("fetching the package: %w", err)
	}
	defer blob.Body.Close()
	file, err := os.CreateTemp("", "ferry-azure-*.zip")
	if err != nil {
		return nil, err
	}
	pkg := &packed{file: file, digest: r.Package}
	if _, err := io.Copy(file, blob.Body); err != nil {
		pkg.close()
		return nil, fmt.Errorf("fetching the package: %w", err)
	}
	return pkg, nil
}

func (a *app) send(ctx context.Context, host string, pkg *packed) (string, error) {
	req, err := runtime.NewRequest(ctx, http.MethodPost, "https://"+host+"/api/publish?RemoteBuild=false&Deployer=ferry")
	if err != nil {
		return "", err
	}
	req.Raw().Header.Set("Accept", "application/json")
	if err := req.SetBody(streaming.NopCloser(pkg.file), "application/zip"); err != nil {
		return "", err
	}
	res, err := a.scm.Do(req)
	if err != nil {
		return "", err
	}
	if !runtime.HasStatusCode(res, http.StatusOK, http.StatusAccepted) {
		err := runtime.NewResponseError(res)
		if res.StatusCode == http.StatusConflict {
			return "", fmt.Errorf("%w: %w", errOther, err)
		}
		return "", err
	}
	answer, err := runtime.Payload(res)
	var id string
	if err != nil || json.Unmarshal(answer, &id) != nil {
		return strings.Trim(strings.TrimSpace(string(answer)), `"`), err
	}
	return id, nil
}

// await asks for a deployment until it has ended. Its host is made anew at the end, and then may not know it: what the container
// holds decides, and what the list of deployments says.
func (a *app) await(ctx context.Context, host, id, before string) error {
	var last deployment
	missing := 0 // looks in a row that found nothing
	rule := until.Rule{For: "the deployment to end", Within: deployTime, First: 500 * time.Millisecond, Most: 2 * time.Second}
	err := until.True(ctx, rule, func() (bool, error) {
		now, err := a.deployment(ctx, host, id)
		switch {
		case isNotFound(err):
			missing++
			return a.forgotten(ctx, host, id, before, missing)
		case unavailableKind(err): // the host is being made anew
			return false, nil
		case err != nil:
			return false, err
		}
		missing, last = 0, now
		switch now.Status {
		case deploySucceeded:
			return true, nil
		case deployFailed, deployCancelled, deployConflict, deployPartial:
			return false, a.failed(ctx, host, now)
		}
		return false, nil
	})
	var late *until.Late
	if errors.As(err, &late) {
		return fail(providers.Timeout, "activate", a.function, "run `ferry status` to see what serves", "the deployment of %s is still in state %d after %s", a.name, last.Status, deployTime)
	}
	return err
}

func (a *app) deployment(ctx context.Context, host, id string) (deployment, error) {
	var d deployment
	err := a.ask(ctx, host, "/api/deployments/"+id, &d)
	return d, err
}

// forgotten decides about a deployment that its host does not know: it has not begun, it failed before it was written down, or
// it ended and its host was made anew.
func (a *app) forgotten(ctx context.Context, host, id, before string, looks int) (bool, error) {
	var all []deployment
	err := a.ask(ctx, host, "/api/deployments", &all)
	for _, d := range all {
		if d.ID != id {
			continue
		}
		if d.Status == deploySucceeded {
			return true, nil
		}
		if slices.Contains([]int{deployFailed, deployCancelled, deployConflict, deployPartial}, d.Status) {
			return false, a.failed(ctx, host, d)
		}
	}
	if err != nil && !isNotFound(err) && !unavailableKind(err) {
		return false, err
	}
	if looks < missingLooks {
		return false, nil
	}
	now, err := a.packageTag(ctx)
	if err != nil {
		return false, err
	}
	if string(now) != "" && string(now) != before {
		return true, nil
	}
	return false, fail(providers.Failed, "activate", a.function, "deploy again", "%w, and the package of %s is the one from before", errUnbegun, a.name)
}

// failed says why a deployment failed, by its log.
func (a *app) failed(ctx context.Context, host string, d deployment) error {
	lines := a.deployLog(ctx, host, "/api/deployments/"+d.ID+"/log", 3)
	log := strings.Join(lines, "\n")
	if d.Status == deployConflict {
		return fmt.Errorf("%w: %s", errOther, cmp.Or(d.StatusText, d.Message))
	}
	e := fail(providers.Failed, "activate", a.function, "fix what the log shows, and deploy again", "the deployment of %s failed: %s", a.name, cmp.Or(telling(lines), d.StatusText, d.Message, fmt.Sprint("status ", d.Status)))
	e.Log = log
	if storageTold(log) || storageTold(d.StatusText) {
		e.Kind, e.Hint = providers.Denied, `see that the identity of the app has the role "Storage Blob Data Owner" on the storage account`
		e.Err = fmt.Errorf("%w: %w", errStorage, e.Err)
	}
	return e
}

func storageTold(log string) bool {
	return strings.Contains(log, "Azure Storage responded with") || strings.Contains(log, "AuthorizationPermissionMismatch") || strings.Contains(log, "This request is not authorized")
}

// telling is the line of a log that says what went wrong.
func telling(lines []string) string {
	for _, line := range lines {
		if low := strings.ToLower(line); strings.Contains(low, "error") || strings.Contains(low, "fail") || strings.Contains(low, "forbidden") || strings.Contains(low, "not supported") {
			return line
		}
	}
	return ""
}

// deployLog are the lines of a deployment's log, with those that an entry has more of.
func (a *app) deployLog(ctx context.Context, host, path string, deep int) []string {
	var entries []struct {
		Message    string
		DetailsURL string `json:"details_url"`
	}
	if a.ask(ctx, host, path, &entries) != nil { // then there is none to show
		return nil
	}
	var lines []string
	for _, e := range entries {
		lines = append(lines, e.Message)
		if _, below, ok := strings.Cut(e.DetailsURL, host); ok && deep > 0 {
			lines = append(lines, a.deployLog(ctx, host, below, deep-1)...)
		}
	}
	return lines
}

func (a *app) ask(ctx context.Context, host, path string, into any) error {
	req, err := runtime.NewRequest(ctx, http.MethodGet, "https://"+host+path)
	if err != nil {
		return err
	}
	req.Raw().Header.Set("Accept", "application/json")
	res, err := a.scm.Do(req)
	if err != nil {
		return err
	}
	if !runtime.HasStatusCode(res, http.StatusOK, http.StatusAccepted) {
		return runtime.NewResponseError(res)
	}
	return runtime.UnmarshalAsJSON(res, into)
}

package azure

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// What Azure refuses or has not done in passing. All rules are here, each with how long it is waited for; a new one is one
// more. What every call waits for (throttling, failures on the way) is the SDK's matter.
const (
	settleTime   = 10 * time.Minute // a site that another operation is at
	spreadTime   = 10 * time.Minute // roles that were just given
	rightsTime   = 10 * time.Second // roles that should be there
	deployTime   = 10 * time.Minute // one deployment
	publishTime  = 3 * time.Minute  // a host of deployments that is not there
	triggerTime  = 5 * time.Minute  // triggers that are not known yet
	answerTime   = 5 * time.Minute  // an address that answers as what was there before
	resolveTime  = 3 * time.Minute  // references to secrets
	deletionTime = 3 * time.Minute  // a container of the same name that is being deleted
	subscribing  = 3 * time.Minute  // an event subscription whose function is not known yet
	busyTime     = 30 * time.Second // another deployment

	missingTime  = time.Second // that a storage account is not there is believed so long
	sightTime    = time.Minute // and what an app was seen to be
	missingLooks = 15          // at a deployment that the host does not know, before and after its time: about half a minute
)

// shortest and longest are the pauses of most rules.
func patiently(what string, within time.Duration, passing func(error) bool) until.Rule {
	return until.Rule{For: what, Within: within, First: 200 * time.Millisecond, Most: 5 * time.Second, Passing: passing}
}

// busy is for a site or plan that another operation is at.
func busy() until.Rule {
	return patiently("another operation to end", settleTime, func(err error) bool {
		return is(err, "AnotherOperationInProgress", "Conflict", "ConflictError") && says(err, "in progress", "try again", "another operation")
	})
}

// deleting is for a container of the same name that is on its way out.
func deleting() until.Rule {
	return patiently("the container that was deleted to be gone", deletionTime, func(err error) bool {
		return is(err, "ContainerBeingDeleted", "ResourceBeingDeleted")
	})
}

// spread remembers when a role was last given, so that what lacks one is waited for as long as it takes Azure to know it.
type spread struct {
	mu    sync.Mutex
	given time.Time
}

func (s *spread) gave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = time.Now()
}

// rights is for what the caller may do only by a role.
func (s *spread) rights(passing func(error) bool) until.Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	within := rightsTime
	if time.Since(s.given) < spreadTime {
		within = spreadTime
	}
	if s.given.IsZero() {
		within = time.Millisecond
	}
	return patiently("the role to be known", within, passing)
}

func lacksRole(err error) bool {
	return is(err, "AuthorizationPermissionMismatch", "AuthorizationFailure", "Forbidden", "ForbiddenByRbac", "AuthorizationFailed")
}

// unknownPrincipal is for an identity that was just made.
func unknownPrincipal() until.Rule {
	return patiently("the identity to be known", 2*time.Minute, func(err error) bool { return is(err, "PrincipalNotFound") })
}

// storageRefused is for the deployment whose package the app may not write yet: its identity's role was just given.
func storageRefused(failed error) until.Rule {
	return patiently("the role of the app's identity to be known", spreadTime, func(err error) bool {
		return errors.Is(err, failed)
	})
}

// unavailable is for the host of deployments, which is sometimes not there for a while.
func unavailable(passing func(error) bool) until.Rule {
	return until.Rule{For: "the host of deployments", Within: publishTime, First: time.Second, Most: 30 * time.Second, Passing: passing}
}

// says reports whether one of the parts is in what Azure says.
func says(err error, parts ...string) bool {
	text := strings.ToLower(brief(err).Error())
	for _, part := range parts {
		if strings.Contains(text, strings.ToLower(part)) {
			return true
		}
	}
	return false
}

// unavailableKind reports whether a failure is that somebody cannot answer now, or has been asked too often.
func unavailableKind(err error) bool {
	return err != nil && (kindOf(err) == providers.Unavailable || kindOf(err) == providers.Throttled)
}

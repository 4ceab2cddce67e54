package gcptest

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/api/iam/v1"
)

// iamAPI is https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.
func iamAPI() *api {
	return &api{
		name: "iam", host: "iam.googleapis.com",
		versions: []version{{"iam/v1", map[string]handler{
			"projects.serviceAccounts.create":             in((*place).createAccount),
			"projects.serviceAccounts.list":               in((*place).listAccounts),
			"projects.serviceAccounts.get":                in((*place).getAccount),
			"projects.serviceAccounts.patch":              in((*place).patchAccount),
			"projects.serviceAccounts.delete":             in((*place).deleteAccount),
			"projects.serviceAccounts.getIamPolicy":       in(getPolicy((*place).accountPolicy)),
			"projects.serviceAccounts.setIamPolicy":       in(setPolicy((*place).accountPolicy)),
			"projects.serviceAccounts.testIamPermissions": in(testPermissions((*place).accountPolicy)),
		}}},
	}
}

var accountID = regexp.MustCompile(`^[a-z](?:[a-z0-9-]{4,28}[a-z0-9])$`)

const accountDomain = "@" + Project + ".iam.gserviceaccount.com"

// known says whether there is such an account, as far as this project can know.
func (p *place) known(email string) bool {
	return p.cloud.accounts[email] != nil || !strings.HasSuffix(email, accountDomain)
}

// actsAs says whether somebody may have something done as an account.
func (p *place) actsAs(caller, email string) bool {
	a := p.cloud.accounts[email]
	return a == nil && p.known(email) || a != nil && p.cloud.permitted(caller, "iam.serviceAccounts.actAs", a.is.Name)
}

// accountOf finds an account that can be seen: one that was just made may not be found for a moment.
// https://cloud.google.com/iam/docs/access-change-propagation
func (p *place) accountOf(c *call) (*account, error) {
	if of := strings.Split(c.target(), "/")[1]; of != Project && of != Number && of != "-" {
		return nil, refuse(codePermissionDenied, "Permission 'iam.serviceAccounts.get' denied on resource (or it may not exist).")
	}
	email := lastOf(c.target())
	a := p.cloud.accounts[email]
	if a == nil || a.unseen > 0 {
		if a != nil {
			a.unseen--
		}
		return nil, refuse(codeNotFound, "Service account projects/%s/serviceAccounts/%s does not exist.", Project, email)
	}
	return a, nil
}

func (p *place) accountPolicy(c *call) (**policy, error) {
	found, err := p.accountOf(c)
	if err != nil {
		return nil, err
	}
	return &found.policy, nil
}

func (p *place) createAccount(c *call) (any, error) {
	in, err := decode[iam.CreateServiceAccountRequest](c)
	if err != nil {
		return nil, err
	}
	if !accountID.MatchString(in.AccountId) {
		return nil, refuse(codeInvalidArgument, "The account ID %q does not have a length between 6 and 30 or has characters that are not allowed.", in.AccountId)
	}
	a := iam.ServiceAccount{}
	if in.ServiceAccount != nil {
		a = *in.ServiceAccount
	}
	switch {
	case len(a.DisplayName) > 100:
		return nil, refuse(codeInvalidArgument, "The display name must be at most 100 bytes long.")
	case len(a.Description) > 256:
		return nil, refuse(codeInvalidArgument, "The description must be at most 256 bytes long.")
	}
	a.Email = in.AccountId + accountDomain
	if p.cloud.accounts[a.Email] != nil {
		return nil, refuse(codeAlreadyExists, "Service account %s already exists within project projects/%s.", in.AccountId, Project)
	}
	a.Name, a.ProjectId, a.Etag = "projects/"+Project+"/serviceAccounts/"+a.Email, Project, "MDEwMjE5MjA="
	a.UniqueId = fmt.Sprintf("1%020d", p.next())
	a.Oauth2ClientId = a.UniqueId
	p.cloud.accounts[a.Email] = &account{is: &a, policy: newPolicy(), unseen: p.unseen}
	return &a, nil
}

func (p *place) getAccount(c *call) (any, error) {
	a, err := p.accountOf(c)
	if err != nil {
		return nil, err
	}
	return a.is, nil
}

func (p *place) listAccounts(c *call) (any, error) {
	var all []*iam.ServiceAccount
	for _, email := range sorted(p.cloud.accounts) {
		all = append(all, p.cloud.accounts[email].is)
	}
	items, next, err := page(c.query, all, 100)
	return &iam.ListServiceAccountsResponse{Accounts: items, NextPageToken: next}, err
}

func (p *place) patchAccount(c *call) (any, error) {
	in, err := decode[iam.PatchServiceAccountRequest](c)
	if err != nil {
		return nil, err
	}
	a, err := p.accountOf(c)
	if err != nil {
		return nil, err
	}
	if in.ServiceAccount == nil || in.UpdateMask == "" {
		return nil, refuse(codeInvalidArgument, "The update mask must be set.")
	}
	for path := range strings.SplitSeq(in.UpdateMask, ",") {
		switch camel(path) {
		case "displayName":
			a.is.DisplayName = in.ServiceAccount.DisplayName
		case "description":
			a.is.Description = in.ServiceAccount.Description
		default:
			return nil, refuse(codeInvalidArgument, "The update mask has the field %q, which cannot be updated.", path)
		}
	}
	return a.is, nil
}

// deleteAccount leaves the account's rights where they are, under the name of a deleted one.
// https://cloud.google.com/iam/docs/service-accounts-delete-undelete
func (p *place) deleteAccount(c *call) (any, error) {
	a, err := p.accountOf(c)
	if err != nil {
		return nil, err
	}
	delete(p.cloud.accounts, a.is.Email)
	before, after := "serviceAccount:"+a.is.Email, "deleted:serviceAccount:"+a.is.Email+"?uid="+a.is.UniqueId
	for _, at := range p.policies() {
		for i := range at.Bindings {
			for j, m := range at.Bindings[i].Members {
				if m == before {
					at.Bindings[i].Members[j] = after
				}
			}
		}
	}
	return &iam.Empty{}, nil
}

// policies are all that there are.
func (p *place) policies() []*policy {
	all := []*policy{p.policy}
	for _, t := range p.topics {
		all = append(all, t.policy)
	}
	for _, s := range p.subscriptions {
		all = append(all, s.policy)
	}
	for _, s := range p.secrets {
		all = append(all, s.policy)
	}
	for _, b := range p.buckets {
		all = append(all, b.policy)
	}
	for _, a := range p.cloud.accounts {
		all = append(all, a.policy)
	}
	return all
}

// token is an ID token of an account, asked for by an agent of Google that may have it.
func (p *place) token(agent, email, audience string) (string, error) {
	p.cloud.mu.Lock()
	a := p.cloud.accounts[email]
	var on *policy
	if a != nil {
		on = a.policy
	}
	allowed := p.known(email) && p.may(agent, "iam.serviceAccounts.getOpenIdToken", on)
	p.cloud.mu.Unlock()
	if !allowed {
		return "", refuse(codePermissionDenied, "Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).")
	}
	return p.cloud.IDToken(email, audience), nil
}

// HideNewAccounts has the first reads of a service account that is made from now on miss it.
func (s *Server) HideNewAccounts(reads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place.unseen = reads
}

package gcptest

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/secretmanager/v1"
)

// secret is a secret with its versions, the first of which has the number 1.
type secret struct {
	is       secretmanager.Secret
	policy   *policy
	versions []*secretVersion
}

type secretVersion struct {
	is   secretmanager.SecretVersion
	data string // in base64
}

// secretManagerAPI is https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.
func secretManagerAPI() *api {
	return &api{
		name: "secretmanager", host: "secretmanager.googleapis.com",
		versions: []version{{"secretmanager/v1", map[string]handler{
			"projects.secrets.create":             in((*place).createSecret),
			"projects.secrets.list":               in((*place).listSecrets),
			"projects.secrets.get":                in((*place).getSecret),
			"projects.secrets.patch":              in((*place).patchSecret),
			"projects.secrets.delete":             in((*place).deleteSecret),
			"projects.secrets.addVersion":         in((*place).addVersion),
			"projects.secrets.versions.list":      in((*place).listVersions),
			"projects.secrets.versions.get":       in((*place).getVersion),
			"projects.secrets.versions.access":    in((*place).accessVersion),
			"projects.secrets.versions.enable":    in(versionState("ENABLED")),
			"projects.secrets.versions.disable":   in(versionState("DISABLED")),
			"projects.secrets.versions.destroy":   in(versionState("DESTROYED")),
			"projects.secrets.getIamPolicy":       in(getPolicy((*place).secretPolicy)),
			"projects.secrets.setIamPolicy":       in(setPolicy((*place).secretPolicy)),
			"projects.secrets.testIamPermissions": in(testPermissions((*place).secretPolicy)),
		}}},
		permissions: map[string]string{
			"projects.secrets.addVersion": "secretmanager.versions.add",
		},
	}
}

var secretID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

func (p *place) secretName(id string) string { return "projects/" + Number + "/secrets/" + id }

func (p *place) secretOf(c *call) (*secret, error) {
	id := strings.Split(c.target()+"///", "/")[3]
	s := p.secrets[id]
	if s == nil {
		return nil, refuse(codeNotFound, "Secret [%s] not found.", p.secretName(id))
	}
	return s, nil
}

func (p *place) secretPolicy(c *call) (**policy, error) {
	found, err := p.secretOf(c)
	if err != nil {
		return nil, err
	}
	return &found.policy, nil
}

func (p *place) versionOf(c *call) (*secretVersion, error) {
	s, err := p.secretOf(c)
	if err != nil {
		return nil, err
	}
	return s.version(lastOf(c.target()))
}

// version finds one by its number, or by "latest" the newest, whatever its state.
// https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/get
func (s *secret) version(of string) (*secretVersion, error) {
	n, err := strconv.Atoi(of)
	if of == "latest" {
		n, err = len(s.versions), nil
	}
	if err != nil {
		return nil, refuse(codeInvalidArgument, "The version %q is neither a number nor an alias.", of)
	}
	if n < 1 || n > len(s.versions) {
		return nil, refuse(codeNotFound, "Secret Version [%s/versions/%s] not found.", s.is.Name, of)
	}
	return s.versions[n-1], nil
}

func (p *place) secretEtag() string { return fmt.Sprintf(`"%x"`, 0x16000000000000+p.next()) }

func (p *place) createSecret(c *call) (any, error) {
	in, err := decode[secretmanager.Secret](c)
	if err != nil {
		return nil, err
	}
	id := c.query.Get("secretId")
	switch {
	case !secretID.MatchString(id):
		return nil, refuse(codeInvalidArgument, "The provided Secret ID [%s] does not match the expected format [[a-zA-Z_0-9]+]", id)
	case in.Replication == nil || (in.Replication.Automatic == nil) == (in.Replication.UserManaged == nil):
		return nil, refuse(codeInvalidArgument, "The secret replication policy must be set.")
	case p.secrets[id] != nil:
		return nil, refuse(codeAlreadyExists, "Secret [%s] already exists.", p.secretName(id))
	}
	if err := checkLabelled(in.Labels); err != nil {
		return nil, err
	}
	in.Name, in.Etag, in.CreateTime = p.secretName(id), p.secretEtag(), stamp(time.Now())
	p.secrets[id] = &secret{is: *in, policy: newPolicy()}
	return in, nil
}

func (p *place) getSecret(c *call) (any, error) {
	s, err := p.secretOf(c)
	if err != nil {
		return nil, err
	}
	return &s.is, nil
}

var labelFilter = regexp.MustCompile(`^labels\.([a-z0-9_-]+)\s*[=:]\s*"?([a-z0-9_-]*)"?$`)

func (p *place) listSecrets(c *call) (any, error) {
	var all []*secretmanager.Secret
	filter := c.query.Get("filter")
	m := labelFilter.FindStringSubmatch(filter)
	if filter != "" && m == nil {
		return nil, refuse(codeInvalidArgument, "Invalid filter: %q", filter)
	}
	for _, id := range sorted(p.secrets) {
		if s := p.secrets[id]; m == nil || s.is.Labels[m[1]] == m[2] {
			all = append(all, &s.is)
		}
	}
	items, next, err := page(c.query, all, 25000)
	return &secretmanager.ListSecretsResponse{Secrets: items, NextPageToken: next, TotalSize: int64(len(all))}, err
}

func (p *place) patchSecret(c *call) (any, error) {
	in, err := decode[secretmanager.Secret](c)
	if err != nil {
		return nil, err
	}
	s, err := p.secretOf(c)
	if err != nil {
		return nil, err
	}
	if in.Etag != "" && in.Etag != s.is.Etag {
		return nil, staleSecret(in.Etag, s.is.Etag)
	}
	mask := c.query.Get("updateMask")
	if mask == "" {
		return nil, refuse(codeInvalidArgument, "The update mask must be set.")
	}
	next := s.is
	fields, err := patch(&next, *in, mask, func(path string) error {
		return refuse(codeInvalidArgument, "Invalid field mask: %q is not a field of Secret.", path)
	})
	if err != nil {
		return nil, err
	}
	for _, field := range fields {
		if field != "labels" && field != "annotations" && field != "topics" && field != "versionAliases" && field != "etag" {
			return nil, refuse(codeInvalidArgument, "The field %q cannot be updated.", field)
		}
	}
	if err := checkLabelled(next.Labels); err != nil {
		return nil, err
	}
	next.Etag = p.secretEtag()
	s.is = next
	return &s.is, nil
}

func staleSecret(asked, is string) error {
	return refuse(codeFailedPrecondition, "The etag provided (%s) does not match the current etag (%s).", asked, is)
}

func (p *place) deleteSecret(c *call) (any, error) {
	s, err := p.secretOf(c)
	if err != nil {
		return nil, err
	}
	if etag := c.query.Get("etag"); etag != "" && etag != s.is.Etag {
		return nil, staleSecret(etag, s.is.Etag)
	}
	delete(p.secrets, lastOf(s.is.Name))
	return &secretmanager.Empty{}, nil
}

func (p *place) addVersion(c *call) (any, error) {
	in, err := decode[secretmanager.AddSecretVersionRequest](c)
	if err != nil {
		return nil, err
	}
	s, err := p.secretOf(c)
	if err != nil {
		return nil, err
	}
	if in.Payload == nil {
		return nil, refuse(codeInvalidArgument, "The payload must be set.")
	}
	data, err := base64.StdEncoding.DecodeString(in.Payload.Data)
	switch {
	case err != nil:
		return nil, refuse(codeInvalidArgument, "Invalid value at 'payload.data' (TYPE_BYTES), Base64 decoding failed for %q", in.Payload.Data)
	case len(data) > 65536:
		return nil, refuse(codeInvalidArgument, "The secret payload must be at most 65536 bytes.")
	case in.Payload.DataCrc32c != 0 && in.Payload.DataCrc32c != int64(crc(data)):
		return nil, refuse(codeInvalidArgument, "The payload's checksum does not match its data.")
	}
	v := &secretVersion{data: in.Payload.Data, is: secretmanager.SecretVersion{
		Name: s.is.Name + "/versions/" + strconv.Itoa(len(s.versions)+1), CreateTime: stamp(time.Now()), State: "ENABLED", Etag: p.secretEtag(),
		ReplicationStatus: &secretmanager.ReplicationStatus{Automatic: &secretmanager.AutomaticStatus{}}, ClientSpecifiedPayloadChecksum: in.Payload.DataCrc32c != 0,
	}}
	s.versions = append(s.versions, v)
	return &v.is, nil
}

func crc(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

func (p *place) listVersions(c *call) (any, error) {
	s, err := p.secretOf(c)
	if err != nil {
		return nil, err
	}
	filter := c.query.Get("filter")
	var all []*secretmanager.SecretVersion
	for i := len(s.versions) - 1; i >= 0; i-- { // the newest first
		if v := &s.versions[i].is; filter == "" || filter == "state:"+v.State || filter == "state="+v.State {
			all = append(all, v)
		}
	}
	items, next, err := page(c.query, all, 25000)
	return &secretmanager.ListSecretVersionsResponse{Versions: items, NextPageToken: next, TotalSize: int64(len(all))}, err
}

func (p *place) getVersion(c *call) (any, error) {
	v, err := p.versionOf(c)
	if err != nil {
		return nil, err
	}
	return &v.is, nil
}

func (p *place) accessVersion(c *call) (any, error) {
	v, err := p.versionOf(c)
	if err != nil {
		return nil, err
	}
	if v.is.State != "ENABLED" {
		return nil, refuse(codeFailedPrecondition, "Secret Version [%s] is in %s state.", v.is.Name, v.is.State)
	}
	data, _ := base64.StdEncoding.DecodeString(v.data) // it was when it was added
	return &secretmanager.AccessSecretVersionResponse{Name: v.is.Name, Payload: &secretmanager.SecretPayload{Data: v.data, DataCrc32c: int64(crc(data))}}, nil
}

// versionState makes the method that takes a version into a state. What is destroyed stays so.
func versionState(state string) func(*place, *call) (any, error) {
	return func(p *place, c *call) (any, error) {
		in, err := decode[secretmanager.DisableSecretVersionRequest](c)
		if err != nil {
			return nil, err
		}
		v, err := p.versionOf(c)
		if err != nil {
			return nil, err
		}
		switch {
		case in.Etag != "" && in.Etag != v.is.Etag:
			return nil, staleSecret(in.Etag, v.is.Etag)
		case v.is.State == "DESTROYED" && state != "DESTROYED":
			return nil, refuse(codeFailedPrecondition, "Secret Version [%s] is in DESTROYED state.", v.is.Name)
		}
		v.is.State, v.is.Etag = state, p.secretEtag()
		if state == "DESTROYED" {
			v.data, v.is.DestroyTime = "", stamp(time.Now())
		}
		return &v.is, nil
	}
}

// Secret is the value that a service account gets of a version, as Cloud Run reads it when an instance starts.
func (s *Server) Secret(email, id, version string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.place.secretValue("serviceAccount:"+email, id, version)
}

// SpreadRights has the next reads of secrets by functions be refused, as before the rights of their accounts have spread
// (https://cloud.google.com/iam/docs/access-change-propagation).
func (s *Server) SpreadRights(reads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place.spreading = reads
}

func (p *place) secretValue(member, id, version string) ([]byte, error) {
	s := p.secrets[id]
	if s == nil {
		return nil, refuse(codeNotFound, "Secret [%s] not found.", p.secretName(id))
	}
	spreads := p.spreading > 0
	p.spreading = max(p.spreading-1, 0)
	if spreads || !p.may(member, "secretmanager.versions.access", s.policy) {
		return nil, refuse(codePermissionDenied, "Permission denied on secret: %s for Revision service account %s. The service account used must be granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the secret, project or higher level.", s.is.Name, member)
	}
	v, err := s.version(version)
	if err != nil {
		return nil, err
	}
	if v.is.State != "ENABLED" {
		return nil, refuse(codeFailedPrecondition, "Secret Version [%s] is in %s state.", v.is.Name, v.is.State)
	}
	return base64.StdEncoding.DecodeString(v.data)
}

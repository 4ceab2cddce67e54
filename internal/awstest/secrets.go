package awstest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

func secretsService() *service {
	return &service{name: "secretsmanager", protocol: json11, ops: []*operation{
		{name: "CreateSecret", run: typed((*Cloud).createSecret)},
		{name: "DescribeSecret", run: typed((*Cloud).describeSecret)},
		{name: "GetSecretValue", run: typed((*Cloud).getSecretValue)},
		{name: "PutSecretValue", run: typed((*Cloud).putSecretValue)},
		{name: "DeleteSecret", run: typed((*Cloud).deleteSecret)},
		{name: "RestoreSecret", run: typed((*Cloud).restoreSecret)},
		{name: "ListSecrets", run: typed((*Cloud).listSecrets)},
		{name: "TagResource", run: typed((*Cloud).tagSecret)},
	}}
}

// secret is a secret of Secrets Manager with its versions.
type secret struct {
	is     secretsmanager.DescribeSecretOutput
	values map[string]secretsmanager.GetSecretValueOutput // by version
}

const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

var secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)

// secret finds a secret by name, ARN, or ARN without the six characters at its end.
func (c *Cloud) secret(id *string) (*secret, error) {
	for _, name := range sorted(c.secrets) {
		s := c.secrets[name]
		if full := *s.is.ARN; deref(id) == name || deref(id) == full || deref(id) == full[:len(full)-7] {
			return s, nil
		}
	}
	return nil, refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

// usable finds a secret that is not about to be deleted.
func (c *Cloud) usable(id *string, what string) (*secret, error) {
	s, err := c.secret(id)
	if err == nil && s.is.DeletedDate != nil {
		return nil, refuse(400, "InvalidRequestException", "You can't %s a secret that is marked for deletion.", what)
	}
	return s, err
}

func (c *Cloud) createSecret(in *secretsmanager.CreateSecretInput) (any, error) {
	name := deref(in.Name)
	if !secretName.MatchString(name) {
		return nil, refuse(400, "ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	if s := c.secrets[name]; s != nil {
		if s.is.DeletedDate != nil {
			return nil, refuse(400, "InvalidRequestException",
				"You can't create this secret because a secret with this name is already scheduled for deletion.")
		}
		return nil, refuse(400, "ResourceExistsException", "The operation failed because the secret %s already exists.", name)
	}
	s := &secret{values: map[string]secretsmanager.GetSecretValueOutput{}, is: secretsmanager.DescribeSecretOutput{
		Name: &name, ARN: new(arn("secretsmanager", "secret:"+name+"-"+newID()[:6])), Description: in.Description, KmsKeyId: in.KmsKeyId,
		CreatedDate: new(now()), LastChangedDate: new(now()), Tags: in.Tags, VersionIdsToStages: map[string][]string{},
	}}
	c.secrets[name] = s
	out := &secretsmanager.CreateSecretOutput{ARN: s.is.ARN, Name: &name}
	if in.SecretString != nil || in.SecretBinary != nil {
		out.VersionId = new(s.put(deref(in.ClientRequestToken), secretsmanager.GetSecretValueOutput{SecretString: in.SecretString, SecretBinary: in.SecretBinary}))
	}
	return out, nil
}

// put adds a version that is current from now on.
func (s *secret) put(id string, value secretsmanager.GetSecretValueOutput) string {
	if id == "" {
		id = newID()
	}
	stages := maps.Clone(s.is.VersionIdsToStages)
	for version, names := range stages {
		switch {
		case slices.Contains(names, previous):
			delete(stages, version)
			delete(s.values, version)
		case slices.Contains(names, current):
			stages[version] = []string{previous}
		}
	}
	stages[id] = []string{current}
	s.is.VersionIdsToStages, s.is.LastChangedDate = stages, new(now())
	value.ARN, value.Name, value.VersionId, value.CreatedDate = s.is.ARN, s.is.Name, &id, new(now())
	s.values[id] = value
	return id
}

func (c *Cloud) describeSecret(in *secretsmanager.DescribeSecretInput) (any, error) {
	s, err := c.secret(in.SecretId)
	if err != nil {
		return nil, err
	}
	return &s.is, nil
}

func (c *Cloud) getSecretValue(in *secretsmanager.GetSecretValueInput) (any, error) {
	s, err := c.usable(in.SecretId, "perform this operation on")
	if err != nil {
		return nil, err
	}
	id := deref(in.VersionId)
	stage := deref(in.VersionStage)
	if id == "" && stage == "" {
		stage = current
	}
	for version, stages := range s.is.VersionIdsToStages {
		if (id == "" || version == id) && (stage == "" || slices.Contains(stages, stage)) {
			out := s.values[version]
			out.VersionStages = stages
			return &out, nil
		}
	}
	if id != "" {
		return nil, refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", id)
	}
	return nil, refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", stage)
}

func (c *Cloud) putSecretValue(in *secretsmanager.PutSecretValueInput) (any, error) {
	s, err := c.usable(in.SecretId, "perform this operation on")
	if err != nil {
		return nil, err
	}
	if (in.SecretString == nil) == (in.SecretBinary == nil) {
		return nil, refuse(400, "InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	}
	if old, ok := s.values[deref(in.ClientRequestToken)]; ok {
		if deref(old.SecretString) != deref(in.SecretString) {
			return nil, refuse(400, "ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use "+
				"for a version of secret %s.", *in.ClientRequestToken, *s.is.ARN)
		}
		return &secretsmanager.PutSecretValueOutput{ARN: s.is.ARN, Name: s.is.Name, VersionId: old.VersionId}, nil
	}
	id := s.put(deref(in.ClientRequestToken), secretsmanager.GetSecretValueOutput{SecretString: in.SecretString, SecretBinary: in.SecretBinary})
	return &secretsmanager.PutSecretValueOutput{ARN: s.is.ARN, Name: s.is.Name, VersionId: &id, VersionStages: []string{current}}, nil
}

func (c *Cloud) deleteSecret(in *secretsmanager.DeleteSecretInput) (any, error) {
	s, err := c.usable(in.SecretId, "perform this operation on")
	if err != nil {
		return nil, err
	}
	at := now()
	if in.ForceDeleteWithoutRecovery != nil && *in.ForceDeleteWithoutRecovery {
		delete(c.secrets, *s.is.Name)
	} else {
		at = at.Add(30 * 24 * time.Hour)
		s.is.DeletedDate = &at
	}
	return &secretsmanager.DeleteSecretOutput{ARN: s.is.ARN, Name: s.is.Name, DeletionDate: &at}, nil
}

func (c *Cloud) listSecrets(in *secretsmanager.ListSecretsInput) (any, error) {
	var all []types.SecretListEntry
	for _, name := range sorted(c.secrets) {
		s := c.secrets[name].is
		if s.DeletedDate != nil && (in.IncludePlannedDeletion == nil || !*in.IncludePlannedDeletion) || !filtered(s, in.Filters) {
			continue
		}
		all = append(all, types.SecretListEntry{
			ARN: s.ARN, Name: s.Name, Description: s.Description, Tags: s.Tags, CreatedDate: s.CreatedDate,
			LastChangedDate: s.LastChangedDate, DeletedDate: s.DeletedDate, SecretVersionsToStages: s.VersionIdsToStages,
		})
	}
	items, next := page(all, in.NextToken, limit(in.MaxResults, 100))
	return &secretsmanager.ListSecretsOutput{SecretList: items, NextToken: next}, nil
}

// filtered says whether a secret passes the filters by name and by tag.
func filtered(s secretsmanager.DescribeSecretOutput, filters []types.Filter) bool {
	for _, f := range filters {
		has := slices.ContainsFunc(f.Values, func(value string) bool {
			switch f.Key {
			case types.FilterNameStringTypeName:
				return strings.HasPrefix(*s.Name, value)
			case types.FilterNameStringTypeTagKey:
				return slices.ContainsFunc(s.Tags, func(t types.Tag) bool { return strings.HasPrefix(deref(t.Key), value) })
			case types.FilterNameStringTypeTagValue:
				return slices.ContainsFunc(s.Tags, func(t types.Tag) bool { return strings.HasPrefix(deref(t.Value), value) })
			}
			return false
		})
		if !has {
			return false
		}
	}
	return true
}

func (c *Cloud) tagSecret(in *secretsmanager.TagResourceInput) (any, error) {
	s, err := c.usable(in.SecretId, "tag")
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(s.is.Tags), func(t types.Tag) bool {
		return slices.ContainsFunc(in.Tags, func(n types.Tag) bool { return deref(n.Key) == deref(t.Key) })
	})
	s.is.Tags = slices.Concat(kept, in.Tags)
	return nil, nil
}

func (c *Cloud) restoreSecret(in *secretsmanager.RestoreSecretInput) (any, error) {
	s, err := c.secret(in.SecretId)
	if err != nil {
		return nil, err
	}
	s.is.DeletedDate = nil
	return &secretsmanager.RestoreSecretOutput{ARN: s.is.ARN, Name: s.is.Name}, nil
}

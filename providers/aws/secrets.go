package aws

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/vault"
)

var (
	_ providers.Pinner = (*Adapter)(nil)
	_ providers.Vault  = (*Adapter)(nil)
)

// The schemes of references. A reference is "scheme:name#version"; the shims resolve it when an instance starts.
const (
	schemeParameter = "ssm"
	schemeSecret    = "secretsmanager"
)

// Pin finds the versions that the function's secrets have now.
func (a *Adapter) Pin(ctx context.Context, fn manifest.Function) (map[string]string, error) {
	if len(fn.Secrets) == 0 {
		return nil, nil
	}
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	return vault.Pinned(ctx, fn, func(ctx context.Context, secret string) (string, error) {
		reference, err := c.pin(ctx, secret)
		if err != nil {
			return "", a.unpinned(fn.Name, secret, err)
		}
		return reference, nil
	})
}

// errNoValue is a secret that exists and cannot be read.
var errNoValue = errors.New("it has no value, or is scheduled for deletion")

func (c *connection) pin(ctx context.Context, secret string) (string, error) {
	if parameter, ok := parameterOf(secret); ok {
		out, err := c.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &parameter}) // without its value in the clear
		if err != nil {
			return "", err
		}
		return schemeParameter + ":" + parameter + "#" + strconv.FormatInt(out.Parameter.Version, 10), nil
	}
	out, err := c.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		return "", err
	}
	for version, stages := range out.VersionIdsToStages {
		if out.DeletedDate == nil && slices.Contains(stages, "AWSCURRENT") {
			return schemeSecret + ":" + aws.ToString(out.ARN) + "#" + version, nil
		}
	}
	return "", errNoValue
}

// parameterOf is the name or ARN of a parameter of Systems Manager; all else is in Secrets Manager.
func parameterOf(secret string) (string, bool) {
	name, said := strings.CutPrefix(secret, schemeParameter+":")
	arn := strings.HasPrefix(secret, "arn:") && strings.Contains(secret, ":ssm:")
	return name, said || arn || strings.HasPrefix(secret, "/")
}

func (p *place) unpinned(fn, secret string, err error) error {
	const op = "find the secrets of"
	if !isNotFound(err) && !errors.Is(err, errNoValue) {
		return p.classify(op, fn, fmt.Errorf("%s: %w", secret, err))
	}
	e := &providers.Error{Kind: providers.NotFound, Op: op, Provider: name, Function: fn}
	if parameter, ok := parameterOf(secret); ok {
		e.Err = providers.Reword(err, fmt.Sprintf("the parameter %s does not exist", parameter))
		e.Hint = "run `aws ssm put-parameter --type SecureString --name " + parameter + " --value file://FILE`"
		return e
	}
	e.Err = providers.Reword(err, fmt.Sprintf("the secret %s has no value", secret))
	e.Hint = "run `ferry secrets set " + secret + " --target " + p.targetName + " --stage " + p.stage + "`"
	return e
}

// secretARNs are the ARNs of what references name, sorted.
func (c *connection) secretARNs(references map[string]string) []string {
	var arns []string
	for _, reference := range references {
		scheme, rest, _ := strings.Cut(reference, ":")
		arn := rest[:max(strings.LastIndexByte(rest, '#'), 0)]
		if scheme == schemeParameter && !strings.HasPrefix(arn, "arn:") {
			arn = c.arn("ssm", "parameter/"+strings.TrimPrefix(arn, "/"))
		}
		arns = append(arns, arn)
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// secretSize is how long the value of a secret may be, in bytes.
const secretSize = 65536

// SetSecret keeps the value as a new version. The next deploy brings it to what runs: a revision gets the versions
// that were current when it was made.
func (a *Adapter) SetSecret(ctx context.Context, secret string, value []byte) error {
	const op = "set secret"
	if err := a.keepable(secret, value); err != nil {
		return err
	}
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	there, err := c.describeSecret(ctx, secret)
	switch {
	case isNotFound(err):
		_, err = c.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
			Name: &secret, SecretString: aws.String(string(value)), Tags: a.secretTags(),
		})
		return a.classify(op, "", err)
	case err != nil:
		return a.classify(op, "", err)
	}
	if there.DeletedDate != nil {
		if _, err := c.secrets.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: &secret}); err != nil {
			return a.classify(op, "", err)
		}
	}
	_, err = c.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &secret, SecretString: aws.String(string(value))})
	return a.classify(op, "", err)
}

// keepable refuses what cannot be a secret's name, or the value of an environment variable.
func (p *place) keepable(secret string, value []byte) error {
	e := &providers.Error{Kind: providers.Invalid, Op: "set secret", Provider: name}
	parameter, isParameter := parameterOf(secret)
	switch {
	case isParameter:
		e.Kind = providers.Unsupported
		e.Err = fmt.Errorf("%s is a parameter, and ferry writes to Secrets Manager only", secret)
		e.Hint = "run `aws ssm put-parameter --overwrite --type SecureString --name " + parameter + " --value file://FILE`"
	case !strings.HasPrefix(secret, "arn:") && !regexp.MustCompile(`^[\w/+=.@-]{1,512}$`).MatchString(secret):
		e.Err, e.Hint = fmt.Errorf("%q is not a valid name for a secret", secret), "use letters, digits and /_+=.@-"
	default:
		return vault.Keepable(name, secret, value, secretSize)
	}
	return e
}

// describeSecret looks at a secret, and refuses one that is not of this service and stage.
func (c *connection) describeSecret(ctx context.Context, secret string) (*secretsmanager.DescribeSecretOutput, error) {
	out, err := c.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil || c.ownsSecret(out.Tags) {
		return out, err
	}
	return nil, &providers.Error{
		Kind: providers.Foreign, Op: "look at the secret", Provider: name,
		Hint: "use a separate name for each service and stage, such as " + secret + "-${stage}, or use the AWS CLI",
		Err:  fmt.Errorf("the secret %s already exists, and ferry did not make it for %s in stage %s", secret, c.service, c.stage),
	}
}

func (p *place) secretTags() []types.Tag {
	return []types.Tag{
		{Key: aws.String(tagService), Value: &p.service},
		{Key: aws.String(tagStage), Value: &p.stage},
	}
}

func (p *place) ownsSecret(tags []types.Tag) bool {
	found := map[string]string{}
	for _, t := range tags {
		found[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tagged().Owned(found, p.owner(""))
}

// Secrets names those that ferry keeps; others that functions read are not among them.
func (a *Adapter) Secrets(ctx context.Context) ([]string, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	pages := secretsmanager.NewListSecretsPaginator(c.secrets, &secretsmanager.ListSecretsInput{Filters: []types.Filter{
		{Key: types.FilterNameStringTypeTagKey, Values: []string{tagService}},
		{Key: types.FilterNameStringTypeTagValue, Values: []string{a.service}},
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.classify("list secrets", "", err)
		}
		for _, s := range page.SecretList {
			if a.ownsSecret(s.Tags) && s.DeletedDate == nil { // a filter matches beginnings too
				names = append(names, aws.ToString(s.Name))
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// RemoveSecret has nobody read the secret any more. For a week SetSecret, or the AWS CLI, can bring it back.
func (a *Adapter) RemoveSecret(ctx context.Context, secret string) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	there, err := c.describeSecret(ctx, secret)
	if err == nil && there.DeletedDate == nil {
		_, err = c.secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &secret, RecoveryWindowInDays: aws.Int64(7)})
	}
	if isNotFound(err) {
		return nil
	}
	return a.classify("remove secret", "", err)
}

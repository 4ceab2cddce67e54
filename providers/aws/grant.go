package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Topics and buckets call the alias by statements of its resource policy. Their ids say what they are for, and so what
// was ever bound is found again.
const (
	topicGrant  = "ferry-topic-"
	joinedGrant = "ferry-joined-" // of a topic to which the alias was subscribed before: ferry does not end that
	bucketGrant = "ferry-bucket-"
)

// grant is who may call the alias.
type grant struct {
	source  string // the ARN of the topic or bucket
	account string // of the bucket: its ARN does not tell
}

func grantID(prefix, arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return prefix + hex.EncodeToString(sum[:8])
}

// granted are the sources of the grants of these kinds, sorted.
func (b *binder) granted(prefixes ...string) []string {
	var sources []string
	for id, g := range b.grants {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(id, prefix) }) {
			sources = append(sources, g.source)
		}
	}
	slices.Sort(sources)
	return slices.Compact(sources)
}

// readGrants reads the policy of the alias.
func (b *binder) readGrants(ctx context.Context) error {
	b.grants = map[string]grant{}
	statements, _, err := b.c.policy(ctx, b.fn.Name)
	if err != nil {
		return err
	}
	for id, raw := range statements {
		if !slices.ContainsFunc(eventKinds(), func(k eventKind) bool { return k.grants(id) }) {
			continue
		}
		var s struct{ Condition map[string]map[string]string }
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("reading the statement %s of the alias: %w", id, err)
		}
		var g grant
		for _, condition := range s.Condition {
			for key, value := range condition {
				switch strings.ToLower(key) { // Lambda writes AWS:SourceArn
				case "aws:sourcearn":
					g.source = value
				case "aws:sourceaccount":
					g.account = value
				}
			}
		}
		b.grants[id] = g
	}
	return nil
}

// permit lets a topic or bucket call the alias by the statement of that id.
func (b *binder) permit(ctx context.Context, id, service string, g grant) error {
	has, ok := b.grants[id]
	if ok && has == g {
		return nil
	}
	if ok {
		if err := b.forbid(ctx, id); err != nil {
			return err
		}
	}
	b.wrote = true
	in := &lambda.AddPermissionInput{
		FunctionName: aws.String(b.c.functionName(b.fn.Name)), Qualifier: aws.String(live), StatementId: &id,
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String(service + ".amazonaws.com"), SourceArn: &g.source,
	}
	if g.account != "" {
		in.SourceAccount = &g.account
	}
	_, err := b.c.lambda.AddPermission(ctx, in)
	if isAlreadyExists(err) { // by a call whose reply was lost
		if err = b.readGrants(ctx); err == nil && b.grants[id] != g {
			err = b.foreign("remove that statement with `aws lambda remove-permission`", "the statement %s of the alias is not ferry's", id)
		}
	}
	if err == nil {
		b.grants[id] = g
	}
	return err
}

// forbid takes a statement away.
func (b *binder) forbid(ctx context.Context, id string) error {
	b.wrote = true
	_, err := b.c.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{
		FunctionName: aws.String(b.c.functionName(b.fn.Name)), Qualifier: aws.String(live), StatementId: &id,
	})
	return unlessMissing(err)
}

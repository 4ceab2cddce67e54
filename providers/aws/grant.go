package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Topics and buckets call the alias by statements of its resource policy. Their ids say what they are for, and so what
// was ever bound is found again.
const (
	topicGrant  = "ferry-topic-"
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

// granted are the grants of a kind, by their source, sorted.
func (b *binder) granted(prefix string) []string {
	var sources []string
	for _, id := range slices.Sorted(maps.Keys(b.grants)) {
		if strings.HasPrefix(id, prefix) {
			sources = append(sources, b.grants[id].source)
		}
	}
	slices.Sort(sources)
	return sources
}

// readGrants reads the policy of the alias.
func (b *binder) readGrants(ctx context.Context) error {
	b.grants = map[string]grant{}
	statements, _, err := b.a.policy(ctx, b.c, b.fn.Name)
	if err != nil {
		return err
	}
	for id, raw := range statements {
		if !strings.HasPrefix(id, topicGrant) && !strings.HasPrefix(id, bucketGrant) {
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

// permit lets a topic or bucket call the alias. It reports whether that is new.
func (b *binder) permit(ctx context.Context, prefix, service string, g grant) (bool, error) {
	id := grantID(prefix, g.source)
	has, ok := b.grants[id]
	if ok && has == g {
		return false, nil
	}
	if ok {
		if err := b.forbid(ctx, id); err != nil {
			return false, err
		}
	}
	b.wrote = true
	in := &lambda.AddPermissionInput{
		FunctionName: aws.String(b.a.functionName(b.fn.Name)), Qualifier: aws.String(live), StatementId: &id,
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String(service + ".amazonaws.com"), SourceArn: &g.source,
	}
	if g.account != "" {
		in.SourceAccount = &g.account
	}
	err := retryWhile(ctx, bindTime, busy, func() error {
		_, err := b.c.lambda.AddPermission(ctx, in)
		return err
	})
	if isAlreadyExists(err) { // by a call whose reply was lost
		if err = b.readGrants(ctx); err == nil && b.grants[id] != g {
			err = b.foreign("remove that statement with `aws lambda remove-permission`", "the statement %s of the alias is not ferry's", id)
		}
	}
	return true, err
}

// forbid takes a statement away.
func (b *binder) forbid(ctx context.Context, id string) error {
	b.wrote = true
	return retryWhile(ctx, bindTime, busy, func() error {
		_, err := b.c.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{
			FunctionName: aws.String(b.a.functionName(b.fn.Name)), Qualifier: aws.String(live), StatementId: &id,
		})
		return unlessMissing(err)
	})
}

package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/doctor"
)

var _ providers.Doctor = (*Adapter)(nil)

const (
	// nobody is a function that does not exist: who may look for it learns so.
	nobody = "ferry-doctor"
	// patience is how long one thing is looked at.
	patience = 15 * time.Second
	// doctorTries is how often a call is tried: a person waits.
	doctorTries = 2
)

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
	found := []providers.Finding{{Subject: "region", Level: providers.LevelOK, Message: a.target.Region}}
	who, c := a.whoAmI(ctx)
	found = append(found, who...)
	if c == nil {
		return found
	}
	// what it means that the thing asked for is there, or is not
	reading := func(subject, fine string, ask func(context.Context) error) doctor.Look {
		return doctor.Look{Subject: subject, At: func(ctx context.Context) (string, error) { return fine, unlessMissing(ask(ctx)) }}
	}
	looks := []doctor.Look{
		reading("lambda", "functions may be read", func(ctx context.Context) error {
			_, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String(a.functionName(nobody))},
				func(o *lambda.Options) { o.RetryMaxAttempts = doctorTries })
			return err
		}),
		reading("iam", "roles may be read", func(ctx context.Context) error {
			_, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(a.roleName(nobody))},
				func(o *iam.Options) { o.RetryMaxAttempts = doctorTries })
			return err
		}),
		reading("logs", "logs may be read", func(ctx context.Context) error {
			_, err := c.logs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{
				LogGroupName: aws.String(a.logGroupName(nobody)), Limit: aws.Int32(1),
			}, func(o *cloudwatchlogs.Options) { o.RetryMaxAttempts = doctorTries })
			return err
		}),
		reading("scheduler", "schedules may be read", func(ctx context.Context) error {
			_, err := c.scheduler.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: aws.String(a.functionName(nobody))},
				func(o *scheduler.Options) { o.RetryMaxAttempts = doctorTries })
			return err
		}),
		{Subject: "s3", At: c.lookAtBucket},
	}
	if len(functions) > 0 && !slices.ContainsFunc(functions, func(fn manifest.Function) bool { return !rolesGiven(functionOf(fn)) }) { // then nothing is asked of IAM
		looks = slices.DeleteFunc(looks, func(l doctor.Look) bool { return l.Subject == "iam" })
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
	var identity *sts.GetCallerIdentityOutput
	ok := look("credentials", func(ctx context.Context) (_ string, err error) {
		if c, err = a.clients(ctx); err != nil {
			return "", err
		}
		keys, err := c.sts.Options().Credentials.Retrieve(ctx)
		if a.target.AssumeRole != "" {
			return "from the role " + a.target.AssumeRole + " that the target assumes", err
		}
		return origin(keys), err
	})
	ok = ok && look("identity", func(ctx context.Context) (_ string, err error) {
		identity, err = c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.Options) { o.RetryMaxAttempts = doctorTries })
		if err == nil {
			c, err = a.connect(ctx)
		}
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s, of the account %s", c.identity, c.account), nil
	})
	if identity != nil {
		if skew, known := skewOf(identity); known {
			look("clock", skew)
		}
	}
	if !ok {
		return found, nil
	}
	return found, c
}

// origin says where credentials are from.
func origin(keys aws.Credentials) string {
	from, _, _ := strings.Cut(keys.Source, ":")
	text, known := map[string]string{
		"StaticCredentials": "from AWS_ACCESS_KEY_ID", "EnvConfigCredentials": "from AWS_ACCESS_KEY_ID",
		"SharedConfigCredentials": "from the AWS configuration files", "SSOProvider": "from a sign-in by SSO",
		"LoginProvider": "from a sign-in by aws login", "AssumeRoleProvider": "from a role that a profile assumes",
		"WebIdentityCredentials": "from a role, by an OIDC token", "EC2RoleProvider": "from the role of this machine",
		"CredentialsEndpointProvider": "from the role of this container", "ProcessProvider": "from a program that a profile names",
	}[from]
	if !known {
		text = "from " + from
	}
	if keys.CanExpire {
		text += fmt.Sprintf(", good for %s more", max(time.Until(keys.Expires), 0).Round(time.Second))
	}
	return text
}

// skewOf compares the clocks, from what the answer says of its own time.
func skewOf(out *sts.GetCallerIdentityOutput) (look func(context.Context) (string, error), known bool) {
	skew, known := middleware.GetAttemptSkew(out.ResultMetadata)
	return func(context.Context) (string, error) {
		if off := skew.Abs().Round(time.Second); off > time.Minute {
			return "", &doctor.Warning{
				Message: fmt.Sprintf("this machine's clock is off by %s: AWS tolerates at most five minutes", off),
				Hint:    "set this machine's clock, for instance with NTP",
			}
		}
		return "as at AWS", nil
	}, known
}

// lookAtBucket is about the bucket for releases. That it is not there is fine: the first deploy makes it.
func (c *connection) lookAtBucket(ctx context.Context) (string, error) {
	bucket := c.bucketName()
	_, err := c.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket, ExpectedBucketOwner: &c.account},
		func(o *s3.Options) { o.RetryMaxAttempts = doctorTries })
	switch {
	case isNotFound(err):
		return "the bucket " + bucket + " does not exist yet: the first deploy creates it", nil
	case err != nil:
		return "", fmt.Errorf("the bucket %s: %w", bucket, err)
	}
	return "the bucket " + bucket + " exists", nil
}

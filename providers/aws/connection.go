package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/time/rate"

	"github.com/ferryfn/ferry/internal/waits"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/names"
)

// connection is an adapter that is connected: the SDK's clients, and the account and region that they act in.
type connection struct {
	*place

	lambda    *lambda.Client
	iam       *iam.Client
	sts       *sts.Client
	s3        *s3.Client
	logs      *cloudwatchlogs.Client
	scheduler *scheduler.Client
	sqs       *sqs.Client
	sns       *sns.Client
	ssm       *ssm.Client
	secrets   *secretsmanager.Client

	partition string // aws, aws-cn, aws-us-gov
	region    string
	account   string
	identity  string // the caller's ARN

	waiter *waiter

	notifying sync.Mutex // held while a bucket's notifications are read, merged and written
}

// connect makes the clients and proves that the credentials are of the manifest's account. It does so once.
func (a *Adapter) connect(ctx context.Context) (*connection, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.connection != nil {
		return a.connection, nil
	}
	c, err := a.clients(ctx)
	if err != nil {
		return nil, a.classify("configure", "", err)
	}
	who, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, a.classify("identify the caller", "", err)
	}
	c.account, c.identity = aws.ToString(who.Account), aws.ToString(who.Arn)
	if parts := strings.SplitN(c.identity, ":", 3); len(parts) == 3 {
		c.partition = parts[1]
	}
	if want := a.target.Account; want != "" && want != c.account {
		return nil, &providers.Error{
			Kind: providers.Denied, Op: "identify the caller", Provider: name,
			Hint: "use credentials of account " + want + ", or correct account in the manifest",
			Err:  fmt.Errorf("the credentials belong to account %s (%s), but the target %s is account %s", c.account, c.identity, a.targetName, want),
		}
	}
	a.connection = c
	return c, nil
}

// clients makes the clients from the SDK's own chain of credentials.
func (a *Adapter) clients(ctx context.Context) (*connection, error) {
	options := []func(*config.LoadOptions) error{
		config.WithRegion(a.target.Region),
		config.WithAppID("ferry"),
		config.WithLogger(logging.Nop{}), // what the SDK would print to stderr
		config.WithRetryer(func() aws.Retryer {
			return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
				o.StandardOptions = append(o.StandardOptions, func(s *retry.StandardOptions) {
					s.MaxAttempts, s.Backoff = maxAttempts, a.reach.pause()
				})
			})
		}),
		config.WithHTTPClient(a.reach.client()),
		config.WithAPIOptions([]func(*middleware.Stack) error{a.reach.register}),
	}
	if a.target.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(a.target.Profile))
	} else if keys, ok := a.keys(); ok {
		options = append(options, config.WithCredentialsProvider(keys))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	if role := a.target.AssumeRole; role != "" {
		base := sts.NewFromConfig(cfg, func(o *sts.Options) { o.BaseEndpoint = a.endpoint("sts", o.BaseEndpoint) })
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(base, role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "ferry-" + names.Rule{Most: maxName - len("ferry-")}.Of(a.service+"-"+a.stage)
		}))
	}
	waits := &waiter{}
	cfg.APIOptions = append(cfg.APIOptions, waits.register)
	paced := cfg.Copy()
	paced.APIOptions = append(paced.APIOptions, a.pace.register)
	return &connection{
		place:     &a.place,
		lambda:    lambda.NewFromConfig(paced, func(o *lambda.Options) { o.BaseEndpoint = a.endpoint("lambda", o.BaseEndpoint) }),
		iam:       iam.NewFromConfig(cfg, func(o *iam.Options) { o.BaseEndpoint = a.endpoint("iam", o.BaseEndpoint) }),
		sts:       sts.NewFromConfig(cfg, func(o *sts.Options) { o.BaseEndpoint = a.endpoint("sts", o.BaseEndpoint) }),
		logs:      cloudwatchlogs.NewFromConfig(cfg, func(o *cloudwatchlogs.Options) { o.BaseEndpoint = a.endpoint("logs", o.BaseEndpoint) }),
		scheduler: scheduler.NewFromConfig(cfg, func(o *scheduler.Options) { o.BaseEndpoint = a.endpoint("scheduler", o.BaseEndpoint) }),
		sqs:       sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.BaseEndpoint = a.endpoint("sqs", o.BaseEndpoint) }),
		sns:       sns.NewFromConfig(cfg, func(o *sns.Options) { o.BaseEndpoint = a.endpoint("sns", o.BaseEndpoint) }),
		ssm:       ssm.NewFromConfig(cfg, func(o *ssm.Options) { o.BaseEndpoint = a.endpoint("ssm", o.BaseEndpoint) }),
		secrets:   secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.BaseEndpoint = a.endpoint("secretsmanager", o.BaseEndpoint) }),
		s3: s3.NewFromConfig(cfg, func(o *s3.Options) {
			o.BaseEndpoint = a.endpoint("s3", o.BaseEndpoint)
			o.UsePathStyle = o.BaseEndpoint != nil
		}),
		partition: "aws", region: a.target.Region, waiter: waits,
	}, nil
}

// keys are the credentials of the environment, as the SDK would find them itself.
func (a *Adapter) keys() (aws.CredentialsProvider, bool) {
	get := func(variable string) string {
		value, _ := a.env(variable)
		return value
	}
	id, secret := get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")
	return credentials.NewStaticCredentialsProvider(id, secret, get("AWS_SESSION_TOKEN")), id != "" && secret != ""
}

// endpoint is where a service is: as the manifest says, else FERRY_AWS_ENDPOINT, else as the SDK found.
func (p *place) endpoint(service string, found *string) *string {
	if url, ok := p.target.Endpoint[service]; ok {
		return &url
	}
	if url, ok := p.target.Endpoint[""]; ok {
		return &url
	}
	if url, ok := p.env("FERRY_AWS_ENDPOINT"); ok && url != "" {
		return &url
	}
	return found
}

// maxAttempts is how often the SDK tries a call that was throttled or that failed on the way.
const maxAttempts = 10

// pace keeps under the rate of Lambda's control plane, which an account shares in a region: 100 calls in a second
// for GetFunction and 15 for all others together. Neither can be raised.
type pace struct {
	reads, rest *rate.Limiter
}

func newPace() *pace {
	return &pace{reads: rate.NewLimiter(80, 10), rest: rate.NewLimiter(12, 3)}
}

// register has every attempt of a call wait for its turn.
func (p *pace) register(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("Pace", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		var err error
		switch middleware.GetOperationName(ctx) {
		case "Invoke": // of the data plane
		case "GetFunction":
			err = p.reads.Wait(ctx)
		default:
			err = p.rest.Wait(ctx)
		}
		if err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, err
		}
		return next.HandleFinalize(ctx, in)
	}), "Retry", middleware.After)
}

func (c *connection) arn(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", c.partition, service, c.region, c.account, resource)
}

func (c *connection) functionARN(fn string) string {
	return c.arn("lambda", "function:"+c.functionName(fn))
}

// aliasARN is what everything calls.
func (c *connection) aliasARN(fn string) string {
	return c.functionARN(fn) + ":" + live
}

const (
	dialTime    = 4 * time.Second  // to find a host and to connect to it
	reachTime   = 10 * time.Second // for a host that has never answered: a name or an address may be wrong
	reachPause  = time.Second      // between two tries of such a host
	longestWait = 20 * time.Second // between two tries of any other
)

// reach tells hosts that cannot be reached from those that answered before: the first are given up soon, the others are
// waited for through all attempts.
type reach struct {
	longest  time.Duration // between two tries of a call; longestWait when 0
	answered sync.Map
}

// call is one operation with all its attempts.
type call struct {
	began time.Time
	wait  *waits.Wait
}

type callKey struct{}

// unreached is the failure to reach a host that has never answered.
type unreached struct{ error }

func (u unreached) Unwrap() error { return u.error }

// hopeless is one that was tried for long enough.
type hopeless struct{ unreached }

// RetryableError tells the SDK not to try again.
func (hopeless) RetryableError() bool { return false }

// client gives up to connect soon; the SDK's own takes 30 seconds.
func (r *reach) client() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTime })
}

// pause is how long the SDK waits before it tries again.
func (r *reach) pause() retry.BackoffDelayer {
	usual := retry.NewExponentialJitterBackoff(cmp.Or(r.longest, longestWait))
	return retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
		pause, failed := usual.BackoffDelay(attempt, err)
		var never unreached
		if errors.As(err, &never) {
			pause = min(pause, reachPause)
		}
		return pause, failed
	})
}

// register has every operation say what it waits for, and every attempt look whether its host can be reached.
func (r *reach) register(stack *middleware.Stack) error {
	begin := middleware.InitializeMiddlewareFunc("Wait", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		c := &call{began: time.Now()}
		defer func() { c.wait.Done() }()
		return next.HandleInitialize(middleware.WithStackValue(ctx, callKey{}, c), in)
	})
	attempt := middleware.FinalizeMiddlewareFunc("Reach", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		c, _ := middleware.GetStackValue(ctx, callKey{}).(*call)
		req, ok := in.Request.(*smithyhttp.Request)
		if c == nil || !ok || middleware.GetOperationName(ctx) == "Invoke" { // which takes as long as the function
			return next.HandleFinalize(ctx, in)
		}
		if c.wait == nil {
			c.wait = waits.For(ctx, req.URL.Host)
		}
		c.wait.Try()
		out, metadata, err := next.HandleFinalize(ctx, in)
		if err != nil {
			err = r.judge(ctx, req.URL.Host, c.began, err)
			c.wait.Failed(reason(err))
		} else {
			r.answered.Store(req.URL.Host, true)
		}
		return out, metadata, err
	})
	return errors.Join(stack.Initialize.Add(begin, middleware.Before), stack.Finalize.Add(attempt, middleware.After))
}

// judge looks at a failed attempt: whether the host answered at all, now or before.
func (r *reach) judge(ctx context.Context, host string, began time.Time, err error) error {
	var sending *smithyhttp.RequestSendError
	if !errors.As(err, &sending) || ctx.Err() != nil {
		if statusOf(err) > 0 {
			r.answered.Store(host, true)
		}
		return err
	}
	if _, ok := r.answered.Load(host); ok {
		return err
	}
	never := unreached{err}
	if time.Since(began) >= reachTime {
		return hopeless{never}
	}
	return never
}

// reason is why an attempt failed, in few words.
func reason(err error) error {
	var (
		transport *url.Error
		sending   *smithyhttp.RequestSendError
	)
	switch code, _ := codeOf(err); {
	case code != "":
		return errors.New(code)
	case errors.As(err, &transport):
		return transport.Err
	case errors.As(err, &sending):
		return sending.Err
	}
	return err
}

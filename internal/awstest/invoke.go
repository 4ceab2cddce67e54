package awstest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/internal/standin"
)

// environments are the running functions, one a version.
type environments struct {
	mu      sync.Mutex
	running map[string]*environment // by the ARN of the version
	later   sync.WaitGroup          // asynchronous invocations
}

type environment struct {
	mu     sync.Mutex // held by an invocation
	run    *lambdatest.Environment
	stream string       // the log stream
	piece  func([]byte) // gets what is streamed; nil when nobody wants it
}

// target is a version to invoke, as it is now.
type target struct {
	function *function
	number   string
	config   types.FunctionConfiguration
	zip      []byte
}

func (t target) arn() string { return t.function.arn(t.number) }

// target chooses the version that an invocation goes to, by an alias' weights where it has some.
func (c *Cloud) target(name, qualifier *string) (target, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, q, err := c.lookup(name, qualifier)
	if err != nil {
		return target{}, err
	}
	number := q
	if a := f.aliases[q]; a != nil {
		number = *a.FunctionVersion
		if a.RoutingConfig != nil {
			for other, weight := range a.RoutingConfig.AdditionalVersionWeights {
				if rand.Float64() < weight {
					number = other
				}
			}
		}
	}
	if number == "" {
		number = latest
	}
	v := f.find(number)
	if v == nil {
		return target{}, missingFunction(f.arn(q))
	}
	if f.reserved != nil && *f.reserved == 0 {
		return target{}, &failure{429, "TooManyRequestsException", "Rate Exceeded.", "ReservedFunctionConcurrentInvocationLimitExceeded"}
	}
	v.settle()
	if v.config.State == types.StatePending {
		return target{}, refuse(409, "ResourceConflictException",
			"The operation cannot be performed at this time. The function is currently in the following state: Pending")
	}
	if err := c.startable(v); err != nil {
		return target{}, err
	}
	return target{function: f, number: number, config: v.config, zip: v.code.zip}, nil
}

// startable refuses a version whose role is gone, or is another of the same name than the version was configured with.
func (c *Cloud) startable(v *version) error {
	switch r := c.roleByARN(*v.config.Role); {
	case r == nil:
		return refuse(403, "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.")
	case *r.is.RoleId != v.grant && v.config.Environment != nil:
		return refuse(502, "KMSAccessDeniedException", "Lambda was unable to decrypt the environment variables because KMS access was denied. "+
			"Please check the function's KMS key settings. KMS Exception: UnrecognizedClientException")
	}
	return nil
}

func (c *Cloud) invoke(r *request) (any, error) {
	var qualifier *string
	if q := r.form.Get("Qualifier"); q != "" {
		qualifier = &q
	}
	t, err := c.target(new(r.vars["FunctionName"]), qualifier)
	if err != nil {
		return nil, err
	}
	event := r.body
	if len(event) == 0 {
		event = []byte("{}")
	}
	if !json.Valid(event) {
		return nil, refuse(400, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json")
	}
	header := http.Header{"X-Amz-Executed-Version": {t.number}, "Content-Type": {"application/json"}}
	switch kind := r.http.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
	case "DryRun":
		return standin.Reply{Status: http.StatusNoContent, Header: header}, nil
	case "Event":
		c.environments.later.Go(func() { _, _ = c.run(context.Background(), t, event, nil) }) // nobody hears of it, as on AWS
		return standin.Reply{Status: http.StatusAccepted, Header: header}, nil
	default:
		return nil, constraint(kind, "invocationType", "Member must satisfy enum value set: [Event, RequestResponse, DryRun]")
	}
	result, err := c.run(r.http.Context(), t, event, nil)
	if err != nil {
		return nil, err
	}
	if result.FunctionError != "" {
		header.Set("X-Amz-Function-Error", result.FunctionError)
	}
	if r.http.Header.Get("X-Amz-Log-Type") == "Tail" {
		log := result.Log[max(0, len(result.Log)-4096):]
		header.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte(log)))
	}
	return standin.Reply{Status: http.StatusOK, Header: header, Body: result.Payload}, nil
}

// run sends an event to a version, in the environment that it has or gets, and keeps what it prints.
func (c *Cloud) run(ctx context.Context, t target, event []byte, piece func([]byte)) (lambdatest.Result, error) {
	c.control.mu.Lock()
	answer := c.control.answer
	c.control.mu.Unlock()
	if answer != nil {
		return lambdatest.Result{Payload: answer(event, c.variables(t))}, nil
	}
	env, err := c.environment(ctx, t)
	if err != nil {
		if ctx.Err() == nil { // else whoever called went away
			c.t.Errorf("awstest: starting %s: %v", t.arn(), err)
		}
		return lambdatest.Result{}, &failure{502, "ServiceException", err.Error(), ""}
	}
	env.mu.Lock()
	defer env.mu.Unlock()
	env.piece = piece
	result, err := env.run.Invoke(ctx, event)
	env.piece = nil
	if err != nil {
		return result, &failure{502, "ServiceException", err.Error(), ""}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log(t, env.stream, result.Log)
	return result, nil
}

// log keeps what a function printed, as far as its role may write it.
func (c *Cloud) log(t target, stream, text string) {
	name := *t.config.LoggingConfig.LogGroup
	r := c.roleByARN(*t.config.Role)
	resource := arn("logs", "log-group:"+name)
	if r == nil || !r.allows("logs:PutLogEvents", resource+":log-stream:"+stream) || !r.allows("logs:CreateLogStream", resource+":log-stream:"+stream) {
		return
	}
	g := c.groups[name]
	if g == nil && !r.allows("logs:CreateLogGroup", resource) {
		return
	}
	if g == nil {
		g = c.newGroup(name)
	}
	g.print(stream, text)
}

// environment is where a version runs; it is started at the first invocation.
func (c *Cloud) environment(ctx context.Context, t target) (*environment, error) {
	e := &c.environments
	e.mu.Lock()
	defer e.mu.Unlock()
	if env := e.running[t.arn()]; env != nil {
		return env, nil
	}
	dir, err := os.MkdirTemp("", "awstest")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // lambdatest has copied it
	if err := standin.Unzip(bytes.NewReader(t.zip), int64(len(t.zip)), dir); err != nil {
		return nil, err
	}
	env := &environment{stream: now().Format("2006/01/02/") + "[" + t.number + "]" + strings.ReplaceAll(newID(), "-", "")}
	env.run, err = lambdatest.Start(ctx, lambdatest.Function{
		Dir: dir, Runtime: string(t.config.Runtime), Handler: deref(t.config.Handler), Env: c.variables(t), Name: t.function.name,
		Version: t.number, ARN: t.arn(), Timeout: time.Duration(*t.config.Timeout) * time.Second, MemoryMB: int(*t.config.MemorySize),
		Piece: func(piece []byte) {
			if env.piece != nil {
				env.piece(piece)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if e.running == nil {
		e.running = map[string]*environment{}
	}
	e.running[t.arn()] = env
	return env, nil
}

// variables are a function's own, and those with which its SDK finds this cloud in the name of its role.
func (c *Cloud) variables(t target) map[string]string {
	vars := map[string]string{
		"AWS_REGION": Region, "AWS_DEFAULT_REGION": Region, "AWS_ACCESS_KEY_ID": roleKey(*t.config.Role), "AWS_SECRET_ACCESS_KEY": SecretKey,
		"AWS_SESSION_TOKEN": "awstest", "AWS_ENDPOINT_URL": c.Endpoint(),
	}
	if t.config.Environment != nil {
		for name, value := range t.config.Environment.Variables {
			vars[name] = value
		}
	}
	return vars
}

// end stops what runs of a version, or of all versions of a function when the ARN has no qualifier.
func (e *environments) end(arn string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, env := range e.running {
		if name == arn || strings.HasPrefix(name, arn+":") {
			delete(e.running, name)
			e.later.Go(func() { _ = env.run.Close() }) // after the invocation that it serves
		}
	}
}

func (e *environments) close() {
	e.mu.Lock()
	var errs []error
	for _, env := range e.running {
		errs = append(errs, env.run.Close())
	}
	e.running = nil
	e.mu.Unlock()
	e.later.Wait()
	_ = errors.Join(errs...) // the process has ended all the same
}

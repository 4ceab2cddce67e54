package aws

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
	"github.com/ferryfn/ferry/providers/marks"
	"github.com/ferryfn/ferry/providers/until"
)

// settle converges what AWS does not version with what the live version needs, and returns the URL. Nothing is
// called when the tags say that it holds. They say so last, and are taken back first: a kill in between is seen.
func (c *connection) settle(ctx context.Context, s spec, to *lambda.GetFunctionOutput) (string, error) {
	fn := s.function
	want, url := labelOf(to.Configuration).settings, urlOf(to.Tags)
	if fn.Runtime == "" { // adopted: what it needs is not known, and stays as it is
		return url, c.untag(ctx, fn.Name, marks.Present(to.Tags, tagCanary, tagSettings)...)
	}
	if to.Tags[tagSettings] == want {
		return url, c.untag(ctx, fn.Name, marks.Present(to.Tags, tagCanary)...)
	}
	if _, set := to.Tags[tagSettings]; set {
		changing := map[string]string{tagSettings: unsettled}
		if fn.HTTP() != nil && to.Tags[tagURL] == "" {
			changing[tagURL] = unsettled
		}
		if err := c.tag(ctx, fn.Name, changing); err != nil {
			return url, err
		}
	}
	url, err := c.converge(ctx, s, to)
	if err != nil {
		return url, err
	}
	tags := c.tags(fn)
	tags[tagSettings] = want
	if url != "" {
		tags[tagURL] = url
	}
	if fn.Scaling.Min > 0 {
		tags[tagWarm] = "true"
	}
	gone, left := retagging(tags, to.Tags, tagURL, tagWarm, tagCanary)
	if err := c.untag(ctx, fn.Name, gone...); err != nil {
		return url, err
	}
	return url, c.tag(ctx, fn.Name, left)
}

// converge makes the settings hold, each after a look at what is there.
func (c *connection) converge(ctx context.Context, s spec, to *lambda.GetFunctionOutput) (url string, err error) {
	fn := s.function
	if err := c.ensureLogGroup(ctx, fn); err != nil {
		return "", err
	}
	if url, err = c.expose(ctx, fn, to); err != nil {
		return "", err
	}
	if err := c.permit(ctx, fn, to); err != nil {
		return "", err
	}
	if err := c.scale(ctx, fn, to); err != nil {
		return "", err
	}
	return url, c.narrowRole(ctx, s)
}

// neverSettled reports whether no settings ever held, so that what they need is made first, and looked at only where it is
// there already: each look has a share in the rate of all calls.
func neverSettled(to *lambda.GetFunctionOutput) bool { return to.Tags[tagSettings] == "" }

// urlOf is the URL that the tags tell, "" when there is none or it is being made.
func urlOf(tags map[string]string) string {
	if tags[tagURL] == unsettled {
		return ""
	}
	return tags[tagURL]
}

// expose makes the URL of the alias as the HTTP event says, or takes it away. One that ferry did not make is left.
func (c *connection) expose(ctx context.Context, fn function, to *lambda.GetFunctionOutput) (string, error) {
	function, qualifier := aws.String(c.functionName(fn.Name)), aws.String(live)
	want, answered := exposure(fn)
	if !answered && to.Tags[tagURL] == "" {
		return "", nil
	}
	if answered && neverSettled(to) {
		if url, err := c.createURL(ctx, fn.Name, want); !isAlreadyExists(err) {
			return url, err
		}
	}
	have, err := c.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: function, Qualifier: qualifier})
	if err != nil && !isNotFound(err) {
		return "", err
	}
	exists := err == nil
	switch {
	case !answered && !exists:
		return "", nil
	case !answered:
		_, err := c.lambda.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigInput{FunctionName: function, Qualifier: qualifier})
		return "", err
	case !exists:
		url, err := c.createURL(ctx, fn.Name, want)
		if isAlreadyExists(err) { // the reply to its creation was lost
			again, err := c.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: function, Qualifier: qualifier})
			if err != nil {
				return "", err
			}
			return aws.ToString(again.FunctionUrl), nil
		}
		return url, err
	case len(want.diff(have)) == 0:
		return aws.ToString(have.FunctionUrl), nil
	}
	if want.cors == nil && have.Cors != nil {
		want.cors = &types.Cors{} // what is left out would stay
	}
	out, err := c.lambda.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigInput{
		FunctionName: function, Qualifier: qualifier, AuthType: want.auth, InvokeMode: want.mode, Cors: want.cors,
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.FunctionUrl), nil
}

func (c *connection) createURL(ctx context.Context, fn string, want address) (string, error) {
	out, err := c.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{
		FunctionName: aws.String(c.functionName(fn)), Qualifier: aws.String(live), AuthType: want.auth, InvokeMode: want.mode, Cors: want.cors,
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.FunctionUrl), nil
}

// address is how a Function URL answers.
type address struct {
	auth types.FunctionUrlAuthType
	mode types.InvokeMode
	cors *types.Cors
}

// exposure is the URL that a function is to have; ok is false for none.
func exposure(fn function) (want address, ok bool) {
	e := fn.HTTP()
	if e == nil {
		return address{}, false
	}
	want = address{auth: types.FunctionUrlAuthTypeNone, mode: types.InvokeModeBuffered}
	if e.Private() {
		want.auth = types.FunctionUrlAuthTypeAwsIam
	}
	if fn.own.ResponseStream {
		want.mode = types.InvokeModeResponseStream
	}
	if e.CORS != nil {
		want.cors = &types.Cors{
			AllowOrigins: orAny(e.CORS.Origins), AllowMethods: orAny(corsMethods(e)), AllowHeaders: orAny(e.CORS.Headers),
			AllowCredentials: aws.Bool(e.CORS.Credentials), MaxAge: aws.Int32(int32(e.CORS.MaxAge.Std() / time.Second)),
		}
	}
	return want, true
}

// checkHTTP is about the policy across origins, which a Function URL applies itself.
func checkHTTP(_ function, field string, e manifest.Event) []providers.Issue {
	if e.HTTP.CORS == nil {
		return nil
	}
	age := e.HTTP.CORS.MaxAge.Std()
	return slices.Concat(
		check.When(slices.Contains(corsMethods(e.HTTP), "OPTIONS")).Block(field+".cors.methods", "leave it out: Lambda answers preflights itself", "a Function URL's CORS takes no method OPTIONS"),
		check.When(age > maxCORSAge || age%time.Second != 0).Block(field+".cors.max_age", "choose whole seconds up to 24h", "a Function URL's CORS does not accept a max_age of %s", age),
	)
}

// corsMethods are those that the policy names, else those of the event.
func corsMethods(e *manifest.HTTPEvent) []string {
	if len(e.CORS.Methods) > 0 {
		return e.CORS.Methods
	}
	return e.Methods
}

func orAny(list []string) []string {
	if len(list) == 0 {
		return []string{"*"}
	}
	return list
}

// diff names what a URL has otherwise.
func (u address) diff(have *lambda.GetFunctionUrlConfigOutput) providers.Differences {
	var d providers.Differences
	d.Compare("url.auth", string(u.auth), string(have.AuthType))
	mode := have.InvokeMode
	if mode == "" {
		mode = types.InvokeModeBuffered
	}
	d.Compare("url.mode", string(u.mode), string(mode))
	d.Compare("url.cors", corsText(u.cors), corsText(have.Cors))
	return d
}

func corsText(c *types.Cors) string {
	if c == nil || len(c.AllowOrigins)+len(c.AllowMethods)+len(c.AllowHeaders)+len(c.ExposeHeaders) == 0 && !aws.ToBool(c.AllowCredentials) {
		return ""
	}
	data, err := json.Marshal([]any{
		ordered(c.AllowOrigins), ordered(c.AllowMethods), ordered(c.AllowHeaders), ordered(c.ExposeHeaders), aws.ToBool(c.AllowCredentials), aws.ToInt32(c.MaxAge),
	})
	if err != nil {
		panic(err) // lists of text and a number always have a JSON form
	}
	return string(data)
}

// The statements that let anybody call a public URL. AWS asks for both since October 2025.
const (
	statementURL    = "ferry-url"
	statementInvoke = "ferry-url-invoke"
)

// permit lets anybody call a public function by its URL, and nobody another one.
func (c *connection) permit(ctx context.Context, fn function, to *lambda.GetFunctionOutput) error {
	function, qualifier := aws.String(c.functionName(fn.Name)), aws.String(live)
	e := fn.HTTP()
	public := e != nil && !e.Private()
	var have map[string]json.RawMessage
	var revision *string
	var err error
	if !public || !neverSettled(to) {
		if have, revision, err = c.policy(ctx, fn.Name); err != nil {
			return err
		}
	}
	for _, in := range []*lambda.AddPermissionInput{
		{StatementId: aws.String(statementURL), Action: aws.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone},
		{StatementId: aws.String(statementInvoke), Action: aws.String("lambda:InvokeFunction"), InvokedViaFunctionUrl: aws.Bool(true)},
	} {
		_, there := have[*in.StatementId]
		switch {
		case public && !there:
			in.FunctionName, in.Qualifier, in.Principal = function, qualifier, aws.String("*")
			_, err = c.lambda.AddPermission(ctx, in)
			if isAlreadyExists(err) {
				err = nil
			}
		case !public && there:
			_, err = c.lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: function, Qualifier: qualifier, StatementId: in.StatementId, RevisionId: revision})
			revision = nil
		}
		if err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}

// scale sets how many instances a function has at least and at most. AWS refuses a most that is below the least, for a
// moment too: where the least falls it goes first, else the most does.
func (c *connection) scale(ctx context.Context, fn function, to *lambda.GetFunctionOutput) error {
	least := fn.Scaling.Min
	if least == 0 && to.Tags[tagWarm] == "" {
		return c.reserve(ctx, fn, to.Concurrency)
	}
	if least > 0 && to.Tags[tagWarm] == "" {
		if err := c.tag(ctx, fn.Name, map[string]string{tagWarm: "true"}); err != nil {
			return err
		}
	}
	warm, _, err := c.warm(ctx, fn.Name)
	if err != nil {
		return err
	}
	if least >= warm {
		if err := c.reserve(ctx, fn, to.Concurrency); err != nil {
			return err
		}
		return c.provision(ctx, fn.Name, warm, least)
	}
	if err := c.provision(ctx, fn.Name, warm, least); err != nil {
		return err
	}
	return c.reserve(ctx, fn, to.Concurrency)
}

// reserve caps the instances of a function at scaling.max, which takes them from the account's.
func (c *connection) reserve(ctx context.Context, fn function, have *types.Concurrency) error {
	function := aws.String(c.functionName(fn.Name))
	reserved := 0
	if have != nil {
		reserved = int(aws.ToInt32(have.ReservedConcurrentExecutions))
	}
	var err error
	switch {
	case fn.Scaling.Max == 0 && have != nil:
		_, err = c.lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: function})
	case fn.Scaling.Max > 0 && reserved != fn.Scaling.Max:
		_, err = c.lambda.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{
			FunctionName: function, ReservedConcurrentExecutions: aws.Int32(int32(fn.Scaling.Max)),
		})
	}
	return err
}

// warm is how many instances of the alias are asked for, and whether they are still being made or ended.
func (c *connection) warm(ctx context.Context, fn string) (instances int, changing bool, err error) {
	out, err := c.lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{
		FunctionName: aws.String(c.functionName(fn)), Qualifier: aws.String(live),
	})
	switch {
	case isNotFound(err):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	}
	return int(aws.ToInt32(out.RequestedProvisionedConcurrentExecutions)), out.Status == types.ProvisionedConcurrencyStatusEnumInProgress, nil
}

// provision keeps so many instances of the alias warm. Those that are ended count until they have: that is waited for.
func (c *connection) provision(ctx context.Context, fn string, has, instances int) error {
	function, qualifier := aws.String(c.functionName(fn)), aws.String(live)
	var err error
	switch {
	case has == instances:
		return nil
	case instances == 0:
		_, err = c.lambda.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: function, Qualifier: qualifier})
	default:
		if err = c.unmoving(ctx, fn); err == nil {
			_, err = c.lambda.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
				FunctionName: function, Qualifier: qualifier, ProvisionedConcurrentExecutions: aws.Int32(int32(instances)),
			})
		}
	}
	if err != nil || instances > has {
		return unlessMissing(err)
	}
	return until.True(ctx, ended(), func() (bool, error) {
		_, changing, err := c.warm(ctx, fn)
		return !changing, err
	})
}

// unmoving waits until the alias points at one version alone. While it moves AWS itself gives it weights, and refuses to
// change how many instances are kept warm.
func (c *connection) unmoving(ctx context.Context, fn string) error {
	return until.True(ctx, moved(), func() (bool, error) {
		now, err := c.alias(ctx, fn)
		return !now.weighted(), err
	})
}

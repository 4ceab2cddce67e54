package aws

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ferryfn/ferry/providers"
)

// errUnread is what another service does not tell: there is no such thing, or the caller has no right to see it.
var errUnread = errors.New("it is not told")

// unseen is errUnread for want of a right, which it is.
type unseen string

func (u unseen) Error() string { return providers.Unread(string(u)) }

func (unseen) Is(err error) bool { return err == errUnread }

// ask calls a service that ferry reads few things of. A client of the SDK for each would be paid by every start of ferry.
func (o *original) ask(ctx context.Context, service, action, path string, body, into any) error {
	method, text := http.MethodGet, []byte(nil)
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
		method = http.MethodPost
	}
	suffix := "amazonaws.com"
	if o.partition == "aws-cn" {
		suffix += ".cn"
	}
	base := "https://" + service + "." + o.region + "." + suffix
	if at := o.endpoint(service, o.lambda.Options().BaseEndpoint); at != nil {
		base = strings.TrimSuffix(*at, "/")
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if action != "" {
		req.Header.Set("X-Amz-Target", action)
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	options := o.lambda.Options()
	keys, err := options.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	if err := v4.NewSigner().SignHTTP(ctx, keys, req, hex.EncodeToString(sum[:]), service, o.region, time.Now()); err != nil {
		return err
	}
	res, err := options.HTTPClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w", service, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return fmt.Errorf("asking %s: %w", service, err)
	case res.StatusCode == http.StatusForbidden, bytes.Contains(answer, []byte("AccessDenied")):
		right := cmp.Or(strings.TrimPrefix(action, "AWSEvents."), http.MethodGet)
		return fmt.Errorf("%s: %w", service, unseen(service+":"+right))
	case res.StatusCode == http.StatusNotFound, bytes.Contains(answer, []byte("ResourceNotFoundException")):
		return fmt.Errorf("%s: %w", service, errUnread)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("asking %s: it answers %s: %.200s", service, res.Status, answer)
	}
	return json.Unmarshal(answer, into)
}

// tellGateways adds the routes of API Gateway that lead to the function. Of an API that is not told only the right to call is.
func (o *original) tellGateways(ctx context.Context) error {
	return o.tellEach("apigateway", func(source string) (string, error) {
		// arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH
		parts := strings.SplitN(source, ":", 6)
		if len(parts) < 6 || parts[2] != "execute-api" || parts[3] != o.region {
			return "", errUnread
		}
		api, _, _ := strings.Cut(parts[5], "/")
		return api, nil
	}, func(api string) error {
		err := o.tellHTTPAPI(ctx, api)
		if errors.Is(err, errUnread) {
			err = o.tellRestAPI(ctx, api)
		}
		return err
	})
}

// tellRules adds the rules of EventBridge that call the function.
func (o *original) tellRules(ctx context.Context) error {
	return o.tellEach("events", func(source string) (string, error) {
		// arn:aws:events:REGION:ACCOUNT:rule/[BUS/]NAME
		parts := strings.SplitN(source, ":", 6)
		if len(parts) < 6 || parts[3] != o.region || !strings.HasPrefix(parts[5], "rule/") || strings.Contains(parts[5], "*") {
			return "", errUnread
		}
		return strings.TrimPrefix(parts[5], "rule/"), nil
	}, func(rule string) error { return o.tellRule(ctx, rule) })
}

// tellEach tells each thing once that a service calls the function for. What is not told stays a right to call.
func (o *original) tellEach(service string, what func(source string) (string, error), tell func(string) error) error {
	found, left := map[string]string{}, []string{}
	for _, source := range o.permitted[service] {
		if id, err := what(source); err == nil {
			found[id] = source
		} else {
			left = append(left, source)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		var right unseen
		switch before, err := len(o.events), tell(id); {
		case errors.As(err, &right):
			o.unread(string(right) + ": what calls it from " + id)
		case errors.Is(err, errUnread), err == nil && len(o.events) == before:
			left = append(left, found[id])
		case err != nil:
			return err
		}
	}
	for _, source := range left {
		o.calls(service, map[string]any{"SourceArn": source})
	}
	return nil
}

// isCalled is whether an integration calls this function, by its ARN or by the path of API Gateway to it.
func (o *original) isCalled(uri string) bool {
	if _, after, within := strings.Cut(uri, "/functions/"); within {
		uri = strings.TrimSuffix(after, "/invocations")
	}
	return uri == o.arn
}

// authorized is what a route asks of its callers, in the words of SAM; nil is nothing.
func authorized(kind string, key bool) map[string]any {
	switch {
	case kind != "" && kind != "NONE":
		return map[string]any{"Authorizer": kind}
	case key:
		return map[string]any{"ApiKeyRequired": true}
	}
	return nil
}

func (o *original) tellHTTPAPI(ctx context.Context, api string) error {
	var is struct {
		ProtocolType      string
		CorsConfiguration *struct {
			AllowOrigins, AllowMethods, AllowHeaders []string
			AllowCredentials                         bool
			MaxAge                                   int
		}
	}
	if err := o.ask(ctx, "apigateway", "", "/v2/apis/"+api, nil, &is); err != nil || is.ProtocolType != "HTTP" {
		return cmp.Or(err, errUnread)
	}
	type integration struct{ IntegrationID, IntegrationURI, PayloadFormatVersion string }
	integrations, err := items[integration](ctx, o, "/v2/apis/"+api+"/integrations")
	if err != nil {
		return err
	}
	formats := map[string]string{} // of those that call the function
	for _, i := range integrations {
		if o.isCalled(i.IntegrationURI) {
			formats["integrations/"+i.IntegrationID] = cmp.Or(i.PayloadFormatVersion, "1.0")
		}
	}
	type route struct{ RouteKey, Target, AuthorizationType string }
	routes, err := items[route](ctx, o, "/v2/apis/"+api+"/routes")
	if err != nil {
		return err
	}
	slices.SortFunc(routes, func(a, b route) int { return strings.Compare(a.RouteKey, b.RouteKey) })
	for _, r := range routes {
		format, called := formats[r.Target]
		if !called {
			continue
		}
		event := map[string]any{"ApiId": api, "PayloadFormatVersion": format, "Auth": authorized(r.AuthorizationType, false)}
		if method, path, found := strings.Cut(r.RouteKey, " "); found {
			event["Method"], event["Path"] = method, path
		}
		if c := is.CorsConfiguration; c != nil {
			cors := map[string]any{"AllowOrigins": c.AllowOrigins, "AllowMethods": c.AllowMethods, "AllowHeaders": c.AllowHeaders, "AllowCredentials": c.AllowCredentials}
			if c.MaxAge > 0 {
				cors["MaxAge"] = c.MaxAge
			}
			event["CorsConfiguration"] = cors
		}
		o.calls("HttpApi", event)
	}
	return nil
}

// items are those of all pages of a list.
func items[T any](ctx context.Context, o *original, path string) ([]T, error) {
	var all []T
	for next := ""; ; {
		var page struct {
			Items     []T
			NextToken string
		}
		if err := o.ask(ctx, "apigateway", "", path+"?maxResults=100"+next, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.NextToken == "" {
			return all, nil
		}
		next = "&nextToken=" + url.QueryEscape(page.NextToken)
	}
}

func (o *original) tellRestAPI(ctx context.Context, api string) error {
	for next := ""; ; {
		var page struct {
			Position string
			Item     []struct {
				Path            string
				ResourceMethods map[string]struct {
					AuthorizationType string
					APIKeyRequired    bool
					MethodIntegration struct{ Type, URI string }
				}
			}
		}
		if err := o.ask(ctx, "apigateway", "", "/restapis/"+api+"/resources?embed=methods&limit=500"+next, nil, &page); err != nil {
			return err
		}
		for _, r := range page.Item {
			for _, method := range slices.Sorted(maps.Keys(r.ResourceMethods)) {
				m := r.ResourceMethods[method]
				if !o.isCalled(m.MethodIntegration.URI) {
					continue
				}
				event := map[string]any{"RestApiId": api, "Path": r.Path, "Method": method, "Auth": authorized(m.AuthorizationType, m.APIKeyRequired)}
				if m.MethodIntegration.Type != "AWS_PROXY" {
					event["Integration"] = m.MethodIntegration.Type
				}
				o.calls("Api", event)
			}
		}
		if page.Position == "" {
			return nil
		}
		next = "&position=" + url.QueryEscape(page.Position)
	}
}

func (o *original) tellRule(ctx context.Context, name string) error {
	bus := "default"
	if before, after, found := strings.Cut(name, "/"); found {
		bus, name = before, after
	}
	var rule struct{ ScheduleExpression, EventPattern, State string }
	if err := o.ask(ctx, "events", "AWSEvents.DescribeRule", "/", map[string]any{"Name": name, "EventBusName": bus}, &rule); err != nil {
		return err
	}
	var targets struct {
		Targets []struct {
			Arn, Input, InputPath string
			InputTransformer      any
		}
	}
	if err := o.ask(ctx, "events", "AWSEvents.ListTargetsByRule", "/", map[string]any{"Rule": name, "EventBusName": bus}, &targets); err != nil {
		return err
	}
	for _, t := range targets.Targets {
		if t.Arn != o.arn {
			continue
		}
		event := map[string]any{"Name": name, "Schedule": rule.ScheduleExpression, "Pattern": rule.EventPattern, "Input": cmp.Or(t.Input, t.InputPath)}
		if t.InputTransformer != nil {
			event["Input"] = t.InputTransformer
		}
		if rule.State == "DISABLED" {
			event["Enabled"] = "false"
		}
		kind := "Schedule"
		if rule.ScheduleExpression == "" {
			kind = "EventBridgeRule"
		}
		o.calls(kind, event)
	}
	return nil
}

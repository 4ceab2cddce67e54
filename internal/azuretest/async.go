package azuretest

import (
	"net/http"

	"github.com/ferryfn/ferry/internal/standin"
)

// longOperation is work that a provider does after it has answered.
type longOperation struct {
	polls    int // how often it still reads as under way
	failure  *failure
	result   func() (int, any)
	provider string
}

// accepted answers that work goes on, with where to ask: what the result is when the operation has ended. A nil result is
// 200 without a body.
//
// Source: Azure/azure-resource-manager-rpc, v1.0/async-api-reference.md.
func (c *Cloud) accepted(r *request, provider string, result func() (int, any)) standin.Reply {
	id := newID()
	c.operations[id] = &longOperation{polls: c.setting(polls), result: result, provider: provider}
	base := "https://" + r.http.Host + "/subscriptions/" + r.vars["subscription"]
	at := base + "/providers/" + provider + "/locations/westeurope/operationResults/" + id
	if provider == "Microsoft.Resources" {
		at = base + "/operationresults/" + id
	}
	h := http.Header{"Location": {at + "?api-version=" + r.query.Get("api-version")}}
	patience(h)
	return standin.Reply{Status: http.StatusAccepted, Header: h}
}

// begun adds to an answer where to ask whether the work that it began has ended, and as what: a failure of nil is well.
func (c *Cloud) begun(r *request, provider string, out standin.Reply, failed *failure) standin.Reply {
	id := newID()
	c.operations[id] = &longOperation{polls: c.setting(polls), failure: failed, provider: provider}
	out.Header.Set("Azure-AsyncOperation", "https://"+r.http.Host+"/subscriptions/"+r.vars["subscription"]+"/providers/"+provider+"/locations/westeurope/operationsStatus/"+id+"?api-version="+r.query.Get("api-version"))
	patience(out.Header)
	return out
}

// patience says when to ask again. The header in milliseconds is one that Azure's clients honour: it keeps tests short.
func patience(h http.Header) {
	h.Set("Retry-After", "1")
	h.Set("Retry-After-Ms", "20")
}

func (c *Cloud) operation(r *request) (*longOperation, error) {
	if o := c.operations[r.vars["operation"]]; o != nil {
		return o, nil
	}
	return nil, refuse(404, "OperationNotFound", "The operation with id '%s' was not found.", r.vars["operation"])
}

// pollStatus is what an Azure-AsyncOperation address answers.
func (c *Cloud) pollStatus(r *request) (any, error) {
	o, err := c.operation(r)
	if err != nil {
		return nil, err
	}
	id := r.vars["operation"]
	if o.polls > 0 {
		o.polls--
		out := jsonReply(http.StatusOK, object{"id": r.http.URL.Path, "name": id, "status": "InProgress"})
		patience(out.Header)
		return out, nil
	}
	if o.failure != nil {
		return object{"id": r.http.URL.Path, "name": id, "status": "Failed", "error": object{"code": o.failure.code, "message": o.failure.message}}, nil
	}
	return object{"id": r.http.URL.Path, "name": id, "status": "Succeeded"}, nil
}

// pollResult is what a Location address answers.
func (c *Cloud) pollResult(r *request) (any, error) {
	o, err := c.operation(r)
	if err != nil {
		return nil, err
	}
	if o.polls > 0 {
		o.polls--
		h := http.Header{"Location": {"https://" + r.http.Host + r.http.URL.RequestURI()}}
		patience(h)
		return standin.Reply{Status: http.StatusAccepted, Header: h}, nil
	}
	switch {
	case o.failure != nil:
		return nil, o.failure
	case o.result == nil:
		return standin.Reply{Status: http.StatusOK, Header: http.Header{}}, nil
	}
	status, body := o.result()
	return jsonReply(status, body), nil
}

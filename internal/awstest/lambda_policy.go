package awstest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const maxPolicy = 20480

// policyStatement is one statement of a resource policy, as Lambda writes it.
type policyStatement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

var (
	actionName     = regexp.MustCompile(`^(lambda:[*]|lambda:[a-zA-Z]+|[*])$`)
	serviceName    = regexp.MustCompile(`^[a-z0-9.-]+\.(amazonaws\.com|amazon\.com)$`)
	accountID      = regexp.MustCompile(`^\d{12}$`)
	principalARN   = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|user/.+|role/.+|assumed-role/.+)$`)
	urlAliasName   = regexp.MustCompile(`^[0-9a-zA-Z-_]+$`)
	urlAliasSyntax = `((?!^\d+$)^[0-9a-zA-Z-_]+$)`
)

func (c *Cloud) addPermission(in *lambda.AddPermissionInput) (any, error) {
	f, qualifier, err := c.permitted(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := checkPermission(in); err != nil {
		return nil, err
	}
	revision := f.revision(qualifier)
	if err := unchanged(in.RevisionId, *revision, "GetPolicy"); err != nil {
		return nil, err
	}
	sid := *in.StatementId
	for _, s := range f.policies[qualifier] {
		if s.Sid == sid {
			return nil, refuse(409, "ResourceConflictException", "The statement id (%s) provided already exists. "+
				"Please provide a new statement id, or remove the existing statement.", sid)
		}
	}
	s := policyStatement{
		Sid: sid, Effect: "Allow", Principal: principal(*in.Principal), Action: *in.Action, Resource: f.arn(qualifier), Condition: conditions(in),
	}
	next := append(slices.Clip(f.policies[qualifier]), s)
	if size := len(document(next)); size > maxPolicy {
		return nil, refuse(400, "PolicyLengthExceededException", "The final policy size (%d) is bigger than the limit (%d).", size, maxPolicy)
	}
	f.policies[qualifier] = next
	*revision = new(newID())
	data, _ := json.Marshal(s) // a structure of texts
	return &lambda.AddPermissionOutput{Statement: new(string(data))}, nil
}

// permitted finds what a policy hangs on: the function, a version or an alias.
func (c *Cloud) permitted(name, qualifier *string) (*function, string, error) {
	f, q, err := c.lookup(name, qualifier)
	switch {
	case err != nil:
		return nil, "", err
	case q == latest:
		return nil, "", invalid("We currently do not support adding policies for $LATEST.")
	case f.find(q) != nil:
		return f, q, nil
	case onlyDigits.MatchString(q):
		return nil, "", missingFunction(f.arn(q))
	}
	return nil, "", missingAlias(f.arn(q))
}

// revision is the revision id that a policy shares with what it hangs on.
func (f *function) revision(qualifier string) **string {
	if a := f.aliases[qualifier]; a != nil {
		return &a.RevisionId
	}
	return &f.find(qualifier).config.RevisionId
}

func checkPermission(in *lambda.AddPermissionInput) error {
	sid, action, who := deref(in.StatementId), deref(in.Action), deref(in.Principal)
	switch {
	case !statementID.MatchString(sid):
		return constraint(sid, "statementId", "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)")
	case len(sid) > 100:
		return constraint(sid, "statementId", "Member must have length less than or equal to 100")
	case !actionName.MatchString(action):
		return constraint(action, "action", "Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])")
	case who != "*" && !serviceName.MatchString(who) && !accountID.MatchString(who) && !principalARN.MatchString(who):
		return invalid("The provided principal was invalid. Please check the principal and try again.")
	case in.FunctionUrlAuthType != "" && action != "lambda:InvokeFunctionUrl":
		return invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	case in.InvokedViaFunctionUrl != nil && action != "lambda:InvokeFunction":
		return invalid("InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action")
	case in.SourceAccount != nil && !accountID.MatchString(*in.SourceAccount):
		return constraint(*in.SourceAccount, "sourceAccount", `Member must satisfy regular expression pattern: \d{12}`)
	case in.SourceArn != nil && !strings.HasPrefix(*in.SourceArn, "arn:"):
		return constraint(*in.SourceArn, "sourceArn", "Member must satisfy regular expression pattern: arn:(aws[a-zA-Z0-9-]*):.*")
	}
	return nil
}

func principal(who string) any {
	switch {
	case who == "*":
		return who
	case serviceName.MatchString(who):
		return map[string]string{"Service": who}
	case accountID.MatchString(who):
		return map[string]string{"AWS": "arn:aws:iam::" + who + ":root"}
	}
	return map[string]string{"AWS": who}
}

func conditions(in *lambda.AddPermissionInput) map[string]map[string]string {
	out := map[string]map[string]string{}
	add := func(kind, key string, value *string) {
		if value == nil {
			return
		}
		if out[kind] == nil {
			out[kind] = map[string]string{}
		}
		out[kind][key] = *value
	}
	add("ArnLike", "AWS:SourceArn", in.SourceArn)
	add("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	add("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	add("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	if in.FunctionUrlAuthType != "" {
		add("StringEquals", "lambda:FunctionUrlAuthType", new(string(in.FunctionUrlAuthType)))
	}
	if in.InvokedViaFunctionUrl != nil {
		value := "false"
		if *in.InvokedViaFunctionUrl {
			value = "true"
		}
		add("Bool", "lambda:InvokedViaFunctionUrl", &value)
	}
	return out
}

func document(statements []policyStatement) string {
	data, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Id": "default", "Statement": statements}) // texts only
	return string(data)
}

func (c *Cloud) getPolicy(in *lambda.GetPolicyInput) (any, error) {
	f, qualifier, err := c.permitted(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if len(f.policies[qualifier]) == 0 {
		return nil, refuse(404, "ResourceNotFoundException", "The resource you requested does not exist.")
	}
	return &lambda.GetPolicyOutput{Policy: new(document(f.policies[qualifier])), RevisionId: *f.revision(qualifier)}, nil
}

func (c *Cloud) removePermission(in *lambda.RemovePermissionInput) (any, error) {
	f, qualifier, err := c.permitted(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if len(f.policies[qualifier]) == 0 {
		return nil, refuse(404, "ResourceNotFoundException", "No policy is associated with the given resource.")
	}
	revision := f.revision(qualifier)
	if err := unchanged(in.RevisionId, *revision, "GetPolicy"); err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(f.policies[qualifier]), func(s policyStatement) bool { return s.Sid == deref(in.StatementId) })
	if len(kept) == len(f.policies[qualifier]) {
		return nil, refuse(404, "ResourceNotFoundException", "Statement %s is not found in resource policy.", deref(in.StatementId))
	}
	f.policies[qualifier] = kept
	*revision = new(newID())
	return nil, nil
}

// allowsService says whether a service may invoke the function, for a resource of this account.
func (f *function) allowsService(qualifier, service, source string) bool {
	return slices.ContainsFunc(f.policies[qualifier], func(s policyStatement) bool {
		who, _ := s.Principal.(map[string]string)
		from, limited := s.Condition["ArnLike"]["AWS:SourceArn"]
		account, owned := s.Condition["StringEquals"]["AWS:SourceAccount"]
		return who["Service"] == service && invokes(s.Action) && s.Condition["Bool"] == nil &&
			(!limited || wildcard(from, source)) && (!owned || account == Account)
	})
}

func invokes(action string) bool {
	return action == "lambda:InvokeFunction" || action == "lambda:*" || action == "*"
}

// public says whether anybody may call the function's URL: since October 2025 that takes two statements.
func (f *function) public(qualifier string) bool {
	has := func(action, kind, key, value string) bool {
		return slices.ContainsFunc(f.policies[qualifier], func(s policyStatement) bool {
			return s.Principal == "*" && s.Action == action && s.Condition[kind][key] == value
		})
	}
	return has("lambda:InvokeFunctionUrl", "StringEquals", "lambda:FunctionUrlAuthType", string(types.FunctionUrlAuthTypeNone)) &&
		has("lambda:InvokeFunction", "Bool", "lambda:InvokedViaFunctionUrl", "true")
}

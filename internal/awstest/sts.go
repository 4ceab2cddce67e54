package awstest

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

func stsService() *service {
	return &service{name: "sts", protocol: query, ops: []*operation{
		{name: "GetCallerIdentity", run: (*Cloud).identity},
		{name: "AssumeRole", run: (*Cloud).assumeRole},
	}}
}

func (c *Cloud) identity(r *request) (any, error) {
	return &sts.GetCallerIdentityOutput{Account: new(Account), Arn: new(r.caller.arn), UserId: new("AIDAFERRYTEST")}, nil
}

// assumeRole gives whom the role trusts the keys of a session, which may do what the role may.
func (c *Cloud) assumeRole(r *request) (any, error) {
	var in sts.AssumeRoleInput
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	found := c.roleByARN(deref(in.RoleArn))
	if found == nil || !found.trust.trustsCaller(r.caller.arn) {
		return nil, refuse(403, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", r.caller.arn, deref(in.RoleArn))
	}
	return &sts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{
			Arn: new(sessionARN(*found.is.RoleName)), AssumedRoleId: new(*found.is.RoleId + ":" + deref(in.RoleSessionName)),
		},
		Credentials: &types.Credentials{
			AccessKeyId: new(roleKey(*found.is.Arn)), SecretAccessKey: new(SecretKey), SessionToken: new("awstest"),
			Expiration: new(now().Add(time.Hour)),
		},
	}, nil
}

// trustsCaller says whether somebody of the account may assume the role: by name, or as one of all.
func (d policyDocument) trustsCaller(who string) bool {
	return slices.ContainsFunc(d.Statement, func(g grant) bool {
		principal, _ := g.Principal.(map[string]any)
		named := principal["AWS"] == who || principal["AWS"] == arn("iam", "root")
		return g.Effect == "Allow" && named && g.covers("sts:AssumeRole", "")
	})
}

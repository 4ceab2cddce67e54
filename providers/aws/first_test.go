package aws

import (
	"slices"
	"testing"
)

func TestAFirstDeployLooksAtNothingThatCannotBeThere(t *testing.T) {
	s := newTenant(t).imitated()
	s.declare("api", "one")
	s.deploy()
	paced := slices.DeleteFunc(s.called("lambda"), func(call string) bool {
		return call == "GetFunction shop-dev-api" || call == "Invoke shop-dev-api" // which have rates of their own
	})
	equal(t, "the calls of Lambda that share their rate", paced, []string{
		"AddPermission shop-dev-api", "AddPermission shop-dev-api", "CreateAlias shop-dev-api", "CreateFunction shop-dev-api",
		"CreateFunctionUrlConfig shop-dev-api", "TagResource arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-api",
	})
	s.points("api", "1")
}

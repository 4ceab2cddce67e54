package awstest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestANewFunctionIsPendingUntilItWasPolled(t *testing.T) {
	c := start(t)
	c.role()
	c.cloud.PendingPolls(2)
	made, err := c.lambda.CreateFunction(t.Context(), c.input())
	c.ok(err)
	if made.State != types.StatePending || made.StateReasonCode != types.StateReasonCodeCreating || made.LastUpdateStatus != "" {
		t.Errorf("created as %s/%s/%s", made.State, made.StateReasonCode, made.LastUpdateStatus)
	}
	for i, want := range []types.State{types.StatePending, types.StatePending, types.StateActive} {
		got, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("fn")})
		c.ok(err)
		if got.Configuration.State != want {
			t.Errorf("poll %d: %s, want %s", i+1, got.Configuration.State, want)
		}
	}
	_, err = c.lambda.CreateFunction(t.Context(), c.input())
	c.refused(err, "ResourceConflictException", "Function already exist: fn")
}

func TestAnUpdateRefusesOthersUntilItIsThrough(t *testing.T) {
	c := start(t)
	c.function()
	change := &lambda.UpdateFunctionConfigurationInput{FunctionName: new("fn"), Timeout: new(int32(9))}
	first, err := c.lambda.UpdateFunctionConfiguration(t.Context(), change)
	c.ok(err)
	if first.LastUpdateStatus != types.LastUpdateStatusInProgress {
		t.Errorf("after the update: %s", first.LastUpdateStatus)
	}
	_, err = c.lambda.UpdateFunctionConfiguration(t.Context(), change)
	c.refused(err, "ResourceConflictException", "An update is in progress for resource: arn:aws:lambda:eu-west-1:123456789012:function:fn")
	_, err = c.lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("fn")})
	c.refused(err, "ResourceConflictException", "An update is in progress")
	c.settle()
	_, err = c.lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("fn"), RevisionId: first.RevisionId})
	c.refused(err, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id.", "GetFunction/GetAlias")
	_, err = c.lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("fn"), CodeSha256: new("x")})
	c.refused(err, "InvalidParameterValueException", "CodeSHA256 (x) is different from current CodeSHA256 in $LATEST")
	for range 2 {
		v, err := c.lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("fn")})
		c.ok(err)
		if *v.Version != "2" {
			t.Errorf("published %s, want 2 both times", *v.Version)
		}
	}
}

func TestTheCodeOfAVersionCanBeDownloaded(t *testing.T) {
	c := start(t)
	c.function()
	c.publish("export const handler = async () => 2")
	got, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("fn"), Qualifier: new("live")})
	c.ok(err)
	if arn := *got.Configuration.FunctionArn; !strings.HasSuffix(arn, ":fn:live") || *got.Configuration.Version != "1" {
		t.Errorf("read %s of version %s", arn, *got.Configuration.Version)
	}
	response, err := http.Get(*got.Code.Location)
	c.ok(err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	c.ok(err)
	if string(data) != string(c.input().Code.ZipFile) {
		t.Error("the download is not what was uploaded")
	}
}

func TestAnAliasSplitsRequestsOnlyAsLambdaAllows(t *testing.T) {
	c := start(t)
	c.function()
	c.publish("export const handler = async () => 2")
	update := func(version string, weights map[string]float64) error {
		_, err := c.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
			FunctionName: new("fn"), Name: new("live"), FunctionVersion: &version, RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights},
		})
		return err
	}
	c.ok(update("1", map[string]float64{"2": 0.1}))
	c.refused(update("1", map[string]float64{"2": 2}), "ValidationException", "{2=2.0}", "less than or equal to 1.0")
	c.refused(update("1", map[string]float64{"2": -1}), "ValidationException", "{2=-1.0}")
	c.refused(update("1", map[string]float64{"$LATEST": 0.5}), "ValidationException", "{$LATEST=0.5}")
	c.refused(update("$LATEST", map[string]float64{"2": 0.5}), "InvalidParameterValueException", "$LATEST is not supported for an alias")
	c.refused(update("1", map[string]float64{"1": 0.5}), "InvalidParameterValueException", "Invalid function version 1.")
	c.refused(update("1", map[string]float64{"9": 0.5}), "ResourceNotFoundException", "function:fn:9")
	c.refused(update("1", map[string]float64{"2": 0.1, "3": 0.1}), "InvalidParameterValueException", "cannot be greater than 1")
	for _, version := range []string{"1", "2"} {
		_, err := c.lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: new("fn"), Qualifier: &version})
		c.refused(err, "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]")
	}
	_, err := c.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: new("fn"), Name: new("live"), Description: new("x")})
	c.ok(err)
	got, err := c.lambda.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: new("fn"), Name: new("live")})
	c.ok(err)
	if got.RoutingConfig == nil {
		t.Error("an update without weights took them away")
	}
	c.ok(update("2", map[string]float64{}))
	got, err = c.lambda.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: new("fn"), Name: new("live")})
	c.ok(err)
	if got.RoutingConfig != nil || aws.ToString(got.FunctionVersion) != "2" {
		t.Errorf("after promotion: %+v", got)
	}
}

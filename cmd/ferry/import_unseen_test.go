//go:build unix

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/standin"
)

func TestWhatOfALiveFunctionMayNotBeSeenIsNamedAsLost(t *testing.T) {
	t.Parallel()
	const without, iot, keep = "not read without the right ", "the manifest has no events of the kind iot", "keep the policy with its own tool"
	for name, c := range map[string]struct {
		make func(*testing.T) byHand
		lost string
	}{
		"GetFunctionEventInvokeConfig":             {onLambda, without + "lambda:GetFunctionEventInvokeConfig\n" + iot},
		"GetProvisionedConcurrencyConfig":          {onLambda, without + "lambda:GetProvisionedConcurrencyConfig\n" + iot},
		"ListFunctionUrlConfigs":                   {onLambda, without + "lambda:ListFunctionUrlConfigs\n" + iot},
		"GetPolicy":                                {onLambda, without + "lambda:GetPolicy: topics, buckets, rules and APIs that call it"},
		"ListEventSourceMappings":                  {onLambda, without + "lambda:ListEventSourceMappings: queues and streams that it reads\n" + iot},
		"ListSubscriptionsByTopic":                 {onLambda, without + "sns:ListSubscriptionsByTopic: whether the topic signups calls it\n" + iot},
		"GetSubscriptionAttributes":                {onLambda, without + "sns:GetSubscriptionAttributes: which messages of the topic signups it gets\n" + iot},
		"GetBucketNotificationConfiguration":       {onLambda, without + "s3:GetBucketNotification: what the bucket uploads calls it for\n" + iot},
		"ListSchedules":                            {onLambda, without + "scheduler:ListSchedules: schedules that call it\n" + iot},
		"projects.locations.services.getIamPolicy": {onFunctions, jobCalls + "\n" + subscriptionCalls + "\n" + keep + "\n" + without + "run.services.getIamPolicy: who may call it"},
		"projects.locations.jobs.list":             {onFunctions, subscriptionCalls + "\n" + keep + "\n" + without + "cloudscheduler.jobs.list: which jobs call it"},
		"projects.subscriptions.list":              {onFunctions, jobCalls + "\n" + keep + "\n" + without + "pubsub.subscriptions.list: which subscriptions call it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs := denied(c.make(t), name)
			theirs.lost = c.lost
			imported(newShop(t), theirs, "--dry-run").accounts(t, c.lost)
		})
	}
}

func TestAnAppIsImportedWithoutTheRightToItsSettings(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]string{
		"WebApps_ListApplicationSettings": "not read without the right Microsoft.Web/sites/config/list/action: its variables",
		"WebApps_ListFunctions":           "not read without the right Microsoft.Web/sites/functions/read: which functions Azure knows of",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs := denied(onFlex(t), name)
			theirs.lost = lost
			got := imported(newShop(t), theirs, "--dry-run")
			if !slices.Equal(got.losses(), []string{lost}) || !strings.Contains(got.Manifest, "handler: run") {
				t.Errorf("lost is %q, and the manifest is\n%s", got.losses(), got.Manifest)
			}
		})
	}
}

// denied is a function whose caller has no right to an operation.
func denied(theirs byHand, operation string) byHand {
	theirs.deny(func(call standin.Call) standin.Fault {
		if call.Operation == operation {
			return standin.Deny()
		}
		return standin.Fault{}
	})
	return theirs
}

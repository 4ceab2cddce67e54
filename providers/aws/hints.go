package aws

import (
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"

	"github.com/ferryfn/ferry/providers"
)

// unidentified reports whether AWS does not know the caller, or the SDK found no credentials to call with.
func unidentified(err error) bool {
	var profile config.SharedConfigProfileNotExistError
	if errors.As(err, &profile) || skewed(err) {
		return true
	}
	code, _ := codeOf(err)
	switch strings.TrimSuffix(code, "Exception") {
	case "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient", "SignatureDoesNotMatch", "InvalidSignature",
		"IncompleteSignature", "InvalidAccessKeyId", "MissingAuthenticationToken", "MissingAuthenticationTokenError",
		"InvalidToken", "InvalidIdentityToken", "IDPRejectedClaim", "AuthFailure", "TokenRefreshRequired":
		return true
	}
	return contains(err.Error(), "failed to refresh cached credentials", "failed to retrieve credentials",
		"no EC2 IMDS role found", "SSO session has expired", "refresh cached SSO token failed", "failed to retrieve jwt")
}

// skewed reports whether this machine's clock is too far from AWS's.
func skewed(err error) bool {
	code, message := codeOf(err)
	return code == "RequestTimeTooSkewed" || contains(message, "Signature expired", "Signature not yet current")
}

// howToSignIn is the way to credentials from where ferry runs.
func (p *place) howToSignIn(err error) string {
	get := func(variable string) string {
		value, _ := p.env(variable)
		return value
	}
	profile := cmp.Or(p.target.Profile, get("AWS_PROFILE"))
	var missing config.SharedConfigProfileNotExistError
	_, federated := p.env("AWS_WEB_IDENTITY_TOKEN_FILE")
	role := p.target.AssumeRole
	switch {
	case skewed(err):
		return "set this machine's clock: AWS only accepts requests from the last five minutes"
	case errors.As(err, &missing):
		return "run `aws configure sso --profile " + missing.Profile + "`, or name a profile that `aws configure list-profiles` shows"
	case role != "" && contains(err.Error(), "STS: AssumeRole,"):
		return "let the trust policy of " + role + " name these credentials, and their own policies allow sts:AssumeRole on it; or remove assume_role from the target"
	case contains(err.Error(), "AssumeRoleWithWebIdentity") || federated:
		return "let the role's trust policy accept this job's token; the sub of a GitHub repository made or renamed since July 2026 " +
			"is repo:OWNER@ID/REPO@ID:ref:refs/heads/BRANCH, with both numbers"
	case get("GITHUB_ACTIONS") != "":
		return "give the job `permissions: {id-token: write, contents: read}` and, before ferry, the step " +
			"aws-actions/configure-aws-credentials with role-to-assume"
	case get("CI") != "":
		return "have the job assume a role by OIDC before ferry runs: set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE"
	case get("AWS_ACCESS_KEY_ID") != "" && p.target.Profile == "":
		return "renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or unset them to use a profile"
	case profile != "":
		return "run `aws sso login --profile " + profile + "`"
	}
	return "run `aws configure sso`, then set AWS_PROFILE, or profile in the target, to the profile it makes"
}

// howToPermit is the statement that a policy lacks.
func howToPermit(err error) string {
	_, message := codeOf(err)
	action, resource := lacking(err)
	switch {
	case contains(message, "explicit deny"):
		return "ask whoever manages the policies for " + action + ": one of them denies it, so allowing it elsewhere does not help"
	case action == "":
		return ""
	}
	statement, _ := json.Marshal(struct{ Effect, Action, Resource string }{"Allow", action, resource})
	return "add to the policies of the caller: " + string(statement)
}

// lacking is the action that was refused and on what: as AWS says, else as the call was.
func lacking(err error) (action, resource string) {
	_, message := codeOf(err)
	said := regexp.MustCompile(`not authorized to perform: ([\w-]+:\w+)(?: on (?:the )?resource: "?([^\s"]+))?`)
	if found := said.FindStringSubmatch(message); found != nil {
		return found[1], cmp.Or(found[2], "*")
	}
	var op *smithy.OperationError
	if !errors.As(err, &op) {
		return "", ""
	}
	return permission(op.ServiceID, op.OperationName), "*"
}

// permission is the action that permits an operation. Most have the operation's name.
func permission(service, operation string) string {
	switch service {
	case "S3":
		switch operation {
		case "ListObjectsV2", "HeadBucket":
			operation = "ListBucket"
		case "HeadObject":
			operation = "GetObject"
		case "PutPublicAccessBlock":
			operation = "PutBucketPublicAccessBlock"
		case "GetBucketNotificationConfiguration", "PutBucketNotificationConfiguration":
			operation = strings.TrimSuffix(operation, "Configuration")
		}
	case "Lambda":
		if operation == "Invoke" {
			operation = "InvokeFunction"
		}
	case "CloudWatch Logs":
		service = "logs"
	}
	return strings.ReplaceAll(strings.ToLower(service), " ", "") + ":" + operation
}

// hintOf is the next step of the other kinds, "" when the message says it.
func hintOf(kind providers.Kind, err error) string {
	code, message := codeOf(err)
	switch {
	case kind == providers.Throttled:
		return "try again in a minute: other deploys are using up the account's call rate in this region"
	case kind == providers.Unavailable && code == "":
		return "check the network, the region and the proxy, then try again"
	case kind == providers.Unavailable:
		return "try again in a minute, and look at https://health.aws.amazon.com if it persists"
	case isPreconditionFailed(err):
		return "somebody else changed it in the meantime: run `ferry status` to see what is there"
	case isInProgress(err):
		return "another change to it is in progress: try again when it is done"
	case code == "BucketAlreadyExists":
		return "that name is taken by another account: choose one with 'bucket' in the target's block"
	case contains(code, "PermanentRedirect", "MovedPermanently", "IllegalLocationConstraint", "AuthorizationHeaderMalformed"):
		return "the bucket is in another region: name one in the target's region"
	}
	return hintOfMessage(code, message)
}

func hintOfMessage(code, message string) string {
	for _, known := range []struct{ part, hint string }{
		{"cannot be assumed by Lambda", "check that the role exists, and that its trust policy allows lambda.amazonaws.com to sts:AssumeRole"},
		{"EventBridge Scheduler to assume the role", "check that the role exists, and that its trust policy allows scheduler.amazonaws.com to sts:AssumeRole"},
		{"permissions to call CreateNetworkInterface", "attach the policy AWSLambdaVPCAccessExecutionRole to the role"},
		{"The provided execution role does not have permissions", "give the execution role the permission that is named"},
		{"KMS key is invalid for CreateGrant", "let the execution role use the key: its key policy must allow kms:CreateGrant"},
		{"is no longer supported for creating or updating", "choose a newer runtime"},
		{"at 'runtime' failed to satisfy", "choose a runtime that the region offers"},
		{"Unzipped size must be smaller", "make the package smaller: `ferry package --list` shows the biggest files"},
		{"Zipped size must be smaller", "make the package smaller: `ferry package --list` shows the biggest files"},
		{"exceeded the 4KB limit", "move large values out of env, into secrets or a file in the package"},
		{"UnreservedConcurrentExecution below", "lower scaling.max: the account must keep 100 unreserved"},
		{"should not be lower than function's total provisioned", "raise scaling.max, or lower scaling.min: other aliases and versions of the function also keep instances warm"},
		{"should not be greater than the reservedConcurrentExecution", "raise scaling.max, or lower scaling.min: other aliases and versions of the function also keep instances warm"},
		{"on an already Provisioned version", "remove provisioned concurrency from the version itself: ferry sets it on the alias live"},
		{"is pointed by a Provisioned Concurrency alias", "remove provisioned concurrency from the version itself: ferry sets it on the alias live"},
		{"Alias with weights can not be used", "run `ferry promote` or `ferry rollback` first: an alias that splits requests cannot keep instances warm"},
		{"cannot be applied to unpublished function versions", "deploy again: the alias live points at no version"},
		{"unreserved concurrency", "lower scaling.max, or ask AWS for a higher limit"},
		{"is less than Function timeout", "raise the queue's visibility timeout to six times the function's timeout"},
		{"Could not unzip uploaded file", "rebuild the package: `ferry package` shows where it is"},
		{"DescribeSubnets", "correct vpc.subnets"},
		{"DescribeSecurityGroups", "correct vpc.security_groups"},
		{"Layer version", "correct layers: each must exist in the function's region"},
	} {
		if strings.Contains(message, known.part) {
			return known.hint
		}
	}
	switch code {
	case "CodeStorageExceededException":
		return "lower releases.keep, or delete unused versions of functions: the region's code storage is full"
	case "KMSAccessDeniedException":
		return "deploy again if the role was recreated; otherwise let the execution role use the key: its key policy must allow kms:Decrypt"
	case "KMSDisabledException", "KMSInvalidStateException":
		return "enable the key that encrypts the function's variables, or cancel its deletion"
	case "KMSNotFoundException":
		return "name a key that exists: the one that encrypts the function's variables is gone"
	}
	return ""
}

// explain says what a State or LastUpdateStatus of Failed means, by its reason code.
func explain(code, reason string) (kind providers.Kind, hint string) {
	switch {
	case strings.HasPrefix(code, "FunctionError"):
		return providers.Crashed, hintOfCrash(code)
	case strings.Contains(code, "KMSKey"):
		return providers.Denied, "let the execution role use the key, and check that the key exists and is enabled"
	case strings.HasPrefix(code, "Image"), code == "InvalidImage":
		return providers.Invalid, "check the image and the permissions on it"
	case strings.HasPrefix(code, "EFS"):
		return providers.Unavailable, "check that the function's subnets and security groups reach the file system"
	}
	switch code {
	case "Idle", "Creating", "Restoring":
		return providers.Unavailable, "try again: the function is still being prepared"
	case "InvalidRuntime":
		return providers.Invalid, "choose a newer runtime"
	case "InvalidZipFileException":
		return providers.Invalid, "rebuild the package: AWS cannot unpack it"
	case "InvalidConfiguration":
		return providers.Invalid, hintOfMessage(code, reason)
	case "InsufficientRolePermissions":
		return providers.Denied, cmp.Or(hintOfMessage(code, reason), "give the execution role the permission that is named")
	case "EniLimitExceeded":
		return providers.Limit, "delete unused network interfaces, or ask AWS for more of them in the VPC"
	case "SubnetOutOfIPAddresses":
		return providers.Limit, "name more or larger subnets in vpc.subnets"
	case "InvalidSubnet":
		return providers.Invalid, "correct vpc.subnets"
	case "InvalidSecurityGroup":
		return providers.Invalid, "correct vpc.security_groups"
	case "DisallowedByVpcEncryptionControl":
		return providers.Denied, "choose a VPC whose encryption control lets Lambda in"
	case "ServiceQuotaExceededException", "VcpuLimitExceeded", "CapacityProviderScalingLimitExceeded":
		return providers.Limit, "ask AWS for a higher quota"
	case "EC2RequestLimitExceeded":
		return providers.Throttled, "try again in a minute"
	case "InternalError", "InsufficientCapacity", "DependencyError":
		return providers.Unavailable, "try again in a minute, and look at https://health.aws.amazon.com if it persists"
	}
	return providers.Failed, ""
}

func hintOfCrash(code string) string {
	switch strings.TrimPrefix(code, "FunctionError.") {
	case "InitTimeout":
		return "make the handler start within ten seconds: do less at import, or raise memory"
	case "InvalidEntryPoint", "InvalidWorkingDirectory":
		return "correct handler: what it names is not in the package"
	case "PermissionDenied":
		return "make the handler's file readable and executable for everyone"
	case "TooManyExtensions":
		return "name fewer layers with extensions"
	case "ExtensionInitError":
		return "fix or remove the layer whose extension fails"
	case "InitResourceExhausted":
		return "raise memory"
	}
	return "fix the problem that the log shows: `ferry logs` prints it"
}

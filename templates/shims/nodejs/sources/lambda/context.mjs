// The context of a call as AWS Lambda gives it. What only an account has is made up, so that it can be printed and parsed.

const functionName = config.function || "function";
let logStream;

// logStreamName is the same for all calls of an instance.
function logStreamName() {
  return (logStream ??= `${new Date().toISOString().slice(0, 10).replaceAll("-", "/")}/[$LATEST]${crypto.randomUUID().replaceAll("-", "")}`);
}

function region() {
  return process.env.AWS_REGION || "local";
}

// arnOf is the ARN of what is none of AWS's; what is keeps its own.
function arnOf(service, name) {
  return name.startsWith("arn:") ? name : `arn:aws:${service}:${region()}:000000000000:${name}`;
}

// lambdaContext is the context of a call, on AWS Lambda's own.
function lambdaContext(ctx) {
  if (ctx.native?.context) return ctx.native.context;
  const deadline = ctx.deadline ?? Date.now() + limit();
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: arnOf("lambda", `function:${functionName}`),
    memoryLimitInMB: String(config.memory || 128),
    awsRequestId: ctx.requestId,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: logStreamName(),
    identity: undefined,
    clientContext: undefined,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

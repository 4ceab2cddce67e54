const answers = {
  "/plain": () => ({ only: "a value" }),
  "/cookies": () => ({ statusCode: 201, cookies: ["a=1; Path=/", "b=2"], headers: { "X-N": 1, "X-T": true }, body: "made" }),
  "/lists": () => ({ statusCode: 200, multiValueHeaders: { "Set-Cookie": ["a=1", "b=2"] }, headers: { "content-type": "text/plain" }, body: "listed" }),
  "/bytes": () => ({ statusCode: "200", headers: { "content-type": "image/png" }, body: "AP8=", isBase64Encoded: true }),
  "/empty": () => ({ statusCode: 204 }),
  "/bad": () => ({ statusCode: 200, body: { no: "text" } }),
  "/raise": () => {
    throw new Error("raised on purpose");
  },
  "/context": (context) => {
    const left = context.getRemainingTimeInMillis();
    const arn = context.invokedFunctionArn.split(":")[6];
    return {
      statusCode: 200,
      body: `${context.functionName} ${context.functionVersion} ${context.memoryLimitInMB} ${arn} ${context.awsRequestId.length} ${left > 0 && left <= 30000 ? "True" : "False"}`,
    };
  },
};

export async function handler(event, context) {
  console.log("NATIVE " + JSON.stringify(event));
  if (!event?.requestContext) return records(event);
  const path = event.version === "2.0" ? event.rawPath : event.path;
  if (answers[path]) return answers[path](context);
  return { statusCode: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(event) };
}

function records(event) {
  if (!event?.Records) return { got: event };
  const [record] = event.Records;
  if (record.body === "fail") throw new Error("failed on purpose");
  const failed = event.Records.filter(({ body }) => body?.startsWith("name"));
  if (failed.length > 0) return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

// A handler as for a REST API: it answers with what it reads of its event.
export async function handler(event, context) {
  if (event.path === "/event") return { statusCode: 200, body: JSON.stringify(event) };
  const seen = {
    method: event.httpMethod,
    path: event.path,
    query: event.multiValueQueryStringParameters,
    word: event.headers["X-Word"],
    body: event.body && Buffer.from(event.body, event.isBase64Encoded ? "base64" : "utf8").toString(),
    own: context.invokedFunctionArn.startsWith("arn:aws:lambda:"),
  };
  return { statusCode: 201, headers: { "X-One": "1" }, multiValueHeaders: { "Set-Cookie": ["a=1", "b=2"], "X-Many": ["1", "2"] }, body: JSON.stringify(seen) };
}

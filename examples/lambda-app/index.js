// A handler as AWS Lambda calls it, with the events of a function URL. It knows nothing of ferry.
const quotes = { 1: "Simplicity is prerequisite for reliability.", 2: "Make it work, make it right, make it fast." };

const answer = (statusCode, body, headers = {}) => ({
  statusCode,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

exports.handler = async (event, context) => {
  const { method } = event.requestContext.http;
  const [, collection, id] = event.rawPath.split("/");
  if (collection === "healthz") return "ok";
  if (collection !== "quotes") return answer(404, { error: "not found", function: typeof context.functionName });
  if (method === "POST") {
    const text = event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
    return answer(202, { taken: JSON.parse(text).text.length, type: event.headers["content-type"] });
  }
  if (!id) return answer(200, { quotes: Object.keys(quotes), asked: event.queryStringParameters ?? {}, stage: process.env.STAGE });
  if (!quotes[id]) return answer(404, { error: "no such quote" });
  return { ...answer(200, { text: quotes[id], seen: event.cookies ?? [] }), cookies: [`last=${id}; Path=/`, "seen=1; HttpOnly"] };
};
